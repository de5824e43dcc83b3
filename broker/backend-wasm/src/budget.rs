//! How much a plugin may compute while others wait.
//!
//! A guest gives way with each tick, but many that compute without end would still fill every one. So what the calls
//! of one plugin compute beyond a moment is paid for: all of it pushes a common date into the future, and who is past
//! what has been saved up waits for that date. Calls that end within a tick never come here, so honest ones are not held up
//! by the others of the same plugin; nor does the host's own cryptography count, which is bounded for each call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// What can be saved up: so much is computed at full speed.
const SAVED_US_MAX: u64 = 50_000;
/// What one turn can cost. A guest that waited for a core meanwhile, because the machine has other work, did not compute.
const TURN_US_MAX: u64 = 5_000;

/// The computing of one plugin, all its calls together.
pub struct Budget {
    began: Instant,
    /// When all that was computed is paid for, in microseconds since `began`.
    paid_us: AtomicU64,
    /// Of one core, 1 to 100.
    percent: u64,
}

impl Budget {
    /// `percent` of one core, 1 to 100; more is all of it.
    pub fn of_percent(percent: u32) -> Self {
        Self { began: Instant::now(), paid_us: AtomicU64::new(0), percent: u64::from(percent.clamp(1, 100)) }
    }

    /// Counts a turn that lasted so long. None: go on; otherwise how long to wait first.
    pub fn spend(&self, now: Instant, turn: Duration) -> Option<Duration> {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let now_us = us(now.saturating_duration_since(self.began));
        let saved_us = now_us.saturating_sub(self.price(SAVED_US_MAX));
        let price_us = self.price(us(turn).min(TURN_US_MAX));
        let after = |paid_us: u64| paid_us.max(saved_us).saturating_add(price_us);
        let before = self.paid_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_us| Some(after(paid_us)));
        let paid_us = after(before.unwrap_or_else(|paid_us| paid_us));
        paid_us.checked_sub(now_us).filter(|&wait_us| wait_us > 0).map(Duration::from_micros)
    }

    /// In how long a time so much is computed.
    fn price(&self, computed_us: u64) -> u64 {
        computed_us * 100 / self.percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Duration = Duration::from_micros(700);

    #[test]
    fn a_plugin_computes_its_share_and_what_it_saved() {
        let budget = Budget::of_percent(10);
        let mut now = budget.began + Duration::from_secs(60);
        let began = now;
        let mut computed = Duration::ZERO;
        while now < began + Duration::from_secs(10) {
            now += TURN;
            computed += TURN;
            now += budget.spend(now, TURN).unwrap_or_default();
        }
        // A tenth of ten seconds, and what was saved before.
        let share = Duration::from_secs(1);
        let saved = Duration::from_micros(SAVED_US_MAX);
        assert!((share..=share + saved + TURN * 10).contains(&computed), "{computed:?}");
    }

    #[test]
    fn many_calls_share_what_one_would_have() {
        let budget = Budget::of_percent(20);
        let now = budget.began + Duration::from_secs(60);
        let turn = Duration::from_millis(1);
        let waits: Vec<_> = (0..100).map(|_| budget.spend(now, turn).unwrap_or_default()).collect();
        assert!(waits[..50].iter().all(Duration::is_zero), "{waits:?}");
        assert_eq!(waits[99], Duration::from_millis(250), "{waits:?}");
        assert_eq!(Budget::of_percent(100).spend(now, turn), None);
    }

    #[test]
    fn a_guest_that_had_no_core_for_long_does_not_pay_for_that() {
        let budget = Budget::of_percent(100);
        let now = budget.began;
        assert_eq!(budget.spend(now, Duration::from_secs(10)), Some(Duration::from_micros(TURN_US_MAX)));
    }
}
