//! purge of a whole vault: its keys, one by one, then itself and every grant in it.

use std::sync::Arc;

use super::deed::Deed;
use super::graves::Grave;
use super::{Broker, any_vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::name::VaultName;
use crate::port::Change;
use crate::refusal::{Failure, Refusal};
use crate::vault::{Vault, VaultState};
use crate::verb::{self, Operation};

/// Keys of one look at the vault.
const KEYS_AT_ONCE: usize = 64;

impl Broker {
    /// Destroys a deleted vault for good, with every key in it; then its name is free. Each key's destruction is a deed and
    /// an entry of the audit of its own. What is interrupted is finished when it is purged again, as the scheduler does by
    /// itself. Needs `purge` on the vault.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `Conflict` (it is live, or another request has it), `VaultPurgeProtected`, or what a
    /// key's backend refuses; then the vault is still there, being purged.
    pub async fn purge_vault(&self, asker: &Asker, name: VaultName) -> Result<(), Refusal> {
        let mut deed = self.begin(asker, Operation::PurgeVault, Scope::Vault(name.clone()));
        let result = self.purge_vault_decided(&mut deed, &name).await;
        self.finish(deed, result).await
    }

    async fn purge_vault_decided(&self, deed: &mut Deed<'_>, name: &VaultName) -> Result<(), Failure> {
        let _spent: Permit<verb::PurgeVault> = deed.permit()?;
        let _claim = self.graves.claim(Grave::Vault(name.clone()))?;
        let desk = self.desk.lock().await;
        let vault = any_vault_of(&self.turns.begin(), name)?;
        let marked = vault.purging(deed.now_s)?;
        // Marked before the first key goes: from here on nobody recovers it. And the deed's turn is given up, since this may
        // take long, and a revocation must not wait for it.
        self.put_vault(deed, marked, desk).await?;
        let mut keys = 0_u64;
        for deleted in [false, true] {
            loop {
                let page = self.store.keys(name, deleted, None, KEYS_AT_ONCE).await?;
                if page.items.is_empty() {
                    break;
                }
                for record in page.items {
                    self.purge_key_with_vault(deed.asker, name, &record.name).await?;
                    keys += 1;
                }
            }
        }
        let objects = self.drop_objects(name).await?;
        self.drop_vault(deed, name, (keys, objects)).await
    }

    /// Managed objects go after the key that they were kept under: what is left of them opens nothing already.
    async fn drop_objects(&self, name: &VaultName) -> Result<u64, Failure> {
        let mut dropped = 0;
        loop {
            let page = self.store.objects(name, &[], None, KEYS_AT_ONCE).await?;
            if page.items.is_empty() {
                return Ok(dropped);
            }
            dropped += page.items.len() as u64;
            self.commit(page.items.into_iter().map(Change::DropObject).collect()).await?;
        }
    }

    /// The vault's grants go with it, also those that wait: a later vault of the same name is another one.
    async fn drop_vault(
        &self,
        deed: &mut Deed<'_>,
        name: &VaultName,
        (keys, objects): (u64, u64),
    ) -> Result<(), Failure> {
        let desk = self.desk.lock().await;
        let here = |scope: &Scope| scope.vault() == Some(name);
        let grants: Vec<_> =
            self.turns.begin().policy.grants().filter(|grant| here(&grant.scope)).map(|grant| grant.id).collect();
        deed.detail = Some(format!("keys purged with it: {keys}; objects: {objects}; grants in it: {}", grants.len()));
        let mut changes = vec![Change::DropVault(name.clone())];
        changes.extend(grants.iter().copied().map(Change::DropGrant));
        let standing = self.turns.begin();
        let waiting = standing.elevations.values().filter(|one| here(&one.grant.scope));
        changes.extend(waiting.map(|one| Change::DropElevation(one.grant.id)));
        drop(standing);
        self.commit(changes).await?;
        let ending = self.turns.change(|ruling| {
            ruling.vaults.remove(name);
            ruling.elevations.retain(|_, one| !here(&one.grant.scope));
            grants.iter().for_each(|id| ruling.policy.remove(*id));
        });
        drop(desk);
        self.settle(deed, ending).await;
        Ok(())
    }

    /// Deleted vaults whose time has come, and those whose purge was interrupted.
    #[must_use]
    pub fn vaults_due(&self, now_s: i64) -> Vec<Arc<Vault>> {
        let due = |state: VaultState| match state {
            VaultState::Live => false,
            VaultState::Deleted { purge_s, .. } => purge_s <= now_s,
            VaultState::Purging { .. } => true,
        };
        let mut vaults: Vec<_> = self.turns.begin().vaults.values().filter(|vault| due(vault.state)).cloned().collect();
        vaults.sort_by(|one, other| one.name.cmp(&other.name));
        vaults
    }
}
