//! Key material out of the numbers of a JSON Web Key (RFC 7518 section 6), as callers bring it to an import.
//!
//! What comes out is for [`crate::key::CryptoKey::import`].

use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, RsaKeyPair};
use broker_core::algorithm::{KeyFamily, KeySpec};
use broker_core::imported::{EcNumbers, ImportedKey, RsaNumbers};
use broker_core::secret::Secret;
use zeroize::Zeroizing;

use crate::ec::{UNCOMPRESSED, curve, field_bytes};
use crate::{CryptoError, der, ec, rsa};

/// PKCS#8 of an RSA or elliptic curve key, the bare bytes of a symmetric one.
///
/// # Errors
/// `Unsupported` when the key is of another family than the spec; `BadKey` when it is of another size, a number is
/// longer than the modulus or the field, or the numbers do not belong together (`d` not below the curve's order, say).
pub fn material(spec: KeySpec, key: &ImportedKey) -> Result<Secret, CryptoError> {
    match (key, spec.family()) {
        (ImportedKey::Ec(numbers), KeyFamily::Ec) => ec_material(spec, numbers),
        (ImportedKey::Oct(bytes), KeyFamily::Oct) if bytes.len() * 8 == spec.bits() as usize => {
            Ok(Secret::copied_from(bytes.expose()))
        }
        (ImportedKey::Oct(_), KeyFamily::Oct) => Err(CryptoError::BadKey),
        (ImportedKey::Rsa(numbers), KeyFamily::Rsa) => rsa_material(spec, numbers),
        (ImportedKey::Ec(_) | ImportedKey::Oct(_) | ImportedKey::Rsa(_), _) => Err(CryptoError::Unsupported),
    }
}

fn rsa_material(spec: KeySpec, numbers: &RsaNumbers) -> Result<Secret, CryptoError> {
    // Checked before the library computes with them: the work grows with the cube of the length.
    let short = |number: &[u8]| {
        let number = der::without_leading_zeros(number);
        !number.is_empty() && number.len() * 8 <= spec.bits() as usize
    };
    let secrets = [&numbers.d, &numbers.p, &numbers.q, &numbers.dp, &numbers.dq, &numbers.qi];
    if !short(&numbers.n) || !short(&numbers.e) || !secrets.iter().all(|number| short(number.expose())) {
        return Err(CryptoError::BadKey);
    }
    let pair = RsaKeyPair::from_components(&KeyPairComponents {
        public_key: PublicKeyComponents {
            n: der::without_leading_zeros(&numbers.n),
            e: der::without_leading_zeros(&numbers.e),
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

fn ec_material(spec: KeySpec, numbers: &EcNumbers) -> Result<Secret, CryptoError> {
    let curve = curve(spec)?;
    let length = field_bytes(spec);
    let mut d = Zeroizing::new(vec![0; length]);
    let mut point = vec![0; 1 + 2 * length];
    point[0] = UNCOMPRESSED;
    let (x, y) = point[1..].split_at_mut(length);
    for (number, field) in [(numbers.d.expose(), d.as_mut_slice()), (&numbers.x, x), (&numbers.y, y)] {
        let number = der::without_leading_zeros(number);
        let start = field.len().checked_sub(number.len()).ok_or(CryptoError::BadKey)?;
        field[start..].copy_from_slice(number);
    }
    let pair = EcdsaKeyPair::from_private_key_and_public_key(curve, &d, &point).map_err(|_| CryptoError::BadKey)?;
    ec::pkcs8(&pair)
}
