//! Keys of every kind and in every state, as this API shows and uses them.

use broker_core::algorithm::KeySpec;
use broker_core::key::{KeyOperation, VersionPatch};
use broker_core::name::KeyVersion;
use broker_core::refusal::Refusal;
use broker_testkit::{backend_name, key_name, run, vault_name};
use serde_json::json;

use crate::visitor::{Desk, EVERYTHING, OTHER_POOL, POOL, operation};

const VALUE: &str = "AAECAwQFBgcICQoLDA0ODw";

impl Desk {
    fn patch(&self, key: &str, version: Option<KeyVersion>, patch: VersionPatch) {
        run(self.bench.broker.update_key(&self.bench.admin(), self.bench.vault(), key_name(key), version, patch))
            .unwrap();
    }

    fn disable(&self, key: &str, version: Option<KeyVersion>) {
        self.patch(key, version, VersionPatch { enabled: Some(false), ..VersionPatch::default() });
    }

    fn rotate(&self, key: &str) -> KeyVersion {
        let rotated = run(self.bench.broker.rotate_key(&self.bench.admin(), self.bench.vault(), key_name(key)));
        rotated.unwrap().version.version
    }
}

#[test]
fn a_key_of_each_served_kind_wraps_by_its_own_algorithms_alone() {
    let desk = Desk::new();
    let rows = [
        ("oct256", KeySpec::Oct256, Some(("oct", 256)), ["A256KW", "A256KWP"].as_slice()),
        ("rsa2048", KeySpec::Rsa2048, Some(("RSA", 2048)), &["RSA-OAEP", "RSA-OAEP-256"]),
        ("rsa3072", KeySpec::Rsa3072, Some(("RSA", 3072)), &["RSA-OAEP", "RSA-OAEP-256"]),
        ("rsa4096", KeySpec::Rsa4096, Some(("RSA", 4096)), &["RSA-OAEP", "RSA-OAEP-256"]),
        ("oct128", KeySpec::Oct128, None, &[]),
        ("oct192", KeySpec::Oct192, None, &[]),
        ("ec-p256", KeySpec::EcP256, None, &[]),
        ("ec-p521", KeySpec::EcP521, None, &[]),
    ];
    for (key, spec, shown, served) in rows {
        desk.bench.make_key(key, spec);
        let metadata = desk.metadata(POOL, key);
        match shown {
            Some((key_type, bits)) => {
                assert_eq!((&metadata.body["key_type"], &metadata.body["key_size"]), (&json!(key_type), &json!(bits)));
                assert_eq!(metadata.body["key_ops"], json!(["wrapKey", "unwrapKey"]));
                assert_eq!(metadata.body.get("n").is_some(), key_type == "RSA", "{metadata:?}");
            }
            None => {
                assert_eq!((metadata.error(), metadata.label.reason), ((400, "UnsupportedKey"), "key-unsupported"));
                assert!(metadata.message().contains(spec.word()), "{}", metadata.message());
            }
        }
        for alg in ["A256KW", "A256KWP", "RSA-OAEP", "RSA-OAEP-256"] {
            let wrapped = desk.wrap(POOL, key, alg, VALUE);
            if served.contains(&alg) {
                assert_eq!(desk.unwrap(POOL, key, alg, wrapped.value()).value(), VALUE, "{key} {alg}");
            } else if spec.word().starts_with("ec") {
                // Its key_ops list neither, which is said first.
                assert_eq!(wrapped.error(), (403, "OperationNotAllowed"), "{key} {alg}");
            } else {
                assert_eq!(wrapped.error(), (400, "UnsupportedAlgorithm"), "{key} {alg}");
                assert!(wrapped.message().contains(alg), "{}", wrapped.message());
            }
        }
    }
}

#[test]
fn an_rsa_key_shows_its_public_half_unsigned_and_unpadded() {
    let desk = Desk::new();
    desk.bench.make_key("r", KeySpec::Rsa3072);
    let body = desk.metadata(POOL, "r").body;
    assert_eq!(body["e"], "AQAB");
    assert_eq!(body["n"].as_str().unwrap().len(), 512, "384 bytes, no sign byte, no padding");
}

#[test]
fn a_disabled_key_does_nothing() {
    let desk = Desk::new();
    desk.bench.make_key("k", KeySpec::Oct256);
    let wrapped = desk.wrap(POOL, "k", "A256KW", VALUE);
    desk.disable("k", None);
    for heard in [
        desk.wrap(POOL, "k", "A256KW", VALUE),
        desk.unwrap(POOL, "k", "A256KW", wrapped.value()),
        desk.metadata(POOL, "k"),
    ] {
        assert_eq!((heard.error(), heard.label.reason), ((403, "KeyDisabled"), "key-disabled"));
    }
}

#[test]
fn an_expired_key_wraps_no_more_and_still_opens() {
    let desk = Desk::new();
    desk.bench.make_key("k", KeySpec::Oct256);
    let wrapped = desk.wrap(POOL, "k", "A256KW", VALUE);
    let now_s = 1_800_000_000;
    desk.patch("k", None, VersionPatch { expires_s: Some(now_s), ..VersionPatch::default() });
    assert_eq!(desk.wrap(POOL, "k", "A256KW", VALUE).error(), (403, "KeyExpired"));
    assert_eq!(desk.unwrap(POOL, "k", "A256KW", wrapped.value()).value(), VALUE);
    desk.patch(
        "k",
        None,
        VersionPatch { not_before_s: Some(now_s + 9), expires_s: Some(now_s + 10), ..VersionPatch::default() },
    );
    assert_eq!(desk.wrap(POOL, "k", "A256KW", VALUE).error(), (403, "KeyNotYetValid"));
}

#[test]
fn a_key_shows_only_the_operations_it_allows() {
    let desk = Desk::new();
    desk.bench.make_key("k", KeySpec::Rsa2048);
    let patch = |operations: &[KeyOperation]| VersionPatch {
        operations: Some(operations.iter().copied().collect()),
        ..VersionPatch::default()
    };
    desk.patch("k", None, patch(&[KeyOperation::Sign, KeyOperation::UnwrapKey]));
    assert_eq!(desk.metadata(POOL, "k").body["key_ops"], json!(["unwrapKey"]));
    assert_eq!(desk.wrap(POOL, "k", "RSA-OAEP-256", VALUE).error(), (403, "OperationNotAllowed"));
    desk.patch("k", None, patch(&[KeyOperation::Sign]));
    assert_eq!(desk.metadata(POOL, "k").error(), (403, "OperationNotAllowed"));
}

#[test]
fn a_rotation_strands_nothing() {
    for (spec, alg) in [(KeySpec::Oct256, "A256KW"), (KeySpec::Rsa2048, "RSA-OAEP-256")] {
        let desk = Desk::new();
        let first = desk.bench.make_key("k", spec).version.version;
        let old = desk.wrap(POOL, "k", alg, VALUE).value().to_owned();
        let before = desk.metadata(POOL, "k").body;
        desk.rotate("k");
        desk.rotate("k");
        assert_ne!(desk.wrap(POOL, "k", alg, VALUE).value(), old, "the latest version wraps");
        assert_eq!(desk.unwrap(POOL, "k", alg, &old).value(), VALUE);
        assert_eq!(desk.entries().last().unwrap().version, Some(first), "the audit names the version that opened it");
        assert_eq!(desk.metadata(POOL, "k").body["n"] == before["n"], alg == "A256KW");
        desk.disable("k", Some(first));
        assert_eq!(
            desk.unwrap(POOL, "k", alg, &old).error(),
            (400, "InvalidCiphertext"),
            "a disabled version is not tried"
        );
    }
}

#[test]
fn a_value_opens_under_its_own_key_and_algorithm_alone() {
    let desk = Desk::new();
    desk.bench.make_key("k", KeySpec::Oct256);
    desk.bench.make_key("other", KeySpec::Oct256);
    let wrapped = desk.wrap(POOL, "k", "A256KW", VALUE);
    let mut bent = wrapped.value().to_owned().into_bytes();
    bent[3] = if bent[3] == b'A' { b'B' } else { b'A' };
    let bent = String::from_utf8(bent).unwrap();
    for (key, alg, value) in [
        ("k", "A256KWP", wrapped.value()),
        ("other", "A256KW", wrapped.value()),
        ("k", "A256KW", &bent),
        ("k", "A256KW", ""),
    ] {
        assert_eq!(desk.unwrap(POOL, key, alg, value).error(), (400, "InvalidCiphertext"), "{key} {alg} {value}");
    }
    assert_eq!(desk.wrap(POOL, "k", "A256KW", "").error(), (400, "InvalidRequest"), "nothing is not wrapped");
}

#[test]
fn a_prefix_is_a_vault_of_its_own() {
    let desk = Desk::new();
    desk.bench.make_key("k", KeySpec::Oct256);
    let mut ask = desk.bench.create_ask("k", KeySpec::Oct256);
    ask.vault = vault_name("vault2");
    run(desk.bench.broker.create_key(&desk.bench.admin(), ask)).unwrap();
    let (here, there) = ("/path-prefix/k", "/pool-b/k");
    let wrap = |who: &str, path: &str| desk.ask(who, &format!("{path}/wrapkey"), &operation("A256KW", VALUE));
    let wrapped = wrap(POOL, here);
    assert_eq!(wrap(OTHER_POOL, there).status, 200);
    assert_eq!(wrap(POOL, there).error(), (403, "Forbidden"));
    assert_eq!(wrap(OTHER_POOL, here).error(), (403, "Forbidden"));
    let foreign = desk.ask(OTHER_POOL, &format!("{there}/unwrapkey"), &operation("A256KW", wrapped.value()));
    assert_eq!(foreign.error(), (400, "InvalidCiphertext"), "the same name in another vault is another key");
    // What the body says of the pool decides nothing.
    let mut forged = operation("A256KW", wrapped.value());
    forged["request_context"]["pool_name"] = "pool-a".into();
    assert_eq!(desk.ask(OTHER_POOL, &format!("{here}/unwrapkey"), &forged).error(), (403, "Forbidden"));
}

#[test]
fn a_vault_that_is_not_there_is_forbidden_before_it_is_not_found() {
    let desk = Desk::new();
    let ask = |who: &str| desk.ask(who, "/gone/k/wrapkey", &operation("A256KW", VALUE));
    assert_eq!(ask(POOL).error(), (403, "Forbidden"));
    assert_eq!(ask(EVERYTHING).error(), (404, "VaultNotFound"));
}

#[test]
fn a_backend_in_trouble_is_the_servers_error() {
    let desk = Desk::new();
    desk.bench.make_key("k", KeySpec::Oct256);
    let backend = backend_name("software");
    let rows = [
        (Refusal::BackendBusy { backend: backend.clone() }, (503, "ServiceUnavailable"), Some("1")),
        (Refusal::BackendDeadline { backend: backend.clone() }, (504, "GatewayTimeout"), None),
        (Refusal::BackendFaulty { backend: backend.clone() }, (502, "BadGateway"), None),
        (Refusal::BackendUnavailable { backend }, (503, "ServiceUnavailable"), None),
    ];
    for (refusal, error, retry_after) in rows {
        desk.bench.software.fail_next(refusal);
        let heard = desk.wrap(POOL, "k", "A256KW", VALUE);
        assert_eq!((heard.error(), heard.header("retry-after")), (error, retry_after));
        assert_eq!(heard.label.outcome.word(), "error");
    }
}
