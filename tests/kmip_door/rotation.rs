//! A vault's KEK is rotated while its objects are in use.

use std::collections::BTreeMap;

use keybroker_tests::desk::*;
use keybroker_tests::{Broker, eventually};

const OBJECTS: usize = 400;

fn waiting(broker: &Broker) -> f64 {
    broker.metrics().sum("keybroker_objects_waiting_rewrap", &[])
}

fn rewrapped(broker: &Broker) -> f64 {
    broker.metrics().sum("keybroker_objects_rewrapped_total", &[])
}

/// Every object still is the key it was.
fn check(speaker: &Speaker, keys: &BTreeMap<String, Vec<u8>>) {
    for (id, key) in keys {
        assert_eq!(speaker.ask(&get(id)).key(), *key);
    }
}

#[test]
fn a_rotation_of_the_kek_rewraps_every_object_even_if_the_broker_is_killed_meanwhile() {
    let mut broker = kmip(&[]).start();
    let speaker = speak(&owner(&broker, "db"));
    let keys: BTreeMap<_, _> = (0..OBJECTS)
        .map(|_| {
            let id = speaker.create(None);
            let key = speaker.ask(&get(&id)).key();
            (id, key)
        })
        .collect();
    let first = broker.ask(&["kmip", "rotate-kek", "vault1"]);
    eventually("some objects re-wrapped", || (rewrapped(&broker) > 0.0).then_some(()));
    broker.kill9();
    broker.serve();
    let client = client(&broker, &broker.identity("db"));
    // Served while the rest is re-wrapped.
    let speaker = speak(&client);
    check(&speaker, &keys);
    // Asked anew, or a broker that has not looked yet would seem to be done.
    eventually("all objects re-wrapped", || {
        let done = broker.metrics().sum("keybroker_scheduled_deeds_total", &[("deed", "rewrap"), ("outcome", "ok")]);
        let vaults = broker.ask(&["kmip", "status"])["vaults"].as_array().unwrap().len();
        (done > 0.0 && waiting(&broker) == 0.0 && vaults == 0).then_some(())
    });
    check(&speaker, &keys);
    // And once more, to its end.
    let second = broker.ask(&["kmip", "rotate-kek", "vault1"]);
    assert_ne!(first, second);
    eventually("all objects re-wrapped again", || {
        let status = broker.ask(&["kmip", "status"]);
        (status["vaults"].as_array().unwrap().is_empty() && waiting(&broker) == 0.0).then_some(())
    });
    assert!(rewrapped(&broker) >= OBJECTS as f64);
    check(&speaker, &keys);
    let verified = broker.cli(&["audit", "verify", "--dir", broker.home().join("audit").to_str().unwrap()]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[test]
fn only_who_may_rotate_in_the_vault_rotates_its_kek() {
    let broker = kmip(&[]).start();
    // There is nothing to keep yet.
    assert!(broker.refusal(&["kmip", "rotate-kek", "vault1"]).contains("does not exist"));
    assert!(broker.refusal(&["kmip", "rotate-kek", "vault2"]).contains("does not exist"));
}
