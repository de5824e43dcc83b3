//! What every store must answer rightly; each question takes a fresh, empty store and panics on a wrong answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use broker_core::algorithm::{KeySpec, PublicKey};
use broker_core::elevation::Elevation;
use broker_core::grant::{Grant, GrantId, Granted, Scope};
use broker_core::identity::{Identity, Resource};
use broker_core::key::{KeyOperations, KeyRecord, Material, VersionRecord};
use broker_core::name::KeyVersion;
use broker_core::permission::Role;
use broker_core::port::{Change, CommitError, Store};
use broker_core::refusal::Refusal;
use broker_core::rotation::{LifetimeAction, Period, RotationPolicy, Trigger};
use broker_core::vault::{Pin, Vault};

use crate::object_questions;
use crate::{anchor_name, backend_name, key_name, principal, run, vault_name};

/// A question by its name; the name is the claim.
pub type Question = (&'static str, fn(Arc<dyn Store>));

/// All of them.
pub const QUESTIONS: &[Question] = &[
    ("an_object_is_found_by_all_of_its_terms", object_questions::an_object_is_found_by_all_of_its_terms),
    ("a_claimed_name_is_nobody_elses", object_questions::a_claimed_name_is_nobody_elses),
    ("an_object_waits_until_its_date", object_questions::an_object_waits_until_its_date),
    ("objects_are_kept_as_they_were_written", object_questions::objects_are_kept_as_they_were_written),
    ("objects_page_from_the_newest_on", object_questions::objects_page_from_the_newest_on),
    ("a_backup_opens_as_it_was_sealed_and_nothing_else_opens", a_backup_opens_as_it_was_sealed),
    ("a_commit_is_seen_whole_by_the_next_read", a_commit_is_seen_whole_by_the_next_read),
    ("a_commit_with_one_stale_change_changes_nothing", a_commit_with_one_stale_change_changes_nothing),
    ("a_dropped_key_leaves_nothing_and_its_name_free", a_dropped_key_leaves_nothing),
    ("a_listing_pages_through_every_key_once", a_listing_pages_through_every_key_once),
    ("a_record_made_from_an_old_one_is_stale", a_record_made_from_an_old_one_is_stale),
    ("a_setting_is_kept_as_it_was_last_put", a_setting_is_kept),
    ("elevations_and_identities_come_and_go", elevations_and_identities_come_and_go),
    ("grants_pins_and_vaults_come_and_go", grants_pins_and_vaults_come_and_go),
    ("material_is_written_once", material_is_written_once),
    ("of_many_writers_of_one_revision_exactly_one_wins", of_many_writers_of_one_revision_exactly_one_wins),
    ("one_name_in_two_vaults_is_two_keys", one_name_in_two_vaults_is_two_keys),
    ("what_is_due_comes_longest_due_first", what_is_due_comes_longest_due_first),
    ("what_is_missing_is_none_and_a_version_without_material_an_error", what_is_missing),
];

/// A vault with these fakes' backends.
#[must_use]
pub fn vault(name: &str) -> Vault {
    Vault { elevation_approval: name == "vault1", ..Vault::new(vault_name(name), backend_name("software"), 1) }
}

/// A policy with every kind of trigger and action.
#[must_use]
pub fn policy() -> RotationPolicy {
    RotationPolicy {
        actions: vec![
            (Trigger::AfterCreate(Period { months: 1, days: 2 }), LifetimeAction::Rotate),
            (Trigger::BeforeExpiry(Period { months: 0, days: 30 }), LifetimeAction::Notify),
        ],
        expiry: Some(Period { months: 24, days: 0 }),
        created_s: 5,
        updated_s: i64::MAX,
    }
}

/// A key's record at its first revision.
#[must_use]
pub fn record(vault: &str, key: &str) -> KeyRecord {
    let first = VersionRecord {
        version: KeyVersion([1; 16]),
        spec: KeySpec::Rsa3072,
        hsm: true,
        backend: backend_name("software"),
        enabled: true,
        not_before_s: Some(-1),
        expires_s: Some(i64::MAX),
        created_s: 3,
        updated_s: 4,
        operations: KeyOperations::all_of(KeySpec::Rsa3072),
        tags: BTreeMap::from([("größe".to_owned(), "\u{0}\"'".to_owned())]),
        notified: false,
    };
    KeyRecord { revision: 1, ..KeyRecord::new(vault_name(vault), key_name(key), first) }
}

fn grant(id: u8) -> Grant {
    Grant {
        id: GrantId([id; 16]),
        principal: principal("corp/dns:host1"),
        granted: Granted::Role(Role::CryptoUser),
        scope: Scope::Key(vault_name("vault1"), key_name("k")),
        not_before_s: Some(5),
        not_after_s: None,
        justification: "tickét 1".to_owned(),
        granted_by: principal("local/uid:0"),
        approved_by: (id > 1).then(|| principal("local/uid:1")),
        created_s: 6,
    }
}

fn put_key(record: &KeyRecord) -> Change {
    Change::PutKey(Arc::new(record.clone()))
}

fn put_material(record: &KeyRecord, opaque: &[u8]) -> Change {
    Change::PutMaterial {
        vault: record.vault.clone(),
        key: record.name.clone(),
        version: record.latest().version,
        material: Arc::new(material(opaque)),
    }
}

fn material(opaque: &[u8]) -> Material {
    Material {
        opaque: opaque.to_vec(),
        public: PublicKey::Rsa { n: vec![0x80; 384], e: vec![1, 0, 1] },
        origin_vault: None,
    }
}

fn read(store: &dyn Store, record: &KeyRecord) -> Option<KeyRecord> {
    run(store.key(&record.vault, &record.name)).unwrap().map(|found| KeyRecord::clone(&found))
}

fn a_backup_opens_as_it_was_sealed(store: Arc<dyn Store>) {
    let second =
        VersionRecord { version: KeyVersion([2; 16]), notified: true, ..record("vault1", "k").versions.remove(0) };
    let record = KeyRecord {
        delete_lock: true,
        revision: 7,
        rotation: Some(policy()),
        ..record("vault1", "k").with_version(second).unwrap()
    };
    let restored = Material { origin_vault: Some(vault_name("elsewhere")), ..material(b"one") };
    let symmetric = Material { opaque: vec![0xff; 64 * 1024], public: PublicKey::None, origin_vault: None };
    let materials = [restored, symmetric];
    let sealed = store.seal_backup(&record, &materials.clone().map(Arc::new)).unwrap();
    assert_eq!(store.open_backup(&sealed).unwrap(), (record, materials.to_vec()));
    let refused = |bytes: &[u8]| match store.open_backup(bytes).unwrap_err().refusal {
        Refusal::BadRequest { problem } => problem,
        refusal => panic!("{refusal}"),
    };
    // One text whatever is wrong: it tells nobody how far he came.
    let text = refused(b"");
    for length in (0..sealed.len()).step_by(1.max(sealed.len() / 100)) {
        assert_eq!(refused(&sealed[..length]), text, "cut to {length} bytes");
    }
    for byte in (0..sealed.len()).step_by(1.max(sealed.len() / 500)) {
        let mut bent = sealed.clone();
        bent[byte] ^= 1 << (byte % 8);
        assert_eq!(refused(&bent), text, "byte {byte}");
    }
    assert_eq!(refused(&[sealed.as_slice(), b"x"].concat()), text);
    assert_eq!(refused(&vec![1; 64 << 20]), text, "far too long");
}

fn a_commit_is_seen_whole_by_the_next_read(store: Arc<dyn Store>) {
    let record = record("vault1", "k");
    run(store.commit(vec![Change::PutVault(vault("vault1")), put_material(&record, b"m"), put_key(&record)])).unwrap();
    assert_eq!(read(&*store, &record), Some(record.clone()));
    let found = run(store.material(&record.vault, &record.name, record.latest().version)).unwrap();
    assert_eq!(*found, material(b"m"));
    assert_eq!(run(store.standing()).unwrap().vaults, [vault("vault1")]);
    let deleted = KeyRecord { revision: 2, ..record.deleted(10, 7).unwrap() };
    run(store.commit(vec![put_key(&deleted)])).unwrap();
    assert_eq!(read(&*store, &record), Some(deleted));
}

fn a_commit_with_one_stale_change_changes_nothing(store: Arc<dyn Store>) {
    let (one, two) = (record("vault1", "one"), record("vault1", "two"));
    run(store.commit(vec![put_key(&one)])).unwrap();
    let changes = vec![Change::PutGrant(grant(1)), put_material(&two, b"m"), put_key(&two), put_key(&one)];
    assert!(matches!(run(store.commit(changes)), Err(CommitError::Stale)));
    assert_eq!(read(&*store, &two), None);
    assert!(run(store.standing()).unwrap().grants.is_empty());
    assert!(run(store.material(&two.vault, &two.name, two.latest().version)).is_err());
    assert_eq!(read(&*store, &one), Some(one));
}

fn a_dropped_key_leaves_nothing(store: Arc<dyn Store>) {
    let (live, other) = (record("vault1", "k"), record("vault1", "kk"));
    let changes = [&live, &other].map(|record| [put_material(record, b"m"), put_key(record)]);
    run(store.commit(changes.into_iter().flatten().collect())).unwrap();
    let deleted = KeyRecord { revision: 2, ..live.deleted(1, 7).unwrap() };
    run(store.commit(vec![put_key(&deleted)])).unwrap();
    let drop_at = |revision| vec![Change::DropKey(Arc::new(KeyRecord { revision, ..deleted.clone() }))];
    for wrong in [0, 1, 3] {
        assert!(matches!(run(store.commit(drop_at(wrong))), Err(CommitError::Stale)), "revision {wrong}");
    }
    assert_eq!(read(&*store, &live), Some(deleted.clone()));
    run(store.commit(drop_at(2))).unwrap();
    assert_eq!(read(&*store, &live), None);
    assert!(run(store.material(&live.vault, &live.name, live.latest().version)).is_err());
    assert!(run(store.keys(&live.vault, true, None, 10)).unwrap().items.is_empty());
    assert!(run(store.due(i64::MAX, 10)).unwrap().is_empty());
    assert!(matches!(run(store.commit(drop_at(2))), Err(CommitError::Stale)), "a second drop");
    run(store.commit(vec![put_material(&live, b"new"), put_key(&live)])).unwrap();
    let found = run(store.material(&live.vault, &live.name, live.latest().version)).unwrap();
    assert_eq!(found.opaque, b"new");
    assert_eq!(read(&*store, &other), Some(other.clone()));
    assert_eq!(run(store.material(&other.vault, &other.name, other.latest().version)).unwrap().opaque, b"m");
}

fn a_listing_pages_through_every_key_once(store: Arc<dyn Store>) {
    let mut wanted = BTreeSet::new();
    for number in 0..23 {
        // Not made in the order of their names, and every fourth deleted.
        let live = record("vault1", &format!("k{}", number * 7 % 23));
        run(store.commit(vec![put_key(&live)])).unwrap();
        if number % 4 == 0 {
            run(store.commit(vec![put_key(&KeyRecord { revision: 2, ..live.deleted(1, 7).unwrap() })])).unwrap();
        } else {
            wanted.insert(live.name);
        }
    }
    run(store.commit(vec![put_key(&record("vault2", "other"))])).unwrap();
    for most in [1, 5, 17, 100] {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = run(store.keys(&vault_name("vault1"), false, after, most)).unwrap();
            assert!(page.items.len() <= most);
            found.extend(page.items.into_iter().map(|record| record.name.clone()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found.len(), wanted.len(), "pages of {most}");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted, "pages of {most}");
    }
    assert_eq!(run(store.keys(&vault_name("vault1"), true, None, 100)).unwrap().items.len(), 6);
}

fn a_record_made_from_an_old_one_is_stale(store: Arc<dyn Store>) {
    let record = record("vault1", "k");
    let at = |revision| vec![put_key(&KeyRecord { revision, ..record.clone() })];
    assert!(matches!(run(store.commit(at(2))), Err(CommitError::Stale)), "an update of nothing");
    run(store.commit(at(1))).unwrap();
    assert!(matches!(run(store.commit(at(1))), Err(CommitError::Stale)), "a second creation");
    run(store.commit(at(2))).unwrap();
    assert!(matches!(run(store.commit(at(2))), Err(CommitError::Stale)), "a second update");
    assert!(matches!(run(store.commit(at(4))), Err(CommitError::Stale)), "an update from the future");
    run(store.commit(at(3))).unwrap();
}

fn a_setting_is_kept(store: Arc<dyn Store>) {
    let put = |name: &str, value: &[u8]| {
        run(store.commit(vec![Change::PutSetting { name: name.to_owned(), value: value.to_vec() }]))
    };
    put("clock", b"1").unwrap();
    put("größe", &vec![7; 64 * 1024]).unwrap();
    put(&"n".repeat(64), b"").unwrap();
    put("clock", b"2").unwrap();
    assert!(put(&"n".repeat(65), b"").is_err(), "a name too long");
    assert!(put("big", &vec![7; 64 * 1024 + 1]).is_err(), "a value too long");
    let mut settings = run(store.standing()).unwrap().settings;
    settings.sort();
    let wanted = [("clock", b"2".to_vec()), ("größe", vec![7; 64 * 1024]), (&*"n".repeat(64), Vec::new())];
    assert_eq!(settings, wanted.map(|(name, value)| (name.to_owned(), value)));
    let drop_both = || vec![Change::DropSetting("clock".to_owned()), Change::DropSetting("größe".to_owned())];
    run(store.commit(drop_both())).unwrap();
    run(store.commit(drop_both())).unwrap();
    assert_eq!(run(store.standing()).unwrap().settings, [("n".repeat(64), Vec::new())]);
}

fn grants_pins_and_vaults_come_and_go(store: Arc<dyn Store>) {
    let pin = Pin { name: anchor_name("p"), sha256: [9; 32], pinned_by: principal("local/uid:0"), created_s: 7 };
    let changes = [1, 2, 3].map(|id| Change::PutGrant(grant(id)));
    run(store.commit(changes.into_iter().chain([Change::PutPin(pin.clone())]).collect())).unwrap();
    run(store.commit(vec![Change::DropGrant(GrantId([2; 16]))])).unwrap();
    let standing = run(store.standing()).unwrap();
    let mut grants = standing.grants;
    grants.sort_by_key(|grant| grant.id);
    assert_eq!(grants, [grant(1), grant(3)]);
    assert_eq!(standing.pins, [pin]);
    run(store.commit(vec![Change::DropPin(anchor_name("p")), Change::DropGrant(GrantId([2; 16]))])).unwrap();
    assert!(run(store.standing()).unwrap().pins.is_empty());
    let protected = Vault { purge_protection: true, ..vault("vault1") };
    run(store.commit(vec![Change::PutVault(vault("vault1"))])).unwrap();
    run(store.commit(vec![Change::PutVault(protected.clone())])).unwrap();
    assert_eq!(run(store.standing()).unwrap().vaults, [protected]);
}

fn elevations_and_identities_come_and_go(store: Arc<dyn Store>) {
    let identity = |name: &str, resource, assigned: &[&str]| Identity {
        name: anchor_name(name),
        resource,
        assigned: assigned.iter().map(|one| principal(one)).collect(),
        created_by: principal("local/uid:0"),
        created_s: 8,
    };
    let of_key = Resource::Key(vault_name("vault1"), key_name("k"));
    let identities = [
        identity("a", None, &["corp/dns:host1", "pin/p"]),
        identity("b", Some(of_key), &[]),
        identity("c", Some(Resource::Pin(anchor_name("p"))), &["pin/p"]),
    ];
    let elevations = [1, 2].map(|id| Elevation { grant: grant(id) });
    let waiting = elevations.iter().cloned().map(Change::PutElevation);
    let changes = identities.iter().cloned().map(Change::PutIdentity).chain(waiting);
    run(store.commit(changes.collect())).unwrap();
    let standing = run(store.standing()).unwrap();
    assert_eq!((standing.identities, standing.elevations), (identities.to_vec(), elevations.to_vec()));
    assert!(standing.grants.is_empty(), "what waits is no grant");
    let moved = identity("a", None, &[]);
    let approved = [Change::DropElevation(GrantId([1; 16])), Change::PutGrant(grant(1))];
    run(store.commit([&approved[..], &[Change::PutIdentity(moved.clone())]].concat())).unwrap();
    run(store.commit(["b", "c"].map(|name| Change::DropIdentity(anchor_name(name))).to_vec())).unwrap();
    let standing = run(store.standing()).unwrap();
    assert_eq!((standing.identities, standing.elevations), (vec![moved], vec![elevations[1].clone()]));
    assert_eq!(standing.grants, [grant(1)]);
}

fn material_is_written_once(store: Arc<dyn Store>) {
    let record = record("vault1", "k");
    run(store.commit(vec![put_material(&record, b"first"), put_key(&record)])).unwrap();
    let _refused_or_ignored = run(store.commit(vec![put_material(&record, b"second")]));
    let found = run(store.material(&record.vault, &record.name, record.latest().version)).unwrap();
    assert_eq!(found.opaque, b"first");
}

fn of_many_writers_of_one_revision_exactly_one_wins(store: Arc<dyn Store>) {
    let record = record("vault1", "k");
    let wins: usize = std::thread::scope(|scope| {
        let writers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| usize::from(run(store.commit(vec![put_key(&record)])).is_ok()))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    assert_eq!(wins, 1);
}

fn one_name_in_two_vaults_is_two_keys(store: Arc<dyn Store>) {
    let (one, other) = (record("vault1", "k"), record("vault2", "k"));
    run(store.commit(vec![put_material(&one, b"one"), put_key(&one)])).unwrap();
    assert_eq!(read(&*store, &other), None);
    run(store.commit(vec![put_material(&other, b"other"), put_key(&other)])).unwrap();
    let opaque = |record: &KeyRecord| {
        run(store.material(&record.vault, &record.name, record.latest().version)).unwrap().opaque.clone()
    };
    assert_eq!((opaque(&one), opaque(&other)), (b"one".to_vec(), b"other".to_vec()));
}

fn what_is_due_comes_longest_due_first(store: Arc<dyn Store>) {
    const DAY_S: i64 = 86_400;
    let rotating = |name: &str, created_s: i64| {
        let mut record = record("vault1", name);
        record.versions[0].created_s = created_s;
        let week = Trigger::AfterCreate(Period { months: 0, days: 7 });
        KeyRecord {
            rotation: Some(RotationPolicy { actions: vec![(week, LifetimeAction::Rotate)], ..policy() }),
            ..record
        }
    };
    let late = rotating("late", 300);
    let live = [late.clone(), rotating("early", 100), rotating("other", 200), record("vault1", "never")];
    run(store.commit(live.iter().map(put_key).collect())).unwrap();
    let bin = record("vault2", "bin");
    run(store.commit(vec![put_key(&bin)])).unwrap();
    run(store.commit(vec![put_key(&KeyRecord { revision: 2, ..bin.deleted(150, 7).unwrap() })])).unwrap();
    let due = |until_s, most| -> Vec<String> {
        run(store.due(until_s, most)).unwrap().iter().map(|record| record.name.to_string()).collect()
    };
    assert_eq!(due(7 * DAY_S + 400, 10), ["early", "bin", "other", "late"]);
    assert_eq!(due(i64::MAX, 2), ["early", "bin"]);
    assert_eq!(due(7 * DAY_S + 150, 10), ["early", "bin"], "due at that very second");
    assert_eq!(due(7 * DAY_S + 149, 10), ["early"]);
    assert!(due(7 * DAY_S + 99, 10).is_empty() && due(i64::MIN, 10).is_empty());
    assert!(due(i64::MAX, 0).is_empty());
    // It moves with the record, and what waits for nothing any more is not due.
    let moved = KeyRecord { revision: 2, ..rotating("early", 250) };
    run(store.commit(vec![put_key(&moved)])).unwrap();
    run(store.commit(vec![put_key(&KeyRecord { revision: 2, rotation: None, ..late })])).unwrap();
    assert_eq!(due(i64::MAX, 10), ["bin", "other", "early"]);
    assert_eq!(*run(store.due(i64::MAX, 10)).unwrap()[2], moved);
}

fn what_is_missing(store: Arc<dyn Store>) {
    let record = record("vault1", "k");
    assert_eq!(read(&*store, &record), None);
    assert!(run(store.material(&record.vault, &record.name, record.latest().version)).is_err());
    let page = run(store.keys(&record.vault, false, None, 10)).unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    let standing = run(store.standing()).unwrap();
    assert!(standing.grants.is_empty() && standing.pins.is_empty() && standing.vaults.is_empty());
    assert!(standing.settings.is_empty() && run(store.due(i64::MAX, 10)).unwrap().is_empty());
}
