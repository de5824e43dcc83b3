//! What `/metrics` says, and what it never does: its series come from closed lists, whoever asks for whatever.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use keybroker_tests::{
    AUTHORIZATION, Asks as _, Authority, Broker, Client, Leaf, Metrics, Request, SUFFIX, Setup, b64, days_from_now,
    eventually, unb64,
};
use serde_json::json;

/// Most series of a broker with two fronts and one backend. An operation has a few ends, and a histogram of 17
/// series once it was asked for.
const SERIES_MAX: usize = 700;
const KEYS: usize = 200;
const PRINCIPALS: usize = 20;
/// Who scrapes at once, and what goes on meanwhile.
const SCRAPERS: usize = 8;
const WRAPS: u16 = 1_000;
const SECRET: [u8; 32] = [0x5E; 32];

/// A metric, labels, and the sum of the samples that carry them.
type Row = (&'static str, &'static [(&'static str, &'static str)], f64);

/// Every label there is. `le` is a histogram's; `kind` and `name` are of certificates and records, by configured names.
const LABELS: [&str; 12] =
    ["backend", "deed", "event", "front", "kind", "le", "name", "operation", "outcome", "reason", "state", "version"];

fn broker() -> Broker {
    Setup::new().vault("canary-vault").edit(with_ekm).start()
}

/// The second front, with nobody asking.
fn with_ekm(config: &mut toml::Table) {
    let ekm = "listen = \"127.0.0.1:0\"\nprefixes = [{ prefix = \"canary-pool\", vault = \"canary-vault\" }]";
    let ekm: toml::Table = ekm.parse().unwrap();
    config["front"].as_table_mut().unwrap().insert("ekm".to_owned(), ekm.into());
}

/// Waits until the handshakes that a test began have all been counted.
fn settled(broker: &Broker) -> Metrics {
    eventually("no connection open", || {
        let metrics = broker.metrics();
        (metrics.sum("keybroker_connections", &[]) < 0.5).then_some(metrics)
    })
}

/// Keys, principals and names that nobody should have, all of them bearing `word`.
fn traffic(broker: &Broker, word: &str) {
    let admin = broker.admin().of_host(&format!("canary-vault.{SUFFIX}")).connect().unwrap();
    for turn in 0..KEYS {
        admin.create(&format!("{word}-key-{turn}"), "oct", 256);
    }
    let key = format!("/keys/{word}-key-0");
    let wrapped = admin.wrap(&key, "A256KW", &SECRET).with_status(200).json()["value"].clone();
    for turn in 0..PRINCIPALS {
        let name = format!("{word}-person-{turn}");
        let scope = format!("/canary-vault/{word}-key-0");
        broker.grant(&broker.principal(&name), "get,unwrapKey", &scope);
        let person = broker.client_of(&name).of_host(&format!("canary-vault.{SUFFIX}")).connect().unwrap();
        person.get(&key).with_status(200);
        person.post(&format!("{key}/unwrapkey"), &json!({ "alg": "A256KW", "value": wrapped })).with_status(200);
        person.wrap(&key, "A256KW", &SECRET).with_status(403);
    }
    hostile(broker, word);
}

/// What does not parse, is not there, or is nobody.
fn hostile(broker: &Broker, word: &str) {
    let admin = broker.admin();
    for name in [format!("{word}_no_name"), format!("{word}%22%7D"), format!("{word}-{}", "x".repeat(200))] {
        assert!(admin.get(&format!("/keys/{name}")).status >= 400);
        assert!(admin.get(&format!("/{name}/{name}")).status >= 400);
        let method = Request::new(&word.to_uppercase(), &format!("/keys/{name}?api-version=7.4"));
        assert!(admin.answer(&method.header(AUTHORIZATION.0, AUTHORIZATION.1)).status >= 400);
    }
    for host in [format!("{word}.{SUFFIX}"), format!("{word}\"}}")] {
        assert!(admin.with_host(&host).get("/keys").status >= 400);
    }
    let wrap = json!({ "alg": format!("{word}-algorithm"), "value": b64(&SECRET) });
    assert_eq!(admin.post(&format!("/keys/{word}/wrapkey"), &wrap).status, 400);
    // Another CA's, an expired one, one without a name, none.
    let stranger = Authority::new(&format!("{word} CA"));
    let leaf = || Leaf::client().uri(&format!("spiffe://{word}/x"));
    let (past, now) = (days_from_now(-9), days_from_now(-1));
    let denied = [
        Some(stranger.issue(leaf())),
        Some(broker.dev.issue(leaf().between(past, now))),
        Some(broker.dev.issue(Leaf::client().common_name(word))),
        None,
    ];
    for identity in &denied {
        let client = Client::new(broker.keyvault(), &format!("{word}.{SUFFIX}"), &broker.dev.der(), identity.as_ref());
        let _alert = client.denied();
    }
}

#[test]
fn two_hundred_keys_twenty_principals_and_hostile_names_are_in_no_label() {
    let broker = broker();
    traffic(&broker, "zebra");
    let first = settled(&broker);
    // Others ask for the same, of others.
    traffic(&broker, "quagga");
    let second = settled(&broker);
    let new: Vec<_> = second.series().difference(&first.series()).copied().map(str::to_owned).collect();
    assert!(new.is_empty(), "other names made other series: {new:?}");
    let count = second.series().len();
    assert!(count <= SERIES_MAX, "{count} series");
    for word in ["canary", "vault1", "zebra", "quagga", "QUAGGA", "spiffe", SUFFIX, "person", "127.0.0.1"] {
        assert!(!second.0.contains(word), "{word} stands in /metrics");
    }
    let labels: BTreeSet<_> = second.series().iter().flat_map(|series| labels_of(series).into_keys()).collect();
    assert_eq!(labels, LABELS.map(str::to_owned).into());
    eprintln!("{count} series, {} bytes", second.0.len());
}

/// The labels of a series whose values hold no comma and no quote, as ours all do.
fn labels_of(series: &str) -> BTreeMap<String, String> {
    let inside = series.split_once('{').map_or("", |(_, rest)| rest.trim_end_matches('}'));
    let pairs = inside.split(',').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn what_an_alert_watches_is_there_at_nought_before_it_happens() {
    let broker = broker();
    let fresh = broker.metrics();
    let reason = |reason| format!("keybroker_client_denials_total{{reason=\"{reason}\"}}");
    let denied = |operation, reason| {
        format!(
            "keybroker_requests_total{{front=\"keyvault\",operation=\"{operation}\",outcome=\"refused\",reason=\"{reason}\"}}"
        )
    };
    let plugin = |event| format!("keybroker_plugin_events_total{{backend=\"software\",event=\"{event}\"}}");
    for series in [
        "keybroker_audit_failing".to_owned(),
        "keybroker_audit_failures_total".to_owned(),
        "keybroker_panics_total".to_owned(),
        "keybroker_reloads_total{outcome=\"failed\"}".to_owned(),
        "keybroker_requests_in_flight".to_owned(),
        "keybroker_tls_handshakes_total{front=\"ekm\",outcome=\"bad-certificate\"}".to_owned(),
        "keybroker_backend_calls_total{backend=\"software\",operation=\"unwrap-key\",outcome=\"backend-deadline\"}"
            .to_owned(),
        denied("decrypt", "forbidden"),
        denied("unwrap-key", "forbidden"),
        plugin("deadline-kill"),
        plugin("memory-kill"),
        plugin("trap"),
        reason("expired"),
        reason("no-name"),
        reason("unknown-ca"),
    ] {
        let line = format!("{series} 0\n");
        assert!(fresh.0.contains(&line), "not there: {line}");
    }
    // Nor does a denial bring a word that the list lacks.
    hostile(&broker, "zebra");
    let reasons = |metrics: &Metrics| -> Vec<String> {
        let denials = |series: &&&str| series.starts_with("keybroker_client_denials_total");
        metrics.series().iter().filter(denials).map(|series| (*series).to_owned()).collect()
    };
    let after = settled(&broker);
    assert_eq!(reasons(&after), reasons(&fresh));
    for word in ["expired", "no-name", "unknown-ca"] {
        assert!(after.sum("keybroker_client_denials_total", &[("reason", word)]) > 0.5, "{word}");
    }
}

#[test]
fn keys_records_and_the_time_of_each_stage_are_counted() {
    let broker = broker();
    let admin = broker.admin();
    let key = admin.create("counted", "oct", 256);
    let wrapped = unb64(&admin.wrap(&key, "A256KW", &SECRET).with_status(200).json()["value"]);
    admin.unwrap(&key, "A256KW", &wrapped).with_status(200);
    admin.rotate("counted");
    broker.grant(&broker.principal("someone"), "get", "/vault1");
    let metrics = broker.metrics();
    let rows: [Row; 10] = [
        ("keybroker_keys", &[("state", "live")], 1.0),
        ("keybroker_keys", &[("state", "deleted")], 0.0),
        ("keybroker_store_records", &[("kind", "material")], 2.0),
        ("keybroker_store_records", &[("kind", "vault")], 2.0),
        // Four requests, each decided once, though a creation and a rotation have two entries.
        ("keybroker_authorise_seconds_count", &[("front", "keyvault")], 4.0),
        ("keybroker_authorise_seconds_count", &[("front", "ekm")], 0.0),
        ("keybroker_backend_seconds_count", &[("operation", "generate-key")], 2.0),
        ("keybroker_audit_seconds_count", &[], 10.0),
        ("keybroker_plugin_calls_in_flight", &[("backend", "software")], 0.0),
        ("keybroker_audit_failing", &[], 0.0),
    ];
    for (name, labels, wanted) in &rows {
        assert_eq!(metrics.sum(name, labels).to_bits(), wanted.to_bits(), "{name} {labels:?}\n{}", metrics.0);
    }
    assert!(metrics.sum("keybroker_store_records", &[("kind", "grant")]) > 1.5);
    assert!(metrics.sum("keybroker_store_bytes", &[]) > 4096.0);
    assert!(metrics.sum("process_resident_memory_bytes", &[]) > 1e6);
    // A generated key is slow, its decision is not: the backend's time is not in it.
    let (authorise, backend) = (
        metrics.sum("keybroker_authorise_seconds_sum", &[("front", "keyvault")]),
        metrics.sum("keybroker_request_seconds_sum", &[("front", "keyvault")]),
    );
    assert!(authorise < backend, "{authorise} s of {backend} s");
}

#[test]
fn the_next_purge_and_the_next_rotation_are_foreseen() {
    let broker = Setup::new()
        .edit(|config| {
            let scheduler = "every-ms = 50".parse::<toml::Table>().unwrap();
            config.insert("scheduler".to_owned(), scheduler.into());
        })
        .start();
    let next = |metrics: &Metrics, deed| metrics.sum("keybroker_scheduled_next_timestamp_seconds", &[("deed", deed)]);
    let idle = broker.metrics();
    assert!(["notify", "purge", "rotate"].iter().all(|deed| next(&idle, deed) < 0.5), "{}", idle.0);
    let admin = broker.admin().connect().unwrap();
    for name in ["kept", "gone-first", "gone-later"] {
        admin.create(name, "oct", 256);
    }
    admin.call("DELETE", "/keys/gone-first", None).with_status(200);
    let rotate = json!({ "trigger": { "timeAfterCreate": "P30D" }, "action": { "type": "Rotate" } });
    let policy = json!({ "lifetimeActions": [rotate] });
    admin.call("PUT", "/keys/kept/rotationpolicy", Some(&policy)).with_status(200);
    let metrics = eventually("both foreseen", || {
        let metrics = broker.metrics();
        (next(&metrics, "purge") > 0.5 && next(&metrics, "rotate") > 0.5).then_some(metrics)
    });
    for (deed, days) in [("purge", 90), ("rotate", 30)] {
        #[allow(clippy::cast_precision_loss)] // Unix seconds fit a double's 53 bits for a long while
        let off = next(&metrics, deed) - days_from_now(days).unix_timestamp() as f64;
        assert!((-300.0..=1.0).contains(&off), "{deed}: {off} s off {days} days\n{}", metrics.0);
    }
    assert!(next(&metrics, "notify") < 0.5);
    // A key that is deleted later is purged later.
    admin.call("DELETE", "/keys/gone-later", None).with_status(200);
    let two = eventually("two deleted", || {
        let metrics = broker.metrics();
        (metrics.sum("keybroker_keys", &[("state", "deleted")]) > 1.5).then_some(metrics)
    });
    assert_eq!(next(&two, "purge").to_bits(), next(&metrics, "purge").to_bits());
}

#[test]
fn two_that_scrape_at_once_count_nothing_twice() {
    let broker = broker();
    let admin = broker.admin().connect().unwrap();
    let key = admin.create("counted", "oct", 256);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..SCRAPERS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let page = broker.metrics();
                    let expiry = |kind| page.0.contains(&format!("timestamp_seconds{{kind=\"{kind}\""));
                    assert!(expiry("server") && expiry("client-ca"), "a certificate is missing");
                }
            });
        }
        for _ in 0..WRAPS {
            admin.wrap(&key, "A256KW", &SECRET).with_status(200);
        }
        done.store(true, Ordering::Relaxed);
    });
    // Two for the creation, and two for the loading of the backend.
    let (metrics, wanted) = (broker.metrics(), f64::from(WRAPS) + 4.0);
    assert_eq!(metrics.sum("keybroker_audit_entries_total", &[]).to_bits(), wanted.to_bits(), "{}", metrics.0);
}
