//! ECDSA over the NIST curves, verified by the broker's own cryptography.

use broker_core::algorithm::{KeySpec, SignAlgorithm};
use broker_crypto::verify::verify_with;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType};

use crate::desk::{Desk, Trouble};
use crate::report::Answer;

/// Object identifiers in DER (RFC 5480 section 2.1.1.1).
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];

fn signs(desk: &Desk, spec: KeySpec, curve: &[u8], algorithm: SignAlgorithm) -> Result<Answer, Trouble> {
    let (public, private) = desk.ec(curve)?;
    let public = desk.ec_public(public, spec)?;
    let digest = vec![0xd1; algorithm.digest_bytes()];
    let signature = desk.session.sign(&Mechanism::Ecdsa, private, &digest)?;
    Ok(match verify_with(spec, &public, algorithm, &digest, &signature) {
        Ok(true) => Answer::Does,
        Ok(false) => Answer::wrong("the signature does not verify"),
        Err(error) => Answer::wrong(format!("the public key or the signature: {error}")),
    })
}

pub fn p256(desk: &Desk) -> Result<Answer, Trouble> {
    signs(desk, KeySpec::EcP256, P256, SignAlgorithm::Es256)
}

pub fn p384(desk: &Desk) -> Result<Answer, Trouble> {
    signs(desk, KeySpec::EcP384, P384, SignAlgorithm::Es384)
}

pub fn p521(desk: &Desk) -> Result<Answer, Trouble> {
    signs(desk, KeySpec::EcP521, P521, SignAlgorithm::Es512)
}

/// PKCS #11 2.40 section 2.3.3: CKA_EC_POINT is the DER encoding of the point.
pub fn point_is_wrapped(desk: &Desk) -> Result<Answer, Trouble> {
    let (public, _) = desk.ec(P256)?;
    match &desk.session.get_attributes(public, &[AttributeType::EcPoint])?[..] {
        [Attribute::EcPoint(point)] if point.len() == 67 && point.starts_with(&[0x04, 65, 0x04]) => Ok(Answer::Does),
        [Attribute::EcPoint(point)] if point.len() == 65 => Ok(Answer::wrong("the point stands bare")),
        _ => Ok(Answer::wrong("no point of that curve")),
    }
}
