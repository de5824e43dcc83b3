//! The values others printed or computed come out of our keys, and ours come out of theirs.
#![allow(clippy::unwrap_used)]

mod vector;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use broker_core::algorithm::{KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm, WrapExtras};
use broker_core::imported::{EcNumbers, ImportedKey, RsaNumbers};
use broker_core::secret::Secret;
use broker_crypto::CryptoError;
use broker_crypto::jwk;
use broker_crypto::key::CryptoKey;
use broker_crypto::verify::verify_with;

fn base64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// SHA-2 of "abc" at the algorithm's size, with the library itself: the digest is not what is tested here.
fn digest_of_abc(algorithm: SignAlgorithm) -> Vec<u8> {
    let hash = match algorithm.digest_bytes() {
        32 => &aws_lc_rs::digest::SHA256,
        48 => &aws_lc_rs::digest::SHA384,
        _ => &aws_lc_rs::digest::SHA512,
    };
    aws_lc_rs::digest::digest(hash, b"abc").as_ref().to_vec()
}

/// The eight numbers of the published key, in the order n e d p q dp dq qi.
fn published_numbers() -> Vec<Vec<u8>> {
    [vector::N, "AQAB", vector::D, vector::P, vector::Q, vector::DP, vector::DQ, vector::QI].map(base64).to_vec()
}

fn material_of(spec: KeySpec, numbers: &[Vec<u8>]) -> Result<Secret, CryptoError> {
    let secret = |at: usize| Secret::copied_from(&numbers[at]);
    let (d, p, q, dp, dq, qi) = (secret(2), secret(3), secret(4), secret(5), secret(6), secret(7));
    let (n, e) = (numbers[0].clone(), numbers[1].clone());
    jwk::material(spec, &ImportedKey::Rsa(Box::new(RsaNumbers { n, e, d, p, q, dp, dq, qi })))
}

fn published_rsa() -> CryptoKey {
    let material = material_of(KeySpec::Rsa2048, &published_numbers()).unwrap();
    CryptoKey::import(KeySpec::Rsa2048, &material).unwrap()
}

fn oct(key: &str) -> CryptoKey {
    let key = hex(key);
    let spec = if key.len() == 16 { KeySpec::Oct128 } else { KeySpec::Oct256 };
    CryptoKey::import(spec, &Secret::new(key)).unwrap()
}

#[test]
fn rsa_unwraps_what_others_wrapped() {
    let key = published_rsa();
    for (algorithm, wrapped) in [
        (WrapAlgorithm::RsaOaep, vector::CEK_RSA_OAEP),
        (WrapAlgorithm::RsaOaep256, vector::CEK_RSA_OAEP_256),
        (WrapAlgorithm::Rsa1V5, vector::CEK_RSA1_5),
    ] {
        let secret = key.unwrap_secret(algorithm, &base64(wrapped), &WrapExtras::default()).unwrap();
        assert_eq!(secret.expose(), hex(vector::CEK_HEX), "{algorithm}");
    }
}

#[test]
fn oaep_with_another_hash_in_mgf1_is_refused() {
    let key = published_rsa();
    let mixed = base64(vector::CEK_OAEP_SHA256_MGF1_SHA1);
    for algorithm in [WrapAlgorithm::RsaOaep, WrapAlgorithm::RsaOaep256, WrapAlgorithm::Rsa1V5] {
        let refused = key.unwrap_secret(algorithm, &mixed, &WrapExtras::default());
        assert_eq!(refused.unwrap_err(), CryptoError::Unwrappable, "{algorithm}");
    }
}

#[test]
fn key_wrap_gives_the_bytes_of_rfc_3394_and_takes_them_back() {
    for (key, secret, wrapped) in vector::KEY_WRAP {
        let algorithm = if key.len() == 32 { WrapAlgorithm::A128Kw } else { WrapAlgorithm::A256Kw };
        check_deterministic(algorithm, key, secret, wrapped);
    }
}

#[test]
fn padded_key_wrap_gives_the_bytes_openssl_gives_and_takes_them_back() {
    for (key, secret, wrapped) in vector::KEY_WRAP_PADDED {
        let algorithm = if key.len() == 32 { WrapAlgorithm::A128Kwp } else { WrapAlgorithm::A256Kwp };
        check_deterministic(algorithm, key, secret, wrapped);
    }
}

fn check_deterministic(algorithm: WrapAlgorithm, key: &str, secret: &str, wrapped: &str) {
    let key = oct(key);
    let ours = key.wrap(algorithm, &Secret::new(hex(secret)), &WrapExtras::default()).unwrap();
    assert_eq!(ours.value, hex(wrapped), "{algorithm} {secret}");
    assert!(ours.iv.is_empty() && ours.tag.is_empty());
    let back = key.unwrap_secret(algorithm, &hex(wrapped), &WrapExtras::default()).unwrap();
    assert_eq!(back.expose(), hex(secret), "{algorithm} {secret}");
}

#[test]
fn gcm_opens_test_case_16() {
    let extras = WrapExtras { iv: hex(vector::GCM_IV), aad: hex(vector::GCM_AAD), tag: hex(vector::GCM_TAG) };
    let key = oct(vector::GCM_KEY);
    let secret = key.unwrap_secret(WrapAlgorithm::A256Gcm, &hex(vector::GCM_CIPHERTEXT), &extras).unwrap();
    assert_eq!(secret.expose(), hex(vector::GCM_PLAINTEXT));
}

#[test]
fn signatures_of_others_verify_and_deterministic_ones_are_ours_too() {
    let key = published_rsa();
    for (word, signature) in vector::RSA_SIGNATURES {
        let algorithm = SignAlgorithm::of_word(word).unwrap();
        let (digest, signature) = (digest_of_abc(algorithm), base64(signature));
        assert!(key.verify(algorithm, &digest, &signature).unwrap(), "{word}");
        if word.starts_with("RS") {
            assert_eq!(key.sign(algorithm, &digest).unwrap(), signature, "{word}");
        }
    }
    for (word, x, y, signature) in vector::EC_SIGNATURES {
        let algorithm = SignAlgorithm::of_word(word).unwrap();
        let spec = KeySpec::ALL.iter().copied().find(|spec| algorithm.fits(*spec)).unwrap();
        let (public, digest) = (PublicKey::Ec { x: hex(x), y: hex(y) }, digest_of_abc(algorithm));
        assert!(verify_with(spec, &public, algorithm, &digest, &hex(signature)).unwrap(), "{word}");
        let swapped = PublicKey::Ec { x: hex(y), y: hex(x) };
        let refused = verify_with(spec, &swapped, algorithm, &digest, &hex(signature));
        assert_eq!(refused, Err(CryptoError::BadKey), "{word}: a point off the curve");
    }
}

#[test]
fn the_public_half_of_the_published_key_is_as_printed() {
    assert_eq!(published_rsa().public_key(), PublicKey::Rsa { n: base64(vector::N), e: vec![1, 0, 1] });
}

#[test]
fn leading_zeros_in_a_jwk_change_nothing() {
    let padded: Vec<_> = published_numbers().iter().map(|number| [&[0, 0], number.as_slice()].concat()).collect();
    let plain = material_of(KeySpec::Rsa2048, &published_numbers()).unwrap();
    assert_eq!(material_of(KeySpec::Rsa2048, &padded).unwrap().expose(), plain.expose());
}

#[test]
fn an_rsa_jwk_with_any_number_changed_missing_or_huge_is_refused() {
    let sound = published_numbers();
    let refused = |numbers: &[Vec<u8>], what: &str| {
        assert_eq!(material_of(KeySpec::Rsa2048, numbers).unwrap_err(), CryptoError::BadKey, "{what}");
    };
    for at in 0..sound.len() {
        for (what, change) in [
            ("changed", Box::new(|number: &mut Vec<u8>| *number.last_mut().unwrap() ^= 2) as Box<dyn Fn(&mut Vec<u8>)>),
            ("empty", Box::new(Vec::clear)),
            ("zero", Box::new(|number| *number = vec![0])),
            ("one", Box::new(|number| *number = vec![1])),
            ("as long as can be", Box::new(|number| *number = vec![0xff; 256])),
            ("too long", Box::new(|number| *number = vec![0xff; 257])),
            ("huge", Box::new(|number| *number = vec![0xff; 1 << 20])),
        ] {
            let mut numbers = sound.clone();
            change(&mut numbers[at]);
            refused(&numbers, &format!("number {at} {what}"));
        }
    }
    let mut swapped = sound.clone();
    swapped.swap(3, 4);
    refused(&swapped, "p and q swapped");
    assert_eq!(material_of(KeySpec::EcP256, &sound).unwrap_err(), CryptoError::Unsupported);
    let material = material_of(KeySpec::Rsa3072, &sound).unwrap();
    assert_eq!(CryptoKey::import(KeySpec::Rsa3072, &material).unwrap_err(), CryptoError::BadKey);
}

/// The library does not test primes, so these numbers parse; what they then compute is wrong.
#[test]
fn an_rsa_key_with_a_composite_prime_is_refused_at_import() {
    let material = material_of(KeySpec::Rsa2048, &vector::COMPOSITE_RSA.map(base64)).unwrap();
    assert!(CryptoKey::from_material(KeySpec::Rsa2048, &material).is_ok());
    assert_eq!(CryptoKey::import(KeySpec::Rsa2048, &material).unwrap_err(), CryptoError::BadKey);
}

/// RFC 7515 appendix A.3.1.
const EC_D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
const EC_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const EC_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

fn ec_of(spec: KeySpec, d: &[u8], x: &[u8], y: &[u8]) -> Result<CryptoKey, CryptoError> {
    let numbers = EcNumbers { d: Secret::copied_from(d), x: x.to_vec(), y: y.to_vec() };
    CryptoKey::import(spec, &jwk::material(spec, &ImportedKey::Ec(numbers))?)
}

#[test]
fn the_ec_key_of_rfc_7515_signs_and_its_broken_twins_are_refused() {
    let (d, x, y) = (base64(EC_D), base64(EC_X), base64(EC_Y));
    let key = ec_of(KeySpec::EcP256, &d, &x, &y).unwrap();
    assert_eq!(key.public_key(), PublicKey::Ec { x: x.clone(), y: y.clone() });
    let padded = [&[0; 5], d.as_slice()].concat();
    assert!(ec_of(KeySpec::EcP256, &padded, &x, &y).is_ok());

    let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let mut next = d.clone();
    next[31] ^= 1;
    for (what, d, x, y) in [
        ("another d", &next, &x, &y),
        ("d of zero", &vec![0; 32], &x, &y),
        ("no d", &vec![], &x, &y),
        ("d of the order", &order, &x, &y),
        ("d too long", &vec![1; 33], &x, &y),
        ("x and y swapped", &d, &y, &x),
        ("the point at nothing", &d, &vec![], &vec![]),
        ("x too long", &d, &vec![1; 33], &y),
        ("x huge", &d, &vec![1; 1 << 20], &y),
    ] {
        assert_eq!(ec_of(KeySpec::EcP256, d, x, y).unwrap_err(), CryptoError::BadKey, "{what}");
    }
    assert_eq!(ec_of(KeySpec::EcP384, &d, &x, &y).unwrap_err(), CryptoError::BadKey);
    assert_eq!(ec_of(KeySpec::Rsa2048, &d, &x, &y).unwrap_err(), CryptoError::Unsupported);
}

#[test]
fn a_symmetric_jwk_is_its_own_bytes_at_their_own_size_alone() {
    for (length, own) in [(16, KeySpec::Oct128), (24, KeySpec::Oct192), (32, KeySpec::Oct256)] {
        for spec in [KeySpec::Oct128, KeySpec::Oct192, KeySpec::Oct256] {
            let made = jwk::material(spec, &ImportedKey::Oct(Secret::new(vec![7; length])));
            assert_eq!(made.is_ok_and(|material| material.expose() == vec![7; length]), spec == own, "{spec} {length}");
        }
        let other = jwk::material(KeySpec::EcP256, &ImportedKey::Oct(Secret::new(vec![7; length])));
        assert_eq!(other.unwrap_err(), CryptoError::Unsupported);
    }
}
