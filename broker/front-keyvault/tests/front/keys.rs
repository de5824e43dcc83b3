//! Keys and what is done with them.

use broker_core::name::RequestId;
use broker_core::permission::Permission;
use broker_front_keyvault::AskerSeed;
use broker_testkit::principal;
use http::HeaderValue;
use serde_json::{Value, json};

use crate::visitor::{ADMIN, Desk, HOST, request};

#[test]
fn a_key_bundle_says_all_that_is_public() {
    let desk = Desk::new();
    let made = desk.admin(
        "POST",
        "/keys/My-Key/create",
        r#"{"kty":"RSA-HSM","key_size":3072,"attributes":{"nbf":1,"exp":4000000000},"tags":{"a":"b"}}"#,
    );
    let kid = made.body["key"]["kid"].as_str().unwrap().to_owned();
    let version = kid.strip_prefix(&format!("https://{HOST}/keys/my-key/")).unwrap();
    assert_eq!(version.len(), 32);
    assert_eq!(made.body["key"]["kty"], "RSA-HSM");
    assert_eq!(made.body["key"]["n"].as_str().unwrap().len(), 512);
    assert_eq!(made.body["key"]["e"], "AQAB");
    assert_eq!(made.body["key"]["key_ops"], json!(["decrypt", "encrypt", "sign", "unwrapKey", "verify", "wrapKey"]));
    let attributes = json!({
        "enabled": true, "nbf": 1, "exp": 4_000_000_000_u64, "created": 1_800_000_000, "updated": 1_800_000_000,
        "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90, "exportable": false
    });
    assert_eq!(made.body["attributes"], attributes);
    assert_eq!(made.body["tags"], json!({"a": "b"}));
    for path in [
        "/keys/my-key",
        "/keys/MY-KEY/",
        &format!("/keys/my-key/{version}"),
        &format!("/keys/my-key/{}", version.to_uppercase()),
    ] {
        assert_eq!(desk.admin("GET", path, "").body, made.body, "{path}");
    }
}

#[test]
fn an_ec_key_has_a_curve_and_a_point() {
    let desk = Desk::new();
    for (body, kty, curve, digits) in [
        (r#"{"kty":"EC"}"#, "EC", "P-256", 43),
        (r#"{"kty":"EC","crv":"P-384"}"#, "EC", "P-384", 64),
        (r#"{"kty":"EC-HSM","crv":"P-521","key_size":521}"#, "EC-HSM", "P-521", 88),
    ] {
        let made = desk.admin("POST", "/keys/e/create", body).body["key"].clone();
        assert_eq!(
            (&made["kty"], &made["crv"], &made["key_ops"]),
            (&json!(kty), &json!(curve), &json!(["sign", "verify"]))
        );
        assert_eq!((made["x"].as_str().unwrap().len(), made["y"].as_str().unwrap().len()), (digits, digits));
        assert!(made.get("n").is_none() && made.get("d").is_none());
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let desk = Desk::new();
    let rows = [
        (r#"{"kty":"EC","crv":"P-256K"}"#, "P-256K"),
        (r#"{"kty":"RSA","attributes":{"exportable":true}}"#, "exportable"),
        (r#"{"kty":"RSA","release_policy":{}}"#, "release_policy"),
        (r#"{"kty":"RSA","public_exponent":3}"#, "public_exponent"),
        (r#"{"kty":"RSA","key_ops":["export"]}"#, "export"),
        (r#"{"kty":"RSA","key_ops":["import"]}"#, "import"),
        (r#"{"kty":"RSA","key_ops":["mine"]}"#, "mine"),
        (r#"{"kty":"RSA","key_size":1024}"#, "1024"),
        (r#"{"kty":"RSA","attributes":{"exp":-1}}"#, "exp"),
        (r#"{"kty":"RSA","attributes":{"exp":253402300800}}"#, "exp"),
        (r#"{"kty":"OKP"}"#, "OKP"),
        (r#"{"kty":"EC","key_ops":["sign","wrapKey"]}"#, "key_ops wrapKey"),
        (r#"{"kty":"EC-HSM","key_ops":["encrypt"]}"#, "key_ops encrypt"),
        (r#"{"kty":"oct","key_ops":["verify"]}"#, "key_ops verify"),
    ];
    for (body, named) in rows {
        let heard = desk.admin("POST", "/keys/k/create", body);
        assert_eq!(heard.error(), (400, "BadParameter", None), "{body}");
        assert!(heard.message().contains(named), "{body}: {}", heard.message());
    }
    assert!(desk.entries().is_empty());
}

#[test]
fn a_secret_comes_back_by_every_form_of_the_path() {
    let desk = Desk::new();
    let version = desk.make("k", r#"{"kty":"oct"}"#);
    let body = r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw"}"#;
    for form in [String::new(), "/".to_owned(), format!("/{version}")] {
        let wrapped = desk.admin("POST", &format!("/keys/k{form}/wrapkey"), body);
        assert_eq!(wrapped.status, 200, "{wrapped:?}");
        assert_eq!(wrapped.body["kid"], format!("https://{HOST}/keys/k/{version}"));
        let back = json!({"alg": "A256KW", "value": wrapped.body["value"]}).to_string();
        let opened = desk.admin("POST", &format!("/keys/k{form}/unwrapkey"), &back);
        assert_eq!(opened.body, json!({"kid": wrapped.body["kid"], "value": "AAECAwQFBgcICQoLDA0ODw"}));
        assert_eq!(opened.label.operation, "unwrap-key");
    }
}

#[test]
fn symmetric_keys_wrap_by_the_algorithms_of_their_size() {
    let desk = Desk::new();
    for bits in [128, 192, 256] {
        desk.make(&format!("k{bits}"), &json!({"kty": "oct", "key_size": bits}).to_string());
    }
    let rows = [("A128KW", 128), ("A128KWP", 128), ("A256KW", 256), ("A256KWP", 256), ("A256GCM", 256), ("A192KW", 0)];
    for (algorithm, own) in rows {
        for bits in [128, 192, 256] {
            let body = json!({"alg": algorithm, "value": "AAECAwQFBgcICQoLDA0ODw"}).to_string();
            let heard = desk.admin("POST", &format!("/keys/k{bits}/wrapkey"), &body);
            assert_eq!(heard.status.as_u16(), if bits == own { 200 } else { 400 }, "{algorithm} {bits} {heard:?}");
            assert!(bits == own || heard.message().contains(algorithm), "{algorithm} {bits}");
        }
    }
}

#[test]
fn gcm_answers_what_opens_it() {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"oct-HSM","key_size":256}"#);
    let sealed = desk.admin("POST", "/keys/k/encrypt", r#"{"alg":"A256GCM","value":"c2VjcmV0","aad":"YWFk"}"#);
    assert_eq!(sealed.body["iv"].as_str().unwrap().len(), 16);
    assert_eq!(sealed.body["tag"].as_str().unwrap().len(), 22);
    assert_eq!(sealed.body["aad"], "YWFk");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = json!({"alg": "A256GCM"});
        for name in ["value", "iv", "tag", "aad"] {
            body[name] = sealed.body[name].clone();
        }
        change(&mut body);
        desk.admin("POST", "/keys/k/decrypt", &body.to_string())
    };
    assert_eq!(with(&|_| ()).body["value"], "c2VjcmV0");
    assert_eq!(with(&|body| body["aad"] = json!("YWFl")).label.reason, "unwrappable");
    assert_eq!(with(&|body| body["iv"] = json!("AAAA")).error(), (400, "BadParameter", None));
    assert_eq!(with(&|body| body["tag"] = Value::Null).error(), (400, "BadParameter", None));
}

#[test]
fn the_caller_chooses_no_iv() {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"oct"}"#);
    for body in [
        r#"{"alg":"A256GCM","value":"AAAA","iv":"AAAAAAAAAAAAAAAA"}"#,
        r#"{"alg":"A256GCM","value":"AAAA","tag":"AAAA"}"#,
        r#"{"alg":"A256KW","value":"AAAA","aad":"AAAA"}"#,
    ] {
        assert_eq!(desk.admin("POST", "/keys/k/encrypt", body).error(), (400, "BadParameter", None), "{body}");
    }
    assert_eq!(
        desk.admin("POST", "/keys/k/encrypt", r#"{"alg":"A256GCM","value":"AAAA","iv":null,"tag":""}"#).status,
        200
    );
}

#[test]
fn an_update_changes_one_version() {
    let desk = Desk::new();
    let first = desk.make("k", r#"{"kty":"oct","tags":{"a":"b"}}"#);
    let second = desk.make("k", r#"{"kty":"oct"}"#);
    let off = desk.admin("PATCH", &format!("/keys/k/{first}"), r#"{"attributes":{"enabled":false}}"#);
    assert_eq!((off.body["attributes"]["enabled"].as_bool(), off.body["tags"]["a"].as_str()), (Some(false), Some("b")));
    for path in ["/keys/k", "/keys/k/"] {
        let latest = desk.admin("PATCH", path, r#"{"key_ops":["wrapKey"],"tags":{}}"#);
        assert_eq!(latest.body["key"]["kid"], format!("https://{HOST}/keys/k/{second}"));
        assert_eq!(latest.body["key"]["key_ops"], json!(["wrapKey"]));
    }
    let wrap = r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw"}"#;
    assert_eq!(
        desk.admin("POST", &format!("/keys/k/{first}/wrapkey"), wrap).error(),
        (403, "Forbidden", Some("KeyDisabled"))
    );
    assert_eq!(desk.admin("POST", "/keys/k/wrapkey", wrap).status, 200);
    assert_eq!(desk.admin("POST", "/keys/k/encrypt", wrap).error(), (403, "Forbidden", Some("KeyOperationForbidden")));
}

#[test]
fn a_rotation_makes_a_version_and_strands_nothing() {
    let desk = Desk::new();
    let first = desk.make("k", r#"{"kty":"oct"}"#);
    let wrapped = desk.admin("POST", "/keys/k/wrapkey", r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw"}"#);
    let rotated = desk.admin("POST", "/keys/k/rotate", "");
    assert!(!rotated.body["key"]["kid"].as_str().unwrap().ends_with(&first));
    let back = json!({"alg": "A256KW", "value": wrapped.body["value"]}).to_string();
    let opened = desk.admin("POST", "/keys/k/unwrapkey", &back);
    assert!(opened.body["kid"].as_str().unwrap().ends_with(&first));
}

#[test]
fn a_listing_is_followed_by_its_links() {
    let desk = Desk::new();
    for number in 0..7 {
        desk.make(&format!("k{number}"), r#"{"kty":"oct"}"#);
    }
    for _ in 0..4 {
        desk.admin("POST", "/keys/k0/rotate", "");
    }
    for (path, wanted) in [("/keys", 7), ("/keys/k0/versions", 5)] {
        let mut seen = Vec::new();
        let mut next = Some(format!("https://{HOST}{path}?api-version=7.6-preview.2&maxresults=2"));
        while let Some(link) = next {
            let target = link.strip_prefix(&format!("https://{HOST}")).unwrap().to_owned();
            // Some clients escape the dollar sign, some do not.
            let target = if seen.len() % 4 == 0 { target.replace('$', "%24") } else { target };
            let page = desk.send(ADMIN, request("GET", &target, ""));
            assert_eq!(page.status, 200, "{page:?}");
            let rows = page.body["value"].as_array().unwrap();
            assert!((1..=2).contains(&rows.len()));
            seen.extend(rows.iter().map(|row| row["kid"].as_str().unwrap().to_owned()));
            next = page.body["nextLink"].as_str().map(str::to_owned);
            assert!(page.body.get("nextLink").is_some(), "null, not absent");
        }
        assert_eq!(seen.len(), wanted, "{seen:?}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), wanted);
        let segments = seen[0].split('/').count();
        assert_eq!(segments, if path == "/keys" { 5 } else { 6 }, "{}", seen[0]);
    }
}

#[test]
fn the_python_sdk_is_not_told_that_it_may_use_a_symmetric_key() {
    let desk = Desk::new();
    desk.make("sym", r#"{"kty":"oct-HSM"}"#);
    desk.make("rsa", r#"{"kty":"RSA"}"#);
    let ops = |key: &str, agent: &'static str| {
        let mut request = request("GET", &format!("/keys/{key}?api-version=7.4"), "");
        request.headers_mut().insert("user-agent", HeaderValue::from_static(agent));
        desk.send(ADMIN, request).body["key"]["key_ops"].as_array().unwrap().len()
    };
    let python = "myapp/1 azsdk-python-keyvault-keys/4.11.3 Python/3.12";
    assert_eq!((ops("sym", python), ops("rsa", python)), (0, 6));
    assert_eq!((ops("sym", "azsdk-js-keyvault-keys/4.10.2"), ops("rsa", "curl/8")), (4, 6));
    for (method, path, body) in [
        ("POST", "/keys/sym/create", r#"{"kty":"oct"}"#),
        ("POST", "/keys/sym/rotate", ""),
        ("PATCH", "/keys/sym", "{}"),
    ] {
        let mut request = request(method, &format!("{path}?api-version=7.4"), body);
        request.headers_mut().insert("user-agent", HeaderValue::from_static(python));
        assert_eq!(desk.send(ADMIN, request).body["key"]["key_ops"], json!([]), "{path}");
    }
}

#[test]
fn random_bytes_are_1_to_128() {
    let desk = Desk::new();
    desk.bench.give("pin/dice", &[Permission::Rng], broker_core::grant::Scope::Vault(desk.bench.vault()));
    for (count, wanted) in [(1, 200), (128, 200), (0, 400), (129, 400)] {
        let heard = desk.ask("pin/dice", "POST", "/rng", &json!({ "count": count }).to_string());
        assert_eq!(heard.status, wanted, "{count}");
        if wanted == 200 {
            assert_eq!(heard.body["value"].as_str().unwrap().len(), (count * 8_usize).div_ceil(6));
        }
    }
}

#[test]
fn a_missing_key_and_a_missing_version_are_not_found() {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"oct"}"#);
    for path in ["/keys/none", "/keys/k/00000000000000000000000000000000", "/keys/none/versions"] {
        assert_eq!(desk.admin("GET", path, "").error(), (404, "KeyNotFound", None), "{path}");
    }
}

#[test]
fn the_audit_knows_who_asked_and_from_where() {
    let desk = Desk::new();
    desk.admin("GET", "/keys/k", "");
    let entry = desk.entries().pop().unwrap();
    assert_eq!((entry.asker.principal.as_str(), entry.asker.peer.to_string().as_str()), (ADMIN, "127.0.0.1:5"));
    assert_eq!((entry.asker.fingerprint_sha256, entry.scope.as_str()), (Some([3; 32]), "/vault1/k"));
    assert_eq!(entry.asker.front, broker_core::entry::Front::Keyvault);
}

#[test]
fn an_answer_can_be_awaited_on_any_thread() {
    fn check(_: &impl Send) {}
    let desk = Desk::new();
    let seed = AskerSeed {
        request: RequestId([0; 16]),
        principal: principal(ADMIN),
        fingerprint_sha256: None,
        peer: ([127, 0, 0, 1], 5).into(),
        proof: None,
    };
    check(&desk.front.answer(seed, request("GET", "/keys", "")));
}
