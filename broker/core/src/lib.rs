//! Decides who may do what to which key; never touches a socket, a disk or a clock.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod algorithm;
pub mod broker;
pub mod counter;
pub mod elevation;
pub mod entry;
pub mod grant;
pub mod identity;
pub mod imported;
pub mod key;
pub mod name;
pub mod network;
pub mod object;
pub mod object_crypto;
pub mod permission;
pub mod port;
pub mod rate;
pub mod refusal;
pub mod rotation;
pub mod secret;
mod shards;
pub mod turn;
pub mod usage;
pub mod vault;
pub mod verb;
