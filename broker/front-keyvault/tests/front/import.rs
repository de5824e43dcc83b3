//! Keys made elsewhere.

use serde_json::{Value, json};

use crate::visitor::Desk;

/// A number of so many bytes, the highest bit set.
fn number(bytes: usize) -> String {
    assert_eq!(bytes % 3, 0, "no bits are left over");
    format!("_{}", "A".repeat(bytes / 3 * 4 - 1))
}

/// One byte of zero and 256 of a number.
fn modulus() -> String {
    format!("AP_{}", "A".repeat(340))
}

fn rsa() -> Value {
    let mut key = json!({"kty": "RSA", "n": modulus(), "e": "AQAB"});
    for name in ["d", "p", "q", "dp", "dq", "qi"] {
        key[name] = json!(number(96));
    }
    key
}

fn ec() -> Value {
    json!({"kty": "EC", "crv": "P-384", "x": number(48), "y": number(48), "d": number(48)})
}

fn oct() -> Value {
    json!({"kty": "oct", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"})
}

fn with(key: &Value, name: &str, value: Value) -> Value {
    let mut key = key.clone();
    key[name] = value;
    key
}

#[test]
fn a_key_of_every_kty_is_taken_over() {
    let desk = Desk::new();
    for (key, ops, public) in [(rsa(), 6, "n"), (ec(), 2, "x"), (oct(), 4, "kty")] {
        let name = key["kty"].as_str().unwrap();
        let body = json!({"key": key, "attributes": {"exp": 4_000_000_000_u64}, "tags": {"a": "b"}});
        let made = desk.admin("PUT", &format!("/keys/{name}"), &body.to_string());
        assert_eq!(made.status, 200, "{made:?}");
        assert_eq!(made.body["key"]["kty"], key["kty"]);
        assert_eq!(made.body["key"]["key_ops"].as_array().unwrap().len(), ops, "{name}");
        assert_eq!(
            (&made.body["attributes"]["exp"], &made.body["tags"]["a"]),
            (&json!(4_000_000_000_u64), &json!("b"))
        );
        let shown = made.body["key"][public].as_str().unwrap();
        assert!(public == "n" || shown == key[public], "{name}");
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(made.body["key"].get(secret).is_none(), "{name} {secret}");
        }
        assert_eq!(desk.admin("GET", &format!("/keys/{name}"), "").body, made.body);
    }
}

#[test]
fn an_import_under_a_taken_name_is_a_new_version() {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"oct"}"#);
    desk.admin("PUT", "/keys/k", &json!({"key": oct()}).to_string());
    assert_eq!(desk.admin("GET", "/keys/k/versions", "").body["value"].as_array().unwrap().len(), 2);
}

#[test]
fn hsm_is_asked_for_by_kty_or_by_field() {
    let desk = Desk::new();
    let rows = [
        (json!({"key": oct()}), "oct", 0),
        (json!({"key": oct(), "Hsm": false}), "oct", 0),
        (json!({"key": oct(), "Hsm": true}), "oct-HSM", 1),
        (json!({"key": with(&oct(), "kty", json!("oct-HSM"))}), "oct-HSM", 1),
        (json!({"key": with(&ec(), "kty", json!("EC-HSM"))}), "EC-HSM", 1),
        (json!({"key": with(&rsa(), "kty", json!("RSA-HSM")), "Hsm": true}), "RSA-HSM", 1),
    ];
    for (body, kty, calls) in rows {
        let before = desk.bench.hsm.calls().len();
        assert_eq!(desk.admin("PUT", "/keys/k", &body.to_string()).body["key"]["kty"], kty, "{body}");
        assert_eq!(desk.bench.hsm.calls().len() - before, calls, "{body}");
    }
}

#[test]
fn what_is_no_whole_key_is_refused_and_says_what_is_wrong() {
    let desk = Desk::new();
    let mut rows = vec![
        (with(&oct(), "kty", json!("OKP")), "OKP"),
        (with(&oct(), "k", json!("AAAA")), "key.k has 24 bits"),
        (with(&oct(), "k", json!("")), "key.k has 0 bits"),
        (with(&oct(), "k", json!("A+A=")), "key.k must be base64url"),
        (with(&oct(), "key_hsm", json!("AAAA")), "key_hsm"),
        (with(&oct(), "key_ops", json!(["sign"])), "key_ops sign"),
        (with(&ec(), "key_ops", json!(["sign", "wrapKey"])), "key_ops wrapKey"),
        (with(&ec(), "key_ops", json!(["export"])), "export"),
        (with(&ec(), "crv", json!("P-256K")), "P-256K"),
        (with(&ec(), "crv", json!("P-999")), "P-999"),
        (with(&rsa(), "n", json!(number(96))), "key.n has 768 bits"),
        (with(&rsa(), "n", json!("AAAA")), "key.n has 0 bits"),
    ];
    let missing = |key: &Value, name: &'static str| (with(key, name, Value::Null), name);
    rows.extend(["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(|name| missing(&rsa(), name)));
    rows.extend(["crv", "x", "y", "d"].map(|name| missing(&ec(), name)));
    rows.push(missing(&oct(), "k"));
    for (key, named) in rows {
        let heard = desk.admin("PUT", "/keys/k", &json!({ "key": key }).to_string());
        assert_eq!(heard.error(), (400, "BadParameter", None), "{key}");
        assert!(heard.message().contains(named), "{key}: {}", heard.message());
    }
    for (body, named) in [
        (json!({"key": oct(), "release_policy": {}}), "release_policy"),
        (json!({"key": oct(), "attributes": {"exportable": true}}), "exportable"),
        (json!({"key": [oct()]}), "not of the right form"),
        (json!({"Hsm": true}), "not of the right form"),
    ] {
        let heard = desk.admin("PUT", "/keys/k", &body.to_string());
        assert_eq!(heard.error(), (400, "BadParameter", None), "{body}");
        assert!(heard.message().contains(named), "{body}: {}", heard.message());
    }
    assert!(desk.entries().is_empty(), "none of it became a request");
}

#[test]
fn a_refused_import_never_quotes_the_key() {
    let desk = Desk::new();
    for key in [
        json!({"kty": "oct", "k": "canary"}),
        json!({"kty": "oct", "k": {"canary": 1}}),
        with(&rsa(), "d", json!("canary!")),
        with(&ec(), "x", json!("canary!")),
    ] {
        let heard = desk.admin("PUT", "/keys/k", &json!({ "key": key }).to_string());
        assert_eq!(heard.status, 400, "{key}");
        assert!(!heard.message().contains("canary"), "{}", heard.message());
    }
}
