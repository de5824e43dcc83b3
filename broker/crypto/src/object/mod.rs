//! What the material of a managed object does once it is revealed: the operations of KMIP 1.4 section 4.29 and following.
//!
//! Material is what KMIP calls it: bare bytes of a symmetric key, a DER structure of a pair's half. Nothing here decides who
//! may use it, or remembers it.

pub mod cipher;
pub mod derive;
pub mod hash;
pub mod mac;
pub mod pair;
pub mod port;
mod thread;
pub mod wrap;
