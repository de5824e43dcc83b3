//! sign and verify.

use serde_json::{Value, json};

use crate::visitor::{Desk, HOST};

/// As many bytes as the algorithm's hash gives.
fn digest(algorithm: &str) -> String {
    match &algorithm[2..] {
        "256" => "A".repeat(43),
        "384" => "A".repeat(64),
        _ => "A".repeat(86),
    }
}

#[test]
fn a_signature_verifies_with_its_own_digest_and_key_alone() {
    let desk = Desk::new();
    let rows = [
        ("rsa", r#"{"kty":"RSA"}"#, &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..], 342),
        ("p256", r#"{"kty":"EC"}"#, &["ES256"], 86),
        ("p384", r#"{"kty":"EC","crv":"P-384"}"#, &["ES384"], 128),
        ("p521", r#"{"kty":"EC-HSM","crv":"P-521"}"#, &["ES512"], 176),
    ];
    for (key, body, algorithms, digits) in rows {
        let version = desk.make(key, body);
        for algorithm in algorithms {
            let ask = json!({"alg": algorithm, "value": digest(algorithm)}).to_string();
            let signed = desk.admin("POST", &format!("/keys/{key}//sign"), &ask);
            assert_eq!(signed.status, 200, "{algorithm} {signed:?}");
            assert_eq!(signed.body["kid"], format!("https://{HOST}/keys/{key}/{version}"));
            assert_eq!(signed.body["value"].as_str().unwrap().len(), digits, "{algorithm}");
            let verify = |digest: &str, value: &Value| {
                let body = json!({"alg": algorithm, "digest": digest, "value": value}).to_string();
                desk.admin("POST", &format!("/keys/{key}/{version}/verify"), &body).body
            };
            assert_eq!(verify(&digest(algorithm), &signed.body["value"]), json!({"value": true}), "{algorithm}");
            let other = digest(algorithm).replacen('A', "B", 1);
            assert_eq!(verify(&other, &signed.body["value"]), json!({"value": false}), "{algorithm}");
            assert_eq!(verify(&digest(algorithm), &json!("AAAA")), json!({"value": false}), "{algorithm}");
        }
    }
}

#[test]
fn what_cannot_be_signed_is_refused_by_name() {
    let desk = Desk::new();
    desk.make("rsa", r#"{"kty":"RSA"}"#);
    desk.make("ec", r#"{"kty":"EC"}"#);
    desk.make("oct", r#"{"kty":"oct"}"#);
    let rows = [
        ("ec", "ES256K", digest("ES256"), "ES256K"),
        ("rsa", "RSNULL", digest("RS256"), "RSNULL"),
        ("rsa", "HS256", digest("HS256"), "HS256"),
        ("rsa", "RSA-OAEP", digest("RS256"), "RSA-OAEP"),
        ("rsa", "ES256", digest("ES256"), "ES256"),
        ("ec", "ES384", digest("ES384"), "ES384"),
        ("ec", "RS256", digest("RS256"), "RS256"),
        ("rsa", "RS256", "AAAA".to_owned(), "32 bytes"),
        ("rsa", "RS512", digest("RS256"), "64 bytes"),
        ("rsa", "RS256", String::new(), "32 bytes"),
        ("rsa", "RS256", "A+A=".to_owned(), "base64url"),
    ];
    for (key, algorithm, digest, named) in rows {
        for (verb, body) in [
            ("sign", json!({"alg": algorithm, "value": digest})),
            ("verify", json!({"alg": algorithm, "digest": digest, "value": "AAAA"})),
        ] {
            let heard = desk.admin("POST", &format!("/keys/{key}/{verb}"), &body.to_string());
            assert_eq!(heard.error(), (400, "BadParameter", None), "{verb} {body}: {heard:?}");
            assert!(heard.message().contains(named), "{verb} {body}: {}", heard.message());
        }
    }
    let never = desk.admin("POST", "/keys/oct/sign", &json!({"alg": "RS256", "value": digest("RS256")}).to_string());
    assert_eq!(never.error(), (403, "Forbidden", Some("KeyOperationForbidden")));
}

#[test]
fn an_expired_key_verifies_and_does_not_sign() {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"EC","attributes":{"exp":1800000001}}"#);
    let ask = json!({"alg": "ES256", "value": digest("ES256")}).to_string();
    let signature = desk.admin("POST", "/keys/k/sign", &ask).body["value"].clone();
    desk.bench.clock.advance_s(1);
    assert_eq!(desk.admin("POST", "/keys/k/sign", &ask).error(), (403, "Forbidden", Some("KeyExpired")));
    let verify = json!({"alg": "ES256", "digest": digest("ES256"), "value": signature}).to_string();
    assert_eq!(desk.admin("POST", "/keys/k/verify", &verify).body, json!({"value": true}));
}
