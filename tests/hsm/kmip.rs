//! KMIP objects whose vault's KEK lies in a token: made, found, re-wrapped, and out of reach while the token is.

use std::collections::BTreeMap;

use keybroker_tests::desk::*;
use keybroker_tests::eventually;

use crate::plant::Plant;

const OBJECTS: usize = 40;
/// General failure: the broker cannot, through no fault of the client's.
const GENERAL_FAILURE: u32 = 0x100;

#[test]
fn objects_under_a_kek_in_a_token_are_served_rewrapped_and_lost_only_as_long_as_the_token() {
    // While the shim has the token away, each call fails quickly.
    let plant = Plant::of(kmip(&[]), true, |backend| drop(backend.insert("call-ms-max".into(), 1_000.into())));
    let broker = &plant.broker;
    let speaker = speak(&owner(broker, "db"));
    let keys: BTreeMap<String, Vec<u8>> = (0..OBJECTS)
        .map(|number| {
            let id = speaker.create(Some(&format!("object-{number}")));
            let key = speaker.ask(&get(&id)).key();
            (id, key)
        })
        .collect();
    let check = || {
        for (id, key) in &keys {
            assert_eq!(speaker.ask(&get(id)).key(), *key);
        }
    };
    let located = speaker.ask(&locate("object-7")).ids();
    assert!(located.len() == 1 && keys.contains_key(&located[0]));
    // It is the token that wraps: the worker has made a key and been called for each object.
    let calls = |event: &str| broker.metrics().sum("keybroker_hsm_events_total", &[("event", event)]);
    assert!(calls("call") >= OBJECTS as f64 * 2.0, "{}", calls("call"));

    // Out of reach, and said so; what needs no key is served on.
    plant.tell("C_UnwrapKey token-not-present 1000000\nC_Decrypt token-not-present 1000000\n");
    assert_eq!(speaker.ask(&get(&located[0])).failure(), Some(GENERAL_FAILURE));
    assert_eq!(speaker.ask(&locate("object-7")).ids(), located);

    // A rotation whose re-wrapping cannot open what it is to move: nothing is lost, and it is seen to fail.
    let older = eventually("a new version of the KEK", || {
        let rotated = broker.cli(&["kmip", "rotate-kek", "vault1"]);
        rotated.status.success().then_some(rotated.stdout)
    });
    let failed = || {
        let deeds = |outcome| {
            broker.metrics().sum("keybroker_scheduled_deeds_total", &[("deed", "rewrap"), ("outcome", outcome)])
        };
        deeds("backend-unavailable") + deeds("backend-deadline") + deeds("backend-busy") + deeds("backend-faulty")
    };
    eventually("a re-wrapping that fails", || (failed() > 0.0).then_some(()));
    assert!(broker.metrics().sum("keybroker_objects_waiting_rewrap", &[]) > 0.0);
    assert!(!older.is_empty());

    // The token is back: all is served and moved, with nobody's help.
    plant.tell("");
    eventually("objects that are served again", || speaker.ask(&get(&located[0])).failure().is_none().then_some(()));
    check();
    eventually("all objects re-wrapped", || {
        let status = broker.ask(&["kmip", "status"]);
        let waiting = broker.metrics().sum("keybroker_objects_waiting_rewrap", &[]);
        (status["vaults"].as_array().unwrap().is_empty() && waiting < 1.0).then_some(())
    });
    check();
    // A worker that died in between is nobody's concern.
    plant.kill_worker();
    check();
    let another = speaker.create(Some("after all"));
    assert_eq!(speaker.ask(&get(&another)).key().len(), 32);
}
