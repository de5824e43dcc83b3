//! Everything a token does, once there and back.

use std::sync::Arc;

use broker_core::algorithm::{KeyFamily, KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm};
use broker_core::imported::ImportedKey;
use broker_core::key::Material;
use broker_core::name::{KeyVersion, VaultName};
use broker_core::port::{Backend as _, Candidate};
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use broker_core::verb;

use crate::plant::{Hsm, Plant, permit, refusal, unavailable};

#[tokio::test]
async fn rsa_keys_of_each_size_wrap_unwrap_and_sign() {
    let plant = Plant::new();
    let hsm = plant.open().await;
    for (version, spec) in [(1, KeySpec::Rsa2048), (2, KeySpec::Rsa3072), (3, KeySpec::Rsa4096)] {
        let key = hsm.make("rsa", version, spec).await.unwrap();
        let modulus = (spec.bits() / 8) as usize;
        for (algorithm, padding) in [(WrapAlgorithm::RsaOaep, 42), (WrapAlgorithm::RsaOaep256, 66)] {
            for length in [1, 32, modulus - padding] {
                let secret: Vec<u8> = (0..length).map(|index| index as u8).collect();
                let wrapped = hsm.wrap("rsa", &key, algorithm, &secret).await.unwrap();
                assert_eq!(wrapped.len(), modulus);
                assert_eq!(hsm.unwrap("rsa", &key, algorithm, &wrapped).await.unwrap(), secret, "{spec} {algorithm}");
            }
            let long = vec![1; modulus - padding + 1];
            assert!(matches!(refusal(hsm.wrap("rsa", &key, algorithm, &long).await), Refusal::BadRequest { .. }));
        }
        for algorithm in SignAlgorithm::ALL.iter().filter(|algorithm| algorithm.fits(spec)) {
            sign_and_verify(&hsm, "rsa", &key, *algorithm).await;
        }
    }
    assert_eq!(hsm.health().counts.starts, 1);
}

#[tokio::test]
async fn elliptic_curve_keys_sign() {
    let plant = Plant::new();
    let hsm = plant.open().await;
    for (version, spec, algorithm) in [
        (1, KeySpec::EcP256, SignAlgorithm::Es256),
        (2, KeySpec::EcP384, SignAlgorithm::Es384),
        (3, KeySpec::EcP521, SignAlgorithm::Es512),
    ] {
        let key = hsm.make("ec", version, spec).await.unwrap();
        sign_and_verify(&hsm, "ec", &key, algorithm).await;
    }
}

async fn sign_and_verify(hsm: &Hsm, name: &str, key: &Candidate, algorithm: SignAlgorithm) {
    let mut signature = hsm.sign(name, key, algorithm).await.unwrap();
    assert!(hsm.verify(name, key, algorithm, &signature).await, "{algorithm}");
    signature[7] ^= 1;
    assert!(!hsm.verify(name, key, algorithm, &signature).await, "{algorithm}");
    let short = hsm.0.sign(permit::<verb::Sign>("vault1", name), key, algorithm, &[1; 20]).await;
    assert!(matches!(refusal(short), Refusal::BadRequest { .. }), "{algorithm}");
}

#[tokio::test]
async fn aes_keys_wrap_and_unwrap_up_to_64_kib() {
    let plant = Plant::new();
    let hsm = plant.open().await;
    for (version, spec, algorithm) in
        [(1, KeySpec::Oct256, WrapAlgorithm::A256Kw), (2, KeySpec::Oct128, WrapAlgorithm::A128Kw)]
    {
        let key = hsm.make("oct", version, spec).await.unwrap();
        assert_eq!(key.material.public, PublicKey::None);
        for length in [16, 24, 32, 64, 4096, 65_536] {
            let secret: Vec<u8> = (0..length).map(|index| (index * 7) as u8).collect();
            let wrapped = hsm.wrap("oct", &key, algorithm, &secret).await.unwrap();
            assert_eq!(wrapped.len(), length + 8);
            assert_eq!(hsm.unwrap("oct", &key, algorithm, &wrapped).await.unwrap(), secret, "{length}");
        }
        for length in [0, 1, 8, 15, 17, 65_544] {
            let refused = refusal(hsm.wrap("oct", &key, algorithm, &vec![1; length]).await);
            assert!(matches!(refused, Refusal::BadRequest { .. }), "{length}");
        }
    }
}

#[tokio::test]
async fn a_value_that_does_not_open_is_unwrappable_in_one_word_and_costs_no_worker() {
    let plant = Plant::new();
    let hsm = plant.open().await;
    let keys = [
        (KeySpec::Rsa2048, WrapAlgorithm::RsaOaep),
        (KeySpec::Rsa2048, WrapAlgorithm::RsaOaep256),
        (KeySpec::Oct256, WrapAlgorithm::A256Kw),
    ];
    for (version, (spec, algorithm)) in (1..).zip(keys) {
        let key = hsm.make("key", version, spec).await.unwrap();
        let other = hsm.make("key", version + 100, spec).await.unwrap();
        let wrapped = hsm.wrap("key", &key, algorithm, &[3; 32]).await.unwrap();
        let foreign = hsm.wrap("key", &other, algorithm, &[3; 32]).await.unwrap();
        let mut values = vec![Vec::new(), vec![0; 1], vec![0; wrapped.len()], vec![0xff; wrapped.len()], foreign];
        values.push(wrapped[1..].to_vec());
        values.push([&wrapped[..], &[0]].concat());
        for index in [0, 1, wrapped.len() / 2, wrapped.len() - 1] {
            let mut flipped = wrapped.clone();
            flipped[index] ^= 1;
            values.push(flipped);
        }
        for value in values {
            let refused = refusal(hsm.unwrap("key", &key, algorithm, &value).await);
            assert_eq!(refused, Refusal::Unwrappable, "{algorithm} {} bytes", value.len());
        }
        assert_eq!(hsm.unwrap("key", &key, algorithm, &wrapped).await.unwrap(), [3; 32]);
    }
    assert_eq!(hsm.health().counts.starts, 1);
    assert_eq!(hsm.health().counts.retries, 0);
}

#[tokio::test]
async fn what_tokens_do_not_do_is_refused_by_name() {
    let plant = Plant::new();
    let mut spec = plant.spec(vec![plant.token()]);
    spec.raw_rsa = false;
    let hsm = Hsm::open(spec).await.unwrap();
    let capabilities = hsm.0.capabilities();
    assert!(!capabilities.wrap_algorithms.contains(&WrapAlgorithm::RsaOaep256), "no bare RSA, no OAEP with SHA-256");
    let key = hsm.make("key", 1, KeySpec::Oct256).await.unwrap();
    let rsa = hsm.make("key", 2, KeySpec::Rsa2048).await.unwrap();
    for (key, algorithm) in [
        (&key, WrapAlgorithm::A256Gcm),
        (&key, WrapAlgorithm::A256Kwp),
        (&key, WrapAlgorithm::A128Kw),
        (&key, WrapAlgorithm::RsaOaep),
        (&rsa, WrapAlgorithm::RsaOaep256),
        (&rsa, WrapAlgorithm::Rsa1V5),
    ] {
        let refused = refusal(hsm.wrap("key", key, algorithm, &[1; 32]).await);
        assert!(matches!(refused, Refusal::AlgorithmUnsupported { .. }), "{algorithm} {refused:?}");
        let refused = refusal(hsm.unwrap("key", key, algorithm, &[1; 40]).await);
        assert!(matches!(refused, Refusal::AlgorithmUnsupported { .. }), "{algorithm} {refused:?}");
    }
    assert!(matches!(refusal(hsm.make("key", 3, KeySpec::Oct192).await), Refusal::AlgorithmUnsupported { .. }));
    let imported = ImportedKey::Oct(Secret::new(vec![1; 32]));
    let import =
        hsm.0.import_key(permit::<verb::ImportKey>("vault1", "key"), KeyVersion([9; 16]), KeySpec::Oct256, imported);
    assert!(matches!(refusal(import.await), Refusal::NotImplemented { .. }));
    for family in [KeyFamily::Ec, KeyFamily::Oct, KeyFamily::Rsa] {
        assert!(capabilities.key_specs.iter().any(|spec| spec.family() == family), "{family:?}");
    }
}

#[tokio::test]
async fn material_opens_nothing_in_another_vault_or_under_another_name() {
    let plant = Plant::new();
    let hsm = plant.open().await;
    let key = hsm.make("key", 1, KeySpec::Oct256).await.unwrap();
    let wrapped = hsm.wrap("key", &key, WrapAlgorithm::A256Kw, &[3; 32]).await.unwrap();
    let unwrap =
        async |vault, name, key: &Candidate| hsm.unwrap_in(vault, name, key, WrapAlgorithm::A256Kw, &wrapped).await;
    assert_eq!(refusal(unwrap("vault2", "key", &key).await), unavailable());
    assert_eq!(refusal(unwrap("vault1", "other", &key).await), unavailable());
    let mut restored = (*key.material).clone();
    restored.origin_vault = Some(VaultName::parse("vault1").unwrap());
    let restored = Candidate { material: Arc::new(restored), ..key.clone() };
    assert_eq!(unwrap("vault2", "key", &restored).await.unwrap(), [3; 32], "restored from a backup of vault1");
    for opaque in [Vec::new(), vec![1; 17], vec![2; 17], vec![1; 5]] {
        let forged = Material { opaque, ..(*key.material).clone() };
        let forged = Candidate { version: KeyVersion([2; 16]), material: Arc::new(forged), ..key.clone() };
        assert_eq!(refusal(unwrap("vault1", "key", &forged).await), Refusal::Internal);
    }
}

#[tokio::test]
async fn destroyed_versions_are_gone_and_may_be_destroyed_again() {
    let plant = Plant::new();
    let hsm = plant.open().await;
    let gone = hsm.make("key", 1, KeySpec::Rsa2048).await.unwrap();
    let kept = hsm.make("key", 2, KeySpec::Oct256).await.unwrap();
    let wrapped = hsm.wrap("key", &gone, WrapAlgorithm::RsaOaep, b"x").await.unwrap();
    for _ in 0..2 {
        let permit = permit::<verb::PurgeKey>("vault1", "key");
        hsm.0.destroy_key(permit, std::slice::from_ref(&gone)).await.unwrap();
        assert_eq!(refusal(hsm.unwrap("key", &gone, WrapAlgorithm::RsaOaep, &wrapped).await), unavailable());
    }
    let wrapped = hsm.wrap("key", &kept, WrapAlgorithm::A256Kw, &[5; 16]).await.unwrap();
    assert_eq!(hsm.unwrap("key", &kept, WrapAlgorithm::A256Kw, &wrapped).await.unwrap(), [5; 16]);
    hsm.0.self_test().await.unwrap();
}
