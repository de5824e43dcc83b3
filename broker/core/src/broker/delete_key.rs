//! delete, recover, purge, and what is deleted.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::deed::Deed;
use super::get_key::KeyView;
use super::list_keys::KeySummary;
use super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::key::{KeyRecord, KeyState};
use crate::name::{KeyName, VaultName};
use crate::port::{Candidate, Change, CommitError, Page};
use crate::refusal::{Failure, Refusal};
use crate::vault::Vault;
use crate::verb::{self, Operation};

/// The keys that are being deleted, recovered or purged now: one such request a key at a time. A deletion is not purged
/// before it is acknowledged, so nobody who found the key live still uses it when its backend destroys it; and a recovery
/// between that and the end of the record would bring a key back to life that opens nothing any more.
#[derive(Debug, Default)]
pub(super) struct Graves(Mutex<HashSet<(VaultName, KeyName)>>);

struct Claim<'a> {
    graves: &'a Graves,
    id: (VaultName, KeyName),
}

impl Graves {
    fn claim(&self, vault: &VaultName, key: &KeyName) -> Result<Claim<'_>, Refusal> {
        let id = (vault.clone(), key.clone());
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone()) {
            return Ok(Claim { graves: self, id });
        }
        let problem = format!("key {key} is being deleted, recovered or purged by another request; look at it again");
        Err(Refusal::Conflict { problem })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.graves.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

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
        let _claim = self.graves.claim(&vault.name, key)?;
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
        let row = |record: Arc<KeyRecord>| match record.state {
            KeyState::Deleted { deleted_s, purge_s } => Some(DeletedSummary {
                key: KeySummary {
                    vault: Arc::clone(&vault),
                    key: record.name.clone(),
                    version: record.latest().clone(),
                },
                deleted_s,
                purge_s,
            }),
            KeyState::Live => None,
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
        let _claim = self.graves.claim(&vault.name, key)?;
        self.record(&vault, key).await?.recovered()?;
        self.intend(deed).await?;
        let record = self.change_key(deed, &vault.name, key, KeyRecord::recovered).await?;
        let material = self.store.material(&vault.name, key, record.latest().version).await?;
        KeyView::of(vault, record, None, material)
    }

    /// Destroys a deleted key for good.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound` (also for a live key), `PurgeProtected`, `Conflict` (another request
    /// purges or recovers it), or what the backend refuses.
    pub async fn purge_key(&self, asker: &Asker, vault: VaultName, key: KeyName) -> Result<(), Refusal> {
        let mut deed = self.begin(asker, Operation::PurgeKey, Scope::Key(vault.clone(), key.clone()));
        let result = self.purge_key_decided(&mut deed, &vault, &key).await;
        self.finish(deed, result).await
    }

    async fn purge_key_decided(&self, deed: &mut Deed<'_>, vault: &VaultName, key: &KeyName) -> Result<(), Failure> {
        let permit = deed.permit::<verb::PurgeKey>()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let _claim = self.graves.claim(&vault.name, key)?;
        let record = self.record(&vault, key).await?;
        let KeyState::Deleted { purge_s, .. } = record.state else {
            return Err(Refusal::KeyNotFound { key: key.clone(), version: None }.into());
        };
        if vault.purge_protection && deed.now_s < purge_s {
            return Err(Refusal::PurgeProtected { key: key.clone(), purge_s }.into());
        }
        deed.backend = Some(record.latest().backend.clone());
        self.intend(deed).await?;
        self.destroy(permit, &vault, &record).await?;
        self.store.commit(vec![Change::DropKey(record)]).await.map_err(|error| match error {
            CommitError::Stale => {
                let problem = format!("key {key} was changed while it was being purged; look at it again");
                Refusal::Conflict { problem }.into()
            }
            CommitError::Failed(failure) => failure,
        })
    }

    /// Has each backend destroy its versions. All versions of a key live in one backend but for a key that was created
    /// again under another kty; then the first backend is told with the permit, and the others keep nothing that opens.
    async fn destroy(&self, permit: Permit<verb::PurgeKey>, vault: &Vault, record: &KeyRecord) -> Result<(), Failure> {
        let home = record.latest().backend.clone();
        let mut versions = Vec::new();
        for version in record.versions.iter().filter(|version| version.backend == home) {
            let material = self.store.material(&vault.name, &record.name, version.version).await?;
            versions.push(Candidate { version: version.version, spec: version.spec, material });
        }
        self.backend(&home)?.destroy_key(permit, &versions).await
    }

    async fn deleted_view(&self, vault: &Arc<Vault>, record: Arc<KeyRecord>) -> Result<DeletedView, Failure> {
        let KeyState::Deleted { deleted_s, purge_s } = record.state else {
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
