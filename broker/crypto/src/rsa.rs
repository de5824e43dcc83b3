//! RSA keys of 2048, 3072 and 4096 bits (RFC 8017).

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::signature::{
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};
use broker_core::algorithm::{KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm};
use broker_core::secret::Secret;
use zeroize::Zeroizing;

use crate::{CryptoError, der, digest};

/// The longest modulus, in bytes.
const MODULUS_BYTES_MAX: usize = 512;
/// Smaller exponents make padding mistakes of others fatal; FIPS 186-5 section 5.4 refuses them too.
pub(crate) const EXPONENT_MIN: u64 = 65_537;

/// A key in the forms its operations want, each made once.
pub(crate) struct RsaKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    signing: RsaKeyPair,
    oaep_encrypting: OaepPublicEncryptingKey,
    oaep_decrypting: OaepPrivateDecryptingKey,
    pkcs1_encrypting: Pkcs1PublicEncryptingKey,
    pkcs1_decrypting: Pkcs1PrivateDecryptingKey,
}

impl RsaKey {
    /// A new key with the exponent 65537, as PKCS#8. Takes seconds at 4096 bits.
    pub(crate) fn generate(spec: KeySpec) -> Result<Secret, CryptoError> {
        let size = match spec {
            KeySpec::Rsa2048 => KeySize::Rsa2048,
            KeySpec::Rsa3072 => KeySize::Rsa3072,
            KeySpec::Rsa4096 => KeySize::Rsa4096,
            _ => return Err(CryptoError::Unsupported),
        };
        pkcs8(&RsaKeyPair::generate(size).map_err(|_| CryptoError::Internal)?)
    }

    /// From PKCS#8 (RFC 5208). The library checks that the numbers belong together (n = pq, the CRT parts, d against
    /// e); it does not test the primes for being prime.
    pub(crate) fn from_pkcs8(spec: KeySpec, material: &[u8]) -> Result<Self, CryptoError> {
        if !der::is_one_sequence(material) {
            return Err(CryptoError::BadKey);
        }
        let decrypting = PrivateDecryptingKey::from_pkcs8(material).map_err(|_| CryptoError::BadKey)?;
        let signing = RsaKeyPair::from_pkcs8(material).map_err(|_| CryptoError::BadKey)?;
        let (modulus, exponent) = der::rsa_public(signing.public_key().as_ref()).ok_or(CryptoError::BadKey)?;
        if modulus_bits(&modulus) != u64::from(spec.bits()) || number(&exponent) < EXPONENT_MIN {
            return Err(CryptoError::BadKey);
        }
        let encrypting = decrypting.public_key();
        let internal = |_| CryptoError::Internal;
        Ok(Self {
            modulus,
            exponent,
            signing,
            oaep_encrypting: OaepPublicEncryptingKey::new(encrypting.clone()).map_err(internal)?,
            oaep_decrypting: OaepPrivateDecryptingKey::new(decrypting.clone()).map_err(internal)?,
            pkcs1_encrypting: Pkcs1PublicEncryptingKey::new(encrypting).map_err(internal)?,
            pkcs1_decrypting: Pkcs1PrivateDecryptingKey::new(decrypting).map_err(internal)?,
        })
    }

    pub(crate) fn to_pkcs8(&self) -> Result<Secret, CryptoError> {
        pkcs8(&self.signing)
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        PublicKey::Rsa { n: self.modulus.clone(), e: self.exponent.clone() }
    }

    /// Wraps 1 byte up to what the padding leaves room for.
    pub(crate) fn wrap(&self, algorithm: WrapAlgorithm, secret: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let room = match padding(algorithm)? {
            Padding::Oaep(oaep) => self.oaep_encrypting.max_plaintext_size(oaep),
            Padding::Pkcs1 => self.pkcs1_encrypting.max_plaintext_size(),
        };
        if secret.is_empty() || secret.len() > room {
            return Err(CryptoError::BadLength);
        }
        let mut wrapped = vec![0; self.modulus.len()];
        match padding(algorithm)? {
            Padding::Oaep(oaep) => self.oaep_encrypting.encrypt(oaep, secret, &mut wrapped, None),
            Padding::Pkcs1 => self.pkcs1_encrypting.encrypt(secret, &mut wrapped),
        }
        .map_err(|_| CryptoError::Internal)?;
        Ok(wrapped)
    }

    /// Unwraps exactly as many bytes as the modulus has.
    ///
    /// The library takes OAEP apart in constant time. For PKCS#1 v1.5 it checks the padding in constant time and then
    /// says whether it was sound, so a caller who may ask often enough can decrypt by asking (Bleichenbacher): the
    /// answer is inherent in that algorithm, which is why it is off by default.
    pub(crate) fn unwrap_secret(&self, algorithm: WrapAlgorithm, wrapped: &[u8]) -> Result<Secret, CryptoError> {
        let mut buffer = Zeroizing::new([0; MODULUS_BYTES_MAX]);
        match padding(algorithm)? {
            Padding::Oaep(oaep) => self.oaep_decrypting.decrypt(oaep, wrapped, &mut *buffer, None),
            Padding::Pkcs1 => self.pkcs1_decrypting.decrypt(wrapped, &mut *buffer),
        }
        .map(|secret| Secret::copied_from(secret))
        .map_err(|_| CryptoError::Unwrappable)
    }

    /// A signature as long as the modulus. PSS salts are as long as the digest (RFC 7518 section 3.5).
    pub(crate) fn sign(&self, algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let encoding: &'static dyn RsaEncoding = match algorithm {
            SignAlgorithm::Rs256 => &RSA_PKCS1_SHA256,
            SignAlgorithm::Rs384 => &RSA_PKCS1_SHA384,
            SignAlgorithm::Rs512 => &RSA_PKCS1_SHA512,
            SignAlgorithm::Ps256 => &RSA_PSS_SHA256,
            SignAlgorithm::Ps384 => &RSA_PSS_SHA384,
            SignAlgorithm::Ps512 => &RSA_PSS_SHA512,
            SignAlgorithm::Es256 | SignAlgorithm::Es384 | SignAlgorithm::Es512 => {
                return Err(CryptoError::Unsupported);
            }
        };
        let digest = digest::imported(algorithm, digest)?;
        let mut signature = vec![0; self.modulus.len()];
        self.signing.sign_digest(encoding, &digest, &mut signature).map_err(|_| CryptoError::Internal)?;
        Ok(signature)
    }
}

enum Padding {
    Oaep(&'static OaepAlgorithm),
    Pkcs1,
}

fn padding(algorithm: WrapAlgorithm) -> Result<Padding, CryptoError> {
    match algorithm {
        WrapAlgorithm::RsaOaep => Ok(Padding::Oaep(&OAEP_SHA1_MGF1SHA1)),
        WrapAlgorithm::RsaOaep256 => Ok(Padding::Oaep(&OAEP_SHA256_MGF1SHA256)),
        WrapAlgorithm::Rsa1V5 => Ok(Padding::Pkcs1),
        WrapAlgorithm::A128Kw
        | WrapAlgorithm::A256Kw
        | WrapAlgorithm::A128Kwp
        | WrapAlgorithm::A256Kwp
        | WrapAlgorithm::A256Gcm => Err(CryptoError::Unsupported),
    }
}

/// PKCS#8 version 1 of a key; the library's own copy wipes itself.
pub(crate) fn pkcs8(pair: &RsaKeyPair) -> Result<Secret, CryptoError> {
    let material = pair.as_der().map_err(|_| CryptoError::Internal)?;
    Ok(Secret::copied_from(AsRef::<[u8]>::as_ref(&*material)))
}

/// Length in bits of a number without leading zeros.
pub(crate) fn modulus_bits(modulus: &[u8]) -> u64 {
    let leading = modulus.first().map_or(0, |byte| byte.leading_zeros());
    (modulus.len() as u64 * 8).saturating_sub(u64::from(leading))
}

/// The number, or the largest there is when it does not fit.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    if bytes.len() > 8 {
        return u64::MAX;
    }
    bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}
