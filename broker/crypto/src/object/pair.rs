//! The halves of RSA and elliptic curve pairs as KMIP clients hand them over: PKCS#1 and PKCS#8, SEC 1 (RFC 5915) and X.509
//! SubjectPublicKeyInfo, all DER.

use aws_lc_rs::digest::Digest;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair, ParsedPublicKey, RsaEncoding,
    RsaKeyPair, RsaParameters,
};
use broker_core::object::{Curve, HashName, KeyFormat, Padding};
use broker_core::secret::Secret;
use zeroize::Zeroizing;

use super::hash;
use crate::{CryptoError, der, rsa};

/// Longest DER of a half, in bytes (RSA of 8192 bits has some 4700).
pub const HALF_BYTES_MAX: usize = 16 * 1024;
/// What a modulus may have, in bits.
const MODULUS_BITS: std::ops::RangeInclusive<u64> = 2048..=8192;

/// How to sign: the hash, and for RSA its padding (PKCS1 v1.5 or PSS with a salt as long as the digest).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signing {
    pub hash: HashName,
    pub padding: Padding,
}

/// How to encrypt under RSA: OAEP with the hash for label and mask, or PKCS1 v1.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encrypting {
    pub hash: HashName,
    pub padding: Padding,
}

/// A new RSA pair: the private half as PKCS#1, the public one too. Takes seconds at 4096 bits.
///
/// # Errors
/// `Unsupported` for sizes other than 2048, 3072 and 4096 bits.
pub fn generate_rsa(bits: u32) -> Result<(Secret, Vec<u8>), CryptoError> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        _ => return Err(CryptoError::Unsupported),
    };
    let pair = RsaKeyPair::generate(size).map_err(|_| CryptoError::Internal)?;
    let pkcs8 = rsa::pkcs8(&pair)?;
    let pkcs1 = der::pkcs8_key(pkcs8.expose()).ok_or(CryptoError::Internal)?;
    Ok((Secret::copied_from(pkcs1), pair.public_key().as_ref().to_vec()))
}

/// A new pair on a curve: the private half as PKCS#8, the public one as X.509 SubjectPublicKeyInfo.
///
/// # Errors
/// `Internal` when the library fails.
pub fn generate_ec(curve: Curve) -> Result<(Secret, Vec<u8>), CryptoError> {
    let pair = EcdsaKeyPair::generate(ec_signing(curve).0).map_err(|_| CryptoError::Internal)?;
    let public = pair.public_key().as_der().map_err(|_| CryptoError::Internal)?.as_ref().to_vec();
    Ok((crate::ec::pkcs8(&pair)?, public))
}

/// Signs the digest. ECDSA signatures are DER (RFC 3279 section 2.2.3), RSA's as long as the modulus.
///
/// # Errors
/// `BadKey`; `BadLength` for a digest that is not the hash's; `Unsupported`.
pub fn sign(format: KeyFormat, private: &[u8], how: Signing, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let digest = imported(how.hash, digest)?;
    if let Some(pair) = rsa_private(format, private) {
        let encoding = rsa_encoding(how).ok_or(CryptoError::Unsupported)?;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign_digest(encoding, &digest, &mut signature).map_err(|_| CryptoError::Internal)?;
        return Ok(signature);
    }
    let (pair, hash) = ec_private(format, private).ok_or(CryptoError::BadKey)?;
    if hash != how.hash {
        return Err(CryptoError::Unsupported);
    }
    Ok(pair.sign_digest(&digest).map_err(|_| CryptoError::Internal)?.as_ref().to_vec())
}

/// Whether the holder of this public half signed the digest. A wrong signature is `false`.
///
/// # Errors
/// As [`sign`].
pub fn verify(
    format: KeyFormat,
    public: &[u8],
    how: Signing,
    digest: &[u8],
    signature: &[u8],
) -> Result<bool, CryptoError> {
    let digest = imported(how.hash, digest)?;
    check_public(format, public)?;
    let key = match rsa_public(public) {
        Some(_) => {
            let parameters = rsa_parameters(how).ok_or(CryptoError::Unsupported)?;
            ParsedPublicKey::new(parameters, public).map_err(|_| CryptoError::BadKey)?
        }
        None => Curve::ALL
            .iter()
            .filter_map(|curve| ec_verifying(*curve, how.hash))
            .find_map(|algorithm| ParsedPublicKey::new(algorithm, public).ok())
            .ok_or(CryptoError::BadKey)?,
    };
    Ok(key.verify_digest_sig(&digest, signature).is_ok())
}

/// Encrypts 1 byte up to what the padding leaves room for, for the holder of this RSA key.
///
/// # Errors
/// `BadKey`, `BadLength`, `Unsupported`.
pub fn encrypt(format: KeyFormat, public: &[u8], how: Encrypting, data: &Secret) -> Result<Vec<u8>, CryptoError> {
    check_public(format, public)?;
    let key = rsa_public(public).ok_or(CryptoError::BadKey)?;
    let mut out = vec![0; key.key_size_bytes()];
    if how.padding == Padding::Pkcs1V15 {
        let key = Pkcs1PublicEncryptingKey::new(key).map_err(|_| CryptoError::BadKey)?;
        if data.len() > key.max_plaintext_size() {
            return Err(CryptoError::BadLength);
        }
        key.encrypt(data.expose(), &mut out).map_err(|_| CryptoError::Internal)?;
        return Ok(out);
    }
    let oaep = oaep(how)?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| CryptoError::BadKey)?;
    if data.len() > key.max_plaintext_size(oaep) {
        return Err(CryptoError::BadLength);
    }
    key.encrypt(oaep, data.expose(), &mut out, None).map_err(|_| CryptoError::Internal)?;
    Ok(out)
}

/// Decrypts what [`encrypt`] made.
///
/// # Errors
/// `BadKey`, `Unsupported`; `Unwrappable` for whatever is wrong with the data.
pub fn decrypt(format: KeyFormat, private: &[u8], how: Encrypting, data: &[u8]) -> Result<Secret, CryptoError> {
    let pair = rsa_private(format, private).ok_or(CryptoError::BadKey)?;
    let key = PrivateDecryptingKey::from_pkcs8(rsa::pkcs8(&pair)?.expose()).map_err(|_| CryptoError::BadKey)?;
    let mut buffer = Zeroizing::new(vec![0; pair.public_modulus_len()]);
    if how.padding == Padding::Pkcs1V15 {
        let key = Pkcs1PrivateDecryptingKey::new(key).map_err(|_| CryptoError::BadKey)?;
        key.decrypt(data, &mut buffer).map(|secret| Secret::copied_from(secret))
    } else {
        let oaep = oaep(how)?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| CryptoError::BadKey)?;
        key.decrypt(oaep, data, &mut buffer, None).map(|secret| Secret::copied_from(secret))
    }
    .map_err(|_| CryptoError::Unwrappable)
}

fn imported(name: HashName, digest: &[u8]) -> Result<Digest, CryptoError> {
    Digest::import_less_safe(digest, hash::algorithm(name)?).map_err(|_| CryptoError::BadLength)
}

/// The RSA pair in a private half of a sound size; none for anything else.
fn rsa_private(format: KeyFormat, private: &[u8]) -> Option<RsaKeyPair> {
    if private.len() > HALF_BYTES_MAX || !der::is_one_sequence(private) {
        return None;
    }
    let pair = match format {
        KeyFormat::Pkcs1 => RsaKeyPair::from_der(private),
        KeyFormat::Pkcs8 => RsaKeyPair::from_pkcs8(private),
        _ => return None,
    }
    .ok()?;
    MODULUS_BITS.contains(&(pair.public_modulus_len() as u64 * 8)).then_some(pair)
}

/// The pair in a private half on one of the curves, and the hash that goes with it.
fn ec_private(format: KeyFormat, private: &[u8]) -> Option<(EcdsaKeyPair, HashName)> {
    let known = matches!(format, KeyFormat::Pkcs8 | KeyFormat::EcPrivateKey);
    if !known || private.len() > HALF_BYTES_MAX || !der::is_one_sequence(private) {
        return None;
    }
    Curve::ALL.iter().find_map(|curve| {
        let (algorithm, hash) = ec_signing(*curve);
        let pair = match format {
            KeyFormat::Pkcs8 => EcdsaKeyPair::from_pkcs8(algorithm, private),
            _ => EcdsaKeyPair::from_private_key_der(algorithm, private),
        };
        pair.ok().map(|pair| (pair, hash))
    })
}

fn check_public(format: KeyFormat, public: &[u8]) -> Result<(), CryptoError> {
    let known = matches!(format, KeyFormat::Pkcs1 | KeyFormat::X509);
    if known && public.len() <= HALF_BYTES_MAX && der::is_one_sequence(public) {
        return Ok(());
    }
    Err(CryptoError::BadKey)
}

fn rsa_public(public: &[u8]) -> Option<PublicEncryptingKey> {
    let key = aws_lc_rs::rsa::PublicKey::from_der(public).ok()?;
    let spki = key.as_der().ok()?;
    let key = PublicEncryptingKey::from_der(spki.as_ref()).ok()?;
    MODULUS_BITS.contains(&(key.key_size_bits() as u64)).then_some(key)
}

fn oaep(how: Encrypting) -> Result<&'static OaepAlgorithm, CryptoError> {
    match (how.padding, how.hash) {
        (Padding::Oaep, HashName::Sha1) => Ok(&OAEP_SHA1_MGF1SHA1),
        (Padding::Oaep, HashName::Sha256) => Ok(&OAEP_SHA256_MGF1SHA256),
        (Padding::Oaep, HashName::Sha384) => Ok(&OAEP_SHA384_MGF1SHA384),
        (Padding::Oaep, HashName::Sha512) => Ok(&OAEP_SHA512_MGF1SHA512),
        _ => Err(CryptoError::Unsupported),
    }
}

fn rsa_encoding(how: Signing) -> Option<&'static dyn RsaEncoding> {
    Some(match (how.padding, how.hash) {
        (Padding::Pkcs1V15, HashName::Sha256) => &signature::RSA_PKCS1_SHA256,
        (Padding::Pkcs1V15, HashName::Sha384) => &signature::RSA_PKCS1_SHA384,
        (Padding::Pkcs1V15, HashName::Sha512) => &signature::RSA_PKCS1_SHA512,
        (Padding::Pss, HashName::Sha256) => &signature::RSA_PSS_SHA256,
        (Padding::Pss, HashName::Sha384) => &signature::RSA_PSS_SHA384,
        (Padding::Pss, HashName::Sha512) => &signature::RSA_PSS_SHA512,
        _ => return None,
    })
}

fn rsa_parameters(how: Signing) -> Option<&'static RsaParameters> {
    Some(match (how.padding, how.hash) {
        (Padding::Pkcs1V15, HashName::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (Padding::Pkcs1V15, HashName::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (Padding::Pkcs1V15, HashName::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (Padding::Pss, HashName::Sha256) => &signature::RSA_PSS_2048_8192_SHA256,
        (Padding::Pss, HashName::Sha384) => &signature::RSA_PSS_2048_8192_SHA384,
        (Padding::Pss, HashName::Sha512) => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// Each curve with the hash of its own strength (FIPS 186-5 section 6.1.1).
const fn ec_signing(curve: Curve) -> (&'static EcdsaSigningAlgorithm, HashName) {
    match curve {
        Curve::P256 => (&signature::ECDSA_P256_SHA256_ASN1_SIGNING, HashName::Sha256),
        Curve::P384 => (&signature::ECDSA_P384_SHA384_ASN1_SIGNING, HashName::Sha384),
        Curve::P521 => (&signature::ECDSA_P521_SHA512_ASN1_SIGNING, HashName::Sha512),
    }
}

const fn ec_verifying(curve: Curve, hash: HashName) -> Option<&'static EcdsaVerificationAlgorithm> {
    match (curve, hash) {
        (Curve::P256, HashName::Sha256) => Some(&signature::ECDSA_P256_SHA256_ASN1),
        (Curve::P384, HashName::Sha384) => Some(&signature::ECDSA_P384_SHA384_ASN1),
        (Curve::P521, HashName::Sha512) => Some(&signature::ECDSA_P521_SHA512_ASN1),
        _ => None,
    }
}

/// The hash that a half on a curve signs with; none for anything that is no such half.
#[must_use]
pub fn hash_of(format: KeyFormat, half: &[u8]) -> Option<HashName> {
    if let Some((_, hash)) = ec_private(format, half) {
        return Some(hash);
    }
    let verifies = |curve: &Curve| {
        let (_, hash) = ec_signing(*curve);
        let algorithm = ec_verifying(*curve, hash)?;
        ParsedPublicKey::new(algorithm, half).is_ok().then_some(hash)
    };
    (format == KeyFormat::X509).then(|| Curve::ALL.iter().find_map(verifies)).flatten()
}
