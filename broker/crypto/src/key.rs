//! A key and what it does: wrap, unwrap, sign, verify.

use std::fmt;

use broker_core::algorithm::{KeyFamily, KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::secret::Secret;

use crate::CryptoError;
use crate::derive::derive;
use crate::ec::EcKey;
use crate::oct::OctKey;
use crate::rsa::RsaKey;
use crate::verify::verify_with;

/// Longest secret a key wraps, in bytes. RSA has room for far less.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;
/// Longest additional data, in bytes.
pub const AAD_BYTES_MAX: usize = 64 * 1024;
/// Longest key material, in bytes (PKCS#8 of RSA 4096 has about 2400).
pub const MATERIAL_BYTES_MAX: usize = 16 * 1024;

/// A key, parsed once and then used by many threads. Wiped when dropped.
///
/// Under A256GCM a key draws random IVs and so should wrap at most 2^32 times (NIST SP 800-38D section 8.3); the
/// other algorithms have no such bound.
pub struct CryptoKey {
    spec: KeySpec,
    form: Form,
}

enum Form {
    Ec(EcKey),
    Oct(OctKey),
    Rsa(Box<RsaKey>),
}

impl CryptoKey {
    /// A new random key. RSA takes its time (4096 bits: seconds), on a thread that may block.
    ///
    /// # Errors
    /// `Internal` when the library fails.
    pub fn generate(spec: KeySpec) -> Result<Self, CryptoError> {
        let material = match spec.family() {
            KeyFamily::Ec => EcKey::generate(spec)?,
            KeyFamily::Oct => OctKey::generate(spec)?,
            KeyFamily::Rsa => RsaKey::generate(spec)?,
        };
        Self::from_material(spec, &material)
    }

    /// From material: PKCS#8 DER for RSA and elliptic curves (RFC 5208, not encrypted), the bare bytes for oct.
    ///
    /// # Errors
    /// `BadKey` when the material is not exactly one key of this spec, when its numbers do not belong together, or when
    /// an RSA exponent is below 65537.
    pub fn from_material(spec: KeySpec, material: &Secret) -> Result<Self, CryptoError> {
        if material.len() > MATERIAL_BYTES_MAX {
            return Err(CryptoError::BadKey);
        }
        let form = match spec.family() {
            KeyFamily::Ec => Form::Ec(EcKey::from_pkcs8(spec, material.expose())?),
            KeyFamily::Oct => Form::Oct(OctKey::from_bytes(spec, material.expose())?),
            KeyFamily::Rsa => Form::Rsa(Box::new(RsaKey::from_pkcs8(spec, material.expose())?)),
        };
        Ok(Self { spec, form })
    }

    /// From a stranger's material: the checks of [`CryptoKey::from_material`], then one use of the key, so that a key
    /// which parses but cannot work (a composite "prime", say) is found now and not at the first unwrap.
    ///
    /// # Errors
    /// `BadKey` as there, or when the key does not undo what it did.
    pub fn import(spec: KeySpec, material: &Secret) -> Result<Self, CryptoError> {
        let key = Self::from_material(spec, material)?;
        if key.works()? { Ok(key) } else { Err(CryptoError::BadKey) }
    }

    /// A symmetric key derived from `parent` (32 bytes or more) for one purpose (at most 1024 bytes): HKDF with SHA-256 (RFC
    /// 5869), salt `keybroker v1`, info `key`, a blank, the spec's word, a zero byte and the purpose; the first bytes of 32.
    ///
    /// # Errors
    /// `Unsupported` for RSA and elliptic curves, `BadKey` for a short parent, `BadLength` for a long purpose.
    pub fn derive(parent: &Secret, spec: KeySpec, purpose: &[u8]) -> Result<Self, CryptoError> {
        let bytes = match spec {
            KeySpec::Oct128 => 16,
            KeySpec::Oct192 => 24,
            KeySpec::Oct256 => 32,
            _ => return Err(CryptoError::Unsupported),
        };
        let derived = derive(parent, &format!("key {spec}"), purpose)?;
        Self::from_material(spec, &Secret::copied_from(&derived.expose()[..bytes]))
    }

    fn works(&self) -> Result<bool, CryptoError> {
        let algorithm = match self.spec {
            KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => SignAlgorithm::Ps256,
            KeySpec::EcP256 => SignAlgorithm::Es256,
            KeySpec::EcP384 => SignAlgorithm::Es384,
            KeySpec::EcP521 => SignAlgorithm::Es512,
            KeySpec::Oct128 | KeySpec::Oct192 | KeySpec::Oct256 => return Ok(true), // any bytes are a key
        };
        let digest = vec![0x5a; algorithm.digest_bytes()];
        // The library checks its own result, so a bad key fails in signing already.
        let signature = self.sign(algorithm, &digest).map_err(|_| CryptoError::BadKey)?;
        self.verify(algorithm, &digest, &signature)
    }

    /// The material that [`CryptoKey::from_material`] takes, in one canonical form (PKCS#8 version 1).
    ///
    /// # Errors
    /// `Internal` when the library fails.
    pub fn to_material(&self) -> Result<Secret, CryptoError> {
        match &self.form {
            Form::Ec(key) => key.to_pkcs8(),
            Form::Oct(key) => Ok(key.to_bytes()),
            Form::Rsa(key) => key.to_pkcs8(),
        }
    }

    #[must_use]
    pub fn spec(&self) -> KeySpec {
        self.spec
    }

    /// The public half; `None` for oct.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        match &self.form {
            Form::Ec(key) => key.public_key(),
            Form::Oct(_) => PublicKey::None,
            Form::Rsa(key) => key.public_key(),
        }
    }

    /// Wraps a secret of 1 byte up to
    /// - RSA-OAEP: modulus - 42, RSA-OAEP-256: modulus - 66, RSA1_5: modulus - 11 bytes (RFC 8017 section 7),
    /// - A128KW, A256KW: 64 KiB, a multiple of 8 and at least 16 (RFC 3394 section 2),
    /// - A128KWP, A256KWP, A256GCM: 64 KiB.
    ///
    /// A256GCM takes additional data of at most 64 KiB in `extras.aad` and chooses the IV itself: an IV given by the
    /// caller is refused, because one repeat gives the key away. The rest take no extras.
    ///
    /// # Errors
    /// `Unsupported` when the algorithm does not go with this key, or extras are given that it does not take;
    /// `BadLength` beyond the limits; `Internal` when the library fails.
    pub fn wrap(&self, algorithm: WrapAlgorithm, secret: &Secret, extras: &WrapExtras) -> Result<Wrapped, CryptoError> {
        let chosen_by_us = extras.iv.is_empty() && extras.tag.is_empty();
        let takes_aad = algorithm == WrapAlgorithm::A256Gcm;
        if !algorithm.fits(self.spec) || !chosen_by_us || !(takes_aad || extras.aad.is_empty()) {
            return Err(CryptoError::Unsupported);
        }
        match &self.form {
            Form::Ec(_) => Err(CryptoError::Unsupported),
            Form::Oct(key) => key.wrap(algorithm, secret.expose(), extras),
            Form::Rsa(key) => {
                Ok(Wrapped { value: key.wrap(algorithm, secret.expose())?, iv: Vec::new(), tag: Vec::new() })
            }
        }
    }

    /// Unwraps what [`CryptoKey::wrap`] gave; for A256GCM with its `iv` (12 bytes), `tag` (16 bytes) and `aad`.
    ///
    /// # Errors
    /// `Unsupported` when the algorithm does not go with this key, or extras are given that it does not take;
    /// `Unwrappable` for everything that is wrong with the value or the extras, lengths included.
    pub fn unwrap_secret(
        &self,
        algorithm: WrapAlgorithm,
        wrapped: &[u8],
        extras: &WrapExtras,
    ) -> Result<Secret, CryptoError> {
        let takes_extras = algorithm == WrapAlgorithm::A256Gcm;
        if !algorithm.fits(self.spec) || !(takes_extras || *extras == WrapExtras::default()) {
            return Err(CryptoError::Unsupported);
        }
        match &self.form {
            Form::Ec(_) => Err(CryptoError::Unsupported),
            Form::Oct(key) => key.unwrap_secret(algorithm, wrapped, extras),
            Form::Rsa(key) => key.unwrap_secret(algorithm, wrapped),
        }
    }

    /// Signs a digest that the caller computed. RSA: as many bytes as the modulus has; ECDSA: r and s, each padded
    /// to the field's size (RFC 7518 section 3.4).
    ///
    /// # Errors
    /// `Unsupported` when the algorithm does not go with this key; `BadLength` for a digest of another size;
    /// `Internal` when the library fails.
    pub fn sign(&self, algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !algorithm.fits(self.spec) {
            return Err(CryptoError::Unsupported);
        }
        match &self.form {
            Form::Ec(key) => key.sign(algorithm, digest),
            Form::Oct(_) => Err(CryptoError::Unsupported),
            Form::Rsa(key) => key.sign(algorithm, digest),
        }
    }

    /// Whether this key signed this digest; see [`verify_with`], which needs the public half alone.
    ///
    /// # Errors
    /// As there.
    pub fn verify(&self, algorithm: SignAlgorithm, digest: &[u8], signature: &[u8]) -> Result<bool, CryptoError> {
        verify_with(self.spec, &self.public_key(), algorithm, digest, signature)
    }
}

impl fmt::Debug for CryptoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CryptoKey({})", self.spec)
    }
}
