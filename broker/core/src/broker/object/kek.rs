//! The key under which a vault's objects are kept: made when the first object comes, out of every front's reach.

use std::sync::Arc;

use super::super::deed::Deed;
use super::super::system::{Task, task_asker};
use super::super::{Broker, vault_of};
use crate::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use crate::grant::{Permit, Scope};
use crate::key::{KeyOperations, KeyRecord, VersionRecord};
use crate::name::{KeyName, KeyVersion, RequestId, VaultName};
use crate::object::{Kept, ObjectId, ObjectKind, ObjectRecord, Sealed};
use crate::port::{Backend, Candidate, Change, CommitError, Making, Unwrapping, Wrapping};
use crate::refusal::{Failure, Refusal};
use crate::secret::Secret;
use crate::vault::Vault;
use crate::verb::{self, Operation, Verb};

/// Bytes of an object's own key.
const OBJECT_KEY_BYTES: usize = 32;

/// What a KEK can be, the best first: what wraps 32 bytes in either kind of backend.
const KINDS: [(KeySpec, WrapAlgorithm); 4] = [
    (KeySpec::Oct256, WrapAlgorithm::A256Kw),
    (KeySpec::Oct256, WrapAlgorithm::A256Gcm),
    (KeySpec::Rsa3072, WrapAlgorithm::RsaOaep256),
    (KeySpec::Rsa3072, WrapAlgorithm::RsaOaep),
];

/// What a backend can keep a KEK as.
fn kind_of(backend: &dyn Backend, only: Option<KeySpec>) -> Option<(KeySpec, WrapAlgorithm)> {
    let served = backend.capabilities();
    KINDS.into_iter().find(|(spec, algorithm)| {
        only.is_none_or(|only| only == *spec)
            && served.key_specs.contains(spec)
            && served.wrap_algorithms.contains(algorithm)
    })
}

impl Broker {
    /// Leave for the broker itself, on a vault's KEK.
    pub(super) fn kek_permit<V: Verb>(&self, deed: &Deed<'_>, vault: &VaultName) -> Result<Permit<V>, Failure> {
        let scope = Scope::Key(vault.clone(), KeyName::object_kek());
        Ok(deed.turn()?.policy.permit(&Task::Objects.principal(), scope, deed.now_s)?)
    }

    /// The KEK as it is now, made if there is none.
    pub(super) async fn kek(&self, vault: &Arc<Vault>) -> Result<Arc<KeyRecord>, Failure> {
        let name = KeyName::object_kek();
        if let Some(record) = self.store.key(&vault.name, &name).await? {
            return Ok(record);
        }
        let _one_at_a_time = self.kek_desk.lock().await;
        if let Some(record) = self.store.key(&vault.name, &name).await? {
            return Ok(record);
        }
        let asker = task_asker(Task::Objects, RequestId::from_random(self.random()));
        let scope = Scope::Key(vault.name.clone(), name.clone());
        let mut deed = self.begin(&asker, Operation::CreateKey, scope);
        let made = self.make_kek(&mut deed, &vault.name).await;
        Ok(self.finish(deed, made).await?)
    }

    async fn make_kek(&self, deed: &mut Deed<'_>, vault: &VaultName) -> Result<Arc<KeyRecord>, Failure> {
        let permit = deed.permit::<verb::CreateKey>()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let first = self.kek_version(deed, &vault)?;
        deed.algorithm = Some(first.spec.word());
        let id = first.version;
        let material = self.generate(deed, Making::Create(permit), &first).await?;
        let name = KeyName::object_kek();
        let record =
            KeyRecord { delete_lock: true, revision: 1, ..KeyRecord::new(vault.name.clone(), name.clone(), first) };
        let record = Arc::new(record);
        let put = Change::PutMaterial { vault: vault.name.clone(), key: name, version: id, material };
        // Nobody can have seen it before: there is nothing to wait for.
        match self.store.commit(vec![put, Change::PutKey(Arc::clone(&record))]).await {
            Ok(()) => Ok(record),
            Err(CommitError::Stale) => Err(Failure::internal("a vault's KEK was made twice")),
            Err(CommitError::Failed(failure)) => Err(failure),
        }
    }

    /// A new version of a vault's KEK: in its HSM if it has one.
    pub(super) fn kek_version(&self, deed: &Deed<'_>, vault: &Vault) -> Result<VersionRecord, Failure> {
        let home = vault.hsm_backend.as_ref().unwrap_or(&vault.backend);
        let backend = self.backend(home)?;
        let (spec, _) = kind_of(&*backend, None).ok_or_else(|| Refusal::AlgorithmUnsupported {
            algorithm: "a key to keep managed objects under".to_owned(),
            by: format!("backend {home}"),
        })?;
        Ok(VersionRecord {
            version: KeyVersion(self.random()),
            spec,
            hsm: vault.hsm_backend.is_some(),
            backend: home.clone(),
            enabled: true,
            not_before_s: None,
            expires_s: None,
            created_s: deed.now_s,
            updated_s: deed.now_s,
            operations: KeyOperations::all_of(spec),
            tags: std::collections::BTreeMap::new(),
            notified: false,
        })
    }

    /// Seals an object's bytes under a fresh key, and that under the KEK's newest version. Public bytes stay as they are.
    pub(super) async fn keep(
        &self,
        deed: &mut Deed<'_>,
        vault: &Arc<Vault>,
        (id, kind): (ObjectId, ObjectKind),
        bytes: &Secret,
    ) -> Result<Kept, Failure> {
        if kind.is_public() {
            return Ok(Kept::Public(bytes.expose().to_vec()));
        }
        let kek = self.kek(vault).await?;
        let mut key = vec![0; OBJECT_KEY_BYTES];
        self.chance.fill(&mut key);
        let key = Secret::new(key);
        let sealed = self.object_crypto.seal(&key, &ObjectRecord::place(&vault.name, id), bytes)?;
        let (kek, algorithm, wrapped) = self.wrap_under(deed, &vault.name, &kek, key).await?;
        Ok(Kept::Secret(Sealed { kek, algorithm, key: wrapped, bytes: sealed }))
    }

    pub(super) async fn wrap_under(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        kek: &KeyRecord,
        key: Secret,
    ) -> Result<(KeyVersion, WrapAlgorithm, crate::algorithm::Wrapped), Failure> {
        let version = kek.latest();
        let backend = self.backend(&version.backend)?;
        deed.backend = Some(version.backend.clone());
        let unserved = || Refusal::BackendUnavailable { backend: version.backend.clone() };
        let (_, algorithm) = kind_of(&*backend, Some(version.spec)).ok_or_else(unserved)?;
        let material = self.store.material(vault, &kek.name, version.version).await?;
        let under = Candidate { version: version.version, spec: version.spec, material };
        let permit = Wrapping::Wrap(self.kek_permit(deed, vault)?);
        let wrapped = backend.wrap_key(permit, &under, algorithm, key, &WrapExtras::default()).await?;
        Ok((version.version, algorithm, wrapped))
    }

    pub(super) async fn unwrap_under(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        sealed: &Sealed,
    ) -> Result<Secret, Failure> {
        let gone = || Failure::internal(format!("the KEK of vault {vault} has no version {}", sealed.kek));
        let kek = self.store.key(vault, &KeyName::object_kek()).await?.ok_or_else(gone)?;
        let version = kek.versions.iter().find(|version| version.version == sealed.kek).ok_or_else(gone)?;
        let backend = self.backend(&version.backend)?;
        deed.backend = Some(version.backend.clone());
        let material = self.store.material(vault, &kek.name, version.version).await?;
        let candidate = Candidate { version: version.version, spec: version.spec, material };
        let extras = WrapExtras { iv: sealed.key.iv.clone(), aad: Vec::new(), tag: sealed.key.tag.clone() };
        let permit = Unwrapping::Unwrap(self.kek_permit(deed, vault)?);
        let unwrapped = backend.unwrap_key(permit, &[candidate], sealed.algorithm, &sealed.key.value, &extras).await?;
        Ok(unwrapped.secret)
    }

    /// An object's bytes in the clear, for this one deed.
    pub(super) async fn open_object(&self, deed: &mut Deed<'_>, record: &ObjectRecord) -> Result<Secret, Failure> {
        match &record.kept {
            Kept::Gone => Ok(record.wrong_state(record.life.state, "given out")?),
            Kept::Public(bytes) => Ok(Secret::copied_from(bytes)),
            Kept::Secret(sealed) => {
                let key = self.unwrap_under(deed, &record.vault, sealed).await?;
                self.object_crypto.open(&key, &ObjectRecord::place(&record.vault, record.id), &sealed.bytes)
            }
        }
    }
}
