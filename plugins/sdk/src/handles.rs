//! Serves every verb through the host's handles: the guest keeps the sealed key as its material and nothing else.
//!
//! Material is one version byte, then what `crypto.seal` gave. Errors are the host's own, passed on unchanged; material
//! of another version answers `internal`, for the host hands back only what this backend once gave it.

use crate::crypto::{self, Key, Secret};
use crate::types::{Error, KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use crate::{Description, Generated};

/// The first byte of every material. A change of layout takes the next number and still reads this one.
pub const MATERIAL_VERSION: u8 = 1;

/// A backend called `name` that serves all the host can do on handles: every key spec but oct192, which no algorithm
/// of the contract takes, and all algorithms.
pub fn describe(name: &str, version: &str) -> Description {
    Description {
        name: name.into(),
        version: version.into(),
        key_specs: vec![
            KeySpec::Rsa2048,
            KeySpec::Rsa3072,
            KeySpec::Rsa4096,
            KeySpec::EcP256,
            KeySpec::EcP384,
            KeySpec::EcP521,
            KeySpec::Oct128,
            KeySpec::Oct256,
        ],
        wrap_algorithms: vec![
            WrapAlgorithm::RsaOaep,
            WrapAlgorithm::RsaOaep256,
            WrapAlgorithm::Rsa1V5,
            WrapAlgorithm::A128Kw,
            WrapAlgorithm::A256Kw,
            WrapAlgorithm::A128Kwp,
            WrapAlgorithm::A256Kwp,
            WrapAlgorithm::A256Gcm,
        ],
        sign_algorithms: vec![
            SignAlgorithm::Rs256,
            SignAlgorithm::Rs384,
            SignAlgorithm::Rs512,
            SignAlgorithm::Ps256,
            SignAlgorithm::Ps384,
            SignAlgorithm::Ps512,
            SignAlgorithm::Es256,
            SignAlgorithm::Es384,
            SignAlgorithm::Es512,
        ],
        backup_first: false,
    }
}

/// A new key of this spec.
pub fn generate_key(spec: KeySpec) -> Result<Generated, Error> {
    require_served(spec)?;
    keep(&crypto::generate(spec)?)
}

/// A key made from an imported secret: PKCS #8 for RSA and EC, raw bytes for oct.
pub fn import_key(spec: KeySpec, secret: &Secret) -> Result<Generated, Error> {
    require_served(spec)?;
    keep(&crypto::import_secret(spec, secret)?)
}

pub fn wrap_key(
    material: &[u8],
    algorithm: WrapAlgorithm,
    secret: &Secret,
    extras: &WrapExtras,
) -> Result<Wrapped, Error> {
    crypto::wrap(&open(material)?, algorithm, secret, extras)
}

pub fn unwrap_key(
    material: &[u8],
    algorithm: WrapAlgorithm,
    value: &[u8],
    extras: &WrapExtras,
) -> Result<Secret, Error> {
    crypto::unwrap(&open(material)?, algorithm, value, extras)
}

pub fn sign(material: &[u8], algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, Error> {
    crypto::sign(&open(material)?, algorithm, digest)
}

/// The key behind `material`, for as long as this call runs.
pub fn open(material: &[u8]) -> Result<Key, Error> {
    crypto::open(sealed(material)?)
}

/// What `crypto.seal` gave when this material was made.
pub fn sealed(material: &[u8]) -> Result<&[u8], Error> {
    match material.split_first() {
        Some((&MATERIAL_VERSION, sealed)) => Ok(sealed),
        _ => Err(Error::Internal),
    }
}

fn require_served(spec: KeySpec) -> Result<(), Error> {
    if spec == KeySpec::Oct192 { Err(Error::Unsupported) } else { Ok(()) }
}

fn keep(key: &Key) -> Result<Generated, Error> {
    let sealed = crypto::seal(key)?;
    let mut material = Vec::with_capacity(1 + sealed.len());
    material.push(MATERIAL_VERSION);
    material.extend_from_slice(&sealed);
    Ok(Generated { material, public_key: key.public_part() })
}
