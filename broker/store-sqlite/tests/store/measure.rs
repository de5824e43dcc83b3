use std::path::PathBuf;
use std::time::{Duration, Instant};

use broker_core::algorithm::PublicKey;
use broker_core::key::{KeyRecord, Material};
use broker_core::port::Store;
use broker_store_sqlite::{Options, Root, SqliteStore};

use crate::sample::*;

/// Where the large store lies between the two tests, so that the second starts with a fresh heap.
const DIRECTORY: &str = "KEYBROKER_MEASURE_DIRECTORY";
const KEYS: &str = "KEYBROKER_MEASURE_KEYS";

fn large() -> Option<(PathBuf, Root, usize)> {
    let directory = PathBuf::from(std::env::var_os(DIRECTORY)?);
    let root = directory.join("root.key");
    let root = if root.exists() { Root::read_file(&root).unwrap() } else { Root::create_file(&root).unwrap() };
    let count = std::env::var(KEYS).map_or(200_000, |text| text.parse().unwrap());
    Some((directory.join("broker.db"), root, count))
}

fn named(number: usize) -> KeyRecord {
    key("vault-a", &format!("virtual-machine-{number:08}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute; its figures are for people"]
async fn figures_of_filling_a_large_store() {
    let Some((path, root, count)) = large() else { return };
    let store = SqliteStore::create(&path, &root, Options::default()).unwrap();
    // As an RSA-3072 key has it.
    let material = Material {
        opaque: vec![7; 1800],
        public: PublicKey::Rsa { n: vec![9; 384], e: vec![1, 0, 1] },
        origin_vault: None,
    };
    let begun = Instant::now();
    for first in (0..count).step_by(500) {
        let keys = (first..count.min(first + 500)).map(named);
        let changes = keys.flat_map(|key| [put(&key), put_material(&key, 1, &material)]);
        store.commit(changes.collect()).await.unwrap();
    }
    eprintln!("{count} keys put in {:?}, resident {} MiB", begun.elapsed(), resident_mib());
    let one = async |number| store.commit(vec![put(&key("vault-b", &format!("single-{number}")))]).await.unwrap();
    eprintln!("one commit alone: {}", spent(200, one).await);
    eprintln!("{:?}", store.stats());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "after the one above, in a process of its own"]
async fn figures_of_reading_a_large_store() {
    let Some((path, root, count)) = large() else { return };
    let begun = Instant::now();
    let store = SqliteStore::open(&path, &root, Options::default()).unwrap();
    eprintln!("{count} keys opened and checked in {:?}, resident {} MiB", begun.elapsed(), resident_mib());
    let step = count / 2000;
    let read = async |number: usize| {
        let key = named(number * step);
        let record = store.key(&key.vault, &key.name).await.unwrap().unwrap();
        store.material(&key.vault, &key.name, record.versions[0].version).await.unwrap();
    };
    eprintln!("key and material, missed: {}", spent(2000, read).await);
    eprintln!("key and material, cached: {}", spent(2000, read).await);
    let begun = Instant::now();
    let page = store.keys(&vault_name("vault-a"), false, Some(count as u64), 25).await.unwrap();
    eprintln!("a page of {} keys in {:?}", page.items.len(), begun.elapsed());
    for number in 0..count {
        let key = named(number);
        store.key(&key.vault, &key.name).await.unwrap().unwrap();
        store.material(&key.vault, &key.name, key.versions[0].version).await.unwrap();
    }
    eprintln!("after reading all: resident {} MiB, {:?}", resident_mib(), store.stats());
}

pub async fn spent(times: usize, deed: impl AsyncFn(usize)) -> String {
    let mut all = Vec::with_capacity(times);
    for number in 0..times {
        let begun = Instant::now();
        deed(number).await;
        all.push(begun.elapsed());
    }
    all.sort();
    let at = |percent: usize| -> Duration { all[all.len() * percent / 100] };
    format!("p50 {:?}, p99 {:?}", at(50), at(99))
}

pub fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
