//! The plugin's private state.

use std::sync::Arc;

use crate::contract::keyvalue;
use crate::frame::Act;
use crate::state::{Change, NotCommitted};

use super::Room;

impl keyvalue::Host for Room {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<keyvalue::Entry>> {
        self.count_call()?;
        let found = self.shared.state.get(&name);
        Ok(found.map(|value| keyvalue::Entry { value: value.bytes.to_vec(), revision: value.revision }))
    }

    fn list(&mut self, prefix: String, after: Option<String>) -> wasmtime::Result<Vec<String>> {
        self.count_call()?;
        Ok(self.shared.state.list(&prefix, after.as_deref()))
    }

    async fn commit(&mut self, changes: Vec<keyvalue::Change>) -> wasmtime::Result<Result<(), keyvalue::Failure>> {
        self.count_call()?;
        if !self.frame.verb.allows(Act::Commit) {
            return Ok(Err(keyvalue::Failure::WrongVerb));
        }
        let change =
            |change: keyvalue::Change| Change { name: change.name, rests_on: change.rests_on, value: change.value };
        let changes = changes.into_iter().map(change).collect();
        let state = Arc::clone(&self.shared.state);
        // A commit that was begun is finished, even when the call is ended meanwhile: memory and shelf stay the same.
        let committed = self.shared.host.spawn(async move { state.commit(changes).await }).await?;
        let refused = committed.as_ref().err().is_some_and(|why| *why == NotCommitted::OverQuota);
        if refused {
            self.shared.counters.state_over_quota.add();
        }
        Ok(committed.map_err(|why| match why {
            NotCommitted::BadRequest => keyvalue::Failure::BadRequest,
            NotCommitted::OverQuota => keyvalue::Failure::OverQuota,
            NotCommitted::Stale => keyvalue::Failure::Stale,
            NotCommitted::Unavailable => keyvalue::Failure::Unavailable,
        }))
    }
}
