//! Ten thousand calls, alone in their process so that its memory can be measured.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout)] // what was measured, shown on request

#[path = "../guests/plant.rs"]
mod plant;

use std::time::Instant;

use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use broker_core::port::Backend;
use broker_core::secret::Secret;
use broker_crypto::key::CryptoKey;
use plant::{Key, load, load_with};

/// Resident memory of this process in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_flat_after_ten_thousand_calls() {
    let limits = broker_backend_wasm::Limits { calls_max: 16, ..Default::default() };
    let backend = load_with("software", limits).await;
    let hostile = load_with("faulty", limits).await;
    let key = Key::new(&backend, "key", KeySpec::Oct256).await;
    let trap = Key::new(&hostile, "fault-trap", KeySpec::Oct256).await;
    let mut early_kib = 0;
    for round in 0..10_000 {
        let wrapped = key.wrap(WrapAlgorithm::A256Kw, &[1; 32]).await.unwrap();
        if round % 10 == 0 {
            assert!(trap.wrap(WrapAlgorithm::A256Kw, &[1; 32]).await.is_err());
            key.unwrap(WrapAlgorithm::A256Kw, &wrapped.value).await.unwrap();
        }
        if round == 1_000 {
            early_kib = resident_kib();
        }
    }
    let late_kib = resident_kib();
    println!("resident after 1 000 rounds {early_kib} KiB, after 10 000 {late_kib} KiB");
    assert!(late_kib < early_kib + 8 * 1024, "from {early_kib} to {late_kib} KiB");
    assert_eq!((backend.counters().read().in_flight, hostile.counters().read().in_flight), (0, 0));
}

/// What a call costs, for `cargo test --release -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a claim"]
async fn the_cost_of_a_call() {
    let backend = load("software").await;
    measure("self-test in a fresh instance", 20_000, async || backend.self_test().await.unwrap()).await;
    for (spec, algorithm, rounds) in [
        (KeySpec::Oct256, WrapAlgorithm::A256Kw, 20_000),
        (KeySpec::Rsa2048, WrapAlgorithm::RsaOaep256, 3_000),
        (KeySpec::Rsa4096, WrapAlgorithm::RsaOaep256, 500),
    ] {
        let key = Key::new(&backend, "key", spec).await;
        let wrapped = key.wrap(algorithm, &[1; 32]).await.unwrap();
        measure(&format!("{spec} {algorithm} unwrap"), rounds, async || {
            key.unwrap(algorithm, &wrapped.value).await.unwrap();
        })
        .await;
        let bare = CryptoKey::generate(spec).unwrap();
        let extras = WrapExtras::default();
        let wrapped = bare.wrap(algorithm, &Secret::new(vec![1; 32]), &extras).unwrap();
        measure(&format!("{spec} {algorithm} unwrap, the bare key"), rounds, async || {
            bare.unwrap_secret(algorithm, &wrapped.value, &extras).map(drop).unwrap();
        })
        .await;
    }
}

async fn measure(what: &str, rounds: usize, mut work: impl AsyncFnMut()) {
    let mut taken = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begun = Instant::now();
        work().await;
        taken.push(begun.elapsed());
    }
    taken.sort();
    println!("{what}: median {:?}, p99 {:?}", taken[rounds / 2], taken[rounds * 99 / 100]);
}
