//! Asks the front as Managed HSM does, on a broker of fakes.
#![allow(clippy::unwrap_used)]

mod arbitrary;
mod contact;
mod examples;
mod keys;
mod permissions;
mod visitor;
