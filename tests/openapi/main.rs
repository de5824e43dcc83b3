//! Schemathesis, driven by Microsoft's description of the API: whatever it makes up, the broker never answers with a fault of
//! its own.
//!
//! `keys.json` and `common.json` are azure-rest-api-specs' (MIT licence, Copyright (c) Microsoft Corporation).
#![allow(clippy::unwrap_used)]

#[path = "../sidecar/proxy.rs"]
mod proxy;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use keybroker_tests::{Asks as _, Broker, SUFFIX, Setup, run, schemathesis, tests_folder};
use proxy::forward_proxy;
use serde_json::{Value, json};

/// Cases an operation in every run; `KEYBROKER_OPENAPI_CASES` asks for more (500 make 20 000 requests).
const CASES: u32 = 8;

/// How long the asking may take on a busy machine.
const ASKING_MAX: Duration = Duration::from_secs(3000);

/// The description as it stands, but that some of what it leaves open is what the broker has: names made up freely would
/// hardly ever meet a key. What breaks the description is made up all the same.
fn describe(broker: &Broker) -> PathBuf {
    let admin = broker.admin();
    let kinds = [("rsa", "RSA", 2048), ("oct", "oct", 256), ("ec", "EC", 256)];
    let versions = kinds.map(|(name, kty, bits)| admin.create(name, kty, bits).rsplit('/').next().unwrap().to_owned());
    let choices: [(&str, Value); 3] = [
        ("api-version", json!(["7.4", "7.6"])),
        ("key-name", json!(["rsa", "oct", "ec", "none"])),
        ("key-version", json!(versions)),
    ];
    for file in ["keys.json", "common.json"] {
        let text = std::fs::read_to_string(tests_folder().join("openapi").join(file)).unwrap();
        let mut description: Value = serde_json::from_str(&text).unwrap();
        narrow(&mut description, &choices);
        std::fs::write(broker.folder().join(file), description.to_string()).unwrap();
    }
    broker.folder().join("keys.json")
}

/// Gives each parameter of such a name these values to choose from.
fn narrow(description: &mut Value, choices: &[(&str, Value)]) {
    if let Some((_, values)) = choices.iter().find(|(name, _)| description["name"] == **name)
        && description.get("in").is_some()
    {
        description["enum"] = values.clone();
    }
    match description {
        Value::Object(object) => object.values_mut().for_each(|value| narrow(value, choices)),
        Value::Array(array) => array.iter_mut().for_each(|value| narrow(value, choices)),
        _ => {}
    }
}

#[test]
fn nothing_the_description_leads_to_is_answered_with_a_fault_of_ours() {
    let cases = std::env::var("KEYBROKER_OPENAPI_CASES").map_or(CASES, |text| text.parse().unwrap());
    let broker = Setup::new().start();
    broker.identity("admin").write(&broker.pki(), "admin");
    let (pki, description) = (broker.pki(), describe(&broker));
    let mut command = Command::new(schemathesis());
    command.arg("run").arg(description);
    command.args(["--url", &format!("https://vault1.{SUFFIX}:{}", broker.keyvault().port())]);
    command.args(["--header", "Authorization: Bearer none", "--checks", "not_a_server_error"]);
    command.args(["--max-examples", &cases.to_string(), "--phases", "coverage,fuzzing", "--workers", "2"]);
    command.args(["--continue-on-failure", "--no-color", "--generation-database", "none"]);
    command.args(["--suppress-health-check", "all"]).arg("--tls-verify").arg(pki.join("ca.pem"));
    command.arg("--request-cert").arg(pki.join("admin.pem")).arg("--request-cert-key").arg(pki.join("admin.key"));
    command.env("HTTPS_PROXY", forward_proxy()).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(broker.folder());
    let done = run(&mut command, ASKING_MAX);
    let said = String::from_utf8_lossy(&done.stdout);
    let metrics = broker.metrics();
    let count = |labels: &[(&str, &str)]| metrics.sum("keybroker_requests_total", labels);
    let (asked, granted) = (count(&[]), count(&[("outcome", "allowed")]));
    eprintln!("{asked} requests, {granted} granted");
    // Each operation was asked, and enough was granted for its depths to have been reached.
    assert!(asked > f64::from(cases * 24) && granted > asked / 20.0, "{asked} requests, {granted} granted\n{said}");
    // `release` is described and not built: its 501 is the one answer of that kind.
    let faults: Vec<_> = said.lines().filter(|line| line.contains("[5")).collect();
    assert!(faults.iter().all(|line| line.contains("[501]")), "{said}");
    assert_eq!(count(&[("reason", "internal")]) + count(&[("reason", "audit-unavailable")]), 0.0, "{said}");
    let not_built = count(&[("reason", "not-implemented")]);
    assert_eq!(not_built, count(&[("operation", "release-key"), ("reason", "not-implemented")]), "{said}");
}
