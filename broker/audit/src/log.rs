//! The log as the broker sees it: a bounded queue before one writing thread.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use broker_core::entry::Entry;
use broker_core::port::{AuditLog, AuditUnavailable, Clock, Later};
use broker_crypto::sign::SigningKey;
use tokio::sync::oneshot;

use crate::checkpoint::Checkpoints;
use crate::folder::Folder;
use crate::intents::{Intents, Step};
use crate::line::{Line, timestamp};
use crate::notary::{Desk, Keep, Notary, Vouch};
use crate::note::Note;
use crate::pack;
use crate::queue::{Shared, UnderWay};
use crate::refuse::OpenError;
use crate::resume::{Resumed, resume};
use crate::sink::{self, Sink};
use crate::writer::{Pending, Writer};

#[derive(Debug, Clone)]
pub struct Settings {
    pub dir: PathBuf,
    /// How long a request waits for its entry to be durable before it is refused.
    pub wait_max: Duration,
    /// How many entries may wait; a request beyond that is refused at once.
    pub queue_entries_max: usize,
    /// A segment of this size is closed, and compressed in the background.
    pub segment_bytes_max: u64,
    /// A checkpoint is signed when so many entries have none yet, or when one has had none for so long.
    pub checkpoint_entries_max: u64,
    pub checkpoint_age_max: Duration,
    pub sinks: Vec<sink::Settings>,
}

/// What the log needs of others, most of it to prove itself.
pub struct Proving {
    /// Signs checkpoints. The same at every opening of the same log.
    pub key: SigningKey,
    pub clock: Arc<dyn Clock>,
    /// The store's generation, for checkpoints to remember.
    pub generation: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Takes a copy of each checkpoint to where the log's own folder cannot reach.
    pub keep: Keep,
    /// What was so kept, by earlier runs: the log must bear it out.
    pub known: Vec<Note>,
    /// How many requests are being served, each of which may bring an entry soon: those that hang are none of them.
    pub under_way: UnderWay,
}

/// Figures for metrics, since the log was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Entries that no checkpoint vouches for yet, and for how long there have been any.
    pub unvouched: u64,
    pub unvouched_for: Duration,
    /// One a sink, in the order of the settings.
    pub sinks: Vec<sink::Counters>,
}

/// An audit log in a folder of this machine.
pub struct FileAudit {
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    sinks: Vec<Arc<Sink>>,
    /// Ends the compression of closed segments.
    packing_stops: Arc<AtomicBool>,
    queue_entries_max: usize,
    wait_max: Duration,
    /// In the order in which they are to end: each works for the one before it.
    threads: Vec<(Ends, JoinHandle<()>)>,
    _lock: File,
}

/// What has a thread end.
enum Ends {
    Writer,
    Notary,
    Packer,
    Sink(Arc<Sink>),
}

impl FileAudit {
    /// Opens or makes the log, closes what an earlier run left open, and starts its threads.
    ///
    /// # Errors
    /// The folder or a file of it cannot be made or read, is in use, or is not as it was left; a sink makes no sense.
    pub fn open(settings: Settings, proving: Proving) -> Result<Self, OpenError> {
        let folder = Folder(settings.dir.clone());
        let now = timestamp(proving.clock.now_ms());
        let mut resumed = resume(&folder, proving.key, &proving.known, &now)?;
        let generation = (proving.generation)();
        if generation < resumed.generation {
            let seen = resumed.generation;
            tracing::error!(
                generation,
                seen,
                "the store is older than the audit log's last checkpoint: an old copy was put back"
            );
        }
        close_intents(&mut resumed, &now).map_err(OpenError::io(&folder.0))?;
        let sinks = settings.sinks.into_iter().map(Sink::new).collect::<Result<Vec<_>, _>>()?;
        let Resumed { lock, log, segment, head, last, vouched, signer, unpacked, .. } = resumed;
        let desk = Desk::new(last, vouched, settings.checkpoint_entries_max, settings.checkpoint_age_max);
        let (shared, desk) = (Arc::new(Shared::new(proving.under_way)), Arc::new(desk));
        let (closed, to_pack) = mpsc::channel();
        for segment in unpacked {
            // The other end is here.
            let _gone = closed.send(segment);
        }
        let packing_stops = Arc::new(AtomicBool::new(false));
        let mut audit = Self {
            shared: Arc::clone(&shared),
            desk: Arc::clone(&desk),
            sinks: sinks.iter().map(|(sink, _)| Arc::clone(sink)).collect(),
            packing_stops: Arc::clone(&packing_stops),
            queue_entries_max: settings.queue_entries_max,
            wait_max: settings.wait_max,
            threads: Vec::new(),
            _lock: lock,
        };
        let mut copy_to = vec![proving.keep];
        copy_to.extend(audit.sinks.iter().map(|sink| sink::checkpoint_copies(Arc::clone(sink))));
        let writer = Writer {
            shared,
            folder: folder.clone(),
            log,
            segment,
            segment_bytes_max: settings.segment_bytes_max,
            head,
            intents: Intents::default(),
            desk: Arc::clone(&desk),
            closed,
            sinks: audit.sinks.clone(),
            clock: Arc::clone(&proving.clock),
        };
        let notary = Notary {
            log,
            signer,
            clock: proving.clock,
            generation: proving.generation,
            checkpoints: Checkpoints::new(folder.checkpoints()),
            copy_to,
        };
        let spawned = audit
            .spawn("audit", Ends::Writer, move || writer.run())
            .and_then(|()| audit.spawn("audit-notary", Ends::Notary, move || notary.run(&desk)))
            .and_then(|()| {
                let folder = folder.clone();
                audit.spawn("audit-pack", Ends::Packer, move || pack::run(&folder, &to_pack, &packing_stops))
            });
        spawned.map_err(OpenError::io(&settings.dir))?;
        for (sink, line) in sinks {
            audit.spawn("audit-sink", Ends::Sink(sink), move || line.run()).map_err(OpenError::io(&settings.dir))?;
        }
        Ok(audit)
    }

    fn spawn(&mut self, name: &str, ends: Ends, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        self.threads.push((ends, thread));
        Ok(())
    }

    #[must_use]
    pub fn counters(&self) -> Counters {
        let (unvouched, unvouched_for) = self.desk.unvouched();
        Counters {
            entries: self.shared.entries.load(Ordering::Relaxed),
            syncs: self.shared.syncs.load(Ordering::Relaxed),
            failures: self.shared.failures.load(Ordering::Relaxed),
            waiting: self.shared.waiting() as u64,
            failing: self.shared.failing.load(Ordering::Relaxed),
            unvouched,
            unvouched_for,
            sinks: self.sinks.iter().map(|sink| sink.counters()).collect(),
        }
    }
}

/// Writes an outcome for each intent that has none: nobody knows it.
fn close_intents(resumed: &mut Resumed, now: &str) -> std::io::Result<()> {
    let left = std::mem::take(&mut resumed.left);
    if left.is_empty() {
        return Ok(());
    }
    tracing::warn!(
        changes = left.len(),
        "changes were begun by an earlier run whose outcome is not known; the audit says so"
    );
    let (mut head, mut lines) = (resumed.head, Vec::new());
    for intent in left {
        head.append(&intent.unknown_outcome(now.to_owned()).body()?, &mut lines);
    }
    resumed.segment.append(&lines)?;
    resumed.head = head;
    resumed.last = Vouch { head, segment: resumed.segment.number };
    Ok(())
}

impl AuditLog for FileAudit {
    fn record(&self, entry: Entry) -> Later<'_, Result<(), AuditUnavailable>> {
        Box::pin(async move {
            let line = Line::of(&entry);
            let body = line.body().map_err(|error| {
                tracing::error!(%error, "an audit entry could not be encoded");
                AuditUnavailable
            })?;
            let (done, written) = oneshot::channel();
            self.shared.put(Pending { body, step: Step::of(&line), done }, self.queue_entries_max)?;
            match tokio::time::timeout(self.wait_max, written).await {
                Ok(Ok(true)) => Ok(()),
                Ok(Ok(false) | Err(_)) | Err(_) => Err(AuditUnavailable),
            }
        })
    }
}

impl Drop for FileAudit {
    fn drop(&mut self) {
        for (ends, thread) in std::mem::take(&mut self.threads) {
            match &ends {
                Ends::Writer => self.shared.close(),
                Ends::Notary => self.desk.stop(),
                Ends::Packer => self.packing_stops.store(true, Ordering::Relaxed),
                Ends::Sink(sink) => sink.close(),
            }
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                tracing::error!(thread = name, "a thread of the audit log had panicked");
            }
        }
    }
}
