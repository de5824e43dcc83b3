//! Keys from a key: HKDF with SHA-256 (RFC 5869).

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use broker_core::secret::Secret;
use zeroize::Zeroizing;

use crate::CryptoError;

/// Length in bytes of a derived key, and the least a parent key may have.
pub const DERIVED_BYTES: usize = 32;
/// Longest `info` in bytes.
pub const INFO_BYTES_MAX: usize = 1024;

/// Set once: another salt is another key for everything.
const SALT: &[u8] = b"keybroker v1";

/// The 32-byte key under `parent` for one `kind` of use and one purpose `info`.
///
/// The kind is ours, the purpose the caller's: a sealing key and a MAC key of the same purpose are unrelated. The
/// kind is closed by a zero byte, so that no kind and purpose run into each other.
///
/// # Errors
/// `BadKey` when the parent is shorter than 32 bytes; `BadLength` when `info` is longer than 1024 bytes.
pub(crate) fn derive(parent: &Secret, kind: &str, info: &[u8]) -> Result<Secret, CryptoError> {
    if parent.len() < DERIVED_BYTES {
        return Err(CryptoError::BadKey);
    }
    if info.len() > INFO_BYTES_MAX {
        return Err(CryptoError::BadLength);
    }
    let mut key = Zeroizing::new(vec![0; DERIVED_BYTES]);
    hkdf_sha256(SALT, parent, &[kind.as_bytes(), &[0], info], &mut key)?;
    Ok(Secret::new(std::mem::take(&mut *key)))
}

/// RFC 5869: extract with `salt`, expand with the parts of `info` one after another. `Internal` when more than
/// 255 * 32 bytes are asked for.
fn hkdf_sha256(salt: &[u8], input: &Secret, info: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    Salt::new(HKDF_SHA256, salt)
        .extract(input.expose())
        .expand(info, Length(output.len()))
        .and_then(|key| key.fill(output))
        .map_err(|_| CryptoError::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_1_of_rfc_5869_comes_out_as_printed() {
        let mut output = [0; 42];
        let salt: Vec<u8> = (0..13).collect();
        let info: Vec<u8> = (0xf0..0xfa).collect();
        hkdf_sha256(&salt, &Secret::new(vec![0x0b; 22]), &[&info], &mut output).unwrap();
        let claim = [
            0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64, 0xd0, 0x36, 0x2f, 0x2a, 0x2d, 0x2d,
            0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c, 0x5d, 0xb0, 0x2d, 0x56, 0xec, 0xc4, 0xc5, 0xbf, 0x34, 0x00, 0x72, 0x08,
            0xd5, 0xb8, 0x87, 0x18, 0x58, 0x65,
        ];
        assert_eq!(output, claim);
    }

    #[test]
    fn another_parent_kind_or_purpose_is_another_key() {
        let parent = Secret::new(vec![1; 32]);
        let key = |parent: &Secret, kind, info: &[u8]| derive(parent, kind, info).unwrap().expose().to_vec();
        let first = key(&parent, "seal", b"records");
        assert_eq!(first, key(&parent, "seal", b"records"));
        assert_ne!(first, key(&parent, "seal", b"grants"));
        assert_ne!(first, key(&parent, "mac", b"records"));
        assert_ne!(first, key(&Secret::new(vec![2; 32]), "seal", b"records"));
        assert_ne!(key(&parent, "seal", b"x"), key(&parent, "sealx", b""));
    }

    #[test]
    fn a_short_parent_and_an_endless_purpose_are_refused() {
        assert_eq!(derive(&Secret::new(vec![1; 31]), "seal", b"x").unwrap_err(), CryptoError::BadKey);
        let parent = Secret::new(vec![1; 32]);
        assert_eq!(derive(&parent, "seal", &[0; 1025]).unwrap_err(), CryptoError::BadLength);
        assert!(derive(&parent, "seal", &[0; 1024]).is_ok());
    }
}
