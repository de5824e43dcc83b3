//! Logging in: once, alone, and not again after a wrong PIN.

use broker_backend_pkcs11::{OpenError, PinSource, TokenName, TokenState};
use broker_core::algorithm::KeySpec;
use broker_core::port::Backend as _;

use crate::plant::{Hsm, PIN, Plant};

#[tokio::test]
async fn a_wrong_pin_is_tried_once_and_refused_in_clear_words() {
    let plant = Plant::new();
    // Counted by the shim: were C_Login called more than once, fewer of these would be left.
    plant.tell("C_Login slow-ms:1 100\n");
    std::fs::write(plant.path("pin"), "wrong-pin").unwrap();
    let error = Hsm::open(plant.spec(vec![plant.broken_token()])).await.err().unwrap();
    assert!(matches!(error, OpenError::Refused { .. }), "{error}");
    let told = error.to_string();
    assert!(told.contains("PinIncorrect") && !told.contains("wrong-pin"), "{told}");
    assert_eq!(plant.untold(), "C_Login slow-ms:1 99\n");
    std::fs::write(plant.path("pin"), PIN).unwrap();
    plant.open().await.0.self_test().await.unwrap();
}

#[tokio::test]
async fn a_wrong_pin_after_the_token_was_lost_ends_in_one_try_too() {
    let plant = Plant::new();
    let hsm = plant.open_broken().await;
    hsm.make("key", 1, KeySpec::Oct256).await.unwrap();
    std::fs::write(plant.path("pin"), "wrong-pin").unwrap();
    let worker = hsm.health().worker.unwrap();
    crate::kills::kill(worker);
    let health = hsm.until("giving up", |health| health.state == TokenState::Refused).await;
    assert!(health.last_trouble.unwrap().contains("PinIncorrect"));
    assert_eq!(health.counts.starts, 2);
}

#[tokio::test]
async fn a_pin_that_is_not_there_a_module_that_is_none_and_a_label_of_nobody_are_told_apart() {
    let plant = Plant::new();
    let open = async |change: &dyn Fn(&mut broker_backend_pkcs11::PkcsSpec)| {
        let mut spec = plant.spec(vec![plant.token()]);
        spec.limits.login_ms_max = 3_000;
        change(&mut spec);
        Hsm::open(spec).await
    };
    let told =
        async |change: &dyn Fn(&mut broker_backend_pkcs11::PkcsSpec)| open(change).await.err().unwrap().to_string();
    let no_pin = told(&|spec| spec.tokens[0].pin = PinSource::File("/nowhere/pin".into())).await;
    assert!(no_pin.contains("PIN file /nowhere/pin"), "{no_pin}");
    let no_variable = told(&|spec| spec.tokens[0].pin = PinSource::Environment("KB_NO_SUCH_PIN".into())).await;
    assert!(no_variable.contains("KB_NO_SUCH_PIN of the PIN is not set"), "{no_variable}");
    let no_module = told(&|spec| spec.tokens[0].module = "/etc/passwd".into()).await;
    assert!(no_module.contains("module /etc/passwd"), "{no_module}");
    let nothing = told(&|spec| spec.tokens[0].module = "/nowhere/module.so".into()).await;
    assert!(nothing.contains("module.so is no file"), "{nothing}");
    let sessions = told(&|spec| spec.tokens[0].sessions = 0).await;
    assert!(sessions.contains("1 to 64 sessions"), "{sessions}");
    // It may be switched on later.
    let hsm = open(&|spec| spec.tokens[0].token = TokenName::Label("nobody".into())).await.unwrap();
    let health = hsm.health();
    assert_eq!(health.state, TokenState::Starting);
    assert!(health.last_trouble.unwrap().contains("nobody"));
}

#[tokio::test]
async fn a_hung_login_is_ended_by_its_own_longer_deadline_and_tried_again() {
    let plant = Plant::new();
    plant.tell("C_Login hang 1\n");
    let mut spec = plant.spec(vec![plant.broken_token()]);
    spec.limits.login_ms_max = 2_500;
    let hsm = Hsm::open(spec).await.unwrap();
    let health = hsm.until("a login", |health| health.state == TokenState::Serving).await;
    assert_eq!((health.counts.starts, health.counts.deadline_kills), (2, 1));
    hsm.0.self_test().await.unwrap();
}

#[tokio::test]
async fn a_worker_has_no_core_dump_no_new_privileges_and_no_descriptors_but_its_own() {
    let plant = Plant::new();
    // Inherited by children unless someone closes it.
    let leaked = std::fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    let hsm = plant.open().await;
    let worker = hsm.health().worker.unwrap();
    let proc = |name: &str| std::fs::read_to_string(format!("/proc/{worker}/{name}")).unwrap();
    assert!(proc("limits").lines().any(|line| line.starts_with("Max core file size        0                    0")));
    assert!(proc("status").lines().any(|line| line == "NoNewPrivs:\t1"));
    assert!(!proc("environ").contains("PATH="), "the worker sees the broker's environment");
    let open: Vec<String> = std::fs::read_dir(format!("/proc/{worker}/fd"))
        .unwrap()
        .map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap().display().to_string())
        .collect();
    let null = open.iter().filter(|path| *path == "/dev/null").count();
    assert_eq!(null, 2, "output and error alone: {open:?}");
    assert!(open.iter().all(|path| !path.contains("pin")), "{open:?}");
}
