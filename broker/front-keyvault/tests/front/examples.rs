//! The published examples of the API: their requests are taken, and their answers have no field that ours lack.

use broker_core::broker::Limits;
use serde_json::{Value, json};

use crate::visitor::{ADMIN, Desk, EVERYTHING, request};

fn example(name: &str) -> Value {
    let path = format!("{}/tests/data/{name}-example.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Every field of `theirs` is in `ours`, with the same type.
fn check_shape(theirs: &Value, ours: &Value, place: &str) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (name, value) in theirs {
                let place = format!("{place}.{name}");
                check_shape(value, ours.get(name).unwrap_or_else(|| panic!("{place} is missing")), &place);
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            if let (Some(first), Some(our_first)) = (theirs.first(), ours.first()) {
                check_shape(first, our_first, place);
            }
            assert!(theirs.is_empty() || !ours.is_empty(), "{place} is empty");
        }
        (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => {}
        _ => panic!("{place}: {theirs} and {ours} differ in type"),
    }
}

fn desk() -> Desk {
    let desk = Desk::with(Limits { rsa1_5: true, ..Limits::default() }, None);
    let create = example("CreateKey")["parameters"]["parameters"].to_string();
    for key in ["CreateSoftKeyTest", "UpdateKeyAttributesTest", "sdktestkey", "Key01"] {
        desk.make(key, &create);
    }
    desk
}

#[test]
fn bodies_of_the_examples_are_taken_and_answered_in_kind() {
    let desk = desk();
    let rows = [
        ("CreateKey", "POST", "/keys/CreateSoftKeyTest/create"),
        ("GetKey", "GET", "/keys/CreateSoftKeyTest"),
        ("GetRandomBytes", "POST", "/rng"),
        ("RotateKey", "POST", "/keys/Key01/rotate"),
        ("UpdateKey", "PATCH", "/keys/UpdateKeyAttributesTest/"),
        ("wrapKey", "POST", "/keys/sdktestkey//wrapkey"),
    ];
    for (name, method, path) in rows {
        let example = example(name);
        let body = example["parameters"].get("parameters").map(Value::to_string).unwrap_or_default();
        let heard = desk.ask(EVERYTHING, method, path, &body);
        assert_eq!(heard.status, 200, "{name}: {heard:?}");
        check_shape(&example["responses"]["200"]["body"], &heard.body, name);
    }
}

#[test]
fn an_unwrap_as_in_the_example_answers_in_kind() {
    let desk = desk();
    let wrap = example("wrapKey");
    let unwrap = example("unwrapKey");
    let foreign = desk.admin("POST", "/keys/sdktestkey//unwrapkey", &unwrap["parameters"]["parameters"].to_string());
    assert_eq!(foreign.label.reason, "unwrappable", "another key wrapped it");
    let wrapped = desk.admin("POST", "/keys/sdktestkey//wrapkey", &wrap["parameters"]["parameters"].to_string());
    let body = json!({"alg": unwrap["parameters"]["parameters"]["alg"], "value": wrapped.body["value"]});
    let opened = desk.admin("POST", "/keys/sdktestkey//unwrapkey", &body.to_string());
    check_shape(&unwrap["responses"]["200"]["body"], &opened.body, "unwrapKey");
    assert_eq!(opened.body["value"], wrap["parameters"]["parameters"]["value"]);
}

#[test]
fn lists_look_like_the_examples() {
    let desk = desk();
    desk.admin("POST", "/keys/Key01/rotate", "");
    for (name, path) in [("GetKeys", "/keys"), ("GetKeyVersions", "/keys/Key01/versions")] {
        let example = example(name);
        let (rows, api_version) =
            (&example["parameters"]["maxresults"], example["parameters"]["api-version"].as_str().unwrap());
        let heard =
            desk.send(ADMIN, request("GET", &format!("{path}?api-version={api_version}&maxresults={rows}"), ""));
        check_shape(&example["responses"]["200"]["body"], &heard.body, name);
    }
}
