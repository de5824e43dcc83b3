//! The one thread that writes: takes all that waits, appends it in one go, syncs once, and tells each waiter.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;

use broker_core::port::Clock;
use broker_crypto::digest::sha256;
use tokio::sync::oneshot;

use crate::chain::{Head, Header, LogId};
use crate::folder::Folder;
use crate::intents::{Intents, Step};
use crate::line::timestamp;
use crate::notary::{Desk, Vouch};
use crate::queue::Shared;
use crate::segment::Segment;
use crate::sink::Sink;

/// An encoded entry, and who waits for it to be durable (`true`) or refused (`false`).
pub struct Pending {
    pub body: Vec<u8>,
    pub step: Option<Step>,
    pub done: oneshot::Sender<bool>,
}

/// How often a log that cannot be written is tried again when no request does: whoever sends requests may be waiting for the
/// broker to call itself ready.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// All that the writing thread owns.
pub struct Writer {
    pub shared: Arc<Shared>,
    pub folder: Folder,
    pub log: LogId,
    pub segment: Segment,
    pub segment_bytes_max: u64,
    pub head: Head,
    pub intents: Intents,
    pub desk: Arc<Desk>,
    pub closed: Sender<u32>,
    pub sinks: Vec<Arc<Sink>>,
    pub clock: Arc<dyn Clock>,
}

impl Writer {
    /// Runs until the log is closed and nothing waits any more.
    pub fn run(mut self) {
        let mut lines = Vec::new();
        let mut failing = false;
        while let Some(batch) = self.shared.take(failing.then_some(PROBE_EVERY)) {
            let durable = match self.write(&batch, &mut lines) {
                Ok(()) => true,
                Err(error) => {
                    if !failing {
                        tracing::error!(file = %self.segment.path().display(), %error, "the audit log cannot be written; nothing is served until it can");
                    }
                    false
                }
            };
            if durable && failing {
                tracing::info!(file = %self.segment.path().display(), "the audit log can be written again");
            }
            let entries = batch.len() as u64;
            if durable && entries > 0 {
                self.shared.entries.fetch_add(entries, Ordering::Relaxed);
                self.shared.syncs.fetch_add(1, Ordering::Relaxed);
            } else if !durable && entries > 0 {
                self.shared.failures.fetch_add(1, Ordering::Relaxed);
            }
            failing = !durable;
            self.shared.failing.store(failing, Ordering::Relaxed);
            for pending in batch {
                // A waiter whose deadline passed is gone; its entry stands all the same.
                let _gone = pending.done.send(durable);
                if durable && let Some(step) = pending.step {
                    self.intents.note(step, self.segment.number);
                }
            }
            if durable && entries > 0 {
                self.after(&lines, entries);
            }
        }
    }

    /// Chains the batch to the log's end and makes it durable; with an empty one, tries whether that is possible.
    fn write(&mut self, batch: &[Pending], lines: &mut Vec<u8>) -> std::io::Result<()> {
        if batch.is_empty() {
            return self.segment.probe();
        }
        lines.clear();
        let mut head = self.head;
        for pending in batch {
            head.append(&pending.body, lines);
        }
        self.segment.append(lines)?;
        self.head = head;
        Ok(())
    }

    /// What nobody waits for.
    fn after(&mut self, lines: &[u8], entries: u64) {
        let vouch = Vouch { head: self.head, segment: self.segment.number };
        self.desk.grown(vouch);
        if !self.sinks.is_empty() {
            let copy: Arc<[u8]> = lines.into();
            for sink in &self.sinks {
                sink.offer(Arc::clone(&copy), entries);
            }
        }
        if self.segment.bytes() >= self.segment_bytes_max
            && let Err(error) = self.rotate(vouch)
        {
            tracing::warn!(file = %self.segment.path().display(), %error, "the audit log's next segment could not be begun; this one grows on");
        }
    }

    fn rotate(&mut self, end: Vouch) -> std::io::Result<()> {
        let number = self.segment.number + 1;
        let intents_from = self.intents.oldest_segment().unwrap_or(number);
        let header = Header::new(self.log, number, &self.head, intents_from, timestamp(self.clock.now_ms()));
        self.segment = Segment::begin(&self.folder, &header)?;
        self.head.digest = sha256(&header.line());
        self.desk.closed(end);
        // It ends only after this thread.
        let _gone = self.closed.send(end.segment);
        Ok(())
    }
}
