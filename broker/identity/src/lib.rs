//! Turns a client's certificate chain into a principal; never opens a socket.
//!
//! `TrustSpec` (what the operator listed) becomes `Trust` (immutable), which `LiveTrust` holds and replaces while
//! connections run. `ClientVerifier` asks it in every handshake, a `Session` asks it again before every request.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ca;
mod crl;
mod denial;
mod live;
mod name_of;
mod pem;
mod server;
mod spec;
mod tls;
mod trust;
mod verifier;
mod x509;

pub use ca::CaFault;
pub use crl::CrlFault;
pub use denial::Denial;
pub use live::{LiveTrust, OnDenial, Session, TrustState};
pub use pem::FileFault;
pub use server::{ServerCertificate, ServerError, ServerIdentity, Standing};
pub use spec::{CaFiles, CaSpec, NameSource, Pin, PinError, TrustSpec};
pub use tls::{LiveTls, Offer, tls_config};
pub use trust::{CHAIN_BYTES_MAX, CHAIN_CERTIFICATES_MAX, Expiry, ExpiryKind, Identity, Trust, TrustError};
pub use verifier::ClientVerifier;
