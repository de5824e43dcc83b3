//! Real guests in the real room: what they may do, and what they may not.
#![allow(clippy::unwrap_used)]

mod compiled_cache;
mod frames;
mod loading;
mod misbehaviour;
mod plant;
mod round_trips;
