//! Each thing a module can do wrong, and that it heals: every call answered in time, and well again at once.

use std::time::{Duration, Instant};

use broker_core::algorithm::{KeySpec, SignAlgorithm, WrapAlgorithm};
use broker_core::port::{Backend as _, Candidate};
use broker_core::refusal::Refusal;

use crate::plant::{Hsm, Plant, says_try_again};

/// `call_ms_max` of the plant's limits, `queue_ms_max`, and what a worker may take to come back.
const ANSWER_MAX: Duration = Duration::from_millis(1_000 + 1_000 + 500);
const HEAL_MAX: Duration = Duration::from_secs(2);

struct Keys {
    aes: Candidate,
    ec: Candidate,
    rsa: Candidate,
    wrapped_aes: Vec<u8>,
    wrapped_rsa: Vec<u8>,
}

impl Keys {
    async fn make(hsm: &Hsm) -> Self {
        let aes = hsm.make("aes", 1, KeySpec::Oct256).await.unwrap();
        let ec = hsm.make("ec", 2, KeySpec::EcP256).await.unwrap();
        let rsa = hsm.make("rsa", 3, KeySpec::Rsa2048).await.unwrap();
        let wrapped_aes = hsm.wrap("aes", &aes, WrapAlgorithm::A256Kw, &[1; 32]).await.unwrap();
        let wrapped_rsa = hsm.wrap("rsa", &rsa, WrapAlgorithm::RsaOaep256, &[2; 32]).await.unwrap();
        Self { aes, ec, rsa, wrapped_aes, wrapped_rsa }
    }

    /// One call whose work needs this function of the module.
    async fn call(&self, hsm: &Hsm, function: &str) -> Result<(), Refusal> {
        let refused = |failure: broker_core::refusal::Failure| failure.refusal;
        match function {
            "C_Sign" | "C_SignInit" => {
                let signature = hsm.sign("ec", &self.ec, SignAlgorithm::Es256).await.map_err(refused)?;
                assert!(hsm.verify("ec", &self.ec, SignAlgorithm::Es256, &signature).await);
            }
            "C_Decrypt" | "C_DecryptInit" => {
                let opened = hsm.unwrap("rsa", &self.rsa, WrapAlgorithm::RsaOaep256, &self.wrapped_rsa).await;
                assert_eq!(opened.map_err(refused)?, [2; 32]);
            }
            "C_UnwrapKey" | "C_GetAttributeValue" | "C_DestroyObject" => {
                let opened = hsm.unwrap("aes", &self.aes, WrapAlgorithm::A256Kw, &self.wrapped_aes).await;
                assert_eq!(opened.map_err(refused)?, [1; 32]);
            }
            "C_WrapKey" | "C_CreateObject" => {
                let wrapped = hsm.wrap("aes", &self.aes, WrapAlgorithm::A256Kw, &[4; 32]).await.map_err(refused)?;
                let opened = hsm.unwrap("aes", &self.aes, WrapAlgorithm::A256Kw, &wrapped).await;
                assert_eq!(opened.map_err(refused)?, [4; 32]);
            }
            "C_GetSessionInfo" => hsm.0.self_test().await.map_err(refused)?,
            other => panic!("no call for {other}"),
        }
        Ok(())
    }
}

const FUNCTIONS: [&str; 10] = [
    "C_CreateObject",
    "C_Decrypt",
    "C_DecryptInit",
    "C_DestroyObject",
    "C_GetAttributeValue",
    "C_GetSessionInfo",
    "C_Sign",
    "C_SignInit",
    "C_UnwrapKey",
    "C_WrapKey",
];

/// Every function meets the fault; the call answers in time, and afterwards all is well.
async fn check(fault: &str, times: u32, must_succeed: bool) {
    let plant = Plant::new();
    let hsm = plant.open_broken().await;
    let keys = Keys::make(&hsm).await;
    for function in FUNCTIONS {
        plant.tell(&format!("{function} {fault} {times}\n"));
        let began = Instant::now();
        let answer = keys.call(&hsm, function).await;
        let took = began.elapsed();
        assert!(took < ANSWER_MAX, "{fault} in {function}: answered after {took:?}");
        match answer {
            Ok(()) => {}
            Err(refusal) => assert!(!must_succeed && says_try_again(&refusal), "{fault} in {function}: {refusal:?}"),
        }
        plant.tell("");
        let began = Instant::now();
        while let Err(refusal) = keys.call(&hsm, function).await {
            assert!(says_try_again(&refusal), "{fault} in {function}, healing: {refusal:?}");
            assert!(began.elapsed() < HEAL_MAX, "{fault} in {function}: not well after {:?}", began.elapsed());
        }
    }
}

#[tokio::test]
async fn a_lost_session_is_opened_again_unnoticed() {
    check("session-handle-invalid", 1, true).await;
}

#[tokio::test]
async fn sessions_lost_again_and_again_heal() {
    check("session-handle-invalid", 3, false).await;
}

#[tokio::test]
async fn a_removed_device_is_logged_in_to_again_unnoticed() {
    check("device-removed", 1, true).await;
}

#[tokio::test]
async fn a_token_that_is_not_present_for_a_while_heals() {
    check("token-not-present", 3, false).await;
}

#[tokio::test]
async fn a_device_error_heals_unnoticed() {
    check("device-error", 1, true).await;
}

#[tokio::test]
async fn a_lost_login_is_made_again_unnoticed() {
    check("user-not-logged-in", 1, true).await;
}

#[tokio::test]
async fn a_crash_is_retried_on_a_new_worker_unnoticed() {
    check("crash", 1, true).await;
}

#[tokio::test]
async fn a_hang_ends_at_the_deadline_and_heals() {
    check("hang", 1, false).await;
}

#[tokio::test]
async fn a_slow_call_is_just_slow() {
    check("slow-ms:300", 1, true).await;
}

#[tokio::test]
async fn a_vendors_own_code_heals() {
    check("vendor", 3, false).await;
}

/// To SoftHSM it is a value that does not open. A single one on a sound value must not be taken for that.
#[tokio::test]
async fn a_general_error_is_not_taken_for_a_bad_value_while_the_device_is_broken() {
    let plant = Plant::new();
    let hsm = plant.open_broken().await;
    let keys = Keys::make(&hsm).await;
    for function in ["C_Decrypt", "C_UnwrapKey"] {
        plant.tell(&format!("{function} general-error 4\n"));
        let answer = keys.call(&hsm, function).await;
        assert!(answer.as_ref().map_or_else(says_try_again, |()| true), "{function}: {answer:?}");
        plant.tell("");
        hsm.until("health", |health| health.worker.is_some()).await;
        keys.call(&hsm, function).await.unwrap();
    }
}

#[tokio::test]
async fn a_hung_session_does_not_stop_the_others_before_its_deadline() {
    let plant = Plant::new();
    let hsm = plant.open_broken().await;
    let keys = std::sync::Arc::new(Keys::make(&hsm).await);
    plant.tell("C_Sign hang 1\n");
    let hung = tokio::spawn({
        let (hsm, keys) = (hsm.clone(), std::sync::Arc::clone(&keys));
        async move { keys.call(&hsm, "C_Sign").await }
    });
    while !plant.untold().is_empty() {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    for _ in 0..20 {
        keys.call(&hsm, "C_UnwrapKey").await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
    assert!(matches!(hung.await.unwrap(), Err(Refusal::BackendDeadline { .. })));
    keys.call(&hsm, "C_Sign").await.unwrap();
    assert_eq!(hsm.health().counts.deadline_kills, 1);
}
