//! A key made elsewhere, by the numbers of its JSON Web Key (RFC 7518 section 6).
//!
//! Numbers are unsigned big-endian; leading zeros may be there or missing. Nobody has checked here that they belong
//! together: that is for whoever takes the key over.

use crate::algorithm::KeyFamily;
use crate::secret::Secret;

/// A private or symmetric key.
#[derive(Debug)]
pub enum ImportedKey {
    Ec(EcNumbers),
    /// The key's own bytes.
    Oct(Secret),
    Rsa(Box<RsaNumbers>),
}

/// An elliptic curve private key with its point (RFC 7518 section 6.2).
#[derive(Debug)]
pub struct EcNumbers {
    pub x: Vec<u8>,
    pub y: Vec<u8>,
    pub d: Secret,
}

/// An RSA private key, all of it: RFC 7518 section 6.3.2 lets a JWK leave out all but `d`, we do not.
#[derive(Debug)]
pub struct RsaNumbers {
    pub n: Vec<u8>,
    pub e: Vec<u8>,
    pub d: Secret,
    pub p: Secret,
    pub q: Secret,
    pub dp: Secret,
    pub dq: Secret,
    pub qi: Secret,
}

impl ImportedKey {
    #[must_use]
    pub const fn family(&self) -> KeyFamily {
        match self {
            Self::Ec(_) => KeyFamily::Ec,
            Self::Oct(_) => KeyFamily::Oct,
            Self::Rsa(_) => KeyFamily::Rsa,
        }
    }
}
