//! Asks the front as clients do, on a broker of fakes.
#![allow(clippy::unwrap_used)]

mod arbitrary;
mod deletion;
mod examples;
mod first_contact;
mod import;
mod keys;
mod permissions;
mod rotation_policy;
mod sign;
mod visitor;
