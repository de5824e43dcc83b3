//! RSA, against the broker's own cryptography: it encrypts for the token, and verifies what the token signed.

use broker_core::algorithm::{KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm};
use broker_core::secret::Secret;
use broker_crypto::verify::verify_with;
use broker_crypto::wrap::wrap_with;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, KeyType, ObjectHandle};

use super::{refused, right};
use crate::desk::{Desk, Trouble, passing};
use crate::report::Answer;

const SECRET: [u8; 32] = [0x5e; 32];
/// DigestInfo before a SHA-256 and a SHA-512 digest (RFC 8017 section 9.2 note 1).
const SHA256_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];
const SHA512_INFO: [u8; 19] =
    [0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40];

struct Pair {
    private: ObjectHandle,
    public: PublicKey,
    spec: KeySpec,
}

impl Pair {
    fn make(desk: &Desk, spec: KeySpec) -> Result<Self, Trouble> {
        let (public, private) = desk.rsa(spec.bits().into(), &[])?;
        Ok(Self { private, public: desk.rsa_public(public)?, spec })
    }

    /// Encrypted here, with the public half.
    fn sealed(&self, algorithm: WrapAlgorithm) -> Result<Vec<u8>, Trouble> {
        wrap_with(self.spec, &self.public, algorithm, &Secret::copied_from(&SECRET))
            .map_err(|error| Trouble::Before(format!("the token's public key: {error}")))
    }

    fn verifies(&self, algorithm: SignAlgorithm, digest: &[u8], signature: &[u8]) -> Answer {
        match verify_with(self.spec, &self.public, algorithm, digest, signature) {
            Ok(true) => Answer::Does,
            Ok(false) => Answer::wrong("the signature does not verify"),
            Err(error) => Answer::wrong(format!("the public key or the signature: {error}")),
        }
    }
}

fn oaep(algorithm: WrapAlgorithm) -> Mechanism<'static> {
    let (hash, mask) = match algorithm {
        WrapAlgorithm::RsaOaep256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        _ => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
    };
    Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mask, PkcsOaepSource::empty()))
}

fn opens(desk: &Desk, spec: KeySpec, algorithm: WrapAlgorithm) -> Result<Answer, Trouble> {
    let pair = Pair::make(desk, spec)?;
    Ok(right(&desk.session.decrypt(&oaep(algorithm), pair.private, &pair.sealed(algorithm)?)?, &SECRET))
}

pub fn oaep_sha1_2048(desk: &Desk) -> Result<Answer, Trouble> {
    opens(desk, KeySpec::Rsa2048, WrapAlgorithm::RsaOaep)
}

pub fn oaep_sha1_3072(desk: &Desk) -> Result<Answer, Trouble> {
    opens(desk, KeySpec::Rsa3072, WrapAlgorithm::RsaOaep)
}

pub fn oaep_sha1_4096(desk: &Desk) -> Result<Answer, Trouble> {
    opens(desk, KeySpec::Rsa4096, WrapAlgorithm::RsaOaep)
}

pub fn oaep_sha256_2048(desk: &Desk) -> Result<Answer, Trouble> {
    opens(desk, KeySpec::Rsa2048, WrapAlgorithm::RsaOaep256)
}

fn unwraps(desk: &Desk, algorithm: WrapAlgorithm) -> Result<Answer, Trouble> {
    let pair = Pair::make(desk, KeySpec::Rsa2048)?;
    let template = [vec![Attribute::KeyType(KeyType::GENERIC_SECRET)], passing()].concat();
    let sealed = pair.sealed(algorithm)?;
    let secret = desk.session.unwrap_key(&oaep(algorithm), pair.private, &sealed, &template)?;
    let value = desk.value(secret)?;
    Ok(value.map_or_else(|| Answer::wrong("the unwrapped secret shows no value"), |value| right(&value, &SECRET)))
}

pub fn oaep_sha1_unwraps(desk: &Desk) -> Result<Answer, Trouble> {
    unwraps(desk, WrapAlgorithm::RsaOaep)
}

pub fn oaep_sha256_unwraps(desk: &Desk) -> Result<Answer, Trouble> {
    unwraps(desk, WrapAlgorithm::RsaOaep256)
}

pub fn oaep_refuses_tampered(desk: &Desk) -> Result<Answer, Trouble> {
    let pair = Pair::make(desk, KeySpec::Rsa2048)?;
    let mut sealed = pair.sealed(WrapAlgorithm::RsaOaep)?;
    // The last byte: the number stays below the modulus.
    sealed[255] ^= 1;
    let outcome = desk.session.decrypt(&oaep(WrapAlgorithm::RsaOaep), pair.private, &sealed);
    Ok(refused(outcome, "a value that was tampered with is decrypted"))
}

/// The private operation on a block that is padded here must be a signature.
pub fn bare_2048(desk: &Desk) -> Result<Answer, Trouble> {
    let pair = Pair::make(desk, KeySpec::Rsa2048)?;
    let digest = [0xd1; 32];
    let info = [&SHA256_INFO[..], &digest].concat();
    // RFC 8017 section 9.2 step 5.
    let mut block = vec![0xff; 256];
    (block[0], block[1]) = (0, 1);
    let begin = block.len() - info.len();
    block[begin - 1] = 0;
    block[begin..].copy_from_slice(&info);
    let signature = desk.session.decrypt(&Mechanism::RsaX509, pair.private, &block)?;
    // Some tokens drop the zeros at the beginning.
    let signature = [vec![0; 256_usize.saturating_sub(signature.len())], signature].concat();
    Ok(pair.verifies(SignAlgorithm::Rs256, &digest, &signature))
}

fn signs(desk: &Desk, mechanism: &Mechanism, algorithm: SignAlgorithm, before: &[u8]) -> Result<Answer, Trouble> {
    let pair = Pair::make(desk, KeySpec::Rsa2048)?;
    let digest = vec![0xd1; algorithm.digest_bytes()];
    let signature = desk.session.sign(mechanism, pair.private, &[before, &digest].concat())?;
    Ok(pair.verifies(algorithm, &digest, &signature))
}

pub fn signs_pkcs1_256(desk: &Desk) -> Result<Answer, Trouble> {
    signs(desk, &Mechanism::RsaPkcs, SignAlgorithm::Rs256, &SHA256_INFO)
}

pub fn signs_pkcs1_512(desk: &Desk) -> Result<Answer, Trouble> {
    signs(desk, &Mechanism::RsaPkcs, SignAlgorithm::Rs512, &SHA512_INFO)
}

/// With a salt as long as the digest (RFC 7518 section 3.5).
fn pss(hash_alg: MechanismType, mgf: PkcsMgfType, digest_bytes: u64) -> Mechanism<'static> {
    Mechanism::RsaPkcsPss(PkcsPssParams { hash_alg, mgf, s_len: digest_bytes.into() })
}

pub fn signs_pss_256(desk: &Desk) -> Result<Answer, Trouble> {
    signs(desk, &pss(MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32), SignAlgorithm::Ps256, &[])
}

pub fn signs_pss_512(desk: &Desk) -> Result<Answer, Trouble> {
    signs(desk, &pss(MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64), SignAlgorithm::Ps512, &[])
}
