//! activate-object: from Pre-Active to Active.

use super::super::Broker;
use super::super::deed::Deed;
use super::{ObjectView, scope_of};
use crate::entry::Asker;
use crate::name::VaultName;
use crate::object::ObjectId;
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

impl Broker {
    /// Activates an object now.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `ObjectNotFound`, `ObjectWrongState`, `Conflict`.
    pub async fn activate_object(&self, asker: &Asker, vault: VaultName, id: ObjectId) -> Result<ObjectView, Refusal> {
        let mut deed = self.begin(asker, Operation::ActivateObject, scope_of(&vault, id));
        let result = self.activate_object_decided(&mut deed, &vault, id).await;
        self.finish(deed, result).await
    }

    async fn activate_object_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        id: ObjectId,
    ) -> Result<ObjectView, Failure> {
        let (_spent, vault, record) = self.object_for::<verb::ActivateObject>(deed, vault, id).await?;
        let now_s = deed.now_s;
        record.activated(now_s)?;
        self.intend(deed).await?;
        self.change_object(deed, &vault.name, id, false, |record| record.activated(now_s)).await
    }
}
