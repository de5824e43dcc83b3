//! The KMIP listener through the real binary: who is let in, what slow and oversized messages cost, how a vault's KEK is
//! rotated under load and under kill -9, and many clients at once.
#![allow(clippy::unwrap_used)]

mod batch;
mod door;
mod load;
mod rotation;
mod scale;
