//! A clock that a test sets.

use std::sync::atomic::{AtomicU64, Ordering};

use broker_core::port::Clock;

/// Stands still until told; its monotonic side goes on by a microsecond each time it is looked at.
#[derive(Debug)]
pub struct FixedClock {
    now_ms: AtomicU64,
    looks: AtomicU64,
}

impl FixedClock {
    /// At so many seconds since the Unix epoch.
    #[must_use]
    pub fn at_s(now_s: u64) -> Self {
        Self { now_ms: AtomicU64::new(now_s * 1000), looks: AtomicU64::new(0) }
    }

    pub fn set_s(&self, now_s: u64) {
        self.set_ms(now_s * 1000);
    }

    pub fn set_ms(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
    }

    /// The monotonic side goes on as much.
    pub fn advance_s(&self, seconds: u64) {
        self.looks.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        self.now_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    #[must_use]
    pub fn now_s(&self) -> i64 {
        i64::try_from(self.now_ms.load(Ordering::SeqCst) / 1000).unwrap()
    }
}

impl Clock for FixedClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn monotonic_us(&self) -> u64 {
        self.looks.fetch_add(1, Ordering::SeqCst)
    }
}
