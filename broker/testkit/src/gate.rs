//! A gate that a test closes to hold calls, and opens to let them go on.

use std::future::poll_fn;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use event_listener::{Event, Listener};

use crate::SeededChance;

/// Open at first.
#[derive(Debug, Default)]
pub struct Gate {
    admitted: AtomicUsize,
    closed: AtomicBool,
    dither: OnceLock<SeededChance>,
    waiting: AtomicUsize,
    moved: Event,
}

impl Gate {
    /// Holds every call that comes from now on.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Lets all go on.
    pub fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
        self.moved.notify(usize::MAX);
    }

    /// Lets so many calls through although it is closed.
    pub fn admit(&self, calls: usize) {
        self.admitted.fetch_add(calls, Ordering::SeqCst);
        self.moved.notify(usize::MAX);
    }

    /// From now on every call yields 0 to 3 times before it passes, so that whoever polls many futures in an order of
    /// chance sees them interleave; the same seeds bring the same order back.
    ///
    /// # Panics
    /// When told twice.
    pub fn dither(&self, seed: u64) {
        self.dither.set(SeededChance::new(seed)).unwrap();
    }

    /// How many calls are held now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Blocks this thread until so many calls are held at once.
    pub fn wait_for(&self, calls: usize) {
        loop {
            let listener = self.moved.listen();
            if self.waiting() >= calls {
                return;
            }
            listener.wait();
        }
    }

    /// Goes through at once when open, else when opened.
    pub async fn pass(&self) {
        for _ in 0..self.dither.get().map_or(0, |chance| chance.below(4)) {
            yield_once().await;
        }
        if self.lets_through() {
            return;
        }
        let _held = Held::new(self);
        loop {
            let listener = self.moved.listen();
            if self.lets_through() {
                return;
            }
            listener.await;
        }
    }

    fn lets_through(&self) -> bool {
        let spend = |left: usize| left.checked_sub(1);
        !self.closed.load(Ordering::SeqCst)
            || self.admitted.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend).is_ok()
    }
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Counts a call as waiting, also when its future is dropped.
struct Held<'a>(&'a Gate);

impl<'a> Held<'a> {
    fn new(gate: &'a Gate) -> Self {
        gate.waiting.fetch_add(1, Ordering::SeqCst);
        gate.moved.notify(usize::MAX);
        Self(gate)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
