//! Keys in a real token (SoftHSM), through the real binary and over mutual TLS; workers that are killed, and heal.
#![allow(clippy::unwrap_used)]

mod any_module;
mod failover;
mod faults;
mod flat;
mod kills;
mod kmip;
mod plant;
mod purge;
mod sandbox;
mod verbs;
