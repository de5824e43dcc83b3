//! doctor: why a principal can or cannot use a key, step by step, and what would mend it.

use super::Broker;
use super::deed::Deed;
use crate::entry::Asker;
use crate::grant::{Grant, Permit, Scope};
use crate::key::{KeyRecord, KeyState, Use, VersionRecord};
use crate::name::{KeyName, Principal, VaultName};
use crate::permission::Permission;
use crate::refusal::{Failure, Missing, MissingWhy, Refusal};
use crate::turn::Turn;
use crate::vault::Vault;
use crate::verb::{self, Operation};

/// What every consumer of a key needs.
const WANTED: [Permission; 3] = [Permission::Get, Permission::WrapKey, Permission::UnwrapKey];

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: `certificate`, `identity`, `grant get`, `vault`, `key`, `version`, `backend`.
    pub step: String,
    pub good: bool,
    /// What was found.
    pub found: String,
    /// What would mend it, when it is not good.
    pub mend: Option<String>,
}

impl Finding {
    #[must_use]
    pub fn good(step: impl Into<String>, found: impl Into<String>) -> Self {
        Self { step: step.into(), good: true, found: found.into(), mend: None }
    }

    #[must_use]
    pub fn bad(step: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { step: step.into(), good: false, found: found.into(), mend: Some(mend.into()) }
    }
}

impl Broker {
    /// Looks at all that decides whether a principal can use a key. Needs `grantRead` on the key. `proofs` looks at
    /// what proves a principal: its certificate, whose CA the listeners trust, or the socket.
    ///
    /// # Errors
    /// `Forbidden`, or the store's failure.
    pub async fn examine(
        &self,
        asker: &Asker,
        principal: Principal,
        (vault, key): (VaultName, KeyName),
        proofs: &(dyn Fn(&Principal, &Turn) -> Vec<Finding> + Sync),
    ) -> Result<Vec<Finding>, Refusal> {
        let mut deed = self.begin(asker, Operation::Examine, Scope::Key(vault.clone(), key.clone()));
        deed.detail = Some(format!("principal {principal}"));
        let result = self.examine_decided(&mut deed, &principal, (&vault, &key), proofs).await;
        self.finish(deed, result).await
    }

    async fn examine_decided(
        &self,
        deed: &mut Deed<'_>,
        principal: &Principal,
        (vault, key): (&VaultName, &KeyName),
        proofs: &(dyn Fn(&Principal, &Turn) -> Vec<Finding> + Sync),
    ) -> Result<Vec<Finding>, Failure> {
        let _spent: Permit<verb::Examine> = deed.permit()?;
        let turn = deed.turn()?;
        let mut findings = Vec::new();
        for bearer in bearers(principal, turn) {
            findings.extend(proofs(&bearer, turn));
        }
        findings.push(identity(principal, turn));
        let scope = Scope::Key(vault.clone(), key.clone());
        findings.extend(WANTED.iter().map(|wanted| grant(turn, principal, &scope, *wanted, deed.now_s)));
        let Some(found) = turn.vaults.get(vault) else {
            let mend = format!("create it: keybroker vault create {vault}");
            findings.push(Finding::bad("vault", format!("vault {vault} does not exist"), mend));
            return Ok(findings);
        };
        let (finding, live) = vault_finding(found);
        findings.push(finding);
        if !live {
            return Ok(findings);
        }
        let Some(record) = self.store.key(vault, key).await? else {
            let mend = "create it, or look for a spelling mistake";
            findings.push(Finding::bad("key", format!("key {key} does not exist"), mend));
            return Ok(findings);
        };
        findings.push(state(&record));
        findings.push(version(&record, deed.now_s));
        findings.push(self.backend_finding(record.latest()).await);
        Ok(findings)
    }

    async fn backend_finding(&self, latest: &VersionRecord) -> Finding {
        let name = &latest.backend;
        let Ok(backend) = self.backend(name) else {
            let mend = format!("add a [[backend]] named {name} to the configuration");
            return Finding::bad(
                "backend",
                format!("backend {name}, where the latest version lives, is not configured"),
                mend,
            );
        };
        match backend.self_test().await {
            Ok(()) => Finding::good("backend", format!("backend {name} answers its self test")),
            Err(failure) => {
                let found = format!("backend {name} fails its self test: {}", failure.refusal);
                Finding::bad("backend", found, "the operator's log has the cause")
            }
        }
    }
}

fn vault_finding(vault: &Vault) -> (Finding, bool) {
    let name = &vault.name;
    let networks: Vec<_> = vault.networks.iter().map(ToString::to_string).collect();
    let open_to = if networks.is_empty() { "every network".to_owned() } else { networks.join(", ") };
    match vault.check_live() {
        Ok(()) => {
            let found = format!("vault {name} keeps its keys in backend {}, and is open to {open_to}", vault.backend);
            (Finding::good("vault", found), true)
        }
        Err(refusal) => {
            let mend = format!("keybroker vault recover {name}");
            (Finding::bad("vault", refusal.to_string(), mend), false)
        }
    }
}

fn identity(principal: &Principal, turn: &Turn) -> Finding {
    let step = "identity";
    let Some(name) = principal.identity() else {
        let acts_as: Vec<_> = turn.policy.identities_of(principal).map(Principal::as_str).collect();
        return match acts_as[..] {
            [] => Finding::good(step, format!("{principal} asks for itself alone; it acts as no identity")),
            _ => Finding::good(step, format!("{principal} acts as {} too", acts_as.join(", "))),
        };
    };
    match turn.identities.get(&name) {
        None => {
            let mend =
                format!("make it: keybroker identity create {name}; grants of an older one of that name are gone");
            Finding::bad(step, format!("identity {name} does not exist"), mend)
        }
        Some(identity) if identity.assigned.is_empty() => {
            let mend = format!("let a certificate act as it: keybroker identity assign {name} --principal PRINCIPAL");
            Finding::bad(step, format!("identity {name} is there, and nobody acts as it"), mend)
        }
        Some(identity) => {
            let assigned: Vec<_> = identity.assigned.iter().map(Principal::as_str).collect();
            let bound = identity.resource.as_ref().map(|resource| format!("; it ends with {resource}"));
            let found = format!("identity {name}, as which these act: {}", assigned.join(", "));
            Finding::good(step, found + &bound.unwrap_or_default())
        }
    }
}

/// Of an identity, those who act as it; else the principal itself.
fn bearers(principal: &Principal, turn: &Turn) -> Vec<Principal> {
    match principal.identity() {
        None => vec![principal.clone()],
        Some(name) => turn.identities.get(&name).map(|identity| identity.assigned.clone()).unwrap_or_default(),
    }
}

fn grant(turn: &Turn, principal: &Principal, scope: &Scope, wanted: Permission, now_s: i64) -> Finding {
    let step = format!("grant {wanted}");
    let policy = &turn.policy;
    let Some(why) = policy.missing(principal, scope, wanted, now_s) else {
        let ends = match policy.holds_until(principal, scope, wanted, now_s) {
            Some(last) => format!(" until {last} (Unix seconds)"),
            None => String::new(),
        };
        return Finding::good(step, format!("{principal} holds {wanted} on {scope}{ends}"));
    };
    let missing = Missing { principal: principal.clone(), permission: wanted, scope: scope.clone(), why };
    let would_give = |grant: &Grant| {
        grant.scope.covers(scope)
            && grant.granted.permissions().contains(wanted)
            && policy.is_or_acts_as(principal, &grant.principal)
    };
    let waiting = turn.elevations.values().filter(|one| one.waits_at(now_s) && would_give(&one.grant));
    let waiting = waiting.map(|one| one.grant.id).min();
    let mend = match (waiting, why) {
        (Some(id), _) => {
            let found = format!("{missing}; elevation {id} would give it, and waits for approval");
            return Finding::bad(step, found, format!("another administrator: keybroker grants approve {id}"));
        }
        (None, MissingWhy::NotBegun { .. }) => "wait until it begins, or grant it from now on".to_owned(),
        (None, _) => format!("keybroker grant --principal {principal} --permissions {wanted} --scope {scope}"),
    };
    Finding::bad(step, missing.to_string(), mend)
}

fn state(record: &KeyRecord) -> Finding {
    let name = &record.name;
    match record.state {
        KeyState::Live => Finding::good("key", format!("key {name} is live with {} versions", record.versions.len())),
        KeyState::Purging { .. } => Finding::bad(
            "key",
            format!("key {name} is being purged"),
            "there is no way back; make another under another name",
        ),
        KeyState::Deleted { purge_s, .. } => Finding::bad(
            "key",
            format!("key {name} is deleted, and will be purged at {purge_s} (Unix seconds)"),
            "recover it before that time",
        ),
    }
}

fn version(record: &KeyRecord, now_s: i64) -> Finding {
    let latest = record.latest();
    let Err(refusal) = latest.check_use(&record.name, Use::Protect, now_s) else {
        let found = format!("the latest version {} is enabled and within its dates", latest.version);
        return Finding::good("version", found);
    };
    let mend = match refusal {
        Refusal::KeyDisabled { .. } => "enable it (attributes.enabled = true)",
        Refusal::KeyExpired { .. } => "set a later exp, or rotate the key; unwrapping goes on meanwhile",
        _ => "set an earlier nbf; unwrapping goes on meanwhile",
    };
    Finding::bad("version", refusal.to_string(), mend)
}
