//! How much a plugin may compute while others wait.
//!
//! A guest gives way each millisecond, but many that compute without end would still fill every millisecond. So what the calls
//! of one plugin compute beyond a moment is paid for: each tick of it pushes a common date into the future, and who is past
//! what has been saved up waits for that date. Calls that end within a tick never come here, so honest ones are not held up
//! by the others of the same plugin; nor does the host's own cryptography count, which is bounded for each call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// What can be saved up, in ticks: so much is computed at full speed.
const SAVED_TICKS_MAX: u64 = 50;

/// The computing of one plugin, all its calls together.
pub struct Budget {
    began: Instant,
    /// When all that was computed is paid for, in microseconds since `began`.
    paid_us: AtomicU64,
    /// What one tick (a millisecond, once a guest is seen to compute) costs.
    tick_us: u64,
}

impl Budget {
    /// `percent` of one core, 1 to 100; more is all of it.
    pub fn of_percent(percent: u32) -> Self {
        let tick_us = 100_000 / u64::from(percent.clamp(1, 100));
        Self { began: Instant::now(), paid_us: AtomicU64::new(0), tick_us }
    }

    /// Counts one tick. None: go on; otherwise how long to wait first.
    pub fn tick(&self, now: Instant) -> Option<Duration> {
        let now_us = u64::try_from(now.saturating_duration_since(self.began).as_micros()).unwrap_or(u64::MAX);
        let saved_us = now_us.saturating_sub(SAVED_TICKS_MAX * self.tick_us);
        let after = |paid_us: u64| paid_us.max(saved_us).saturating_add(self.tick_us);
        let before = self.paid_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_us| Some(after(paid_us)));
        let paid_us = after(before.unwrap_or_else(|paid_us| paid_us));
        paid_us.checked_sub(now_us).filter(|&wait_us| wait_us > 0).map(Duration::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_computes_its_share_and_what_it_saved() {
        let budget = Budget::of_percent(10);
        let mut now = budget.began + Duration::from_secs(60);
        let began = now;
        let mut ticks = 0;
        while now < began + Duration::from_secs(10) {
            now += Duration::from_millis(1);
            ticks += 1;
            now += budget.tick(now).unwrap_or_default();
        }
        // A tenth of ten seconds, and what was saved before.
        assert!((1_000..=1_060).contains(&ticks), "{ticks}");
    }

    #[test]
    fn many_calls_share_what_one_would_have() {
        let budget = Budget::of_percent(20);
        let now = budget.began + Duration::from_secs(60);
        let waits: Vec<_> = (0..100).map(|_| budget.tick(now).unwrap_or_default()).collect();
        assert!(waits[..50].iter().all(Duration::is_zero), "{waits:?}");
        assert_eq!(waits[99], Duration::from_millis(250), "{waits:?}");
        assert_eq!(Budget::of_percent(100).tick(now), None);
    }
}
