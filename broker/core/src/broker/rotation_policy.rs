//! Rotation policies, and what becomes due by itself.

use std::sync::Arc;

use super::deed::Deed;
use super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::key::KeyRecord;
use crate::name::{KeyName, VaultName};
use crate::refusal::{Failure, Refusal};
use crate::rotation::RotationPolicy;
use crate::verb::{self, Operation};

/// Most records that are looked at for those that are due in a live vault.
const DUE_LOOKED_AT_MAX: usize = 65_536;

impl Broker {
    /// A key's policy; none when none was set.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`.
    pub async fn rotation_policy(
        &self,
        asker: &Asker,
        vault: VaultName,
        key: KeyName,
    ) -> Result<Option<RotationPolicy>, Refusal> {
        let mut deed = self.begin(asker, Operation::GetRotationPolicy, Scope::Key(vault.clone(), key.clone()));
        let result = self.rotation_policy_decided(&mut deed, &vault, &key).await;
        self.finish(deed, result).await
    }

    async fn rotation_policy_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        key: &KeyName,
    ) -> Result<Option<RotationPolicy>, Failure> {
        let _spent: Permit<verb::GetRotationPolicy> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let record = self.record(&vault, key).await?;
        record.check_live()?;
        Ok(record.rotation.clone())
    }

    /// Sets a key's policy; its `created_s` and `updated_s` are set here.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`, `BadRequest`.
    pub async fn set_rotation_policy(
        &self,
        asker: &Asker,
        vault: VaultName,
        key: KeyName,
        policy: RotationPolicy,
    ) -> Result<RotationPolicy, Refusal> {
        let mut deed = self.begin(asker, Operation::SetRotationPolicy, Scope::Key(vault.clone(), key.clone()));
        let result = self.set_rotation_policy_decided(&mut deed, &vault, &key, policy).await;
        self.finish(deed, result).await
    }

    async fn set_rotation_policy_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        key: &KeyName,
        policy: RotationPolicy,
    ) -> Result<RotationPolicy, Failure> {
        let _spent: Permit<verb::SetRotationPolicy> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        policy.check()?;
        self.record(&vault, key).await?.check_live()?;
        self.intend(deed).await?;
        let now_s = deed.now_s;
        let with_policy = |record: &KeyRecord| {
            record.check_live()?;
            let created_s = record.rotation.as_ref().map_or(now_s, |policy| policy.created_s);
            let rotation = Some(RotationPolicy { created_s, updated_s: now_s, ..policy.clone() });
            Ok(KeyRecord { rotation, ..record.clone() })
        };
        let record = self.change_key(deed, &vault.name, key, with_policy).await?;
        record.rotation.clone().ok_or_else(|| Failure::internal("the policy that was just set is gone"))
    }

    /// Carries a policy's Notify out for the latest version: it is written down, once.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`.
    pub async fn notify_key(&self, asker: &Asker, vault: VaultName, key: KeyName) -> Result<(), Refusal> {
        let mut deed = self.begin(asker, Operation::NotifyKey, Scope::Key(vault.clone(), key.clone()));
        let result = self.notify_key_decided(&mut deed, &vault, &key).await;
        self.finish(deed, result).await
    }

    async fn notify_key_decided(&self, deed: &mut Deed<'_>, vault: &VaultName, key: &KeyName) -> Result<(), Failure> {
        let _spent: Permit<verb::NotifyKey> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let record = self.record(&vault, key).await?;
        record.check_live()?;
        deed.version = Some(record.latest().version);
        deed.detail = record.latest().expires_s.map(|expires_s| format!("expires at {expires_s}"));
        self.intend(deed).await?;
        let notified = |record: &KeyRecord| {
            record.check_live()?;
            let mut next = record.clone();
            if let Some(latest) = next.versions.last_mut() {
                latest.notified = true;
            }
            Ok(next)
        };
        self.change_key(deed, &vault.name, key, notified).await.map(drop)
    }

    /// Keys whose policy or soft deletion wants something done by this time, the longest due first. For the broker's own
    /// scheduler, which then asks for each deed like anyone else. Keys of a deleted vault wait with it.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn due(&self, until_s: i64, most: usize) -> Result<Vec<Arc<KeyRecord>>, Failure> {
        let mut looked_at = most;
        loop {
            let mut due = self.store.due(until_s, looked_at).await?;
            let all = due.len() < looked_at;
            let turn = self.turns.begin();
            due.retain(|record| vault_of(&turn, &record.vault).is_ok());
            if all || due.len() >= most || looked_at >= DUE_LOOKED_AT_MAX {
                due.truncate(most);
                return Ok(due);
            }
            // Those of deleted vaults must not keep the others out.
            looked_at = looked_at.saturating_mul(4).min(DUE_LOOKED_AT_MAX);
        }
    }
}
