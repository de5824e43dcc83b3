//! Sealing what we keep ourselves: AES-256-GCM, bound to the place it belongs to.

use std::fmt;

use broker_core::secret::Secret;

use crate::derive::derive;
use crate::gcm::{GcmKey, IV_BYTES, TAG_BYTES};
use crate::{CryptoError, random};

/// How many bytes a sealing adds: 12 of nonce before, 16 of tag after.
pub const OVERHEAD_BYTES: usize = IV_BYTES + TAG_BYTES;
/// Longest plaintext in bytes.
pub const PLAINTEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Length in bytes of a sealing key.
pub const KEY_BYTES: usize = 32;

/// A key for AES-256-GCM with a random 12-byte nonce (NIST SP 800-38D section 8.2.2).
///
/// A random nonce allows 2^32 sealings under one key before a repeat becomes likelier than 2^-32, and one repeat gives
/// the key's authentication away. So: one derived key for each purpose and, where a purpose writes without end, for
/// each generation of it; never one key for everything.
pub struct SealKey(GcmKey);

impl SealKey {
    /// From exactly 32 bytes.
    ///
    /// # Errors
    /// `BadKey` for any other length.
    pub fn from_secret(key: &Secret) -> Result<Self, CryptoError> {
        GcmKey::new(key.expose()).map(Self)
    }

    /// The key under `parent` (32 bytes or more) for the purpose `info` (at most 1024 bytes), by HKDF.
    ///
    /// # Errors
    /// `BadKey` for a short parent, `BadLength` for a long purpose.
    pub fn derive(parent: &Secret, info: &[u8]) -> Result<Self, CryptoError> {
        Self::from_secret(&derive(parent, "seal", info)?)
    }

    /// A random key that lives and dies with this process.
    ///
    /// # Errors
    /// `Internal` when the generator fails.
    pub fn generate() -> Result<Self, CryptoError> {
        Self::from_secret(&random::secret(KEY_BYTES)?)
    }

    /// Nonce, ciphertext and tag in one: 28 bytes longer than the plaintext. `aad` names the place and must be given
    /// again to open.
    ///
    /// # Errors
    /// `BadLength` when the plaintext is longer than 16 MiB; `Internal` when the generator fails.
    pub fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if plaintext.len() > PLAINTEXT_BYTES_MAX {
            return Err(CryptoError::BadLength);
        }
        let parts = self.0.seal(aad, plaintext)?;
        let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD_BYTES);
        sealed.extend_from_slice(&parts.iv);
        sealed.extend_from_slice(&parts.ciphertext);
        sealed.extend_from_slice(&parts.tag);
        Ok(sealed)
    }

    /// The plaintext of what [`SealKey::seal`] gave for the same `aad`.
    ///
    /// # Errors
    /// `Unwrappable` for anything else.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Secret, CryptoError> {
        let longest = PLAINTEXT_BYTES_MAX + OVERHEAD_BYTES;
        if sealed.len() < OVERHEAD_BYTES || sealed.len() > longest {
            return Err(CryptoError::Unwrappable);
        }
        let (iv, rest) = sealed.split_at(IV_BYTES);
        let (ciphertext, tag) = rest.split_at(rest.len() - TAG_BYTES);
        self.0.open(iv, aad, ciphertext, tag)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_sealed_opens_only_whole_in_its_place_and_with_its_key() {
        let parent = Secret::new(vec![7; 32]);
        let key = SealKey::derive(&parent, b"records").unwrap();
        let sealed = key.seal(b"key/1", b"material").unwrap();
        assert_eq!(sealed.len(), 8 + OVERHEAD_BYTES);
        assert_eq!(key.open(b"key/1", &sealed).unwrap().expose(), b"material");

        let refused = |key: &SealKey, aad: &[u8], bytes: &[u8]| {
            assert_eq!(key.open(aad, bytes).unwrap_err(), CryptoError::Unwrappable);
        };
        refused(&key, b"key/2", &sealed);
        refused(&SealKey::derive(&parent, b"grants").unwrap(), b"key/1", &sealed);
        refused(&SealKey::generate().unwrap(), b"key/1", &sealed);
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            refused(&key, b"key/1", &flipped);
        }
        for length in 0..sealed.len() {
            refused(&key, b"key/1", &sealed[..length]);
        }
        let mut longer = sealed.clone();
        longer.push(0);
        refused(&key, b"key/1", &longer);
    }

    #[test]
    fn nothing_can_be_sealed_and_too_much_cannot() {
        let key = SealKey::generate().unwrap();
        let empty = key.seal(b"", b"").unwrap();
        assert!(key.open(b"", &empty).unwrap().is_empty());
        let long = vec![0; PLAINTEXT_BYTES_MAX + 1];
        assert_eq!(key.seal(b"", &long).unwrap_err(), CryptoError::BadLength);
        assert_eq!(key.open(b"", &[long, vec![0; 28]].concat()).unwrap_err(), CryptoError::Unwrappable);
    }

    #[test]
    fn a_key_of_another_size_is_refused() {
        for length in [0, 16, 31, 33] {
            assert_eq!(SealKey::from_secret(&Secret::new(vec![1; length])).unwrap_err(), CryptoError::BadKey);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_without_a_panic(aad: Vec<u8>, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let key = SealKey::from_secret(&Secret::new(vec![3; 32])).unwrap();
            prop_assert_eq!(key.open(&aad, &bytes).unwrap_err(), CryptoError::Unwrappable);
        }

        #[test]
        fn any_bytes_come_back_as_they_went(aad: Vec<u8>, bytes: Vec<u8>) {
            let key = SealKey::from_secret(&Secret::new(vec![3; 32])).unwrap();
            let sealed = key.seal(&aad, &bytes).unwrap();
            let opened = key.open(&aad, &sealed).unwrap();
            prop_assert_eq!(opened.expose(), &bytes);
        }
    }
}
