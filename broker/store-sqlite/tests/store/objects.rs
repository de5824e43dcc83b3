use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use broker_core::object::{Filter, ObjectRecord};
use broker_core::port::{Change, Store};
use broker_core::refusal::Refusal;
use broker_store_sqlite::{Options, Root, SqliteStore};
use broker_testkit::object_questions::{next_of, object};

use crate::measure::{resident_mib, spent};
use crate::sample::*;

fn put(object: &ObjectRecord) -> Change {
    Change::PutObject(Arc::new(object.clone()))
}

fn named(number: usize) -> Filter {
    Filter { names: vec![format!("name-{number}")], ..Filter::default() }
}

async fn found(store: &SqliteStore, filter: &Filter) -> Result<usize, Refusal> {
    let page = store.objects(&vault_name("vault1"), &filter.terms(), None, 100).await;
    page.map(|page| page.items.len()).map_err(|failure| failure.refusal)
}

/// Asks until the terms were compared after the opening, which takes a moment.
async fn refused(store: &SqliteStore) -> Refusal {
    for _ in 0..10_000 {
        if let Err(refusal) = found(store, &Filter::default()).await {
            return refusal;
        }
        tokio::task::yield_now().await;
    }
    panic!("objects are still looked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_whose_terms_were_altered_looks_for_no_object_by_them() {
    let edits = [
        ("all terms taken away", "DELETE FROM term"),
        ("a term added", "INSERT INTO term VALUES (x'00112233445566778899aabbccddeeff', 1)"),
        ("a term moved to another object", "UPDATE term SET seq = seq + 100 WHERE seq = (SELECT max(seq) FROM term)"),
        ("an older term put back", "INSERT INTO term SELECT term, seq FROM old.term EXCEPT SELECT term, seq FROM term"),
    ];
    for (what, sql) in edits {
        let place = Place::new();
        let store = place.create();
        let objects = [object(1), object(2)];
        store.commit(objects.iter().map(put).collect()).await.unwrap();
        drop(store);
        let old = place.directory.path().join("old.db");
        std::fs::copy(&place.path, &old).unwrap();
        let store = place.open();
        let renamed = next_of(&objects[0], |object| object.attributes.names[0].value.text = "another".to_owned());
        store.commit(vec![put(&renamed)]).await.unwrap();
        assert_eq!(found(&store, &named(2)).await, Ok(1), "{what}");
        drop(store);
        let raw = place.raw();
        raw.execute_batch(&format!("ATTACH '{}' AS old; {sql}", old.display())).unwrap();
        assert!(raw.total_changes() > 0, "{what}");
        drop(raw);
        let store = place.open();
        assert_eq!(refused(&store).await, Refusal::StoreUnavailable, "{what}");
        // By their ids they are still there: each is sealed and in the tally that the opening has compared.
        assert!(store.object(&objects[1].vault, objects[1].id).await.unwrap().is_some(), "{what}");
    }
}

#[tokio::test]
async fn nothing_of_an_object_can_be_read_in_the_file() {
    let place = Place::new();
    let store = place.create();
    store.commit(vec![put(&object(4711))]).await.unwrap();
    drop(store);
    let bytes = std::fs::read(&place.path).unwrap();
    for secret in ["name-4711", "group-1", "corp/dns:odd", "x-gr", "Symmetric Key", "Superseded", "vault1"] {
        let there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!there, "{secret} can be read");
    }
}

/// The check of the terms begins at the opening and goes on beside the writer: it has its own connection.
#[tokio::test]
async fn a_store_that_is_closed_while_its_terms_are_checked_leaves_no_log_behind() {
    let place = Place::new();
    let store = place.create();
    store.commit((0..3000).map(|number| put(&object(number))).collect()).await.unwrap();
    drop(store);
    for round in 0..10 {
        drop(place.open());
        let log = place.directory.path().join("broker.db-wal");
        assert!(!log.exists(), "round {round}: the file alone is not the whole store");
    }
}

#[tokio::test]
async fn an_object_that_is_none_of_many_that_are_some_of_it_is_refused_in_time() {
    let place = Place::new();
    let store = place.create();
    // Every second one has the group, all others the bits: they agree on none.
    let all: Vec<_> = (0..2000_u32)
        .map(|number| {
            let mut one = object(number);
            one.attributes.groups[0].value = if number.is_multiple_of(2) { "even" } else { "odd" }.to_owned();
            one.bits = Some(if number.is_multiple_of(2) { 128 } else { 256 });
            put(&one)
        })
        .collect();
    store.commit(all).await.unwrap();
    let filter = Filter { groups: vec!["even".to_owned()], bits: Some(256), ..Filter::default() };
    // Two thousand seeks are within the limit, and find nothing.
    assert_eq!(found(&store, &filter).await, Ok(0));
}

const DIRECTORY: &str = "KEYBROKER_MEASURE_DIRECTORY";

fn large(count: usize) -> Option<(PathBuf, Root)> {
    let directory = PathBuf::from(std::env::var_os(DIRECTORY)?).join(format!("objects-{count}"));
    std::fs::create_dir_all(&directory).unwrap();
    let root = directory.join("root.key");
    let root = if root.exists() { Root::read_file(&root).unwrap() } else { Root::create_file(&root).unwrap() };
    Some((directory.join("broker.db"), root))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "fills a million objects; its figures are for people"]
async fn figures_of_filling_stores_of_objects() {
    for count in [1000, 1_000_000] {
        let Some((path, root)) = large(count) else { return };
        if path.exists() {
            continue;
        }
        let store = SqliteStore::create(&path, &root, Options::default()).unwrap();
        let begun = Instant::now();
        for first in (0..count).step_by(1000) {
            let last = (first + 1000).min(count);
            let objects = (first..last).map(|number| put(&object(u32::try_from(number).unwrap())));
            store.commit(objects.collect()).await.unwrap();
        }
        eprintln!("{count} objects put in {:?}, resident {} MiB, {:?}", begun.elapsed(), resident_mib(), store.stats());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "after the one above, in a process of its own"]
async fn figures_of_finding_among_many_objects() {
    for count in [1000_usize, 1_000_000] {
        let Some((path, root)) = large(count) else { return };
        let begun = Instant::now();
        let store = SqliteStore::open(&path, &root, Options::default()).unwrap();
        eprintln!("{count} objects: opened in {:?}, resident {} MiB", begun.elapsed(), resident_mib());
        let at = |number: usize| number * 7919 % count;
        let missed = async |number: usize| {
            let object = object(u32::try_from(at(number)).unwrap());
            store.object(&object.vault, object.id).await.unwrap().unwrap();
        };
        eprintln!("  Get, missed: {}", spent(900, &missed).await);
        eprintln!("  Get, cached: {}", spent(900, &missed).await);
        let by_name = async |number: usize| assert_eq!(found(&store, &named(at(number))).await, Ok(1));
        eprintln!("  Locate by name: {}", spent(900, by_name).await);
        let full = async |number: usize| {
            let one = object(u32::try_from(at(number)).unwrap());
            let filter = Filter {
                kind: Some(one.kind),
                state: Some(one.life.state),
                algorithm: one.algorithm,
                bits: one.bits,
                owner: Some(one.owner),
                ..named(at(number))
            };
            assert_eq!(found(&store, &filter).await, Ok(1));
        };
        eprintln!("  Locate by name, owner, kind, state, algorithm and length: {}", spent(900, full).await);
        let grouped = Filter { groups: vec!["group-3".to_owned()], ..Filter::default() };
        let page = async |_| assert_eq!(found(&store, &grouped).await, Ok(100));
        eprintln!("  Locate a page of 100 of a group: {}", spent(50, page).await);
        let put_one = async |number: usize| {
            let one = object(2_000_000 + u32::try_from(number).unwrap());
            let current = store.object(&one.vault, one.id).await.unwrap();
            let next = current.map_or(one, |current| next_of(&current, |object| object.life.last_change_s += 1));
            store.commit(vec![put(&next)]).await.unwrap();
        };
        eprintln!("  put one: {}", spent(100, put_one).await);
        eprintln!("  resident {} MiB, {:?}", resident_mib(), store.stats());
    }
}
