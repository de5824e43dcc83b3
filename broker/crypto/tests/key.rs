//! What a key does, and what it refuses.
#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use broker_core::algorithm::{KeyFamily, KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::secret::Secret;
use broker_crypto::CryptoError;
use broker_crypto::key::{AAD_BYTES_MAX, CryptoKey, MATERIAL_BYTES_MAX, SECRET_BYTES_MAX};
use broker_crypto::verify::verify_with;
use proptest::prelude::*;

/// Two keys of every spec, made once: RSA takes its time.
static KEYS: LazyLock<Vec<(CryptoKey, CryptoKey)>> = LazyLock::new(|| {
    let two = |spec: &KeySpec| (CryptoKey::generate(*spec).unwrap(), CryptoKey::generate(*spec).unwrap());
    KeySpec::ALL.iter().map(two).collect()
});

fn keys() -> impl Iterator<Item = &'static (CryptoKey, CryptoKey)> {
    KEYS.iter()
}

fn key(spec: KeySpec) -> &'static CryptoKey {
    &keys().find(|(key, _)| key.spec() == spec).unwrap().0
}

/// Every pair of keys with every wrap algorithm that goes with them.
fn wrapping() -> impl Iterator<Item = (&'static CryptoKey, &'static CryptoKey, WrapAlgorithm)> {
    keys().flat_map(|(key, other)| {
        WrapAlgorithm::ALL.iter().filter(|algorithm| algorithm.fits(key.spec())).map(move |a| (key, other, *a))
    })
}

fn signing() -> impl Iterator<Item = (&'static CryptoKey, &'static CryptoKey, SignAlgorithm)> {
    keys().flat_map(|(key, other)| {
        SignAlgorithm::ALL.iter().filter(|algorithm| algorithm.fits(key.spec())).map(move |a| (key, other, *a))
    })
}

fn none() -> WrapExtras {
    WrapExtras::default()
}

fn extras_of(wrapped: &Wrapped) -> WrapExtras {
    WrapExtras { iv: wrapped.iv.clone(), aad: Vec::new(), tag: wrapped.tag.clone() }
}

fn bytes(count: usize) -> Secret {
    Secret::new(vec![0xa5; count])
}

#[test]
fn a_key_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<CryptoKey>();
}

#[test]
fn a_printed_key_tells_only_its_spec() {
    assert_eq!(format!("{:?}", key(KeySpec::Oct256)), "CryptoKey(oct256)");
}

#[test]
fn a_wrapped_secret_comes_back_and_from_another_key_it_does_not() {
    for (key, other, algorithm) in wrapping() {
        let wrapped = key.wrap(algorithm, &bytes(32), &none()).unwrap();
        let extras = extras_of(&wrapped);
        let back = key.unwrap_secret(algorithm, &wrapped.value, &extras).unwrap();
        assert_eq!(back.expose(), bytes(32).expose(), "{algorithm}");
        let foreign = other.unwrap_secret(algorithm, &wrapped.value, &extras);
        match foreign {
            // That padding takes about one in 30 000 random values for sound.
            Ok(secret) if algorithm == WrapAlgorithm::Rsa1V5 => assert_ne!(secret.expose(), bytes(32).expose()),
            foreign => assert_eq!(foreign.unwrap_err(), CryptoError::Unwrappable, "{algorithm}"),
        }
    }
}

#[test]
fn a_bit_changed_anywhere_makes_it_unwrappable() {
    for (key, _, algorithm) in wrapping() {
        if algorithm == WrapAlgorithm::Rsa1V5 {
            continue; // no integrity in that padding: a changed bit is likely, not sure, to be noticed
        }
        let wrapped = key.wrap(algorithm, &bytes(32), &none()).unwrap();
        let stride = if key.spec().family() == KeyFamily::Rsa { 97 } else { 1 };
        for bit in (0..wrapped.value.len() * 8).step_by(stride) {
            let mut value = wrapped.value.clone();
            value[bit / 8] ^= 1 << (bit % 8);
            let refused = key.unwrap_secret(algorithm, &value, &extras_of(&wrapped));
            assert_eq!(refused.unwrap_err(), CryptoError::Unwrappable, "{algorithm} bit {bit}");
        }
    }
}

#[test]
fn gcm_is_bound_to_its_iv_tag_and_additional_data() {
    let key = key(KeySpec::Oct256);
    let aad = WrapExtras { aad: b"disk 7".to_vec(), ..none() };
    let wrapped = key.wrap(WrapAlgorithm::A256Gcm, &bytes(5), &aad).unwrap();
    assert_eq!((wrapped.value.len(), wrapped.iv.len(), wrapped.tag.len()), (5, 12, 16));
    let right = WrapExtras { aad: b"disk 7".to_vec(), ..extras_of(&wrapped) };
    let open = |extras: &WrapExtras| key.unwrap_secret(WrapAlgorithm::A256Gcm, &wrapped.value, extras);
    assert_eq!(open(&right).unwrap().expose(), bytes(5).expose());

    let mut wrong = vec![
        WrapExtras { aad: b"disk 8".to_vec(), ..right.clone() },
        WrapExtras { aad: Vec::new(), ..right.clone() },
        WrapExtras { aad: vec![0; AAD_BYTES_MAX + 1], ..right.clone() },
        none(),
    ];
    for length in (0..12).chain(13..20) {
        wrong.push(WrapExtras { iv: vec![1; length], ..right.clone() });
    }
    for length in 0..16 {
        wrong.push(WrapExtras { tag: right.tag[..length].to_vec(), ..right.clone() });
    }
    wrong.push(WrapExtras { tag: [right.tag.clone(), vec![0]].concat(), ..right.clone() });
    for bit in 0..96 {
        let mut iv = right.iv.clone();
        iv[bit / 8] ^= 1 << (bit % 8);
        wrong.push(WrapExtras { iv, ..right.clone() });
    }
    for extras in wrong {
        assert_eq!(open(&extras).unwrap_err(), CryptoError::Unwrappable, "{extras:?}");
    }
}

#[test]
fn a_value_of_a_wrong_length_is_unwrappable_like_any_other() {
    for (key, _, algorithm) in wrapping() {
        let wrapped = key.wrap(algorithm, &bytes(32), &none()).unwrap();
        let extras = extras_of(&wrapped);
        let full = wrapped.value.len();
        for length in (0..full.min(64)).chain([full - 1, full + 1, full + 8, SECRET_BYTES_MAX + 1, 1 << 20]) {
            let mut value = wrapped.value.clone();
            value.resize(length, 0);
            let refused = key.unwrap_secret(algorithm, &value, &extras);
            if length != full {
                assert_eq!(refused.unwrap_err(), CryptoError::Unwrappable, "{algorithm} {length}");
            }
        }
    }
}

#[test]
fn what_can_be_wrapped_ends_where_the_standard_ends_it() {
    let check = |spec: KeySpec, algorithm: WrapAlgorithm, taken: &[usize], refused: &[usize]| {
        let key = key(spec);
        for count in taken {
            let wrapped = key.wrap(algorithm, &bytes(*count), &none()).unwrap();
            let back = key.unwrap_secret(algorithm, &wrapped.value, &extras_of(&wrapped)).unwrap();
            assert_eq!(back.expose(), bytes(*count).expose(), "{algorithm} {count}");
        }
        for count in refused.iter().chain(&[0, SECRET_BYTES_MAX + 8, 1 << 20]) {
            let outcome = key.wrap(algorithm, &bytes(*count), &none());
            assert_eq!(outcome, Err(CryptoError::BadLength), "{algorithm} {count}");
        }
    };
    for (spec, modulus) in [(KeySpec::Rsa2048, 256), (KeySpec::Rsa3072, 384), (KeySpec::Rsa4096, 512)] {
        check(spec, WrapAlgorithm::RsaOaep, &[1, modulus - 42], &[modulus - 41, modulus]);
        check(spec, WrapAlgorithm::RsaOaep256, &[1, modulus - 66], &[modulus - 65, modulus]);
        check(spec, WrapAlgorithm::Rsa1V5, &[1, modulus - 11], &[modulus - 10, modulus]);
    }
    for (spec, algorithm) in [(KeySpec::Oct128, WrapAlgorithm::A128Kw), (KeySpec::Oct256, WrapAlgorithm::A256Kw)] {
        check(spec, algorithm, &[16, 24, 32, 64, SECRET_BYTES_MAX], &[1, 8, 15, 17, 31, 33]);
    }
    for (spec, algorithm) in [
        (KeySpec::Oct128, WrapAlgorithm::A128Kwp),
        (KeySpec::Oct256, WrapAlgorithm::A256Kwp),
        (KeySpec::Oct256, WrapAlgorithm::A256Gcm),
    ] {
        check(spec, algorithm, &[1, 7, 8, 9, 16, 33, SECRET_BYTES_MAX - 1, SECRET_BYTES_MAX], &[SECRET_BYTES_MAX + 1]);
    }
}

#[test]
fn an_algorithm_that_does_not_go_with_the_key_is_unsupported() {
    for (key, _) in keys() {
        for algorithm in WrapAlgorithm::ALL.iter().filter(|algorithm| !algorithm.fits(key.spec())) {
            assert_eq!(key.wrap(*algorithm, &bytes(32), &none()), Err(CryptoError::Unsupported));
            let refused = key.unwrap_secret(*algorithm, &[1; 40], &none());
            assert_eq!(refused.unwrap_err(), CryptoError::Unsupported, "{key:?} {algorithm}");
        }
        for algorithm in SignAlgorithm::ALL.iter().filter(|algorithm| !algorithm.fits(key.spec())) {
            let digest = vec![1; algorithm.digest_bytes()];
            assert_eq!(key.sign(*algorithm, &digest), Err(CryptoError::Unsupported), "{key:?} {algorithm}");
            assert_eq!(key.verify(*algorithm, &digest, &[1; 64]), Err(CryptoError::Unsupported));
        }
    }
}

#[test]
fn extras_an_algorithm_does_not_take_are_refused_not_ignored() {
    let iv = WrapExtras { iv: vec![1; 12], ..none() };
    let aad = WrapExtras { aad: vec![1], ..none() };
    let tag = WrapExtras { tag: vec![1; 16], ..none() };
    for (key, _, algorithm) in wrapping() {
        let gcm = algorithm == WrapAlgorithm::A256Gcm;
        for extras in [&iv, &tag, &aad] {
            let allowed = gcm && extras == &aad;
            let wrapped = key.wrap(algorithm, &bytes(16), extras);
            assert_eq!(wrapped.err(), (!allowed).then_some(CryptoError::Unsupported), "{algorithm} {extras:?}");
            let claim = if gcm { CryptoError::Unwrappable } else { CryptoError::Unsupported };
            assert_eq!(key.unwrap_secret(algorithm, &[1; 24], extras).unwrap_err(), claim, "{algorithm}");
        }
    }
    let long = WrapExtras { aad: vec![1; AAD_BYTES_MAX + 1], ..none() };
    let refused = key(KeySpec::Oct256).wrap(WrapAlgorithm::A256Gcm, &bytes(16), &long);
    assert_eq!(refused, Err(CryptoError::BadLength));
}

#[test]
fn a_signature_verifies_with_its_key_and_digest_alone() {
    for (key, other, algorithm) in signing() {
        let digest = vec![0x11; algorithm.digest_bytes()];
        let signature = key.sign(algorithm, &digest).unwrap();
        let length = match key.public_key() {
            PublicKey::Rsa { n, .. } => n.len(),
            PublicKey::Ec { x, y } => x.len() + y.len(),
            PublicKey::None => 0,
        };
        assert_eq!(signature.len(), length, "{algorithm}");
        let verified = |key: &CryptoKey, digest: &[u8], signature: &[u8]| {
            verify_with(key.spec(), &key.public_key(), algorithm, digest, signature).unwrap()
        };
        assert!(verified(key, &digest, &signature), "{algorithm}");
        assert!(!verified(other, &digest, &signature), "{algorithm}: another key");
        assert!(!verified(key, &vec![0x12; digest.len()], &signature), "{algorithm}: another digest");
        for bit in (0..signature.len() * 8).step_by(61) {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!verified(key, &digest, &flipped), "{algorithm} bit {bit}");
        }
        for length in [0, 1, length / 2, length - 1] {
            assert!(!verified(key, &digest, &signature[..length]), "{algorithm} {length} bytes");
        }
        assert!(!verified(key, &digest, &[signature.clone(), vec![0]].concat()), "{algorithm}: a byte more");
        assert!(!verified(key, &digest, &vec![0; length]), "{algorithm}: zeros");
        assert!(!verified(key, &digest, &vec![1; 1 << 20]), "{algorithm}: a megabyte");
        for length in [0, digest.len() - 1, digest.len() + 1, 1 << 20] {
            assert_eq!(key.sign(algorithm, &vec![1; length]), Err(CryptoError::BadLength), "{algorithm}");
            assert_eq!(key.verify(algorithm, &vec![1; length], &signature), Err(CryptoError::BadLength));
        }
    }
}

#[test]
fn a_public_key_of_another_kind_or_size_is_a_bad_key() {
    let rsa = key(KeySpec::Rsa2048).public_key();
    let ec = key(KeySpec::EcP256).public_key();
    let long_e = PublicKey::Rsa { n: vec![0xff; 256], e: vec![0xff; 256] };
    let even = PublicKey::Rsa { n: vec![0xf0; 256], e: vec![1, 0, 1] };
    for (spec, public, algorithm) in [
        (KeySpec::Rsa3072, &rsa, SignAlgorithm::Rs256),
        (KeySpec::Rsa2048, &ec, SignAlgorithm::Rs256),
        (KeySpec::Rsa2048, &PublicKey::None, SignAlgorithm::Ps256),
        (KeySpec::EcP256, &rsa, SignAlgorithm::Es256),
        (KeySpec::EcP384, &ec, SignAlgorithm::Es384),
        (KeySpec::EcP256, &PublicKey::Ec { x: vec![], y: vec![] }, SignAlgorithm::Es256),
        (KeySpec::EcP256, &PublicKey::Ec { x: vec![0; 32], y: vec![0; 32] }, SignAlgorithm::Es256),
        (KeySpec::Rsa2048, &PublicKey::Rsa { n: vec![], e: vec![] }, SignAlgorithm::Rs256),
    ] {
        let outcome = verify_with(spec, public, algorithm, &vec![1; algorithm.digest_bytes()], &[1; 256]);
        assert_eq!(outcome, Err(CryptoError::BadKey), "{spec} {algorithm}");
    }
    for public in [&long_e, &even] {
        let outcome = verify_with(KeySpec::Rsa2048, public, SignAlgorithm::Rs256, &[1; 32], &[1; 256]);
        assert!(matches!(outcome, Ok(false) | Err(CryptoError::BadKey)), "{outcome:?}");
    }
}

#[test]
fn material_brings_the_same_key_back_and_no_other_spec_takes_it() {
    for (key, _) in keys() {
        let material = key.to_material().unwrap();
        let again = CryptoKey::import(key.spec(), &material).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        assert_eq!(again.to_material().unwrap().expose(), material.expose());
        for spec in KeySpec::ALL.iter().filter(|spec| **spec != key.spec()) {
            let refused = CryptoKey::from_material(*spec, &material);
            assert_eq!(refused.unwrap_err(), CryptoError::BadKey, "{key:?} as {spec}");
        }
    }
}

#[test]
fn material_cut_lengthened_or_changed_is_a_bad_key_or_at_least_no_panic() {
    for (key, _) in keys() {
        let material = key.to_material().unwrap();
        let import = |bytes: Vec<u8>| CryptoKey::import(key.spec(), &Secret::new(bytes));
        for length in (0..material.len()).step_by(7) {
            assert_eq!(import(material.expose()[..length].to_vec()).unwrap_err(), CryptoError::BadKey);
        }
        assert_eq!(import([material.expose(), &[0]].concat()).unwrap_err(), CryptoError::BadKey, "{key:?}");
        assert_eq!(import(vec![0x30; MATERIAL_BYTES_MAX + 1]).unwrap_err(), CryptoError::BadKey);
        if key.spec().family() == KeyFamily::Oct {
            continue; // any bytes of that length are a key
        }
        let stride = if key.spec().family() == KeyFamily::Rsa { 11 } else { 1 };
        for at in (0..material.len()).step_by(stride) {
            let mut changed = material.expose().to_vec();
            changed[at] ^= 0x10;
            // Where the structure leaves room (NULL parameters, say) the key may be read as it was, never as another.
            if let Ok(read) = import(changed) {
                assert_eq!(read.public_key(), key.public_key(), "{key:?} byte {at}");
            }
        }
    }
}

#[test]
fn public_keys_have_the_exponent_65537_and_the_size_of_their_spec() {
    for (key, _) in keys() {
        let bits = key.spec().bits() as usize;
        match key.public_key() {
            PublicKey::Rsa { n, e } => {
                assert_eq!((n.len() * 8, e), (bits, vec![1, 0, 1]));
                assert!(n[0] >= 0x80);
            }
            PublicKey::Ec { x, y } => assert_eq!((x.len(), y.len()), (bits.div_ceil(8), bits.div_ceil(8))),
            PublicKey::None => assert_eq!(key.spec().family(), KeyFamily::Oct),
        }
    }
}

fn any_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

proptest! {
    #[test]
    fn any_bytes_are_unwrapped_without_a_panic(
        at in 0..KeySpec::ALL.len(),
        algorithm in any_of(WrapAlgorithm::ALL),
        value in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..100),
            proptest::collection::vec(any::<u8>(), 256),
        ],
        iv: Vec<u8>,
        aad: Vec<u8>,
        tag: Vec<u8>,
        bare: bool,
    ) {
        let extras = if bare { none() } else { WrapExtras { iv, aad, tag } };
        if let Err(error) = KEYS[at].0.unwrap_secret(algorithm, &value, &extras) {
            prop_assert!(matches!(error, CryptoError::Unwrappable | CryptoError::Unsupported));
        } else {
            // Only PKCS#1 v1.5 can take random bytes for sound.
            prop_assert_eq!(algorithm, WrapAlgorithm::Rsa1V5);
        }
    }

    #[test]
    fn any_bytes_are_imported_without_a_panic(
        spec in any_of(KeySpec::ALL),
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            proptest::collection::vec(any::<u8>(), 32),
        ],
    ) {
        let fits = spec.family() == KeyFamily::Oct && bytes.len() * 8 == spec.bits() as usize;
        prop_assert_eq!(CryptoKey::import(spec, &Secret::new(bytes)).is_ok(), fits);
    }

    #[test]
    fn any_public_key_and_signature_are_checked_without_a_panic(
        spec in any_of(KeySpec::ALL),
        algorithm in any_of(SignAlgorithm::ALL),
        one: Vec<u8>,
        two: Vec<u8>,
        long: bool,
        signature: Vec<u8>,
        ec: bool,
    ) {
        let one = if long { one.into_iter().cycle().take(spec.bits() as usize / 8).collect() } else { one };
        let public = if ec { PublicKey::Ec { x: one, y: two } } else { PublicKey::Rsa { n: one, e: two } };
        let outcome = verify_with(spec, &public, algorithm, &vec![3; algorithm.digest_bytes()], &signature);
        prop_assert_ne!(outcome, Ok(true));
    }

    #[test]
    fn any_secret_comes_back_from_every_algorithm_that_takes_it(
        at in 0..KeySpec::ALL.len(),
        algorithm in any_of(WrapAlgorithm::ALL),
        secret: Vec<u8>,
    ) {
        let key = &KEYS[at].0;
        match key.wrap(algorithm, &Secret::copied_from(&secret), &none()) {
            Ok(wrapped) => {
                let back = key.unwrap_secret(algorithm, &wrapped.value, &extras_of(&wrapped)).unwrap();
                prop_assert_eq!(back.expose(), &secret);
            }
            Err(error) => prop_assert!(matches!(error, CryptoError::BadLength | CryptoError::Unsupported)),
        }
    }
}
