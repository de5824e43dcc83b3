//! Writes every decision down, durably, before it is answered, in a chain no one can edit unseen; never decides anything
//! itself.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod chain;
mod checkpoint;
mod folder;
mod intents;
mod line;
mod log;
mod notary;
mod note;
mod pack;
mod queue;
mod read;
mod refuse;
mod resume;
mod segment;
mod sink;
mod verify;
mod writer;

pub use chain::LogId;
pub use checkpoint::{Checkpoint, Checkpoints, read_notes};
pub use line::Line;
pub use log::{Counters, FileAudit, Proving, Settings};
pub use notary::Signed;
pub use note::{Note, Verifier};
pub use queue::UnderWay;
pub use read::{Entries, Source};
pub use refuse::OpenError;
pub use sink::{Counters as SinkCounters, Settings as SinkSettings};
pub use verify::{Kind, Problem, Report, Wanted, verify};
