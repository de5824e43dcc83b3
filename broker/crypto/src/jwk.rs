//! Key material out of the numbers of a JSON Web Key (RFC 7518 section 6), as callers bring it to an import.
//!
//! Numbers are unsigned big-endian; leading zeros may be there or missing. What comes out is PKCS#8, for
//! [`crate::key::CryptoKey::import`].

use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, RsaKeyPair};
use broker_core::algorithm::{KeyFamily, KeySpec};
use broker_core::secret::Secret;
use zeroize::Zeroizing;

use crate::ec::{UNCOMPRESSED, curve, field_bytes};
use crate::{CryptoError, der, ec, rsa};

/// An RSA private key, all of it: RFC 7518 section 6.3.2 lets a JWK leave out all but `d`, we do not.
pub struct RsaNumbers<'a> {
    pub n: &'a [u8],
    pub e: &'a [u8],
    pub d: &'a Secret,
    pub p: &'a Secret,
    pub q: &'a Secret,
    pub dp: &'a Secret,
    pub dq: &'a Secret,
    pub qi: &'a Secret,
}

/// An elliptic curve private key with its point.
pub struct EcNumbers<'a> {
    pub d: &'a Secret,
    pub x: &'a [u8],
    pub y: &'a [u8],
}

/// PKCS#8 of an RSA key.
///
/// # Errors
/// `Unsupported` when the spec is not RSA; `BadKey` when a number is longer than the modulus may be or the numbers do
/// not belong together.
pub fn rsa_material(spec: KeySpec, numbers: &RsaNumbers<'_>) -> Result<Secret, CryptoError> {
    if spec.family() != KeyFamily::Rsa {
        return Err(CryptoError::Unsupported);
    }
    // Checked before the library computes with them: the work grows with the cube of the length.
    let short = |number: &[u8]| {
        let number = der::without_leading_zeros(number);
        !number.is_empty() && number.len() * 8 <= spec.bits() as usize
    };
    let secrets = [numbers.d, numbers.p, numbers.q, numbers.dp, numbers.dq, numbers.qi];
    if !short(numbers.n) || !short(numbers.e) || !secrets.iter().all(|number| short(number.expose())) {
        return Err(CryptoError::BadKey);
    }
    let pair = RsaKeyPair::from_components(&KeyPairComponents {
        public_key: PublicKeyComponents {
            n: der::without_leading_zeros(numbers.n),
            e: der::without_leading_zeros(numbers.e),
        },
        d: numbers.d.expose(),
        p: numbers.p.expose(),
        q: numbers.q.expose(),
        dP: numbers.dp.expose(),
        dQ: numbers.dq.expose(),
        qInv: numbers.qi.expose(),
    })
    .map_err(|_| CryptoError::BadKey)?;
    rsa::pkcs8(&pair)
}

/// PKCS#8 of an elliptic curve key.
///
/// # Errors
/// `Unsupported` when the spec is no curve; `BadKey` when a number is longer than the field, `d` is not below the
/// curve's order, or the point is not its public half.
pub fn ec_material(spec: KeySpec, numbers: &EcNumbers<'_>) -> Result<Secret, CryptoError> {
    let curve = curve(spec)?;
    let length = field_bytes(spec);
    let mut d = Zeroizing::new(vec![0; length]);
    let mut point = vec![0; 1 + 2 * length];
    point[0] = UNCOMPRESSED;
    let (x, y) = point[1..].split_at_mut(length);
    for (number, field) in [(numbers.d.expose(), d.as_mut_slice()), (numbers.x, x), (numbers.y, y)] {
        let number = der::without_leading_zeros(number);
        let start = field.len().checked_sub(number.len()).ok_or(CryptoError::BadKey)?;
        field[start..].copy_from_slice(number);
    }
    let pair = EcdsaKeyPair::from_private_key_and_public_key(curve, &d, &point).map_err(|_| CryptoError::BadKey)?;
    ec::pkcs8(&pair)
}
