//! revoke-object: an object that is to protect nothing any more.

use super::super::Broker;
use super::super::deed::Deed;
use super::{ObjectView, scope_of};
use crate::entry::Asker;
use crate::name::VaultName;
use crate::object::{ObjectId, Revocation};
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

impl Broker {
    /// Revokes an object. When it answers, no request that found it active is still under way.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `ObjectNotFound`, `ObjectWrongState`, `BadRequest`, `Conflict`.
    pub async fn revoke_object(
        &self,
        asker: &Asker,
        vault: VaultName,
        id: ObjectId,
        why: Revocation,
        occurrence_s: Option<i64>,
    ) -> Result<ObjectView, Refusal> {
        let mut deed = self.begin(asker, Operation::RevokeObject, scope_of(&vault, id));
        deed.detail = Some(why.reason.word().to_owned());
        let result = self.revoke_object_decided(&mut deed, &vault, id, &why, occurrence_s).await;
        self.finish(deed, result).await
    }

    async fn revoke_object_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        id: ObjectId,
        why: &Revocation,
        occurrence_s: Option<i64>,
    ) -> Result<ObjectView, Failure> {
        let (_spent, vault, record) = self.object_for::<verb::RevokeObject>(deed, vault, id).await?;
        let now_s = deed.now_s;
        record.revoked(now_s, why.clone(), occurrence_s)?;
        self.intend(deed).await?;
        self.change_object(deed, &vault.name, id, true, |record| record.revoked(now_s, why.clone(), occurrence_s)).await
    }
}
