//! settle-objects: writes down what dates have done to objects' states, so that they are found by them.

use std::sync::Arc;

use super::super::Broker;
use super::super::deed::Deed;
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::object::ObjectRecord;
use crate::port::{Change, CommitError};
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

/// Objects that one request settles, at most.
const SETTLED_MAX: usize = 256;

impl Broker {
    /// Writes the states down that have changed by their dates; gives how many. Uses see them without it.
    /// Needs `update` on the broker.
    ///
    /// # Errors
    /// `Forbidden`, or the store's refusal.
    pub async fn settle_objects(&self, asker: &Asker) -> Result<usize, Refusal> {
        let mut deed = self.begin(asker, Operation::SettleObjects, Scope::Broker);
        let result = self.settle_decided(&mut deed).await;
        self.finish(deed, result).await
    }

    /// Whether there is anything for [`Broker::settle_objects`] to do. Not a request.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn objects_wait(&self) -> Result<bool, Failure> {
        Ok(!self.store.objects_due(self.now_s(), 1).await?.is_empty())
    }

    async fn settle_decided(&self, deed: &mut Deed<'_>) -> Result<usize, Failure> {
        let _spent: Permit<verb::SettleObjects> = deed.permit()?;
        let due = self.store.objects_due(deed.now_s, SETTLED_MAX).await?;
        deed.detail = Some(format!("{} objects", due.len()));
        self.intend(deed).await?;
        let mut done = 0;
        for record in due {
            let mut next: ObjectRecord = record.settled(deed.now_s);
            next.life.last_change_s = deed.now_s;
            next.revision += 1;
            match self.store.commit(vec![Change::PutObject(Arc::new(next))]).await {
                Ok(()) => done += 1,
                Err(CommitError::Stale) => {}
                Err(CommitError::Failed(failure)) => return Err(failure),
            }
        }
        Ok(done)
    }
}
