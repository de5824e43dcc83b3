//! What the broker does for managed objects by itself: re-wraps them after a rotation of their vault's KEK, and writes down
//! what dates did to their states. Each deed is asked for like anyone's, and audited alike; what is done is seen from the
//! store alone, so a broker that was killed goes on where it was.

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_core::broker::{Broker, Task, task_asker};
use broker_core::name::VaultName;
use broker_core::refusal::{Failure, Refusal};
use tokio::sync::watch;

use crate::assemble::request_id;
use crate::listen::stopped;
use crate::metric::Metrics;

/// How long a vault whose re-wrapping failed is left alone.
const PAUSE: Duration = Duration::from_secs(30);
/// Between two batches: clients come first.
const BREATH: Duration = Duration::from_millis(2);

/// Looks at intervals.
pub struct ObjectKeeper {
    pub broker: Arc<Broker>,
    pub metrics: Arc<Metrics>,
    pub every: Duration,
}

impl ObjectKeeper {
    /// Until the broker stops.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut paused_until = None;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stopped(&mut stopping) => return,
            }
            if let Err(failure) = self.settle(&stopping).await {
                tracing::error!(%failure, "what dates did to objects could not be written down; it will be tried again");
            }
            if paused_until.is_some_and(|until| Instant::now() < until) {
                continue;
            }
            paused_until = match self.rewrap(&stopping).await {
                Ok(()) => None,
                Err(failure) => {
                    tracing::error!(%failure, "objects could not be re-wrapped; it will be tried again");
                    Some(Instant::now() + PAUSE)
                }
            };
        }
    }

    async fn settle(&self, stopping: &watch::Receiver<bool>) -> Result<(), Failure> {
        while !*stopping.borrow() && self.broker.objects_wait().await? {
            let result = self.broker.settle_objects(&task_asker(Task::Objects, request_id())).await;
            self.note("settle", result.as_ref().err());
            if result? == 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Every vault in turn, each to its end.
    async fn rewrap(&self, stopping: &watch::Receiver<bool>) -> Result<(), Failure> {
        let mut vaults: Vec<VaultName> = self.broker.ruling().vaults.keys().cloned().collect();
        vaults.sort();
        let mut left = Vec::with_capacity(vaults.len());
        for vault in vaults {
            let older = self.broker.older_kek_objects(&vault).await?;
            if older > 0 {
                left.push((vault, older));
            }
        }
        let mut waiting: u64 = left.iter().map(|(_, older)| older).sum();
        self.show(waiting);
        for (vault, older) in left {
            tracing::info!(%vault, objects = older, "re-wrapping objects under the newest version of their KEK");
            while !*stopping.borrow() {
                let asker = task_asker(Task::Objects, request_id());
                let result = self.broker.rewrap_objects(&asker, vault.clone()).await;
                self.note("rewrap", result.as_ref().err());
                let Some(rewrapped) = result? else {
                    tracing::info!(%vault, "all objects are under the newest version of their KEK");
                    break;
                };
                waiting = waiting.saturating_sub(rewrapped.done as u64);
                self.show(waiting);
                self.metrics.objects_rewrapped.inc_by(rewrapped.done as u64);
                tokio::time::sleep(BREATH).await;
            }
        }
        Ok(())
    }

    fn show(&self, waiting: u64) {
        self.metrics.objects_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    fn note(&self, deed: &str, refusal: Option<&Refusal>) {
        let outcome = refusal.map_or("ok", Refusal::word);
        self.metrics.deeds.with_label_values(&[deed, outcome]).inc();
    }
}
