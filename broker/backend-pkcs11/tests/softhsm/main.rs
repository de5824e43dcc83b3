//! The backend against real SoftHSM tokens, made fresh for each test, in worker processes of their own.
#![allow(clippy::unwrap_used)]

mod failover;
mod faults;
mod generation;
mod inspect;
mod kills;
mod login;
mod measure;
mod plant;
mod round_trips;
