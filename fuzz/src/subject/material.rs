//! Keys as strangers bring them: what is taken as a key is one, in one form, and the same one afterwards.

use broker_core::algorithm::KeySpec;
use broker_core::imported::{EcNumbers, ImportedKey, RsaNumbers};
use broker_core::object::{HashName, KeyFormat, Padding};
use broker_core::secret::Secret;
use broker_crypto::key::CryptoKey;
use broker_crypto::object::pair::{Encrypting, Signing, encrypt, verify};
use broker_crypto::{CryptoError, jwk};

use super::{pieces, question};
use crate::bound::Allowance;

/// The cryptographic library's own memory is not counted; ours is copies of the input.
const ALLOWANCE: Allowance = Allowance { bytes: 256 << 10, each: 64 };

/// # Panics
/// Something of this does not hold.
pub fn check(bytes: &[u8]) {
    let Some((spec, rest)) = bytes.split_first() else { return };
    let spec = KeySpec::ALL[usize::from(*spec) % KeySpec::ALL.len()];
    match question(rest, 3) {
        Some((0, der)) => {
            is_a_key(spec, ALLOWANCE.hold(der.len(), || CryptoKey::import(spec, &Secret::copied_from(der))))
        }
        Some((1, numbers)) => from_numbers(spec, numbers),
        Some((_, public)) => public_half(public),
        None => {}
    }
}

fn is_a_key(spec: KeySpec, key: Result<CryptoKey, CryptoError>) {
    let Ok(key) = key else { return };
    assert_eq!(key.spec(), spec);
    let material = key.to_material().expect("what was taken can be kept");
    let same = CryptoKey::from_material(spec, &material).expect("what was kept is taken");
    assert_eq!(same.public_key(), key.public_key());
    assert_eq!(same.to_material().expect("what was taken can be kept").expose(), material.expose());
}

fn from_numbers(spec: KeySpec, bytes: &[u8]) {
    let Some((kind, bytes)) = question(bytes, 3) else { return };
    let pieces = pieces(bytes);
    let number = |at: usize| pieces.get(at).copied().unwrap_or_default();
    let secret = |at| Secret::copied_from(number(at));
    let key = match kind {
        0 => ImportedKey::Oct(secret(0)),
        1 => ImportedKey::Ec(EcNumbers { x: number(0).to_vec(), y: number(1).to_vec(), d: secret(2) }),
        _ => ImportedKey::Rsa(Box::new(RsaNumbers {
            n: number(0).to_vec(),
            e: number(1).to_vec(),
            d: secret(2),
            p: secret(3),
            q: secret(4),
            dp: secret(5),
            dq: secret(6),
            qi: secret(7),
        })),
    };
    if let Ok(material) = ALLOWANCE.hold(bytes.len(), || jwk::material(spec, &key)) {
        is_a_key(spec, CryptoKey::import(spec, &material));
    }
}

/// Nothing of a stranger's making passes for a signature, and a public key that is none encrypts nothing.
fn public_half(public: &[u8]) {
    let (hash, format) = (HashName::Sha256, [KeyFormat::Pkcs1, KeyFormat::X509]);
    for format in format {
        for padding in [Padding::Pkcs1V15, Padding::Pss] {
            let verified = verify(format, public, Signing { hash, padding }, &[0x5a; 32], &[1; 256]);
            assert_ne!(verified, Ok(true));
        }
        let sealed =
            encrypt(format, public, Encrypting { hash, padding: Padding::Oaep }, &Secret::copied_from(b"secret"));
        assert!(sealed.is_err() || (256..=1024).contains(&sealed.as_ref().map_or(0, Vec::len)), "{sealed:?}");
    }
}
