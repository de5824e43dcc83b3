//! What the crate claims, against certificates made here: no key is kept in the repository.
#![allow(clippy::unwrap_used)]

mod arbitrary;
mod authority;
mod handshake;
mod identify;
mod live;
mod names;
mod pair;
mod server;
mod trusted;
