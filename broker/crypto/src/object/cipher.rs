//! AES in the modes that KMIP clients ask for: ECB, CBC, CFB, OFB, CTR (NIST SP 800-38A) and GCM (SP 800-38D).

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use broker_core::object::{BlockMode, Padding};
use broker_core::secret::Secret;
use zeroize::Zeroizing;

use crate::{CryptoError, constant};
use broker_core::object_crypto::DATA_BYTES_MAX;

/// Bytes of an AES block, and of the IV of every mode but GCM.
pub const BLOCK_BYTES: usize = 16;
/// Bytes of a GCM IV; others are not served.
pub const GCM_IV_BYTES: usize = 12;
/// Bytes of a GCM tag: SP 800-38D section 5.2.1.2, its two shortest for special uses left out.
pub const GCM_TAG_BYTES: std::ops::RangeInclusive<usize> = 12..=16;

/// How to run AES.
#[derive(Debug, Clone, Copy)]
pub struct Cipher<'a> {
    pub mode: BlockMode,
    pub padding: Padding,
    /// As [`iv_bytes`] says; the caller's choice, or fresh from it.
    pub iv: &'a [u8],
    /// Authenticated and not encrypted; GCM alone.
    pub aad: &'a [u8],
    /// Of GCM's tag; nothing for the rest.
    pub tag_bytes: usize,
}

/// What encrypting gives. The tag is GCM's.
#[derive(Debug)]
pub struct Encrypted {
    pub data: Vec<u8>,
    pub tag: Vec<u8>,
}

/// How many bytes of IV a mode takes: none, one block, or twelve.
///
/// # Errors
/// `Unsupported` for a mode that is not served.
pub const fn iv_bytes(mode: BlockMode) -> Result<usize, CryptoError> {
    match mode {
        BlockMode::Ecb => Ok(0),
        BlockMode::Cbc | BlockMode::Cfb | BlockMode::Ctr | BlockMode::Ofb => Ok(BLOCK_BYTES),
        BlockMode::Gcm => Ok(GCM_IV_BYTES),
        _ => Err(CryptoError::Unsupported),
    }
}

/// Encrypts with a key of 16, 24 or 32 bytes.
///
/// # Errors
/// `BadKey`; `BadLength` for an IV, a tag or a text that the mode does not take (whole blocks for ECB and CBC without
/// padding); `Unsupported` for modes and paddings that are not served.
pub fn encrypt(key: &Secret, cipher: Cipher<'_>, plaintext: &Secret) -> Result<Encrypted, CryptoError> {
    check(cipher, plaintext.len())?;
    if cipher.mode == BlockMode::Gcm {
        let (data, mut tag) = seal(key, cipher, plaintext.expose())?;
        tag.truncate(cipher.tag_bytes);
        return Ok(Encrypted { data, tag });
    }
    // Room for the padding, so that the buffer does not move and leave the text behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(plaintext.len() + BLOCK_BYTES));
    buffer.extend_from_slice(plaintext.expose());
    let bare = unbound(key)?;
    let context = if cipher.mode == BlockMode::Ecb {
        EncryptionContext::None
    } else {
        EncryptionContext::Iv128(FixedLength::from(block(cipher.iv)?))
    };
    match (cipher.mode, cipher.padding) {
        (BlockMode::Cbc, Padding::Pkcs5) => {
            PaddedBlockEncryptingKey::cbc_pkcs7(bare).and_then(|key| key.less_safe_encrypt(&mut *buffer, context))
        }
        (BlockMode::Ecb, Padding::Pkcs5) => {
            PaddedBlockEncryptingKey::ecb_pkcs7(bare).and_then(|key| key.less_safe_encrypt(&mut *buffer, context))
        }
        (BlockMode::Cbc, _) => EncryptingKey::cbc(bare).and_then(|key| key.less_safe_encrypt(&mut buffer, context)),
        (BlockMode::Cfb, _) => EncryptingKey::cfb128(bare).and_then(|key| key.less_safe_encrypt(&mut buffer, context)),
        (BlockMode::Ctr, _) => EncryptingKey::ctr(bare).and_then(|key| key.less_safe_encrypt(&mut buffer, context)),
        (BlockMode::Ecb, _) => EncryptingKey::ecb(bare).and_then(|key| key.less_safe_encrypt(&mut buffer, context)),
        (BlockMode::Ofb, _) => EncryptingKey::ofb(bare).and_then(|key| key.less_safe_encrypt(&mut buffer, context)),
        _ => return Err(CryptoError::Unsupported),
    }
    .map_err(|_| CryptoError::Internal)?;
    Ok(Encrypted { data: std::mem::take(&mut *buffer), tag: Vec::new() })
}

/// Decrypts what [`encrypt`] made, with the same `cipher`; `tag` is GCM's, as long as `cipher.tag_bytes`.
///
/// A CBC text whose padding is wrong is `Unwrappable`, which tells whoever may ask often enough what it says: that is in the
/// nature of CBC without a MAC, and why GCM is what new clients should ask for.
///
/// # Errors
/// As [`encrypt`]; `Unwrappable` for a wrong tag or padding.
pub fn decrypt(key: &Secret, cipher: Cipher<'_>, data: &[u8], tag: &[u8]) -> Result<Secret, CryptoError> {
    if cipher.mode == BlockMode::Gcm {
        check(cipher, data.len())?;
        return open(key, cipher, data, tag);
    }
    // Padded or not, what was encrypted is whole blocks.
    check(Cipher { padding: Padding::None, ..cipher }, data.len())?;
    let mut buffer = Zeroizing::new(data.to_vec());
    let bare = unbound(key)?;
    let context = if cipher.mode == BlockMode::Ecb {
        DecryptionContext::None
    } else {
        DecryptionContext::Iv128(FixedLength::from(block(cipher.iv)?))
    };
    let plaintext = match (cipher.mode, cipher.padding) {
        (BlockMode::Cbc, Padding::Pkcs5) => {
            PaddedBlockDecryptingKey::cbc_pkcs7(bare).and_then(|key| length(key.decrypt(&mut buffer, context)))
        }
        (BlockMode::Ecb, Padding::Pkcs5) => {
            PaddedBlockDecryptingKey::ecb_pkcs7(bare).and_then(|key| length(key.decrypt(&mut buffer, context)))
        }
        (BlockMode::Cbc, _) => DecryptingKey::cbc(bare).and_then(|key| length(key.decrypt(&mut buffer, context))),
        (BlockMode::Cfb, _) => DecryptingKey::cfb128(bare).and_then(|key| length(key.decrypt(&mut buffer, context))),
        (BlockMode::Ctr, _) => DecryptingKey::ctr(bare).and_then(|key| length(key.decrypt(&mut buffer, context))),
        (BlockMode::Ecb, _) => DecryptingKey::ecb(bare).and_then(|key| length(key.decrypt(&mut buffer, context))),
        (BlockMode::Ofb, _) => DecryptingKey::ofb(bare).and_then(|key| length(key.decrypt(&mut buffer, context))),
        _ => return Err(CryptoError::Unsupported),
    };
    let length = plaintext.map_err(|_| CryptoError::Unwrappable)?;
    Ok(Secret::copied_from(&buffer[..length]))
}

/// The text stands at the buffer's beginning; how much of it is the text.
fn length<E>(plaintext: Result<&mut [u8], E>) -> Result<usize, E> {
    plaintext.map(|text| text.len())
}

fn check(cipher: Cipher<'_>, bytes: usize) -> Result<(), CryptoError> {
    if cipher.iv.len() != iv_bytes(cipher.mode)? || bytes > DATA_BYTES_MAX + BLOCK_BYTES {
        return Err(CryptoError::BadLength);
    }
    let whole_blocks = matches!(cipher.mode, BlockMode::Cbc | BlockMode::Ecb);
    match cipher.padding {
        Padding::None if whole_blocks && !bytes.is_multiple_of(BLOCK_BYTES) => Err(CryptoError::BadLength),
        Padding::Pkcs5 if !whole_blocks => Err(CryptoError::Unsupported),
        Padding::None | Padding::Pkcs5 => Ok(()),
        _ => Err(CryptoError::Unsupported),
    }?;
    match cipher.mode {
        BlockMode::Gcm if !GCM_TAG_BYTES.contains(&cipher.tag_bytes) => Err(CryptoError::BadLength),
        BlockMode::Gcm => Ok(()),
        _ if cipher.tag_bytes != 0 || !cipher.aad.is_empty() => Err(CryptoError::Unsupported),
        _ => Ok(()),
    }
}

fn block(iv: &[u8]) -> Result<[u8; BLOCK_BYTES], CryptoError> {
    iv.try_into().map_err(|_| CryptoError::BadLength)
}

fn unbound(key: &Secret) -> Result<UnboundCipherKey, CryptoError> {
    let algorithm: &'static Algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return Err(CryptoError::BadKey),
    };
    UnboundCipherKey::new(algorithm, key.expose()).map_err(|_| CryptoError::BadKey)
}

/// GCM with the whole tag.
fn seal(key: &Secret, cipher: Cipher<'_>, plaintext: &[u8]) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
    let algorithm = match key.len() {
        16 => &AES_128_GCM,
        24 => &AES_192_GCM,
        32 => &AES_256_GCM,
        _ => return Err(CryptoError::BadKey),
    };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key.expose()).map_err(|_| CryptoError::BadKey)?);
    // The IV is the caller's: KMIP lets it choose, and so answer for never choosing one twice.
    let nonce = Nonce::try_assume_unique_for_key(cipher.iv).map_err(|_| CryptoError::BadLength)?;
    let mut buffer = Zeroizing::new(plaintext.to_vec());
    let tag =
        key.seal_in_place_separate_tag(nonce, Aad::from(cipher.aad), &mut buffer).map_err(|_| CryptoError::Internal)?;
    Ok((std::mem::take(&mut *buffer), tag.as_ref().to_vec()))
}

/// The library opens whole tags alone. A shortened one is compared with the beginning of the tag that the text has: the text
/// is what CTR makes of it from the counter after the tag's own (SP 800-38D section 7.2), and stays here unless they agree.
fn open(key: &Secret, cipher: Cipher<'_>, data: &[u8], tag: &[u8]) -> Result<Secret, CryptoError> {
    if tag.len() != cipher.tag_bytes {
        return Err(CryptoError::Unwrappable);
    }
    let mut counter = [0; BLOCK_BYTES];
    counter[..GCM_IV_BYTES].copy_from_slice(cipher.iv);
    counter[BLOCK_BYTES - 1] = 2;
    let stream = Cipher { mode: BlockMode::Ctr, padding: Padding::None, iv: &counter, aad: &[], tag_bytes: 0 };
    let plaintext = decrypt(key, stream, data, &[])?;
    let (_, whole) = seal(key, cipher, plaintext.expose())?;
    if constant::equal(&whole[..tag.len()], tag) { Ok(plaintext) } else { Err(CryptoError::Unwrappable) }
}
