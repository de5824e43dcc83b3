//! undo-objects: takes back what one request did to objects, where the protocol has a batch end as if it had never begun
//! (KMIP 1.4 section 6.13, Undo).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::deed::Deed;
use super::super::{Broker, vault_of};
use super::names::{self, Naming};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::name::VaultName;
use crate::object::{ObjectId, ObjectRecord};
use crate::port::{Change, CommitError};
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

/// What a request has done to objects so far, each as it was before and as it is now; as long as the request's batch.
#[derive(Default)]
pub struct Journal(Mutex<Vec<Step>>);

#[derive(Clone)]
struct Step {
    /// None for one that is new.
    before: Option<Arc<ObjectRecord>>,
    after: Arc<ObjectRecord>,
}

impl Journal {
    pub(super) fn note(&self, before: Option<Arc<ObjectRecord>>, after: Arc<ObjectRecord>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Step { before, after });
    }

    /// Whether there is nothing to take back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// One step for each object, from the first to the last of its own.
    fn taken(&self) -> Vec<Step> {
        let mut objects: BTreeMap<ObjectId, Step> = BTreeMap::new();
        for step in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            objects
                .entry(step.after.id)
                .and_modify(|one| one.after = Arc::clone(&step.after))
                .or_insert_with(|| step.clone());
        }
        objects.into_values().collect()
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl Broker {
    /// Takes back what a request did to objects of a vault, all of it or nothing: new ones are gone, changed ones are as they
    /// were, destroyed ones are there again. The broker's own deed, for it undoes what was permitted. Needs `update` on the
    /// vault.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `Conflict` when one of them was changed by another request meanwhile, or its name given
    /// to another; the store's failure.
    pub async fn undo_objects(&self, asker: &Asker, vault: VaultName, journal: &Journal) -> Result<(), Refusal> {
        let mut deed = self.begin(asker, Operation::UndoObjects, Scope::Vault(vault.clone()));
        let result = self.undo_decided(&mut deed, &vault, journal).await;
        self.finish(deed, result).await
    }

    async fn undo_decided(&self, deed: &mut Deed<'_>, vault: &VaultName, journal: &Journal) -> Result<(), Failure> {
        let _spent: Permit<verb::UndoObjects> = deed.permit()?;
        let vault = vault_of(deed.turn()?, vault)?;
        let steps = journal.taken();
        deed.detail = Some(format!("{} objects", steps.len()));
        self.intend(deed).await?;
        let (mut changes, mut claims) = (Vec::with_capacity(steps.len()), Vec::new());
        for Step { before, after } in steps {
            let Some(before) = before else {
                changes.push(Change::DropObject(after));
                continue;
            };
            let names = names::added(&after.attributes, &before.attributes);
            claims.extend(Naming { vault: &vault.name, owner: &before.owner, object: before.id, names }.claim());
            let mut next = ObjectRecord::clone(&before);
            next.revision = after.revision + 1;
            changes.push(Change::PutObject(Arc::new(next)));
        }
        changes.extend(claims);
        match self.store.commit(changes).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale) => {
                let problem = "another request changed one of the objects meanwhile; nothing was undone".to_owned();
                Err(Refusal::Conflict { problem }.into())
            }
            Err(CommitError::Failed(failure)) => Err(failure),
        }
    }
}
