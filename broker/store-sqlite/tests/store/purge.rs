use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use broker_core::key::KeyRecord;
use broker_core::name::KeyVersion;
use broker_core::port::{Change, CommitError, Store};
use broker_store_sqlite::{Options, SqliteStore};

use crate::sample::*;

fn drop_of(key: &KeyRecord) -> Change {
    Change::DropKey(Arc::new(key.clone()))
}

/// Every sealed body in the file.
fn bodies(place: &Place) -> Vec<Vec<u8>> {
    let raw = place.raw();
    let mut statement = raw.prepare("SELECT sealed FROM body").unwrap();
    statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_dropped_key_and_its_materials_are_gone_from_the_cache_the_disk_and_the_file() {
    let place = Place::new();
    let store = place.create();
    let first = key("vault-a", "key-a");
    let second = KeyRecord { rotation: Some(policy()), ..next_of(&first) };
    let versions: Vec<_> = second.versions.iter().map(|version| version.version).collect();
    // Long enough for overflow pages of their own.
    let opaque = material(&[7; 60_000]);
    let materials = versions.iter().map(|version| put_material(&first, version.0[0], &opaque));
    store.commit(materials.chain([put(&first)]).collect()).await.unwrap();
    store.commit(vec![put(&second)]).await.unwrap();
    drop(store);
    let sealed = bodies(&place);
    assert_eq!(sealed.len(), 3);
    let store = place.open();
    for version in &versions {
        store.material(&first.vault, &first.name, *version).await.unwrap();
    }
    store.key(&first.vault, &first.name).await.unwrap().unwrap();
    store.commit(vec![drop_of(&second)]).await.unwrap();
    let check = async |store: &SqliteStore| {
        assert_eq!(store.key(&first.vault, &first.name).await.unwrap(), None);
        for version in &versions {
            assert!(store.material(&first.vault, &first.name, *version).await.is_err());
        }
        assert!(store.due(i64::MAX, 10).await.unwrap().is_empty());
        let counts = store.stats().counts;
        assert_eq!((counts.live_keys, counts.deleted_keys, counts.materials), (0, 0, 0));
    };
    check(&store).await;
    drop(store);
    check(&place.open()).await;
    let file = std::fs::read(&place.path).unwrap();
    let parts: HashSet<&[u8]> = sealed.iter().flat_map(|body| body.windows(32).step_by(512)).collect();
    let left = file.windows(32).filter(|window| parts.contains(window)).count();
    assert_eq!(left, 0, "parts of what was purged still lie in the file");
}

#[tokio::test]
async fn a_drop_of_a_record_that_was_changed_meanwhile_is_stale_and_takes_nothing_away() {
    let place = Place::new();
    let store = place.create();
    let first = key("vault-a", "key-a");
    store.commit(vec![put_material(&first, 1, &material(b"x")), put(&first)]).await.unwrap();
    let bin = deleted(&first);
    store.commit(vec![put(&bin)]).await.unwrap();
    let stale = async |changes| matches!(store.commit(changes).await, Err(CommitError::Stale));
    assert!(stale(vec![drop_of(&first)]).await, "an older revision");
    assert!(stale(vec![drop_of(&KeyRecord { revision: u64::MAX, ..bin.clone() })]).await, "one from the future");
    assert!(stale(vec![drop_of(&key("vault-a", "nobody"))]).await, "a key that is not there");
    // Side by side with the change that makes it stale, in either order.
    let rotated = next_of(&bin);
    let both = tokio::join!(store.commit(vec![put(&rotated)]), store.commit(vec![drop_of(&bin)]));
    assert!(both.0.is_ok() && matches!(both.1, Err(CommitError::Stale)));
    assert_eq!(*store.key(&first.vault, &first.name).await.unwrap().unwrap(), rotated);
    store.material(&first.vault, &first.name, KeyVersion([1; 16])).await.unwrap();
    let both = tokio::join!(store.commit(vec![drop_of(&rotated)]), store.commit(vec![put(&next_of(&rotated))]));
    assert!(both.0.is_ok() && matches!(both.1, Err(CommitError::Stale)));
    assert_eq!(store.key(&first.vault, &first.name).await.unwrap(), None);
    drop(store);
    assert_eq!(place.open().key(&first.vault, &first.name).await.unwrap(), None);
}

/// Keys come and go while others read them through a cache that is far too small.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn nobody_reads_a_key_or_its_material_after_its_drop_was_answered() {
    const KEYS: usize = 8;
    const TURNS: u64 = 100;
    let place = Place::new();
    let store = SqliteStore::create(&place.path, &place.root, Options { cache_bytes_max: 16 << 10 }).unwrap();
    let store = Arc::new(store);
    let names: Arc<Vec<_>> = Arc::new((0..KEYS).map(|number| key("vault-a", &format!("key-{number}"))).collect());
    // Odd: the key was dropped, and that was answered; even: it is being made or dropped.
    let phases: Arc<Vec<_>> = Arc::new((0..KEYS).map(|_| AtomicU64::new(1)).collect());
    let (ended, sure) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut readers = tokio::task::JoinSet::new();
    for reader in 0..6_usize {
        let (store, names, phases) = (Arc::clone(&store), Arc::clone(&names), Arc::clone(&phases));
        let (ended, sure) = (Arc::clone(&ended), Arc::clone(&sure));
        readers.spawn(async move {
            let mut turn = reader;
            while !ended.load(Ordering::SeqCst) {
                turn += 1;
                let number = turn * 5 % KEYS;
                let (name, before) = (&names[number], phases[number].load(Ordering::SeqCst));
                let record = store.key(&name.vault, &name.name).await.unwrap();
                let material = store.material(&name.vault, &name.name, KeyVersion([1; 16])).await;
                if phases[number].load(Ordering::SeqCst) == before && !before.is_multiple_of(2) {
                    assert!(record.is_none() && material.is_err(), "key {number} after its drop {before}");
                    sure.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
    }
    for turn in 0..TURNS {
        for (name, phase) in names.iter().zip(phases.iter()) {
            phase.store(turn * 2 + 2, Ordering::SeqCst);
            store.commit(vec![put_material(name, 1, &material(b"x")), put(name)]).await.unwrap();
            store.commit(vec![drop_of(name)]).await.unwrap();
            phase.store(turn * 2 + 3, Ordering::SeqCst);
        }
    }
    while sure.load(Ordering::SeqCst) < TURNS && !readers.is_empty() {
        tokio::task::yield_now().await;
    }
    ended.store(true, Ordering::SeqCst);
    readers.join_all().await;
    assert_eq!(store.stats().counts.materials, 0);
}

#[tokio::test]
async fn what_is_due_is_found_among_many_that_are_not_also_after_reopening() {
    let place = Place::new();
    let store = place.create();
    let keys: Vec<_> = (0..200).map(|number| key("vault-a", &format!("key-{number}"))).collect();
    store.commit(keys.iter().map(put).collect()).await.unwrap();
    let waiting: Vec<_> = keys.iter().step_by(40).rev().map(rotating).collect();
    store.commit(waiting.iter().map(put).collect()).await.unwrap();
    drop(store);
    let store = place.open();
    // All of the same second: in the order in which they were made.
    let due = store.due(i64::MAX, 100).await.unwrap();
    let names: Vec<_> = due.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["key-0", "key-40", "key-80", "key-120", "key-160"]);
    assert_eq!(*due[4], waiting[0]);
    assert_eq!(store.due(i64::MAX, 2).await.unwrap().len(), 2);
}
