//! get-object and reveal-object: what is said about an object, and the object itself.

use std::sync::Arc;

use super::super::Broker;
use super::super::deed::Deed;
use super::{ObjectView, scope_of};
use crate::entry::Asker;
use crate::name::VaultName;
use crate::object::{ObjectId, ObjectRecord};
use crate::permission::Permission;
use crate::port::{Change, CommitError};
use crate::refusal::{Failure, Refusal};
use crate::secret::Secret;
use crate::verb::{self, Operation};

/// An object with its bytes.
#[derive(Debug)]
pub struct RevealedObject {
    pub view: ObjectView,
    pub bytes: Secret,
}

impl Broker {
    /// What is said about an object, and the bytes of a public one.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `ObjectNotFound`.
    pub async fn get_object(&self, asker: &Asker, vault: VaultName, id: ObjectId) -> Result<ObjectView, Refusal> {
        let deed = self.begin(asker, Operation::GetObject, scope_of(&vault, id));
        let result = match self.object_for::<verb::GetObject>(&deed, &vault, id).await {
            Ok((_spent, _, record)) => Ok(ObjectView { record, now_s: deed.now_s }),
            Err(failure) => Err(failure),
        };
        self.finish(deed, result).await
    }

    /// The object itself, in the clear. A public one takes `get` alone; all else takes `objectReveal`, which no role of Key
    /// Vault's holds. It is not given out when it is destroyed, sensitive or not extractable.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `ObjectNotFound`, `ObjectWrongState`, `ObjectNotExtractable`, or what the KEK's backend
    /// refuses.
    pub async fn reveal_object(
        &self,
        asker: &Asker,
        vault: VaultName,
        id: ObjectId,
    ) -> Result<RevealedObject, Refusal> {
        self.give_out(asker, vault, id, false).await
    }

    /// As [`Broker::reveal_object`], for a caller that gives it out wrapped alone: a sensitive object is not kept back.
    ///
    /// # Errors
    /// As [`Broker::reveal_object`].
    pub async fn reveal_object_to_wrap(
        &self,
        asker: &Asker,
        vault: VaultName,
        id: ObjectId,
    ) -> Result<RevealedObject, Refusal> {
        self.give_out(asker, vault, id, true).await
    }

    async fn give_out(
        &self,
        asker: &Asker,
        vault: VaultName,
        id: ObjectId,
        wrapped: bool,
    ) -> Result<RevealedObject, Refusal> {
        let mut deed = self.begin(asker, Operation::RevealObject, scope_of(&vault, id));
        let public = match self.is_public_to(&deed, &vault, id).await {
            Ok(public) => public,
            Err(failure) => return self.finish(deed, Err(failure)).await,
        };
        let result = if public {
            deed = self.begin(asker, Operation::GetObject, scope_of(&vault, id));
            match self.object_for::<verb::GetObject>(&deed, &vault, id).await {
                Ok((_spent, _, record)) => self.give_out_decided(&mut deed, record, wrapped).await,
                Err(failure) => Err(failure),
            }
        } else {
            match self.object_for::<verb::RevealObject>(&deed, &vault, id).await {
                Ok((_spent, _, record)) => self.give_out_decided(&mut deed, record, wrapped).await,
                Err(failure) => Err(failure),
            }
        };
        let given = self.finish(deed, result).await?;
        self.no_longer_fresh(asker, &given.view.record).await;
        Ok(given)
    }

    /// Whether an object is public, looked up only for who may see that.
    async fn is_public_to(&self, deed: &Deed<'_>, vault: &VaultName, id: ObjectId) -> Result<bool, Failure> {
        if !Self::holds(deed, Permission::Get, &scope_of(vault, id))?
            && !Self::holds(deed, Permission::ObjectOwn, &scope_of(vault, id))?
        {
            return Ok(false);
        }
        Ok(self.store.object(vault, id).await?.is_some_and(|record| record.kind.is_public()))
    }

    async fn give_out_decided(
        &self,
        deed: &mut Deed<'_>,
        record: Arc<ObjectRecord>,
        wrapped: bool,
    ) -> Result<RevealedObject, Failure> {
        deed.algorithm = record.algorithm.map(crate::object::ObjectAlgorithm::word);
        record.check_reveal(wrapped)?;
        let bytes = self.open_object(deed, &record).await?;
        Ok(RevealedObject { view: ObjectView { record, now_s: deed.now_s }, bytes })
    }

    /// Remembers that an object was given out, once its entry says so. Nothing rests on it but what a client asks for by
    /// `Fresh`: when another change came first, or the store does not answer, the next time does it.
    async fn no_longer_fresh(&self, asker: &Asker, record: &Arc<ObjectRecord>) {
        if !record.life.fresh {
            return;
        }
        let mut next = ObjectRecord::clone(record);
        next.life.fresh = false;
        next.revision += 1;
        let next = Arc::new(next);
        match self.store.commit(vec![Change::PutObject(Arc::clone(&next))]).await {
            Ok(()) => {
                if let Some(journal) = &asker.journal {
                    journal.note(Some(Arc::clone(record)), next);
                }
            }
            Err(CommitError::Stale) => {}
            Err(CommitError::Failed(failure)) => {
                tracing::warn!(object = %record.id, %failure, "that an object was given out could not be remembered");
            }
        }
    }
}
