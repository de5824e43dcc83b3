//! What waits to be written, and how long the writing thread lets more of it gather.
//!
//! A sync costs the same for one entry as for a hundred. While requests come one at a time, each is synced at once. When
//! many are being served together, the first of a batch waits a moment for company: at most [`GATHERING_MAX`], for at most
//! one entry of every [`SHARE`] requests under way, for no more than waiting brought before, and only as long as entries keep
//! coming: requests under way may hang, in a guest that computes without end for one.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use broker_core::port::AuditUnavailable;

use crate::writer::Pending;

/// How many requests are being served and do not hang.
pub type UnderWay = Arc<dyn Fn() -> usize + Send + Sync>;

/// The longest that an entry waits for company: little beside what requests wait for each other once so many of them are
/// under way.
const GATHERING: Duration = Duration::from_millis(4);
/// The same for each request under way, where many are: those of costly keys come slowly and wait longer for each other.
const GATHERING_EACH: Duration = Duration::from_micros(125);
const GATHERING_MAX: Duration = Duration::from_millis(8);
/// Company that did not come for this part of the longest wait is not coming.
const LULL_PART: u32 = 4;
/// A batch is not waited for beyond one entry for so many requests under way: all of them would be the slowest one's wait.
const SHARE: usize = 2;

/// What the log and its writing thread share.
pub struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    under_way: UnderWay,
    pub entries: AtomicU64,
    pub syncs: AtomicU64,
    pub failures: AtomicU64,
    pub failing: AtomicBool,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Pending>,
    closed: bool,
    /// How many entries the writing thread sleeps for; none while it does not sleep, so that it is not woken in vain.
    wanted: Option<usize>,
    gathering: Gathering,
}

/// How many entries a batch is to have: what the last ones had, more as long as they fill up.
#[derive(Debug, Default)]
struct Gathering {
    worth: usize,
}

impl Gathering {
    /// How many to wait for when so many requests are under way.
    fn wanted(&self, under_way: usize) -> usize {
        self.worth.min(under_way / SHARE).max(1)
    }

    /// A batch of so many was taken, of those wanted. One entry alone is no sign of company to come: whoever is served alone
    /// beside requests that hang is not held up.
    fn learn(&mut self, taken: usize, wanted: usize) {
        self.worth = if taken >= wanted && taken > 1 { taken + taken.div_ceil(4) } else { taken };
    }
}

/// How long is waited at most when so many requests are under way.
fn longest(under_way: usize) -> Duration {
    let all = u32::try_from(under_way).map_or(GATHERING_MAX, |under_way| GATHERING_EACH.saturating_mul(under_way));
    all.clamp(GATHERING, GATHERING_MAX)
}

impl Shared {
    pub fn new(under_way: UnderWay) -> Self {
        Self {
            queue: Mutex::default(),
            filled: Condvar::new(),
            under_way,
            entries: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn waiting(&self) -> usize {
        self.queue().waiting.len()
    }

    pub fn close(&self) {
        self.queue().closed = true;
        self.filled.notify_one();
    }

    /// All that waits, once something does and company had its moment; none when the log is closed. Nothing may wait yet
    /// after `patience`, where there is one.
    pub fn take(&self, patience: Option<Duration>) -> Option<Vec<Pending>> {
        let mut queue = self.waited(self.queue(), 1, patience.map(|patience| Instant::now() + patience));
        let under_way = (self.under_way)();
        let wanted = queue.gathering.wanted(under_way);
        let longest = longest(under_way);
        let until = Instant::now() + longest;
        let mut came = 0;
        // Nothing at all waits when the patience was at an end.
        while came < queue.waiting.len() && queue.waiting.len() < wanted {
            came = queue.waiting.len();
            queue = self.waited(queue, wanted, Some(until.min(Instant::now() + longest / LULL_PART)));
        }
        let batch = std::mem::take(&mut queue.waiting);
        queue.gathering.learn(batch.len(), wanted);
        (!batch.is_empty() || !queue.closed).then_some(batch)
    }

    /// Sleeps until so many wait, the log is closed, or it is too late.
    fn waited<'a>(
        &self,
        mut queue: MutexGuard<'a, Queue>,
        wanted: usize,
        until: Option<Instant>,
    ) -> MutexGuard<'a, Queue> {
        while queue.waiting.len() < wanted && !queue.closed {
            queue.wanted = Some(wanted);
            let Some(until) = until else {
                queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue = self.filled.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.wanted = None;
        queue
    }

    pub fn put(&self, pending: Pending, most: usize) -> Result<(), AuditUnavailable> {
        let mut queue = self.queue();
        if queue.closed || queue.waiting.len() >= most {
            return Err(AuditUnavailable);
        }
        queue.waiting.push(pending);
        let enough = queue.wanted.is_some_and(|wanted| queue.waiting.len() >= wanted);
        drop(queue);
        if enough {
            self.filled.notify_one();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The batches that would be taken when so many entries come in while one batch is synced.
    fn after(gathering: &mut Gathering, under_way: usize, comes: usize, batches: usize) -> usize {
        (0..batches).fold(0, |_, _| {
            let wanted = gathering.wanted(under_way);
            // More than what comes does not come, however long one waits.
            gathering.learn(comes, wanted);
            wanted
        })
    }

    #[test]
    fn whoever_is_served_alone_waits_for_nobody() {
        assert_eq!(after(&mut Gathering::default(), 1, 1, 10), 1);
        // Nor beside a hundred that hang.
        assert_eq!(after(&mut Gathering::default(), 101, 1, 10), 1);
    }

    #[test]
    fn a_batch_grows_with_those_under_way_and_shrinks_to_what_comes() {
        let mut gathering = Gathering::default();
        assert_eq!(after(&mut gathering, 64, 64, 10), 32);
        assert_eq!(after(&mut gathering, 8, 8, 2), 4);
        assert!(after(&mut gathering, 64, 5, 10) <= 7);
        assert_eq!(after(&mut gathering, 64, 1, 2), 1);
    }

    #[test]
    fn the_longest_wait_follows_those_under_way_within_bounds() {
        let ms: Vec<_> = [0, 1, 32, 48, 64, 5_000, usize::MAX].map(|many| longest(many).as_millis()).into();
        assert_eq!(ms, [4, 4, 4, 6, 8, 8, 8]);
    }

    #[test]
    fn the_writer_is_woken_once_by_what_it_wanted() {
        let shared = Arc::new(Shared::new(Arc::new(|| 64)));
        shared.queue().gathering.worth = 3;
        let writer = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.take(None).map(|batch| batch.len())
        });
        let pending = || Pending { body: Vec::new(), step: None, done: tokio::sync::oneshot::channel().0 };
        for _ in 0..3 {
            shared.put(pending(), 3).unwrap();
        }
        assert!(writer.join().unwrap().is_some_and(|taken| (1..=3).contains(&taken)));
        shared.close();
        assert!(shared.put(pending(), 3).is_err());
        while shared.take(None).is_some() {}
    }
}
