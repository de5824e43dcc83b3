//! The end of a key, and its ways back: delete, recover, purge, backup, restore.

use broker_core::broker::VaultPatch;
use broker_testkit::run;
use serde_json::{Value, json};

use crate::visitor::{ADMIN, Desk, HOST, request};

const DAY_S: i64 = 86_400;
const WRAP: &str = r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw"}"#;

#[test]
fn a_deleted_key_says_how_long_it_can_be_recovered() {
    let desk = Desk::new();
    let made = desk.admin("POST", "/keys/My-Key/create", r#"{"kty":"RSA","tags":{"a":"b"}}"#).body;
    let deleted = desk.admin("DELETE", "/keys/my-KEY", "");
    assert_eq!(deleted.status, 200, "{deleted:?}");
    for part in ["key", "attributes", "tags"] {
        assert_eq!(deleted.body[part], made[part], "{part}");
    }
    assert_eq!(deleted.body["recoveryId"], format!("https://{HOST}/deletedkeys/my-key"));
    assert_eq!(deleted.body["deletedDate"], 1_800_000_000);
    assert_eq!(deleted.body["scheduledPurgeDate"], 1_800_000_000 + 90 * DAY_S);
    assert_eq!(desk.admin("GET", "/deletedkeys/my-key", "").body, deleted.body);
}

#[test]
fn a_deleted_key_answers_as_a_deleted_key_alone() {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"oct"}"#);
    assert_eq!(desk.admin("GET", "/deletedkeys/k", "").error(), (404, "KeyNotFound", None), "it is live");
    desk.admin("DELETE", "/keys/k", "");
    for (method, path, body) in [
        ("GET", "/keys/k", ""),
        ("GET", "/keys/k/versions", ""),
        ("POST", "/keys/k/wrapkey", WRAP),
        ("POST", "/keys/k/rotate", ""),
        ("POST", "/keys/k/backup", ""),
        ("GET", "/keys/k/rotationpolicy", ""),
        ("PATCH", "/keys/k", "{}"),
        ("DELETE", "/keys/k", ""),
    ] {
        assert_eq!(desk.admin(method, path, body).error(), (404, "KeyNotFound", None), "{method} {path}");
    }
    for (method, path, body) in [
        ("POST", "/keys/k/create", r#"{"kty":"oct"}"#),
        ("PUT", "/keys/k", r#"{"key":{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}}"#),
    ] {
        let heard = desk.admin(method, path, body);
        assert_eq!(heard.error(), (409, "Conflict", Some("ObjectIsDeletedButRecoverable")), "{method} {path}");
    }
    assert_eq!(desk.admin("GET", "/keys", "").body["value"], json!([]));
}

#[test]
fn a_recovered_key_opens_what_it_wrapped() {
    let desk = Desk::new();
    let made = desk.admin("POST", "/keys/k/create", r#"{"kty":"oct"}"#).body;
    let wrapped = desk.admin("POST", "/keys/k/wrapkey", WRAP).body["value"].clone();
    desk.admin("DELETE", "/keys/k", "");
    let recovered = desk.admin("POST", "/deletedkeys/k/recover", "");
    assert_eq!((recovered.status.as_u16(), &recovered.body), (200, &made));
    let opened = desk.admin("POST", "/keys/k/unwrapkey", &json!({"alg": "A256KW", "value": wrapped}).to_string());
    assert_eq!(opened.body["value"], "AAECAwQFBgcICQoLDA0ODw");
    assert_eq!(desk.admin("POST", "/deletedkeys/k/recover", "").error(), (404, "KeyNotFound", None));
}

#[test]
fn a_purged_key_is_gone_and_its_name_is_free() {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"oct"}"#);
    assert_eq!(desk.admin("DELETE", "/deletedkeys/k", "").error(), (404, "KeyNotFound", None), "it is live");
    desk.admin("DELETE", "/keys/k", "");
    let purged = desk.admin("DELETE", "/deletedkeys/k", "");
    assert_eq!((purged.status.as_u16(), &purged.body), (204, &Value::Null));
    assert_eq!((purged.header("content-type"), purged.label.operation), (None, "purge-key"));
    assert!(purged.header("x-ms-request-id").is_some());
    for (method, path) in [("GET", "/deletedkeys/k"), ("DELETE", "/deletedkeys/k"), ("POST", "/deletedkeys/k/recover")]
    {
        assert_eq!(desk.admin(method, path, "").error(), (404, "KeyNotFound", None), "{method} {path}");
    }
    desk.make("k", r#"{"kty":"oct"}"#);
}

#[test]
fn purge_protection_keeps_a_deleted_key() {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"oct"}"#);
    let protect = VaultPatch { purge_protection: Some(true), ..VaultPatch::default() };
    run(desk.bench.broker.update_vault(&desk.bench.admin(), desk.bench.vault(), protect)).unwrap();
    let deleted = desk.admin("DELETE", "/keys/k", "");
    assert_eq!(deleted.body["attributes"]["recoveryLevel"], "Recoverable");
    let refused = desk.admin("DELETE", "/deletedkeys/k", "");
    assert_eq!(refused.error(), (403, "Forbidden", Some("PurgeProtected")));
    let until = deleted.body["scheduledPurgeDate"].to_string();
    assert!(refused.message().contains(&until), "{}", refused.message());
    assert_eq!(desk.admin("POST", "/deletedkeys/k/recover", "").status, 200);
}

#[test]
fn deleted_keys_are_listed_page_by_page() {
    let desk = Desk::new();
    for number in 0..5 {
        desk.make(&format!("k{number}"), r#"{"kty":"oct","tags":{"a":"b"}}"#);
        if number > 0 {
            desk.admin("DELETE", &format!("/keys/k{number}"), "");
        }
    }
    let mut next = Some(format!("https://{HOST}/deletedkeys?api-version=7.4&maxresults=2"));
    let mut seen = Vec::new();
    while let Some(link) = next {
        let page = desk.send(ADMIN, request("GET", link.strip_prefix(&format!("https://{HOST}")).unwrap(), "")).body;
        next = page["nextLink"].as_str().map(str::to_owned);
        for row in page["value"].as_array().unwrap() {
            let kid = row["kid"].as_str().unwrap();
            assert_eq!(row["recoveryId"], kid.replace("/keys/", "/deletedkeys/"));
            assert_eq!((&row["tags"], &row["deletedDate"]), (&json!({"a": "b"}), &json!(1_800_000_000)));
            seen.push(kid.rsplit('/').next().unwrap().to_owned());
        }
    }
    seen.sort();
    assert_eq!(seen, ["k1", "k2", "k3", "k4"]);
}

#[test]
fn a_backup_brings_a_purged_key_back_with_all_its_versions() {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"oct","tags":{"a":"b"}}"#);
    let wrapped = desk.admin("POST", "/keys/k/wrapkey", WRAP).body["value"].clone();
    let rotated = desk.admin("POST", "/keys/k/rotate", "").body;
    let backup = desk.admin("POST", "/keys/k/backup", "").body;
    assert_eq!(backup.as_object().unwrap().keys().collect::<Vec<_>>(), ["value"]);
    let taken = desk.admin("POST", "/keys/restore", &backup.to_string());
    assert_eq!(taken.error(), (409, "Conflict", None), "the name is taken");
    desk.admin("DELETE", "/keys/k", "");
    let deleted = desk.admin("POST", "/keys/restore", &backup.to_string());
    assert_eq!(deleted.error(), (409, "Conflict", Some("ObjectIsDeletedButRecoverable")));
    desk.admin("DELETE", "/deletedkeys/k", "");
    let restored = desk.admin("POST", "/keys/restore", &backup.to_string());
    assert_eq!((restored.status.as_u16(), &restored.body["key"]), (200, &rotated["key"]));
    let opened = desk.admin("POST", "/keys/k/unwrapkey", &json!({"alg": "A256KW", "value": wrapped}).to_string());
    assert_eq!(opened.body["value"], "AAECAwQFBgcICQoLDA0ODw");
}

#[test]
fn what_is_no_backup_is_not_restored() {
    let desk = Desk::new();
    for body in ["", "{}", r#"{"value":null}"#, r#"{"value":"+"}"#, r#"{"value":""}"#, r#"{"value":"AAAA"}"#] {
        assert_eq!(desk.admin("POST", "/keys/restore", body).error(), (400, "BadParameter", None), "{body}");
    }
}
