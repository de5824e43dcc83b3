//! purge: a deleted key is destroyed for good, wherever its versions live.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::deed::Deed;
use super::graves::{Claim, Grave};
use super::identities::Ends;
use super::{Broker, any_vault_of, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::identity::Resource;
use crate::key::{KeyRecord, KeyState};
use crate::name::{BackendName, KeyName, KeyVersion, VaultName};
use crate::port::{Backend, Candidate, Change, CommitError};
use crate::refusal::{Failure, Refusal};
use crate::turn::Turn;
use crate::vault::Vault;
use crate::verb::{self, Operation};

/// One backend's part of a purge.
struct Part {
    backend: Arc<dyn Backend>,
    permit: Permit<verb::PurgeKey>,
    versions: Vec<Candidate>,
}

impl Broker {
    /// Destroys a deleted key for good, and ends the identities that are its own. From the first backend's call on there is no way back: what is interrupted, by a
    /// failure or the broker's end, is finished when it is purged again, as the scheduler does by itself.
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
        let _claims = self.claim_both(&vault.name, key)?;
        let record = self.record(&vault, key).await?;
        match record.state {
            KeyState::Live => return Err(Refusal::KeyNotFound { key: key.clone(), version: None }.into()),
            KeyState::Deleted { purge_s, .. } if vault.purge_protection && deed.now_s < purge_s => {
                return Err(Refusal::PurgeProtected { key: key.clone(), purge_s }.into());
            }
            KeyState::Deleted { .. } | KeyState::Purging { .. } => {}
        }
        self.destroy_for_good(deed, permit, &vault, record).await
    }

    /// The same for a key of a vault that is being purged as a whole, whatever the key's own state.
    pub(super) async fn purge_key_with_vault(
        &self,
        asker: &Asker,
        vault: &VaultName,
        key: &KeyName,
    ) -> Result<(), Refusal> {
        let mut deed = self.begin(asker, Operation::PurgeKey, Scope::Key(vault.clone(), key.clone()));
        deed.detail = Some("with its vault".to_owned());
        let result = async {
            let permit = deed.permit::<verb::PurgeKey>()?;
            let vault = any_vault_of(deed.turn()?, vault)?;
            let _claims = self.claim_both(&vault.name, key)?;
            let record = self.record(&vault, key).await?;
            self.destroy_for_good(&mut deed, permit, &vault, record).await
        };
        let result = result.await;
        self.finish(deed, result).await
    }

    fn claim_both(&self, vault: &VaultName, key: &KeyName) -> Result<[Claim<'_>; 2], Refusal> {
        let own = self.graves.claim(Grave::Key(vault.clone(), key.clone()))?;
        Ok([own, self.graves.claim(Grave::Name(key.clone()))?])
    }

    /// Everything that can be refused is refused before the mark; after it, only a failure is left.
    async fn destroy_for_good(
        &self,
        deed: &mut Deed<'_>,
        permit: Permit<verb::PurgeKey>,
        vault: &Vault,
        record: Arc<KeyRecord>,
    ) -> Result<(), Failure> {
        deed.backend = Some(record.latest().backend.clone());
        let parts = self.parts(deed, permit, vault, &record).await?;
        self.intend(deed).await?;
        let record = self.mark_purging(record, deed.now_s).await?;
        for part in parts {
            part.backend.destroy_key(part.permit, &part.versions).await?;
        }
        let desk = self.desk.lock().await;
        let resource = Resource::Key(record.vault.clone(), record.name.clone());
        let ends = Ends::with(&self.turns.begin(), &resource);
        let changes = [vec![Change::DropKey(Arc::clone(&record))], ends.changes.clone()].concat();
        self.store.commit(changes).await.map_err(|error| changed(&record, error))?;
        if !ends.is_empty() {
            let ending = self.turns.change(|ruling| ends.put_in_force(ruling));
            drop(desk);
            self.settle(deed, ending).await;
        }
        Ok(())
    }

    /// What each backend has to destroy. A version that a key of another vault shares stays where it is: it goes with the
    /// last of them.
    async fn parts(
        &self,
        deed: &Deed<'_>,
        permit: Permit<verb::PurgeKey>,
        vault: &Vault,
        record: &KeyRecord,
    ) -> Result<Vec<Part>, Failure> {
        let turn = Arc::clone(deed.turn()?);
        let shared = self.shared_versions(&turn, record).await?;
        let mut homes: BTreeMap<&BackendName, Vec<Candidate>> = BTreeMap::new();
        for version in record.versions.iter().filter(|version| !shared.contains(&version.version)) {
            let material = self.store.material(&vault.name, &record.name, version.version).await?;
            let candidate = Candidate { version: version.version, spec: version.spec, material };
            homes.entry(&version.backend).or_default().push(candidate);
        }
        let mut permit = Some(permit);
        let mut parts = Vec::with_capacity(homes.len());
        for (name, versions) in homes {
            let backend = self.backend(name)?;
            let permit = permit.take().map_or_else(|| deed.another_permit(), Ok)?;
            parts.push(Part { backend, permit, versions });
        }
        Ok(parts)
    }

    async fn shared_versions(&self, turn: &Turn, record: &KeyRecord) -> Result<HashSet<KeyVersion>, Failure> {
        let mut shared = HashSet::new();
        for vault in turn.vaults.keys().filter(|vault| **vault != record.vault) {
            // Versions are random: the same one elsewhere came there by a backup.
            if let Some(other) = self.store.key(vault, &record.name).await? {
                shared.extend(other.versions.iter().map(|version| version.version));
            }
        }
        Ok(shared)
    }

    /// Writes down that the purge has begun; nothing is destroyed before that is durable.
    async fn mark_purging(&self, record: Arc<KeyRecord>, now_s: i64) -> Result<Arc<KeyRecord>, Failure> {
        if matches!(record.state, KeyState::Purging { .. }) {
            return Ok(record);
        }
        let marked = Arc::new(KeyRecord { revision: record.revision + 1, ..record.purging(now_s) });
        match self.store.commit(vec![Change::PutKey(Arc::clone(&marked))]).await {
            Ok(()) => Ok(marked),
            Err(error) => Err(changed(&record, error)),
        }
    }
}

fn changed(record: &KeyRecord, error: CommitError) -> Failure {
    match error {
        CommitError::Stale => {
            let problem = format!("key {} was changed while it was being purged; look at it again", record.name);
            Refusal::Conflict { problem }.into()
        }
        CommitError::Failed(failure) => failure,
    }
}
