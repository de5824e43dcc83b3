//! What the core asks of cryptography for managed objects. It happens in the host: an object's bytes are opened for the
//! one call and wiped after it.

use crate::object::{BlockMode, Curve, Derivation, HashName, KeyFormat, ObjectAlgorithm, ObjectKind, Padding};
use crate::port::Later;
use crate::refusal::Failure;
use crate::secret::Secret;

/// Bytes that one operation takes in, at most.
pub const DATA_BYTES_MAX: usize = 1024 * 1024;
/// Bytes that can be derived, at most.
pub const DERIVED_BYTES_MAX: usize = 4096;

/// KMIP 1.4 section 3.6, Cryptographic Parameters: what is not given is the algorithm's usual.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CryptoParameters {
    pub algorithm: Option<ObjectAlgorithm>,
    pub mode: Option<BlockMode>,
    pub padding: Option<Padding>,
    pub hash: Option<HashName>,
    /// Of MGF1, for OAEP and PSS; none: as `hash`.
    pub mask_hash: Option<HashName>,
    pub salt_bytes: Option<u32>,
    pub iv_bytes: Option<u32>,
    pub tag_bytes: Option<u32>,
    /// The broker draws the IV; otherwise the caller gives it.
    pub random_iv: bool,
}

/// A key in the clear, for one call.
#[derive(Debug)]
pub struct KeyInUse<'a> {
    pub kind: ObjectKind,
    pub algorithm: Option<ObjectAlgorithm>,
    pub bits: Option<u32>,
    pub format: KeyFormat,
    pub bytes: &'a [u8],
}

/// What goes in beside data that are encrypted or decrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CipherExtras {
    pub iv: Option<Vec<u8>>,
    pub aad: Vec<u8>,
    /// To decrypt with an algorithm that authenticates.
    pub tag: Option<Vec<u8>>,
}

/// Data, encrypted. The IV is there when the broker drew it, the tag when the algorithm authenticates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ciphered {
    pub data: Vec<u8>,
    pub iv: Option<Vec<u8>>,
    pub tag: Option<Vec<u8>>,
}

/// A pair to be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairSpec {
    /// ECDSA, ECDH or EC as it was asked for.
    Ec {
        algorithm: ObjectAlgorithm,
        curve: Curve,
    },
    Rsa {
        bits: u32,
    },
}

/// A pair that was generated, each half with what its bytes are.
#[derive(Debug)]
pub struct NewPair {
    pub private: Secret,
    pub private_format: KeyFormat,
    pub public: Vec<u8>,
    pub public_format: KeyFormat,
    pub bits: u32,
}

/// KMIP 1.4 section 2.1.12, Derivation Parameters.
#[derive(Debug, Default)]
pub struct DerivationParameters {
    pub parameters: CryptoParameters,
    pub iv: Option<Vec<u8>>,
    pub data: Option<Secret>,
    pub salt: Option<Vec<u8>>,
    pub iterations: Option<u32>,
}

/// Cryptography on bytes in the clear. Constant time where a secret is concerned; every failure to open is `Unwrappable`.
pub trait ObjectCrypto: Send + Sync {
    fn sha256(&self, bytes: &[u8]) -> [u8; 32];

    /// Seals bytes under 32 secret ones that were never used before, bound to a place.
    ///
    /// # Errors
    /// `Internal`.
    fn seal(&self, key: &Secret, place: &[u8], bytes: &Secret) -> Result<Vec<u8>, Failure>;

    /// # Errors
    /// `Internal`: what we sealed ourselves does not open.
    fn open(&self, key: &Secret, place: &[u8], sealed: &[u8]) -> Result<Secret, Failure>;

    /// Whether two secrets are the same, in constant time for those of one length.
    fn same(&self, one: &Secret, other: &Secret) -> bool;

    /// How long a symmetric key of this algorithm may be, checked before one is drawn.
    ///
    /// # Errors
    /// `AlgorithmUnsupported`, `BadRequest`.
    fn check_symmetric(&self, algorithm: ObjectAlgorithm, bits: u32) -> Result<(), Failure>;

    /// Takes up to seconds for RSA, on a thread of its own.
    fn generate_pair(&self, spec: PairSpec) -> Later<'_, Result<NewPair, Failure>>;

    /// # Errors
    /// `AlgorithmUnsupported`, `BadRequest`.
    fn encrypt(
        &self,
        key: &KeyInUse<'_>,
        with: &CryptoParameters,
        data: &Secret,
        extras: &CipherExtras,
    ) -> Result<Ciphered, Failure>;

    /// # Errors
    /// `AlgorithmUnsupported`, `BadRequest`, `Unwrappable`.
    fn decrypt(
        &self,
        key: &KeyInUse<'_>,
        with: &CryptoParameters,
        data: &[u8],
        extras: &CipherExtras,
    ) -> Result<Secret, Failure>;

    /// `digested`: the data are the digest already.
    ///
    /// # Errors
    /// `AlgorithmUnsupported`, `BadRequest`.
    fn sign(
        &self,
        key: &KeyInUse<'_>,
        with: &CryptoParameters,
        data: &[u8],
        digested: bool,
    ) -> Result<Vec<u8>, Failure>;

    /// # Errors
    /// `AlgorithmUnsupported`, `BadRequest`; a signature that is not the key's is `false`.
    fn verify(
        &self,
        key: &KeyInUse<'_>,
        with: &CryptoParameters,
        data: &[u8],
        digested: bool,
        signature: &[u8],
    ) -> Result<bool, Failure>;

    /// # Errors
    /// `AlgorithmUnsupported`, `BadRequest`.
    fn mac(&self, key: &KeyInUse<'_>, with: &CryptoParameters, data: &[u8]) -> Result<Vec<u8>, Failure>;

    /// # Errors
    /// As [`ObjectCrypto::mac`].
    fn mac_verify(&self, key: &KeyInUse<'_>, with: &CryptoParameters, data: &[u8], mac: &[u8])
    -> Result<bool, Failure>;

    /// # Errors
    /// `AlgorithmUnsupported`.
    fn hash(&self, hash: HashName, data: &[u8]) -> Result<Vec<u8>, Failure>;

    /// `bytes` (at most 4096) derived from a base and, with some methods, a second one.
    ///
    /// # Errors
    /// `AlgorithmUnsupported`, `BadRequest`.
    fn derive(
        &self,
        how: Derivation,
        bases: &[KeyInUse<'_>],
        with: &DerivationParameters,
        bytes: usize,
    ) -> Result<Secret, Failure>;
}
