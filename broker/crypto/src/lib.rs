//! The only room that links a cryptographic library; constant time, or it is not here.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod constant;
mod der;
pub mod derive;
pub mod digest;
mod ec;
pub mod error;
mod gcm;
pub mod jwk;
pub mod key;
pub mod mac;
pub mod object;
mod oct;
pub mod random;
pub mod root;
mod rsa;
pub mod seal;
pub mod share;
pub mod sign;
pub mod verify;
pub mod wrap;

pub use error::CryptoError;
