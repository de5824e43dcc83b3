//! destroy-object: its bytes go, what is said about it stays.

use super::super::Broker;
use super::super::deed::Deed;
use super::{ObjectView, scope_of};
use crate::entry::Asker;
use crate::name::VaultName;
use crate::object::ObjectId;
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

impl Broker {
    /// Destroys an object for good. When it answers, no request that found its bytes is still under way.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `ObjectNotFound`, `ObjectWrongState` (it is active), `Conflict`.
    pub async fn destroy_object(&self, asker: &Asker, vault: VaultName, id: ObjectId) -> Result<ObjectView, Refusal> {
        let mut deed = self.begin(asker, Operation::DestroyObject, scope_of(&vault, id));
        let result = self.destroy_object_decided(&mut deed, &vault, id).await;
        self.finish(deed, result).await
    }

    async fn destroy_object_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        id: ObjectId,
    ) -> Result<ObjectView, Failure> {
        let (_spent, vault, record) = self.object_for::<verb::DestroyObject>(deed, vault, id).await?;
        let now_s = deed.now_s;
        record.destroyed(now_s)?;
        self.intend(deed).await?;
        self.change_object(deed, &vault.name, id, true, |record| record.destroyed(now_s)).await
    }
}
