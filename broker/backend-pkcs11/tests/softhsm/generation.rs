//! A generation that is cut off: the key is found again or made anew, never twice, and never left behind.

use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use broker_core::refusal::Refusal;

use crate::inspect::objects;
use crate::plant::{Hsm, Plant, refusal};

const SPECS: [(KeySpec, &str, usize); 3] = [
    (KeySpec::EcP256, "C_GenerateKeyPair", 2),
    (KeySpec::Oct256, "C_GenerateKey", 1),
    (KeySpec::Rsa2048, "C_GenerateKeyPair", 2),
];

/// Under each fault the key is made, once.
async fn check(faults: &[&str]) {
    let plant = Plant::new();
    let hsm = plant.open_broken().await;
    let mut expected = 0;
    for (version, fault) in (1..).zip(faults) {
        for (spec, function, parts) in SPECS {
            plant.tell(&format!("{function} {fault} 1\n"));
            let key = hsm.make(spec.word(), version, spec).await.unwrap_or_else(|why| panic!("{fault} {spec}: {why}"));
            assert_eq!(plant.untold(), "", "the fault was not met");
            if spec == KeySpec::Oct256 {
                let wrapped = hsm.wrap(spec.word(), &key, WrapAlgorithm::A256Kw, &[1; 16]).await.unwrap();
                assert_eq!(hsm.unwrap(spec.word(), &key, WrapAlgorithm::A256Kw, &wrapped).await.unwrap(), [1; 16]);
            }
            expected += parts;
        }
    }
    drop(hsm);
    assert_eq!(objects(&plant).len(), expected);
}

#[tokio::test]
async fn a_crash_before_or_after_the_key_was_made_gives_one_key() {
    check(&["crash", "crash-after"]).await;
}

#[tokio::test]
async fn a_lost_session_or_device_gives_one_key() {
    check(&["session-handle-invalid", "device-removed", "device-error"]).await;
}

#[tokio::test]
async fn half_a_pair_is_destroyed_and_made_again() {
    let plant = Plant::new();
    let hsm = plant.open_broken().await;
    plant.tell("C_GenerateKeyPair crash-half 1\n");
    let key = hsm.make("rsa", 1, KeySpec::Rsa2048).await.unwrap();
    let wrapped = hsm.wrap("rsa", &key, WrapAlgorithm::RsaOaep, b"secret").await.unwrap();
    assert_eq!(hsm.unwrap("rsa", &key, WrapAlgorithm::RsaOaep, &wrapped).await.unwrap(), b"secret");
    drop(hsm);
    assert_eq!(objects(&plant).len(), 2);
}

#[tokio::test]
async fn a_generation_past_its_deadline_is_refused_and_leaves_nothing_behind() {
    let plant = Plant::new();
    let mut spec = plant.spec(vec![plant.broken_token()]);
    spec.limits.generate_ms_max = 500;
    let hsm = Hsm::open(spec).await.unwrap();
    let old = hsm.health().worker;
    plant.tell("C_GenerateKeyPair hang 1\n");
    let late = hsm.make("rsa", 1, KeySpec::Rsa2048).await;
    assert!(matches!(refusal(late), Refusal::BackendDeadline { .. }));
    let restarted = hsm.until_restarted(old).await;
    // The cleaning is a call of the new worker.
    hsm.until("the cleaning", |health| health.counts.calls > restarted.counts.calls.min(1)).await;
    hsm.make("rsa", 2, KeySpec::EcP256).await.unwrap();
    drop(hsm);
    assert_eq!(objects(&plant).len(), 2);
}
