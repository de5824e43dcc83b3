//! From a line to a verb and back.

use std::net::SocketAddr;
use std::sync::Arc;

use broker_backend_wasm::WasmBackend;
use broker_core::broker::{Broker, Finding, Given, NewGrant, NewVault, VaultPatch};
use broker_core::elevation::Elevation;
use broker_core::entry::{Asker, Outcome};
use broker_core::grant::{Grant, GrantId, Granted, Scope};
use broker_core::identity::{Identity, Resource};
use broker_core::name::{AnchorName, BackendName, KeyName, NameError, Principal, VaultName};
use broker_core::network::Network;
use broker_core::permission::{Permission, PermissionSet, Role};
use broker_core::rate::Rate;
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use broker_core::turn::Turn;
use broker_core::usage::Used;
use broker_core::vault::{Pin, Vault, VaultState};
use broker_core::verb::Operation;
use broker_store_sqlite::{CopyHead, SqliteStore, StoreCopy};
use rustls_pki_types::UnixTime;

use super::kmip;
use super::wire::{self, Ask, Reply};
use crate::hex;
use crate::kmip::Roll;
use crate::plugin::LivePlugins;
use crate::sighting::Proofs;
use crate::task::ClockGuard;

/// What administrative requests act on.
pub struct Desk {
    pub broker: Arc<Broker>,
    pub guard: Arc<ClockGuard>,
    pub proofs: Proofs,
    /// Where KMIP clients connect, and who is there.
    pub kmip: Option<(SocketAddr, Arc<Roll>)>,
    pub plugins: Arc<LivePlugins>,
    pub store: Arc<SqliteStore>,
}

impl Desk {
    /// Carries one request out; every refusal is a reply too.
    pub async fn perform(&self, asker: &Asker, ask: Ask) -> Reply {
        perform(self, asker, ask).await
    }

    /// Copies the store; the copy is none when that is refused.
    pub async fn copy_store(&self, asker: &Asker) -> (Reply, Option<StoreCopy>) {
        let (store, now_s) = (Arc::clone(&self.store), i64::try_from(crate::root::now_s()).unwrap_or(i64::MAX));
        let act = async move {
            let copied = tokio::task::spawn_blocking(move || store.copy(now_s)).await;
            let copied = copied.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            let CopyHead { generation, body_bytes, ref body_sha256, .. } = copied.head;
            let detail = format!(
                "generation {generation}, {} records, {body_bytes} bytes with SHA-256 {}",
                copied.records,
                hex(body_sha256)
            );
            Ok((copied, detail))
        };
        match self.broker.backup_store(asker, act).await {
            Ok(copied) => {
                let bytes = copied.front.len() as u64 + copied.head.body_bytes;
                let (generation, records) = (copied.head.generation, copied.records);
                (Reply::StoreCopy { bytes, generation, records }, Some(copied))
            }
            Err(refusal) => (refused(asker, &refusal), None),
        }
    }
}

async fn perform(desk: &Desk, asker: &Asker, ask: Ask) -> Reply {
    decide(desk, asker, ask).await.unwrap_or_else(|refusal| refused(asker, &refusal))
}

fn refused(asker: &Asker, refusal: &Refusal) -> Reply {
    Reply::Refused {
        reason: refusal.word().to_owned(),
        message: refusal.to_string(),
        request: asker.request.to_string(),
    }
}

async fn decide(desk: &Desk, asker: &Asker, ask: Ask) -> Result<Reply, Refusal> {
    let broker = &*desk.broker;
    match ask {
        // The socket takes it before it comes here: what it gives is no line.
        Ask::BackupStore {} => Err(bad("a copy of the store goes over the admin socket alone".to_owned())),
        Ask::AcceptClock {} => {
            let suspended = broker.accept_clock(asker, |now_s| desk.guard.accept(now_s)).await?;
            Ok(Reply::Clock { was_suspended: suspended })
        }
        Ask::ApproveElevation { id } => {
            Ok(Reply::Grants(vec![grant_out(&broker.approve_elevation(asker, Scope::Broker, grant_id(&id)?).await?)]))
        }
        Ask::AssignIdentity { name, principal } => {
            let principal = Principal::parse(&principal).map_err(bad_name)?;
            Ok(Reply::Identities(vec![identity_out(&*broker.assign_identity(asker, anchor(&name)?, principal).await?)]))
        }
        Ask::BackUpBackend { backend, password } => {
            let (plugin, name) = plugin_of(desk, &backend)?;
            let act = async {
                let plugin = plugin.ok_or_else(|| no_plugin(&name))?;
                plugin.back_up(secret_of(&password)).await.map_err(|failure| failure.refusal.to_string())
            };
            let backup = broker.back_up_backend(asker, format!("backend {name}"), act).await?;
            Ok(Reply::Backup(hex(&backup)))
        }
        Ask::CreateGrant { principal, role, permissions, scope, not_before, not_after, justification } => {
            let grant = NewGrant {
                id: None,
                principal: Principal::parse(&principal).map_err(bad_name)?,
                granted: granted(role.as_deref(), &permissions)?,
                scope: scope_of(&scope)?,
                not_before_s: not_before,
                not_after_s: not_after,
                justification,
            };
            Ok(match broker.ask_for_grant(asker, grant).await? {
                Given::Elevation(elevation) => Reply::Elevations(vec![elevation_out(&elevation)]),
                Given::Grant(grant) => Reply::Grants(vec![grant_out(&grant)]),
            })
        }
        Ask::CreateIdentity { name, resource } => {
            let resource = resource.as_deref().map(Resource::parse).transpose().map_err(bad)?;
            Ok(Reply::Identities(vec![identity_out(&*broker.create_identity(asker, anchor(&name)?, resource).await?)]))
        }
        Ask::CreatePin { name, sha256 } => {
            let sha256 = crate::config::digest(&sha256).map_err(|error| bad(error.to_string()))?;
            Ok(Reply::Pins(vec![pin_out(&broker.create_pin(asker, anchor(&name)?, sha256).await?)]))
        }
        Ask::CreateVault {
            name,
            backend,
            hsm_backend,
            soft_delete_days,
            purge_protection,
            elevation_approval,
            networks,
            tags,
            rate,
        } => {
            let vault = NewVault {
                name: VaultName::parse(&name).map_err(bad_name)?,
                backend: BackendName::parse(&backend).map_err(bad_name)?,
                hsm_backend: hsm_backend.as_deref().map(BackendName::parse).transpose().map_err(bad_name)?,
                soft_delete_days,
                purge_protection,
                networks: networks_of(&networks)?,
                tags,
                rate: rate.map(rate_of),
                elevation_approval,
            };
            Ok(Reply::Vaults(vec![vault_out(&*broker.create_vault(asker, vault).await?)]))
        }
        Ask::DeleteIdentity { name } => broker.delete_identity(asker, anchor(&name)?).await.map(|()| Reply::Done {}),
        Ask::DenyElevation { id } => {
            broker.deny_elevation(asker, Scope::Broker, grant_id(&id)?).await.map(|()| Reply::Done {})
        }
        Ask::Examine { principal, vault, key } => {
            let principal = Principal::parse(&principal).map_err(bad_name)?;
            let key = KeyName::parse_any_case(&key).map_err(bad_name)?;
            let vault = VaultName::parse(&vault).map_err(bad_name)?;
            let proofs = |bearer: &Principal, turn: &Turn| desk.proofs.findings(bearer, turn, UnixTime::now());
            let findings = broker.examine(asker, principal, (vault, key), &proofs).await?;
            Ok(Reply::Findings(findings.into_iter().map(finding_out).collect()))
        }
        Ask::KmipStatus {} => kmip::status(desk, asker).await.map(Reply::Kmip),
        Ask::ListElevations { scope } => {
            let elevations = broker.list_elevations(asker, scope_of(&scope)?).await?;
            Ok(Reply::Elevations(elevations.iter().map(|one| elevation_out(one)).collect()))
        }
        Ask::ListGrants { scope } => {
            let grants = broker.list_grants(asker, scope_of(&scope)?).await?;
            Ok(Reply::Grants(grants.iter().map(|grant| grant_out(grant)).collect()))
        }
        Ask::ListIdentities {} => {
            let identities = broker.list_identities(asker).await?;
            Ok(Reply::Identities(identities.iter().map(|one| identity_out(one)).collect()))
        }
        Ask::ListPins {} => Ok(Reply::Pins(broker.list_pins(asker).await?.iter().map(pin_out).collect())),
        Ask::ListVaults {} => {
            Ok(Reply::Vaults(broker.list_vaults(asker).await?.iter().map(|vault| vault_out(vault)).collect()))
        }
        Ask::LockKey { vault, key, lock } => {
            let key = KeyName::parse_any_case(&key).map_err(bad_name)?;
            let vault = VaultName::parse(&vault).map_err(bad_name)?;
            broker.lock_key(asker, vault, key, lock).await.map(|()| Reply::Done {})
        }
        Ask::DeleteVault { name } => {
            Ok(Reply::Vaults(vec![vault_out(&*broker.delete_vault(asker, vault(&name)?).await?)]))
        }
        Ask::LockVault { name, lock } => {
            Ok(Reply::Vaults(vec![vault_out(&*broker.lock_vault(asker, vault(&name)?, lock).await?)]))
        }
        Ask::PurgeVault { name } => broker.purge_vault(asker, vault(&name)?).await.map(|()| Reply::Done {}),
        Ask::ReadUsage { principal, after } => {
            let principal = principal.as_deref().map(Principal::parse).transpose().map_err(bad_name)?;
            let page = broker.read_usage(asker, principal, after).await?;
            Ok(Reply::Usage { rows: page.items.iter().map(used_out).collect(), next: page.next })
        }
        Ask::RecoverVault { name } => {
            Ok(Reply::Vaults(vec![vault_out(&*broker.recover_vault(asker, vault(&name)?).await?)]))
        }
        Ask::ReloadPlugin { backend } => {
            let backend = BackendName::parse(&backend).map_err(bad_name)?;
            Ok(Reply::Plugin(desk.plugins.reload(broker, asker, &backend).await?))
        }
        Ask::RemoveGrant { id } => {
            broker.remove_grant(asker, Scope::Broker, grant_id(&id)?).await.map(|_| Reply::Done {})
        }
        Ask::RemovePin { name } => broker.remove_pin(asker, anchor(&name)?).await.map(|()| Reply::Done {}),
        Ask::RestoreBackend { backend, backup, password } => {
            let (plugin, name) = plugin_of(desk, &backend)?;
            let backup = unhex(&backup).ok_or_else(|| bad("a backup is hexadecimal here".to_owned()))?;
            let act = async {
                let plugin = plugin.ok_or_else(|| no_plugin(&name))?;
                let restored = plugin.restore(&backup, secret_of(&password)).await;
                restored.map_err(|failure| match failure.refusal {
                    Refusal::Unwrappable => "the password is another, or this is no backup of a backend".to_owned(),
                    Refusal::BadRequest { .. } => format!("backend {name} has a root already, and keys under it"),
                    refusal => refusal.to_string(),
                })
            };
            broker.restore_backend(asker, format!("backend {name}"), act).await.map(|()| Reply::Done {})
        }
        Ask::RotateKek { vault } => {
            let vault = VaultName::parse(&vault).map_err(bad_name)?;
            Ok(Reply::Kek { version: broker.rotate_kek(asker, vault).await?.to_string() })
        }
        Ask::UnassignIdentity { name, principal } => {
            let principal = Principal::parse(&principal).map_err(bad_name)?;
            let identity = broker.unassign_identity(asker, anchor(&name)?, principal).await?;
            Ok(Reply::Identities(vec![identity_out(&identity)]))
        }
        Ask::UpdateVault { name, hsm_backend, purge_protection, elevation_approval, networks, tags, rate, no_rate } => {
            let patch = VaultPatch {
                hsm_backend: hsm_backend.as_deref().map(BackendName::parse).transpose().map_err(bad_name)?,
                purge_protection,
                elevation_approval,
                networks: networks.as_deref().map(networks_of).transpose()?,
                tags,
                rate: if no_rate { Some(None) } else { rate.map(|rate| Some(rate_of(rate))) },
            };
            Ok(Reply::Vaults(vec![vault_out(&*broker.update_vault(asker, vault(&name)?, patch).await?)]))
        }
    }
}

/// Found or not, the answer comes after the permission was looked at.
fn plugin_of(desk: &Desk, name: &str) -> Result<(Option<Arc<WasmBackend>>, BackendName), Refusal> {
    let name = BackendName::parse(name).map_err(bad_name)?;
    Ok((desk.plugins.get(&name), name))
}

fn no_plugin(name: &BackendName) -> String {
    format!("there is no plugin {name}, or it keeps nothing of its own")
}

fn secret_of(password: &wire::Password) -> Secret {
    Secret::copied_from(password.0.as_bytes())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn bad(problem: String) -> Refusal {
    Refusal::BadRequest { problem }
}

fn bad_name(error: NameError) -> Refusal {
    bad(error.to_string())
}

fn anchor(name: &str) -> Result<AnchorName, Refusal> {
    AnchorName::parse(name).map_err(bad_name)
}

fn vault(name: &str) -> Result<VaultName, Refusal> {
    VaultName::parse(name).map_err(bad_name)
}

fn networks_of(texts: &[String]) -> Result<Vec<Network>, Refusal> {
    texts.iter().map(|text| Network::parse(text).map_err(bad)).collect()
}

const fn rate_of(rate: wire::Rate) -> Rate {
    Rate { operations_per_10s: rate.operations_per_10s, operations_burst: rate.operations_burst }
}

fn grant_id(text: &str) -> Result<GrantId, Refusal> {
    GrantId::parse(text).ok_or_else(|| bad(format!("{text:?} is not a grant's id")))
}

fn scope_of(text: &str) -> Result<Scope, Refusal> {
    Scope::parse(text).map_err(bad)
}

fn granted(role: Option<&str>, permissions: &[String]) -> Result<Granted, Refusal> {
    match (role, permissions) {
        (Some(role), []) => {
            let known = || Role::ALL.iter().map(|role| role.word()).collect::<Vec<_>>().join(", ");
            let found = Role::of_loose_name(role);
            Ok(Granted::Role(
                found.ok_or_else(|| bad(format!("there is no role {role:?}; the roles are {}", known())))?,
            ))
        }
        (None, [_, ..]) => {
            let known = || Permission::ALL.iter().map(|permission| permission.word()).collect::<Vec<_>>().join(", ");
            let parse = |word: &String| {
                Permission::of_word(word)
                    .ok_or_else(|| bad(format!("there is no permission {word:?}; the permissions are {}", known())))
            };
            Ok(Granted::Permissions(permissions.iter().map(parse).collect::<Result<PermissionSet, _>>()?))
        }
        _ => Err(bad("a grant gives either a role or a list of permissions".to_owned())),
    }
}

fn grant_out(grant: &Grant) -> wire::Grant {
    wire::Grant {
        id: grant.id.to_string(),
        principal: grant.principal.to_string(),
        role: match grant.granted {
            Granted::Permissions(_) => None,
            Granted::Role(role) => Some(role.word().to_owned()),
        },
        permissions: grant.granted.permissions().iter().map(|permission| permission.word().to_owned()).collect(),
        scope: grant.scope.to_string(),
        not_before: grant.not_before_s,
        not_after: grant.not_after_s,
        justification: grant.justification.clone(),
        granted_by: grant.granted_by.to_string(),
        approved_by: grant.approved_by.as_ref().map(ToString::to_string),
        created: grant.created_s,
        waits_until: None,
    }
}

fn elevation_out(elevation: &Elevation) -> wire::Grant {
    wire::Grant { waits_until: Some(elevation.waits_until_s()), ..grant_out(&elevation.grant) }
}

fn identity_out(identity: &Identity) -> wire::Identity {
    wire::Identity {
        name: identity.name.to_string(),
        principal: identity.principal().to_string(),
        resource: identity.resource.as_ref().map(ToString::to_string),
        assigned: identity.assigned.iter().map(ToString::to_string).collect(),
        created_by: identity.created_by.to_string(),
        created: identity.created_s,
    }
}

fn finding_out(finding: Finding) -> wire::Finding {
    let Finding { step, good, found, mend } = finding;
    wire::Finding { step, good, found, mend }
}

pub(super) fn pin_out(pin: &Arc<Pin>) -> wire::Pin {
    wire::Pin {
        name: pin.name.to_string(),
        sha256: hex(&pin.sha256),
        pinned_by: pin.pinned_by.to_string(),
        created: pin.created_s,
    }
}

fn used_out(used: &Used) -> wire::Used {
    let counted = |(operation, outcome, count): &(Operation, Outcome, u64)| wire::Counted {
        operation: operation.word().to_owned(),
        outcome: outcome.word().to_owned(),
        count: *count,
    };
    wire::Used {
        principal: used.principal.as_ref().map(ToString::to_string),
        counts: used.counts.iter().map(counted).collect(),
    }
}

fn vault_out(vault: &Vault) -> wire::Vault {
    let (state, deletion) = match vault.state {
        VaultState::Live => ("live", None),
        VaultState::Deleted { deleted_s, purge_s } => ("deleted", Some((deleted_s, purge_s))),
        VaultState::Purging { deleted_s, purge_s } => ("purging", Some((deleted_s, purge_s))),
    };
    wire::Vault {
        name: vault.name.to_string(),
        backend: vault.backend.to_string(),
        hsm_backend: vault.hsm_backend.as_ref().map(ToString::to_string),
        soft_delete_days: vault.soft_delete_days,
        purge_protection: vault.purge_protection,
        networks: vault.networks.iter().map(ToString::to_string).collect(),
        tags: vault.tags.clone(),
        delete_lock: vault.delete_lock,
        rate: vault.rate.map(|rate| wire::Rate {
            operations_per_10s: rate.operations_per_10s,
            operations_burst: rate.operations_burst,
        }),
        state: state.to_owned(),
        deleted: deletion.map(|(deleted_s, _)| deleted_s),
        purge: deletion.map(|(_, purge_s)| purge_s),
        elevation_approval: vault.elevation_approval,
        created: vault.created_s,
    }
}
