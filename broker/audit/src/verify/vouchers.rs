//! The checkpoints that a log is held against.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::path::PathBuf;

use super::{Kind, Problem, Report, Wanted};
use crate::chain::{Head, LogId};
use crate::checkpoint::Checkpoint;

/// Checkpoints that are well signed, by the entry they vouch for.
#[derive(Default)]
pub struct Vouchers {
    by_sequence: BTreeMap<u64, Vec<(PathBuf, Checkpoint)>>,
    /// The first entry that has not been reached yet.
    next: Option<u64>,
    good: u64,
    vouched: u64,
}

impl Vouchers {
    /// Takes those that are signed by the key for this log; the others are problems.
    pub fn of(wanted: &Wanted, log: LogId, report: &mut Report) -> Self {
        let mut vouchers = Self::default();
        for (path, notes) in wanted.beside.iter().chain(&wanted.expected) {
            let mut problem = |kind, sequence, detail: &str| {
                let detail = format!("{}: {detail}", path.display());
                report.problems.push(Problem { kind, segment: None, line: None, sequence, detail });
            };
            let Some(notes) = notes.as_ref().filter(|notes| !notes.is_empty()) else {
                problem(Kind::CheckpointForged, None, "it is no signed note");
                continue;
            };
            for note in notes {
                let Some(checkpoint) = Checkpoint::parse(&note.text) else {
                    problem(Kind::CheckpointForged, None, "a note in it is no checkpoint of an audit log");
                    continue;
                };
                let sequence = checkpoint.head.sequence;
                if checkpoint.log != log {
                    let detail = format!("a checkpoint in it is of log {}", checkpoint.log);
                    problem(Kind::CheckpointOfAnotherLog, None, &detail);
                } else if wanted.verifier.signed(note) {
                    vouchers.by_sequence.entry(sequence).or_default().push((path.clone(), checkpoint));
                } else {
                    let detail = format!("the checkpoint of entry {sequence} is not signed by the key");
                    problem(Kind::CheckpointForged, Some(sequence), &detail);
                }
            }
        }
        vouchers.note_generations(report);
        vouchers
    }

    fn note_generations(&self, report: &mut Report) {
        let mut greatest = (0, 0);
        for (_, checkpoint) in self.by_sequence.values().flatten() {
            let (sequence, generation) = (checkpoint.head.sequence, checkpoint.generation);
            if generation < greatest.1 {
                report.remarks.push(format!(
                    "the store's generation fell from {} at entry {} to {generation} at entry {sequence}: an old copy of the store was put back",
                    greatest.1, greatest.0
                ));
            }
            greatest = (sequence, generation);
        }
    }

    /// The walk begins behind this entry.
    pub fn begin(&mut self, after: u64) {
        self.next = self.following(after).next().map(|(sequence, _)| *sequence);
    }

    fn following(&self, from: u64) -> Range<'_, u64, Vec<(PathBuf, Checkpoint)>> {
        self.by_sequence.range(from..)
    }

    /// Holds an entry against the checkpoints that vouch for it.
    pub fn check(&mut self, head: &Head, segment: u32, line: u64) -> Option<Problem> {
        if self.next != Some(head.sequence) {
            return None;
        }
        let since = self.vouched + 1;
        for (path, checkpoint) in self.by_sequence.get(&head.sequence).into_iter().flatten() {
            if checkpoint.head.digest != head.digest {
                let to = head.sequence;
                let detail = format!(
                    "the chain is whole, but it is not the one that {} vouches for: something in entries {since} to {to} was changed, and all that follows computed anew",
                    path.display()
                );
                return Some(Problem {
                    kind: Kind::Recomputed,
                    segment: Some(segment),
                    line: Some(line),
                    sequence: Some(since),
                    detail,
                });
            }
            self.good += 1;
        }
        self.vouched = head.sequence;
        self.next = self.following(head.sequence + 1).next().map(|(sequence, _)| *sequence);
        None
    }

    /// What vouches for an entry that the log does not have.
    pub fn beyond(&self, last: u64, segment: u32) -> Option<Problem> {
        let (path, checkpoint) = self.by_sequence.range(last + 1..).next_back()?.1.first()?;
        let sequence = checkpoint.head.sequence;
        let (kind, segment) =
            if checkpoint.segment > segment { (Kind::SegmentMissing, segment + 1) } else { (Kind::Truncated, segment) };
        let detail = format!("the log ends at entry {last}, but {} vouches for entry {sequence}", path.display());
        Some(Problem { kind, segment: Some(segment), line: None, sequence: Some(last + 1), detail })
    }

    /// The digest of an entry, if a checkpoint says it.
    pub fn digest(&self, sequence: u64) -> Option<[u8; 32]> {
        Some(self.by_sequence.get(&sequence)?.first()?.1.head.digest)
    }

    /// How many were borne out, and the last entry one vouches for.
    pub fn borne_out(&self) -> (u64, u64) {
        (self.good, self.vouched)
    }
}
