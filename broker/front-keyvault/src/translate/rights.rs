//! Grants as role assignments, roles as role definitions.
//!
//! A vault's scope has two spellings there, `/` and `/keys`; a grant on the vault is shown in the one that was asked with.
//! What reaches beyond the vault has none, and is not shown. A grant of single permissions has a role definition too, whose
//! name lists them: `permissions-get-wrapKey`.

use std::collections::BTreeSet;

use broker_core::broker::NewGrant;
use broker_core::elevation::Elevation;
use broker_core::grant::{Grant, GrantId, Granted, Scope};
use broker_core::name::{Principal, VaultName};
use broker_core::permission::{Permission, PermissionSet, Role};

use super::{bad, quoted};
use crate::refuse::Problem;
use crate::route::Place;
use crate::wire;

const ASSIGNMENTS: &str = "Microsoft.Authorization/roleAssignments";
const DEFINITIONS: &str = "Microsoft.Authorization/roleDefinitions";
/// What the name of a role definition begins with that lists permissions.
const LISTED: &str = "permissions";

impl Place {
    /// The core's scope of it.
    pub(crate) fn scope(&self, vault: &VaultName) -> Scope {
        match self {
            Self::Key(key) => Scope::Key(vault.clone(), key.clone()),
            Self::Keys | Self::Vault => Scope::Vault(vault.clone()),
        }
    }

    /// As it stands in paths, before `/providers`.
    pub(crate) fn prefix(&self) -> String {
        match self {
            Self::Key(key) => format!("/keys/{key}"),
            Self::Keys => "/keys".to_owned(),
            Self::Vault => String::new(),
        }
    }

    /// Where a grant is, for one who asked here; none for what reaches beyond the vault.
    fn of_grant(&self, scope: &Scope) -> Option<Self> {
        match (scope, self) {
            (Scope::Broker, _) => None,
            (Scope::Key(_, key), _) => Some(Self::Key(key.clone())),
            (Scope::Vault(_), Self::Keys) => Some(Self::Keys),
            (Scope::Vault(_), Self::Key(_) | Self::Vault) => Some(Self::Vault),
        }
    }
}

/// Which role assignments a listing shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// At the scope and below it.
    All,
    /// At the scope and above it.
    AtScope,
    /// One principal's, at the scope and below it.
    Of(Principal),
}

/// Reads `atScope()` or `principalId eq 'a principal'`, quoted or not.
pub(crate) fn to_filter(text: Option<&str>) -> Result<Filter, Problem> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(Filter::All) };
    if text == "atScope()" {
        return Ok(Filter::AtScope);
    }
    let wrong = || bad(format!("$filter {} must be atScope() or principalId eq 'a principal'", quoted(text)));
    let value = text.strip_prefix("principalId").and_then(|rest| rest.trim_start().strip_prefix("eq "));
    let value = value.ok_or_else(wrong)?.trim();
    let value = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).unwrap_or(value);
    Ok(Filter::Of(to_principal(value)?))
}

fn to_principal(text: &str) -> Result<Principal, Problem> {
    Principal::parse(text).map_err(|error| bad(format!("principalId: {error}")))
}

/// The id of a role assignment: a UUID, as the SDKs make them, or without its hyphens, as `keybroker grants` shows it.
pub(crate) fn to_grant_id(text: &str) -> Result<GrantId, Problem> {
    let plain = |id: &GrantId| [id.hyphenated(), id.to_string()].contains(&text.to_ascii_lowercase());
    let id = GrantId::parse(text).filter(plain);
    id.ok_or_else(|| bad(format!("the name of a role assignment, {}, must be a UUID", quoted(text))))
}

pub(crate) fn to_new_grant(id: GrantId, scope: Scope, body: wire::RoleAssignmentBody) -> Result<NewGrant, Problem> {
    let properties = body.properties.0;
    let definition = properties.role_definition_id;
    let name = definition.rsplit_once("roleDefinitions/").map_or(&*definition, |(_, name)| name);
    let granted = to_granted(name)
        .ok_or_else(|| bad(format!("roleDefinitionId {} is none of this vault's role definitions", quoted(name))))?;
    Ok(NewGrant {
        id: Some(id),
        principal: to_principal(&properties.principal_id)?,
        granted,
        scope,
        not_before_s: None,
        not_after_s: None,
        justification: String::new(),
    })
}

/// What a role definition of this name gives.
pub(crate) fn to_granted(name: &str) -> Option<Granted> {
    if let Some(role) = Role::ALL.iter().find(|role| id_of(**role).eq_ignore_ascii_case(name)) {
        return Some(Granted::Role(*role));
    }
    let words = name.strip_prefix(LISTED)?.strip_prefix('-')?;
    let set = words.split('-').map(Permission::of_word).collect::<Option<PermissionSet>>()?;
    // One name for one set: in the order of permissions, each once.
    (name_of(&Granted::Permissions(set)) == name).then_some(Granted::Permissions(set))
}

/// Azure's own ids of its built-in roles.
const fn id_of(role: Role) -> &'static str {
    match role {
        Role::Administrator => "00482a5a-887f-4fb3-b363-3b7fe8e74483",
        Role::Contributor => "f25e0fa2-a7c8-4377-a976-54943a77a395",
        Role::CryptoOfficer => "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
        Role::CryptoServiceEncryptionUser => "e147488a-f6f5-4113-8e2d-b22465e65bf6",
        Role::CryptoServiceReleaseUser => "08bbd89e-9f13-488c-ac41-acfcb10c90ab",
        Role::CryptoUser => "12338af0-0e69-4776-bea7-57ae8d297424",
        Role::PurgeOperator => "a68e7c17-0ab2-4c09-9a58-125dae29748c",
        Role::Reader => "21090545-7ca7-4776-b22c-e363652d74d2",
    }
}

fn name_of(granted: &Granted) -> String {
    match granted {
        Granted::Role(role) => id_of(*role).to_owned(),
        Granted::Permissions(set) => {
            let words = set.iter().map(Permission::word);
            [LISTED].into_iter().chain(words).collect::<Vec<_>>().join("-")
        }
    }
}

/// The grants of a listing, and the last of them when there are more.
pub(crate) fn of_grants<'a>(
    grants: impl Iterator<Item = &'a Grant>,
    asked_at: &Place,
    rows: usize,
) -> (Vec<wire::RoleAssignment>, Option<&'a Grant>) {
    let mut shown = grants.filter_map(|grant| Some((grant, of_grant(grant, asked_at)?)));
    let (page, rows): (Vec<_>, Vec<_>) = shown.by_ref().take(rows).unzip();
    (rows, page.last().copied().filter(|_| shown.next().is_some()))
}

/// The grants that wait: as they will be, and what whoever decides must know beside.
pub(crate) fn of_elevations<'a>(waiting: impl Iterator<Item = &'a Elevation>, asked_at: &Place) -> wire::ElevationList {
    let row = |one: &'a Elevation| {
        Some(wire::Elevation {
            grant: of_grant(&one.grant, asked_at)?,
            justification: one.grant.justification.clone(),
            asked_by: one.grant.granted_by.to_string(),
            waits_until: one.waits_until_s(),
        })
    };
    wire::ElevationList { value: waiting.filter_map(row).collect() }
}

/// A grant as seen from a place; none for what reaches beyond the vault.
pub(crate) fn of_grant(grant: &Grant, asked_at: &Place) -> Option<wire::RoleAssignment> {
    let prefix = asked_at.of_grant(&grant.scope)?.prefix();
    let name = grant.id.hyphenated();
    Some(wire::RoleAssignment {
        id: format!("{prefix}/providers/{ASSIGNMENTS}/{name}"),
        name,
        kind: ASSIGNMENTS,
        properties: wire::RoleAssignmentProperties {
            scope: if prefix.is_empty() { "/".to_owned() } else { prefix },
            role_definition_id: definition_id(&grant.granted),
            principal_id: grant.principal.to_string(),
            not_before: grant.not_before_s,
            not_after: grant.not_after_s,
        },
    })
}

fn definition_id(granted: &Granted) -> String {
    format!("/providers/{DEFINITIONS}/{}", name_of(granted))
}

pub(crate) fn of_roles(roles: &[Role]) -> wire::RoleDefinitionList {
    wire::RoleDefinitionList { value: roles.iter().map(|role| of_role(&Granted::Role(*role))).collect() }
}

pub(crate) fn of_role(granted: &Granted) -> wire::RoleDefinition {
    let words: Vec<_> = granted.permissions().iter().map(Permission::word).collect();
    let (role_name, kind) = match granted {
        Granted::Permissions(_) => (words.join(", "), "CustomRole"),
        Granted::Role(role) => (role.word().to_owned(), "AKVBuiltInRole"),
    };
    let data_actions: BTreeSet<_> = granted.permissions().iter().map(data_action).collect();
    wire::RoleDefinition {
        id: definition_id(granted),
        name: name_of(granted),
        kind: DEFINITIONS,
        properties: wire::RoleDefinitionProperties {
            role_name,
            description: format!("Gives {}.", words.join(", ")),
            kind,
            permissions: [wire::RolePermission {
                actions: [],
                not_actions: [],
                data_actions: data_actions.into_iter().collect(),
                not_data_actions: [],
            }],
            assignable_scopes: ["/", "/keys"],
        },
    }
}

/// Azure's word for a permission where it has one (those of vaults), else one of our own.
fn data_action(permission: Permission) -> String {
    let on_vaults = match permission {
        Permission::Backup => "keys/backup/action",
        Permission::Create => "keys/create/action",
        Permission::Decrypt => "keys/decrypt/action",
        Permission::Delete => "keys/delete",
        Permission::Encrypt => "keys/encrypt/action",
        Permission::Get | Permission::List => "keys/read",
        Permission::GetRotationPolicy => "keyrotationpolicies/read",
        Permission::Import => "keys/import/action",
        Permission::Purge => "keys/purge/action",
        Permission::Recover => "keys/recover/action",
        Permission::Release => "keys/release/action",
        Permission::Restore => "keys/restore/action",
        Permission::Rotate => "keys/rotate/action",
        Permission::SetRotationPolicy => "keyrotationpolicies/write",
        Permission::Sign => "keys/sign/action",
        Permission::UnwrapKey => "keys/unwrap/action",
        Permission::Update => "keys/update/action",
        Permission::Verify => "keys/verify/action",
        Permission::WrapKey => "keys/wrap/action",
        ours => return format!("keybroker/{ours}/action"),
    };
    format!("Microsoft.KeyVault/vaults/{on_vaults}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_definition_has_one_name() {
        let all: PermissionSet = Permission::ALL.iter().copied().collect();
        let roles = Role::ALL.iter().map(|role| Granted::Role(*role));
        for granted in roles.chain([Granted::Permissions(all)]) {
            assert_eq!(to_granted(&name_of(&granted)), Some(granted));
        }
        let two = Granted::Permissions([Permission::WrapKey, Permission::Get].into_iter().collect());
        assert_eq!(name_of(&two), "permissions-get-wrapKey");
        assert_eq!(to_granted("12338AF0-0e69-4776-bea7-57ae8d297424"), Some(Granted::Role(Role::CryptoUser)));
        for bad in
            ["", "permissions", "permissions-", "permissions-wrapKey-get", "permissions-get-get", "permissions-fly"]
        {
            assert_eq!(to_granted(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_filter_is_read_or_refused() {
        let host = Principal::parse("corp/dns:host1").unwrap();
        for (text, wanted) in [
            (None, Filter::All),
            (Some(""), Filter::All),
            (Some("atScope()"), Filter::AtScope),
            (Some("principalId eq 'corp/dns:host1'"), Filter::Of(host.clone())),
            (Some("principalId eq corp/dns:host1"), Filter::Of(host)),
        ] {
            assert_eq!(to_filter(text).unwrap(), wanted, "{text:?}");
        }
        for bad in ["atscope", "principalId eq", "principalId eq ''", "principalId ne 'corp/dns:a'", "roleName eq 'x'"]
        {
            assert_eq!(to_filter(Some(bad)).unwrap_err().word(), "bad-request", "{bad}");
        }
    }

    #[test]
    fn a_role_assignments_name_is_a_uuid() {
        for good in ["F6CEE49D-a40c-4fae-82ca-75ed26b49ab6", "f6cee49da40c4fae82ca75ed26b49ab6"] {
            assert!(to_grant_id(good).is_ok(), "{good}");
        }
        for bad in ["", "f6cee49da40c4fae-82ca75ed26b49ab6", "f6cee49d-a40c-4fae-82ca-75ed26b49ab", "a-name"] {
            assert!(to_grant_id(bad).is_err(), "{bad}");
        }
    }
}
