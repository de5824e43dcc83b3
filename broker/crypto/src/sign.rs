//! Ed25519 (RFC 8032): the broker's own signatures, over what it publishes.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use broker_core::secret::Secret;

use crate::{CryptoError, random};

/// Length in bytes of a public key and of a seed.
pub const KEY_BYTES: usize = 32;
/// Length in bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// A key that signs. Wiped when dropped.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    seed: Secret,
    public: [u8; KEY_BYTES],
}

impl SigningKey {
    /// A random key.
    ///
    /// # Errors
    /// `Internal` when the generator fails.
    pub fn generate() -> Result<Self, CryptoError> {
        Self::from_seed(random::secret(KEY_BYTES)?)
    }

    /// From the 32-byte seed (RFC 8032 section 5.1.5), which is the whole private key.
    ///
    /// # Errors
    /// `BadKey` for any other length.
    pub fn from_seed(seed: Secret) -> Result<Self, CryptoError> {
        // "Unchecked" is the public half, which is computed here from the seed: there is nothing to check it against.
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| CryptoError::BadKey)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| CryptoError::Internal)?;
        Ok(Self { pair, seed, public })
    }

    /// The seed, to be sealed and stored.
    #[must_use]
    pub fn seed(&self) -> &Secret {
        &self.seed
    }

    #[must_use]
    pub fn public_key(&self) -> [u8; KEY_BYTES] {
        self.public
    }

    /// Signs the message itself, not a digest of it.
    ///
    /// # Errors
    /// `Internal` when the library fails.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], CryptoError> {
        let signature = self.pair.try_sign(message).map_err(|_| CryptoError::Internal)?;
        signature.as_ref().try_into().map_err(|_| CryptoError::Internal)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// Whether this key signed this message.
#[must_use]
pub fn verify(public_key: &[u8; KEY_BYTES], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032 section 7.1, test 1: the empty message.
    const SEED: [u8; 32] = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
        0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ];
    const PUBLIC: [u8; 32] = [
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1,
        0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
    ];
    const SIGNATURE: [u8; 64] = [
        0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80, 0x6e, 0x82, 0x8a, 0x84, 0x87,
        0x7f, 0x1e, 0xb8, 0xe5, 0xd9, 0x74, 0xd8, 0x73, 0xe0, 0x65, 0x22, 0x49, 0x01, 0x55, 0x5f, 0xb8, 0x82, 0x15,
        0x90, 0xa3, 0x3b, 0xac, 0xc6, 0x1e, 0x39, 0x70, 0x1c, 0xf9, 0xb4, 0x6b, 0xd2, 0x5b, 0xf5, 0xf0, 0x59, 0x5b,
        0xbe, 0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a, 0x10, 0x0b,
    ];

    #[test]
    fn test_1_of_rfc_8032_comes_out_as_printed() {
        let key = SigningKey::from_seed(Secret::copied_from(&SEED)).unwrap();
        assert_eq!(key.public_key(), PUBLIC);
        assert_eq!(key.sign(b"").unwrap(), SIGNATURE);
        assert!(verify(&PUBLIC, b"", &SIGNATURE));
    }

    #[test]
    fn a_changed_message_signature_or_key_is_refused() {
        let key = SigningKey::generate().unwrap();
        let signature = key.sign(b"checkpoint").unwrap();
        assert!(verify(&key.public_key(), b"checkpoint", &signature));
        assert!(!verify(&key.public_key(), b"checkpoinu", &signature));
        assert!(!verify(&SigningKey::generate().unwrap().public_key(), b"checkpoint", &signature));
        assert!(!verify(&[0xff; 32], b"checkpoint", &signature));
        assert!(!verify(&key.public_key(), b"checkpoint", &signature[..63]));
        let mut flipped = signature;
        flipped[10] ^= 1;
        assert!(!verify(&key.public_key(), b"checkpoint", &flipped));
    }

    #[test]
    fn a_seed_brings_the_same_key_back_and_a_short_one_is_refused() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_seed(Secret::copied_from(key.seed().expose())).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        assert_eq!(SigningKey::from_seed(Secret::new(vec![1; 31])).unwrap_err(), CryptoError::BadKey);
    }
}
