//! Symmetric keys of 128, 192 and 256 bits: AES key wrap (RFC 3394), with padding (RFC 5649), and AES-256-GCM.
//!
//! The library has no key wrap with a 192-bit key, so such a key is kept but wraps nothing.

use aws_lc_rs::key_wrap::{AES_128, AES_256, AesBlockCipher, AesKek, KeyWrap, KeyWrapPadded};
use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::secret::Secret;
use zeroize::Zeroizing;

use crate::gcm::{GcmKey, TAG_BYTES};
use crate::key::{AAD_BYTES_MAX, SECRET_BYTES_MAX};
use crate::{CryptoError, random};

/// Size in bytes of the half block that key wrap works in.
const SEMIBLOCK_BYTES: usize = 8;

pub(crate) struct OctKey {
    material: Secret,
    gcm: Option<GcmKey>,
}

impl OctKey {
    pub(crate) fn generate(spec: KeySpec) -> Result<Secret, CryptoError> {
        random::secret(key_bytes(spec))
    }

    pub(crate) fn from_bytes(spec: KeySpec, material: &[u8]) -> Result<Self, CryptoError> {
        if material.len() != key_bytes(spec) {
            return Err(CryptoError::BadKey);
        }
        let gcm = if spec == KeySpec::Oct256 { Some(GcmKey::new(material)?) } else { None };
        Ok(Self { material: Secret::copied_from(material), gcm })
    }

    pub(crate) fn to_bytes(&self) -> Secret {
        Secret::copied_from(self.material.expose())
    }

    pub(crate) fn wrap(
        &self,
        algorithm: WrapAlgorithm,
        secret: &[u8],
        extras: &WrapExtras,
    ) -> Result<Wrapped, CryptoError> {
        if secret.is_empty() || secret.len() > SECRET_BYTES_MAX || extras.aad.len() > AAD_BYTES_MAX {
            return Err(CryptoError::BadLength);
        }
        let value = match kind(algorithm)? {
            Kind::Wrap(cipher) => {
                // RFC 3394 section 2: at least two half blocks. One alone is RFC 5649's business.
                if secret.len() < 2 * SEMIBLOCK_BYTES || !secret.len().is_multiple_of(SEMIBLOCK_BYTES) {
                    return Err(CryptoError::BadLength);
                }
                let mut buffer = Zeroizing::new(vec![0; secret.len() + SEMIBLOCK_BYTES]);
                self.kek(cipher)?.wrap(secret, &mut buffer).map_err(|_| CryptoError::Internal)?.to_vec()
            }
            Kind::WrapPadded(cipher) => {
                let mut buffer = Zeroizing::new(vec![0; secret.len() + 2 * SEMIBLOCK_BYTES - 1]);
                self.kek(cipher)?.wrap_with_padding(secret, &mut buffer).map_err(|_| CryptoError::Internal)?.to_vec()
            }
            Kind::Gcm => {
                let gcm = self.gcm.as_ref().ok_or(CryptoError::Unsupported)?;
                let sealed = gcm.seal(&extras.aad, secret)?;
                return Ok(Wrapped { value: sealed.ciphertext, iv: sealed.iv.to_vec(), tag: sealed.tag.to_vec() });
            }
        };
        Ok(Wrapped { value, iv: Vec::new(), tag: Vec::new() })
    }

    pub(crate) fn unwrap_secret(
        &self,
        algorithm: WrapAlgorithm,
        wrapped: &[u8],
        extras: &WrapExtras,
    ) -> Result<Secret, CryptoError> {
        if wrapped.len() > SECRET_BYTES_MAX + TAG_BYTES || extras.aad.len() > AAD_BYTES_MAX {
            return Err(CryptoError::Unwrappable);
        }
        match kind(algorithm)? {
            Kind::Wrap(cipher) => {
                let length = wrapped.len().checked_sub(SEMIBLOCK_BYTES).ok_or(CryptoError::Unwrappable)?;
                let mut buffer = Zeroizing::new(vec![0; length]);
                self.kek(cipher)?.unwrap(wrapped, &mut buffer).map_err(|_| CryptoError::Unwrappable)?;
                Ok(Secret::new(std::mem::take(&mut *buffer)))
            }
            Kind::WrapPadded(cipher) => {
                let mut buffer = Zeroizing::new(vec![0; wrapped.len()]);
                self.kek(cipher)?
                    .unwrap_with_padding(wrapped, &mut buffer)
                    .map(|secret| Secret::copied_from(secret))
                    .map_err(|_| CryptoError::Unwrappable)
            }
            Kind::Gcm => {
                let gcm = self.gcm.as_ref().ok_or(CryptoError::Unsupported)?;
                gcm.open(&extras.iv, &extras.aad, wrapped, &extras.tag)
            }
        }
    }

    /// The library's key-encryption key is used up by one operation; making it is a copy of the bytes.
    fn kek(&self, cipher: &'static AesBlockCipher) -> Result<AesKek, CryptoError> {
        AesKek::new(cipher, self.material.expose()).map_err(|_| CryptoError::Unsupported)
    }
}

enum Kind {
    Gcm,
    Wrap(&'static AesBlockCipher),
    WrapPadded(&'static AesBlockCipher),
}

fn kind(algorithm: WrapAlgorithm) -> Result<Kind, CryptoError> {
    match algorithm {
        WrapAlgorithm::A128Kw => Ok(Kind::Wrap(&AES_128)),
        WrapAlgorithm::A256Kw => Ok(Kind::Wrap(&AES_256)),
        WrapAlgorithm::A128Kwp => Ok(Kind::WrapPadded(&AES_128)),
        WrapAlgorithm::A256Kwp => Ok(Kind::WrapPadded(&AES_256)),
        WrapAlgorithm::A256Gcm => Ok(Kind::Gcm),
        WrapAlgorithm::RsaOaep | WrapAlgorithm::RsaOaep256 | WrapAlgorithm::Rsa1V5 => Err(CryptoError::Unsupported),
    }
}

const fn key_bytes(spec: KeySpec) -> usize {
    (spec.bits() / 8) as usize
}
