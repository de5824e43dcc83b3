//! Speaks KMIP 1.0 to 1.4 over TTLV: bytes in, bytes out; never opens a socket.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod name;
pub mod table;
pub mod ttlv;
