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
    for key in [
        "CreateSoftKeyTest",
        "UpdateKeyAttributesTest",
        "sdktestkey",
        "Key01",
        "updateKey01",
        "testkey",
        "CreateDeleteRecoverPurgeTest",
        "testdeletedkey",
        "listdeletedkeytest0",
    ] {
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
        ("ImportKey", "PUT", "/keys/ImportSoftKeyTest"),
        ("UpdateKeyRotationPolicy", "PUT", "/keys/updateKey01/rotationpolicy"),
        ("GetKeyRotationPolicy", "GET", "/keys/updateKey01/rotationpolicy"),
        ("BackupKey", "POST", "/keys/testkey/backup"),
        ("DeleteKey", "DELETE", "/keys/CreateSoftKeyTest"),
        ("GetDeletedKey", "GET", "/deletedkeys/CreateSoftKeyTest"),
        ("DeleteKey", "DELETE", "/keys/CreateDeleteRecoverPurgeTest"),
        ("RecoverDeletedKey", "POST", "/deletedkeys/CreateDeleteRecoverPurgeTest/recover"),
    ];
    for (name, method, path) in rows {
        let example = example(name);
        let body = ["parameters", "keyRotationPolicy"].iter().find_map(|place| example["parameters"].get(place));
        let body = body.map(Value::to_string).unwrap_or_default();
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
fn a_purge_as_in_the_example_answers_nothing() {
    let desk = desk();
    desk.admin("DELETE", "/keys/testdeletedkey", "");
    let purged = desk.admin("DELETE", "/deletedkeys/testdeletedkey", "");
    assert_eq!(example("PurgeDeletedKey")["responses"], json!({"204": {}}));
    assert_eq!((purged.status.as_u16(), purged.body), (204, Value::Null));
}

#[test]
fn a_restore_as_in_the_example_answers_in_kind() {
    let desk = desk();
    let example = example("RestoreKey");
    let foreign = desk.admin("POST", "/keys/restore", &example["parameters"]["parameters"].to_string());
    assert_eq!((foreign.status.as_u16(), foreign.label.reason), (400, "bad-request"), "another service made it");
    assert_eq!(desk.entries().last().unwrap().operation, broker_core::verb::Operation::RestoreKey);
    desk.make(
        "KeyBackupRestoreTest",
        r#"{"kty":"RSA","attributes":{"enabled":false,"nbf":1262332800,"exp":1893484800}}"#,
    );
    let backup = desk.admin("POST", "/keys/KeyBackupRestoreTest/backup", "").body.to_string();
    desk.admin("DELETE", "/keys/KeyBackupRestoreTest", "");
    desk.admin("DELETE", "/deletedkeys/KeyBackupRestoreTest", "");
    let restored = desk.admin("POST", "/keys/restore", &backup);
    assert_eq!(restored.status, 200, "{restored:?}");
    check_shape(&example["responses"]["200"]["body"], &restored.body, "RestoreKey");
}

#[test]
fn lists_look_like_the_examples() {
    let desk = desk();
    desk.admin("POST", "/keys/Key01/rotate", "");
    for key in ["listdeletedkeytest0", "testdeletedkey"] {
        desk.admin("DELETE", &format!("/keys/{key}"), "");
    }
    for (name, path) in
        [("GetKeys", "/keys"), ("GetKeyVersions", "/keys/Key01/versions"), ("GetDeletedKeys", "/deletedkeys")]
    {
        let example = example(name);
        let (rows, api_version) =
            (&example["parameters"]["maxresults"], example["parameters"]["api-version"].as_str().unwrap());
        let heard =
            desk.send(ADMIN, request("GET", &format!("{path}?api-version={api_version}&maxresults={rows}"), ""));
        check_shape(&example["responses"]["200"]["body"], &heard.body, name);
    }
}
