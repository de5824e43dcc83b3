//! What a plugin did, in numbers that only grow (and `in_flight`, which does not).

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Live counters; cheap to bump and to read.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub(crate) $name: Counter,)+ }

        /// The counters as they stood at one moment (each for itself).
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Counts { $($(#[$doc])* pub $name: u64,)+ }

        impl Counters {
            #[must_use]
            pub fn read(&self) -> Counts {
                Counts { $($name: self.$name.0.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Calls refused because too many were under way.
    busy,
    /// Calls begun.
    calls,
    /// Calls ended by their deadline.
    deadline_kills,
    /// Outgoing requests to what is not listed.
    http_denied,
    /// Calls under way now.
    in_flight,
    /// Opened keys that were found parsed.
    key_cache_hits,
    /// Opened keys that had to be parsed.
    key_cache_misses,
    /// Log lines that were dropped for being too many, or for coming after an exposed secret.
    log_lines_dropped,
    /// The largest memory that one instance ever had, in bytes.
    memory_bytes_peak,
    /// Calls that died of a refused growth of memory or tables.
    memory_kills,
    /// Calls ended because an answer was too large.
    output_kills,
    /// Waits of guests that had computed more than their plugin's share.
    slowed,
    /// Commits of the private state that would have been more than it may hold.
    state_over_quota,
    /// Calls ended by any other trap or breach of contract.
    traps,
}

/// One number.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn raise(&self, to: u64) {
        self.0.fetch_max(to, Ordering::Relaxed);
    }

    /// Counts one until the guard is dropped.
    pub(crate) fn hold(&self) -> Held<'_> {
        self.add();
        Held(self)
    }
}

/// One, for as long as it lives.
#[must_use]
pub struct Held<'a>(&'a Counter);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
