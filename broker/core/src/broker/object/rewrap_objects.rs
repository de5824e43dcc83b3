//! rewrap-objects: moves objects from an older version of their vault's KEK to the newest.

use std::sync::Arc;

use super::super::deed::Deed;
use super::super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::key::KeyRecord;
use crate::name::{KeyName, KeyVersion, VaultName};
use crate::object::{Kept, ObjectRecord, Sealed, Term};
use crate::port::{Change, CommitError};
use crate::refusal::{Failure, Refusal};
use crate::secret::Secret;
use crate::verb::{self, Operation};

/// Objects that one request re-wraps, at most: it is one entry in the audit and one commit.
pub const REWRAPPED_MAX: usize = 64;

/// What one request did, and what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrapped {
    pub done: usize,
    /// Changed by others meanwhile: the next request takes them.
    pub left_alone: usize,
}

impl Broker {
    /// How many objects of a vault are kept under older versions of its KEK. Not a request: for metrics, and the task that
    /// re-wraps.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn older_kek_objects(&self, vault: &VaultName) -> Result<u64, Failure> {
        let Some(kek) = self.store.key(vault, &KeyName::object_kek()).await? else { return Ok(0) };
        let mut older = 0;
        for version in &kek.versions[..kek.versions.len() - 1] {
            older += self.store.count_objects(vault, &Term::of_kek(version.version)).await?;
        }
        Ok(older)
    }

    /// Re-wraps at most [`REWRAPPED_MAX`] objects of a vault whose key is wrapped under an older version: each is unwrapped,
    /// wrapped again, unwrapped once more and compared before it is committed. None when there is nothing to do.
    ///
    /// # Errors
    /// `Forbidden` (it takes `rotate` on the vault), `VaultNotFound`, or what a backend refuses.
    pub async fn rewrap_objects(&self, asker: &Asker, vault: VaultName) -> Result<Option<Rewrapped>, Refusal> {
        let mut deed = self.begin(asker, Operation::RewrapObjects, Scope::Vault(vault.clone()));
        let result = self.rewrap_decided(&mut deed, &vault).await;
        self.finish(deed, result).await
    }

    async fn rewrap_decided(&self, deed: &mut Deed<'_>, vault: &VaultName) -> Result<Option<Rewrapped>, Failure> {
        let _spent: Permit<verb::RewrapObjects> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let Some(kek) = self.store.key(&vault.name, &KeyName::object_kek()).await? else { return Ok(None) };
        let Some((from, objects)) = self.oldest_kept(&vault.name, &kek).await? else { return Ok(None) };
        let newest = kek.latest().version;
        deed.detail = Some(format!("{} objects from version {from} to {newest}", objects.len()));
        deed.version = Some(newest);
        self.intend(deed).await?;
        let mut changes = Vec::with_capacity(objects.len());
        for object in &objects {
            let Kept::Secret(sealed) = &object.kept else { continue };
            let mut next = ObjectRecord::clone(object);
            next.kept = Kept::Secret(self.rewrapped(deed, &vault.name, &kek, sealed).await?);
            next.revision += 1;
            changes.push(Change::PutObject(Arc::new(next)));
        }
        self.commit_each(changes).await.map(Some)
    }

    /// Some objects under the oldest version that still has any.
    async fn oldest_kept(
        &self,
        vault: &VaultName,
        kek: &KeyRecord,
    ) -> Result<Option<(KeyVersion, Vec<Arc<ObjectRecord>>)>, Failure> {
        for version in &kek.versions[..kek.versions.len() - 1] {
            let terms = [Term::of_kek(version.version)];
            let page = self.store.objects(vault, &terms, None, REWRAPPED_MAX).await?;
            if !page.items.is_empty() {
                return Ok(Some((version.version, page.items)));
            }
        }
        Ok(None)
    }

    async fn rewrapped(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        kek: &KeyRecord,
        sealed: &Sealed,
    ) -> Result<Sealed, Failure> {
        let key = self.unwrap_under(deed, vault, sealed).await?;
        let copy = Secret::copied_from(key.expose());
        let (version, algorithm, wrapped) = self.wrap_under(deed, vault, kek, key).await?;
        let next = Sealed { kek: version, algorithm, key: wrapped, bytes: sealed.bytes.clone() };
        let again = self.unwrap_under(deed, vault, &next).await?;
        if self.object_crypto.same(&copy, &again) {
            return Ok(next);
        }
        Err(Failure::internal("an object's key came back changed from its re-wrapping; it stays as it was"))
    }

    /// All at once; when one of them was changed meanwhile, one by one without it.
    async fn commit_each(&self, changes: Vec<Change>) -> Result<Rewrapped, Failure> {
        let all = changes.len();
        match self.store.commit(changes.clone()).await {
            Ok(()) => return Ok(Rewrapped { done: all, left_alone: 0 }),
            Err(CommitError::Stale) => {}
            Err(CommitError::Failed(failure)) => return Err(failure),
        }
        let mut done = 0;
        for change in changes {
            match self.store.commit(vec![change]).await {
                Ok(()) => done += 1,
                Err(CommitError::Stale) => {}
                Err(CommitError::Failed(failure)) => return Err(failure),
            }
        }
        Ok(Rewrapped { done, left_alone: all - done })
    }
}
