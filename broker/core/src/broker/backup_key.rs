//! backup and restore: a key with all its versions, as bytes that only this broker opens again.

use std::sync::Arc;

use super::deed::Deed;
use super::get_key::KeyView;
use super::graves::Grave;
use super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::key::{KeyRecord, KeyState, Material};
use crate::name::{KeyName, VaultName};
use crate::port::{Change, CommitError};
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

impl Broker {
    /// A live key with all its versions and its policy, sealed.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`.
    pub async fn backup_key(&self, asker: &Asker, vault: VaultName, key: KeyName) -> Result<Vec<u8>, Refusal> {
        let mut deed = self.begin(asker, Operation::BackupKey, Scope::Key(vault.clone(), key.clone()));
        let result = self.backup_key_decided(&mut deed, &vault, &key).await;
        self.finish(deed, result).await
    }

    async fn backup_key_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        key: &KeyName,
    ) -> Result<Vec<u8>, Failure> {
        let _spent: Permit<verb::BackupKey> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let record = self.record(&vault, key).await?;
        record.check_live()?;
        let mut materials = Vec::with_capacity(record.versions.len());
        for version in &record.versions {
            materials.push(self.store.material(&vault.name, key, version.version).await?);
        }
        self.store.seal_backup(&record, &materials)
    }

    /// Puts a backed-up key into a vault of this broker, under its own name and versions.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `BadRequest` (not a backup of this broker's), `Conflict` (the name is taken, or a
    /// key of that name is being purged),
    /// `KeyDeleted`.
    pub async fn restore_key(&self, asker: &Asker, vault: VaultName, sealed: &[u8]) -> Result<KeyView, Refusal> {
        let mut deed = self.begin(asker, Operation::RestoreKey, Scope::Vault(vault.clone()));
        let result = self.restore_key_decided(&mut deed, &vault, sealed).await;
        self.finish(deed, result).await
    }

    async fn restore_key_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        sealed: &[u8],
    ) -> Result<KeyView, Failure> {
        let _spent: Permit<verb::RestoreKey> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let (backed_up, materials) = self.store.open_backup(sealed)?;
        deed.detail = Some(format!("key {}", backed_up.name));
        // The original may be about to be destroyed, and with it what both would open with.
        let _claim = self.graves.share(Grave::Name(backed_up.name.clone()))?;
        match self.store.key(&vault.name, &backed_up.name).await?.map(|record| record.state) {
            None => {}
            Some(KeyState::Live) => return Err(taken(&backed_up.name)),
            Some(KeyState::Deleted { .. } | KeyState::Purging { .. }) => {
                return Err(Refusal::KeyDeleted { key: backed_up.name }.into());
            }
        }
        for version in &backed_up.versions {
            self.backend(&version.backend)?;
        }
        self.intend(deed).await?;
        let from = backed_up.vault.clone();
        let record = Arc::new(KeyRecord { vault: vault.name.clone(), state: KeyState::Live, revision: 1, ..backed_up });
        let materials: Vec<_> =
            materials.into_iter().map(|material| Arc::new(moved(material, &from, &vault.name))).collect();
        // The record first: of two that restore the same backup, the later hears that the name is taken.
        let mut changes = vec![Change::PutKey(Arc::clone(&record))];
        changes.extend(record.versions.iter().zip(&materials).map(|(version, material)| Change::PutMaterial {
            vault: vault.name.clone(),
            key: record.name.clone(),
            version: version.version,
            material: Arc::clone(material),
        }));
        match self.store.commit(changes).await {
            Ok(()) => {}
            Err(CommitError::Stale) => return Err(taken(&record.name)),
            Err(CommitError::Failed(failure)) => return Err(failure),
        }
        let latest = materials.last().cloned().ok_or_else(|| Failure::internal("a backup without a version"))?;
        KeyView::of(vault, record, None, latest)
    }
}

/// The material, remembering the vault its backend bound it to.
fn moved(material: Material, from: &VaultName, to: &VaultName) -> Material {
    let home = material.origin_vault.unwrap_or_else(|| from.clone());
    Material { origin_vault: (home != *to).then_some(home), ..material }
}

fn taken(key: &KeyName) -> Failure {
    Refusal::Conflict { problem: format!("key {key} exists in this vault already; nothing was restored") }.into()
}
