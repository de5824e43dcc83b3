//! SHA-256 (FIPS 180-4).

use aws_lc_rs::digest::{Context, Digest, SHA256, SHA384, SHA512};
use broker_core::algorithm::SignAlgorithm;

use crate::CryptoError;

/// Length in bytes of a SHA-256 digest.
pub const SHA256_BYTES: usize = 32;

/// The SHA-256 digest of the bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; SHA256_BYTES] {
    sized(&aws_lc_rs::digest::digest(&SHA256, bytes))
}

/// SHA-256 over bytes that come in pieces.
#[derive(Clone)]
pub struct Sha256(Context);

impl Sha256 {
    #[must_use]
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    #[must_use]
    pub fn finish(self) -> [u8; SHA256_BYTES] {
        sized(&self.0.finish())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

fn sized(digest: &Digest) -> [u8; SHA256_BYTES] {
    let mut bytes = [0; SHA256_BYTES];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

/// A digest that a caller computed, as the library wants it; `BadLength` if it is not of the algorithm's size.
pub(crate) fn imported(algorithm: SignAlgorithm, digest: &[u8]) -> Result<Digest, CryptoError> {
    let hash = match algorithm {
        SignAlgorithm::Rs256 | SignAlgorithm::Ps256 | SignAlgorithm::Es256 => &SHA256,
        SignAlgorithm::Rs384 | SignAlgorithm::Ps384 | SignAlgorithm::Es384 => &SHA384,
        SignAlgorithm::Rs512 | SignAlgorithm::Ps512 | SignAlgorithm::Es512 => &SHA512,
    };
    Digest::import_less_safe(digest, hash).map_err(|_| CryptoError::BadLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: [u8; 32] = [
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03,
        0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    ];

    #[test]
    fn the_digest_of_abc_is_the_standards_whole_or_in_pieces() {
        assert_eq!(sha256(b"abc"), ABC);
        let mut pieces = Sha256::new();
        pieces.update(b"a");
        pieces.update(b"");
        pieces.update(b"bc");
        assert_eq!(pieces.finish(), ABC);
    }

    #[test]
    fn a_digest_of_another_size_is_not_taken() {
        for algorithm in SignAlgorithm::ALL {
            for length in [0, 20, 31, 32, 33, 48, 64, 65] {
                let taken = imported(*algorithm, &vec![7; length]).map(|digest| digest.as_ref().len());
                let claim = if length == algorithm.digest_bytes() { Ok(length) } else { Err(CryptoError::BadLength) };
                assert_eq!(taken, claim, "{algorithm} {length}");
            }
        }
    }
}
