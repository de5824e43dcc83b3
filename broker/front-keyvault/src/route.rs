//! The routes as data: method, path, and what is asked for. A path has one canonical form, and nothing in it is decoded.

use broker_core::name::{KeyName, KeyVersion};
use broker_core::refusal::Refusal;
use broker_core::verb::Operation;
use http::Method;

use crate::refuse::Problem;

/// Longest path: `/keys/`, a name of 127 characters and a role definition that lists every permission stay below.
pub const PATH_BYTES_MAX: usize = 512;

/// The one segment of a path that has a dot.
const AUTHORIZATION: &str = "Microsoft.Authorization";

/// Longest tenant in the token stub's path.
const TENANT_BYTES_MAX: usize = 64;

macro_rules! actions {
    ($(#[$doc:meta])* $name:ident { $($variant:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($variant,)+ }

        impl $name {
            /// The operation that it stands for in the audit and in metrics, with the permission it needs.
            #[must_use]
            pub const fn operation(self) -> Operation {
                match self { $(Self::$variant => Operation::$variant,)+ }
            }
        }
    };
}

actions! {
    /// What can be asked of a key.
    KeyAction {
        BackupKey,
        CreateKey,
        Decrypt,
        DeleteKey,
        Encrypt,
        GetDeletedKey,
        GetKey,
        GetRotationPolicy,
        ImportKey,
        ListVersions,
        PurgeKey,
        RecoverKey,
        ReleaseKey,
        RotateKey,
        SetRotationPolicy,
        Sign,
        UnwrapKey,
        UpdateKey,
        Verify,
        WrapKey,
    }
}

actions! {
    /// What can be asked of a vault as a whole.
    VaultAction {
        ListDeletedKeys,
        ListKeys,
        RandomBytes,
        RestoreKey,
    }
}

actions! {
    /// What can be asked of the rights at a vault or a key (`rbac.json` of api-version 7.4); and, in paths of our own, of
    /// the grants that wait for a second administrator.
    RightsAction {
        ApproveElevation,
        CreateGrant,
        DenyElevation,
        GetGrant,
        GetRole,
        ListElevations,
        ListGrants,
        ListRoles,
        RemoveGrant,
        WriteRole,
    }
}

/// What a route asks for, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The pattern holds `{n}`, the key's name.
    OnKey(KeyAction),
    /// The pattern holds `{n}` where the rights are a key's, else they are the vault's; `{id}` is a grant's or a role's.
    OnRights(RightsAction),
    OnVault(VaultAction),
}

impl Action {
    #[must_use]
    pub const fn operation(self) -> Operation {
        match self {
            Self::OnKey(action) => action.operation(),
            Self::OnRights(action) => action.operation(),
            Self::OnVault(action) => action.operation(),
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    /// `{n}` stands for a key's name, `{v}` for a version of 32 hexadecimal digits, `{id}` for anything; all else for itself.
    pub pattern: &'static str,
    pub action: Action,
}

macro_rules! routes {
    ($($method:ident $pattern:literal $place:ident $action:ident,)+) => {
        &[$(Route {
            method: Method::$method,
            pattern: $pattern,
            action: routes!(@action $place $action),
        },)+]
    };
    (@action OnKey $action:ident) => { Action::OnKey(KeyAction::$action) };
    (@action OnRights $action:ident) => { Action::OnRights(RightsAction::$action) };
    (@action OnVault $action:ident) => { Action::OnVault(VaultAction::$action) };
}

/// Every route there is (Key Vault keys and role APIs 7.4, with the version-less forms that its SDKs use). No path matches two rows
/// of one method: a version never looks like a word.
pub static ROUTES: &[Route] = routes! {
    GET "/deletedkeys" OnVault ListDeletedKeys,
    DELETE "/deletedkeys/{n}" OnKey PurgeKey,
    GET "/deletedkeys/{n}" OnKey GetDeletedKey,
    POST "/deletedkeys/{n}/recover" OnKey RecoverKey,
    GET "/keys" OnVault ListKeys,
    POST "/keys/restore" OnVault RestoreKey,
    DELETE "/keys/{n}" OnKey DeleteKey,
    GET "/keys/{n}" OnKey GetKey,
    PATCH "/keys/{n}" OnKey UpdateKey,
    PUT "/keys/{n}" OnKey ImportKey,
    GET "/keys/{n}/" OnKey GetKey,
    PATCH "/keys/{n}/" OnKey UpdateKey,
    POST "/keys/{n}/backup" OnKey BackupKey,
    POST "/keys/{n}/create" OnKey CreateKey,
    POST "/keys/{n}/rotate" OnKey RotateKey,
    GET "/keys/{n}/rotationpolicy" OnKey GetRotationPolicy,
    PUT "/keys/{n}/rotationpolicy" OnKey SetRotationPolicy,
    GET "/keys/{n}/versions" OnKey ListVersions,
    GET "/keys/{n}/{v}" OnKey GetKey,
    PATCH "/keys/{n}/{v}" OnKey UpdateKey,
    POST "/keys/{n}/decrypt" OnKey Decrypt,
    POST "/keys/{n}//decrypt" OnKey Decrypt,
    POST "/keys/{n}/{v}/decrypt" OnKey Decrypt,
    POST "/keys/{n}/encrypt" OnKey Encrypt,
    POST "/keys/{n}//encrypt" OnKey Encrypt,
    POST "/keys/{n}/{v}/encrypt" OnKey Encrypt,
    POST "/keys/{n}/release" OnKey ReleaseKey,
    POST "/keys/{n}//release" OnKey ReleaseKey,
    POST "/keys/{n}/{v}/release" OnKey ReleaseKey,
    POST "/keys/{n}/sign" OnKey Sign,
    POST "/keys/{n}//sign" OnKey Sign,
    POST "/keys/{n}/{v}/sign" OnKey Sign,
    POST "/keys/{n}/unwrapkey" OnKey UnwrapKey,
    POST "/keys/{n}//unwrapkey" OnKey UnwrapKey,
    POST "/keys/{n}/{v}/unwrapkey" OnKey UnwrapKey,
    POST "/keys/{n}/verify" OnKey Verify,
    POST "/keys/{n}//verify" OnKey Verify,
    POST "/keys/{n}/{v}/verify" OnKey Verify,
    POST "/keys/{n}/wrapkey" OnKey WrapKey,
    POST "/keys/{n}//wrapkey" OnKey WrapKey,
    POST "/keys/{n}/{v}/wrapkey" OnKey WrapKey,
    POST "/rng" OnVault RandomBytes,
    GET "/providers/keybroker/elevations" OnRights ListElevations,
    POST "/providers/keybroker/elevations/{id}/approve" OnRights ApproveElevation,
    POST "/providers/keybroker/elevations/{id}/deny" OnRights DenyElevation,
    GET "/providers/Microsoft.Authorization/roleAssignments" OnRights ListGrants,
    DELETE "/providers/Microsoft.Authorization/roleAssignments/{id}" OnRights RemoveGrant,
    GET "/providers/Microsoft.Authorization/roleAssignments/{id}" OnRights GetGrant,
    PUT "/providers/Microsoft.Authorization/roleAssignments/{id}" OnRights CreateGrant,
    GET "/providers/Microsoft.Authorization/roleDefinitions" OnRights ListRoles,
    DELETE "/providers/Microsoft.Authorization/roleDefinitions/{id}" OnRights WriteRole,
    GET "/providers/Microsoft.Authorization/roleDefinitions/{id}" OnRights GetRole,
    PUT "/providers/Microsoft.Authorization/roleDefinitions/{id}" OnRights WriteRole,
    GET "/keys/providers/Microsoft.Authorization/roleAssignments" OnRights ListGrants,
    DELETE "/keys/providers/Microsoft.Authorization/roleAssignments/{id}" OnRights RemoveGrant,
    GET "/keys/providers/Microsoft.Authorization/roleAssignments/{id}" OnRights GetGrant,
    PUT "/keys/providers/Microsoft.Authorization/roleAssignments/{id}" OnRights CreateGrant,
    GET "/keys/providers/Microsoft.Authorization/roleDefinitions" OnRights ListRoles,
    DELETE "/keys/providers/Microsoft.Authorization/roleDefinitions/{id}" OnRights WriteRole,
    GET "/keys/providers/Microsoft.Authorization/roleDefinitions/{id}" OnRights GetRole,
    PUT "/keys/providers/Microsoft.Authorization/roleDefinitions/{id}" OnRights WriteRole,
    GET "/keys/{n}/providers/Microsoft.Authorization/roleAssignments" OnRights ListGrants,
    DELETE "/keys/{n}/providers/Microsoft.Authorization/roleAssignments/{id}" OnRights RemoveGrant,
    GET "/keys/{n}/providers/Microsoft.Authorization/roleAssignments/{id}" OnRights GetGrant,
    PUT "/keys/{n}/providers/Microsoft.Authorization/roleAssignments/{id}" OnRights CreateGrant,
    GET "/keys/{n}/providers/Microsoft.Authorization/roleDefinitions" OnRights ListRoles,
    DELETE "/keys/{n}/providers/Microsoft.Authorization/roleDefinitions/{id}" OnRights WriteRole,
    GET "/keys/{n}/providers/Microsoft.Authorization/roleDefinitions/{id}" OnRights GetRole,
    PUT "/keys/{n}/providers/Microsoft.Authorization/roleDefinitions/{id}" OnRights WriteRole,
};

/// What a request asks for, names parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Key(KeyAction, KeyName, Option<KeyVersion>),
    Rights(RightsAction, Place, Option<String>),
    Vault(VaultAction),
}

/// Where rights are asked for; the first two are the same vault, in two spellings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Vault,
    Keys,
    Key(KeyName),
}

impl Target {
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Key(action, ..) => action.operation(),
            Self::Rights(action, ..) => action.operation(),
            Self::Vault(action) => action.operation(),
        }
    }
}

/// Finds what a method and a raw path (without the query) ask for.
///
/// # Errors
/// `Malformed` (400) for a path that is not in canonical form, `RouteUnknown` (404), `MethodNotAllowed` (405), `BadRequest`
/// for a name that is too long.
pub(crate) fn find(method: &Method, path: &str) -> Result<Target, Problem> {
    check_canonical(path)?;
    let mut allowed = Vec::new();
    let last = path.rsplit('/').next().unwrap_or_default();
    // Most rows end in another word, which is seen at a glance.
    for route in ROUTES.iter().filter(|route| route.pattern.ends_with('}') || route.pattern.ends_with(last)) {
        let Some(captured) = capture(route.pattern, path) else { continue };
        if route.method != *method {
            allowed.push(route.method.as_str());
            continue;
        }
        let key = captured.key.map(KeyName::parse_any_case).transpose();
        let key = key.map_err(|error| Refusal::BadRequest { problem: error.to_string() })?;
        return match (route.action, key) {
            (Action::OnVault(action), _) => Ok(Target::Vault(action)),
            (Action::OnKey(_), None) => Err(Problem::RouteUnknown),
            (Action::OnKey(action), Some(key)) => Ok(Target::Key(action, key, captured.version)),
            (Action::OnRights(action), key) => {
                let vault = if route.pattern.starts_with("/keys/") { Place::Keys } else { Place::Vault };
                let place = key.map_or(vault, Place::Key);
                Ok(Target::Rights(action, place, captured.id.map(str::to_owned)))
            }
        };
    }
    if allowed.is_empty() { Err(Problem::RouteUnknown) } else { Err(Problem::MethodNotAllowed { allowed }) }
}

/// Paths are made of ASCII letters, digits, hyphens and slashes: no escape, backslash or control character ever means
/// anything in them, and a dot only within the name of Azure's provider.
fn check_canonical(path: &str) -> Result<(), Problem> {
    if path.len() > PATH_BYTES_MAX {
        return Err(Problem::malformed(format!(
            "the path has {} bytes, but at most {PATH_BYTES_MAX} are taken",
            path.len()
        )));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let canonical = |segment: &str| segment == AUTHORIZATION || segment.bytes().all(plain);
    if path.starts_with('/') && path.split('/').all(canonical) {
        return Ok(());
    }
    Err(Problem::malformed(
        "the path must begin with / and hold letters, digits, hyphens and slashes alone, none of them escaped",
    ))
}

#[derive(Default)]
struct Captured<'a> {
    key: Option<&'a str>,
    version: Option<KeyVersion>,
    id: Option<&'a str>,
}

fn capture<'a>(pattern: &str, path: &'a str) -> Option<Captured<'a>> {
    let mut captured = Captured::default();
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        let segment = segments.next()?;
        match wanted {
            "{n}" | "{id}" if segment.is_empty() => return None,
            "{id}" => captured.id = Some(segment),
            "{n}" => captured.key = Some(segment),
            "{v}" => captured.version = Some(KeyVersion::parse(segment).ok()?),
            word if word == segment => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(captured)
}

/// Whether this is the token stub's route, `POST /{tenant}/oauth2/v2.0/token`, the only one outside of [`ROUTES`]: it
/// needs no token and belongs to no vault.
pub(crate) fn is_token(method: &Method, path: &str) -> bool {
    let tenant = path.strip_prefix('/').and_then(|path| path.strip_suffix("/oauth2/v2.0/token"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    method == Method::POST
        && tenant.is_some_and(|tenant| {
            (1..=TENANT_BYTES_MAX).contains(&tenant.len()) && !tenant.starts_with('.') && tenant.bytes().all(plain)
        })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const V: &str = "0123456789abcdef0123456789abcdef";

    fn filled(pattern: &str) -> String {
        pattern.replace("{n}", "k").replace("{v}", V).replace("{id}", "a-name")
    }

    #[test]
    fn every_path_leads_to_its_own_route_alone() {
        let mut seen = HashSet::new();
        for route in ROUTES {
            let path = filled(route.pattern);
            assert!(seen.insert((route.method.clone(), path.clone())), "{path}");
            let found = find(&route.method, &path).unwrap();
            assert_eq!(found.operation(), route.action.operation(), "{path}");
            let rows = ROUTES.iter().filter(|row| row.method == route.method && capture(row.pattern, &path).is_some());
            assert_eq!(rows.count(), 1, "{path}");
        }
    }

    #[test]
    fn a_pattern_on_a_key_holds_its_name_once() {
        for route in ROUTES {
            let names = route.pattern.matches("{n}").count();
            let wanted = match route.action {
                Action::OnKey(_) => 1..=1,
                Action::OnRights(_) => 0..=1,
                Action::OnVault(_) => 0..=0,
            };
            assert!(wanted.contains(&names), "{}", route.pattern);
        }
    }

    #[test]
    fn a_version_is_taken_only_where_it_is_named() {
        let key = KeyName::parse("k").unwrap();
        let version = KeyVersion::parse(V).unwrap();
        let rows = [
            ("/keys/k/wrapkey", None),
            ("/keys/K//wrapkey", None),
            (&format!("/keys/k/{V}/wrapkey"), Some(version)),
            (&format!("/keys/k/{}/wrapkey", V.to_uppercase()), Some(version)),
        ];
        for (path, version) in rows {
            let wanted = Target::Key(KeyAction::WrapKey, key.clone(), version);
            assert_eq!(find(&Method::POST, path).unwrap(), wanted, "{path}");
        }
    }

    #[test]
    fn a_path_in_any_other_form_is_refused() {
        let long_name = format!("/keys/{}", "x".repeat(128));
        let long_path = format!("/keys/{}", "x/".repeat(4000));
        let rows: &[(&str, &str)] = &[
            ("", "bad-request"),
            ("*", "bad-request"),
            ("keys", "bad-request"),
            ("/", "route-unknown"),
            ("//", "route-unknown"),
            ("/keys/", "route-unknown"),
            ("//keys", "route-unknown"),
            ("/Keys/k", "route-unknown"),
            ("/KEYS", "route-unknown"),
            ("/keys//", "route-unknown"),
            ("/keys/k//", "route-unknown"),
            ("/keys//k", "route-unknown"),
            ("/keys/k/versions/", "route-unknown"),
            ("/keys/k/not-a-version", "route-unknown"),
            ("/keys/k/0123456789abcdef0123456789abcdef/", "route-unknown"),
            ("/keys/k/0123456789abcdef0123456789abcde", "route-unknown"),
            ("/keys/..", "bad-request"),
            ("/keys/../keys/k", "bad-request"),
            ("/keys/./k", "bad-request"),
            ("/keys/k/..", "bad-request"),
            ("/keys/a%2fb", "bad-request"),
            ("/keys/a%2Fb", "bad-request"),
            ("/keys/%6b", "bad-request"),
            ("/keys/%2e%2e", "bad-request"),
            ("/keys/%00", "bad-request"),
            ("/keys/k\0", "bad-request"),
            ("/keys/k\n", "bad-request"),
            ("/keys\\k", "bad-request"),
            ("/keys/clé", "bad-request"),
            ("/keys/k;v=1", "bad-request"),
            ("/keys/a_b", "bad-request"),
            ("/keys/a.b", "bad-request"),
            ("/providers/Microsoft.Authorization/roleAssignments/a.b", "bad-request"),
            ("/providers/microsoft.authorization/roleAssignments", "bad-request"),
            ("/providers/Microsoft.Authorization/../roleAssignments", "bad-request"),
            ("//providers/Microsoft.Authorization/roleAssignments", "route-unknown"),
            ("/providers/Microsoft.Authorization/roleAssignments/", "route-unknown"),
            ("/deletedkeys/providers/Microsoft.Authorization/roleAssignments", "route-unknown"),
            ("/keys/Microsoft.Authorization", "bad-request"),
            ("/keys/a b", "bad-request"),
            (&long_name, "bad-request"),
            (&long_path, "bad-request"),
        ];
        for (path, reason) in rows {
            assert_eq!(find(&Method::GET, path).unwrap_err().word(), *reason, "{path:?}");
        }
    }

    #[test]
    fn route_words_have_one_spelling() {
        for path in ["/keys/k/wrapKey", "/keys/k//wrapKey", "/keys/k/WRAPKEY", "/keys/k/unwrapKey", "/RNG"] {
            assert!(find(&Method::POST, path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_method_that_a_path_does_not_take_is_told_which_it_does() {
        let Problem::MethodNotAllowed { allowed } = find(&Method::POST, "/keys/k").unwrap_err() else { panic!() };
        assert_eq!(allowed, ["DELETE", "GET", "PATCH", "PUT"]);
        assert!(matches!(find(&Method::GET, "/keys/k/wrapkey"), Err(Problem::MethodNotAllowed { .. })));
        assert!(matches!(find(&Method::HEAD, "/keys"), Err(Problem::MethodNotAllowed { .. })));
    }

    #[test]
    fn the_token_stub_has_one_path() {
        for good in ["/common/oauth2/v2.0/token", "/contoso.example/oauth2/v2.0/token"] {
            assert!(is_token(&Method::POST, good), "{good}");
            assert!(!is_token(&Method::GET, good), "{good}");
        }
        let long = format!("/{}/oauth2/v2.0/token", "x".repeat(65));
        for bad in [
            "/oauth2/v2.0/token",
            "//oauth2/v2.0/token",
            "/../oauth2/v2.0/token",
            "/a/b/oauth2/v2.0/token",
            "/a%2fb/oauth2/v2.0/token",
            &long,
        ] {
            assert!(!is_token(&Method::POST, bad), "{bad}");
        }
    }
}
