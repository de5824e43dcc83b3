//! Project Wycheproof's vectors: what is valid is taken, what is not is refused.
#![allow(clippy::unwrap_used)]

mod read;

use broker_core::algorithm::{KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras};
use broker_core::secret::Secret;
use broker_crypto::key::CryptoKey;
use broker_crypto::verify::verify_with;
use broker_crypto::{CryptoError, jwk};

use read::{Group, Vector, Verdict, groups};

/// How many vectors of a set were valid, invalid and acceptable: an empty set must not pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    valid: usize,
    invalid: usize,
    acceptable: usize,
}

impl Tally {
    fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Acceptable => self.acceptable += 1,
            Verdict::Invalid => self.invalid += 1,
            Verdict::Valid => self.valid += 1,
        }
    }
}

const fn tally(valid: usize, invalid: usize, acceptable: usize) -> Tally {
    Tally { valid, invalid, acceptable }
}

/// Compares what came of opening a vector with its verdict. What is merely acceptable is refused, and so is what we do not
/// serve, however valid it is.
fn check_opened(set: &str, vector: &Vector, served: bool, opened: Result<Secret, CryptoError>) {
    let what = format!("{set} {} {:?}: {:?}", vector.tc_id, vector.result, opened.as_ref().err());
    if vector.result == Verdict::Valid && served {
        assert!(opened.is_ok_and(|secret| secret.expose() == vector.msg.0), "{what}");
    } else {
        assert_eq!(opened.unwrap_err(), CryptoError::Unwrappable, "{what}");
    }
}

fn oct_key(vector: &Vector) -> CryptoKey {
    let bytes = &vector.key.0;
    let spec = if bytes.len() == 16 { KeySpec::Oct128 } else { KeySpec::Oct256 };
    CryptoKey::import(spec, &Secret::copied_from(bytes)).unwrap()
}

/// Key wrap has no randomness: what is valid comes out of our keys, too.
fn check_key_wrap(set: &str, small: WrapAlgorithm, large: WrapAlgorithm, wanted: Tally) {
    let (mut seen, extras) = (Tally::default(), WrapExtras::default());
    for group in groups(set) {
        let algorithm = if group.key_size == Some(128) { small } else { large };
        for vector in &group.tests {
            let key = oct_key(vector);
            check_opened(set, vector, true, key.unwrap_secret(algorithm, &vector.ct.0, &extras));
            if vector.result == Verdict::Valid {
                let wrapped = key.wrap(algorithm, &Secret::copied_from(&vector.msg.0), &extras).unwrap();
                assert_eq!(wrapped.value, vector.ct.0, "{set} {}", vector.tc_id);
            }
            seen.count(vector.result);
        }
    }
    assert_eq!(seen, wanted, "{set}");
}

#[test]
fn aes_key_wrap() {
    check_key_wrap("aes_wrap", WrapAlgorithm::A128Kw, WrapAlgorithm::A256Kw, tally(24, 84, 2));
}

#[test]
fn aes_key_wrap_with_padding() {
    check_key_wrap("aes_kwp", WrapAlgorithm::A128Kwp, WrapAlgorithm::A256Kwp, tally(50, 119, 0));
}

#[test]
fn aes_256_gcm() {
    let (mut served, mut others) = (Tally::default(), Tally::default());
    for group in groups("aes_gcm") {
        let our_iv = group.iv_size == Some(96);
        for vector in &group.tests {
            let extras = WrapExtras { iv: vector.iv.0.clone(), aad: vector.aad.0.clone(), tag: vector.tag.0.clone() };
            let opened = oct_key(vector).unwrap_secret(WrapAlgorithm::A256Gcm, &vector.ct.0, &extras);
            check_opened("aes_gcm", vector, our_iv, opened);
            if our_iv { &mut served } else { &mut others }.count(vector.result);
        }
    }
    assert_eq!((served, others), (tally(39, 27, 0), tally(37, 2, 0)));
}

fn rsa_spec(bits: Option<u32>) -> KeySpec {
    match bits {
        Some(2048) => KeySpec::Rsa2048,
        Some(3072) => KeySpec::Rsa3072,
        Some(4096) => KeySpec::Rsa4096,
        other => panic!("{other:?} bits"),
    }
}

/// The group's private key, imported by its numbers as callers import theirs.
fn imported(group: &Group) -> CryptoKey {
    let spec = rsa_spec(group.key_size);
    let numbers = group.private_key.as_ref().unwrap().imported();
    CryptoKey::import(spec, &jwk::material(spec, &numbers).unwrap()).unwrap()
}

/// We serve no labels, and refuse a value under one.
fn check_rsa_unwrap(set: &str, algorithm: WrapAlgorithm, labelled: usize, wanted: Tally) {
    let (mut seen, mut labels) = (Tally::default(), 0);
    for group in groups(set) {
        let key = imported(&group);
        for vector in &group.tests {
            let opened = key.unwrap_secret(algorithm, &vector.ct.0, &WrapExtras::default());
            check_opened(set, vector, vector.label.0.is_empty(), opened);
            labels += usize::from(vector.result == Verdict::Valid && !vector.label.0.is_empty());
            seen.count(vector.result);
        }
    }
    assert_eq!((seen, labels), (wanted, labelled), "{set}");
}

#[test]
fn rsa_oaep() {
    check_rsa_unwrap("rsa_oaep_2048_sha1_mgf1sha1", WrapAlgorithm::RsaOaep, 7, tally(17, 19, 0));
    for bits in [2048, 3072, 4096] {
        let set = format!("rsa_oaep_{bits}_sha256_mgf1sha256");
        check_rsa_unwrap(&set, WrapAlgorithm::RsaOaep256, 8, tally(18, 19, 0));
    }
}

#[test]
fn rsa_pkcs1_v1_5_decryption() {
    check_rsa_unwrap("rsa_pkcs1_2048", WrapAlgorithm::Rsa1V5, 0, tally(42, 25, 0));
    check_rsa_unwrap("rsa_pkcs1_3072", WrapAlgorithm::Rsa1V5, 0, tally(41, 26, 0));
    check_rsa_unwrap("rsa_pkcs1_4096", WrapAlgorithm::Rsa1V5, 0, tally(41, 26, 0));
}

/// What is merely acceptable (a DigestInfo without its NULL) is refused.
fn check_verify(set: &str, spec: KeySpec, algorithm: SignAlgorithm, wanted: Tally) {
    let hash = match algorithm.digest_bytes() {
        32 => &aws_lc_rs::digest::SHA256,
        48 => &aws_lc_rs::digest::SHA384,
        _ => &aws_lc_rs::digest::SHA512,
    };
    let mut seen = Tally::default();
    for group in groups(set) {
        let public = group.public_key.as_ref().unwrap().public_key(spec);
        for vector in &group.tests {
            let digest = aws_lc_rs::digest::digest(hash, &vector.msg.0);
            let verified = verify_with(spec, &public, algorithm, digest.as_ref(), &vector.sig.0);
            assert_eq!(verified, Ok(vector.result == Verdict::Valid), "{set} {}", vector.tc_id);
            seen.count(vector.result);
        }
    }
    assert_eq!(seen, wanted, "{set}");
}

#[test]
fn rsa_pkcs1_v1_5_signatures() {
    use SignAlgorithm::{Rs256, Rs384, Rs512};
    for (bits, hash, algorithm, wanted) in [
        (2048, 256, Rs256, tally(9, 249, 1)),
        (2048, 384, Rs384, tally(7, 250, 1)),
        (2048, 512, Rs512, tally(8, 250, 1)),
        (3072, 256, Rs256, tally(8, 250, 1)),
        (3072, 384, Rs384, tally(7, 251, 1)),
        (3072, 512, Rs512, tally(8, 251, 1)),
        (4096, 256, Rs256, tally(7, 250, 1)),
        (4096, 384, Rs384, tally(7, 251, 1)),
        (4096, 512, Rs512, tally(7, 251, 1)),
    ] {
        check_verify(&format!("rsa_signature_{bits}_sha{hash}"), rsa_spec(Some(bits)), algorithm, wanted);
    }
}

#[test]
fn rsa_pss_signatures() {
    use SignAlgorithm::{Ps256, Ps384, Ps512};
    for (bits, form, algorithm, wanted) in [
        (2048, "sha256_mgf1_32", Ps256, tally(63, 45, 0)),
        (2048, "sha384_mgf1_48", Ps384, tally(95, 46, 0)),
        (3072, "sha256_mgf1_32", Ps256, tally(63, 45, 0)),
        (4096, "sha256_mgf1_32", Ps256, tally(63, 45, 0)),
        (4096, "sha384_mgf1_48", Ps384, tally(95, 46, 0)),
        (4096, "sha512_mgf1_64", Ps512, tally(132, 47, 0)),
    ] {
        check_verify(&format!("rsa_pss_{bits}_{form}"), rsa_spec(Some(bits)), algorithm, wanted);
    }
}

#[test]
fn ecdsa_signatures() {
    use SignAlgorithm::{Es256, Es384, Es512};
    for (set, spec, algorithm, wanted) in [
        ("ecdsa_secp256r1_sha256_p1363", KeySpec::EcP256, Es256, tally(173, 89, 0)),
        ("ecdsa_secp384r1_sha384_p1363", KeySpec::EcP384, Es384, tally(193, 87, 0)),
        ("ecdsa_secp521r1_sha512_p1363", KeySpec::EcP521, Es512, tally(231, 87, 0)),
    ] {
        check_verify(set, spec, algorithm, wanted);
    }
}
