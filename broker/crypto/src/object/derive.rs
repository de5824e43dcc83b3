//! Keys from keys: KMIP 1.4 section 4.6, for the methods of section 9.1.3.2.21.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512};
use broker_core::object::HashName;
use broker_core::secret::Secret;
use zeroize::Zeroizing;

use super::cipher::{self, Cipher};
use super::mac::{hmac_tag, tag_bytes};
use crate::CryptoError;

/// Rounds of PBKDF2, at most: some seconds of one processor.
pub const ITERATIONS_MAX: u32 = 2_000_000;
/// Bytes of what is derived, at most.
pub const DERIVED_BYTES_MAX: usize = 8 * 1024;

/// How to derive.
#[derive(Debug, Clone, Copy)]
pub enum Derive<'a> {
    /// The data, encrypted under the key.
    Encrypt { cipher: Cipher<'a>, data: &'a [u8] },
    /// The digest of the key itself.
    Hash { hash: HashName },
    /// The HMAC of the data under the key.
    Hmac { hash: HashName, data: &'a [u8] },
    /// NIST SP 800-108r1 with HMAC, the counter of 32 bits before the data, and the data as the standard's fixed input.
    Kbkdf { mode: KbkdfMode<'a>, hash: HashName, data: &'a [u8] },
    /// RFC 8018 section 5.2; the key is the password.
    Pbkdf2 { hash: HashName, salt: &'a [u8], iterations: u32 },
}

/// Which of the constructions of SP 800-108r1.
#[derive(Debug, Clone, Copy)]
pub enum KbkdfMode<'a> {
    /// Section 4.1.
    Counter,
    /// Section 4.2.
    Feedback { iv: &'a [u8] },
    /// Section 4.3.
    DoublePipeline,
}

/// As many bytes as asked for from the key.
///
/// # Errors
/// `BadLength` when the method does not give so many, for more than [`DERIVED_BYTES_MAX`] and for rounds beyond
/// [`ITERATIONS_MAX`] or none; `Unsupported` for hashes that do not go with the method; what [`cipher::encrypt`] refuses.
pub fn derive(key: &Secret, how: Derive<'_>, bytes: usize) -> Result<Secret, CryptoError> {
    if bytes == 0 || bytes > DERIVED_BYTES_MAX {
        return Err(CryptoError::BadLength);
    }
    match how {
        Derive::Encrypt { cipher, data } => {
            let mut encrypted = Zeroizing::new(cipher::encrypt(key, cipher, &Secret::copied_from(data))?.data);
            beginning(std::mem::take(&mut *encrypted), bytes)
        }
        Derive::Hash { hash } => beginning(super::hash::hash(hash, key.expose())?, bytes),
        Derive::Hmac { hash, data } => beginning(hmac_tag(hash, key, &[data])?.as_ref().to_vec(), bytes),
        Derive::Kbkdf { mode, hash, data } => kbkdf(key, mode, hash, data, bytes),
        Derive::Pbkdf2 { hash, salt, iterations } => pbkdf2(key, hash, salt, iterations, bytes),
    }
}

/// The first bytes of a secret that is long enough.
fn beginning(whole: Vec<u8>, bytes: usize) -> Result<Secret, CryptoError> {
    let whole = Zeroizing::new(whole);
    whole.get(..bytes).map(Secret::copied_from).ok_or(CryptoError::BadLength)
}

fn kbkdf(key: &Secret, mode: KbkdfMode<'_>, hash: HashName, data: &[u8], bytes: usize) -> Result<Secret, CryptoError> {
    let blocks = bytes.div_ceil(tag_bytes(hash)?);
    let mut output = Zeroizing::new(Vec::with_capacity(blocks * tag_bytes(hash)?));
    // K(i-1) of the feedback, A(i) of the pipeline.
    let mut carried = match mode {
        KbkdfMode::Counter => Zeroizing::new(Vec::new()),
        KbkdfMode::Feedback { iv } => Zeroizing::new(iv.to_vec()),
        KbkdfMode::DoublePipeline => Zeroizing::new(data.to_vec()),
    };
    for block in 1..=blocks {
        let counter = u32::try_from(block).map_err(|_| CryptoError::BadLength)?.to_be_bytes();
        if matches!(mode, KbkdfMode::DoublePipeline) {
            carried = Zeroizing::new(hmac_tag(hash, key, &[&carried])?.as_ref().to_vec());
        }
        let tag = hmac_tag(hash, key, &[&carried, &counter, data])?;
        output.extend_from_slice(tag.as_ref());
        if matches!(mode, KbkdfMode::Feedback { .. }) {
            carried = Zeroizing::new(tag.as_ref().to_vec());
        }
    }
    Ok(Secret::copied_from(&output[..bytes]))
}

fn pbkdf2(key: &Secret, hash: HashName, salt: &[u8], iterations: u32, bytes: usize) -> Result<Secret, CryptoError> {
    let algorithm = match hash {
        HashName::Sha1 => PBKDF2_HMAC_SHA1,
        HashName::Sha256 => PBKDF2_HMAC_SHA256,
        HashName::Sha384 => PBKDF2_HMAC_SHA384,
        HashName::Sha512 => PBKDF2_HMAC_SHA512,
        _ => return Err(CryptoError::Unsupported),
    };
    let iterations = NonZeroU32::new(iterations).filter(|count| count.get() <= ITERATIONS_MAX);
    let mut output = Zeroizing::new(vec![0; bytes]);
    pbkdf2::derive(algorithm, iterations.ok_or(CryptoError::BadLength)?, salt, key.expose(), &mut output);
    Ok(Secret::new(std::mem::take(&mut *output)))
}
