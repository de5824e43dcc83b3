//! The campaigns: which fault strikes whom.

use super::ledger::Violation;
use super::stage::{Round, Stage, Struck};
use crate::disk::Fault;

/// What the broker is about when the fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One client's work.
    Work,
    /// Four clients' work: entries and commits share syncs.
    Crowd,
    /// One client's work, from the call on until the disk is healed.
    Lasting,
    /// The first start, which makes the audit.
    FirstStart,
    /// A start after a kill in the midst of a write.
    Start,
    /// One client's work, and the audit closes and compresses a segment meanwhile.
    Rotation,
}

/// One kind of work, one fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Campaign {
    pub kind: Kind,
    pub fault: Fault,
}

impl Kind {
    pub const ALL: [Self; 6] = [Self::Work, Self::Crowd, Self::Lasting, Self::FirstStart, Self::Start, Self::Rotation];

    /// Whether the broker is struck while it comes up.
    #[must_use]
    pub const fn is_start(self) -> bool {
        matches!(self, Self::FirstStart | Self::Start)
    }

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Crowd => "four clients' work",
            Self::FirstStart => "first start",
            Self::Lasting => "work, from the call on",
            Self::Rotation => "work across a segment's end",
            Self::Start => "start after a kill",
            Self::Work => "work",
        }
    }

    /// The faults that it is played with.
    #[must_use]
    pub fn faults(self) -> Vec<Fault> {
        match self {
            Self::Crowd => vec![Fault::Cut, Fault::CutSome, Fault::Kill],
            Self::Lasting => vec![Fault::Eio, Fault::Enospc, Fault::Erofs],
            Self::Rotation => [&Fault::DEADLY[..], &[Fault::Eio, Fault::Enospc]].concat(),
            Self::FirstStart | Self::Start | Self::Work => [Fault::DEADLY, Fault::BEARABLE].concat(),
        }
    }

    /// A broker that this kind can be played with, and how many calls there are to strike.
    ///
    /// # Errors
    /// Something is wrong without any fault.
    pub fn stage(self) -> Result<(Stage, u64), Violation> {
        let mut stage = Stage::new();
        let mut calls = stage.calls()?;
        match self {
            Self::Crowd => calls *= 2,
            Self::FirstStart => {
                stage.keep_fresh()?;
                calls = stage.calls_from_snapshot()?;
            }
            Self::Lasting | Self::Work => {}
            Self::Rotation => {
                stage.keep_full_segment()?;
                calls = stage.calls_from_snapshot()?;
            }
            Self::Start => {
                stage.keep_crashed(calls / 2)?;
                calls = stage.calls_from_snapshot()?;
            }
        }
        Ok((stage, calls))
    }
}

impl Campaign {
    /// Plays a round on the stage of its kind.
    ///
    /// # Errors
    /// Something that was answered is not as it was answered.
    pub fn play(self, stage: &mut Stage, at: u64, seed: u64) -> Result<Struck, Violation> {
        let round = Round::new(self.fault, at, seed);
        match self.kind {
            Kind::Crowd => stage.round(Round { clients: 4, ..round }),
            Kind::Lasting => stage.round(Round { stays: true, ..round }),
            Kind::Rotation => stage.rotation(round),
            Kind::FirstStart | Kind::Start => stage.start(round),
            Kind::Work => stage.round(round),
        }
    }
}
