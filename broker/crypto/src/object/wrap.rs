//! Key wrapping for a Get: AES key wrap (RFC 3394, KMIP's NISTKeyWrap) and the padded kind (RFC 5649).

use aws_lc_rs::key_wrap::{AES_128, AES_256, AesBlockCipher, AesKek, KeyWrap, KeyWrapPadded};
use broker_core::object::BlockMode;
use broker_core::secret::Secret;
use zeroize::Zeroizing;

use crate::CryptoError;
use broker_core::object_crypto::DATA_BYTES_MAX;

const SEMIBLOCK_BYTES: usize = 8;

/// Wraps a secret: for NISTKeyWrap a multiple of eight bytes and at least sixteen, for AESKeyWrapPadding anything but nothing.
///
/// # Errors
/// `BadKey` for a wrapping key that is not 16 or 32 bytes; `BadLength`; `Unsupported` for other modes.
pub fn wrap(mode: BlockMode, key: &Secret, secret: &Secret) -> Result<Vec<u8>, CryptoError> {
    let kek = kek(key)?;
    let length = secret.len();
    if length == 0 || length > DATA_BYTES_MAX {
        return Err(CryptoError::BadLength);
    }
    let mut buffer = vec![0; length + 2 * SEMIBLOCK_BYTES - 1];
    match mode {
        BlockMode::NistKeyWrap if length < 2 * SEMIBLOCK_BYTES || !length.is_multiple_of(SEMIBLOCK_BYTES) => {
            Err(CryptoError::BadLength)
        }
        BlockMode::NistKeyWrap => {
            Ok(kek.wrap(secret.expose(), &mut buffer).map_err(|_| CryptoError::Internal)?.to_vec())
        }
        BlockMode::AesKeyWrapPadding => {
            Ok(kek.wrap_with_padding(secret.expose(), &mut buffer).map_err(|_| CryptoError::Internal)?.to_vec())
        }
        _ => Err(CryptoError::Unsupported),
    }
}

/// Unwraps what [`wrap`] made.
///
/// # Errors
/// As [`wrap`]; `Unwrappable` for whatever is wrong with the value.
pub fn unwrap_secret(mode: BlockMode, key: &Secret, wrapped: &[u8]) -> Result<Secret, CryptoError> {
    let kek = kek(key)?;
    if wrapped.len() < 2 * SEMIBLOCK_BYTES || wrapped.len() > DATA_BYTES_MAX {
        return Err(CryptoError::Unwrappable);
    }
    let mut buffer = Zeroizing::new(vec![0; wrapped.len()]);
    match mode {
        BlockMode::NistKeyWrap => {
            buffer.truncate(wrapped.len() - SEMIBLOCK_BYTES);
            kek.unwrap(wrapped, &mut buffer)
        }
        BlockMode::AesKeyWrapPadding => kek.unwrap_with_padding(wrapped, &mut buffer),
        _ => return Err(CryptoError::Unsupported),
    }
    .map(|secret| Secret::copied_from(secret))
    .map_err(|_| CryptoError::Unwrappable)
}

fn kek(key: &Secret) -> Result<AesKek, CryptoError> {
    let cipher: &'static AesBlockCipher = match key.len() {
        16 => &AES_128,
        32 => &AES_256,
        _ => return Err(CryptoError::BadKey),
    };
    AesKek::new(cipher, key.expose()).map_err(|_| CryptoError::BadKey)
}
