//! What is not as it should be is not loaded, at the start or again, and what serves goes on serving.

use std::fs;

use keybroker_tests::{Asks as _, Broker, SUFFIX, Setup, eventually, guest, unb64};
use toml::Table;

const SECRET: [u8; 32] = [0x5E; 32];

fn set(broker: &Broker, backend: &str, name: &str, value: impl Into<toml::Value>) {
    broker.edit_config(|config| {
        let all = config["backend"].as_array_mut().unwrap();
        let ours = all.iter_mut().find(|one| one["name"].as_str() == Some(backend)).unwrap();
        ours.as_table_mut().unwrap().insert(name.into(), value.into());
    });
}

fn table(text: &str) -> Table {
    text.parse().unwrap()
}

#[test]
fn an_unsigned_plugin_does_not_start_where_signatures_are_required() {
    let trust = table(&format!("require-signature = true\ntrusted-keys = [{:?}]", "11".repeat(32)));
    let mut broker = Setup::new().edit(|config| _ = config.insert("plugins".into(), trust.into())).init();
    let told = broker.try_serve().unwrap_err();
    assert!(told.contains("is not signed, but the configuration requires a signature"), "{told}");

    let key = broker.folder().join("plugin.key");
    crate::stdout(&crate::plugin(broker.folder(), &["keygen", "--out", key.to_str().unwrap()]));
    assert!(
        crate::refusal(&crate::plugin(broker.folder(), &["keygen", "--out", key.to_str().unwrap()])).contains("exists")
    );
    let words = ["sign", "broker/plugins/software.wasm", "--key", "plugin.key"];
    crate::stdout(&crate::plugin(broker.folder(), &words));
    let told = broker.try_serve().unwrap_err();
    assert!(told.contains("which is not trusted"), "{told}");
}

#[test]
fn a_plugin_that_wants_more_than_before_or_fails_its_self_test_does_not_take_the_place_of_one_that_serves() {
    let broker = Setup::new().backend("other", guest("software"), Table::new()).start();
    broker.ask(&["vault", "create", "vault2", "--backend", "other"]);
    let client = broker.admin().of_host(&format!("vault2.{SUFFIX}"));
    let key = client.create("k", "oct", 256);
    let wrapped = unb64(&client.wrap(&key, "A256KW", &SECRET).with_status(200).json()["value"]);
    let loads = |outcome| {
        broker.metrics().sum("keybroker_plugin_loads_total", &[("backend", "other"), ("outcome", outcome)]) as u64
    };
    let rows = [
        (guest("faulty-reveal"), "not-granted", "add \"reveal\" to its grants"),
        (guest("faulty-import"), "unknown-import", "which this broker does not have"),
        (broker.home().join("nothing.wasm"), "unreadable", "cannot be read"),
    ];
    for (file, outcome, expected) in rows {
        set(&broker, "other", "file", file.display().to_string());
        let told = broker.refusal(&["plugin", "reload", "other"]);
        assert!(told.contains(expected), "{outcome}: {told}");
        assert_eq!(loads(outcome), 1, "{outcome}");
        let opened = client.unwrap(&key, "A256KW", &wrapped).with_status(200).json();
        assert_eq!(unb64(&opened["value"]), SECRET, "{outcome}");
    }
    let all = ["clock", "credentials", "crypto", "http", "keyvalue", "log", "settings"];
    set(&broker, "other", "grants", all.map(toml::Value::from).to_vec());
    set(&broker, "other", "settings", table("slow-start = true"));
    set(&broker, "other", "file", guest("faulty-reach").display().to_string());
    let told = broker.refusal(&["plugin", "reload", "other"]);
    assert!(told.contains("failed its self-test"), "{told}");
    assert_eq!(loads("self-test"), 1);
    let opened = client.unwrap(&key, "A256KW", &wrapped).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), SECRET, "the old one serves");
    broker.edit_config(|config| _ = config.insert("nonsense".into(), 1.into()));
    let told = broker.refusal(&["plugin", "reload", "other"]);
    assert!(told.contains("nonsense"), "{told}");
    assert_eq!((loads("configuration"), loads("ok")), (1, 1));
    let told = broker.refusal(&["plugin", "reload", "nobody"]);
    assert!(told.contains("conflict"), "{told}");
}

#[test]
fn a_call_under_way_ends_on_the_version_it_began_on() {
    let more = table("call-ms-max = 4000");
    let broker = Setup::new().backend("faulty", guest("faulty"), more).start();
    broker.ask(&["vault", "create", "vault2", "--backend", "faulty"]);
    let client = broker.admin().of_host(&format!("vault2.{SUFFIX}"));
    let key = client.create("fault-loop", "oct", 256);
    let looping = {
        let client = broker.admin().of_host(&format!("vault2.{SUFFIX}"));
        std::thread::spawn(move || client.wrap(&key, "A256KW", &SECRET))
    };
    let labels = [("backend", "faulty")];
    let under_way = || broker.metrics().sum("keybroker_plugin_calls_in_flight", &labels);
    eventually("the call that loops", || (under_way() > 0.5).then_some(()));
    let copy = broker.home().join("honest.wasm");
    fs::copy(guest("software"), &copy).unwrap();
    set(&broker, "faulty", "file", copy.display().to_string());
    let loaded = broker.ask(&["plugin", "reload", "faulty"]);
    assert!(loaded["loaded"].as_str().unwrap().starts_with("software "), "{loaded}");
    let honest = client.create("fault-trap", "oct", 256);
    let wrapped = unb64(&client.wrap(&honest, "A256KW", &SECRET).with_status(200).json()["value"]);
    assert_eq!(unb64(&client.unwrap(&honest, "A256KW", &wrapped).with_status(200).json()["value"]), SECRET);
    assert_eq!(looping.join().unwrap().status, 504, "the old version's call ended by its own deadline");
}

#[test]
fn a_file_that_changes_is_loaded_by_itself_and_a_bad_one_tried_once() {
    let broker = Setup::new().edit(|config| _ = config.insert("reload-check-ms".into(), 50.into())).start();
    let file = broker.home().join("plugins/software.wasm");
    let loads = |outcome| {
        broker.metrics().sum("keybroker_plugin_loads_total", &[("backend", "software"), ("outcome", outcome)]) as u64
    };
    let replace = |bytes: &[u8]| {
        let unfinished = file.with_extension("unfinished");
        fs::write(&unfinished, bytes).unwrap();
        fs::rename(unfinished, &file).unwrap();
    };
    replace(b"no component");
    eventually("the bad file is tried", || (loads("wrong-digest") > 0).then_some(()));
    replace(&fs::read(guest("software")).unwrap());
    eventually("the good file is loaded", || (loads("ok") == 2).then_some(()));
    assert_eq!(loads("wrong-digest"), 1, "a bad file was tried at every look");
    let told = |entry: &&serde_json::Value| entry["operation"] == "load-backend" && entry["phase"] == "outcome";
    assert_eq!(broker.audit().iter().filter(told).count(), 3);
}
