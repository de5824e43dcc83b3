//! A key's material opens in its own place and nowhere else.

use std::sync::Arc;

use broker_backend_wasm::WasmBackend;
use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use broker_core::imported::ImportedKey;
use broker_core::key::Material;
use broker_core::name::KeyVersion;
use broker_core::port::{Backend, Candidate};
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use broker_core::verb;

use crate::plant::{Key, VERSION, bare, guest, keys, load, permit, refusal, spec};

const KW: WrapAlgorithm = WrapAlgorithm::A256Kw;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn material_of_one_place_is_refused_in_any_other() {
    let backend = load("software").await;
    // The same keys under another name: the name alone must keep them apart.
    let twin = WasmBackend::load(spec("twin", guest("software")), keys(1), bare(), None).await.unwrap();
    // The same name under other keys: the keys alone must.
    let stranger = WasmBackend::load(spec("software", guest("software")), keys(2), bare(), None).await.unwrap();
    let home = Key::new(&backend, "key", KeySpec::Oct256).await;
    let wrapped = home.wrap(KW, &[1; 32]).await.unwrap();
    let moved = |change: fn(&mut Key<'_>)| {
        let mut key = Key {
            backend: &backend,
            vault: home.vault.clone(),
            name: home.name.clone(),
            candidate: home.candidate.clone(),
        };
        change(&mut key);
        key
    };
    let mut elsewhere = vec![
        moved(|key| key.vault = "vault2".into()),
        moved(|key| key.name = "key2".into()),
        moved(|key| key.candidate.version = KeyVersion([8; 16])),
    ];
    for other in [&twin, &stranger] {
        elsewhere.push(Key { backend: other, ..moved(|_| {}) });
    }
    for key in &elsewhere {
        // Twice, so that a cache filled by the first would show.
        for _ in 0..2 {
            assert!(matches!(refusal(key.wrap(KW, &[1; 32]).await), Refusal::BackendFaulty { .. }));
            assert!(matches!(refusal(key.unwrap(KW, &wrapped.value).await), Refusal::BackendFaulty { .. }));
        }
    }
    assert_eq!(moved(|_| {}).unwrap(KW, &wrapped.value).await.unwrap(), [1; 32]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_hands_one_keys_material_to_another_gains_nothing() {
    let backend = load("faulty").await;
    let leaking = Key::new(&backend, "fault-leak", KeySpec::Oct256).await;
    let sealed = leaking.wrap(KW, &[1; 32]).await.unwrap().value;
    let thief = Key::new(&backend, "fault-foreign", KeySpec::Oct256).await;
    let loot = WrapExtras { aad: sealed, ..WrapExtras::default() };
    assert!(matches!(refusal(thief.wrap_with(KW, &[1; 32], &loot).await), Refusal::BackendFaulty { .. }));
    let one = std::slice::from_ref(&thief.candidate);
    let refused = thief.unwrap_any(one, KW, &[0; 40], &loot).await;
    assert!(matches!(refusal(refused), Refusal::BackendFaulty { .. }));
    let forger = Key::new(&backend, "fault-forge", KeySpec::Oct256).await;
    assert!(matches!(refusal(forger.wrap(KW, &[1; 32]).await), Refusal::BackendFaulty { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_the_verb_needs_works() {
    let backend = load("faulty").await;
    let value = imported(&backend, "honest").await.wrap(KW, &[1; 32]).await.unwrap().value;
    for name in [
        "fault-wrongverb",
        "fault-wrongverb-generate",
        "fault-wrongverb-import",
        "fault-wrongverb-seal",
        "fault-wrongverb-sign",
    ] {
        // The same key, so that the value does open: what is refused is the trespass alone.
        let key = imported(&backend, name).await;
        assert!(matches!(refusal(key.wrap(KW, &[1; 32]).await), Refusal::BadRequest { .. }), "{name}: wrap");
        assert!(matches!(refusal(key.unwrap(KW, &value).await), Refusal::BadRequest { .. }), "{name}: unwrap");
    }
    assert_eq!(imported(&backend, "honest").await.unwrap(KW, &value).await.unwrap(), [1; 32]);
}

/// One and the same AES key, imported under a name.
async fn imported<'a>(backend: &'a WasmBackend, name: &str) -> Key<'a> {
    let (permit, spec) = (permit::<verb::ImportKey>("vault1", name), KeySpec::Oct256);
    let key = ImportedKey::Oct(Secret::new(vec![0x6B; 32]));
    let made = backend.import_key(permit, VERSION, spec, key).await.unwrap();
    let material = Arc::new(Material { opaque: made.opaque, public: made.public, origin_vault: None });
    let candidate = Candidate { version: VERSION, spec, material };
    Key { backend, vault: "vault1".into(), name: name.into(), candidate }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_outlives_a_call() {
    let backend = load("faulty").await;
    let key = Key::new(&backend, "fault-reuse", KeySpec::Oct256).await;
    for _ in 0..50 {
        let wrapped = key.wrap(KW, &[1; 32]).await.unwrap();
        assert!(!wrapped.value.starts_with(b"reused:"));
        assert_eq!(key.unwrap(KW, &wrapped.value).await.unwrap(), [1; 32]);
    }
}
