//! The broker's own Unix socket: one JSON line in, one JSON line out; the peer's uid is the principal.

pub mod client;
mod kmip;
mod perform;
mod socket;
pub mod wire;

pub use perform::Desk;
pub use socket::Door;
