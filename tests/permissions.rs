//! Every route and every admin operation, and every permission it may lack.
//!
//! A new action does not compile until it has its request below, and a new operation fails until it has its case.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use broker_core::permission::Permission;
use broker_core::verb::Operation;
use broker_front_keyvault::{Action, KeyAction, ROUTES, Route, VaultAction};
use keybroker_tests::{ADMIN, Answer, Broker, Setup, WAIT_MAX, keybroker, run};

const WRAP: &str = r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw"}"#;
const NO_VERSION: &str = "00000000000000000000000000000000";

/// What an allowed request gets here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gets {
    NotImplemented,
    Served,
    /// The value is of no key: allowed, and refused for that.
    Unwrappable,
}

/// A body that the route takes, and what it gets.
fn case_of(action: Action) -> (&'static str, Gets) {
    match action {
        Action::OnKey(action) => match action {
            KeyAction::CreateKey => (r#"{"kty":"oct"}"#, Gets::Served),
            KeyAction::Encrypt | KeyAction::WrapKey => (WRAP, Gets::Served),
            KeyAction::Decrypt | KeyAction::UnwrapKey => (WRAP, Gets::Unwrappable),
            KeyAction::UpdateKey => (r#"{"tags":{}}"#, Gets::Served),
            KeyAction::GetKey | KeyAction::ListVersions | KeyAction::RotateKey => ("", Gets::Served),
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
            | KeyAction::Verify => ("", Gets::NotImplemented),
        },
        Action::OnVault(action) => match action {
            VaultAction::ListKeys => ("", Gets::Served),
            VaultAction::RandomBytes => (r#"{"count":8}"#, Gets::Served),
            VaultAction::ListDeletedKeys | VaultAction::RestoreKey => ("", Gets::NotImplemented),
        },
    }
}


/// A broker with the key `k` in two vaults and `k2` beside it, and its version in the first.
struct Desk {
    broker: Broker,
    version: String,
}

impl Desk {
    fn new() -> Self {
        let broker = Setup::new().vault("vault2").start();
        let admin = broker.admin();
        let version = admin.create("k", "oct", 256).rsplit_once('/').unwrap().1.to_owned();
        admin.create("k2", "oct", 256);
        admin.of_host(&format!("vault2.{SUFFIX}")).create("k", "oct", 256);
        Self { broker, version }
    }

    /// A client that holds these permissions at these scopes.
    fn client(&self, name: &str, permissions: &str, scopes: &[&str]) -> Connection {
        for scope in scopes {
            self.broker.grant(&self.broker.principal(name), permissions, scope);
        }
        self.broker.client_of(name).connect().unwrap()
    }

    fn ask(&self, who: &Connection, route: &Route, key: &str) -> Answer {
        let path = route.pattern.replace("{n}", key).replace("{v}", &self.version);
        let (body, _) = case_of(route.action);
        let request = Request::new(route.method.as_str(), &format!("{path}?api-version=7.4"));
        who.answer(&request.header(AUTHORIZATION.0, AUTHORIZATION.1).bytes(body.into()))
    }
}

/// The permissions that routes need, each with its routes.
fn routes_by_permission() -> BTreeMap<Permission, Vec<&'static Route>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for route in ROUTES {
        all.entry(route.action.operation().permission()).or_default().push(route);
    }
    all
}

fn all_but(permission: Permission) -> String {
    let others: Vec<_> = Permission::ALL.iter().filter(|other| **other != permission).map(|other| other.word()).collect();
    others.join(",")
}

fn scope_of(route: &Route, key: &str) -> String {
    match route.action {
        Action::OnKey(_) => format!("/vault1/{key}"),
        Action::OnVault(_) => "/vault1".to_owned(),
    }
}

/// Asks, and wants the refusal that names what is missing.
fn is_refused(desk: &Desk, name: &str, who: &Connection, route: &Route, key: &str) -> String {
    let (principal, missing) = (desk.broker.principal(name), route.action.operation().permission());
    let answer = desk.ask(who, route, key);
    let what = format!("{} {} by {principal}: {answer:?}", route.method, route.pattern);
    assert_eq!((answer.status, answer.code().as_str()), (403, "Forbidden/ForbiddenByRbac"), "{what}");
    let scope = scope_of(route, key);
    let named = format!("principal {principal} lacks permission {missing} on {scope};");
    assert!(answer.message().starts_with(&named), "{what}");
    answer.header("x-ms-request-id").unwrap().to_owned()
}

#[test]
fn every_route_without_its_permission_is_refused_and_names_what_is_missing() {
    let desk = Desk::new();
    let nobody = desk.client("nobody", "", &[]);
    let mut refused = Vec::new();
    for (permission, routes) in routes_by_permission() {
        let name = format!("without-{}", permission.word().to_ascii_lowercase());
        let who = desk.client(&name, &all_but(permission), &["/"]);
        for route in routes {
            for (name, who) in [("nobody", &nobody), (&*name, &who)] {
                let request = is_refused(&desk, name, who, route, "k");
                refused.push((request, route.action.operation(), format!("{permission} on {}", scope_of(route, "k"))));
            }
        }
    }
    let audit = desk.broker.audit();
    for (request, operation, missing) in refused {
        let entry = audit.iter().find(|entry| entry["request"] == *request).expect("every refusal has its entry");
        let found = [&entry["phase"], &entry["operation"], &entry["decision"], &entry["reason"], &entry["missing"]];
        assert_eq!(found.map(|value| value.as_str().unwrap()), ["done", operation.word(), "refused", "forbidden", &missing]);
    }
}

#[test]
fn every_route_with_its_permission_alone_is_served_or_named_as_not_implemented() {
    let desk = Desk::new();
    for (permission, routes) in routes_by_permission() {
        let name = format!("with-{}", permission.word().to_ascii_lowercase());
        let who = desk.client(&name, permission.word(), &["/vault1"]);
        for route in routes {
            let answer = desk.ask(&who, route, "k");
            let what = format!("{} {}: {answer:?}", route.method, route.pattern);
            match case_of(route.action).1 {
                Gets::NotImplemented => {
                    assert_eq!((answer.status, answer.code().as_str()), (501, "NotImplemented"), "{what}");
                    assert!(answer.message().contains(route.action.operation().word()), "{what}");
                }
                Gets::Served => assert_eq!(answer.status, 200, "{what}"),
                Gets::Unwrappable => {
                    assert_eq!(answer.status, 400, "{what}");
                    assert!(answer.message().contains("does not open"), "{what}");
                }
            }
        }
    }
}

#[test]
fn a_right_elsewhere_is_none_here() {
    let desk = Desk::new();
    for (permission, routes) in routes_by_permission() {
        let name = format!("elsewhere-{}", permission.word().to_ascii_lowercase());
        // Another key, another vault, the same key of another vault.
        let who = desk.client(&name, permission.word(), &["/vault1/k2", "/vault2", "/vault2/k"]);
        for route in routes {
            is_refused(&desk, &name, &who, route, "k");
        }
    }
}

#[test]
fn a_right_to_one_key_serves_that_key_alone() {
    let desk = Desk::new();
    for (permission, routes) in routes_by_permission() {
        let name = format!("one-{}", permission.word().to_ascii_lowercase());
        let who = desk.client(&name, permission.word(), &["/vault1/k"]);
        for route in routes {
            if matches!(route.action, Action::OnVault(_)) {
                is_refused(&desk, &name, &who, route, "k");
                continue;
            }
            for key in ["k", "K"] {
                assert_ne!(desk.ask(&who, route, key).status, 403, "{} {}", route.method, route.pattern);
            }
            is_refused(&desk, &name, &who, route, "k2");
        }
    }
}

#[test]
fn a_refusal_does_not_say_which_keys_exist() {
    let desk = Desk::new();
    let name = "curious";
    let who = desk.client(name, all_but(Permission::Get).as_str(), &["/vault2"]);
    for route in ROUTES.iter().filter(|route| matches!(route.action, Action::OnKey(_))) {
        let told = |key: &str| {
            let answer = desk.ask(&who, route, key);
            let headers: Vec<_> =
                answer.headers.iter().filter(|(name, _)| !["x-ms-request-id", "date", "content-length"].contains(&name.as_str()));
            let text = String::from_utf8(answer.body.clone()).unwrap().replace(&format!("/vault1/{key};"), "/vault1/KEY;");
            (answer.status, headers.cloned().collect::<Vec<_>>(), text)
        };
        let (there, absent) = (told("k"), told("absent"));
        assert_eq!(there.0, 403);
        assert_eq!(there, absent, "{} {}", route.method, route.pattern);
        let other_vault = who_of(&desk, name, "nosuch").answer(&request_of(route, "k"));
        assert_eq!(other_vault.status, 403, "a vault that is not there: {other_vault:?}");
    }
}
