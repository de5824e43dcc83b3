use std::collections::BTreeMap;

use broker_core::algorithm::{KeySpec, PublicKey};
use broker_core::grant::{Grant, Granted, Scope};
use broker_core::key::{KeyOperations, KeyRecord, Material};
use broker_core::name::KeyVersion;
use broker_core::permission::{Permission, PermissionSet, Role};
use broker_core::port::{Change, Store};
use broker_core::refusal::Refusal;
use broker_core::vault::Vault;
use broker_store_sqlite::{Counts, Options, SqliteStore};

use crate::sample::*;

#[tokio::test]
async fn every_kind_of_record_comes_back_as_it_was_also_after_reopening() {
    let place = Place::new();
    let store = place.create();
    let first = key("vault-a", "key-a");
    let second = KeyRecord { rotation: Some(policy()), delete_lock: true, ..next_of(&first) };
    let plain = KeyRecord { versions: vec![plain_version()], ..key("vault-b", "key-a") };
    let gone = deleted(&plain);
    let materials = [
        material(b"opaque"),
        Material { opaque: Vec::new(), public: PublicKey::None, origin_vault: Some(vault_name("vault-z")) },
        Material {
            opaque: vec![9; 65_536],
            public: PublicKey::Ec { x: vec![1; 66], y: vec![2; 66] },
            origin_vault: None,
        },
    ];
    let grants = all_grants();
    let vaults = [vault("vault-a"), Vault { hsm_backend: None, purge_protection: false, ..vault("vault-b") }];
    let mut changes = vec![put(&first), put(&plain), Change::PutPin(pin("esx1")), put_setting("a", b"1")];
    changes.extend((1..).zip(&materials).map(|(number, material)| put_material(&first, number, material)));
    changes.extend(grants.iter().cloned().map(Change::PutGrant));
    changes.extend(vaults.iter().cloned().map(Change::PutVault));
    store.commit(changes).await.unwrap();
    store.commit(vec![put(&second), put(&gone), put_setting("b", &[0; 65_536]), put_setting("a", b"2")]).await.unwrap();

    let check = async |store: &SqliteStore| {
        assert_eq!(*store.key(&second.vault, &second.name).await.unwrap().unwrap(), second);
        assert_eq!(*store.key(&gone.vault, &gone.name).await.unwrap().unwrap(), gone);
        assert_eq!(store.key(&vault_name("vault-a"), &key_name("key-b")).await.unwrap(), None);
        for (number, material) in (1..).zip(&materials) {
            let read = store.material(&first.vault, &first.name, KeyVersion([number; 16])).await.unwrap();
            assert_eq!(*read, *material);
        }
        let standing = store.standing().await.unwrap();
        assert_eq!(standing.grants, grants);
        assert_eq!(standing.pins, [pin("esx1")]);
        assert_eq!(standing.vaults, vaults);
        assert_eq!(standing.settings, [("a".to_owned(), b"2".to_vec()), ("b".to_owned(), vec![0; 65_536])]);
        let counts = Counts {
            elevations: 0,
            identities: 0,
            deleted_keys: 1,
            destroyed_objects: 0,
            grants: grants.len() as u64,
            live_keys: 1,
            materials: 3,
            objects: 0,
            pins: 1,
            settings: 2,
            vaults: 2,
        };
        assert_eq!(store.stats().counts, counts);
    };
    check(&store).await;
    let (id, generation) = (store.id(), store.generation());
    drop(store);
    let store = place.open();
    check(&store).await;
    // Read from the disk above, from the cache now.
    check(&store).await;
    assert_eq!((store.id(), store.generation()), (id, generation));
    assert!(store.stats().cached_records >= 5 && store.stats().file_bytes > 65_536);
}

fn put_setting(name: &str, value: &[u8]) -> Change {
    Change::PutSetting { name: name.to_owned(), value: value.to_vec() }
}

fn plain_version() -> broker_core::key::VersionRecord {
    broker_core::key::VersionRecord {
        spec: KeySpec::EcP521,
        enabled: false,
        not_before_s: None,
        expires_s: Some(0),
        operations: KeyOperations::default(),
        tags: BTreeMap::new(),
        ..version(9)
    }
}

fn all_grants() -> Vec<Grant> {
    let everything: PermissionSet = Permission::ALL.iter().copied().collect();
    let mut grants = vec![
        Grant { scope: Scope::Broker, granted: Granted::Permissions(everything), ..grant(200) },
        Grant {
            scope: Scope::Vault(vault_name("vault-a")),
            granted: Granted::Permissions(PermissionSet::EMPTY),
            ..grant(201)
        },
    ];
    grants.extend((1..).zip(Role::ALL).map(|(id, role)| Grant { granted: Granted::Role(*role), ..grant(id) }));
    grants
}

#[tokio::test]
async fn what_was_dropped_is_gone_and_what_was_put_again_is_new() {
    let place = Place::new();
    let store = place.create();
    store
        .commit(vec![Change::PutGrant(grant(1)), Change::PutGrant(grant(2)), Change::PutPin(pin("esx1"))])
        .await
        .unwrap();
    let longer = Grant { not_after_s: Some(1000), ..grant(2) };
    let changes =
        vec![Change::DropGrant(grant(1).id), Change::DropPin(pin("esx1").name), Change::PutGrant(longer.clone())];
    store.commit(changes).await.unwrap();
    // Dropping what is not there changes nothing.
    store.commit(vec![Change::DropGrant(grant(1).id)]).await.unwrap();
    drop(store);
    let standing = place.open().standing().await.unwrap();
    assert_eq!(standing.grants, [longer]);
    assert_eq!(standing.pins, []);
}

#[tokio::test]
async fn keys_are_listed_page_by_page_in_the_order_they_were_made() {
    let place = Place::new();
    let store = place.create();
    let keys: Vec<_> = (0..25).map(|number| key("vault-a", &format!("key-{}", number * 7 % 25))).collect();
    for key in &keys {
        store.commit(vec![put(key), put(&KeyRecord { vault: vault_name("vault-b"), ..key.clone() })]).await.unwrap();
    }
    store.commit(vec![put(&next_of(&keys[3])), put(&deleted(&keys[10]))]).await.unwrap();
    let list = async |deleted, most| {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = store.keys(&vault_name("vault-a"), deleted, after, most).await.unwrap();
            assert!(page.items.len() <= most);
            names.extend(page.items.iter().map(|key| key.name.clone()));
            after = page.next;
            if after.is_none() {
                return names;
            }
            assert_eq!(page.items.len(), most, "only the last page may be short");
        }
    };
    let mut live: Vec<_> = keys.iter().map(|key| key.name.clone()).collect();
    let gone = live.remove(10);
    for most in [1, 7, 8, 12, 24, 1000] {
        assert_eq!(list(false, most).await, live, "{most}");
        assert_eq!(list(true, most).await, std::slice::from_ref(&gone), "{most}");
    }
    let recovered = KeyRecord { revision: 3, ..keys[10].clone() };
    store.commit(vec![put(&recovered)]).await.unwrap();
    assert_eq!(list(false, 10).await, keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>());
    let empty = store.keys(&vault_name("vault-c"), false, None, 10).await.unwrap();
    assert!(empty.items.is_empty() && empty.next.is_none());
    let past = store.keys(&vault_name("vault-a"), false, Some(u64::MAX), 10).await.unwrap();
    assert!(past.items.is_empty() && past.next.is_none());
}

#[tokio::test]
async fn a_version_without_material_is_a_bug_of_ours() {
    let place = Place::new();
    let store = place.create();
    let failure = store.material(&vault_name("vault-a"), &key_name("key-a"), KeyVersion([1; 16])).await.unwrap_err();
    assert_eq!(failure.refusal, Refusal::Internal);
}

#[tokio::test]
async fn purpose_keys_are_the_same_at_every_opening_and_differ_by_purpose_and_store() {
    let place = Place::new();
    let store = place.create();
    let secret = |store: &SqliteStore, purpose| store.purpose_secret(purpose).expose().to_vec();
    let tag = |store: &SqliteStore, purpose| store.purpose_mac_key(purpose).unwrap().tag(b"x");
    let (first, mac) = (secret(&store, "audit"), tag(&store, "code"));
    assert_ne!(first, secret(&store, "code"));
    assert_ne!(mac, tag(&store, "audit"));
    let sealed = store.purpose_seal_key("guests").unwrap().seal(b"place", b"material").unwrap();
    drop(store);
    let store = place.open();
    assert_eq!((secret(&store, "audit"), tag(&store, "code")), (first.clone(), mac));
    assert_eq!(store.purpose_seal_key("guests").unwrap().open(b"place", &sealed).unwrap().expose(), b"material");
    let other = SqliteStore::create(&place.directory.path().join("other.db"), &place.root, Options::default()).unwrap();
    assert_ne!(secret(&other, "audit"), first);
    assert_ne!(other.id(), store.id());
}

#[tokio::test]
async fn a_key_read_from_the_disk_brings_its_latest_material_along() {
    let place = Place::new();
    let store = place.create();
    let first = key("vault-a", "key-a");
    let second = next_of(&first);
    let materials =
        second.versions.iter().map(|version| put_material(&first, version.version.0[0], &material(b"opaque")));
    store.commit(materials.chain([put(&first)]).collect()).await.unwrap();
    store.commit(vec![put(&second)]).await.unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(store.stats().cached_records, 0);
    let found = store.key(&first.vault, &first.name).await.unwrap().unwrap();
    assert_eq!(store.stats().cached_records, 2, "not the older version's");
    let latest = found.latest().version;
    assert_eq!(*store.material(&first.vault, &first.name, latest).await.unwrap(), material(b"opaque"));
    assert_eq!(store.stats().cached_records, 2);
}

#[tokio::test]
async fn a_damaged_material_is_told_to_whoever_asks_for_it_and_not_to_whoever_asks_for_the_key() {
    let place = Place::new();
    let store = place.create();
    let key = key("vault-a", "key-a");
    let latest = key.latest().version;
    store.commit(vec![put_material(&key, latest.0[0], &material(b"opaque")), put(&key)]).await.unwrap();
    drop(store);
    let store = place.open();
    let damage = "UPDATE body SET sealed = zeroblob(64) WHERE seq = (SELECT seq FROM mark WHERE kind = 2)";
    assert_eq!(place.raw().execute(damage, ()).unwrap(), 1);
    assert!(store.key(&key.vault, &key.name).await.unwrap().is_some());
    assert!(store.material(&key.vault, &key.name, latest).await.is_err());
}
