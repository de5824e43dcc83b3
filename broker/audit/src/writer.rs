//! The one thread that writes: takes all that waits, appends it in one go, syncs once, and tells each waiter.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::log::Shared;
use crate::segment::Segment;

/// An encoded entry, and who waits for it to be durable (`true`) or refused (`false`).
pub struct Pending {
    pub body: Vec<u8>,
    pub done: oneshot::Sender<bool>,
}

/// How often a log that cannot be written is tried again when no request does: whoever sends requests may be waiting for the
/// broker to call itself ready.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Runs until the log is closed and nothing waits any more.
pub fn run(shared: &Arc<Shared>, mut segment: Segment, mut sequence: u64) {
    let mut lines = Vec::new();
    let mut failing = false;
    while let Some(batch) = shared.take(failing.then_some(PROBE_EVERY)) {
        lines.clear();
        let mut next = sequence;
        for pending in &batch {
            next += 1;
            write!(lines, "{{\"seq\":{next},").expect("writing to memory cannot fail");
            lines.extend_from_slice(&pending.body);
            lines.push(b'\n');
        }
        let written = if batch.is_empty() { segment.probe() } else { segment.append(&lines) };
        let durable = match written {
            Ok(()) => true,
            Err(error) => {
                if !failing {
                    tracing::error!(file = %segment.path().display(), %error, "the audit log cannot be written; nothing is served until it can");
                }
                false
            }
        };
        if durable && failing {
            tracing::info!(file = %segment.path().display(), "the audit log can be written again");
        }
        if durable && !batch.is_empty() {
            sequence = next;
            shared.entries.fetch_add(batch.len() as u64, Ordering::Relaxed);
            shared.syncs.fetch_add(1, Ordering::Relaxed);
        } else if !durable && !batch.is_empty() {
            shared.failures.fetch_add(1, Ordering::Relaxed);
        }
        failing = !durable;
        shared.failing.store(failing, Ordering::Relaxed);
        for pending in batch {
            // A waiter whose deadline passed is gone; its entry stands all the same.
            let _gone = pending.done.send(durable);
        }
    }
}
