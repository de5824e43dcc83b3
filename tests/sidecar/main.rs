//! `keybroker sidecar`: programs that cannot show a certificate use the broker through it, and no one else on the machine.
#![allow(clippy::unwrap_used)]

mod claims;
mod host;
mod programs;
mod proxy;
mod samples;
