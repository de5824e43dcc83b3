use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use broker_core::key::KeyRecord;
use broker_core::name::KeyVersion;
use broker_core::port::{Change, CommitError, Store};
use broker_core::refusal::Refusal;
use broker_store_sqlite::{Options, SqliteStore};

use crate::sample::*;

#[tokio::test]
async fn a_write_that_was_not_made_from_the_newest_revision_is_stale() {
    let place = Place::new();
    let store = place.create();
    let first = key("vault-a", "key-a");
    let revision = |revision| put(&KeyRecord { revision, ..first.clone() });
    let stale = async |change| matches!(store.commit(vec![change]).await, Err(CommitError::Stale));
    for wrong in [0, 2, 3, u64::MAX] {
        assert!(stale(revision(wrong)).await, "{wrong} where none is");
    }
    store.commit(vec![revision(1)]).await.unwrap();
    for wrong in [0, 1, 3, u64::MAX, i64::MAX as u64] {
        assert!(stale(revision(wrong)).await, "{wrong} after 1");
    }
    store.commit(vec![revision(2), revision(3)]).await.unwrap();
    assert_eq!(store.key(&first.vault, &first.name).await.unwrap().unwrap().revision, 3);
}

#[tokio::test]
async fn a_commit_is_carried_out_whole_or_not_at_all() {
    let place = Place::new();
    let store = place.create();
    let (one, other) = (key("vault-a", "key-a"), key("vault-a", "key-b"));
    store.commit(vec![put(&one)]).await.unwrap();
    let before = (store.generation(), store.stats().counts);
    let changes = vec![put(&other), Change::PutGrant(grant(1)), put_material(&one, 1, &material(b"x")), put(&one)];
    assert!(matches!(store.commit(changes).await, Err(CommitError::Stale)));
    assert_eq!((store.generation(), store.stats().counts), before);
    assert_eq!(store.key(&other.vault, &other.name).await.unwrap(), None);
    assert!(store.material(&one.vault, &one.name, KeyVersion([1; 16])).await.is_err());
    drop(store);
    let store = place.open();
    assert!(store.standing().await.unwrap().grants.is_empty());
    assert_eq!(store.key(&other.vault, &other.name).await.unwrap(), None);
}

#[tokio::test]
async fn material_is_written_once() {
    let place = Place::new();
    let store = place.create();
    let key = key("vault-a", "key-a");
    store.commit(vec![put_material(&key, 1, &material(b"first"))]).await.unwrap();
    match store.commit(vec![put_material(&key, 1, &material(b"second"))]).await {
        Err(CommitError::Failed(failure)) => assert_eq!(failure.refusal, Refusal::Internal),
        other => panic!("{other:?}"),
    }
    drop(store);
    let read = place.open().material(&key.vault, &key.name, KeyVersion([1; 16])).await.unwrap();
    assert_eq!(read.opaque, b"first");
}

/// Eight writers that read, change and write the same few keys; every success is noted.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_writers_that_race_for_a_revision_exactly_one_wins() {
    const KEYS: usize = 5;
    const TURNS: usize = 60;
    let place = Place::new();
    let store = Arc::new(place.create());
    let won = Arc::new(Mutex::new(HashSet::new()));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8_usize {
        let (store, won) = (Arc::clone(&store), Arc::clone(&won));
        writers.spawn(async move {
            let mut own = key("vault-own", &format!("writer-{writer}"));
            for turn in 0..TURNS {
                let number = (writer * 7 + turn * 3) % KEYS;
                let first = key("vault-a", &format!("key-{number}"));
                let read = store.key(&first.vault, &first.name).await.unwrap();
                let next = read.map_or(first, |read| KeyRecord { revision: read.revision + 1, ..(*read).clone() });
                match store.commit(vec![put(&next), put(&own)]).await {
                    Ok(()) => {
                        assert!(
                            won.lock().unwrap().insert((number, next.revision)),
                            "two won {number} {}",
                            next.revision
                        );
                        own.revision += 1;
                    }
                    Err(CommitError::Stale) => {}
                    Err(CommitError::Failed(failure)) => panic!("{failure}"),
                }
            }
            own
        });
    }
    let own = writers.join_all().await;
    let won = won.lock().unwrap().clone();
    assert!(won.len() >= TURNS, "{}", won.len());
    let check = async |store: &SqliteStore| {
        for number in 0..KEYS {
            let revisions = won.iter().filter(|(key, _)| *key == number).count() as u64;
            let stored = store.key(&vault_name("vault-a"), &key_name(&format!("key-{number}"))).await.unwrap();
            assert_eq!(stored.map_or(0, |key| key.revision), revisions, "key {number}");
        }
        for own in &own {
            let stored = store.key(&own.vault, &own.name).await.unwrap();
            assert_eq!(stored.map_or(0, |key| key.revision), own.revision - 1, "{}", own.name);
        }
    };
    check(&store).await;
    drop(Arc::into_inner(store).unwrap());
    check(&place.open()).await;
}

/// A cache so small that records are loaded and thrown out all the time, while others are committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_read_is_older_than_a_commit_that_was_answered_before_it() {
    const KEYS: usize = 24;
    const COMMITS: u64 = 1500;
    let place = Place::new();
    let store = SqliteStore::create(&place.path, &place.root, Options { cache_bytes_max: 16 << 10 }).unwrap();
    let store = Arc::new(store);
    let names: Arc<Vec<_>> = Arc::new((0..KEYS).map(|number| key("vault-a", &format!("key-{number}"))).collect());
    store.commit(names.iter().map(put).collect()).await.unwrap();
    let answered: Arc<Vec<_>> = Arc::new((0..KEYS).map(|_| AtomicU64::new(1)).collect());
    let (ended, loads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut readers = tokio::task::JoinSet::new();
    for reader in 0..6_usize {
        let (store, names, answered) = (Arc::clone(&store), Arc::clone(&names), Arc::clone(&answered));
        let (ended, loads) = (Arc::clone(&ended), Arc::clone(&loads));
        readers.spawn(async move {
            let mut turn = reader;
            while !ended.load(Ordering::SeqCst) {
                // Two keys that are committed all the time, between others that throw them out of the cache.
                turn += 1;
                let number = if turn.is_multiple_of(2) { turn / 2 % 2 } else { turn * 5 % KEYS };
                let least = answered[number].load(Ordering::SeqCst);
                let read = store.key(&names[number].vault, &names[number].name).await.unwrap().unwrap();
                assert!(read.revision >= least, "key {number}: read {}, answered before {least}", read.revision);
                loads.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    for commit in 0..COMMITS {
        let number = usize::try_from(commit % 2).unwrap();
        let revision = answered[number].load(Ordering::SeqCst) + 1;
        store.commit(vec![put(&KeyRecord { revision, ..names[number].clone() })]).await.unwrap();
        answered[number].store(revision, Ordering::SeqCst);
    }
    // At least as many reads as commits, however the threads were scheduled.
    while loads.load(Ordering::SeqCst) < COMMITS && !readers.is_empty() {
        tokio::task::yield_now().await;
    }
    ended.store(true, Ordering::SeqCst);
    readers.join_all().await;
}
