//! create: a new key, or a new version of one that is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::deed::Deed;
use super::get_key::KeyView;
use super::{Broker, vault_of};
use crate::algorithm::KeySpec;
use crate::entry::Asker;
use crate::grant::Scope;
use crate::key::{KeyOperations, KeyRecord, KeyState, Material, VersionPatch, VersionRecord};
use crate::name::{BackendName, KeyName, KeyVersion, VaultName};
use crate::port::{Backend, Change, CommitError, Making};
use crate::refusal::{Failure, Refusal};
use crate::vault::Vault;
use crate::verb::{self, Operation};

/// How often a change is tried again when others change the same key at the same time.
pub(super) const STALE_TRIES_MAX: usize = 16;

/// What `create` asks for.
#[derive(Debug, Clone)]
pub struct CreateKey {
    pub vault: VaultName,
    pub key: KeyName,
    pub spec: KeySpec,
    /// Asked for as an `-HSM` kty.
    pub hsm: bool,
    /// None: all that the spec can do.
    pub operations: Option<KeyOperations>,
    pub enabled: Option<bool>,
    pub not_before_s: Option<i64>,
    pub expires_s: Option<i64>,
    pub tags: BTreeMap<String, String>,
}

impl Broker {
    /// Makes a key, or a new version when the name is taken by a live key.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `BadRequest`, `KeyDeleted`, `AlgorithmUnsupported`, `Conflict`, or what the backend
    /// refuses.
    pub async fn create_key(&self, asker: &Asker, ask: CreateKey) -> Result<KeyView, Refusal> {
        let mut deed = self.begin(asker, Operation::CreateKey, Scope::Key(ask.vault.clone(), ask.key.clone()));
        let result = self.create_key_decided(&mut deed, ask).await;
        self.finish(deed, result).await
    }

    async fn create_key_decided(&self, deed: &mut Deed<'_>, ask: CreateKey) -> Result<KeyView, Failure> {
        let permit = deed.permit::<verb::CreateKey>()?;
        let vault = vault_of(deed.turn()?, &ask.vault)?;
        let first = self.planned_version(deed, &vault, &ask)?;
        if let Some(record) = self.store.key(&ask.vault, &ask.key).await?
            && record.state != KeyState::Live
        {
            return Err(Refusal::KeyDeleted { key: ask.key }.into());
        }
        deed.algorithm = Some(ask.spec.word());
        let material = self.generate(deed, Making::Create(permit), &first).await?;
        self.add_version(deed, &vault, &ask.key, first, material).await
    }

    pub(super) fn planned_version(
        &self,
        deed: &Deed<'_>,
        vault: &Vault,
        ask: &CreateKey,
    ) -> Result<VersionRecord, Failure> {
        let plain = VersionRecord {
            version: KeyVersion(self.random()),
            spec: ask.spec,
            hsm: ask.hsm,
            backend: home_of(vault, ask.spec, ask.hsm)?,
            enabled: ask.enabled.unwrap_or(true),
            not_before_s: None,
            expires_s: None,
            created_s: deed.now_s,
            updated_s: deed.now_s,
            operations: ask.operations.unwrap_or_else(|| KeyOperations::all_of(ask.spec)),
            tags: BTreeMap::new(),
            notified: false,
        };
        let wanted = VersionPatch {
            not_before_s: ask.not_before_s,
            expires_s: ask.expires_s,
            tags: Some(ask.tags.clone()),
            ..VersionPatch::default()
        };
        Ok(wanted.apply_to(&plain, deed.now_s)?)
    }

    /// Lets the backend make the material of a planned version, the intent durable first.
    pub(super) async fn generate(
        &self,
        deed: &mut Deed<'_>,
        permit: Making,
        version: &VersionRecord,
    ) -> Result<Arc<Material>, Failure> {
        let backend = self.maker(deed, version)?;
        self.intend(deed).await?;
        let made = backend.generate_key(permit, version.version, version.spec).await?;
        Ok(Arc::new(Material { opaque: made.opaque, public: made.public, origin_vault: None }))
    }

    /// The backend that a planned version is to live in, if it takes keys of that spec.
    pub(super) fn maker(&self, deed: &mut Deed<'_>, version: &VersionRecord) -> Result<Arc<dyn Backend>, Failure> {
        let backend = self.backend(&version.backend)?;
        if !backend.capabilities().key_specs.contains(&version.spec) {
            let by = format!("backend {}", version.backend);
            return Err(Refusal::AlgorithmUnsupported { algorithm: version.spec.word().to_owned(), by }.into());
        }
        deed.version = Some(version.version);
        deed.backend = Some(version.backend.clone());
        Ok(backend)
    }

    /// Commits a version with its material, to a new key or to the one that is there by now.
    pub(super) async fn add_version(
        &self,
        deed: &mut Deed<'_>,
        vault: &Arc<Vault>,
        key: &KeyName,
        version: VersionRecord,
        material: Arc<Material>,
    ) -> Result<KeyView, Failure> {
        let id = version.version;
        for _ in 0..STALE_TRIES_MAX {
            let current = self.store.key(&vault.name, key).await?;
            let mut next = match &current {
                Some(record) => record.with_version(version.clone())?,
                None => KeyRecord::new(vault.name.clone(), key.clone(), version.clone()),
            };
            next.revision += 1;
            let next = Arc::new(next);
            let changes = vec![
                Change::PutMaterial {
                    vault: vault.name.clone(),
                    key: key.clone(),
                    version: id,
                    material: Arc::clone(&material),
                },
                Change::PutKey(Arc::clone(&next)),
            ];
            match self.store.commit(changes).await {
                Ok(()) => {
                    let turn = self.turns.advance();
                    self.settle(deed, turn).await;
                    return KeyView::of(Arc::clone(vault), next, Some(id), material);
                }
                Err(CommitError::Stale) => {}
                Err(CommitError::Failed(failure)) => return Err(failure),
            }
        }
        Err(stale(key))
    }

    /// Changes a key's record by a pure transition, again when another change came first, and waits until no request
    /// that may have seen the old record is left.
    pub(super) async fn change_key(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        key: &KeyName,
        transition: impl Fn(&KeyRecord) -> Result<KeyRecord, Refusal>,
    ) -> Result<Arc<KeyRecord>, Failure> {
        for _ in 0..STALE_TRIES_MAX {
            let missing = || Refusal::KeyNotFound { key: key.clone(), version: None };
            let current = self.store.key(vault, key).await?.ok_or_else(missing)?;
            let mut next = transition(&current)?;
            next.revision += 1;
            let next = Arc::new(next);
            match self.store.commit(vec![Change::PutKey(Arc::clone(&next))]).await {
                Ok(()) => {
                    let ending = self.turns.advance();
                    self.settle(deed, ending).await;
                    return Ok(next);
                }
                Err(CommitError::Stale) => {}
                Err(CommitError::Failed(failure)) => return Err(failure),
            }
        }
        Err(stale(key))
    }
}

fn stale(key: &KeyName) -> Failure {
    Refusal::Conflict { problem: format!("key {key} is being changed by others at the same time; try again") }.into()
}

fn home_of(vault: &Vault, spec: KeySpec, hsm: bool) -> Result<BackendName, Refusal> {
    if !hsm {
        return Ok(vault.backend.clone());
    }
    vault.hsm_backend.clone().ok_or_else(|| Refusal::AlgorithmUnsupported {
        algorithm: format!("{spec} in an HSM"),
        by: format!("vault {}, which has no HSM backend", vault.name),
    })
}
