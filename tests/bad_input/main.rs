//! Whatever a stranger sends gets a clear refusal or a closed connection: no panic, no fault of ours, no memory lost, and
//! no secret of another's in what is said about it.
#![allow(clippy::unwrap_used)]

mod arbitrary;
mod bodies;
mod bytes;
mod canary;
mod flood;
mod paths;
mod target;
