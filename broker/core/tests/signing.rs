//! sign, verify and import: dates, kinds and lengths are judged before the backend is asked.
#![allow(clippy::unwrap_used)]

use broker_core::algorithm::{KeyFamily, KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm};
use broker_core::broker::Sign;
use broker_core::imported::{EcNumbers, ImportedKey, RsaNumbers};
use broker_core::key::{KeyOperation, VersionPatch};
use broker_core::name::KeyVersion;
use broker_core::port::Capabilities;
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use broker_testkit::{Bench, FakeBackend, backend_name, key_name, run};

fn ask(bench: &Bench, version: Option<KeyVersion>, algorithm: SignAlgorithm, digest: &[u8]) -> Sign {
    Sign { vault: bench.vault(), key: key_name("k"), version, algorithm, digest: digest.to_vec() }
}

fn sign(bench: &Bench, version: Option<KeyVersion>) -> Result<Vec<u8>, Refusal> {
    let ask = ask(bench, version, SignAlgorithm::Es256, &[7; 32]);
    run(bench.broker.sign(&bench.admin(), ask)).map(|signed| signed.signature)
}

fn verify(bench: &Bench, version: Option<KeyVersion>, signature: &[u8]) -> Result<bool, Refusal> {
    let ask = ask(bench, version, SignAlgorithm::Es256, &[7; 32]);
    run(bench.broker.verify(&bench.admin(), ask, signature.to_vec()))
}

fn patch(bench: &Bench, patch: VersionPatch) {
    run(bench.broker.update_key(&bench.admin(), bench.vault(), key_name("k"), None, patch)).unwrap();
}

fn with_key() -> Bench {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::EcP256);
    bench
}

#[test]
fn a_signature_is_its_versions_own_and_a_wrong_one_an_answer() {
    let bench = with_key();
    let first = bench.store.peek(&bench.vault(), &key_name("k")).unwrap().latest().version;
    let signature = sign(&bench, None).unwrap();
    assert_eq!(bench.audit.last().version, Some(first));
    assert_eq!(verify(&bench, None, &signature), Ok(true));
    let mut wrong = signature.clone();
    wrong[0] ^= 1;
    assert_eq!(verify(&bench, None, &wrong), Ok(false));
    assert_eq!(verify(&bench, None, b""), Ok(false));
    let second = run(bench.broker.rotate_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap().version.version;
    assert_eq!(verify(&bench, None, &signature), Ok(false), "without a version the latest is meant");
    assert_eq!(verify(&bench, Some(first), &signature), Ok(true));
    assert_ne!(sign(&bench, None).unwrap(), signature);
    assert_eq!(bench.audit.last().version, Some(second));
    assert_eq!(sign(&bench, Some(first)).unwrap(), signature);
}

#[test]
fn dates_end_signing_but_not_verifying_and_disabling_ends_both() {
    let bench = with_key();
    let signature = sign(&bench, None).unwrap();
    let now_s = bench.clock.now_s();
    let word = |result: Result<Vec<u8>, Refusal>| result.map(drop).map_err(|refusal| refusal.word());
    patch(
        &bench,
        VersionPatch { not_before_s: Some(now_s + 1), expires_s: Some(now_s + 2), ..VersionPatch::default() },
    );
    assert_eq!(word(sign(&bench, None)), Err("key-not-yet-valid"));
    assert_eq!(verify(&bench, None, &signature), Ok(true));
    bench.clock.advance_s(1);
    assert_eq!(word(sign(&bench, None)), Ok(()));
    bench.clock.advance_s(1);
    assert_eq!(word(sign(&bench, None)), Err("key-expired"));
    assert_eq!(verify(&bench, None, &signature), Ok(true));
    patch(&bench, VersionPatch { enabled: Some(false), expires_s: Some(now_s + 9), ..VersionPatch::default() });
    assert_eq!(word(sign(&bench, None)), Err("key-disabled"));
    assert!(matches!(verify(&bench, None, &signature), Err(Refusal::KeyDisabled { .. })));
}

#[test]
fn key_ops_leave_out_what_they_do_not_name() {
    let bench = with_key();
    let signature = sign(&bench, None).unwrap();
    for only in [KeyOperation::Sign, KeyOperation::Verify] {
        let operations = Some([only].into_iter().collect());
        patch(&bench, VersionPatch { operations, ..VersionPatch::default() });
        let excluded = |operation| Refusal::KeyOperationExcluded { key: key_name("k"), operation };
        let (signs, verifies) = (only == KeyOperation::Sign, only == KeyOperation::Verify);
        assert_eq!(sign(&bench, None).map(drop), if signs { Ok(()) } else { Err(excluded("sign")) });
        assert_eq!(verify(&bench, None, &signature), if verifies { Ok(true) } else { Err(excluded("verify")) });
    }
}

#[test]
fn every_algorithm_goes_with_its_own_kind_of_key_and_a_digest_of_its_own_length() {
    for spec in [KeySpec::Rsa2048, KeySpec::EcP256, KeySpec::EcP384, KeySpec::EcP521] {
        let bench = Bench::new();
        bench.make_key("k", spec);
        for algorithm in SignAlgorithm::ALL.iter().copied() {
            let bytes = match algorithm.word().split_at(2).1 {
                "256" => 32,
                "384" => 48,
                _ => 64,
            };
            let fits = match (spec, algorithm.word()) {
                (KeySpec::EcP256, word) => word == "ES256",
                (KeySpec::EcP384, word) => word == "ES384",
                (KeySpec::EcP521, word) => word == "ES512",
                (KeySpec::Rsa2048, word) => !word.starts_with("ES"),
                _ => false,
            };
            for length in [0, bytes - 1, bytes, bytes + 1, 20, 64 * 1024] {
                let calls = bench.software.calls().len();
                let signed = run(bench.broker.sign(&bench.admin(), ask(&bench, None, algorithm, &vec![1; length])));
                let verified = run(bench.broker.verify(
                    &bench.admin(),
                    ask(&bench, None, algorithm, &vec![1; length]),
                    vec![2; 64],
                ));
                let word = match (fits, length == bytes) {
                    (true, true) => Ok(()),
                    (true, false) => Err("bad-request"),
                    (false, _) => Err("algorithm-unsupported"),
                };
                let case = format!("{algorithm} over {length} bytes with {spec}");
                assert_eq!(signed.map(drop).map_err(|refusal| refusal.word()), word, "{case}");
                assert_eq!(verified.map(drop).map_err(|refusal| refusal.word()), word, "{case}");
                assert_eq!(bench.software.calls().len() - calls, if word.is_ok() { 2 } else { 0 }, "{case}");
            }
        }
    }
}

#[test]
fn a_key_is_never_given_an_operation_that_its_kind_cannot_do() {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Oct256);
    let operations = Some([KeyOperation::Sign].into_iter().collect());
    let patch = VersionPatch { operations, ..VersionPatch::default() };
    let refused = run(bench.broker.update_key(&bench.admin(), bench.vault(), key_name("k"), None, patch)).unwrap_err();
    assert_eq!(refused.to_string(), "key_ops: a key of oct256 can never sign");
}

#[test]
fn the_backend_is_asked_for_no_signature_it_does_not_serve() {
    let bench = with_key();
    let capabilities = Capabilities { sign_algorithms: vec![SignAlgorithm::Es384], ..Capabilities::default() };
    let other = std::sync::Arc::new(FakeBackend::new(capabilities));
    bench.broker.replace_backends([(backend_name("software"), other.clone() as _)].into());
    assert!(matches!(sign(&bench, None), Err(Refusal::AlgorithmUnsupported { .. })));
    assert!(matches!(verify(&bench, None, b"x"), Err(Refusal::AlgorithmUnsupported { .. })));
    assert!(other.calls().is_empty());
}

fn secret(bytes: &[u8]) -> Secret {
    Secret::copied_from(bytes)
}

fn imported(family: KeyFamily) -> ImportedKey {
    match family {
        KeyFamily::Ec => ImportedKey::Ec(EcNumbers { x: vec![1; 32], y: vec![2; 32], d: secret(&[3; 32]) }),
        KeyFamily::Oct => ImportedKey::Oct(secret(&[4; 32])),
        KeyFamily::Rsa => {
            let [d, p, q, dp, dq, qi] = [6, 7, 8, 9, 10, 11].map(|byte| secret(&[byte; 128]));
            ImportedKey::Rsa(Box::new(RsaNumbers { n: vec![0x85; 256], e: vec![1, 0, 1], d, p, q, dp, dq, qi }))
        }
    }
}

#[test]
fn an_imported_key_is_a_version_like_any_other() {
    let bench = Bench::new();
    let admin = bench.admin();
    let import = |spec: KeySpec| {
        let ask = bench.create_ask("k", spec);
        run(bench.broker.import_key(&admin, ask, imported(spec.family())))
    };
    let view = import(KeySpec::Rsa2048).unwrap();
    assert_eq!(*view.public(), PublicKey::Rsa { n: vec![0x85; 256], e: vec![1, 0, 1] });
    let sealed = bench.wrap(&admin, "k", b"secret").unwrap();
    assert_eq!(sealed.version, view.version.version);
    // A second import is a second version, and so is a rotation of it.
    let second = import(KeySpec::EcP256).unwrap().version.version;
    assert_eq!(bench.audit.last().algorithm, Some("ec-p256"));
    let third = run(bench.broker.rotate_key(&admin, bench.vault(), key_name("k"))).unwrap().version.version;
    let record = bench.store.peek(&bench.vault(), &key_name("k")).unwrap();
    let versions: Vec<_> = record.versions.iter().map(|version| version.version).collect();
    assert_eq!(versions, [view.version.version, second, third]);
    let old = bench.unwrap_ask("k", Some(sealed.version), WrapAlgorithm::RsaOaep256, &sealed.wrapped.value);
    assert_eq!(run(bench.broker.unwrap_key(&admin, old)).unwrap().secret.expose(), b"secret");
}

#[test]
fn a_key_that_is_not_of_its_spec_is_refused_and_leaves_nothing() {
    let bench = Bench::new();
    for spec in [KeySpec::Rsa3072, KeySpec::Oct128] {
        let refused =
            run(bench.broker.import_key(&bench.admin(), bench.create_ask("k", spec), imported(spec.family())));
        assert!(matches!(refused, Err(Refusal::BadRequest { .. })), "{spec}");
        assert_eq!(bench.store.peek(&bench.vault(), &key_name("k")), None);
    }
    bench.broker.replace_backends(
        [(backend_name("software"), std::sync::Arc::new(FakeBackend::new(Capabilities::default())) as _)].into(),
    );
    let ask = bench.create_ask("k", KeySpec::Oct256);
    let refused = run(bench.broker.import_key(&bench.admin(), ask, imported(KeyFamily::Oct)));
    assert!(matches!(refused, Err(Refusal::AlgorithmUnsupported { .. })));
}
