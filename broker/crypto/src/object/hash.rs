//! Hash functions by their KMIP names.

use aws_lc_rs::digest::{
    Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA3_256, SHA3_384, SHA3_512, SHA224, SHA256, SHA384, SHA512, SHA512_256,
    digest,
};
use broker_core::object::HashName;

use crate::CryptoError;

/// The digest of the bytes. MD2 to MD5, RIPEMD, Tiger and Whirlpool are not served.
///
/// # Errors
/// `Unsupported`.
pub fn hash(name: HashName, bytes: &[u8]) -> Result<Vec<u8>, CryptoError> {
    Ok(digest(algorithm(name)?, bytes).as_ref().to_vec())
}

pub(super) fn algorithm(name: HashName) -> Result<&'static Algorithm, CryptoError> {
    match name {
        HashName::Sha1 => Ok(&SHA1_FOR_LEGACY_USE_ONLY),
        HashName::Sha224 => Ok(&SHA224),
        HashName::Sha256 => Ok(&SHA256),
        HashName::Sha384 => Ok(&SHA384),
        HashName::Sha512 => Ok(&SHA512),
        HashName::Sha512T256 => Ok(&SHA512_256),
        HashName::Sha3256 => Ok(&SHA3_256),
        HashName::Sha3384 => Ok(&SHA3_384),
        HashName::Sha3512 => Ok(&SHA3_512),
        HashName::Md2
        | HashName::Md4
        | HashName::Md5
        | HashName::Ripemd160
        | HashName::Tiger
        | HashName::Whirlpool
        | HashName::Sha512T224
        | HashName::Sha3224 => Err(CryptoError::Unsupported),
    }
}
