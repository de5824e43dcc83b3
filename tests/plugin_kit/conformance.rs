//! The conformance run: what ships passes, in three languages; what misbehaves is told in words.

use keybroker_tests::guest;
use serde_json::Value;

use crate::{plugin, refusal, stdout};

/// What a guest that carries an interpreter needs.
const LARGE: [&str; 6] = ["--memory-mib-max", "256", "--table-elements-max", "40000", "--core-instances-max", "48"];

fn report(component: &str, more: &[&str]) -> (bool, Value) {
    let file = guest(component);
    let words = [&["test", file.to_str().unwrap(), "--json"], more].concat();
    let output = plugin(file.parent().unwrap(), &words);
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{component}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), report)
}

#[track_caller]
fn passes(component: &str, more: &[&str], passed_min: u64) {
    let (good, report) = report(component, more);
    assert!(good && report["failed"] == 0, "{component}: {report:#}");
    assert!(report["passed"].as_u64().unwrap() >= passed_min, "{component}: {report:#}");
    assert!(report["memory-bytes-peak"].as_u64().unwrap() >= 64 << 10, "{component}: {report:#}");
    let cost = &report["costs"][0];
    assert!(cost["wrap-us-median"].as_u64().unwrap() > 0, "{component}: {report:#}");
    let known = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["question"].as_str().unwrap().contains("known answer") && row["answer"] == "passed");
    assert_eq!(known.count(), 3, "{component}: {report:#}");
}

#[test]
fn the_default_backend_passes() {
    // 8 kinds of keys, 5 questions for each of 8 ways to wrap, 9 ways to sign, 3 known answers, self-test and destroy.
    passes("software", &[], 8 + 5 * 8 + 9 + 3 + 2);
}

#[test]
fn a_guest_in_javascript_passes() {
    passes("example-js", &LARGE, 2 + 5 * 5 + 3 + 2);
}

#[test]
fn a_guest_in_python_passes() {
    passes("example-python", &LARGE, 2 + 5 * 5 + 3 + 2);
}

#[test]
fn a_backend_that_must_be_backed_up_first_passes() {
    // Backing up, serving, two kinds of keys, five questions for each of five ways to wrap, destroying.
    let (good, report) = report("derive", &[]);
    assert!(good && report["failed"] == 0, "{report:#}");
    assert_eq!(report["passed"], 2 + 1 + 2 + 5 * 5 + 1, "{report:#}");
    let questions: Vec<_> = report["rows"].as_array().unwrap().iter().map(|row| row["question"].clone()).collect();
    assert_eq!(questions[..2], ["it does not serve before it was backed up", "back it up"]);
}

#[test]
fn a_backend_of_others_keys_passes_with_delegates_made_for_the_run() {
    let settings = ["--setting", "first=customer", "--setting", "second=platform"];
    let delegates = ["--delegate", "customer", "--delegate", "platform"];
    let (good, told) = report("double", &[settings, delegates].concat());
    assert!(good && told["failed"] == 0, "{told:#}");
    assert_eq!(told["passed"], 1 + 1 + 2 * 5 + 1, "{told:#}");
    let (good, told) = report("double", &[&settings[..], &delegates[..2]].concat());
    assert!(!good && told["rows"][0]["answer"] == "failed", "a delegate that nobody named: {told:#}");
}

#[test]
fn limits_that_are_too_small_are_told() {
    let file = guest("example-js");
    let told = refusal(&plugin(file.parent().unwrap(), &["test", file.to_str().unwrap(), "--memory-mib-max", "1"]));
    assert!(told.contains("needs more than its limits") || told.contains("exceeds"), "{told}");
}

#[test]
fn what_imports_a_back_door_is_not_even_tried() {
    let file = guest("faulty-import");
    let told = refusal(&plugin(file.parent().unwrap(), &["test", file.to_str().unwrap()]));
    assert!(told.contains("which this broker does not have"), "{told}");
}

#[test]
fn inspect_shows_what_a_plugin_wants_before_anyone_trusts_it() {
    let file = guest("faulty-reveal");
    let told = stdout(&plugin(file.parent().unwrap(), &["inspect", file.to_str().unwrap()]));
    for expected in [
        "sha256     ",
        "signature  none",
        "imports    keybroker:backend/reveal@0.1.0",
        "exports    keybroker:backend/keys@0.1.0",
        "needs      \"reveal\": EVERY SECRET THAT PASSES THROUGH IT, in the clear",
        "grants = [",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let file = guest("faulty-import");
    let output = plugin(file.parent().unwrap(), &["inspect", file.to_str().unwrap(), "--json"]);
    assert!(!output.status.success());
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(seen["unknown-imports"][0].as_str().unwrap().contains("backdoor"), "{seen:#}");
    assert_eq!(seen["signature"]["state"], "unsigned");
}
