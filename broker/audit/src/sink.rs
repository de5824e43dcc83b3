//! Copies of the log for others: they may lag and be dropped, and can never make a request wait.

mod connection;
mod syslog;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::notary::Keep;
use crate::refuse::OpenError;
use connection::{Connection, Peer};

/// How long a connection that takes nothing is waited for, and how long what still waits at a clean stop may take.
const STALL_MAX: Duration = Duration::from_secs(30);
const DRAIN_MAX: Duration = Duration::from_secs(2);
const BACK_OFF_FIRST: Duration = Duration::from_millis(200);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

/// A syslog server (RFC 5424) that is to have a copy of every entry and checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its name in metrics and in the log.
    pub name: String,
    /// `host:port`.
    pub address: String,
    /// With the CA's certificates (PEM) it is TLS (RFC 5425), without plain TCP (RFC 6587 section 3.4.1).
    pub ca: Option<PathBuf>,
    /// The name in the server's certificate; none: the address's host.
    pub server_name: Option<String>,
    /// More entries than these do not wait: they are dropped and counted.
    pub queue_entries_max: u64,
}

/// Figures for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    pub name: String,
    pub connected: bool,
    pub dropped: u64,
    pub sent: u64,
    /// How far it lags, in entries.
    pub waiting: u64,
}

/// The near end: takes copies, or drops them.
pub struct Sink {
    name: String,
    queue_entries_max: u64,
    queue: Mutex<Queue>,
    changed: Condvar,
    connected: AtomicBool,
    dropped: AtomicU64,
    sent: AtomicU64,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Copied>,
    /// Entries in `waiting`, and in what is being sent.
    entries: u64,
    closed_at: Option<Instant>,
}

struct Copied {
    kind: syslog::Kind,
    /// Whole lines.
    lines: Arc<[u8]>,
    entries: u64,
}

impl Sink {
    /// The near end and the far one, which is to have a thread of its own.
    ///
    /// # Errors
    /// The CA file cannot be read, or the name is none.
    pub fn new(settings: Settings) -> Result<(Arc<Self>, Line), OpenError> {
        let refused = |problem: String| OpenError::Sink { name: settings.name.clone(), problem };
        let peer = Peer::new(&settings).map_err(refused)?;
        let sink = Arc::new(Self {
            name: settings.name,
            queue_entries_max: settings.queue_entries_max,
            queue: Mutex::default(),
            changed: Condvar::new(),
            connected: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        });
        let line = Line { sink: Arc::clone(&sink), peer, origin: syslog::Origin::here(), failed: 0 };
        Ok((sink, line))
    }

    /// Takes a copy if there is room. Never waits for the far end.
    pub fn offer(&self, lines: Arc<[u8]>, entries: u64) {
        self.put(Copied { kind: syslog::Kind::Entry, lines, entries });
    }

    fn put(&self, copied: Copied) {
        let mut queue = self.lock();
        if queue.closed_at.is_some() || queue.entries + copied.entries > self.queue_entries_max {
            if self.dropped.fetch_add(copied.entries, Ordering::Relaxed) == 0 {
                tracing::warn!(
                    sink = self.name,
                    "an audit sink lags too far behind; copies for it are dropped from now on whenever its queue is full"
                );
            }
            return;
        }
        queue.entries += copied.entries;
        queue.waiting.push_back(copied);
        drop(queue);
        self.changed.notify_one();
    }

    /// Nothing more will come; what waits is sent if that takes no longer than [`DRAIN_MAX`].
    pub fn close(&self) {
        self.lock().closed_at = Some(Instant::now());
        self.changed.notify_one();
    }

    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            name: self.name.clone(),
            connected: self.connected.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            waiting: self.lock().entries,
        }
    }

    /// The next copy; none when it is closed and empty.
    fn take(&self) -> Option<Copied> {
        let mut queue = self.lock();
        loop {
            if let Some(copied) = queue.waiting.pop_front() {
                return Some(copied);
            }
            if queue.closed_at.is_some() {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits, but not past the end of the time that a close leaves; false when that has come.
    fn pause(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let mut queue = self.lock();
        loop {
            let now = Instant::now();
            let end = queue.closed_at.map(|at| at + DRAIN_MAX);
            if end.is_some_and(|end| now >= end) {
                return false;
            }
            let left = end.map_or(until, |end| end.min(until)).saturating_duration_since(now);
            if left.is_zero() {
                return true;
            }
            queue = self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether a close leaves no more time.
    fn is_over(&self) -> bool {
        self.lock().closed_at.is_some_and(|at| at.elapsed() >= DRAIN_MAX)
    }

    fn settled(&self, entries: u64) {
        let mut queue = self.lock();
        queue.entries = queue.entries.saturating_sub(entries);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What hands checkpoints to a sink.
pub fn checkpoint_copies(sink: Arc<Sink>) -> Keep {
    Arc::new(move |signed| {
        let mut line = serde_json::json!({ "type": "checkpoint", "note": signed.note }).to_string();
        line.push('\n');
        sink.put(Copied { kind: syslog::Kind::Checkpoint, lines: line.into_bytes().into(), entries: 1 });
    })
}

/// The far end: connects, sends, and connects again.
pub struct Line {
    sink: Arc<Sink>,
    peer: Peer,
    origin: syslog::Origin,
    /// Attempts to connect since one succeeded.
    failed: u32,
}

impl Line {
    /// Sends until the sink is closed and what waits is sent or given up.
    pub fn run(mut self) {
        let mut connection = None;
        let mut frames = Vec::new();
        while let Some(copied) = self.sink.take() {
            frames.clear();
            for line in copied.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                self.origin.frame(copied.kind, line, &mut frames);
            }
            let sent = self.send(&mut connection, &frames);
            let counter = if sent { &self.sink.sent } else { &self.sink.dropped };
            counter.fetch_add(copied.entries, Ordering::Relaxed);
            self.sink.settled(copied.entries);
        }
    }

    /// Sends, on as many connections as it takes: one that breaks in the middle may have delivered some of it, which is
    /// sent again. False when the sink was closed meanwhile.
    fn send(&mut self, connection: &mut Option<Connection>, frames: &[u8]) -> bool {
        loop {
            if self.sink.is_over() {
                return false;
            }
            let Some(open) = connection else {
                match self.peer.connect() {
                    Ok(opened) => {
                        tracing::info!(sink = self.sink.name, "audit sink connected");
                        (self.failed, *connection) = (0, Some(opened));
                        self.sink.connected.store(true, Ordering::Relaxed);
                    }
                    Err(error) => {
                        if self.failed == 0 {
                            tracing::warn!(sink = self.sink.name, %error, "an audit sink cannot be reached; trying on");
                        }
                        let back_off = BACK_OFF_FIRST.saturating_mul(1 << self.failed.min(16)).min(BACK_OFF_MAX);
                        self.failed = self.failed.saturating_add(1);
                        if !self.sink.pause(back_off) {
                            return false;
                        }
                    }
                }
                continue;
            };
            match open.send(frames, STALL_MAX, || self.sink.is_over()) {
                Ok(()) => return true,
                Err(error) => {
                    tracing::warn!(sink = self.sink.name, %error, "an audit sink's connection broke");
                    self.sink.connected.store(false, Ordering::Relaxed);
                    *connection = None;
                }
            }
        }
    }
}
