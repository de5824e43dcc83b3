//! The time of a refused unwrap tells nothing of what is wrong with the value.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use broker_core::secret::Secret;
use broker_crypto::CryptoError;
use broker_crypto::digest::sha256;
use broker_crypto::key::CryptoKey;
use broker_testkit::forge::{self, Forged, MESSAGE};
use broker_testkit::timing::{Told, told_apart};

/// How many ciphertexts of each kind there are; one alone could have a time of its own.
const VARIANTS: u8 = 8;

/// The names of those that can be told from one another.
fn named(told: &[Told], kinds: &[Forged]) -> Vec<String> {
    let name =
        |pair: &Told| format!("{:?} from {:?}: |t| = {:.1}", kinds[pair.kinds.0].0, kinds[pair.kinds.1].0, pair.t);
    told.iter().map(name).collect()
}

/// The ciphertexts of every variant, by kind; the sound one is left out.
fn refused(key: &CryptoKey, algorithm: WrapAlgorithm, forge: impl Fn(u8) -> Vec<Forged>) -> Vec<Vec<Forged>> {
    let variants: Vec<Vec<Forged>> = (0..VARIANTS).map(forge).collect();
    for (kind, wrapped) in variants.iter().flatten() {
        let opened = key.unwrap_secret(algorithm, wrapped, &WrapExtras::default());
        match opened {
            Ok(secret) => assert_eq!((*kind, secret.expose()), ("sound", &MESSAGE[..])),
            Err(error) => assert!(*kind != "sound" && error == CryptoError::Unwrappable, "{kind}: {error:?}"),
        }
    }
    variants.into_iter().map(|variant| variant.into_iter().skip(1).collect()).collect()
}

/// The variants take turns.
fn wrapped_of<'v>(variants: &'v [Vec<Forged>]) -> impl Fn(usize, usize) -> &'v [u8] {
    |kind, round| &variants[round % variants.len()][kind].1
}

/// Unwraps each kind so often; gives those that the time tells apart.
fn unwrap_times(key: &CryptoKey, algorithm: WrapAlgorithm, variants: &[Vec<Forged>], rounds: usize) -> Vec<String> {
    let told = told_apart(variants[0].len(), rounds, wrapped_of(variants), |_, wrapped| {
        assert!(black_box(key.unwrap_secret(algorithm, wrapped, &WrapExtras::default())).is_err());
    });
    named(&told, &variants[0])
}

#[test]
fn the_time_does_not_tell_what_is_wrong_with_the_padding_of_rsa() {
    let key = CryptoKey::generate(KeySpec::Rsa2048).unwrap();
    let public = key.public_key();
    let rows: [(WrapAlgorithm, Vec<Vec<Forged>>); 2] = [
        (
            WrapAlgorithm::RsaOaep256,
            refused(&key, WrapAlgorithm::RsaOaep256, |variant| forge::oaep_256(&public, variant)),
        ),
        (WrapAlgorithm::Rsa1V5, refused(&key, WrapAlgorithm::Rsa1V5, |variant| forge::pkcs1(&public, variant))),
    ];
    for (algorithm, variants) in rows {
        let told = unwrap_times(&key, algorithm, &variants, 500);
        assert!(told.is_empty(), "{algorithm}: {told:?}");
    }
}

#[test]
fn a_check_that_returns_early_would_be_seen_beside_the_private_operation() {
    let key = CryptoKey::generate(KeySpec::Rsa2048).unwrap();
    let algorithm = WrapAlgorithm::RsaOaep256;
    let variants = refused(&key, algorithm, |variant| forge::oaep_256(&key.public_key(), variant));
    // What a decoder saves that looks at the first byte before it unmasks, were it so slow: a few percent of the operation.
    let unmasked = vec![0; 64 << 10];
    let told = told_apart(2, 500, wrapped_of(&variants), |kind, wrapped| {
        assert!(black_box(key.unwrap_secret(algorithm, wrapped, &WrapExtras::default())).is_err());
        if kind == 1 {
            black_box(sha256(black_box(&unmasked)));
        }
    });
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn the_time_does_not_tell_which_byte_of_a_wrapped_key_is_wrong() {
    let key = CryptoKey::generate(KeySpec::Oct256).unwrap();
    let secret = Secret::copied_from(&MESSAGE);
    for algorithm in [WrapAlgorithm::A256Kw, WrapAlgorithm::A256Kwp] {
        let wrapped = key.wrap(algorithm, &secret, &WrapExtras::default()).unwrap().value;
        let bent = |name, at: usize| {
            let mut bent = wrapped.clone();
            bent[at] ^= 1;
            (name, bent)
        };
        let last = wrapped.len() - 1;
        let kinds = vec![bent("the first byte", 0), bent("one in the middle", last / 2), bent("the last byte", last)];
        let told = unwrap_times(&key, algorithm, &[kinds], 10_000);
        assert!(told.is_empty(), "{algorithm}: {told:?}");
    }
}
