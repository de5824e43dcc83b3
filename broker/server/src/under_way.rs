//! Which requests are under way, and which of them have been for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::metric::Metrics;

/// Requests are told apart by the spell in which they began.
const SPELL: Duration = Duration::from_millis(100);
/// After so many spells their places are taken by new ones: what still hangs then is counted with those.
const SPELLS: usize = 64;

/// How many requests that are under way began in which of the last spells.
pub struct Spells {
    epoch: Instant,
    began: [AtomicUsize; SPELLS],
}

impl Default for Spells {
    fn default() -> Self {
        Self { epoch: Instant::now(), began: std::array::from_fn(|_| AtomicUsize::new(0)) }
    }
}

impl Spells {
    fn now(&self) -> usize {
        self.at(self.epoch.elapsed())
    }

    fn at(&self, since_epoch: Duration) -> usize {
        (since_epoch.as_millis() / SPELL.as_millis()) as usize % SPELLS
    }

    /// Those that began in this spell or the one before it. Others hang: in an HSM that does not answer, in a guest that
    /// computes without end.
    fn young(&self, spell: usize) -> usize {
        let before = (spell + SPELLS - 1) % SPELLS;
        self.began[spell].load(Ordering::Relaxed) + self.began[before].load(Ordering::Relaxed)
    }
}

/// Counts a deed for as long as it is under way, also when nobody waits for it any more.
pub struct UnderWay {
    metrics: Arc<Metrics>,
    spell: usize,
}

impl UnderWay {
    pub fn begin(metrics: &Arc<Metrics>) -> Self {
        metrics.requests_in_flight.inc();
        let spell = metrics.spells.now();
        metrics.spells.began[spell].fetch_add(1, Ordering::Relaxed);
        Self { metrics: Arc::clone(metrics), spell }
    }

    /// How many are likely to be answered soon.
    pub fn young(metrics: &Metrics) -> usize {
        metrics.spells.young(metrics.spells.now())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.metrics.spells.began[self.spell].fetch_sub(1, Ordering::Relaxed);
        self.metrics.requests_in_flight.dec();
        if std::thread::panicking() {
            self.metrics.panics.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_not_young_for_long() {
        let spells = Spells::default();
        let begin = |ms| spells.began[spells.at(Duration::from_millis(ms))].fetch_add(1, Ordering::Relaxed);
        let young = |ms| spells.young(spells.at(Duration::from_millis(ms)));
        (0..7).for_each(|_| assert!(begin(10) < 7));
        begin(150);
        assert_eq!([young(99), young(199), young(200), young(299), young(300)], [7, 8, 1, 1, 0]);
    }
}
