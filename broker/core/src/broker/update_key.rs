//! update: a version's attributes, key_ops and tags.

use super::deed::Deed;
use super::get_key::KeyView;
use super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::key::VersionPatch;
use crate::name::{KeyName, KeyVersion, VaultName};
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

impl Broker {
    /// Changes a version, or the latest when none is named. When it answers, no request that saw the version as it was
    /// is still under way.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`, `BadRequest`, `Conflict`.
    pub async fn update_key(
        &self,
        asker: &Asker,
        vault: VaultName,
        key: KeyName,
        version: Option<KeyVersion>,
        patch: VersionPatch,
    ) -> Result<KeyView, Refusal> {
        let mut deed = self.begin(asker, Operation::UpdateKey, Scope::Key(vault.clone(), key.clone()));
        let result = self.update_key_decided(&mut deed, &vault, &key, version, &patch).await;
        self.finish(deed, result).await
    }

    async fn update_key_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        key: &KeyName,
        version: Option<KeyVersion>,
        patch: &VersionPatch,
    ) -> Result<KeyView, Failure> {
        let _spent: Permit<verb::UpdateKey> = deed.permit()?;
        deed.version = version;
        let vault = vault_of(deed.turn()?, vault)?;
        let record = self.record(&vault, key).await?;
        // The version is settled before the change: "latest" must not become another one by a rotation in between.
        let picked = record.pick(version)?.version;
        deed.version = Some(picked);
        let now_s = deed.now_s;
        record.with_patch(Some(picked), patch, now_s)?;
        // Before the change: once that has been waited for, the key may be deleted and purged by others.
        let material = self.store.material(&vault.name, key, picked).await?;
        self.intend(deed).await?;
        let next =
            self.change_key(deed, &vault.name, key, |record| record.with_patch(Some(picked), patch, now_s)).await?;
        KeyView::of(vault, next, Some(picked), material)
    }
}
