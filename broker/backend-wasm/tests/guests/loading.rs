//! What is loaded, and what is not.

use broker_backend_wasm::{Capability, Limits, LoadError, PluginSpec, WasmBackend};
use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use broker_core::port::Backend;

use crate::plant::{Key, bare, grants, guest, keys, load, load_error, spec};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_in_the_clear_must_be_granted_by_name() {
    let ungranted = spec("peeping", guest("faulty-reveal"));
    let (error, told) = load_error(ungranted.clone()).await;
    assert!(matches!(error, LoadError::NotGranted { .. }));
    assert_eq!(
        told,
        "plugin `peeping` imports keybroker:backend/reveal, which its configuration does not grant: \
         add \"reveal\" to its grants or do not load it"
    );
    let granted = PluginSpec { grants: grants(&[Capability::Crypto, Capability::Reveal]), ..ungranted };
    let backend = WasmBackend::load(granted, keys(1), bare(), None).await.unwrap();
    let key = Key::new(&backend, "key", KeySpec::Oct256).await;
    let wrapped = key.wrap(WrapAlgorithm::A256Kw, &[5; 32]).await.unwrap();
    assert_eq!(key.unwrap(WrapAlgorithm::A256Kw, &wrapped.value).await.unwrap(), [5; 32]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_no_one_has_is_refused_by_name() {
    for grants in [grants(&[]), grants(Capability::ALL)] {
        let spec = PluginSpec { grants, ..spec("intruder", guest("faulty-import")) };
        let (error, told) = load_error(spec).await;
        assert!(matches!(error, LoadError::UnknownImport { .. }));
        assert!(
            told.starts_with(
                "plugin `intruder` imports keybroker:backend/backdoor@0.1.0, which this broker does not have"
            ),
            "{told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_the_one_meant_is_refused() {
    let software = std::fs::read(guest("software")).unwrap();
    let digest = broker_crypto::digest::sha256(&software);
    let right = PluginSpec { sha256: Some(digest), ..spec("software", guest("software")) };
    WasmBackend::load(right.clone(), keys(1), bare(), None).await.unwrap();
    let (error, told) = load_error(PluginSpec { wasm: guest("faulty"), ..right }).await;
    assert!(matches!(error, LoadError::WrongDigest { .. }));
    assert!(told.contains("plugin `software`") && told.contains("correct `sha256`"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_backend_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &'static str, bytes: Vec<u8>, expected: fn(&LoadError) -> bool| {
        let wasm = folder.path().join(name);
        async move {
            std::fs::write(&wasm, bytes).unwrap();
            let (error, told) = load_error(spec("p", wasm)).await;
            assert!(expected(&error) && told.starts_with("plugin `p`"), "{name}: {told}");
        }
    };
    let software = std::fs::read(guest("software")).unwrap();
    let not_a_component = |error: &LoadError| matches!(error, LoadError::NotAComponent { .. });
    check("empty", Vec::new(), not_a_component).await;
    check("text", b"(component)".to_vec(), not_a_component).await;
    check("core module", b"\0asm\x01\0\0\0".to_vec(), not_a_component).await;
    let missing = |error: &LoadError| matches!(error, LoadError::MissingExport { .. });
    check("component without anything", b"\0asm\x0d\0\x01\0".to_vec(), missing).await;
    let invalid = |error: &LoadError| matches!(error, LoadError::Invalid { .. });
    check("half a component", software[..software.len() / 2].to_vec(), invalid).await;
    let (error, _) = load_error(spec("p", folder.path().join("absent"))).await;
    assert!(matches!(error, LoadError::Unreadable { .. }));
    let small = Limits { component_bytes_max: 100, ..Limits::default() };
    let (error, _) = load_error(PluginSpec { limits: small, ..spec("p", guest("software")) }).await;
    assert!(matches!(error, LoadError::TooLarge { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_needs_more_than_its_limits_is_refused_at_once() {
    // No memory is smaller than 64 KiB.
    let small = Limits { memory_bytes_max: 32 << 10, ..Limits::default() };
    let (error, told) = load_error(PluginSpec { limits: small, ..spec("p", guest("software")) }).await;
    assert!(matches!(error, LoadError::Contract { .. } | LoadError::Invalid { .. }), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loaded_plugin_tells_who_it_is_and_that_it_is_well() {
    let backend = load("software").await;
    assert_eq!((backend.name().as_str(), backend.described().name.as_str()), ("software", "software"));
    assert!(!backend.described().backup_first);
    backend.self_test().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_component_never_panics_the_loader() {
    let software = std::fs::read(guest("software")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Spread over the file: sections' headers, types, code, names.
    for at in (8..software.len()).step_by(software.len() / 24) {
        let mut changed = software.clone();
        changed[at] ^= 0x15;
        let wasm = folder.path().join("changed.wasm");
        std::fs::write(&wasm, changed).unwrap();
        // Either outcome will do: it is refused, or the byte did not matter.
        if let Err(error) = WasmBackend::load(spec("p", wasm), keys(1), bare(), None).await {
            assert!(!error.to_string().contains("panic"), "{error}");
        }
    }
}
