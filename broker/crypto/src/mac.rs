//! HMAC-SHA256 (RFC 2104, FIPS 198-1).

use std::fmt;

use aws_lc_rs::hmac::{HMAC_SHA256, Key};
use broker_core::secret::Secret;

use crate::CryptoError;
use crate::derive::{DERIVED_BYTES, derive};

/// Length in bytes of a tag.
pub const TAG_BYTES: usize = 32;

/// A key that proves bytes unchanged. Wiped when dropped.
pub struct MacKey(Key);

impl MacKey {
    /// From a key of at least 32 bytes.
    ///
    /// # Errors
    /// `BadKey` when it is shorter.
    pub fn from_secret(key: &Secret) -> Result<Self, CryptoError> {
        if key.len() < DERIVED_BYTES {
            return Err(CryptoError::BadKey);
        }
        Ok(Self(Key::new(HMAC_SHA256, key.expose())))
    }

    /// The key under `parent` (32 bytes or more) for the purpose `info` (at most 1024 bytes), by HKDF.
    ///
    /// # Errors
    /// `BadKey` for a short parent, `BadLength` for a long purpose.
    pub fn derive(parent: &Secret, info: &[u8]) -> Result<Self, CryptoError> {
        Self::from_secret(&derive(parent, "mac", info)?)
    }

    /// The 32-byte tag of the message.
    #[must_use]
    pub fn tag(&self, message: &[u8]) -> [u8; TAG_BYTES] {
        sized(aws_lc_rs::hmac::sign(&self.0, message).as_ref())
    }

    /// Whether this is the whole tag of the message, in constant time. A shortened tag is a wrong one.
    #[must_use]
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        aws_lc_rs::hmac::verify(&self.0, message, tag).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

fn sized(tag: &[u8]) -> [u8; TAG_BYTES] {
    let mut bytes = [0; TAG_BYTES];
    bytes.copy_from_slice(tag);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 case 6: a key longer than a block.
    const CASE_6: [u8; 32] = [
        0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f, 0x0d, 0x8a, 0x26, 0xaa, 0xcb, 0xf5, 0xb7, 0x7f, 0x8e, 0x0b,
        0xc6, 0x21, 0x37, 0x28, 0xc5, 0x14, 0x05, 0x46, 0x04, 0x0f, 0x0e, 0xe3, 0x7f, 0x54,
    ];

    #[test]
    fn case_6_of_rfc_4231_comes_out_as_printed() {
        let key = MacKey::from_secret(&Secret::new(vec![0xaa; 131])).unwrap();
        assert_eq!(key.tag(b"Test Using Larger Than Block-Size Key - Hash Key First"), CASE_6);
    }

    #[test]
    fn a_changed_shortened_or_foreign_tag_is_refused() {
        let key = MacKey::derive(&Secret::new(vec![1; 32]), b"audit").unwrap();
        let tag = key.tag(b"entry");
        assert!(key.verify(b"entry", &tag));
        assert!(!key.verify(b"entrx", &tag));
        assert!(!key.verify(b"entry", &tag[..16]));
        assert!(!key.verify(b"entry", b""));
        for bit in 0..256 {
            let mut flipped = tag;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.verify(b"entry", &flipped));
        }
        let other = MacKey::derive(&Secret::new(vec![1; 32]), b"other").unwrap();
        assert!(!other.verify(b"entry", &tag));
    }

    #[test]
    fn a_short_key_is_refused() {
        assert_eq!(MacKey::from_secret(&Secret::new(vec![1; 31])).unwrap_err(), CryptoError::BadKey);
    }
}
