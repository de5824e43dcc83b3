//! Counting what happened, where it happens; whoever shows the numbers reads them when they are asked for.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes it at least so large.
    pub fn raise(&self, to: u64) {
        self.0.fetch_max(to, Ordering::Relaxed);
    }

    /// Counts one until the guard is dropped.
    pub fn hold(&self) -> Held<'_> {
        self.add();
        Held(self)
    }

    #[must_use]
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
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

/// Makes `Counters`, whose numbers the crate changes, and `Counts`, which is what they were at one moment.
#[macro_export]
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Live counters; cheap to bump and to read.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub(crate) $name: $crate::counter::Counter,)+ }

        /// The counters as they stood at one moment (each for itself).
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Counts { $($(#[$doc])* pub $name: u64,)+ }

        impl Counters {
            #[must_use]
            pub fn read(&self) -> Counts {
                Counts { $($name: self.$name.read(),)+ }
            }
        }
    };
}
