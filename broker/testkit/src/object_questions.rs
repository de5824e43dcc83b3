//! What every store must answer rightly about managed objects.

use std::sync::Arc;

use broker_core::algorithm::{WrapAlgorithm, Wrapped};
use broker_core::name::KeyVersion;
use broker_core::object::{
    Attributes, Custom, Filter, Indexed, Kept, KeyFormat, Life, LinkKind, ObjectAlgorithm, ObjectId, ObjectKind,
    ObjectName, ObjectRecord, ObjectState, Revocation, RevocationReason, Sealed, Term, UsageLimits, UsageMask,
};
use broker_core::port::{Change, CommitError, Store};

use crate::{principal, run, vault_name};

/// An object of `vault1` at its first revision, with something in every field; one number makes one object.
#[must_use]
pub fn object(number: u32) -> ObjectRecord {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    let attributes = Attributes {
        names: vec![Indexed {
            index: 0,
            value: ObjectName { text: format!("name-{number}"), uri: number.is_multiple_of(2) },
        }],
        groups: vec![Indexed { index: 3, value: format!("group-{}", number % 10) }],
        links: vec![(LinkKind::ReplacedObject, ObjectId([9; 16]))],
        usage: UsageMask(12),
        activation_s: Some(i64::from(number)),
        process_start_s: Some(i64::from(number)),
        protect_stop_s: Some(i64::MAX - 1),
        deactivation_s: Some(i64::MAX),
        usage_limits: Some(UsageLimits { total: 9, left: 4, by_bytes: true }),
        sensitive: true,
        unextractable: false,
        custom: vec![Custom { name: "x-größe".to_owned(), index: 1, value: number.to_be_bytes().to_vec() }],
    };
    ObjectRecord {
        vault: vault_name("vault1"),
        id: ObjectId(id),
        owner: principal(if number.is_multiple_of(2) { "corp/dns:even" } else { "corp/dns:odd" }),
        kind: ObjectKind::SymmetricKey,
        algorithm: Some(ObjectAlgorithm::Aes),
        bits: Some(256),
        format: KeyFormat::Raw,
        form: vec![1, 2],
        digest_sha256: [5; 32],
        life: Life {
            revocation: Some(Revocation { reason: RevocationReason::Superseded, message: Some("why".to_owned()) }),
            ..Life::beginning(7, &attributes)
        },
        attributes,
        kept: Kept::Secret(Sealed {
            kek: KeyVersion([4; 16]),
            algorithm: WrapAlgorithm::A256Kw,
            key: Wrapped { value: vec![6; 40], iv: vec![7; 12], tag: vec![8; 16] },
            bytes: vec![9; 60],
        }),
        revision: 1,
    }
}

/// The same object, changed.
#[must_use]
pub fn next_of(object: &ObjectRecord, edit: impl FnOnce(&mut ObjectRecord)) -> ObjectRecord {
    let mut next = object.clone();
    edit(&mut next);
    next.revision += 1;
    next
}

fn put(object: &ObjectRecord) -> Change {
    Change::PutObject(Arc::new(object.clone()))
}

fn commit(store: &dyn Store, objects: &[ObjectRecord]) {
    run(store.commit(objects.iter().map(put).collect())).unwrap();
}

fn found(store: &dyn Store, filter: &Filter) -> Vec<ObjectId> {
    let page = run(store.objects(&vault_name("vault1"), &filter.terms(), None, 1000)).unwrap();
    assert_eq!(page.next, None);
    page.items.iter().map(|object| object.id).collect()
}

pub(crate) fn objects_are_kept_as_they_were_written(store: Arc<dyn Store>) {
    let first = object(1);
    commit(&*store, std::slice::from_ref(&first));
    let read =
        |store: &dyn Store| run(store.object(&first.vault, first.id)).unwrap().map(|read| ObjectRecord::clone(&read));
    assert_eq!(read(&*store), Some(first.clone()));
    let gone = next_of(&first, |object| (object.kept, object.life.state) = (Kept::Gone, ObjectState::Destroyed));
    commit(&*store, std::slice::from_ref(&gone));
    assert_eq!(read(&*store), Some(gone));
    // Dropped, nothing is left of it by any way.
    let doomed = object(5);
    commit(&*store, std::slice::from_ref(&doomed));
    let drop = |object: &ObjectRecord| run(store.commit(vec![Change::DropObject(Arc::new(object.clone()))]));
    assert!(matches!(drop(&next_of(&doomed, |_| {})), Err(CommitError::Stale)));
    drop(&doomed).unwrap();
    assert_eq!(run(store.object(&doomed.vault, doomed.id)).unwrap(), None);
    assert_eq!(found(&*store, &Filter { names: vec!["name-5".to_owned()], ..Filter::default() }), []);
    assert!(run(store.objects_due(i64::from(5), 9)).unwrap().is_empty());
    // Made from what is not the newest any more.
    let stale = next_of(&first, |object| object.life.fresh = false);
    assert!(matches!(run(store.commit(vec![put(&object(2)), put(&stale)])), Err(CommitError::Stale)));
    assert!(matches!(run(store.commit(vec![put(&first)])), Err(CommitError::Stale)));
    assert_eq!(run(store.object(&first.vault, object(2).id)).unwrap(), None);
    assert_eq!(run(store.object(&vault_name("vault2"), first.id)).unwrap(), None);
}

pub(crate) fn an_object_is_found_by_all_of_its_terms(store: Arc<dyn Store>) {
    let all: Vec<_> = (0..60).map(object).collect();
    commit(&*store, &all);
    let named = |name: &str| Filter { names: vec![name.to_owned()], ..Filter::default() };
    assert_eq!(found(&*store, &named("name-7")), [all[7].id]);
    assert_eq!(found(&*store, &named("name-77")), []);
    let grouped = Filter { groups: vec!["group-7".to_owned()], ..Filter::default() };
    assert_eq!(found(&*store, &grouped), [57, 47, 37, 27, 17, 7].map(|number: usize| all[number].id));
    let odd =
        Filter { owner: Some(principal("corp/dns:odd")), kind: Some(ObjectKind::SymmetricKey), ..grouped.clone() };
    assert_eq!(found(&*store, &odd).len(), 6);
    let even = Filter { owner: Some(principal("corp/dns:even")), ..grouped.clone() };
    assert_eq!(found(&*store, &even), []);
    let custom = Filter { custom: vec![("x-größe".to_owned(), 9_u32.to_be_bytes().to_vec())], ..Filter::default() };
    assert_eq!(found(&*store, &custom), [all[9].id]);
    // Terms follow the record.
    let moved = next_of(&all[7], |object| {
        object.attributes.names[0].value.text = "name-9".to_owned();
        object.life.state = ObjectState::Active;
    });
    commit(&*store, &[moved]);
    assert_eq!(found(&*store, &named("name-7")), []);
    assert_eq!(found(&*store, &named("name-9")), [all[9].id, all[7].id]);
    let active = Filter { state: Some(ObjectState::Active), ..Filter::default() };
    assert_eq!(found(&*store, &active), [all[7].id]);
    let kek = Term::of_kek(KeyVersion([4; 16]));
    assert_eq!(run(store.count_objects(&vault_name("vault1"), &kek)).unwrap(), 60);
    assert_eq!(run(store.count_objects(&vault_name("vault2"), &kek)).unwrap(), 0);
    assert_eq!(run(store.objects(&vault_name("vault2"), &[kek], None, 9)).unwrap().items.len(), 0);
}

pub(crate) fn objects_page_from_the_newest_on(store: Arc<dyn Store>) {
    let all: Vec<_> = (0..25).map(object).collect();
    commit(&*store, &all);
    for filter in [Filter::default(), Filter { bits: Some(256), ..Filter::default() }] {
        let (mut pages, mut before) = (Vec::new(), None);
        loop {
            let page = run(store.objects(&vault_name("vault1"), &filter.terms(), before, 10)).unwrap();
            pages.extend(page.items.iter().map(|object| object.id));
            match page.next {
                None => break,
                next => before = next,
            }
        }
        assert_eq!(pages, all.iter().rev().map(|object| object.id).collect::<Vec<_>>());
    }
}

pub(crate) fn an_object_waits_until_its_date(store: Arc<dyn Store>) {
    let all: Vec<_> = (0..5).map(object).collect();
    commit(&*store, &all);
    let due = |until_s, most| {
        let due = run(store.objects_due(until_s, most)).unwrap();
        due.iter().map(|object| object.id).collect::<Vec<_>>()
    };
    assert_eq!(due(-1, 9), []);
    assert_eq!(due(2, 9), [all[0].id, all[1].id, all[2].id]);
    assert_eq!(due(2, 1), [all[0].id]);
    commit(&*store, &[next_of(&all[0], |object| object.life.state = ObjectState::Active)]);
    assert_eq!(due(2, 9), [all[1].id, all[2].id]);
}

pub(crate) fn a_claimed_name_is_nobody_elses(store: Arc<dyn Store>) {
    let [first, second, third] = [1, 3, 5].map(object);
    let named = |object: &ObjectRecord, name: &str| {
        let mut named = object.clone();
        named.attributes.names[0].value.text = name.to_owned();
        named
    };
    let claim = |object: &ObjectRecord| Change::ClaimNames {
        vault: object.vault.clone(),
        owner: object.owner.clone(),
        object: object.id,
        names: object.attributes.names.iter().map(|name| name.value.text.clone()).collect(),
    };
    let give = |object: &ObjectRecord| run(store.commit(vec![claim(object), put(object)]));
    give(&first).unwrap();
    // Another of the same owner's may not have it, and nothing of that commit is made.
    let same = named(&second, "name-1");
    assert!(matches!(give(&same), Err(CommitError::Stale)));
    assert_eq!(run(store.object(&same.vault, same.id)).unwrap(), None);
    // Another owner's may, and the object itself may claim it again.
    give(&named(&object(2), "name-1")).unwrap();
    let again = next_of(&first, |_| {});
    give(&again).unwrap();
    // Handed on in one commit.
    let without = next_of(&again, |object| object.attributes.names.clear());
    run(store.commit(vec![put(&without), put(&same), claim(&same)])).unwrap();
    // Two of one commit cannot both have it.
    let (one, other) = (named(&third, "name-9"), named(&object(7), "name-9"));
    assert!(matches!(
        run(store.commit(vec![put(&one), put(&other), claim(&one), claim(&other)])),
        Err(CommitError::Stale)
    ));
    // What is destroyed holds no name.
    let gone = next_of(&same, |object| (object.kept, object.life.state) = (Kept::Gone, ObjectState::Destroyed));
    commit(&*store, &[gone]);
    give(&named(&third, "name-1")).unwrap();
}
