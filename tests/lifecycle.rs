//! The whole life of a key through Microsoft's client, what the broker does by itself, and what its clock may do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use keybroker_tests::{Asks as _, Broker, Setup, eventually, python, run, tests_folder};
use serde_json::{Value, json};

const SCRIPT_MAX: Duration = Duration::from_secs(300);

fn broker() -> Broker {
    let broker = Setup::new().vault("vault2").start();
    for name in ["admin", "blind", "verifier"] {
        broker.identity(name).write(&broker.pki(), name);
    }
    broker.grant(&broker.principal("blind"), "wrapKey,unwrapKey,encrypt,decrypt", "/vault1");
    broker.grant(&broker.principal("verifier"), "verify", "/vault1");
    broker
}

#[test]
fn python_lives_through_the_whole_life_of_a_key() {
    let broker = broker();
    let mut script = Command::new(python());
    script.env("PYTHONDONTWRITEBYTECODE", "1").arg(tests_folder().join("clients/python/lifecycle.py"));
    script.arg(broker.keyvault().port().to_string()).arg(broker.pki());
    let done = run(&mut script, SCRIPT_MAX);
    let (stdout, stderr) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{stdout}\n{stderr}");
    assert_eq!(stdout.lines().count(), 6, "{stdout}");
    let changes = ["delete-key", "purge-key", "restore-key", "import-key", "set-rotation-policy"];
    for operation in changes {
        let phases: Vec<String> = broker
            .audit()
            .iter()
            .filter(|line| line["operation"] == operation && line["decision"] != "refused")
            .map(|line| line["phase"].as_str().unwrap().to_owned())
            .collect();
        assert!(
            phases.contains(&"intent".to_owned()) && phases.contains(&"outcome".to_owned()),
            "{operation}: {phases:?}"
        );
    }
}

#[test]
fn a_delete_lock_must_be_lifted_first() {
    let broker = broker();
    let admin = broker.admin();
    admin.create("locked", "oct", 256);
    broker.ask(&["key", "lock", "/vault1/locked"]);
    let refused = admin.call("DELETE", "/keys/locked", None).with_status(409);
    assert!(refused.message().contains("delete lock"), "{}", refused.message());
    broker.ask(&["key", "unlock", "/vault1/locked"]);
    admin.call("DELETE", "/keys/locked", None).with_status(200);
}

#[test]
fn purge_protection_keeps_a_deleted_key() {
    let broker = broker();
    let admin = broker.admin();
    broker.ask(&["vault", "update", "vault1", "--purge-protection"]);
    admin.create("kept", "oct", 256);
    let deleted = admin.call("DELETE", "/keys/kept", None).with_status(200).json();
    assert_eq!(deleted["attributes"]["recoveryLevel"], "Recoverable");
    let refused = admin.call("DELETE", "/deletedkeys/kept", None).with_status(403);
    assert!(refused.message().contains("purge protection"), "{}", refused.message());
    admin.post("/deletedkeys/kept/recover", &json!({})).with_status(200);
}

#[test]
fn the_doctor_names_what_is_missing_and_what_mends_it() {
    let broker = broker();
    broker.admin().create("waited-for", "RSA", 2048);
    let who = broker.principal("cache");
    let finding = |step: &str| -> Value {
        let all = broker.ask(&["doctor", "--principal", &who, "--key", "/vault1/waited-for"]);
        all.as_array().unwrap().iter().find(|finding| finding["step"] == step).unwrap().clone()
    };
    for (step, good) in [("identity", true), ("vault", true), ("key", true), ("version", true), ("backend", true)] {
        assert_eq!(finding(step)["good"], good, "{step}");
    }
    let missing = finding("grant unwrapKey");
    assert_eq!(missing["good"], false);
    assert!(missing["found"].as_str().unwrap().starts_with("waiting for key waited-for: "), "{missing}");
    assert!(missing["mend"].as_str().unwrap().contains("keybroker grant"), "{missing}");
    let heard = broker.client_of("cache").get("/keys/waited-for").with_status(403);
    assert!(heard.message().starts_with("waiting for key waited-for: "), "{}", heard.message());
    broker.grant(&who, "get,wrapKey,unwrapKey", "/vault1/waited-for");
    assert_eq!(finding("grant unwrapKey")["good"], true);
    broker.client_of("cache").get("/keys/waited-for").with_status(200);
}

#[test]
fn a_web_hook_hears_of_changes_with_a_signature_and_holds_nobody_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), [9; 32]).unwrap();
    let path = secret.path().display().to_string();
    let broker = Setup::new()
        .edit(move |config| {
            let hook = [("url".to_owned(), url.into()), ("secret-file".to_owned(), path.into())];
            config.insert("webhook".into(), toml::Table::from_iter(hook).into());
        })
        .start();
    // Nobody answers the hook yet, and the change is acknowledged all the same.
    broker.admin().create("announced", "oct", 256);
    let told = || {
        let (body, signature) = heard(&listener.accept().unwrap().0);
        let notice: Value = serde_json::from_slice(&body).unwrap();
        (body, signature, notice)
    };
    // The start of the broker loaded a backend.
    let (_, _, first) = told();
    assert_eq!(first["event"], "load-backend");
    let (body, signature, notice) = told();
    assert_eq!((&notice["event"], &notice["scope"]), (&json!("create-key"), &json!("/vault1/announced")));
    let key = broker_crypto::mac::MacKey::from_secret(&broker_core::secret::Secret::new(vec![9; 32])).unwrap();
    let expected: String = key.tag(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(signature, expected);
    eventually("the delivery to be counted", || {
        (broker.metrics().sum("keybroker_webhook_notices_total", &[("outcome", "delivered")]) == 2.0).then_some(())
    });
}

/// Reads one request of the hook and answers it.
fn heard(mut stream: &TcpStream) -> (Vec<u8>, String) {
    let mut bytes = Vec::new();
    loop {
        let mut more = [0; 4096];
        let read = stream.read(&mut more).unwrap();
        assert!(read > 0, "the hook's request ended early");
        bytes.extend_from_slice(&more[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4) else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
        let header =
            |name: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap().to_owned();
        if bytes.len() < end + header("content-length").parse::<usize>().unwrap() {
            continue;
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        return (bytes[end..].to_vec(), header("x-keybroker-signature"));
    }
}
