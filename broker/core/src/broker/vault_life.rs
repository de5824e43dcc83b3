//! The end of a vault and the way back: delete lock, soft delete, recover.

use std::sync::Arc;

use super::deed::Deed;
use super::graves::Grave;
use super::{Broker, any_vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::name::VaultName;
use crate::refusal::{Failure, Refusal};
use crate::vault::Vault;
use crate::verb::{self, Operation, Verb};

impl Broker {
    /// Soft-deletes a vault with all that is in it. When it answers, no request that found it live is still under way. Needs
    /// `vaultManage` on it.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `VaultDeleted`, `Conflict` (its delete lock, or another request deletes it).
    pub async fn delete_vault(&self, asker: &Asker, name: VaultName) -> Result<Arc<Vault>, Refusal> {
        let mut deed = self.begin(asker, Operation::DeleteVault, Scope::Vault(name.clone()));
        let now_s = deed.now_s;
        let result = self.turn_vault::<verb::DeleteVault>(&mut deed, &name, |vault| vault.deleted(now_s)).await;
        self.finish(deed, result).await
    }

    /// Makes a deleted vault live again, with every key as it was. Needs `vaultManage` on it.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `Conflict` (it is live, or being purged).
    pub async fn recover_vault(&self, asker: &Asker, name: VaultName) -> Result<Arc<Vault>, Refusal> {
        let mut deed = self.begin(asker, Operation::RecoverVault, Scope::Vault(name.clone()));
        let result = self.turn_vault::<verb::RecoverVault>(&mut deed, &name, Vault::recovered).await;
        self.finish(deed, result).await
    }

    /// Sets or lifts a vault's delete lock. Needs `vaultManage` on it.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `VaultDeleted`.
    pub async fn lock_vault(&self, asker: &Asker, name: VaultName, lock: bool) -> Result<Arc<Vault>, Refusal> {
        let mut deed = self.begin(asker, Operation::LockVault, Scope::Vault(name.clone()));
        deed.detail = Some(if lock { "delete lock set" } else { "delete lock lifted" }.to_owned());
        let locked = |vault: &Vault| {
            vault.check_live()?;
            Ok(Vault { delete_lock: lock, ..vault.clone() })
        };
        let result = self.turn_vault::<verb::LockVault>(&mut deed, &name, locked).await;
        self.finish(deed, result).await
    }

    /// Changes a vault by a pure transition, and waits until no request that may have seen the old one is left.
    async fn turn_vault<V: Verb>(
        &self,
        deed: &mut Deed<'_>,
        name: &VaultName,
        transition: impl Fn(&Vault) -> Result<Vault, Refusal>,
    ) -> Result<Arc<Vault>, Failure> {
        let _spent: Permit<V> = deed.permit()?;
        let _claim = self.graves.claim(Grave::Vault(name.clone()))?;
        let desk = self.desk.lock().await;
        let next = transition(&*any_vault_of(&self.turns.begin(), name)?)?;
        self.put_vault(deed, next, desk).await
    }
}
