//! Permits for a backend without a broker.

use broker_core::grant::{Grant, GrantId, Granted, Permit, Policy, Scope};
use broker_core::name::{KeyName, Principal, VaultName};
use broker_core::permission::PermissionSet;
use broker_core::verb::Verb;

/// Leave for one call on the one key, as a policy gives it.
pub fn permit<V: Verb>() -> Permit<V> {
    let principal = Principal::parse("local/uid:0").unwrap();
    let scope = Scope::Key(VaultName::parse("vault1").unwrap(), KeyName::parse("alone").unwrap());
    let grant = Grant {
        id: GrantId([0; 16]),
        principal: principal.clone(),
        granted: Granted::Permissions(PermissionSet::of(&[V::PERMISSION])),
        scope: scope.clone(),
        not_before_s: None,
        not_after_s: None,
        justification: String::new(),
        granted_by: principal.clone(),
        approved_by: None,
        created_s: 0,
    };
    Policy::of([grant]).permit(&principal, scope, 0).unwrap()
}
