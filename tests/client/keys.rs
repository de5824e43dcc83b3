//! wrap, unwrap, data-key, get, rotate.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;

use keybroker_tests::{Asks as _, Authority, Leaf, SUFFIX, WAIT_MAX, run, unb64};
use serde_json::Value;

use crate::desk::{Desk, check_says, fed, text};

#[test]
fn a_secret_comes_back_as_it_went_under_an_algorithm_that_fits() {
    let desk = Desk::new();
    let rows = [
        ("RSA", 2048, 32, "RSA-OAEP-256"),
        ("oct", 256, 32, "A256KW"),
        ("oct", 128, 16, "A128KW"),
        ("oct", 256, 5, "A256KWP"),
    ];
    for (index, (kty, bits, length, algorithm)) in rows.into_iter().enumerate() {
        let (key, secret) = (format!("k{index}"), vec![index as u8; length]);
        let id = desk.broker.admin().create(&key, kty, bits);
        let input = desk.written("secret", &secret);
        let document: Value =
            serde_json::from_slice(&desk.does(&["wrap", "--vault-key", &key, "--in", &input])).unwrap();
        assert_eq!(document["alg"], algorithm, "{document}");
        assert!(document["kid"].as_str().unwrap().ends_with(&id), "{document}");
        assert_eq!(document.as_object().unwrap().len(), 3, "{document}");
        // The wrapped value names its version: a rotation changes nothing.
        desk.json(&["rotate", "--vault-key", &key, "--json"]);
        let file = desk.written("document", document.to_string().as_bytes());
        assert_eq!(desk.does(&["unwrap", "--document", &file, "--out", "-"]), secret);
        desk.does(&["unwrap", "--document", &file, "--out", &desk.path("out")]);
        assert_eq!(std::fs::read(desk.file("out")).unwrap(), secret);
        assert_eq!(std::fs::metadata(desk.file("out")).unwrap().permissions().mode() & 0o7777, 0o600);
    }
}

#[test]
fn secrets_come_from_stdin_and_never_from_arguments() {
    let desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let wrapped = fed(desk.command(&["wrap", "--vault-key", "k"]), b"0123456789abcdef\n");
    assert!(wrapped.status.success(), "{}", text(&wrapped.stderr));
    let opened = fed(desk.command(&["unwrap", "--out", "-"]), &wrapped.stdout);
    assert_eq!(text(&opened.stdout), "0123456789abcdef\n", "the end of the line is the secret's own");
    // Neither is there an argument for a secret, nor does one reach the terminal unasked.
    for words in [&["wrap", "--vault-key", "k", "0123456789abcdef"][..], &["unwrap"]] {
        assert_eq!(desk.try_do(words).status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn nothing_but_the_certificate_and_the_document_is_needed_to_unwrap() {
    let desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let document = desk.written("document", &fed(desk.command(&["wrap", "--vault-key", "k"]), &[7; 32]).stdout);
    let mut command = desk.command(&["unwrap", "--document", &document, "--out", "-"]);
    assert_eq!(run(command.env_remove("KEYBROKER_URL"), WAIT_MAX).stdout, [7; 32]);
    // Whoever names a vault means it.
    let elsewhere = format!("https://vault2.{SUFFIX}");
    let said = desk.refused(&["unwrap", "--document", &document, "--out", "-", "--url", &elsewhere]);
    check_says(&said, &["vault1.kv.test", "vault2.kv.test"]);
}

#[test]
fn a_data_key_is_fresh_and_shown_only_where_it_was_asked_for() {
    let desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let mut seen = HashSet::new();
    for bytes in [16, 24, 32, 64] {
        for _ in 0..2 {
            let words = ["data-key", "--vault-key", "k", "--bytes", &bytes.to_string(), "--out", &desk.path("key")];
            let document = desk.written("document", &desk.does(&words));
            let key = std::fs::read(desk.file("key")).unwrap();
            assert_eq!(key.len(), bytes);
            assert_eq!(desk.does(&["unwrap", "--document", &document, "--out", "-"]), key);
            assert!(seen.insert(key));
        }
    }
    let document: Value = desk.json(&["data-key", "--vault-key", "k"]);
    assert_eq!(unb64(&document["value"]).len(), 40, "32 bytes, wrapped");
    assert_eq!(document.as_object().unwrap().keys().collect::<Vec<_>>(), ["alg", "kid", "value"]);
    check_says(&desk.refused(&["data-key", "--vault-key", "k", "--out", "-"]), &["both", "stdout"]);
    check_says(&desk.refused(&["data-key", "--vault-key", "k", "--bytes", "33"]), &["16, 24, 32 or 64"]);
}

#[test]
fn a_refusal_is_told_in_the_brokers_own_words() {
    let mut desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let document = desk.written("document", &fed(desk.command(&["wrap", "--vault-key", "k"]), &[7; 32]).stdout);
    check_says(&desk.refused(&["get", "--vault-key", "none"]), &["404 KeyNotFound", "none", "request "]);
    check_says(&desk.refused(&["get", "--vault-key", "a/b/c"]), &["key \"a/b/c\""]);
    check_says(
        &desk.refused(&["wrap", "--vault-key", "k", "--algorithm", "ROT13", "--in", "/dev/null"]),
        &["400", "ROT13"],
    );
    check_says(&desk.refused(&["rotate", "--vault-key", &format!("k/{}", "0".repeat(32))]), &["without a version"]);

    desk.broker.grant(&desk.broker.principal("jo"), "wrapKey", "/vault1/k");
    desk.now("jo");
    let jo = desk.broker.principal("jo");
    check_says(
        &desk.refused(&["unwrap", "--document", &document, "--out", "-"]),
        &["403 Forbidden/ForbiddenByRbac", &jo, "unwrapKey"],
    );
    let secret = desk.written("secret", &[7; 32]);
    // Without the right to look at the key there is nothing to choose an algorithm by.
    check_says(&desk.refused(&["wrap", "--vault-key", "k", "--in", &secret]), &["--algorithm", "403"]);
    desk.does(&["wrap", "--vault-key", "k", "--in", &secret, "--algorithm", "A256KW"]);
}

#[test]
fn a_wrong_certificate_is_named_on_whichever_side_it_is() {
    let mut desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let other = Authority::new("elsewhere");
    other.issue(Leaf::client().uri("spiffe://keybroker.test/admin")).write(&desk.broker.pki(), "stranger");
    let other_ca = desk.written("other-ca.pem", other.pem().as_bytes());
    check_says(&desk.refused(&["get", "--vault-key", "k", "--ca", &other_ca]), &["cannot connect", "UnknownIssuer"]);
    let other_name = ["get", "--vault-key", "k", "--url", "https://vault1.elsewhere.test"];
    check_says(&desk.refused(&other_name), &["cannot connect", "not valid for name"]);
    check_says(&desk.refused(&["get", "--vault-key", "k", "--cert", "/nowhere.pem"]), &["/nowhere.pem"]);
    let key_of_another = desk.broker.pki().join("stranger.key").display().to_string();
    check_says(&desk.refused(&["get", "--vault-key", "k", "--key", &key_of_another]), &["stranger.key"]);
    desk.name = "stranger";
    check_says(&desk.refused(&["get", "--vault-key", "k"]), &["received fatal alert", "UnknownCA"]);
    desk.name = "admin";
    let address = desk.broker.keyvault().to_string();
    desk.broker.stop();
    let mut gone = desk.broker.command(&["client", "get", "--vault-key", "k", "--url", "https://vault1.kv.test"]);
    let pki = desk.broker.pki();
    gone.args(["--connect", &address]).arg("--ca").arg(pki.join("ca.pem"));
    let gone = run(gone.arg("--cert").arg(pki.join("admin.pem")).arg("--key").arg(pki.join("admin.key")), WAIT_MAX);
    check_says(&text(&gone.stderr), &["cannot connect", &address, "refused"]);
}
