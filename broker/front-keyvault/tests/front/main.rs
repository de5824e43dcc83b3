//! Asks the front as clients do, on a broker of fakes.
#![allow(clippy::unwrap_used)]

mod arbitrary;
mod examples;
mod first_contact;
mod keys;
mod permissions;
mod visitor;
