//! HMAC (FIPS 198-1) with keys of any length, and AES-CMAC (NIST SP 800-38B).

use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA224, HMAC_SHA256, HMAC_SHA384, HMAC_SHA512};
use aws_lc_rs::{cmac, digest};
use broker_core::object::HashName;
use broker_core::secret::Secret;

use crate::{CryptoError, constant};

/// What makes a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mac {
    AesCmac,
    Hmac(HashName),
}

/// The whole tag of the message.
///
/// # Errors
/// `Unsupported` for a hash without HMAC, `BadKey` for a CMAC key of a length that AES does not have.
pub fn tag(mac: Mac, key: &Secret, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
    match mac {
        Mac::AesCmac => {
            let algorithm = match key.len() {
                16 => cmac::AES_128,
                24 => cmac::AES_192,
                32 => cmac::AES_256,
                _ => return Err(CryptoError::BadKey),
            };
            let key = cmac::Key::new(algorithm, key.expose()).map_err(|_| CryptoError::BadKey)?;
            Ok(cmac::sign(&key, message).map_err(|_| CryptoError::Internal)?.as_ref().to_vec())
        }
        Mac::Hmac(hash) => Ok(hmac_tag(hash, key, &[message])?.as_ref().to_vec()),
    }
}

/// Whether this is the whole tag of the message, in constant time.
///
/// # Errors
/// As [`tag`].
pub fn verify(mac: Mac, key: &Secret, message: &[u8], claimed: &[u8]) -> Result<bool, CryptoError> {
    Ok(constant::equal(&tag(mac, key, message)?, claimed))
}

/// The HMAC of the parts one after another.
pub(super) fn hmac_tag(hash: HashName, key: &Secret, parts: &[&[u8]]) -> Result<hmac::Tag, CryptoError> {
    let algorithm = match hash {
        HashName::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        HashName::Sha224 => HMAC_SHA224,
        HashName::Sha256 => HMAC_SHA256,
        HashName::Sha384 => HMAC_SHA384,
        HashName::Sha512 => HMAC_SHA512,
        _ => return Err(CryptoError::Unsupported),
    };
    // RFC 2104 pads a short key with zeros; the library does not take an empty one.
    let filled = [0; 1];
    let key = if key.is_empty() { &filled[..] } else { key.expose() };
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    parts.iter().for_each(|part| context.update(part));
    Ok(context.sign())
}

/// Bytes of a hash's tags.
pub(super) fn tag_bytes(hash: HashName) -> Result<usize, CryptoError> {
    super::hash::algorithm(hash).map(digest::Algorithm::output_len)
}
