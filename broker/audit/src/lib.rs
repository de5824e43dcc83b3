//! Writes every decision down, durably, before it is answered; never decides anything itself.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod line;
mod log;
mod segment;
mod writer;

pub use log::{Counters, FileAudit, Settings};
pub use segment::OpenError;
