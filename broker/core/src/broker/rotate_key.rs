//! rotate: a new version like the latest one.

use super::deed::Deed;
use super::get_key::KeyView;
use super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::Scope;
use crate::key::VersionRecord;
use crate::name::{KeyName, KeyVersion, VaultName};
use crate::port::Making;
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

impl Broker {
    /// Makes a new version of the same spec, key_ops and tags, enabled; it expires when the key's policy says so.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`, `Conflict`, or what the backend refuses.
    pub async fn rotate_key(&self, asker: &Asker, vault: VaultName, key: KeyName) -> Result<KeyView, Refusal> {
        let mut deed = self.begin(asker, Operation::RotateKey, Scope::Key(vault.clone(), key.clone()));
        let result = self.rotate_key_decided(&mut deed, &vault, &key).await;
        self.finish(deed, result).await
    }

    async fn rotate_key_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        key: &KeyName,
    ) -> Result<KeyView, Failure> {
        let permit = deed.permit::<verb::RotateKey>()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let record = self.record(&vault, key).await?;
        record.check_live()?;
        let next = VersionRecord {
            version: KeyVersion(self.random()),
            enabled: true,
            not_before_s: None,
            expires_s: record.rotation.as_ref().and_then(|policy| policy.expiry).map(|life| life.after(deed.now_s)),
            created_s: deed.now_s,
            updated_s: deed.now_s,
            notified: false,
            ..record.latest().clone()
        };
        deed.algorithm = Some(next.spec.word());
        let pushed_off = record.candidates(self.limits.versions_tried_max).nth(self.limits.versions_tried_max - 1);
        if let Some(version) = pushed_off {
            let version = version.version;
            tracing::warn!(%key, %version, "a version-less unwrap will not try this version any more");
            deed.detail = Some(format!("version {version} is no longer tried by a version-less unwrap"));
        }
        let material = self.generate(deed, Making::Rotate(permit), &next).await?;
        self.add_version(deed, &vault, key, next, material).await
    }
}
