//! doctor: why a principal can or cannot use a key, step by step, and what would mend it.

use super::Broker;
use super::deed::Deed;
use crate::entry::Asker;
use crate::grant::{Permit, Policy, Scope};
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
    /// What was looked at: `identity`, `grant get`, `vault`, `key`, `version`, `backend`.
    pub step: String,
    pub good: bool,
    /// What was found.
    pub found: String,
    /// What would mend it, when it is not good.
    pub mend: Option<String>,
}

impl Finding {
    fn good(step: impl Into<String>, found: impl Into<String>) -> Self {
        Self { step: step.into(), good: true, found: found.into(), mend: None }
    }

    fn bad(step: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { step: step.into(), good: false, found: found.into(), mend: Some(mend.into()) }
    }
}

impl Broker {
    /// Looks at all that decides whether a principal can use a key. Needs `grantRead` on the key. `known_anchors` are the
    /// names of the client CAs that the listeners trust.
    ///
    /// # Errors
    /// `Forbidden`, or the store's failure.
    pub async fn examine(
        &self,
        asker: &Asker,
        principal: Principal,
        (vault, key): (VaultName, KeyName),
        known_anchors: &[String],
    ) -> Result<Vec<Finding>, Refusal> {
        let mut deed = self.begin(asker, Operation::Examine, Scope::Key(vault.clone(), key.clone()));
        deed.detail = Some(format!("principal {principal}"));
        let result = self.examine_decided(&mut deed, &principal, (&vault, &key), known_anchors).await;
        self.finish(deed, result).await
    }

    async fn examine_decided(
        &self,
        deed: &mut Deed<'_>,
        principal: &Principal,
        (vault, key): (&VaultName, &KeyName),
        known_anchors: &[String],
    ) -> Result<Vec<Finding>, Failure> {
        let _spent: Permit<verb::Examine> = deed.permit()?;
        let turn = deed.turn()?;
        let mut findings = vec![identity(principal, turn, known_anchors)];
        let scope = Scope::Key(vault.clone(), key.clone());
        findings.extend(WANTED.iter().map(|wanted| grant(&turn.policy, principal, &scope, *wanted, deed.now_s)));
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

fn identity(principal: &Principal, turn: &Turn, known_anchors: &[String]) -> Finding {
    let step = "identity";
    let (anchor, rest) = principal.as_str().split_once('/').unwrap_or((principal.as_str(), ""));
    match anchor {
        "local" => Finding::good(step, "a peer of the admin socket; it needs no certificate"),
        "system" => Finding::good(step, "the broker's own background work"),
        "pin" if turn.pins.keys().any(|pin| pin.as_str() == rest) => {
            Finding::good(step, "a pinned certificate of that name is trusted")
        }
        "pin" => {
            let mend = format!("pin it: keybroker pin add {rest} --certificate FILE");
            Finding::bad(step, format!("no certificate is pinned as {rest}"), mend)
        }
        _ if known_anchors.iter().any(|known| known == anchor) => Finding::good(
            step,
            format!("client CA {anchor} is trusted; whether this client's certificate is valid shows in its handshake"),
        ),
        _ => Finding::bad(
            step,
            format!("no client CA is called {anchor}; there are: {}", known_anchors.join(", ")),
            "correct the principal, or add a [[client-ca]] of that name",
        ),
    }
}

fn grant(policy: &Policy, principal: &Principal, scope: &Scope, wanted: Permission, now_s: i64) -> Finding {
    let step = format!("grant {wanted}");
    let Some(why) = policy.missing(principal, scope, wanted, now_s) else {
        return Finding::good(step, format!("{principal} holds {wanted} on {scope}"));
    };
    let missing = Missing { principal: principal.clone(), permission: wanted, scope: scope.clone(), why };
    let mend = match why {
        MissingWhy::NotBegun { .. } => "wait until it begins, or grant it from now on".to_owned(),
        _ => format!("keybroker grant --principal {principal} --permissions {wanted} --scope {scope}"),
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
