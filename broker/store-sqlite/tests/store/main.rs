//! The store from outside: what it keeps, what it refuses, what it survives.
#![allow(clippy::unwrap_used)]

mod backup;
mod commits;
mod crash;
mod disk_full;
mod measure;
mod objects;
mod opening;
mod purge;
mod questions;
mod round_trip;
mod sample;
mod tampering;
