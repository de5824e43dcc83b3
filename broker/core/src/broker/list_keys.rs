//! list: the keys of a vault, and the versions of a key.

use std::sync::Arc;

use super::deed::Deed;
use super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::key::VersionRecord;
use crate::name::{KeyName, VaultName};
use crate::port::Page;
use crate::refusal::{Failure, Refusal};
use crate::vault::Vault;
use crate::verb::{self, Operation};

/// A row of a listing: attributes and tags, no key bits.
#[derive(Debug, Clone)]
pub struct KeySummary {
    pub vault: Arc<Vault>,
    pub key: KeyName,
    /// The latest version in a list of keys, the one it is about in a list of versions.
    pub version: VersionRecord,
}

impl Broker {
    /// The live keys of a vault, at most `most`, from after the marker an earlier page ended with.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`.
    pub async fn list_keys(
        &self,
        asker: &Asker,
        vault: VaultName,
        after: Option<u64>,
        most: usize,
    ) -> Result<Page<KeySummary>, Refusal> {
        let mut deed = self.begin(asker, Operation::ListKeys, Scope::Vault(vault.clone()));
        let result = self.list_keys_decided(&mut deed, &vault, after, most).await;
        self.finish(deed, result).await
    }

    async fn list_keys_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        after: Option<u64>,
        most: usize,
    ) -> Result<Page<KeySummary>, Failure> {
        let _spent: Permit<verb::ListKeys> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let page = self.store.keys(&vault.name, false, after, most).await?;
        let summary = |record: Arc<crate::key::KeyRecord>| KeySummary {
            vault: Arc::clone(&vault),
            key: record.name.clone(),
            version: record.latest().clone(),
        };
        // The broker's own keys are nobody's to see.
        let keys = page.items.into_iter().filter(|record| !record.name.is_reserved());
        Ok(Page { items: keys.map(summary).collect(), next: page.next })
    }

    /// The versions of a key, newest first; the marker is how many came before.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`.
    pub async fn list_versions(
        &self,
        asker: &Asker,
        vault: VaultName,
        key: KeyName,
        after: Option<u64>,
        most: usize,
    ) -> Result<Page<KeySummary>, Refusal> {
        let mut deed = self.begin(asker, Operation::ListVersions, Scope::Key(vault.clone(), key.clone()));
        let result = self.list_versions_decided(&mut deed, &vault, &key, after, most).await;
        self.finish(deed, result).await
    }

    async fn list_versions_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        key: &KeyName,
        after: Option<u64>,
        most: usize,
    ) -> Result<Page<KeySummary>, Failure> {
        let _spent: Permit<verb::ListVersions> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let record = self.record(&vault, key).await?;
        record.check_live()?;
        // Counted from the oldest, so that a rotation between two pages neither repeats nor skips a version.
        let end = after.map_or(record.versions.len(), |left| {
            usize::try_from(left).unwrap_or(usize::MAX).min(record.versions.len())
        });
        let start = end.saturating_sub(most);
        let items = record.versions[start..end]
            .iter()
            .rev()
            .map(|version| KeySummary { vault: Arc::clone(&vault), key: key.clone(), version: version.clone() })
            .collect();
        Ok(Page { items, next: (start > 0).then_some(start as u64) })
    }
}
