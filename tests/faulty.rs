//! A guest that misbehaves is stopped inside its limits and told apart; and what a broker may not run, it does not start with.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keybroker_tests::{Answer, Asks as _, Broker, Client, Setup, b64, faulty, guest, unb64};
use serde_json::json;
use toml::{Table, Value};

/// A call of the faulty backend may last this long; long enough that an honest one never takes it on a busy machine.
const CALL_MS_MAX: i64 = 2_000;
/// No refusal takes longer, however busy the machine.
const REFUSAL_MAX: Duration = Duration::from_secs(20);
const SECRET: [u8; 32] = [0x5E; 32];

fn table(rows: &[(&str, Value)]) -> Table {
    rows.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

/// What wrapping under a key of this name gets.
fn struck(client: &Client, name: &str) -> Answer {
    let key = client.create(name, "oct", 256);
    let began = Instant::now();
    let answer = client.wrap(&key, "A256KW", &SECRET);
    assert!(began.elapsed() < REFUSAL_MAX, "{name} took {:?}", began.elapsed());
    answer
}

#[test]
fn every_excess_is_stopped_counted_and_told() {
    let broker = faulty::broker(CALL_MS_MAX);
    let client = faulty::client(&broker);
    let (deadline, broken) = ((504, "GatewayTimeout"), (502, "BadGateway"));
    let rows = [
        ("fault-loop", deadline, "deadline-kill"),
        ("fault-logloop", deadline, "deadline-kill"),
        ("fault-memory", broken, "memory-kill"),
        ("fault-huge", broken, "memory-kill"),
        ("fault-big", broken, "output-kill"),
        ("fault-recurse", broken, "trap"),
        ("fault-trap", broken, "trap"),
        ("fault-hoard", broken, "trap"),
        ("fault-hostcalls", broken, "trap"),
        ("fault-handle", broken, "trap"),
    ];
    for (name, refusal, event) in rows {
        let before = faulty::events(&broker, event);
        let answer = struck(&client, name);
        assert_eq!((answer.status, answer.code().as_str()), refusal, "{name}");
        assert!(answer.message().starts_with("backend faulty "), "{name}: {}", answer.message());
        assert!(faulty::events(&broker, event) > before, "{name} is not counted as {event}");
    }
    let log = broker.log();
    for told in ["held more than 64 handles", "asked for cryptography more than 128 times"] {
        assert!(log.contains(told), "{told}: {log}");
    }
    let answer = struck(&client, "fault-logflood");
    assert_eq!(answer.status, 200, "a guest that talks too much is cut short, no more: {answer:?}");
    assert!(faulty::events(&broker, "log-line-dropped") > 9_000.0);
    assert!(broker.log().lines().count() < 1_000);
    assert!(broker.log().chars().all(|c| c == '\n' || !c.is_control()), "a guest's text reached the log as it was");
    assert_eq!(broker.metrics().sum("keybroker_panics_total", &[]).to_bits(), 0.0_f64.to_bits());
}

#[test]
fn a_key_is_not_born_of_an_excess() {
    let broker = faulty::broker(CALL_MS_MAX);
    let client = faulty::client(&broker);
    // loop-generate is left to the backend's own tests: a generation may take half a minute.
    for name in ["trap-generate", "huge-generate"] {
        let answer = client.post(&format!("/keys/{name}/create"), &json!({ "kty": "oct" }));
        assert_eq!((answer.status, answer.code().as_str()), (502, "BadGateway"), "{name}");
        client.get(&format!("/keys/{name}")).with_status(404);
    }
}

#[test]
fn a_guest_that_reaches_for_what_is_not_its_own_gains_nothing() {
    let broker = faulty::broker(CALL_MS_MAX);
    let client = faulty::client(&broker);
    let rows = [
        ("fault-forge", 502),
        ("fault-handle", 502),
        ("fault-wrongverb", 400),
        ("fault-wrongverb-generate", 400),
        ("fault-wrongverb-import", 400),
        ("fault-wrongverb-seal", 400),
        ("fault-wrongverb-sign", 400),
    ];
    for (name, status) in rows {
        let answer = struck(&client, name);
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        assert!(answer.message().contains("backend faulty"), "{name}: {}", answer.message());
    }
    // One key's sealed material in another's hands.
    let loot = unb64(&struck(&client, "fault-leak").with_status(200).json()["value"]);
    client.create("fault-foreign", "oct", 256);
    let body = json!({ "alg": "A256GCM", "value": b64(&SECRET), "aad": b64(&loot) });
    let answer = client.post("/keys/fault-foreign/wrapkey", &body);
    assert!(answer.status >= 400, "a foreign key was opened: {answer:?}");
    assert!(answer.message().contains("backend faulty"), "{}", answer.message());
    // Handles of one call in the next.
    let key = client.create("fault-reuse", "oct", 256);
    for _ in 0..20 {
        let wrapped = unb64(&client.wrap(&key, "A256KW", &SECRET).with_status(200).json()["value"]);
        assert!(!wrapped.starts_with(b"reused:"));
        let opened = client.unwrap(&key, "A256KW", &wrapped).with_status(200).json();
        assert_eq!(unb64(&opened["value"]), SECRET);
    }
}

/// Why a broker with this backend does not start.
fn refused_start(component: PathBuf, more: Table) -> String {
    let mut broker = Setup::new().backend("other", component, more).init();
    let config = broker.config_file();
    let checked = broker.refusal(&["check", config.to_str().unwrap()]);
    let served = broker.refusal(&["serve", config.to_str().unwrap()]);
    assert!(served.contains(checked.trim()), "check and serve differ: {checked} {served}");
    broker.try_serve().expect_err("it serves");
    served
}

#[test]
fn an_import_that_is_not_granted_keeps_the_broker_from_starting_by_name() {
    let told = refused_start(guest("faulty-reveal"), Table::new());
    assert!(
        told.contains("`other` imports keybroker:backend/reveal, which its configuration does not grant"),
        "{told}"
    );
    let told = refused_start(guest("faulty"), table(&[("grants", Value::Array(Vec::new()))]));
    assert!(told.contains("add \"crypto\", \"log\" to its grants"), "{told}");
    let told = refused_start(guest("faulty-import"), Table::new());
    assert!(told.contains("`other` imports ") && told.contains("which this broker does not have"), "{told}");
    // A grant of one import is none of another.
    let told = refused_start(guest("faulty-import"), table(&[("grants", vec!["crypto", "reveal"].into())]));
    assert!(told.contains("which this broker does not have"), "{told}");
}

#[test]
fn a_load_that_keeps_the_broker_from_starting_stands_in_the_audit() {
    let mut broker = Setup::new().backend("other", guest("faulty-reveal"), Table::new()).init();
    broker.try_serve().expect_err("it serves");
    let audit = broker.audit();
    let of_other = |entry: &&serde_json::Value| {
        entry["operation"] == "load-backend"
            && entry["detail"].as_str().unwrap_or_default().starts_with("backend other")
    };
    let entries: Vec<_> = audit.iter().filter(of_other).collect();
    let [intent, outcome] = entries.as_slice() else { panic!("{audit:#?}") };
    assert_eq!((&intent["phase"], &outcome["phase"]), (&json!("intent"), &json!("outcome")));
    assert!(outcome["detail"].as_str().unwrap().contains("faulty-reveal.wasm sha256 "), "{outcome}");
    assert!(outcome.to_string().contains("conflict"), "{outcome}");
    // What does not serve is not written down: it is asked whether it would.
    let told = broker.refusal(&["check", broker.config_file().to_str().unwrap()]);
    assert!(told.contains("keybroker:backend/reveal"), "{told}");
    assert_eq!(broker.audit().len(), audit.len());
    let verified = broker.cli(&["audit", "verify", "--dir", broker.home().join("audit").to_str().unwrap()]);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_plugin_that_was_granted_reveal_serves() {
    let granted = table(&[("grants", vec!["crypto", "reveal"].into())]);
    let broker = Setup::new().backend("revealing", guest("faulty-reveal"), granted).start();
    broker.ask(&["vault", "create", "vault2", "--backend", "revealing"]);
    let client = faulty::client(&broker);
    let key = client.create("k", "oct", 256);
    let wrapped = unb64(&client.wrap(&key, "A256KW", &SECRET).with_status(200).json()["value"]);
    let opened = client.unwrap(&key, "A256KW", &wrapped).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), SECRET);
}

#[test]
fn a_component_of_another_digest_keeps_the_broker_from_starting() {
    let wrong = "ab".repeat(32);
    let told = refused_start(guest("software"), table(&[("sha256", wrong.as_str().into())]));
    assert!(told.contains("plugin `other`") && told.contains(&wrong) && told.contains("sha256"), "{told}");
}

fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn compiled_code_that_was_tampered_with_is_not_run_but_made_anew() {
    let mut broker = Setup::new().start();
    let admin = broker.admin();
    let key = admin.create("k", "oct", 256);
    let wrapped = unb64(&admin.wrap(&key, "A256KW", &SECRET).with_status(200).json()["value"]);
    let compiled = only_file(&broker.home().join("cache"));
    let sound = fs::read(&compiled).unwrap();
    let said = |broker: &Broker| broker.log().matches("compiled plugin is not as this broker wrote it").count();
    for (round, at) in [0, sound.len() / 2, sound.len() - 1].into_iter().enumerate() {
        broker.restart();
        assert_eq!(said(&broker), round, "a sound file is taken as it is");
        broker.stop();
        let mut tampered = sound.clone();
        tampered[at] ^= 1;
        fs::write(&compiled, &tampered).unwrap();
        broker.serve();
        assert_eq!(said(&broker), round + 1);
        assert_ne!(fs::read(&compiled).unwrap(), tampered, "it was made anew");
        let opened = broker.admin().unwrap(&key, "A256KW", &wrapped).with_status(200).json();
        assert_eq!(unb64(&opened["value"]), SECRET);
    }
}
