//! The core's port for managed objects, answered with this room's operations.

use broker_core::object::{BlockMode, Derivation, HashName, KeyFormat, ObjectAlgorithm, ObjectKind, Padding};
use broker_core::object_crypto::{
    CipherExtras, Ciphered, CryptoParameters, DERIVED_BYTES_MAX, DerivationParameters, KeyInUse, NewPair, ObjectCrypto,
    PairSpec,
};
use broker_core::port::Later;
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;

use super::cipher::{self, Cipher};
use super::derive::{self, Derive, KbkdfMode};
use super::mac::{self, Mac};
use super::pair::{self, Encrypting, Signing};
use super::thread::on_a_thread;
use super::wrap;
use crate::seal::SealKey;
use crate::{CryptoError, constant, digest, random};

/// Cryptography for managed objects.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostCrypto;

impl ObjectCrypto for HostCrypto {
    fn sha256(&self, bytes: &[u8]) -> [u8; 32] {
        digest::sha256(bytes)
    }

    fn seal(&self, key: &Secret, place: &[u8], bytes: &Secret) -> Result<Vec<u8>, Failure> {
        SealKey::from_secret(key).and_then(|key| key.seal(place, bytes.expose())).map_err(Failure::internal)
    }

    fn open(&self, key: &Secret, place: &[u8], sealed: &[u8]) -> Result<Secret, Failure> {
        SealKey::from_secret(key).and_then(|key| key.open(place, sealed)).map_err(Failure::internal)
    }

    fn same(&self, one: &Secret, other: &Secret) -> bool {
        constant::equal(one.expose(), other.expose())
    }

    fn check_symmetric(&self, algorithm: ObjectAlgorithm, bits: u32) -> Result<(), Failure> {
        let fits = match algorithm {
            ObjectAlgorithm::Aes => matches!(bits, 128 | 192 | 256),
            ObjectAlgorithm::HmacSha1
            | ObjectAlgorithm::HmacSha224
            | ObjectAlgorithm::HmacSha256
            | ObjectAlgorithm::HmacSha384
            | ObjectAlgorithm::HmacSha512 => bits.is_multiple_of(8) && (112..=8192).contains(&bits),
            ObjectAlgorithm::ChaCha20 | ObjectAlgorithm::ChaCha20Poly1305 => bits == 256,
            _ => return Err(unsupported(algorithm.word(), "managed symmetric keys")),
        };
        if fits { Ok(()) } else { Err(Failure::bad_request(format!("{algorithm} keys have no {bits} bits"))) }
    }

    fn generate_pair(&self, spec: PairSpec) -> Later<'_, Result<NewPair, Failure>> {
        Box::pin(async move {
            let made = on_a_thread(move || generate(spec)).await?;
            made.map_err(|error| refused(error, "key pair generation"))
        })
    }

    fn encrypt(
        &self,
        key: &KeyInUse<'_>,
        with: &CryptoParameters,
        data: &Secret,
        extras: &CipherExtras,
    ) -> Result<Ciphered, Failure> {
        if is_rsa(key) {
            let how = rsa_encrypting(with);
            check_kind(key, ObjectKind::PublicKey)?;
            let data = pair::encrypt(key.format, key.bytes, how, data).map_err(|error| refused(error, "RSA"))?;
            return Ok(Ciphered { data, iv: None, tag: None });
        }
        let mode = check_aes(key, with)?;
        if is_wrap(mode) {
            let data = wrap::wrap(mode, &secret(key), data).map_err(|error| refused(error, mode.word()))?;
            return Ok(Ciphered { data, iv: None, tag: None });
        }
        let drawn = match (&extras.iv, with.random_iv) {
            (None, true) => {
                let mut iv = vec![0; iv_bytes(mode)?];
                random::fill(&mut iv).map_err(Failure::internal)?;
                Some(iv)
            }
            _ => None,
        };
        let iv = extras.iv.as_ref().or(drawn.as_ref());
        let cipher = cipher_of(mode, with, iv, extras)?;
        let made = cipher::encrypt(&secret(key), cipher, data)
            .map_err(|error| refused_cipher(error, with, cipher.tag_bytes))?;
        let tag = (mode == BlockMode::Gcm).then_some(made.tag);
        Ok(Ciphered { data: made.data, iv: drawn.filter(|iv| !iv.is_empty()), tag })
    }

    fn decrypt(
        &self,
        key: &KeyInUse<'_>,
        with: &CryptoParameters,
        data: &[u8],
        extras: &CipherExtras,
    ) -> Result<Secret, Failure> {
        if is_rsa(key) {
            check_kind(key, ObjectKind::PrivateKey)?;
            let how = rsa_encrypting(with);
            return pair::decrypt(key.format, key.bytes, how, data).map_err(|error| refused(error, "RSA"));
        }
        let mode = check_aes(key, with)?;
        if is_wrap(mode) {
            return wrap::unwrap_secret(mode, &secret(key), data).map_err(|error| refused(error, mode.word()));
        }
        let cipher = cipher_of(mode, with, extras.iv.as_ref(), extras)?;
        // The tag's own length rules when the parameters say nothing.
        let tag = extras.tag.as_deref().unwrap_or_default();
        let cipher = match with.tag_bytes {
            None if mode == BlockMode::Gcm => Cipher { tag_bytes: tag.len(), ..cipher },
            _ => cipher,
        };
        cipher::decrypt(&secret(key), cipher, data, tag).map_err(|error| refused_cipher(error, with, cipher.tag_bytes))
    }

    fn sign(
        &self,
        key: &KeyInUse<'_>,
        with: &CryptoParameters,
        data: &[u8],
        digested: bool,
    ) -> Result<Vec<u8>, Failure> {
        check_kind(key, ObjectKind::PrivateKey)?;
        let how = signing(key, with);
        let digest = digest_of(how, data, digested)?;
        pair::sign(key.format, key.bytes, how, &digest).map_err(|error| refused(error, how.hash.word()))
    }

    fn verify(
        &self,
        key: &KeyInUse<'_>,
        with: &CryptoParameters,
        data: &[u8],
        digested: bool,
        signature: &[u8],
    ) -> Result<bool, Failure> {
        check_kind(key, ObjectKind::PublicKey)?;
        let how = signing(key, with);
        let digest = digest_of(how, data, digested)?;
        pair::verify(key.format, key.bytes, how, &digest, signature).map_err(|error| refused(error, how.hash.word()))
    }

    fn mac(&self, key: &KeyInUse<'_>, with: &CryptoParameters, data: &[u8]) -> Result<Vec<u8>, Failure> {
        let mac = mac_of(key, with)?;
        mac::tag(mac, &secret(key), data).map_err(|error| refused(error, "MAC"))
    }

    fn mac_verify(
        &self,
        key: &KeyInUse<'_>,
        with: &CryptoParameters,
        data: &[u8],
        claimed: &[u8],
    ) -> Result<bool, Failure> {
        let mac = mac_of(key, with)?;
        mac::verify(mac, &secret(key), data, claimed).map_err(|error| refused(error, "MAC"))
    }

    fn hash(&self, hash: HashName, data: &[u8]) -> Result<Vec<u8>, Failure> {
        super::hash::hash(hash, data).map_err(|error| refused(error, hash.word()))
    }

    fn derive(
        &self,
        how: Derivation,
        bases: &[KeyInUse<'_>],
        with: &DerivationParameters,
        bytes: usize,
    ) -> Result<Secret, Failure> {
        let Some((base, rest)) = bases.split_first() else {
            return Err(Failure::bad_request("a derivation begins from an object"));
        };
        // The second object's bytes stand for data that the caller does not have (section 4.6).
        let data = match (&with.data, rest) {
            (Some(data), []) => Some(data.expose()),
            (None, [second]) => Some(second.bytes),
            (None, []) => None,
            _ => {
                return Err(Failure::bad_request("the data of a derivation are given once: as bytes or as one object"));
            }
        };
        if bytes == 0 || bytes > DERIVED_BYTES_MAX {
            return Err(Failure::bad_request(format!("what is derived has 1 to {DERIVED_BYTES_MAX} bytes")));
        }
        let given = || data.ok_or_else(|| Failure::bad_request(format!("{how} derives from data, which are missing")));
        let hash = derivation_hash(base, &with.parameters);
        let extras = CipherExtras::default();
        let how = match how {
            Derivation::Encrypt => {
                let mode = check_aes(base, &with.parameters)?;
                let cipher = cipher_of(mode, &with.parameters, with.iv.as_ref(), &extras)?;
                Derive::Encrypt { cipher, data: given()? }
            }
            Derivation::Hash if data.is_some() => {
                return Err(Failure::bad_request("HASH derives from the object itself, without data beside it"));
            }
            Derivation::Hash => Derive::Hash { hash },
            Derivation::Hmac => Derive::Hmac { hash, data: given()? },
            Derivation::Nist800108C => Derive::Kbkdf { mode: KbkdfMode::Counter, hash, data: given()? },
            Derivation::Nist800108Dpi => Derive::Kbkdf { mode: KbkdfMode::DoublePipeline, hash, data: given()? },
            Derivation::Nist800108F => {
                let iv = with.iv.as_deref().unwrap_or_default();
                Derive::Kbkdf { mode: KbkdfMode::Feedback { iv }, hash, data: given()? }
            }
            Derivation::Pbkdf2 => Derive::Pbkdf2 {
                hash,
                salt: with.salt.as_deref().ok_or_else(|| Failure::bad_request("PBKDF2 takes a salt"))?,
                iterations: with.iterations.ok_or_else(|| Failure::bad_request("PBKDF2 takes an iteration count"))?,
            },
            Derivation::AsymmetricKey => return Err(unsupported(how.word(), "derivation")),
        };
        derive::derive(&secret(base), how, bytes).map_err(|error| refused(error, "derivation"))
    }
}

fn generate(spec: PairSpec) -> Result<NewPair, CryptoError> {
    match spec {
        PairSpec::Ec { curve, .. } => {
            let (private, public) = pair::generate_ec(curve)?;
            let bits = match curve {
                broker_core::object::Curve::P256 => 256,
                broker_core::object::Curve::P384 => 384,
                broker_core::object::Curve::P521 => 521,
            };
            let (private_format, public_format) = (KeyFormat::Pkcs8, KeyFormat::X509);
            Ok(NewPair { private, private_format, public, public_format, bits })
        }
        PairSpec::Rsa { bits } => {
            let (private, public) = pair::generate_rsa(bits)?;
            let (private_format, public_format) = (KeyFormat::Pkcs1, KeyFormat::Pkcs1);
            Ok(NewPair { private, private_format, public, public_format, bits })
        }
    }
}

fn secret(key: &KeyInUse<'_>) -> Secret {
    Secret::copied_from(key.bytes)
}

/// Key wrapping takes no IV of the caller's.
const fn is_wrap(mode: BlockMode) -> bool {
    matches!(mode, BlockMode::NistKeyWrap | BlockMode::AesKeyWrapPadding)
}

fn is_rsa(key: &KeyInUse<'_>) -> bool {
    key.algorithm == Some(ObjectAlgorithm::Rsa)
}

fn check_kind(key: &KeyInUse<'_>, kind: ObjectKind) -> Result<(), Failure> {
    if key.kind == kind {
        return Ok(());
    }
    Err(Failure::bad_request(format!("this takes a {kind}, and the object is a {}", key.kind)))
}

/// The mode to run AES in; the object must be an AES key.
fn check_aes(key: &KeyInUse<'_>, with: &CryptoParameters) -> Result<BlockMode, Failure> {
    check_kind(key, ObjectKind::SymmetricKey)?;
    match with.algorithm.or(key.algorithm) {
        Some(ObjectAlgorithm::Aes) if key.algorithm == Some(ObjectAlgorithm::Aes) => {}
        Some(other) => return Err(unsupported(other.word(), "encryption")),
        None => return Err(Failure::bad_request("the key has no algorithm")),
    }
    with.mode.ok_or_else(|| {
        Failure::bad_request("neither the request nor the key's Cryptographic Parameters name a block cipher mode")
    })
}

fn iv_bytes(mode: BlockMode) -> Result<usize, Failure> {
    cipher::iv_bytes(mode).map_err(|_| unsupported(&format!("AES-{mode}"), "encryption"))
}

fn cipher_of<'a>(
    mode: BlockMode,
    with: &CryptoParameters,
    iv: Option<&'a Vec<u8>>,
    extras: &'a CipherExtras,
) -> Result<Cipher<'a>, Failure> {
    let wanted = iv_bytes(mode)?;
    let iv = match iv {
        Some(iv) => iv.as_slice(),
        None if wanted == 0 => &[],
        None => {
            return Err(Failure::bad_request(format!("AES-{mode} takes an IV, counter or nonce of {wanted} bytes")));
        }
    };
    if iv.len() != wanted {
        let given = iv.len();
        return Err(unsupported(&format!("AES-{mode} with an IV of {given} bytes"), "encryption"));
    }
    let whole = if mode == BlockMode::Gcm { *cipher::GCM_TAG_BYTES.end() } else { 0 };
    let tag_bytes = with.tag_bytes.map_or(Some(whole), |bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX);
    Ok(Cipher { mode, padding: with.padding.unwrap_or(Padding::None), iv, aad: &extras.aad, tag_bytes })
}

fn refused_cipher(error: CryptoError, with: &CryptoParameters, tag_bytes: usize) -> Failure {
    let mode = with.mode.map_or("", BlockMode::word);
    if mode == BlockMode::Gcm.word() && !cipher::GCM_TAG_BYTES.contains(&tag_bytes) {
        return unsupported(&format!("AES-GCM with a tag of {tag_bytes} bytes"), "encryption");
    }
    refused(error, &format!("AES-{mode}"))
}

fn rsa_encrypting(with: &CryptoParameters) -> Encrypting {
    // RFC 8017 appendix A.2.1 has SHA-1 as OAEP's default, and so do clients that name none.
    Encrypting { hash: with.hash.unwrap_or(HashName::Sha1), padding: with.padding.unwrap_or(Padding::Oaep) }
}

fn signing(key: &KeyInUse<'_>, with: &CryptoParameters) -> Signing {
    let usual = pair::hash_of(key.format, key.bytes).unwrap_or(HashName::Sha256);
    Signing { hash: with.hash.unwrap_or(usual), padding: with.padding.unwrap_or(Padding::Pkcs1V15) }
}

fn digest_of(how: Signing, data: &[u8], digested: bool) -> Result<Vec<u8>, Failure> {
    if digested {
        return Ok(data.to_vec());
    }
    super::hash::hash(how.hash, data).map_err(|error| refused(error, how.hash.word()))
}

/// What the request asks for, or what the key itself is for.
fn mac_of(key: &KeyInUse<'_>, with: &CryptoParameters) -> Result<Mac, Failure> {
    let algorithm = with.algorithm.or(key.algorithm);
    match algorithm {
        Some(ObjectAlgorithm::HmacSha1) => Ok(Mac::Hmac(HashName::Sha1)),
        Some(ObjectAlgorithm::HmacSha224) => Ok(Mac::Hmac(HashName::Sha224)),
        Some(ObjectAlgorithm::HmacSha256) => Ok(Mac::Hmac(HashName::Sha256)),
        Some(ObjectAlgorithm::HmacSha384) => Ok(Mac::Hmac(HashName::Sha384)),
        Some(ObjectAlgorithm::HmacSha512) => Ok(Mac::Hmac(HashName::Sha512)),
        Some(ObjectAlgorithm::Aes) => Ok(Mac::AesCmac),
        Some(other) => Err(unsupported(other.word(), "MAC")),
        None => with.hash.map(Mac::Hmac).ok_or_else(|| Failure::bad_request("the key has no algorithm")),
    }
}

fn derivation_hash(base: &KeyInUse<'_>, with: &CryptoParameters) -> HashName {
    let of_key = match base.algorithm {
        Some(ObjectAlgorithm::HmacSha1) => Some(HashName::Sha1),
        Some(ObjectAlgorithm::HmacSha224) => Some(HashName::Sha224),
        Some(ObjectAlgorithm::HmacSha384) => Some(HashName::Sha384),
        Some(ObjectAlgorithm::HmacSha512) => Some(HashName::Sha512),
        _ => None,
    };
    with.hash.or(of_key).unwrap_or(HashName::Sha256)
}

fn unsupported(algorithm: &str, by: &str) -> Failure {
    Refusal::AlgorithmUnsupported { algorithm: algorithm.to_owned(), by: by.to_owned() }.into()
}

/// One place where this room's word becomes the caller's.
fn refused(error: CryptoError, what: &str) -> Failure {
    match error {
        CryptoError::BadKey => Failure::bad_request(format!("the object's bytes are no sound key for {what}")),
        CryptoError::BadLength => Failure::bad_request(format!("{what} does not take data of this length")),
        CryptoError::Internal => Failure::internal(error),
        CryptoError::Unsupported => unsupported(what, "managed objects"),
        CryptoError::Unwrappable => Refusal::Unwrappable.into(),
    }
}
