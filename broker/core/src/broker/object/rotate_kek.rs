//! rotate-kek: a new version of the key that a vault's objects are kept under.

use std::sync::Arc;

use super::super::deed::Deed;
use super::super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::name::{KeyName, KeyVersion, VaultName};
use crate::port::Making;
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

impl Broker {
    /// Makes a new version of a vault's KEK, in the backend that the vault has now. New objects are kept under it at once;
    /// those that are there are re-wrapped by the broker itself. Needs `rotate` on the vault.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `NotFound` (the vault has no objects yet), or what the backend refuses.
    pub async fn rotate_kek(&self, asker: &Asker, vault: VaultName) -> Result<KeyVersion, Refusal> {
        let mut deed = self.begin(asker, Operation::RotateKek, Scope::Vault(vault.clone()));
        let result = self.rotate_kek_decided(&mut deed, &vault).await;
        self.finish(deed, result).await
    }

    async fn rotate_kek_decided(&self, deed: &mut Deed<'_>, vault: &VaultName) -> Result<KeyVersion, Failure> {
        let _spent: Permit<verb::RotateKek> = deed.permit()?;
        let vault: Arc<_> = vault_of(deed.turn()?, vault)?;
        let name = KeyName::object_kek();
        let none = || Refusal::NotFound { what: format!("a managed object in vault {}, and so its KEK,", vault.name) };
        self.store.key(&vault.name, &name).await?.ok_or_else(none)?;
        let next = self.kek_version(deed, &vault)?;
        let version = next.version;
        deed.algorithm = Some(next.spec.word());
        let permit = Making::Rotate(self.kek_permit(deed, &vault.name)?);
        let material = self.generate(deed, permit, &next).await?;
        self.add_version(deed, &vault, &name, next, material).await?;
        Ok(version)
    }
}
