//! The audit log on a real disk.
#![allow(clippy::unwrap_used)]

mod attack;
mod bench;
mod crash;
mod log;
mod rotation;
mod sink;
mod speed;
