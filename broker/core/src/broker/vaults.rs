//! Vaults: make, change, show.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_lock::MutexGuard;

use super::deed::Deed;
use super::grants::APPROVERS_MIN;
use super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::name::{BackendName, VaultName};
use crate::network::Network;
use crate::port::Change;
use crate::rate::Rate;
use crate::refusal::{Failure, Refusal};
use crate::vault::{SOFT_DELETE_DAYS, Vault};
use crate::verb::{self, Operation};

/// A vault to be made.
#[derive(Debug, Clone)]
pub struct NewVault {
    pub name: VaultName,
    pub backend: BackendName,
    pub hsm_backend: Option<BackendName>,
    /// 7 to 90; none: 90.
    pub soft_delete_days: Option<u16>,
    pub purge_protection: bool,
    /// Where requests may come from; none: from anywhere.
    pub networks: Vec<Network>,
    pub tags: BTreeMap<String, String>,
    /// None: the broker's own.
    pub rate: Option<Rate>,
    /// As [`Vault::elevation_approval`].
    pub elevation_approval: bool,
}

impl NewVault {
    /// The plainest of vaults.
    #[must_use]
    pub const fn new(name: VaultName, backend: BackendName) -> Self {
        Self {
            name,
            backend,
            hsm_backend: None,
            soft_delete_days: None,
            purge_protection: false,
            networks: Vec::new(),
            tags: BTreeMap::new(),
            rate: None,
            elevation_approval: false,
        }
    }
}

/// What can be changed of a vault; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct VaultPatch {
    pub hsm_backend: Option<BackendName>,
    /// Only `true` can be set: protection is never taken back.
    pub purge_protection: Option<bool>,
    /// All of them; an empty list opens the vault to every network.
    pub networks: Option<Vec<Network>>,
    /// All of them.
    pub tags: Option<BTreeMap<String, String>>,
    /// `Some(None)`: the broker's own again.
    pub rate: Option<Option<Rate>>,
    /// Only `true` can be set: who could take it back alone could grant alone.
    pub elevation_approval: Option<bool>,
}

impl Broker {
    /// Makes a vault. Needs `vaultManage` on the broker.
    ///
    /// # Errors
    /// `Forbidden`, `BadRequest`, `NotFound` (a backend), `Conflict` (the name is taken), `VaultDeleted` (by a vault that is not
    /// purged yet).
    pub async fn create_vault(&self, asker: &Asker, ask: NewVault) -> Result<Arc<Vault>, Refusal> {
        let mut deed = self.begin(asker, Operation::CreateVault, Scope::Broker);
        deed.detail = Some(format!("vault {}", ask.name));
        let result = self.create_vault_decided(&mut deed, ask).await;
        self.finish(deed, result).await
    }

    async fn create_vault_decided(&self, deed: &mut Deed<'_>, ask: NewVault) -> Result<Arc<Vault>, Failure> {
        let _spent: Permit<verb::CreateVault> = deed.permit()?;
        let vault = Vault {
            hsm_backend: ask.hsm_backend,
            soft_delete_days: ask.soft_delete_days.unwrap_or(*SOFT_DELETE_DAYS.end()),
            purge_protection: ask.purge_protection,
            networks: ask.networks,
            tags: ask.tags,
            rate: ask.rate,
            elevation_approval: ask.elevation_approval,
            ..Vault::new(ask.name, ask.backend, deed.now_s)
        };
        vault.check()?;
        for backend in [Some(&vault.backend), vault.hsm_backend.as_ref()].into_iter().flatten() {
            self.check_backend_known(backend)?;
        }
        let desk = self.desk.lock().await;
        if let Some(there) = self.turns.begin().vaults.get(&vault.name) {
            there.check_live()?;
            return Err(Refusal::Conflict { problem: format!("vault {} exists already", vault.name) }.into());
        }
        self.check_approvers(&vault, deed.now_s)?;
        self.put_vault(deed, vault, desk).await
    }

    /// Changes a vault. Needs `vaultManage` on it.
    ///
    /// # Errors
    /// `Forbidden`, `BadRequest`, `VaultNotFound`, `VaultDeleted`, `NotFound` (a backend), `Conflict` (purge protection cannot be taken back).
    pub async fn update_vault(&self, asker: &Asker, name: VaultName, patch: VaultPatch) -> Result<Arc<Vault>, Refusal> {
        let mut deed = self.begin(asker, Operation::UpdateVault, Scope::Vault(name.clone()));
        let result = self.update_vault_decided(&mut deed, &name, patch).await;
        self.finish(deed, result).await
    }

    async fn update_vault_decided(
        &self,
        deed: &mut Deed<'_>,
        name: &VaultName,
        patch: VaultPatch,
    ) -> Result<Arc<Vault>, Failure> {
        let _spent: Permit<verb::UpdateVault> = deed.permit()?;
        let desk = self.desk.lock().await;
        let mut vault = Vault::clone(&*vault_of(&self.turns.begin(), name)?);
        if let Some(protect) = patch.purge_protection {
            if vault.purge_protection && !protect {
                let problem = format!("purge protection of vault {name} cannot be taken back");
                return Err(Refusal::Conflict { problem }.into());
            }
            vault.purge_protection = protect;
        }
        if let Some(demand) = patch.elevation_approval {
            if vault.elevation_approval && !demand {
                let problem = format!("elevation approval of vault {name} cannot be taken back");
                return Err(Refusal::Conflict { problem }.into());
            }
            vault.elevation_approval = demand;
            self.check_approvers(&vault, deed.now_s)?;
        }
        if let Some(backend) = patch.hsm_backend {
            self.check_backend_known(&backend)?;
            vault.hsm_backend = Some(backend);
        }
        vault.networks = patch.networks.unwrap_or(vault.networks);
        vault.tags = patch.tags.unwrap_or(vault.tags);
        vault.rate = patch.rate.unwrap_or(vault.rate);
        vault.check()?;
        self.put_vault(deed, vault, desk).await
    }

    /// A vault that demands approval must have someone to approve, beside who asks, or no grant could be given ever again.
    fn check_approvers(&self, vault: &Vault, now_s: i64) -> Result<(), Refusal> {
        let givers = || self.turns.begin().policy.givers(&Scope::Vault(vault.name.clone()), now_s);
        if !vault.elevation_approval || givers() >= APPROVERS_MIN {
            return Ok(());
        }
        let problem = format!(
            "elevation approval of vault {} needs {APPROVERS_MIN} principals that hold grantWrite there without an end; grant it to another first",
            vault.name
        );
        Err(Refusal::Conflict { problem })
    }

    pub(super) async fn put_vault(
        &self,
        deed: &mut Deed<'_>,
        vault: Vault,
        desk: MutexGuard<'_, ()>,
    ) -> Result<Arc<Vault>, Failure> {
        self.intend(deed).await?;
        self.commit(vec![Change::PutVault(vault.clone())]).await?;
        let vault = Arc::new(vault);
        let ending = self.turns.change(|ruling| {
            ruling.vaults.insert(vault.name.clone(), Arc::clone(&vault));
        });
        drop(desk);
        self.settle(deed, ending).await;
        Ok(vault)
    }

    /// Every vault, deleted ones too, by name. Needs `vaultManage` on the broker.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn list_vaults(&self, asker: &Asker) -> Result<Vec<Arc<Vault>>, Refusal> {
        let deed = self.begin(asker, Operation::ListVaults, Scope::Broker);
        let decide = || -> Result<Vec<Arc<Vault>>, Failure> {
            let _spent: Permit<verb::ListVaults> = deed.permit()?;
            let mut vaults: Vec<_> = deed.turn()?.vaults.values().cloned().collect();
            vaults.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(vaults)
        };
        let result = decide();
        self.finish(deed, result).await
    }

    fn check_backend_known(&self, name: &BackendName) -> Result<(), Failure> {
        if self.backends.load().contains_key(name) {
            return Ok(());
        }
        Err(Refusal::NotFound { what: format!("backend {name}") }.into())
    }
}
