//! Signatures checked with the public half alone.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, EcdsaVerificationAlgorithm,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
};
use broker_core::algorithm::{KeySpec, PublicKey, SignAlgorithm};

use crate::ec::{UNCOMPRESSED, field_bytes};
use crate::rsa::modulus_bits;
use crate::{CryptoError, der, digest};

/// Whether the holder of this key signed this digest (32, 48 or 64 bytes, by the algorithm). A signature of any
/// length may be given; a wrong one is `false`, not an error. RSA by RFC 8017 sections 8.1.2 (salt as long as the
/// digest) and 8.2.2; ECDSA with r and s padded to the field's size (RFC 7518 section 3.4).
///
/// # Errors
/// `Unsupported` when the algorithm does not go with such a key; `BadLength` for a digest of another size; `BadKey`
/// when the public half is not of the spec or not a sound key.
pub fn verify_with(
    spec: KeySpec,
    public: &PublicKey,
    algorithm: SignAlgorithm,
    digest: &[u8],
    signature: &[u8],
) -> Result<bool, CryptoError> {
    if !algorithm.fits(spec) {
        return Err(CryptoError::Unsupported);
    }
    let digest = digest::imported(algorithm, digest)?;
    let key = match (public, scheme(algorithm)) {
        (PublicKey::Rsa { n, e }, Scheme::Rsa(scheme)) => rsa(spec, n, e, scheme)?,
        (PublicKey::Ec { x, y }, Scheme::Ec(scheme)) => ec(spec, x, y, scheme)?,
        (PublicKey::Rsa { .. } | PublicKey::Ec { .. } | PublicKey::None, _) => return Err(CryptoError::BadKey),
    };
    Ok(key.verify_digest_sig(&digest, signature).is_ok())
}

fn rsa(spec: KeySpec, n: &[u8], e: &[u8], scheme: &'static RsaParameters) -> Result<ParsedPublicKey, CryptoError> {
    let (n, e) = (der::without_leading_zeros(n), der::without_leading_zeros(e));
    if modulus_bits(n) != u64::from(spec.bits()) {
        return Err(CryptoError::BadKey);
    }
    PublicKeyComponents { n, e }.to_parsed_public_key(scheme).map_err(|_| CryptoError::BadKey)
}

fn ec(
    spec: KeySpec,
    x: &[u8],
    y: &[u8],
    scheme: &'static EcdsaVerificationAlgorithm,
) -> Result<ParsedPublicKey, CryptoError> {
    if x.len() != field_bytes(spec) || y.len() != field_bytes(spec) {
        return Err(CryptoError::BadKey);
    }
    ParsedPublicKey::new(scheme, [&[UNCOMPRESSED], x, y].concat()).map_err(|_| CryptoError::BadKey)
}

enum Scheme {
    Ec(&'static EcdsaVerificationAlgorithm),
    Rsa(&'static RsaParameters),
}

fn scheme(algorithm: SignAlgorithm) -> Scheme {
    match algorithm {
        SignAlgorithm::Rs256 => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA256),
        SignAlgorithm::Rs384 => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA384),
        SignAlgorithm::Rs512 => Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA512),
        SignAlgorithm::Ps256 => Scheme::Rsa(&RSA_PSS_2048_8192_SHA256),
        SignAlgorithm::Ps384 => Scheme::Rsa(&RSA_PSS_2048_8192_SHA384),
        SignAlgorithm::Ps512 => Scheme::Rsa(&RSA_PSS_2048_8192_SHA512),
        SignAlgorithm::Es256 => Scheme::Ec(&ECDSA_P256_SHA256_FIXED),
        SignAlgorithm::Es384 => Scheme::Ec(&ECDSA_P384_SHA384_FIXED),
        SignAlgorithm::Es512 => Scheme::Ec(&ECDSA_P521_SHA512_FIXED),
    }
}
