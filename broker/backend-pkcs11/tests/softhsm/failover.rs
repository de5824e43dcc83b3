//! Two tokens with the same keys: one goes, the other serves; it comes back and is taken back.

use broker_backend_pkcs11::{TokenHealth, TokenState};
use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use broker_core::port::{Backend as _, Candidate};
use broker_core::verb;

use crate::plant::{Hsm, Plant, permit, refusal, says_try_again, unavailable};

const GONE: &str = "C_Login device-removed 100000\nC_UnwrapKey device-removed 100000\n";

/// A token with one key, and a clone of it, both behind shims; the pair opened as one backend.
async fn pair() -> (Plant, Plant, Hsm, Candidate) {
    let first = Plant::new();
    let single = first.open().await;
    let key = single.make("key", 1, KeySpec::Oct256).await.unwrap();
    drop(single);
    let second = first.cloned();
    let hsm = Hsm::open(first.spec(vec![first.broken_token(), second.broken_token()])).await.unwrap();
    hsm.until("the first token", |health| health.state == TokenState::Serving).await;
    while second_of(&hsm).state != TokenState::Serving {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    (first, second, hsm, key)
}

fn second_of(hsm: &Hsm) -> TokenHealth {
    hsm.0.health().remove(1)
}

#[tokio::test]
async fn unwraps_fail_over_to_the_clone_and_return() {
    let (first, _second, hsm, key) = pair().await;
    let wrapped = hsm.wrap("key", &key, WrapAlgorithm::A256Kw, &[6; 32]).await.unwrap();
    let unwrap = async || hsm.unwrap("key", &key, WrapAlgorithm::A256Kw, &wrapped).await;
    assert_eq!(unwrap().await.unwrap(), [6; 32]);
    assert_eq!(second_of(&hsm).counts.calls, 0, "the first is preferred");
    first.tell(GONE);
    for _ in 0..20 {
        assert_eq!(unwrap().await.unwrap(), [6; 32]);
    }
    assert_eq!(second_of(&hsm).counts.calls, 20);
    assert!(hsm.health().state != TokenState::Serving);
    first.tell("");
    let calls = hsm.until("its return", |health| health.state == TokenState::Serving).await.counts.calls;
    assert_eq!(unwrap().await.unwrap(), [6; 32]);
    assert_eq!(hsm.health().counts.calls, calls + 1, "the first is preferred again");
}

#[tokio::test]
async fn a_version_that_was_not_cloned_raises_an_alert_and_waits_for_its_token() {
    let (first, _second, hsm, _) = pair().await;
    let key = hsm.make("new", 2, KeySpec::Oct256).await.unwrap();
    assert_eq!(second_of(&hsm).counts.versions_to_clone, 1);
    assert_eq!(hsm.health().counts.versions_to_clone, 0);
    let wrapped = hsm.wrap("new", &key, WrapAlgorithm::A256Kw, &[7; 32]).await.unwrap();
    first.tell(GONE);
    let refused = refusal(hsm.unwrap("new", &key, WrapAlgorithm::A256Kw, &wrapped).await);
    assert!(says_try_again(&refused), "{refused:?}");
    assert_eq!(second_of(&hsm).counts.keys_missing, 1);
    // New keys are made on the first alone, and destroying needs both.
    assert_eq!(
        refusal(hsm.0.destroy_key(permit::<verb::PurgeKey>("vault1", "new"), &[key.clone()]).await),
        unavailable()
    );
    first.tell("");
    hsm.until("its return", |health| health.state == TokenState::Serving).await;
    assert_eq!(hsm.unwrap("new", &key, WrapAlgorithm::A256Kw, &wrapped).await.unwrap(), [7; 32]);
    hsm.0.destroy_key(permit::<verb::PurgeKey>("vault1", "new"), &[key]).await.unwrap();
}

#[tokio::test]
async fn a_token_whose_pin_is_wrong_leaves_the_others_serving() {
    let first = Plant::new();
    let second = Plant::new();
    std::fs::write(first.path("pin"), "wrong").unwrap();
    let hsm = Hsm::open(first.spec(vec![first.token(), second.token()])).await.unwrap();
    hsm.until("giving up", |health| health.state == TokenState::Refused).await;
    hsm.0.self_test().await.unwrap();
    assert_eq!(second_of(&hsm).state, TokenState::Serving);
    assert_eq!(refusal(hsm.make("key", 1, KeySpec::Oct256).await), unavailable(), "new keys need the first");
}
