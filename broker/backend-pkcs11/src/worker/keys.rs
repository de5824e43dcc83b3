//! Keys in the token: found, read, proven.

use broker_core::algorithm::{KeyFamily, KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm};
use broker_core::secret::Secret;
use broker_crypto::verify::verify_with;
use broker_crypto::wrap::wrap_with;
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};

use super::fault::Trouble;
use super::handles::Part;
use super::session::Desk;
use super::{template, verb};
use crate::wire::{Fault, ObjectName};

/// The part of a key that must not be seen.
pub const fn hidden_part(spec: KeySpec) -> Part {
    match spec.family() {
        KeyFamily::Ec | KeyFamily::Rsa => Part::Private,
        KeyFamily::Oct => Part::Secret,
    }
}

/// The one object of that name, from memory or by a search.
///
/// # Errors
/// `KeyMissing`; `Faulty` when there are several, for nobody knows which is meant.
pub fn find(desk: &mut Desk, name: &ObjectName, part: Part) -> Result<ObjectHandle, Trouble> {
    if let Some(handle) = desk.token.handles.get(name, part) {
        // The session may have been opened under a newer login than the handle was found in; then it was forgotten too.
        desk.session()?;
        return Ok(handle);
    }
    let found = desk.session()?.find_objects(&template::search(name, part))?;
    match found[..] {
        [] => Err(Trouble::MISSING),
        [handle] => {
            desk.token.handles.keep(name, part, handle);
            Ok(handle)
        }
        _ => Err(Trouble::Ours(Fault::Faulty, "several objects have that CKA_ID and CKA_LABEL")),
    }
}

/// The public half as the token holds it.
///
/// # Errors
/// `Faulty` when the token's numbers are not of this spec.
pub fn read_public(desk: &mut Desk, handle: ObjectHandle, spec: KeySpec) -> Result<PublicKey, Trouble> {
    const WRONG: Trouble = Trouble::Ours(Fault::Faulty, "the token's public key is not of the spec that was asked for");
    let session = desk.session()?;
    match spec.family() {
        KeyFamily::Oct => Ok(PublicKey::None),
        KeyFamily::Ec => {
            let attributes = session.get_attributes(handle, &[AttributeType::EcPoint])?;
            let [Attribute::EcPoint(point)] = &attributes[..] else { return Err(WRONG) };
            let length = spec.bits().div_ceil(8) as usize;
            let (x, y) = coordinates(point, length).ok_or(WRONG)?.split_at(length);
            Ok(PublicKey::Ec { x: x.to_vec(), y: y.to_vec() })
        }
        KeyFamily::Rsa => {
            let wanted = [AttributeType::Modulus, AttributeType::PublicExponent];
            let attributes = session.get_attributes(handle, &wanted)?;
            let [Attribute::Modulus(n), Attribute::PublicExponent(e)] = &attributes[..] else { return Err(WRONG) };
            let number = |bytes: &[u8]| bytes.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<_>>();
            let (n, e) = (number(n), number(e));
            let full = n.len() == (spec.bits() / 8) as usize && n.first().is_some_and(|byte| *byte >= 0x80);
            if full && e == [1, 0, 1] { Ok(PublicKey::Rsa { n, e }) } else { Err(WRONG) }
        }
    }
}

/// x and y of an uncompressed point (SEC 1 section 2.3.3), in the OCTET STRING that PKCS#11 asks for or bare, as older
/// tokens have it.
fn coordinates(point: &[u8], length: usize) -> Option<&[u8]> {
    let bare = match point {
        [0x04, size, rest @ ..] if usize::from(*size) == rest.len() && rest.len() == 1 + 2 * length => rest,
        [0x04, 0x81, size, rest @ ..] if usize::from(*size) == rest.len() && rest.len() == 1 + 2 * length => rest,
        bare => bare,
    };
    match bare {
        [0x04, coordinates @ ..] if coordinates.len() == 2 * length => Some(coordinates),
        _ => None,
    }
}

/// Whether the token keeps the key as it was told to: it was made inside and never comes out.
///
/// # Errors
/// `Faulty` when not.
pub fn check_kept(desk: &mut Desk, handle: ObjectHandle) -> Result<(), Trouble> {
    let wanted = [
        AttributeType::Sensitive,
        AttributeType::Extractable,
        AttributeType::AlwaysSensitive,
        AttributeType::NeverExtractable,
        AttributeType::Local,
    ];
    let attributes = desk.session()?.get_attributes(handle, &wanted)?;
    let kept = [
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::AlwaysSensitive(true),
        Attribute::NeverExtractable(true),
        Attribute::Local(true),
    ];
    if attributes == kept {
        Ok(())
    } else {
        Err(Trouble::Ours(Fault::Faulty, "the token made a key that can leave it"))
    }
}

/// Whether a key does its work, by doing it once: tells a broken key or token from a value that does not open. An RSA key
/// opens what was wrapped by this algorithm.
///
/// # Errors
/// What the token said; `Faulty` when the key does not undo what it did.
pub fn prove(desk: &mut Desk, name: &ObjectName, spec: KeySpec, algorithm: WrapAlgorithm) -> Result<(), Trouble> {
    const BROKEN: Trouble = Trouble::Ours(Fault::Faulty, "the key does not undo what it did");
    let part = if spec.family() == KeyFamily::Ec { Part::Public } else { hidden_part(spec) };
    let handle = find(desk, name, part)?;
    let public = read_public(desk, handle, spec)?;
    let known = Secret::new(vec![0x5a; 32]);
    let opened = match spec.family() {
        KeyFamily::Ec => {
            let algorithm = match spec {
                KeySpec::EcP256 => SignAlgorithm::Es256,
                KeySpec::EcP384 => SignAlgorithm::Es384,
                _ => SignAlgorithm::Es512,
            };
            let digest = vec![0x5a; algorithm.digest_bytes()];
            let signature = verb::sign(desk, name, algorithm, &digest)?;
            let verified = verify_with(spec, &public, algorithm, &digest, &signature);
            return if verified == Ok(true) { Ok(()) } else { Err(BROKEN) };
        }
        KeyFamily::Oct => {
            let wrapped = verb::wrap(desk, name, &known)?;
            verb::open_wrapped(desk, name, &wrapped)?
        }
        KeyFamily::Rsa => {
            let wrapped = wrap_with(spec, &public, algorithm, &known).map_err(|_| BROKEN)?;
            verb::open_oaep(desk, name, algorithm, &wrapped)?
        }
    };
    if broker_crypto::constant::equal(opened.expose(), known.expose()) { Ok(()) } else { Err(BROKEN) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_read_with_and_without_its_octet_string() {
        let mut bare = vec![4];
        bare.extend(1..=64);
        let claim: Vec<u8> = (1..=64).collect();
        let wrapped = [&[4, 65], &bare[..]].concat();
        assert_eq!(coordinates(&bare, 32), Some(&claim[..]));
        assert_eq!(coordinates(&wrapped, 32), Some(&claim[..]));
        let mut long = vec![4, 0x81, 133, 4];
        long.extend([7; 132]);
        assert_eq!(coordinates(&long, 66), Some(&[7; 132][..]));
        for wrong in [&[][..], &[4], &[2; 65], &wrapped[..66], &bare[..64], &[4, 0x81]] {
            assert_eq!(coordinates(wrong, 32), None, "{wrong:?}");
        }
    }
}
