//! get: a version's public part and attributes.

use std::sync::Arc;

use super::deed::Deed;
use super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::Scope;
use crate::key::{KeyRecord, Material, VersionRecord};
use crate::name::{KeyName, KeyVersion, VaultName};
use crate::refusal::{Failure, Refusal};
use crate::vault::Vault;
use crate::verb::{self, Operation};

/// One version of a key, as a caller may see it.
#[derive(Debug, Clone)]
pub struct KeyView {
    pub vault: Arc<Vault>,
    pub key: KeyName,
    pub version: VersionRecord,
    /// Its public part is for the caller; its opaque bytes are for nobody.
    material: Arc<Material>,
}

impl KeyView {
    pub(super) fn of(
        vault: Arc<Vault>,
        record: Arc<KeyRecord>,
        version: Option<KeyVersion>,
        material: Arc<Material>,
    ) -> Result<Self, Failure> {
        let version = record.pick(version)?;
        Ok(Self::of_any(vault, &record, version, material))
    }

    /// A version of a live or deleted key.
    pub(super) fn of_any(
        vault: Arc<Vault>,
        record: &KeyRecord,
        version: &VersionRecord,
        material: Arc<Material>,
    ) -> Self {
        Self { vault, key: record.name.clone(), version: version.clone(), material }
    }

    #[must_use]
    pub fn public(&self) -> &crate::algorithm::PublicKey {
        &self.material.public
    }
}

impl Broker {
    /// A version, or the latest when none is named.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`.
    pub async fn get_key(
        &self,
        asker: &Asker,
        vault: VaultName,
        key: KeyName,
        version: Option<KeyVersion>,
    ) -> Result<KeyView, Refusal> {
        let mut deed = self.begin(asker, Operation::GetKey, Scope::Key(vault.clone(), key.clone()));
        let result = self.get_key_decided(&mut deed, &vault, &key, version).await;
        self.finish(deed, result).await
    }

    async fn get_key_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        key: &KeyName,
        version: Option<KeyVersion>,
    ) -> Result<KeyView, Failure> {
        let permit = deed.permit::<verb::GetKey>()?;
        deed.version = version;
        let vault = vault_of(deed.turn()?, vault)?;
        let record = self.record(&vault, key).await?;
        let picked = record.pick(version)?.version;
        deed.version = Some(picked);
        let material = self.store.material(&vault.name, key, picked).await?;
        drop(permit); // spent: what follows only shows what it allowed to be read
        KeyView::of(vault, record, Some(picked), material)
    }

    /// A key's record, live or deleted.
    pub(super) async fn record(&self, vault: &Vault, key: &KeyName) -> Result<Arc<KeyRecord>, Failure> {
        let missing = || Refusal::KeyNotFound { key: key.clone(), version: None };
        Ok(self.store.key(&vault.name, key).await?.ok_or_else(missing)?)
    }
}
