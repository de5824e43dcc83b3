//! The log as the broker sees it: a bounded queue before one writing thread.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use broker_core::entry::Entry;
use broker_core::port::{AuditLog, AuditUnavailable, Later};
use tokio::sync::oneshot;

use crate::line;
use crate::segment::{OpenError, Segment};
use crate::writer::{self, Pending};

#[derive(Debug, Clone)]
pub struct Settings {
    pub dir: PathBuf,
    /// How long a request waits for its entry to be durable before it is refused.
    pub wait_max: Duration,
    /// How many entries may wait; a request beyond that is refused at once.
    pub queue_entries_max: usize,
}

/// Figures for metrics, since the log was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Entries made durable.
    pub entries: u64,
    /// Syncs that made them so.
    pub syncs: u64,
    /// Batches that could not be written.
    pub failures: u64,
    /// Entries waiting now.
    pub waiting: u64,
    /// Whether the last attempt failed.
    pub failing: bool,
}

/// What the log and its writing thread share.
#[derive(Default)]
pub struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    pub entries: AtomicU64,
    pub syncs: AtomicU64,
    pub failures: AtomicU64,
    pub failing: AtomicBool,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Pending>,
    closed: bool,
}

impl Shared {
    /// All that waits, once something does; none when the log is closed. Nothing may wait yet after `patience`, where there
    /// is one.
    pub fn take(&self, patience: Option<Duration>) -> Option<Vec<Pending>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        while queue.waiting.is_empty() && !queue.closed {
            let Some(patience) = patience else {
                queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let (held, waited) = self.filled.wait_timeout(queue, patience).unwrap_or_else(PoisonError::into_inner);
            queue = held;
            if waited.timed_out() && !queue.closed {
                return Some(std::mem::take(&mut queue.waiting));
            }
        }
        let batch = std::mem::take(&mut queue.waiting);
        (!batch.is_empty()).then_some(batch)
    }

    fn put(&self, pending: Pending, most: usize) -> Result<(), AuditUnavailable> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.closed || queue.waiting.len() >= most {
            return Err(AuditUnavailable);
        }
        queue.waiting.push(pending);
        drop(queue);
        self.filled.notify_one();
        Ok(())
    }
}

/// An audit log in a folder of this machine.
pub struct FileAudit {
    shared: Arc<Shared>,
    settings: Settings,
    writer: Option<JoinHandle<()>>,
}

impl FileAudit {
    /// Opens or makes the log and starts its writing thread.
    ///
    /// # Errors
    /// The folder cannot be made, the file cannot be opened, is in use, or does not end in an entry.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let (segment, sequence) = Segment::open(&settings.dir)?;
        let shared = Arc::new(Shared::default());
        let writer = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || writer::run(&shared, segment, sequence)
            })
            .map_err(|cause| OpenError::Io { path: settings.dir.clone(), cause })?;
        Ok(Self { shared, settings, writer: Some(writer) })
    }

    #[must_use]
    pub fn counters(&self) -> Counters {
        let waiting = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).waiting.len() as u64;
        Counters {
            entries: self.shared.entries.load(Ordering::Relaxed),
            syncs: self.shared.syncs.load(Ordering::Relaxed),
            failures: self.shared.failures.load(Ordering::Relaxed),
            waiting,
            failing: self.shared.failing.load(Ordering::Relaxed),
        }
    }
}

impl AuditLog for FileAudit {
    fn record(&self, entry: Entry) -> Later<'_, Result<(), AuditUnavailable>> {
        Box::pin(async move {
            let body = line::encode(&entry).map_err(|error| {
                tracing::error!(%error, "an audit entry could not be encoded");
                AuditUnavailable
            })?;
            let (done, written) = oneshot::channel();
            self.shared.put(Pending { body, done }, self.settings.queue_entries_max)?;
            match tokio::time::timeout(self.settings.wait_max, written).await {
                Ok(Ok(true)) => Ok(()),
                Ok(Ok(false) | Err(_)) | Err(_) => Err(AuditUnavailable),
            }
        })
    }
}

impl Drop for FileAudit {
    fn drop(&mut self) {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.filled.notify_one();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the audit log's writing thread had panicked");
        }
    }
}
