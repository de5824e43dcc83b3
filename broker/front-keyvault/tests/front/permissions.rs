//! Every route, and every permission it may lack.

use broker_core::entry::Decision;
use broker_core::grant::Scope;
use broker_core::permission::Permission;
use broker_front_keyvault::{Action, KeyAction, ROUTES, Route, VaultAction};

use crate::visitor::{Desk, Heard};

const WRAP: &str = r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw"}"#;

/// A body that the route takes.
fn body_for(action: Action) -> &'static str {
    match action {
        Action::OnKey(KeyAction::CreateKey) => r#"{"kty":"oct"}"#,
        Action::OnKey(KeyAction::UpdateKey) => r#"{"tags":{}}"#,
        Action::OnKey(KeyAction::Decrypt | KeyAction::Encrypt | KeyAction::UnwrapKey | KeyAction::WrapKey) => WRAP,
        Action::OnVault(VaultAction::RandomBytes) => r#"{"count":8}"#,
        Action::OnKey(_) | Action::OnVault(_) => "",
    }
}

/// What an allowed request gets: these operations are known, and not carried out.
fn is_served(action: Action) -> bool {
    match action {
        Action::OnKey(action) => match action {
            KeyAction::CreateKey
            | KeyAction::Decrypt
            | KeyAction::Encrypt
            | KeyAction::GetKey
            | KeyAction::ListVersions
            | KeyAction::RotateKey
            | KeyAction::UnwrapKey
            | KeyAction::UpdateKey
            | KeyAction::WrapKey => true,
            KeyAction::BackupKey
            | KeyAction::DeleteKey
            | KeyAction::GetDeletedKey
            | KeyAction::GetRotationPolicy
            | KeyAction::ImportKey
            | KeyAction::PurgeKey
            | KeyAction::RecoverKey
            | KeyAction::ReleaseKey
            | KeyAction::SetRotationPolicy
            | KeyAction::Sign
            | KeyAction::Verify => false,
        },
        Action::OnVault(VaultAction::ListKeys | VaultAction::RandomBytes) => true,
        Action::OnVault(VaultAction::ListDeletedKeys | VaultAction::RestoreKey) => false,
    }
}

fn ask(desk: &Desk, who: &str, route: &Route, version: &str) -> Heard {
    let path = route.pattern.replace("{n}", "k").replace("{v}", version);
    desk.ask(who, route.method.as_str(), &path, body_for(route.action))
}

#[test]
fn every_route_without_its_permission_is_refused_and_says_what_is_missing() {
    let desk = Desk::new();
    let version = desk.make("k", r#"{"kty":"oct"}"#);
    for route in ROUTES {
        let operation = route.action.operation();
        let missing = operation.permission();
        let others: Vec<_> = Permission::ALL.iter().copied().filter(|permission| *permission != missing).collect();
        let all_but_one = format!("pin/without-{}", missing.word().to_ascii_lowercase());
        desk.bench.give(&all_but_one, &others, Scope::Broker);
        let scope = match route.action {
            Action::OnKey(_) => "/vault1/k",
            Action::OnVault(_) => "/vault1",
        };
        let calls = desk.bench.software.calls().len();
        for who in ["pin/nobody", &all_but_one] {
            let heard = ask(&desk, who, route, &version);
            let what = format!("{} {} by {who}: {heard:?}", route.method, route.pattern);
            assert_eq!(heard.error(), (403, "Forbidden", Some("ForbiddenByRbac")), "{what}");
            let named = format!("principal {who} lacks permission {missing} on {scope};");
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
fn every_route_with_its_permission_alone_is_served_or_named_as_not_implemented() {
    let desk = Desk::new();
    let version = desk.make("k", r#"{"kty":"oct"}"#);
    for route in ROUTES {
        let operation = route.action.operation();
        let who = format!("pin/with-{}", operation.permission().word().to_ascii_lowercase());
        desk.bench.give(&who, &[operation.permission()], Scope::Vault(desk.bench.vault()));
        let heard = ask(&desk, &who, route, &version);
        let opens = matches!(route.action, Action::OnKey(KeyAction::Decrypt | KeyAction::UnwrapKey));
        let what = format!("{} {}: {heard:?}", route.method, route.pattern);
        match (is_served(route.action), opens) {
            (true, false) => assert_eq!(heard.status, 200, "{what}"),
            (true, true) => assert_eq!(heard.label.reason, "unwrappable", "{what}"),
            (false, _) => {
                assert_eq!(heard.error(), (501, "NotImplemented", None), "{what}");
                assert!(heard.message().contains(operation.word()), "{what}");
            }
        }
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
