//! What every store must answer rightly; each question takes a fresh, empty store and panics on a wrong answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use broker_core::algorithm::{KeySpec, PublicKey};
use broker_core::grant::{Grant, GrantId, Granted, Scope};
use broker_core::key::{KeyOperations, KeyRecord, Material, VersionRecord};
use broker_core::name::KeyVersion;
use broker_core::permission::Role;
use broker_core::port::{Change, CommitError, Store};
use broker_core::vault::{Pin, Vault};

use crate::{anchor_name, backend_name, key_name, principal, run, vault_name};

/// A question by its name; the name is the claim.
pub type Question = (&'static str, fn(Arc<dyn Store>));

/// All of them.
pub const QUESTIONS: &[Question] = &[
    ("a_commit_is_seen_whole_by_the_next_read", a_commit_is_seen_whole_by_the_next_read),
    ("a_commit_with_one_stale_change_changes_nothing", a_commit_with_one_stale_change_changes_nothing),
    ("a_listing_pages_through_every_key_once", a_listing_pages_through_every_key_once),
    ("a_record_made_from_an_old_one_is_stale", a_record_made_from_an_old_one_is_stale),
    ("grants_pins_and_vaults_come_and_go", grants_pins_and_vaults_come_and_go),
    ("material_is_written_once", material_is_written_once),
    ("of_many_writers_of_one_revision_exactly_one_wins", of_many_writers_of_one_revision_exactly_one_wins),
    ("one_name_in_two_vaults_is_two_keys", one_name_in_two_vaults_is_two_keys),
    ("what_is_missing_is_none_and_a_version_without_material_an_error", what_is_missing),
];

/// A vault with these fakes' backends.
#[must_use]
pub fn vault(name: &str) -> Vault {
    Vault {
        name: vault_name(name),
        backend: backend_name("software"),
        hsm_backend: None,
        soft_delete_days: 90,
        purge_protection: false,
        created_s: 1,
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
    Material { opaque: opaque.to_vec(), public: PublicKey::Rsa { n: vec![0x80; 384], e: vec![1, 0, 1] } }
}

fn read(store: &dyn Store, record: &KeyRecord) -> Option<KeyRecord> {
    run(store.key(&record.vault, &record.name)).unwrap().map(|found| KeyRecord::clone(&found))
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

fn what_is_missing(store: Arc<dyn Store>) {
    let record = record("vault1", "k");
    assert_eq!(read(&*store, &record), None);
    assert!(run(store.material(&record.vault, &record.name, record.latest().version)).is_err());
    let page = run(store.keys(&record.vault, false, None, 10)).unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    let standing = run(store.standing()).unwrap();
    assert!(standing.grants.is_empty() && standing.pins.is_empty() && standing.vaults.is_empty());
}
