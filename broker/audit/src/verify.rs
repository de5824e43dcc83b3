//! Verifies a log with the public key alone: every link of the chain, and every checkpoint.

mod inquest;
mod vouchers;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use broker_crypto::digest::sha256;
use serde::de::IgnoredAny;

use crate::chain::{Head, Header, Link, LogId};
use crate::checkpoint::ORIGIN;
use crate::folder::{Line, Lines};
use crate::note::{Note, Verifier};
use crate::read::{Part, Source};
use vouchers::Vouchers;

/// How often progress is told.
const PROGRESS_ENTRIES: u64 = 1024;

/// What the log is held against.
pub struct Wanted {
    pub verifier: Verifier,
    /// The checkpoints that lie beside the log: files, and what was read of them.
    pub beside: Vec<(PathBuf, Option<Vec<Note>>)>,
    /// Checkpoints from elsewhere, which the log has to bear out.
    pub expected: Vec<(PathBuf, Option<Vec<Note>>)>,
}

/// What is wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Altered,
    CheckpointForged,
    CheckpointOfAnotherLog,
    Dropped,
    Duplicated,
    OfAnotherLog,
    Recomputed,
    SegmentMissing,
    Swapped,
    Truncated,
}

impl Kind {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::CheckpointForged => "checkpoint-forged",
            Self::CheckpointOfAnotherLog => "checkpoint-of-another-log",
            Self::Dropped => "dropped",
            Self::Duplicated => "duplicated",
            Self::OfAnotherLog => "of-another-log",
            Self::Recomputed => "recomputed",
            Self::SegmentMissing => "segment-missing",
            Self::Swapped => "swapped",
            Self::Truncated => "truncated",
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub kind: Kind,
    pub segment: Option<u32>,
    pub line: Option<u64>,
    /// The first entry that cannot be relied on.
    pub sequence: Option<u64>,
    pub detail: String,
}

/// What a verification found. The chain is good up to the first problem in it.
#[derive(Debug, Default)]
pub struct Report {
    pub log: Option<LogId>,
    pub segments: u32,
    /// Entries whose place in the chain was found good.
    pub entries: u64,
    pub last: u64,
    /// Checkpoints that are well signed and borne out.
    pub checkpoints: u64,
    /// The last entry a checkpoint vouches for.
    pub vouched: u64,
    pub problems: Vec<Problem>,
    /// What is no proof of a deed, but worth knowing.
    pub remarks: Vec<String>,
}

/// Verifies. `progress` hears of each stretch of bytes that was read, as they lie in the files.
///
/// # Errors
/// A file cannot be opened, or the key is of another log.
pub fn verify(source: &Source, wanted: &Wanted, progress: &mut dyn FnMut(u64)) -> io::Result<Report> {
    let parts = source.parts()?;
    let whole = matches!(source, Source::Folder(_));
    if parts.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no segment of an audit log"));
    }
    let mut walk = Walk {
        stream: Stream { parts: parts.into(), lines: None, segment: None, told: 0 },
        head: None,
        segment: 0,
        log: None,
        whole,
        vouchers: Vouchers::default(),
        report: Report::default(),
    };
    if let Some(problem) = walk.run(wanted, progress)? {
        walk.report.problems.insert(0, problem);
    } else {
        walk.end();
    }
    let Walk { mut report, segment, .. } = walk;
    report.segments = segment;
    Ok(report)
}

/// The lines of all parts, one after the other.
struct Stream {
    parts: VecDeque<Part>,
    lines: Option<Lines>,
    /// What the name of the file that is being read says.
    segment: Option<u32>,
    /// How much of it `progress` has heard of.
    told: u64,
}

impl Stream {
    /// Whether the next line is a file's first; opens that file then. None at the end of all.
    fn begins(&mut self) -> io::Result<Option<bool>> {
        if self.lines.is_some() {
            return Ok(Some(false));
        }
        let Some(part) = self.parts.pop_front() else { return Ok(None) };
        self.lines = Some(part.open()?);
        (self.segment, self.told) = (part.segment, 0);
        Ok(Some(true))
    }

    fn end(&mut self, progress: &mut dyn FnMut(u64)) {
        self.tell(progress);
        self.lines = None;
    }

    fn tell(&mut self, progress: &mut dyn FnMut(u64)) {
        let bytes = self.lines.as_ref().map_or(0, Lines::bytes);
        progress(bytes.saturating_sub(self.told));
        self.told = bytes;
    }
}

struct Walk {
    stream: Stream,
    /// The end of what was found good; none before the first header.
    head: Option<Head>,
    segment: u32,
    log: Option<LogId>,
    /// Whether the source should have every segment from the first on.
    whole: bool,
    vouchers: Vouchers,
    report: Report,
}

/// What one step of the walk came to.
enum Step {
    Bad(Problem),
    End,
    Good,
}

impl Walk {
    fn run(&mut self, wanted: &Wanted, progress: &mut dyn FnMut(u64)) -> io::Result<Option<Problem>> {
        loop {
            let Some(first) = self.stream.begins()? else { return Ok(None) };
            let step = if first { self.header(wanted)? } else { self.entry()? };
            match step {
                Step::Bad(problem) => return Ok(Some(problem)),
                Step::End => self.stream.end(progress),
                Step::Good if self.report.entries.is_multiple_of(PROGRESS_ENTRIES) => self.stream.tell(progress),
                Step::Good => {}
            }
        }
    }

    /// The first line of a file.
    fn header(&mut self, wanted: &Wanted) -> io::Result<Step> {
        let expected = self.segment + 1;
        let named = self.stream.segment;
        if self.whole
            && let Some(named) = named.filter(|named| *named != expected)
        {
            let gone = if named == expected + 1 {
                format!("segment {expected} is")
            } else {
                format!("segments {expected} to {} are", named - 1)
            };
            let next = self.head.map_or(1, |head| head.sequence + 1);
            return Ok(Step::Bad(Problem {
                kind: Kind::SegmentMissing,
                segment: Some(expected),
                line: None,
                sequence: Some(next),
                detail: format!("{gone} not there"),
            }));
        }
        let Some(lines) = &mut self.stream.lines else { return Ok(Step::End) };
        let line = match lines.next() {
            Ok(Some(Line::Whole(line))) => line.to_vec(),
            Ok(Some(Line::Torn(_)) | None) if self.stream.parts.is_empty() && expected > 1 => {
                self.report.remarks.push(format!("segment {expected} had not begun when the broker ended"));
                return Ok(Step::End);
            }
            Ok(Some(Line::Torn(_)) | None) => {
                return Ok(Step::Bad(self.bad_header(Kind::Truncated, "there is no whole line in it")));
            }
            Err(error) => return Ok(Step::Bad(self.bad_header(Kind::Altered, &format!("it cannot be read: {error}")))),
        };
        let Some(header) = Header::parse(&line) else { return Ok(Step::Bad(self.no_header(&line)?)) };
        let (log, previous) = header.log().zip(header.previous()).unwrap_or((LogId([0; 16]), [0; 32]));
        let anchored = match self.head {
            Some(head) => {
                header.segment == expected
                    && header.first == head.sequence + 1
                    && previous == head.digest
                    && self.log == Some(log)
            }
            None if self.whole => header.segment == 1 && header.first == 1 && previous == log.genesis(),
            None => named.is_none_or(|named| named == header.segment) && header.first > 0,
        };
        if !anchored {
            return Ok(Step::Bad(self.misplaced_header(&header, &line)?));
        }
        if self.log.is_none() {
            if wanted.verifier.name() != format!("{ORIGIN}{log}") {
                let problem = format!("the public key is of {}, but the log is {ORIGIN}{log}", wanted.verifier.name());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
            }
            self.log = Some(log);
            self.report.log = Some(log);
            self.vouchers = Vouchers::of(wanted, log, &mut self.report);
            let before = Head { sequence: header.first - 1, digest: previous };
            self.vouchers.begin(before.sequence);
            // What stands before the first file of several that were named is for its checkpoint to say.
            if let Some(problem) = self.vouchers.check(&before, header.segment, 1) {
                return Ok(Step::Bad(problem));
            }
        }
        self.segment = header.segment;
        self.head = Some(Head { sequence: header.first - 1, digest: sha256(&line) });
        self.report.last = header.first - 1;
        Ok(Step::Good)
    }

    /// Any other line.
    fn entry(&mut self) -> io::Result<Step> {
        let (Some(lines), Some(head)) = (&mut self.stream.lines, self.head) else { return Ok(Step::End) };
        let (number, next) = (lines.number + 1, head.sequence + 1);
        let line = match lines.next() {
            Ok(Some(Line::Whole(line))) => line,
            Ok(None) => return Ok(Step::End),
            Ok(Some(Line::Torn(_))) if self.stream.parts.is_empty() => {
                self.report
                    .remarks
                    .push(format!("from line {number} on there is a half-written entry, which was never acknowledged"));
                return Ok(Step::End);
            }
            Ok(Some(Line::Torn(_))) => {
                return Ok(Step::Bad(self.bad(Kind::Truncated, number, next, "the segment ends within a line")));
            }
            Err(error) => {
                return Ok(Step::Bad(self.bad(
                    Kind::Altered,
                    number,
                    next,
                    &format!("the file cannot be read on: {error}"),
                )));
            }
        };
        let expected = Link { sequence: next, previous: head.digest };
        // A line that is no JSON is found here and not by its successor, which names the right one of the two.
        if Link::of(line) != Some(expected) || serde_json::from_slice::<IgnoredAny>(line).is_err() {
            let line = line.to_vec();
            return Ok(Step::Bad(self.misplaced_entry(&line, number, &expected)?));
        }
        let head = Head { sequence: next, digest: sha256(line) };
        self.head = Some(head);
        self.report.entries += 1;
        self.report.last = next;
        if let Some(problem) = self.vouchers.check(&head, self.segment, number) {
            return Ok(Step::Bad(problem));
        }
        Ok(Step::Good)
    }

    /// The chain is good to its end: is that the end it should have?
    fn end(&mut self) {
        let last = self.report.last;
        if let Some(problem) = self.vouchers.beyond(last, self.segment) {
            self.report.problems.insert(0, problem);
        }
        (self.report.checkpoints, self.report.vouched) = self.vouchers.borne_out();
        let unvouched = last.saturating_sub(self.report.vouched);
        if unvouched > 0 {
            self.report.remarks.push(format!("no checkpoint vouches for the last {unvouched} entries yet"));
        }
    }

    fn bad(&self, kind: Kind, line: u64, sequence: u64, detail: &str) -> Problem {
        let detail = detail.to_owned();
        Problem { kind, segment: Some(self.segment), line: Some(line), sequence: Some(sequence), detail }
    }

    fn bad_header(&self, kind: Kind, detail: &str) -> Problem {
        let sequence = self.head.map(|head| head.sequence + 1);
        let segment = Some(self.stream.segment.unwrap_or(self.segment + 1));
        Problem { kind, segment, line: Some(1), sequence, detail: detail.to_owned() }
    }
}
