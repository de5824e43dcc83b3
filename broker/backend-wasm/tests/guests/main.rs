//! Real guests in the real room: what they may do, and what they may not.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout)] // what was measured, shown on request

mod compiled_cache;
mod contract;
mod frames;
mod loading;
mod misbehaviour;
mod plant;
mod round_trips;
#[path = "../../../crypto/tests/vector/mod.rs"]
#[allow(dead_code)] // one key of it is used here
mod vector;
