//! What a purge leaves in the token, and what it must leave there.

use std::fs;
use std::path::Path;

use keybroker_tests::{AUTHORIZATION, Asks as _, Client, Request, SUFFIX, eventually, unb64};
use serde_json::json;

use crate::plant::Plant;

/// Objects that lie in the token: SoftHSM keeps each in a file of its own.
fn objects(plant: &Plant) -> usize {
    let files = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let tokens = files(&plant.tokens());
    let kept = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "object");
    tokens.iter().flat_map(|token| files(token)).filter(kept).count()
}

fn purge(client: &Client, key: &str) {
    client.call("DELETE", &format!("/keys/{key}"), None).with_status(200);
    client.call("DELETE", &format!("/deletedkeys/{key}"), None).with_status(204);
}

#[test]
fn a_purge_leaves_nothing_in_the_token_and_spares_what_a_restored_key_shares() {
    let plant = Plant::new();
    let (broker, admin) = (&plant.broker, plant.broker.admin());
    broker.ask(&["vault", "create", "vault2", "--hsm-backend", "hsm"]);
    let other = admin.of_host(&format!("vault2.{SUFFIX}"));
    let at_first = objects(&plant);
    let path = admin.create("k", "oct-HSM", 256);
    let wrapped = unb64(&admin.wrap(&path, "A256KW", &[6; 32]).with_status(200).json()["value"]);
    let backup = admin.post("/keys/k/backup", &json!({})).with_status(200).json();
    other.post("/keys/restore", &backup).with_status(200);
    // The original has one more version in the token, and its latest in software.
    admin.create("k", "oct-HSM", 256);
    admin.create("k", "oct", 256);
    assert_eq!(objects(&plant), at_first + 2);
    purge(&admin, "k");
    assert_eq!(objects(&plant), at_first + 1, "the shared version alone is left");
    let opened = other.unwrap("/keys/k", "A256KW", &wrapped).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), [6; 32]);
    purge(&other, "k");
    assert_eq!(objects(&plant), at_first);
    // A vault goes with the objects of its keys, live or deleted.
    for key in ["a", "b"] {
        other.create(key, "oct-HSM", 256);
    }
    other.call("DELETE", "/keys/b", None).with_status(200);
    broker.ask(&["vault", "delete", "vault2"]);
    assert_eq!(objects(&plant), at_first + 2);
    broker.ask(&["vault", "purge", "vault2"]);
    assert_eq!(objects(&plant), at_first);
}

#[test]
fn a_purge_that_the_brokers_death_interrupts_is_finished_by_itself_after_the_restart() {
    let mut plant = Plant::breakable();
    let at_first = objects(&plant);
    let admin = plant.broker.admin();
    admin.create("k", "oct-HSM", 256);
    admin.call("DELETE", "/keys/k", None).with_status(200);
    plant.tell("C_DestroyObject hang 1\n");
    // No answer comes: the broker is killed while the token hangs.
    let asking = std::thread::spawn(move || admin.try_send(&purge_request()).is_err());
    eventually("the token to hang", || plant.untold().is_empty().then_some(()));
    assert_eq!(objects(&plant), at_first + 1);
    plant.broker.kill9();
    assert!(asking.join().unwrap());
    plant.broker.serve();
    let admin = plant.broker.admin();
    eventually("the end of the purge", || (admin.get("/deletedkeys/k").status == 404).then_some(()));
    assert_eq!(objects(&plant), at_first);
    let by_itself = |entry: &serde_json::Value| {
        entry["operation"] == "purge-key" && entry["principal"] == "system/purge" && entry["decision"] == "allowed"
    };
    assert_eq!(plant.broker.audit().iter().filter(|entry| by_itself(entry)).count(), 1);
    admin.create("k", "oct-HSM", 256);
}

fn purge_request() -> Request {
    Request::new("DELETE", "/deletedkeys/k?api-version=7.4").header(AUTHORIZATION.0, AUTHORIZATION.1)
}
