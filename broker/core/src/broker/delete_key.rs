//! delete, recover, the delete lock, and what is deleted.

use std::sync::Arc;

use super::deed::Deed;
use super::get_key::KeyView;
use super::graves::Grave;
use super::list_keys::KeySummary;
use super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::key::KeyRecord;
use crate::name::{KeyName, VaultName};
use crate::port::Page;
use crate::refusal::{Failure, Refusal};
use crate::vault::Vault;
use crate::verb::{self, Operation};

/// A deleted key. Times are Unix seconds.
#[derive(Debug, Clone)]
pub struct DeletedView {
    pub key: KeyView,
    pub deleted_s: i64,
    pub purge_s: i64,
}

/// A row of a listing of deleted keys.
#[derive(Debug, Clone)]
pub struct DeletedSummary {
    pub key: KeySummary,
    pub deleted_s: i64,
    pub purge_s: i64,
}

impl Broker {
    /// Soft-deletes a key with all its versions. When it answers, no request that found it live is still under way.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`, `Conflict` (its delete lock, or another request deletes it).
    pub async fn delete_key(&self, asker: &Asker, vault: VaultName, key: KeyName) -> Result<DeletedView, Refusal> {
        let mut deed = self.begin(asker, Operation::DeleteKey, Scope::Key(vault.clone(), key.clone()));
        let result = self.delete_key_decided(&mut deed, &vault, &key).await;
        self.finish(deed, result).await
    }

    async fn delete_key_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        key: &KeyName,
    ) -> Result<DeletedView, Failure> {
        let _spent: Permit<verb::DeleteKey> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let (now_s, days) = (deed.now_s, vault.soft_delete_days);
        let _claim = self.graves.claim(Grave::Key(vault.name.clone(), key.clone()))?;
        self.record(&vault, key).await?.deleted(now_s, days)?;
        self.intend(deed).await?;
        let record = self.change_key(deed, &vault.name, key, |record| record.deleted(now_s, days)).await?;
        self.deleted_view(&vault, record).await
    }

    /// A deleted key.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound` (also for a live key).
    pub async fn get_deleted_key(&self, asker: &Asker, vault: VaultName, key: KeyName) -> Result<DeletedView, Refusal> {
        let mut deed = self.begin(asker, Operation::GetDeletedKey, Scope::Key(vault.clone(), key.clone()));
        let result = self.get_deleted_decided(&mut deed, &vault, &key).await;
        self.finish(deed, result).await
    }

    async fn get_deleted_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        key: &KeyName,
    ) -> Result<DeletedView, Failure> {
        let _spent: Permit<verb::GetDeletedKey> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let record = self.record(&vault, key).await?;
        match self.deleted_view(&vault, record).await {
            // Purged between its record and its material: that is no bug of ours.
            Err(_) if self.store.key(&vault.name, key).await?.is_none() => {
                Err(Refusal::KeyNotFound { key: key.clone(), version: None }.into())
            }
            answer => answer,
        }
    }

    /// The deleted keys of a vault, at most `most`, from after the marker an earlier page ended with.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`.
    pub async fn list_deleted_keys(
        &self,
        asker: &Asker,
        vault: VaultName,
        after: Option<u64>,
        most: usize,
    ) -> Result<Page<DeletedSummary>, Refusal> {
        let mut deed = self.begin(asker, Operation::ListDeletedKeys, Scope::Vault(vault.clone()));
        let result = self.list_deleted_decided(&mut deed, &vault, after, most).await;
        self.finish(deed, result).await
    }

    async fn list_deleted_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        after: Option<u64>,
        most: usize,
    ) -> Result<Page<DeletedSummary>, Failure> {
        let _spent: Permit<verb::ListDeletedKeys> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let page = self.store.keys(&vault.name, true, after, most).await?;
        let row = |record: Arc<KeyRecord>| {
            let (deleted_s, purge_s) = record.state.deletion()?;
            let key =
                KeySummary { vault: Arc::clone(&vault), key: record.name.clone(), version: record.latest().clone() };
            Some(DeletedSummary { key, deleted_s, purge_s })
        };
        Ok(Page { items: page.items.into_iter().filter_map(row).collect(), next: page.next })
    }

    /// Makes a deleted key live again.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`, `Conflict` (it is being purged).
    pub async fn recover_key(&self, asker: &Asker, vault: VaultName, key: KeyName) -> Result<KeyView, Refusal> {
        let mut deed = self.begin(asker, Operation::RecoverKey, Scope::Key(vault.clone(), key.clone()));
        let result = self.recover_key_decided(&mut deed, &vault, &key).await;
        self.finish(deed, result).await
    }

    async fn recover_key_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        key: &KeyName,
    ) -> Result<KeyView, Failure> {
        let _spent: Permit<verb::RecoverKey> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let _claim = self.graves.claim(Grave::Key(vault.name.clone(), key.clone()))?;
        self.record(&vault, key).await?.recovered()?;
        self.intend(deed).await?;
        let record = self.change_key(deed, &vault.name, key, KeyRecord::recovered).await?;
        let material = self.store.material(&vault.name, key, record.latest().version).await?;
        KeyView::of(vault, record, None, material)
    }

    async fn deleted_view(&self, vault: &Arc<Vault>, record: Arc<KeyRecord>) -> Result<DeletedView, Failure> {
        let Some((deleted_s, purge_s)) = record.state.deletion() else {
            return Err(Refusal::KeyNotFound { key: record.name.clone(), version: None }.into());
        };
        let material = self.store.material(&vault.name, &record.name, record.latest().version).await?;
        let key = KeyView::of_any(Arc::clone(vault), &record, record.latest(), material);
        Ok(DeletedView { key, deleted_s, purge_s })
    }

    /// Sets or lifts a key's delete lock. Needs `vaultManage` on it.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`.
    pub async fn lock_key(&self, asker: &Asker, vault: VaultName, key: KeyName, lock: bool) -> Result<(), Refusal> {
        let mut deed = self.begin(asker, Operation::LockKey, Scope::Key(vault.clone(), key.clone()));
        deed.detail = Some(if lock { "delete lock set" } else { "delete lock lifted" }.to_owned());
        let result = self.lock_key_decided(&mut deed, &vault, &key, lock).await;
        self.finish(deed, result).await
    }

    async fn lock_key_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        key: &KeyName,
        lock: bool,
    ) -> Result<(), Failure> {
        let _spent: Permit<verb::LockKey> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        self.record(&vault, key).await?.check_live()?;
        self.intend(deed).await?;
        let locked = |record: &KeyRecord| {
            record.check_live()?;
            Ok(KeyRecord { delete_lock: lock, ..record.clone() })
        };
        self.change_key(deed, &vault.name, key, locked).await.map(drop)
    }
}
