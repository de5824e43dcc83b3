//! Which changes have an intent in the log and no outcome yet.

use std::collections::HashMap;

use broker_core::entry::Phase;

use crate::line::Line;

/// More intents than this open at once are remembered only by the oldest segment that may hold one.
const OPEN_MAX: usize = 65_536;

/// An entry of a change, as the writer has to know it.
#[derive(Debug)]
pub struct Step {
    deed: String,
    opens: bool,
}

impl Step {
    /// None for an entry that tells a deed all in one line.
    #[must_use]
    pub fn of(line: &Line<'_>) -> Option<Self> {
        let opens = line.phase == Phase::Intent.word();
        (opens || line.phase == Phase::Outcome.word()).then(|| Self { deed: line.deed(), opens })
    }
}

/// The open intents of a running log, by where they stand.
#[derive(Debug, Default)]
pub struct Intents {
    open: HashMap<String, u32>,
    /// Of those that found no room.
    surplus_from: Option<u32>,
}

impl Intents {
    /// Takes note of a durable entry in that segment.
    pub fn note(&mut self, step: Step, segment: u32) {
        if !step.opens {
            self.open.remove(&step.deed);
        } else if self.open.len() < OPEN_MAX {
            self.open.insert(step.deed, segment);
        } else {
            self.surplus_from.get_or_insert(segment);
        }
    }

    /// The oldest segment that holds an open intent.
    #[must_use]
    pub fn oldest_segment(&self) -> Option<u32> {
        self.open.values().copied().chain(self.surplus_from).min()
    }
}

/// The open intents that an earlier run left, in the order in which they were written.
#[derive(Debug, Default)]
pub struct Leftover {
    open: HashMap<String, (u64, Line<'static>)>,
}

impl Leftover {
    /// Takes note of a line of the log that was read.
    pub fn note(&mut self, sequence: u64, line: &[u8]) {
        // Most entries are of no change; this tells without parsing them.
        let phases = [&b"\"phase\":\"intent\""[..], &b"\"phase\":\"outcome\""[..]];
        if !phases.iter().any(|phase| line.windows(phase.len()).any(|window| window == *phase)) {
            return;
        }
        let Some(line) = Line::parse(line) else { return };
        match Step::of(&line) {
            Some(Step { deed, opens: true }) => {
                self.open.insert(deed, (sequence, line));
            }
            Some(Step { deed, opens: false }) => {
                self.open.remove(&deed);
            }
            None => {}
        }
    }

    #[must_use]
    pub fn into_lines(self) -> Vec<Line<'static>> {
        let mut lines: Vec<_> = self.open.into_values().collect();
        lines.sort_by_key(|(sequence, _)| *sequence);
        lines.into_iter().map(|(_, line)| line).collect()
    }
}
