//! Every route, and every permission it may lack.

use broker_core::entry::Decision;
use broker_core::grant::Scope;
use broker_core::permission::Permission;
use broker_front_keyvault::{Action, KeyAction, ROUTES, RightsAction, Route, VaultAction};
use serde_json::json;

use crate::visitor::{Desk, Heard};

const WRAP: &str = r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw"}"#;
const DIGEST: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// Brings the vault to where the action makes sense on key `k`, and gives a body that its route takes.
fn ready(desk: &Desk, action: Action) -> (String, String) {
    let signs = matches!(action, Action::OnKey(KeyAction::Sign | KeyAction::Verify));
    let version = desk.make("k", if signs { r#"{"kty":"EC"}"# } else { r#"{"kty":"oct"}"# });
    let body = match action {
        Action::OnKey(action) => body_for(desk, action),
        Action::OnRights(action) => body_on_rights(desk, action),
        Action::OnVault(VaultAction::ListDeletedKeys | VaultAction::ListKeys) => String::new(),
        Action::OnVault(VaultAction::RandomBytes) => r#"{"count":8}"#.to_owned(),
        Action::OnVault(VaultAction::RestoreKey) => {
            let backup = desk.admin("POST", "/keys/k/backup", "").body.to_string();
            desk.admin("DELETE", "/keys/k", "");
            assert_eq!(desk.admin("DELETE", "/deletedkeys/k", "").status, 204);
            backup
        }
    };
    (version, body)
}

/// The name of a role assignment, and of a role definition that lists what a bare holder of `grantWrite` has.
const ASSIGNMENT: &str = "f6cee49d-a40c-4fae-82ca-75ed26b49ab6";
const DEFINITION: &str = "permissions-grantWrite";

fn body_on_rights(desk: &Desk, action: RightsAction) -> String {
    let body = json!({"properties": {"roleDefinitionId": DEFINITION, "principalId": "pin/friend"}}).to_string();
    if matches!(action, RightsAction::GetGrant | RightsAction::RemoveGrant) {
        let path = format!("/keys/k/providers/Microsoft.Authorization/roleAssignments/{ASSIGNMENT}");
        assert_eq!(desk.admin("PUT", &path, &body).status, 201);
    }
    body
}

fn body_for(desk: &Desk, action: KeyAction) -> String {
    match action {
        KeyAction::CreateKey => r#"{"kty":"oct"}"#.to_owned(),
        KeyAction::Decrypt | KeyAction::UnwrapKey => {
            let wrapped = desk.admin("POST", "/keys/k/wrapkey", WRAP).body["value"].clone();
            json!({"alg": "A256KW", "value": wrapped}).to_string()
        }
        KeyAction::Encrypt | KeyAction::WrapKey => WRAP.to_owned(),
        KeyAction::GetDeletedKey | KeyAction::PurgeKey | KeyAction::RecoverKey => {
            assert_eq!(desk.admin("DELETE", "/keys/k", "").status, 200);
            String::new()
        }
        KeyAction::ImportKey => r#"{"key":{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}}"#.to_owned(),
        KeyAction::SetRotationPolicy => "{}".to_owned(),
        KeyAction::Sign => json!({"alg": "ES256", "value": DIGEST}).to_string(),
        KeyAction::UpdateKey => r#"{"tags":{}}"#.to_owned(),
        KeyAction::Verify => json!({"alg": "ES256", "digest": DIGEST, "value": "AAAA"}).to_string(),
        KeyAction::BackupKey
        | KeyAction::DeleteKey
        | KeyAction::GetKey
        | KeyAction::GetRotationPolicy
        | KeyAction::ListVersions
        | KeyAction::ReleaseKey
        | KeyAction::RotateKey => String::new(),
    }
}

fn ask(desk: &Desk, who: &str, route: &Route, (version, body): &(String, String)) -> Heard {
    let id = if !route.pattern.contains("roleDefinitions") { ASSIGNMENT } else { DEFINITION };
    let path = route.pattern.replace("{n}", "k").replace("{v}", version).replace("{id}", id);
    desk.ask(who, route.method.as_str(), &path, body)
}

#[test]
fn every_route_without_its_permission_is_refused_and_says_what_is_missing() {
    for route in ROUTES {
        let desk = Desk::new();
        let ready = ready(&desk, route.action);
        let operation = route.action.operation();
        let missing = operation.permission();
        let others: Vec<_> = Permission::ALL.iter().copied().filter(|permission| *permission != missing).collect();
        let all_but_one = format!("pin/without-{}", missing.word().to_ascii_lowercase());
        desk.bench.give(&all_but_one, &others, Scope::Broker);
        let scope = match route.action {
            Action::OnKey(_) => "/vault1/k",
            Action::OnRights(_) if route.pattern.contains("{n}") => "/vault1/k",
            Action::OnRights(_) | Action::OnVault(_) => "/vault1",
        };
        let consumes = matches!(missing, Permission::Get | Permission::UnwrapKey | Permission::WrapKey);
        let waits = consumes && matches!(route.action, Action::OnKey(_));
        let calls = desk.bench.software.calls().len();
        for who in ["pin/nobody", &all_but_one] {
            let heard = ask(&desk, who, route, &ready);
            let what = format!("{} {} by {who}: {heard:?}", route.method, route.pattern);
            assert_eq!(heard.error(), (403, "Forbidden", Some("ForbiddenByRbac")), "{what}");
            let waiting = if waits { "waiting for key k: " } else { "" };
            let named = format!("{waiting}principal {who} lacks permission {missing} on {scope};");
            assert!(heard.message().starts_with(&named), "{what}");
            assert_eq!((heard.label.operation, heard.label.reason), (operation.word(), "forbidden"), "{what}");
            let entry = desk.entries().pop().unwrap();
            let decision = Decision::Refused { reason: "forbidden", missing: Some(format!("{missing} on {scope}")) };
            assert_eq!((entry.operation, entry.decision), (operation, Some(decision)), "{what}");
        }
        assert_eq!(desk.bench.software.calls().len(), calls, "{}: the backend was not asked", route.pattern);
    }
}

#[test]
fn every_route_with_its_permission_alone_is_served_but_those_that_are_named() {
    for route in ROUTES {
        let desk = Desk::new();
        let ready = ready(&desk, route.action);
        let operation = route.action.operation();
        let who = format!("pin/with-{}", operation.permission().word().to_ascii_lowercase());
        desk.bench.give(&who, &[operation.permission()], Scope::Vault(desk.bench.vault()));
        let heard = ask(&desk, &who, route, &ready);
        let what = format!("{} {}: {heard:?}", route.method, route.pattern);
        match route.action {
            Action::OnKey(KeyAction::PurgeKey) => assert_eq!(heard.status, 204, "{what}"),
            Action::OnKey(KeyAction::ReleaseKey) | Action::OnRights(RightsAction::WriteRole) => {
                assert_eq!(heard.error(), (501, "NotImplemented", None), "{what}");
                assert!(heard.message().contains(operation.word()), "{what}");
            }
            // None waits; that it is looked for is what the permission allows.
            Action::OnRights(RightsAction::ApproveElevation | RightsAction::DenyElevation) => {
                assert_eq!(heard.error(), (404, "NotFound", None), "{what}");
            }
            Action::OnRights(RightsAction::CreateGrant) => assert_eq!(heard.status, 201, "{what}"),
            Action::OnKey(_) | Action::OnRights(_) | Action::OnVault(_) => assert_eq!(heard.status, 200, "{what}"),
        }
        assert_eq!(desk.entries().pop().unwrap().operation, operation, "{what}");
    }
}

#[test]
fn get_wrap_and_unwrap_never_imply_each_other() {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"oct"}"#);
    let three = [Permission::Get, Permission::WrapKey, Permission::UnwrapKey];
    for held in three {
        let who = format!("pin/only-{}", held.word().to_ascii_lowercase());
        desk.bench.give(&who, &[held], desk.bench.key_scope("k"));
        let statuses = [("GET", "/keys/k", ""), ("POST", "/keys/k/wrapkey", WRAP), ("POST", "/keys/k/unwrapkey", WRAP)]
            .map(|(method, path, body)| desk.ask(&who, method, path, body).status.as_u16() != 403);
        assert_eq!(statuses, three.map(|permission| permission == held), "{held}");
    }
}

#[test]
fn a_right_to_one_key_is_none_to_another() {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"oct"}"#);
    desk.make("k2", r#"{"kty":"oct"}"#);
    desk.bench.give("pin/one", &[Permission::Get], desk.bench.key_scope("k"));
    assert_eq!(desk.ask("pin/one", "GET", "/keys/K", "").status, 200);
    for path in ["/keys/k2", "/keys/none", "/keys"] {
        assert_eq!(desk.ask("pin/one", "GET", path, "").status, 403, "{path}");
    }
}
