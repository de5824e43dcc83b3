//! An audit that keeps what it is told in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use broker_core::entry::Entry;
use broker_core::port::{AuditLog, AuditUnavailable, Later};

use crate::Gate;

/// Keeps every entry; an entry held at the gate is not written yet.
#[derive(Debug, Default)]
pub struct RecordingAudit {
    /// Close it to hold entries before they are written.
    pub gate: Gate,
    entries: Mutex<Vec<Entry>>,
    /// How many more entries are taken before all fail; `NEVER` at first.
    fails_after: FailsAfter,
}

#[derive(Debug)]
struct FailsAfter(AtomicUsize);

impl Default for FailsAfter {
    fn default() -> Self {
        Self(AtomicUsize::new(NEVER))
    }
}

const NEVER: usize = usize::MAX;

impl RecordingAudit {
    /// Takes so many more entries and then none.
    pub fn fail_after(&self, entries: usize) {
        self.fails_after.0.store(entries, Ordering::SeqCst);
    }

    /// Takes entries again.
    pub fn mend(&self) {
        self.fail_after(NEVER);
    }

    /// All that was written, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The newest entry.
    ///
    /// # Panics
    /// When nothing was written yet.
    #[must_use]
    pub fn last(&self) -> Entry {
        self.entries().pop().unwrap()
    }

    fn take_one(&self) -> Result<(), AuditUnavailable> {
        let spend = |left: usize| match left {
            NEVER => Some(NEVER),
            _ => left.checked_sub(1),
        };
        self.fails_after
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend)
            .map(drop)
            .map_err(|_| AuditUnavailable)
    }
}

impl AuditLog for RecordingAudit {
    fn record(&self, entry: Entry) -> Later<'_, Result<(), AuditUnavailable>> {
        Box::pin(async move {
            self.gate.pass().await;
            self.take_one()?;
            self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
            Ok(())
        })
    }
}
