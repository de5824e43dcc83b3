//! Every route and every admin operation, and every permission it may lack.
//!
//! A new action does not compile until it has its request below, and a new operation fails until it has its case.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use broker_core::permission::Permission;
use broker_core::verb::Operation;
use broker_front_keyvault::{Action, KeyAction, ROUTES, RightsAction, Route, VaultAction};
use keybroker_tests::{
    AUTHORIZATION, Answer, Asks as _, Broker, Connection, Request, SUFFIX, Setup, WAIT_MAX, guest, keybroker, run,
};
use serde_json::json;

const WRAP: &str = r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw"}"#;

const DIGEST: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

const DEFINITION: &str = "permissions-grantWrite";

/// The name of a role assignment, of its own for each key that it is about.
fn assignment(key: &str) -> String {
    let number = key.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(131).wrapping_add(byte.into()));
    format!("f6cee49d-a40c-4fae-82ca-{:012x}", number & 0xffff_ffff_ffff)
}

/// A body that the route takes.
fn body_of(action: Action) -> String {
    match action {
        Action::OnKey(action) => match action {
            KeyAction::CreateKey => r#"{"kty":"oct"}"#.to_owned(),
            KeyAction::Decrypt | KeyAction::Encrypt | KeyAction::UnwrapKey | KeyAction::WrapKey => WRAP.to_owned(),
            KeyAction::ImportKey => r#"{"key":{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}}"#.to_owned(),
            KeyAction::SetRotationPolicy => "{}".to_owned(),
            KeyAction::Sign => json!({ "alg": "ES256", "value": DIGEST }).to_string(),
            KeyAction::UpdateKey => r#"{"tags":{}}"#.to_owned(),
            KeyAction::Verify => json!({ "alg": "ES256", "digest": DIGEST, "value": "AAAA" }).to_string(),
            KeyAction::BackupKey
            | KeyAction::DeleteKey
            | KeyAction::GetDeletedKey
            | KeyAction::GetKey
            | KeyAction::GetRotationPolicy
            | KeyAction::ListVersions
            | KeyAction::PurgeKey
            | KeyAction::RecoverKey
            | KeyAction::ReleaseKey
            | KeyAction::RotateKey => String::new(),
        },
        // No wider than what a bare holder of "grantWrite" has itself.
        Action::OnRights(_) => {
            json!({ "properties": { "roleDefinitionId": DEFINITION, "principalId": "pin/friend" } }).to_string()
        }
        Action::OnVault(action) => match action {
            VaultAction::ListDeletedKeys | VaultAction::ListKeys => String::new(),
            VaultAction::RandomBytes => r#"{"count":8}"#.to_owned(),
            VaultAction::RestoreKey => r#"{"value":"AAAA"}"#.to_owned(),
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
        self.ask_with(who, route, (key, &self.version), body_of(route.action))
    }

    fn ask_with(&self, who: &Connection, route: &Route, (key, version): (&str, &str), body: String) -> Answer {
        let id = if !route.pattern.contains("roleDefinitions") { assignment(key) } else { DEFINITION.to_owned() };
        let path = route.pattern.replace("{n}", key).replace("{v}", version).replace("{id}", &id);
        let request = Request::new(route.method.as_str(), &format!("{path}?api-version=7.4"));
        who.answer(&request.header(AUTHORIZATION.0, AUTHORIZATION.1).bytes(body.into_bytes()))
    }

    /// Makes a key on which the action makes sense; gives its version and the action's body.
    fn make_fit(&self, action: Action, key: &str) -> (String, String) {
        let admin = self.broker.admin();
        let signs = matches!(action, Action::OnKey(KeyAction::Sign | KeyAction::Verify));
        let made = if signs { json!({ "kty": "EC" }) } else { json!({ "kty": "oct" }) };
        let made = admin.post(&format!("/keys/{key}/create"), &made).with_status(200).json();
        let version = made["key"]["kid"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
        let delete = || admin.call("DELETE", &format!("/keys/{key}"), None).with_status(200);
        let body = match action {
            Action::OnKey(KeyAction::Decrypt | KeyAction::UnwrapKey) => {
                let wrapped = admin.wrap(&format!("/keys/{key}"), "A256KW", &[7; 32]).with_status(200).json();
                json!({ "alg": "A256KW", "value": wrapped["value"] }).to_string()
            }
            Action::OnKey(KeyAction::GetDeletedKey | KeyAction::PurgeKey | KeyAction::RecoverKey) => {
                delete();
                String::new()
            }
            Action::OnVault(VaultAction::RestoreKey) => {
                let backup = admin.post(&format!("/keys/{key}/backup"), &json!({})).with_status(200).json();
                delete();
                admin.call("DELETE", &format!("/deletedkeys/{key}"), None).with_status(204);
                backup.to_string()
            }
            Action::OnRights(RightsAction::GetGrant | RightsAction::RemoveGrant) => {
                let path = format!("/keys/{key}/providers/Microsoft.Authorization/roleAssignments/{}", assignment(key));
                let body = json!({ "properties": { "roleDefinitionId": DEFINITION, "principalId": "pin/friend" } });
                admin.call("PUT", &path, Some(&body)).with_status(201);
                String::new()
            }
            Action::OnKey(_) | Action::OnRights(_) | Action::OnVault(_) => body_of(action),
        };
        (version, body)
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
    let others: Vec<_> =
        Permission::ALL.iter().filter(|other| **other != permission).map(|other| other.word()).collect();
    others.join(",")
}

fn scope_of(route: &Route, key: &str) -> String {
    match route.action {
        Action::OnKey(_) => format!("/vault1/{key}"),
        Action::OnRights(_) if on_a_key(route) => format!("/vault1/{key}"),
        Action::OnRights(_) | Action::OnVault(_) => "/vault1".to_owned(),
    }
}

fn on_a_key(route: &Route) -> bool {
    route.pattern.contains("{n}")
}

/// What a consumer of a key asks for before it is authorised.
fn consumes(permission: Permission) -> bool {
    matches!(permission, Permission::Get | Permission::UnwrapKey | Permission::WrapKey)
}

/// Asks, and wants the refusal that names what is missing.
fn is_refused(desk: &Desk, name: &str, who: &Connection, route: &Route, key: &str) -> String {
    let (principal, missing) = (desk.broker.principal(name), route.action.operation().permission());
    let answer = desk.ask(who, route, key);
    let what = format!("{} {} by {principal}: {answer:?}", route.method, route.pattern);
    assert_eq!((answer.status, answer.code().as_str()), (403, "Forbidden/ForbiddenByRbac"), "{what}");
    let scope = scope_of(route, key);
    let waits = consumes(missing) && matches!(route.action, Action::OnKey(_));
    let waiting = if waits { format!("waiting for key {key}: ") } else { String::new() };
    let named = format!("{waiting}principal {principal} lacks permission {missing} on {scope};");
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
        assert_eq!(
            found.map(|value| value.as_str().unwrap()),
            ["done", operation.word(), "refused", "forbidden", &missing]
        );
    }
}

#[test]
fn every_route_with_its_permission_alone_is_served_but_those_that_are_named() {
    let desk = Desk::new();
    for (permission, routes) in routes_by_permission() {
        let name = format!("with-{}", permission.word().to_ascii_lowercase());
        let who = desk.client(&name, permission.word(), &["/vault1"]);
        for (number, route) in routes.into_iter().enumerate() {
            let key = format!("{name}-{number}");
            let (version, body) = desk.make_fit(route.action, &key);
            let answer = desk.ask_with(&who, route, (&key, &version), body);
            let what = format!("{} {}: {answer:?}", route.method, route.pattern);
            match route.action {
                Action::OnKey(KeyAction::PurgeKey) => assert_eq!(answer.status, 204, "{what}"),
                Action::OnKey(KeyAction::ReleaseKey) | Action::OnRights(RightsAction::WriteRole) => {
                    assert_eq!((answer.status, answer.code().as_str()), (501, "NotImplemented"), "{what}");
                    assert!(answer.message().contains(route.action.operation().word()), "{what}");
                }
                // None waits; that it is looked for is what the permission allows.
                Action::OnRights(RightsAction::ApproveElevation | RightsAction::DenyElevation) => {
                    assert_eq!((answer.status, answer.code().as_str()), (404, "NotFound"), "{what}");
                }
                Action::OnRights(RightsAction::CreateGrant) => assert_eq!(answer.status, 201, "{what}"),
                Action::OnKey(_) | Action::OnRights(_) | Action::OnVault(_) => {
                    assert_eq!(answer.status, 200, "{what}");
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
            if !on_a_key(route) {
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
fn a_refusal_does_not_say_which_keys_and_vaults_exist() {
    let desk = Desk::new();
    let who = desk.client("curious", &all_but(Permission::Get), &["/vault2"]);
    for route in ROUTES.iter().filter(|route| on_a_key(route)) {
        let told = |key: &str| {
            let mut answer = desk.ask(&who, route, key);
            answer.headers.retain(|(name, _)| name != "x-ms-request-id" && name != "date");
            let text = String::from_utf8(answer.body).unwrap().replace(&format!("/vault1/{key};"), "/vault1/KEY;");
            let text = text.replace(&format!("waiting for key {key}:"), "waiting for key KEY:");
            (answer.status, answer.headers, text)
        };
        let (there, absent) = (told("k"), told("z"));
        assert_eq!(there.0, 403, "{} {}: {}", route.method, route.pattern, there.2);
        assert_eq!(there, absent, "{} {}", route.method, route.pattern);
    }
    let elsewhere = desk.broker.client_of("curious").of_host(&format!("nosuch.{SUFFIX}"));
    let told = elsewhere.get("/keys/k").with_status(403).message();
    assert!(told.contains("lacks permission get on /nosuch/k"), "{told}");
}

/// The admin socket opened to every uid, and a copy of the binary that every uid can run. The socket's mode keeps strangers
/// out; here it is taken away, to see what permissions do alone.
struct Counter {
    broker: Broker,
    binary: PathBuf,
    uids: u32,
}

impl Counter {
    fn open() -> Self {
        let derive = "grants = [\"crypto\", \"keyvalue\", \"roots\"]".parse().unwrap();
        let broker = Setup::new().vault("vault2").backend("derive", guest("derive"), derive).start();
        let [password, backup] = ["password", "backup"].map(|name| broker.folder().join(name));
        std::fs::write(&password, "correct horse").unwrap();
        let made = broker.cli(&["backend", "backup", "derive", "--password-file", password.to_str().unwrap()]);
        std::fs::write(&backup, made.stdout).unwrap();
        let binary = broker.folder().join("keybroker");
        std::fs::copy(keybroker(), &binary).unwrap();
        let anyone = broker.folder().join("anyone");
        std::fs::create_dir(&anyone).unwrap();
        let modes = [
            (&*anyone, 0o777),
            (broker.folder(), 0o711),
            (&broker.home(), 0o711),
            (&binary, 0o755),
            (&broker.socket(), 0o666),
        ];
        for (path, mode) in modes {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        Self { broker, binary, uids: 54_000 }
    }

    /// A uid of its own that holds these permissions at this scope.
    fn clerk(&mut self, permissions: &str, scope: &str) -> u32 {
        self.uids += 1;
        self.broker.grant(&format!("local/uid:{}", self.uids), permissions, scope);
        self.uids
    }

    fn ask(&self, uid: u32, words: &[String]) -> Output {
        let mut command = Command::new(&self.binary);
        command.args(words).arg("--socket").arg(self.broker.socket()).current_dir("/").uid(uid).gid(uid);
        run(&mut command, WAIT_MAX)
    }

    fn file(&self, name: &str) -> String {
        self.broker.folder().join(name).display().to_string()
    }

    fn of_backend(&self, action: &str, more: &[&str]) -> Vec<String> {
        let password = self.file("password");
        let words = ["backend", action, "derive", "--password-file", &password];
        words.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    /// A request for an operation that is an administrator's alone, and the scope it needs its permission on; none where
    /// there is no case. Each call is of things of its own.
    fn request(&mut self, operation: Operation) -> Option<(Vec<String>, String)> {
        self.uids += 1;
        let (name, sha256) = (format!("thing-{}", self.uids), format!("{:064x}", self.uids));
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (words, scope) = match operation {
            Operation::DeleteVault | Operation::PurgeVault | Operation::RecoverVault => {
                let act = operation.word().trim_end_matches("-vault");
                self.broker.ask(&["vault", "create", &name]);
                if operation != Operation::DeleteVault {
                    self.broker.ask(&["vault", "delete", &name]);
                }
                return Some((words(&["vault", act, &name]), format!("/{name}")));
            }
            Operation::LockVault => (words(&["vault", "lock", "vault1"]), "/vault1"),
            Operation::ReadUsage => (words(&["usage"]), "/"),
            Operation::BackUpBackend => (self.of_backend("backup", &[]), "/"),
            Operation::RestoreBackend => (self.of_backend("restore", &["--from", &self.file("backup")]), "/"),
            Operation::AcceptClock => (words(&["clock", "accept"]), "/"),
            Operation::AssignIdentity | Operation::DeleteIdentity | Operation::UnassignIdentity => {
                self.broker.ask(&["identity", "create", &name]);
                let principal = self.broker.principal(&name);
                match operation {
                    Operation::AssignIdentity => {
                        (words(&["identity", "assign", &name, "--principal", &principal]), "/")
                    }
                    Operation::DeleteIdentity => (words(&["identity", "delete", &name]), "/"),
                    _ => {
                        self.broker.ask(&["identity", "assign", &name, "--principal", &principal]);
                        (words(&["identity", "unassign", &name, "--principal", &principal]), "/")
                    }
                }
            }
            Operation::CreateIdentity => (words(&["identity", "create", &name]), "/"),
            Operation::ListIdentities => (words(&["identity", "list"]), "/"),
            Operation::BackupStore => {
                // Whoever asks writes the file; here it may write nowhere else.
                let file = self.broker.folder().join("anyone").join(&name).display().to_string();
                (words(&["store", "backup", &file]), "/")
            }
            Operation::Examine => (words(&["doctor", "--principal", "local/uid:1", "--key", "/vault1/k"]), "/vault1/k"),
            Operation::LockKey => (words(&["key", "lock", "/vault1/k"]), "/vault1/k"),
            Operation::CreateGrant => {
                let principal = self.broker.principal(&name);
                // A giver must hold what it gives, and this one holds nothing else.
                let grant = ["grant", "--principal", &principal, "--permissions", "grantWrite", "--scope", "/"];
                (words(&grant), "/")
            }
            Operation::CreatePin => (words(&["pin", "add", &name, "--sha256", &sha256]), "/"),
            Operation::CreateVault => (words(&["vault", "create", &name]), "/"),
            Operation::ListGrants => (words(&["grants"]), "/"),
            Operation::ListPins => (words(&["pin", "list"]), "/"),
            Operation::ListVaults => (words(&["vault", "list"]), "/"),
            Operation::RemoveGrant => {
                let id = self.broker.grant(&self.broker.principal(&name), "get", "/vault1");
                // Refused like one that is not there, so that nobody learns where a grant is.
                (words(&["revoke", &id]), "/")
            }
            Operation::LoadBackend => (words(&["plugin", "reload", "software"]), "/"),
            Operation::RemovePin => {
                self.broker.ask(&["pin", "add", &name, "--sha256", &sha256]);
                (words(&["pin", "remove", &name]), "/")
            }
            Operation::RotateKek => (words(&["kmip", "rotate-kek", "vault1"]), "/vault1"),
            Operation::UpdateVault => (words(&["vault", "update", "vault1", "--purge-protection"]), "/vault1"),
            _ => return None,
        };
        Some((words, scope.to_owned()))
    }
}

#[test]
fn every_admin_operation_without_its_permission_is_refused_and_with_it_alone_is_served() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: acting as other users needs root");
        return;
    }
    let mut counter = Counter::open();
    counter.broker.admin().create("k", "oct", 256);
    let on_routes: Vec<_> = ROUTES.iter().map(|route| route.action.operation()).collect();
    // The broker itself alone asks for these; no door leads to them.
    let inside = [
        Operation::ExpireElevation,
        Operation::NoteUsage,
        Operation::NotifyKey,
        Operation::ReloadTrust,
        Operation::RestoreStore,
        Operation::RewrapObjects,
        Operation::RotateRoot,
        Operation::SettleObjects,
        Operation::UndoObjects,
    ];
    // Managed objects are reached through KMIP alone, whose front asks the same of each of its operations.
    let by_kmip: Vec<_> = broker_front_kmip::route::ROUTES.iter().flat_map(|route| route.verbs).copied().collect();
    let by_socket =
        |operation: &Operation| ![&on_routes[..], &inside, &by_kmip].iter().any(|others| others.contains(operation));
    for operation in Operation::ALL.iter().copied().filter(by_socket) {
        let permission = operation.permission();
        counter.uids += 1;
        let nobody = counter.uids;
        let without = counter.clerk(&all_but(permission), "/");
        let elsewhere = counter.clerk(permission.word(), "/vault2");
        for uid in [nobody, without, elsewhere] {
            let (words, scope) = counter.request(operation).unwrap_or_else(|| panic!("{operation} has no case"));
            let done = counter.ask(uid, &words);
            let told = String::from_utf8_lossy(&done.stderr);
            let named = format!("principal local/uid:{uid} lacks permission {permission} on {scope};");
            assert!(!done.status.success() && told.contains(&named), "{words:?}: {told}");
        }
        let with = counter.clerk(permission.word(), "/");
        let (words, _) = counter.request(operation).unwrap();
        let done = counter.ask(with, &words);
        let told = String::from_utf8_lossy(&done.stderr);
        // A vault that keeps no object has no KEK: that far only its permission leads.
        let nothing_there = operation == Operation::RotateKek && told.contains("a managed object in vault vault1");
        assert!(done.status.success() || nothing_there, "{words:?}: {told}");
    }
}

#[test]
fn the_admin_socket_takes_its_owner_alone() {
    let broker = Setup::new().start();
    let mode = std::fs::metadata(broker.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
