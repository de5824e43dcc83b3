//! AES-256-GCM (NIST SP 800-38D) with the bytes where we want them: plaintext only ever in wiped buffers.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use broker_core::secret::Secret;
use zeroize::Zeroizing;

use crate::{CryptoError, random};

/// Length in bytes of the initialisation vector; the one length this room uses.
pub(crate) const IV_BYTES: usize = NONCE_LEN;
/// Length in bytes of the tag; a shortened tag is not taken.
pub(crate) const TAG_BYTES: usize = 16;

/// The key schedule, made once. "Less safe" is the library's word for a key whose caller brings the IV: the IV is
/// drawn in [`GcmKey::seal`] and nowhere else.
pub(crate) struct GcmKey(LessSafeKey);

/// What sealing gives.
pub(crate) struct Sealed {
    pub(crate) iv: [u8; IV_BYTES],
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) tag: [u8; TAG_BYTES],
}

impl GcmKey {
    /// From exactly 32 bytes, else `BadKey`.
    pub(crate) fn new(key: &[u8]) -> Result<Self, CryptoError> {
        UnboundKey::new(&AES_256_GCM, key).map(|key| Self(LessSafeKey::new(key))).map_err(|_| CryptoError::BadKey)
    }

    /// Seals under a fresh random IV.
    pub(crate) fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Result<Sealed, CryptoError> {
        let iv = random::random()?;
        let mut buffer = Zeroizing::new(plaintext.to_vec());
        let sealed = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::from(aad), &mut buffer)
            .map_err(|_| CryptoError::Internal)?;
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(sealed.as_ref());
        Ok(Sealed { iv, ciphertext: std::mem::take(&mut *buffer), tag })
    }

    /// Opens, or `Unwrappable` whatever is wrong.
    pub(crate) fn open(&self, iv: &[u8], aad: &[u8], ciphertext: &[u8], tag: &[u8]) -> Result<Secret, CryptoError> {
        let nonce = Nonce::try_assume_unique_for_key(iv).map_err(|_| CryptoError::Unwrappable)?;
        if tag.len() != TAG_BYTES {
            return Err(CryptoError::Unwrappable);
        }
        let mut plaintext = Zeroizing::new(vec![0; ciphertext.len()]);
        self.0
            .open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, &mut plaintext)
            .map_err(|_| CryptoError::Unwrappable)?;
        Ok(Secret::new(std::mem::take(&mut *plaintext)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_size_is_refused() {
        for length in [0, 16, 24, 31, 33] {
            assert_eq!(GcmKey::new(&vec![1; length]).err(), Some(CryptoError::BadKey));
        }
    }

    #[test]
    fn no_two_sealings_share_an_iv() {
        let key = GcmKey::new(&[1; 32]).unwrap();
        let ivs: std::collections::HashSet<_> = (0..1000).map(|_| key.seal(b"", b"x").unwrap().iv).collect();
        assert_eq!(ivs.len(), 1000);
    }
}
