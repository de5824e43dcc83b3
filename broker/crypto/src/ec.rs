//! Elliptic curve keys on P-256, P-384 and P-521 (FIPS 186-5): they sign and do not wrap.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair,
};
use broker_core::algorithm::{KeySpec, PublicKey, SignAlgorithm};
use broker_core::secret::Secret;

use crate::{CryptoError, der, digest};

/// First byte of an uncompressed point (SEC 1 section 2.3.3).
pub(crate) const UNCOMPRESSED: u8 = 4;

pub(crate) struct EcKey {
    spec: KeySpec,
    pair: EcdsaKeyPair,
}

impl EcKey {
    /// A new key as PKCS#8.
    pub(crate) fn generate(spec: KeySpec) -> Result<Secret, CryptoError> {
        pkcs8(&EcdsaKeyPair::generate(curve(spec)?).map_err(|_| CryptoError::Internal)?)
    }

    /// From PKCS#8 (RFC 5208, RFC 5915). The library checks the curve, that the point lies on it and, where the
    /// public half is there, that it belongs to the private one.
    pub(crate) fn from_pkcs8(spec: KeySpec, material: &[u8]) -> Result<Self, CryptoError> {
        if !der::is_one_sequence(material) {
            return Err(CryptoError::BadKey);
        }
        let pair = EcdsaKeyPair::from_pkcs8(curve(spec)?, material).map_err(|_| CryptoError::BadKey)?;
        Ok(Self { spec, pair })
    }

    pub(crate) fn to_pkcs8(&self) -> Result<Secret, CryptoError> {
        pkcs8(&self.pair)
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(field_bytes(self.spec));
        PublicKey::Ec { x: x.to_vec(), y: y.to_vec() }
    }

    /// A signature of r and s, each padded to the field's size (RFC 7518 section 3.4).
    pub(crate) fn sign(&self, algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let digest = digest::imported(algorithm, digest)?;
        let signature = self.pair.sign_digest(&digest).map_err(|_| CryptoError::Internal)?;
        Ok(signature.as_ref().to_vec())
    }
}

/// Size in bytes of a coordinate or a private number on this curve.
pub(crate) const fn field_bytes(spec: KeySpec) -> usize {
    spec.bits().div_ceil(8) as usize
}

pub(crate) fn curve(spec: KeySpec) -> Result<&'static EcdsaSigningAlgorithm, CryptoError> {
    match spec {
        KeySpec::EcP256 => Ok(&ECDSA_P256_SHA256_FIXED_SIGNING),
        KeySpec::EcP384 => Ok(&ECDSA_P384_SHA384_FIXED_SIGNING),
        KeySpec::EcP521 => Ok(&ECDSA_P521_SHA512_FIXED_SIGNING),
        KeySpec::Rsa2048
        | KeySpec::Rsa3072
        | KeySpec::Rsa4096
        | KeySpec::Oct128
        | KeySpec::Oct192
        | KeySpec::Oct256 => Err(CryptoError::Unsupported),
    }
}

/// PKCS#8 version 1 of a key, with its public half; the library's own copy wipes itself.
pub(crate) fn pkcs8(pair: &EcdsaKeyPair) -> Result<Secret, CryptoError> {
    let material = pair.to_pkcs8v1().map_err(|_| CryptoError::Internal)?;
    Ok(Secret::copied_from(material.as_ref()))
}
