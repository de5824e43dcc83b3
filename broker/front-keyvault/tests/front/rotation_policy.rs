//! Rotation policies on the wire.

use serde_json::{Value, json};

use crate::visitor::{Desk, HOST};

const PATH: &str = "/keys/k/rotationpolicy";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"oct"}"#);
    desk
}

fn action(trigger: &Value, kind: &str) -> Value {
    json!({"trigger": trigger, "action": {"type": kind}})
}

#[test]
fn a_key_without_a_policy_has_key_vaults_own() {
    let heard = desk().admin("GET", PATH, "");
    let wanted = json!({
        "id": format!("https://{HOST}/keys/k/rotationpolicy"),
        "lifetimeActions": [action(&json!({"timeBeforeExpiry": "P30D"}), "Notify")],
        "attributes": {}
    });
    assert_eq!((heard.status.as_u16(), heard.body), (200, wanted));
}

#[test]
fn a_policy_is_kept_as_it_was_set() {
    let desk = desk();
    for (rotate, notify) in [("rotate", "notify"), ("Rotate", "Notify")] {
        let body = json!({
            "id": "ignored",
            "lifetimeActions": [
                action(&json!({"timeAfterCreate": "P18M"}), rotate),
                action(&json!({"timeBeforeExpiry": "P4W", "timeAfterCreate": null}), notify),
            ],
            "attributes": {"expiryTime": "P2Y", "created": 1}
        });
        let set = desk.admin("PUT", PATH, &body.to_string());
        let wanted = json!({
            "id": format!("https://{HOST}/keys/k/rotationpolicy"),
            "lifetimeActions": [
                action(&json!({"timeAfterCreate": "P1Y6M"}), "Rotate"),
                action(&json!({"timeBeforeExpiry": "P28D"}), "Notify"),
            ],
            "attributes": {"expiryTime": "P2Y", "created": 1_800_000_000, "updated": 1_800_000_000}
        });
        assert_eq!((set.status.as_u16(), &set.body), (200, &wanted));
        assert_eq!(desk.admin("GET", PATH, "").body, wanted);
    }
    let emptied = desk.admin("PUT", PATH, "{}").body;
    assert_eq!((&emptied["lifetimeActions"], emptied["attributes"].get("expiryTime")), (&json!([]), None));
}

#[test]
fn a_rotated_key_lives_as_long_as_its_policy_says() {
    let desk = desk();
    desk.admin("PUT", PATH, r#"{"attributes":{"expiryTime":"P30D"}}"#);
    let rotated = desk.admin("POST", "/keys/k/rotate", "");
    assert_eq!(rotated.body["attributes"]["exp"], 1_800_000_000 + 30 * 86_400);
}

#[test]
fn a_policy_that_makes_no_sense_is_refused_and_says_why() {
    let desk = desk();
    let with = |trigger: Value, kind: &str| json!({"lifetimeActions": [action(&trigger, kind)]});
    let soon = || json!({"timeAfterCreate": "P30D"});
    let rows = [
        (with(soon(), "ROTATE"), "ROTATE"),
        (with(soon(), "delete"), "delete"),
        (with(json!({}), "Rotate"), "trigger"),
        (with(json!({"timeAfterCreate": "P30D", "timeBeforeExpiry": "P30D"}), "Rotate"), "trigger"),
        (with(json!({"timeAfterCreate": "30 days"}), "Rotate"), "timeAfterCreate"),
        (with(json!({"timeBeforeExpiry": "PT48H"}), "Notify"), "timeBeforeExpiry"),
        (with(json!({"timeAfterCreate": "P6D"}), "Rotate"), "P6D"),
        (json!({"attributes": {"expiryTime": "P27D"}}), "P27D"),
        (json!({"attributes": {"expiryTime": "P0D"}}), "expiryTime"),
        (json!({"attributes": {"expiryTime": "never"}}), "never"),
        (json!({"lifetimeActions": [action(&soon(), "Rotate"), action(&soon(), "Rotate")]}), "one Rotate"),
        (json!({"lifetimeActions": vec![action(&soon(), "Notify"); 9]}), "9 lifetimeActions"),
        (json!({"lifetimeActions": {}}), "right form"),
        (json!({"lifetimeActions": [{"trigger": soon()}]}), "right form"),
        (json!({"lifetimeActions": [{"action": {"type": "Rotate"}}]}), "right form"),
        (json!({"attributes": []}), "right form"),
    ];
    for (body, named) in rows {
        let heard = desk.admin("PUT", PATH, &body.to_string());
        assert_eq!(heard.error(), (400, "BadParameter", None), "{body}");
        assert!(heard.message().contains(named), "{body}: {}", heard.message());
    }
    assert_eq!(desk.admin("GET", PATH, "").body["attributes"], json!({}), "none was set");
}
