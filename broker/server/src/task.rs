//! What the broker does by itself: carries rotation policies out, and purges what was deleted long enough ago.
//!
//! Each deed is asked for like anyone's, by a principal of its own, and audited alike. A clock that jumped forward
//! suspends all of it until the operator says that the time is right: a wrong clock must not destroy keys.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use broker_core::broker::{Broker, Task, task_asker};
use broker_core::grant::Scope;
use broker_core::key::{KeyRecord, KeyState};
use broker_core::name::VaultName;
use broker_core::port::Clock;
use broker_core::refusal::{Failure, Refusal};
use broker_core::rotation::Due;
use broker_core::vault::VaultState;
use tokio::sync::watch;

use crate::assemble::request_id;
use crate::listen::stopped;
use crate::metric::Metrics;

/// Most deeds of one round; the next round goes on where it ended.
const DEEDS_MAX: usize = 256;
/// How many of the keys that wait for something are looked at, the first due first, to foresee what comes next. A kind that
/// is not among them is no sooner than they are.
const FORESEEN_MAX: usize = 4096;
/// How long a deed that failed is left alone, at first and at most.
const PAUSE_MIN: Duration = Duration::from_secs(30);
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// The scheduler.
pub struct Scheduler {
    pub broker: Arc<Broker>,
    pub clock: Arc<dyn Clock>,
    pub guard: Arc<ClockGuard>,
    pub metrics: Arc<Metrics>,
    pub every: Duration,
}

/// Keys and vaults whose last deed failed, and when they are tried again.
type Pauses = HashMap<Scope, (Duration, Instant)>;

impl Scheduler {
    /// Looks at intervals until the broker stops.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut pauses = Pauses::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stopped(&mut stopping) => return,
            }
            if let Err(failure) = self.round(&mut pauses).await {
                tracing::error!(%failure, "the scheduler could not look at what is due");
            }
            if let Err(failure) = self.foresee().await {
                tracing::warn!(%failure, "the scheduler could not look at what will be due");
            }
        }
    }

    /// Says in the metrics when the next deed of each kind is due.
    async fn foresee(&self) -> Result<(), Failure> {
        let (mut notify, mut purge, mut rotate) = (None, None, None);
        let waiting = self.broker.due(i64::MAX, FORESEEN_MAX).await?;
        for (when_s, due) in waiting.iter().filter_map(|record| record.next_due()) {
            let next = match due {
                Due::Notify => &mut notify,
                Due::Purge => &mut purge,
                Due::Rotate => &mut rotate,
            };
            next.get_or_insert(when_s);
        }
        let turn = self.broker.ruling();
        let purge_vault = turn.vaults.values().filter_map(|vault| match vault.state {
            VaultState::Live => None,
            VaultState::Deleted { purge_s, .. } | VaultState::Purging { purge_s, .. } => Some(purge_s),
        });
        let purge_vault = purge_vault.min();
        for (word, next) in [("notify", notify), ("purge", purge), ("purge-vault", purge_vault), ("rotate", rotate)] {
            self.metrics.deeds_next.with_label_values(&[word]).set(next.unwrap_or(0));
        }
        Ok(())
    }

    async fn round(&self, pauses: &mut Pauses) -> Result<(), Failure> {
        let now_s = i64::try_from(self.clock.now_ms() / 1000).unwrap_or(i64::MAX);
        let watched = self.guard.look(&self.broker, now_s).await?;
        self.metrics.clock_suspended.set(i64::from(!watched));
        // Those that are being left alone come first in the list, and must not keep the others out of it.
        let due = self.broker.due(now_s, DEEDS_MAX + pauses.len()).await?;
        let vaults = self.broker.vaults_due(now_s);
        self.metrics.deeds_due.set(i64::try_from(due.len() + vaults.len()).unwrap_or(i64::MAX));
        if watched {
            self.expire_elevations().await;
        }
        pauses.retain(|_, (pause, until)| until.elapsed() < *pause * 2);
        for record in due {
            // A purge that has begun is finished whatever the clock says: there is no way back from it.
            if watched || matches!(record.state, KeyState::Purging { .. }) {
                let place = Scope::Key(record.vault.clone(), record.name.clone());
                self.attempt(pauses, place, self.deed(&record)).await;
            }
        }
        for vault in vaults {
            if watched || matches!(vault.state, VaultState::Purging { .. }) {
                let place = Scope::Vault(vault.name.clone());
                self.attempt(pauses, place, self.purge_vault(vault.name.clone())).await;
            }
        }
        Ok(())
    }

    /// Ends the grants that waited too long for approval.
    async fn expire_elevations(&self) {
        for id in self.broker.lapsed_elevations() {
            let asker = task_asker(Task::Upkeep, request_id());
            if let Err(refusal) = self.broker.expire_elevation(&asker, id).await {
                tracing::error!(%id, %refusal, "a grant that waited too long for approval could not be ended");
            }
        }
    }

    /// Does what is due at a place, unless that is being left alone since it failed.
    async fn attempt(&self, pauses: &mut Pauses, place: Scope, deed: impl Future<Output = Result<(), Refusal>>) {
        if pauses.get(&place).is_some_and(|(_, until)| Instant::now() < *until) {
            return;
        }
        match deed.await {
            Ok(()) => drop(pauses.remove(&place)),
            Err(refusal) => {
                tracing::error!(%place, %refusal, "a deed that is due failed; it will be tried again");
                let pause = pauses.get(&place).map_or(PAUSE_MIN, |(pause, _)| (*pause * 2).min(PAUSE_MAX));
                pauses.insert(place, (pause, Instant::now() + pause));
            }
        }
    }

    async fn purge_vault(&self, vault: VaultName) -> Result<(), Refusal> {
        let result = self.broker.purge_vault(&task_asker(Task::Purge, request_id()), vault).await;
        self.count("purge-vault", &result);
        result
    }

    fn count(&self, deed: &str, result: &Result<(), Refusal>) {
        let outcome = result.as_ref().err().map_or("ok", Refusal::word);
        self.metrics.deeds.with_label_values(&[deed, outcome]).inc();
    }

    async fn deed(&self, record: &KeyRecord) -> Result<(), Refusal> {
        let (vault, key) = (record.vault.clone(), record.name.clone());
        let Some((_, due)) = record.next_due() else { return Ok(()) };
        let (word, result) = match due {
            Due::Notify => {
                let asker = task_asker(Task::Rotation, request_id());
                tracing::info!(%vault, %key, "the key's policy asks for a rotation soon");
                ("notify", self.broker.notify_key(&asker, vault, key).await)
            }
            Due::Purge => {
                let asker = task_asker(Task::Purge, request_id());
                ("purge", self.broker.purge_key(&asker, vault, key).await)
            }
            Due::Rotate => {
                let asker = task_asker(Task::Rotation, request_id());
                ("rotate", self.broker.rotate_key(&asker, vault, key).await.map(drop))
            }
        };
        self.count(word, &result);
        result
    }
}

/// Remembers, across restarts, the latest time that was seen.
pub struct ClockGuard {
    /// A jump further than this is not believed.
    pub jump_s_max: i64,
    /// What the broker's clock never falls below, in milliseconds.
    floor_ms: Arc<AtomicU64>,
    state: Mutex<GuardState>,
}

#[derive(Clone, Copy)]
struct GuardState {
    /// The latest time seen (Unix seconds); none on a new store.
    mark_s: Option<i64>,
    /// When it was seen, on a clock that no one sets.
    seen: Instant,
    suspended: bool,
}

fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1000)
}

/// The setting that keeps the mark.
pub const CLOCK_MARK: &str = "clock-mark";

impl ClockGuard {
    #[must_use]
    pub fn new(jump_s_max: i64, stored: Option<&[u8]>) -> Self {
        let mark_s = stored.and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes);
        let floor_ms = Arc::new(AtomicU64::new(mark_s.map_or(0, milliseconds)));
        Self { jump_s_max, floor_ms, state: Mutex::new(GuardState { mark_s, seen: Instant::now(), suspended: false }) }
    }

    /// What the broker's clock never falls below, in milliseconds: the mark, as it moves on.
    #[must_use]
    pub fn floor_ms(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.floor_ms)
    }

    /// Whether deeds that destroy or make keys may be carried out at this time. A broker that was stopped for long sees a
    /// jump at its next start, and asks too: the time since its last mark cannot be told from a wrong clock.
    async fn look(&self, broker: &Broker, now_s: i64) -> Result<bool, Failure> {
        let (judged, keep) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let elapsed_s = i64::try_from(state.seen.elapsed().as_secs()).unwrap_or(i64::MAX);
            let expected_s = state.mark_s.map(|mark_s| mark_s.saturating_add(elapsed_s));
            if expected_s.is_some_and(|expected_s| now_s > expected_s.saturating_add(self.jump_s_max))
                && !state.suspended
            {
                tracing::error!(
                    now_s,
                    expected_s,
                    "the clock jumped forward; purge and rotation are suspended until `keybroker clock accept`"
                );
                state.suspended = true;
            }
            let keep = !state.suspended && state.mark_s.is_none_or(|mark_s| now_s > mark_s);
            if keep {
                (state.mark_s, state.seen) = (Some(now_s), Instant::now());
            }
            (!state.suspended && state.mark_s.is_none_or(|mark_s| now_s >= mark_s), keep)
        };
        if keep {
            broker.put_setting(CLOCK_MARK, now_s.to_be_bytes().to_vec()).await?;
            self.floor_ms.store(milliseconds(now_s), Ordering::Relaxed);
        }
        Ok(judged)
    }

    /// The operator says that the clock is right now. True when deeds were suspended.
    pub fn accept(&self, now_s: i64) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let suspended = state.suspended;
        *state = GuardState { mark_s: Some(now_s), seen: Instant::now(), suspended: false };
        suspended
    }
}

#[cfg(test)]
mod tests {
    use broker_core::algorithm::KeySpec;
    use broker_core::entry::Phase;
    use broker_core::rotation::{LifetimeAction, Period, RotationPolicy, Trigger};
    use broker_core::verb::Operation;
    use broker_testkit::{Bench, key_name, run};

    use super::*;

    const DAY_S: u64 = 86_400;

    /// A scheduler on a bench whose clock the test sets; `jump_s_max` is how far it may be set at once.
    fn scheduler(bench: &Bench, jump_s_max: i64) -> Scheduler {
        Scheduler {
            broker: Arc::clone(&bench.broker),
            clock: Arc::clone(&bench.clock) as Arc<dyn Clock>,
            guard: Arc::new(ClockGuard::new(jump_s_max, None)),
            metrics: Arc::new(Metrics::new().unwrap()),
            every: Duration::from_secs(1),
        }
    }

    fn policed(bench: &Bench, key: &str, actions: &[(&str, bool, LifetimeAction)], expiry: Option<&str>) {
        bench.make_key(key, KeySpec::Oct256);
        let actions = actions.iter().map(|(period, before_expiry, action)| {
            let period = Period::parse(period).unwrap();
            (if *before_expiry { Trigger::BeforeExpiry(period) } else { Trigger::AfterCreate(period) }, *action)
        });
        let expiry = expiry.map(|text| Period::parse(text).unwrap());
        let policy = RotationPolicy { actions: actions.collect(), expiry, created_s: 0, updated_s: 0 };
        run(bench.broker.set_rotation_policy(&bench.admin(), bench.vault(), key_name(key), policy)).unwrap();
    }

    fn versions(bench: &Bench, key: &str) -> usize {
        let page = run(bench.broker.list_versions(&bench.admin(), bench.vault(), key_name(key), None, 100)).unwrap();
        page.items.len()
    }

    /// How often the broker itself did this, by its audit.
    fn done(bench: &Bench, operation: Operation) -> usize {
        let ours = |entry: &&broker_core::entry::Entry| {
            entry.operation == operation
                && entry.phase == Phase::Outcome
                && entry.asker.principal.as_str().starts_with("system/")
        };
        bench.audit.entries().iter().filter(ours).count()
    }

    #[test]
    fn a_policy_rotates_when_it_is_due_and_not_before() {
        let bench = Bench::new();
        policed(&bench, "k", &[("P90D", false, LifetimeAction::Rotate)], Some("P2Y"));
        let (scheduler, mut pauses) = (scheduler(&bench, i64::MAX), Pauses::new());
        bench.clock.advance_s(90 * DAY_S - 1);
        run(scheduler.round(&mut pauses)).unwrap();
        assert_eq!(versions(&bench, "k"), 1);
        bench.clock.advance_s(1);
        run(scheduler.round(&mut pauses)).unwrap();
        run(scheduler.round(&mut pauses)).unwrap();
        assert_eq!((versions(&bench, "k"), done(&bench, Operation::RotateKey)), (2, 1));
        let latest = run(bench.broker.get_key(&bench.admin(), bench.vault(), key_name("k"), None)).unwrap();
        assert_eq!(latest.version.expires_s, Some(Period { months: 24, days: 0 }.after(bench.clock.now_s())));
    }

    #[test]
    fn a_notice_is_given_once_a_version() {
        let bench = Bench::new();
        policed(&bench, "k", &[("P30D", true, LifetimeAction::Notify)], Some("P90D"));
        run(bench.broker.rotate_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
        let (scheduler, mut pauses) = (scheduler(&bench, i64::MAX), Pauses::new());
        for _ in 0..3 {
            bench.clock.advance_s(30 * DAY_S);
            run(scheduler.round(&mut pauses)).unwrap();
        }
        assert_eq!(done(&bench, Operation::NotifyKey), 1);
        run(bench.broker.rotate_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
        bench.clock.advance_s(61 * DAY_S);
        run(scheduler.round(&mut pauses)).unwrap();
        assert_eq!(done(&bench, Operation::NotifyKey), 2);
    }

    #[test]
    fn what_was_deleted_is_purged_when_its_time_has_come() {
        let bench = Bench::new();
        bench.make_key("k", KeySpec::Oct256);
        run(bench.broker.delete_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
        let (scheduler, mut pauses) = (scheduler(&bench, i64::MAX), Pauses::new());
        let deleted = || run(bench.broker.get_deleted_key(&bench.admin(), bench.vault(), key_name("k")));
        bench.clock.advance_s(90 * DAY_S - 1);
        run(scheduler.round(&mut pauses)).unwrap();
        assert!(deleted().is_ok());
        bench.clock.advance_s(1);
        run(scheduler.round(&mut pauses)).unwrap();
        assert!(matches!(deleted(), Err(Refusal::KeyNotFound { .. })));
        assert_eq!(done(&bench, Operation::PurgeKey), 1);
    }

    #[test]
    fn a_deleted_vault_is_purged_when_its_time_has_come_and_what_was_begun_is_finished_whatever_the_clock_says() {
        let bench = Bench::new();
        for key in ["k", "l"] {
            bench.make_key(key, KeySpec::Oct256);
        }
        run(bench.broker.delete_vault(&bench.admin(), bench.vault())).unwrap();
        let (mut watched, mut pauses) = (scheduler(&bench, i64::MAX), Pauses::new());
        let vaults = || bench.broker.ruling().vaults.len();
        bench.clock.advance_s(90 * DAY_S - 1);
        run(watched.round(&mut pauses)).unwrap();
        run(watched.foresee()).unwrap();
        let next = watched.metrics.deeds_next.with_label_values(&["purge-vault"]).get();
        assert_eq!((vaults(), next), (1, bench.clock.now_s() + 1));
        bench.clock.advance_s(1);
        // The clock's own mark is the first commit of a round, then come the vault's, and two of the first key; the second
        // key's is interrupted.
        bench.store.fail_commit_after(4);
        run(watched.round(&mut pauses)).unwrap();
        assert_eq!((vaults(), done(&bench, Operation::PurgeVault), pauses.len()), (1, 1, 1));
        // A clock that nobody believes does not keep it waiting.
        watched.guard = Arc::new(ClockGuard::new(60, Some(&0_i64.to_be_bytes())));
        run(watched.round(&mut Pauses::new())).unwrap();
        assert_eq!((vaults(), watched.metrics.clock_suspended.get()), (0, 1));
        assert_eq!(watched.metrics.deeds.with_label_values(&["purge-vault", "ok"]).get(), 1);
    }

    #[test]
    fn a_clock_that_jumps_forward_destroys_nothing_until_it_is_accepted() {
        let bench = Bench::new();
        bench.make_key("k", KeySpec::Oct256);
        run(bench.broker.delete_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
        let (scheduler, mut pauses) = (scheduler(&bench, 3600), Pauses::new());
        run(scheduler.round(&mut pauses)).unwrap();
        bench.clock.advance_s(91 * DAY_S);
        for _ in 0..3 {
            run(scheduler.round(&mut pauses)).unwrap();
        }
        assert_eq!((done(&bench, Operation::PurgeKey), scheduler.metrics.clock_suspended.get()), (0, 1));
        // Only who manages the broker may say that the clock is right.
        let stranger = broker_testkit::asker("corp/dns:stranger");
        assert!(run(bench.broker.accept_clock(&stranger, |now_s| scheduler.guard.accept(now_s))).is_err());
        assert!(run(bench.broker.accept_clock(&bench.admin(), |now_s| scheduler.guard.accept(now_s))).unwrap());
        run(scheduler.round(&mut pauses)).unwrap();
        assert_eq!((done(&bench, Operation::PurgeKey), scheduler.metrics.clock_suspended.get()), (1, 0));
    }

    #[test]
    fn a_clock_set_back_stops_deeds_and_the_floor_holds() {
        let bench = Bench::new();
        let (scheduler, mut pauses) = (scheduler(&bench, i64::MAX), Pauses::new());
        run(scheduler.round(&mut pauses)).unwrap();
        let mark_s = bench.clock.now_s();
        assert_eq!(scheduler.guard.floor_ms().load(Ordering::Relaxed), milliseconds(mark_s));
        bench.clock.set_s(u64::try_from(mark_s).unwrap() - 1);
        run(scheduler.round(&mut pauses)).unwrap();
        assert_eq!(scheduler.metrics.clock_suspended.get(), 1);
        // The mark survives a restart.
        let again = ClockGuard::new(3600, Some(&mark_s.to_be_bytes()));
        assert_eq!(again.floor_ms().load(Ordering::Relaxed), milliseconds(mark_s));
    }

    #[test]
    fn a_deed_that_fails_is_left_alone_for_a_while_and_others_go_on() {
        let bench = Bench::new();
        for key in ["a", "b"] {
            policed(&bench, key, &[("P7D", false, LifetimeAction::Rotate)], None);
        }
        let (scheduler, mut pauses) = (scheduler(&bench, i64::MAX), Pauses::new());
        bench.clock.advance_s(7 * DAY_S);
        bench.software.fail_next(Refusal::Internal);
        run(scheduler.round(&mut pauses)).unwrap();
        assert_eq!(versions(&bench, "a") + versions(&bench, "b"), 3);
        assert_eq!(pauses.len(), 1);
        let calls = bench.software.calls().len();
        run(scheduler.round(&mut pauses)).unwrap();
        assert_eq!(bench.software.calls().len(), calls, "tried again at once");
    }
}
