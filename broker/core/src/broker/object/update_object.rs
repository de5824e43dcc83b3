//! update-object: what a client says about its object.

use super::super::Broker;
use super::super::deed::Deed;
use super::names::{self, Naming};
use super::{ObjectView, scope_of};
use crate::entry::Asker;
use crate::name::VaultName;
use crate::object::{Attributes, DateField, ObjectId};
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

/// A change of attributes, made again when another came first.
pub type Edit<'a> = &'a (dyn Fn(&mut Attributes) -> Result<(), Refusal> + Send + Sync);

impl Broker {
    /// Changes an object's attributes; `what` is the name of the one it is about, for the audit; a date
    /// that has done its work is not even set to what it is. When it answers, no request that found the
    /// object's uses or dates as they were is still under way.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `ObjectNotFound`, `ObjectWrongState`, `BadRequest`, `Conflict`, or what the edit refuses.
    pub async fn update_object(
        &self,
        asker: &Asker,
        vault: VaultName,
        id: ObjectId,
        what: &'static str,
        edit: Edit<'_>,
    ) -> Result<ObjectView, Refusal> {
        let mut deed = self.begin(asker, Operation::UpdateObject, scope_of(&vault, id));
        deed.detail = Some(what.to_owned());
        let result = self.update_object_decided(&mut deed, &vault, id, what, edit).await;
        self.finish(deed, result).await
    }

    async fn update_object_decided(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        id: ObjectId,
        what: &'static str,
        edit: Edit<'_>,
    ) -> Result<ObjectView, Failure> {
        let (_spent, vault, record) = self.object_for::<verb::UpdateObject>(deed, vault, id).await?;
        let now_s = deed.now_s;
        if let Some(field) = DateField::of_word(what) {
            record.check_date_moves(field, now_s)?;
        }
        let transition = |record: &crate::object::ObjectRecord| {
            let mut attributes = record.attributes.clone();
            edit(&mut attributes)?;
            record.with_attributes(attributes, now_s)
        };
        let next = transition(&record)?;
        let names = names::added(&record.attributes, &next.attributes);
        let naming = Naming { vault: &vault.name, owner: &record.owner, object: id, names };
        if let Some(name) = self.taken_name(&naming, &[]).await? {
            return Err(Refusal::Conflict { problem: names::taken(&name) }.into());
        }
        // What is only said about an object changes no use of it.
        let ends_use = next.life.state != record.state_at(now_s)
            || next.attributes.usage != record.attributes.usage
            || (next.attributes.sensitive, next.attributes.unextractable)
                != (record.attributes.sensitive, record.attributes.unextractable)
            || next.attributes.protect_stop_s != record.attributes.protect_stop_s
            || next.attributes.deactivation_s != record.attributes.deactivation_s;
        self.intend(deed).await?;
        self.change_object(deed, &vault.name, id, ends_use, transition).await
    }
}
