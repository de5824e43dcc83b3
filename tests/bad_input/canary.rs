//! A secret that is searched for in everything the broker says and keeps, and names that try to be more than names.

use std::path::Path;

use keybroker_tests::{Answer, Asks as _, Broker, Setup, b64, unb64};
use serde_json::json;

use crate::target::{asked, posted};

/// A secret that occurs nowhere else.
const CANARY: &[u8; 32] = b"canary-7f3a9c05-never-say-this-!";

/// Has the broker say all it can; compilers talk of nothing but themselves, and much.
fn loud(config: &mut toml::Table) {
    let filter = "trace,cranelift=info,cranelift_codegen=info,regalloc2=info,wasmtime=info";
    config["log"].as_table_mut().unwrap().insert("level".into(), filter.into());
}

/// The same without rustls, which shows handshakes in texts of many lines.
fn loud_in_lines(config: &mut toml::Table) {
    loud(config);
    let log = config["log"].as_table_mut().unwrap();
    let filter = format!("{},rustls=info", log["level"].as_str().unwrap());
    log.insert("level".into(), filter.into());
}

/// Every form in which the canary could show.
fn forms() -> Vec<Vec<u8>> {
    let hex: String = CANARY.iter().map(|byte| format!("{byte:02x}")).collect();
    let decimal = CANARY.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    // The middle alone, too: a cut or a shifted text is found as well.
    let middle = b64(&CANARY[3..30]);
    vec![CANARY[4..28].to_vec(), b64(CANARY).into_bytes(), middle.into_bytes(), hex.into_bytes(), decimal.into_bytes()]
}

fn is_clean(bytes: &[u8], what: &str) {
    for form in forms() {
        let found = bytes.windows(form.len()).position(|part| part == form);
        assert!(found.is_none(), "{what} holds the secret: {}", String::from_utf8_lossy(&form));
    }
}

fn files_are_clean(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_are_clean(&path);
        } else if path.is_file() {
            is_clean(&std::fs::read(&path).unwrap(), &path.display().to_string());
        }
    }
}

/// Sends the secret in every place it could go, right and wrong; gives what was refused.
fn sing(broker: &Broker) -> Vec<Answer> {
    let admin = broker.admin();
    admin.create("k", "oct", 256);
    admin.create("rsa", "RSA", 2048);
    for (key, algorithm) in [("/keys/k", "A256KW"), ("/keys/rsa", "RSA-OAEP-256")] {
        let wrapped = unb64(&admin.wrap(key, algorithm, CANARY).with_status(200).json()["value"]);
        let opened = admin.unwrap(key, algorithm, &wrapped).with_status(200).json();
        assert_eq!(unb64(&opened["value"]), CANARY);
    }
    let sealed =
        admin.post("/keys/k/encrypt", &json!({ "alg": "A256GCM", "value": b64(CANARY) })).with_status(200).json();
    let body = json!({ "alg": "A256GCM", "value": sealed["value"], "iv": sealed["iv"], "tag": sealed["tag"] });
    let opened = admin.post("/keys/k/decrypt", &body).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), CANARY);
    let (text, raw) = (b64(CANARY), String::from_utf8(CANARY.to_vec()).unwrap());
    let mut refused = Vec::new();
    for value in [&text, &raw] {
        let bodies = [
            format!(r#"{{"alg":"none","value":"{value}"}}"#),
            format!(r#"{{"alg":"A256KW","value":"{value}=="}}"#),
            format!(r#"{{"alg":"A256KW","value":"{value}\u0041"}}"#),
            format!(r#"{{"alg":"A256KW","value":["{value}"]}}"#),
            format!(r#"{{"alg":"A256KW","value":"AAAA","value":"{value}"}}"#),
            format!(r#"{{"alg":"A256KW","value":"{value}","iv":"{value}"}}"#),
            format!(r#"{{"alg":"A256KW","value":"{value}"#),
            format!(r#"{{"alg":1,"value":"{value}"}}"#),
            format!("{value}{value}"),
        ];
        for body in &bodies {
            for path in ["/keys/k/wrapkey", "/keys/k/unwrapkey", "/keys/rsa/encrypt", "/keys/none/wrapkey", "/keys/k."]
            {
                refused.push(admin.answer(&posted(path, body.as_bytes())));
            }
            refused.push(broker.client_of("stranger").answer(&posted("/keys/k/wrapkey", body.as_bytes())));
        }
        let huge = format!(r#"{{"alg":"A256KW","value":"{}"}}"#, value.repeat(10_000));
        refused.push(admin.answer(&posted("/keys/k/wrapkey", huge.as_bytes())));
    }
    assert!(refused.iter().all(|answer| answer.status >= 400), "{refused:?}");
    refused
}

#[test]
fn a_secret_is_in_no_log_metric_entry_refusal_or_file() {
    let mut broker = Setup::new().edit(loud).start();
    let refused = sing(&broker);
    for answer in &refused {
        is_clean(&answer.body, "a refusal");
        let headers: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        is_clean(headers.as_bytes(), "a refusal's head");
    }
    is_clean(broker.metrics().0.as_bytes(), "the metrics");
    broker.stop();
    assert!(broker.log().contains(" TRACE "), "the log was as loud as it can be");
    is_clean(broker.log().as_bytes(), "the log");
    // Store, audit, cache, and whatever else it made.
    files_are_clean(&broker.home());
}

#[test]
fn a_name_that_tries_to_be_more_stays_a_name() {
    let tricks = [
        "\u{1b}[31mred",
        "a\tb",
        "\u{7f}",
        "a\u{b}b",
        "{\"level\":\"error\"}",
        "%0d%0aforged: 1",
        "a\\nb",
        "\u{202e}b",
    ];
    let broker = Setup::new().edit(loud_in_lines).start();
    let admin = broker.admin();
    let key = admin.create("k", "oct", 256);
    for trick in tricks {
        let listing = || asked("GET", "/keys?api-version=7.4");
        let requests = [
            listing().header("x-ms-client-request-id", trick),
            listing().header("user-agent", trick),
            listing().header("host", trick),
            listing().header("authorization", trick),
            asked("GET", &format!("/keys/{trick}?api-version=7.4")),
            asked("GET", &format!("/keys?api-version={trick}")),
            asked(trick, "/keys?api-version=7.4"),
        ];
        for request in requests {
            // Some are no HTTP at all, and are closed.
            if let Ok(answer) = admin.try_send(&request) {
                assert!(answer.status < 500, "{trick:?}: {answer:?}");
                assert!(answer.message().chars().all(|c| !c.is_control()), "{trick:?}: {answer:?}");
            }
        }
        let fields = json!({ "kty": trick, "crv": trick, "key_ops": [trick], "tags": { trick: trick } });
        let told = admin.post("/keys/new/create", &fields).with_status(400).message();
        assert!(told.chars().all(|c| !c.is_control()), "{trick:?}: {told:?}");
        // Tags hold any text, and give it back as it was.
        let tags = json!({ "tags": { "note": trick } });
        assert_eq!(admin.patch(&key, &tags).with_status(200).json()["tags"]["note"], trick);
        let principal = broker.principal("someone");
        let justified =
            ["grant", "--principal", &principal, "--permissions", "get", "--scope", "/vault1", "--justification"];
        broker.ask(&[&justified[..], &[trick]].concat());
        for words in [["grants", "--scope", trick], ["revoke", trick, "--json"]] {
            let told = broker.refusal(&words);
            assert!(told.trim_end().chars().all(|c| !c.is_control()), "{words:?}: {told:?}");
        }
    }
    let log = broker.log();
    assert!(log.chars().all(|c| c == '\n' || !c.is_control()), "a stranger's text reached the log as it was");
    assert!(log.lines().all(|line| line.starts_with("20")), "a stranger's text began a line");
    // Reading it checks that every line is JSON.
    assert!(broker.audit().len() > tricks.len());
}
