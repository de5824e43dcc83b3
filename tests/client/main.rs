//! `keybroker client`: what people and scripts do with keys, over the same API and certificates as any other client.
#![allow(clippy::unwrap_used)]

mod desk;
mod keys;
mod luks;
mod rewrap;
