//! Keeps the counters of usage, and has them noted in the audit, at intervals.

use std::sync::Arc;
use std::time::Duration;

use broker_core::broker::Broker;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::assemble::request_id;
use crate::listen::stopped;

/// The bookkeeper. A broker that is killed loses what was counted since the last time it was kept.
pub struct Bookkeeper {
    pub broker: Arc<Broker>,
    pub keep_every: Duration,
    pub note_every: Duration,
}

impl Bookkeeper {
    /// Works until the broker stops; whoever stops it calls [`keep`] once the last request has ended.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let (mut keeps, mut notes) = (ticks(self.keep_every), ticks(self.note_every));
        loop {
            tokio::select! {
                _ = keeps.tick() => keep(&self.broker).await,
                _ = notes.tick() => {
                    if let Err(refusal) = self.broker.note_usage(request_id).await {
                        tracing::error!(%refusal, "usage could not be noted in the audit");
                    }
                }
                () = stopped(&mut stopping) => return,
            }
        }
    }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Keeps the counters in the store.
pub async fn keep(broker: &Broker) {
    if let Err(failure) = broker.keep_usage().await {
        tracing::error!(%failure, "usage could not be kept; it is tried again");
    }
}
