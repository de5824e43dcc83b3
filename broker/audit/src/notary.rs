//! Signs checkpoints, on a thread of its own: no request waits for one.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use broker_core::port::Clock;

use crate::chain::{Head, LogId};
use crate::checkpoint::{Checkpoint, Checkpoints};
use crate::line::timestamp;
use crate::note::Signer;

/// How long after a checkpoint that could not be kept the next one is tried.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A checkpoint that was just signed, for whoever keeps copies where the log's own folder cannot reach.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub segment: u32,
    /// A C2SP signed note.
    pub note: &'a str,
    /// Whether the segment is closed and this its last one.
    pub last: bool,
}

/// Takes a copy of each checkpoint elsewhere. Runs on the notary's thread.
pub type Keep = Arc<dyn Fn(Signed<'_>) + Send + Sync>;

/// The end of the log that a checkpoint is to vouch for.
#[derive(Debug, Clone, Copy)]
pub struct Vouch {
    pub head: Head,
    pub segment: u32,
}

/// What the writer leaves for the notary.
pub struct Desk {
    state: Mutex<State>,
    changed: Condvar,
    entries_max: u64,
    age_max: Duration,
}

struct State {
    latest: Vouch,
    /// Ends of segments that were closed: each gets its checkpoint.
    closed: VecDeque<Vouch>,
    /// The last entry a checkpoint vouches for, and since when there are later ones.
    vouched: u64,
    unvouched_since: Option<Instant>,
    retry_at: Option<Instant>,
    stopping: bool,
}

enum Due {
    Closed(Vouch),
    Latest(Vouch),
    Stop,
}

impl Desk {
    /// At the end of the log as it was opened; `vouched` is the last entry that a checkpoint vouches for.
    #[must_use]
    pub fn new(at: Vouch, vouched: u64, entries_max: u64, age_max: Duration) -> Self {
        let unvouched_since = (at.head.sequence > vouched).then(Instant::now);
        let state =
            State { latest: at, closed: VecDeque::new(), vouched, unvouched_since, retry_at: None, stopping: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), entries_max, age_max }
    }

    /// Entries became durable.
    pub fn grown(&self, to: Vouch) {
        let mut state = self.lock();
        state.latest = to;
        let first = state.unvouched_since.is_none();
        state.unvouched_since.get_or_insert_with(Instant::now);
        let enough = to.head.sequence - state.vouched >= self.entries_max;
        drop(state);
        if first || enough {
            self.changed.notify_one();
        }
    }

    /// A segment was closed.
    pub fn closed(&self, at: Vouch) {
        self.lock().closed.push_back(at);
        self.changed.notify_one();
    }

    /// Nothing more will come.
    pub fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_one();
    }

    /// How many entries no checkpoint vouches for yet, and for how long there have been any.
    #[must_use]
    pub fn unvouched(&self) -> (u64, Duration) {
        let state = self.lock();
        let age = state.unvouched_since.map_or(Duration::ZERO, |since| since.elapsed());
        (state.latest.head.sequence.saturating_sub(state.vouched), age)
    }

    fn next(&self) -> Due {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let wait = state.retry_at.map(|at| at.saturating_duration_since(now)).filter(|wait| !wait.is_zero());
            let ready = state.stopping || wait.is_none();
            if ready && let Some(at) = state.closed.front() {
                return Due::Closed(*at);
            }
            let new = state.latest.head.sequence.saturating_sub(state.vouched);
            let age_left = state.unvouched_since.map(|since| self.age_max.saturating_sub(since.elapsed()));
            let due = state.stopping || new >= self.entries_max || age_left.is_some_and(|left| left.is_zero());
            if ready && new > 0 && due {
                return Due::Latest(state.latest);
            }
            if state.stopping {
                return Due::Stop;
            }
            state = match wait.or(age_left) {
                Some(wait) => self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn done(&self, due: &Due, kept: bool) {
        let mut state = self.lock();
        let (Due::Closed(at) | Due::Latest(at)) = due else { return };
        if !kept {
            state.retry_at = Some(Instant::now() + RETRY_AFTER);
            if state.stopping {
                // It was tried; the next start signs it.
                state.closed.clear();
                state.vouched = state.latest.head.sequence;
            }
            return;
        }
        state.retry_at = None;
        if matches!(due, Due::Closed(_)) {
            state.closed.pop_front();
        }
        state.vouched = state.vouched.max(at.head.sequence);
        state.unvouched_since = (state.latest.head.sequence > state.vouched).then(Instant::now);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Signs for one log.
pub struct Notary {
    pub log: LogId,
    pub signer: Signer,
    pub clock: Arc<dyn Clock>,
    pub generation: Arc<dyn Fn() -> u64 + Send + Sync>,
    pub checkpoints: Checkpoints,
    pub copy_to: Vec<Keep>,
}

impl Notary {
    /// Signs what the desk says is due, until it stops.
    pub fn run(mut self, desk: &Desk) {
        let mut failing = false;
        loop {
            let due = desk.next();
            let (vouch, last) = match &due {
                Due::Closed(vouch) => (vouch, true),
                Due::Latest(vouch) => (vouch, false),
                Due::Stop => return,
            };
            let kept = self.sign(vouch, last);
            match &kept {
                Ok(()) if failing => tracing::info!("audit checkpoints can be kept again"),
                Err(error) if !failing => tracing::error!(%error, "an audit checkpoint could not be kept"),
                Ok(()) | Err(_) => {}
            }
            failing = kept.is_err();
            desk.done(&due, kept.is_ok());
        }
    }

    fn sign(&mut self, vouch: &Vouch, last: bool) -> io::Result<()> {
        let Vouch { head, segment } = *vouch;
        let (time, generation) = (timestamp(self.clock.now_ms()), (self.generation)());
        let text = Checkpoint { log: self.log, head, segment, time, generation }.text();
        let note = self.signer.sign(&text).map_err(io::Error::other)?;
        self.checkpoints.keep(segment, &note, last)?;
        for copy in &self.copy_to {
            copy(Signed { segment, note: &note, last });
        }
        Ok(())
    }
}
