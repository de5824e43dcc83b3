//! Compiled code on disk is run only as we wrote it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use broker_backend_wasm::WasmBackend;
use broker_core::algorithm::{KeySpec, WrapAlgorithm};

use crate::plant::{Key, bare, guest, keys, spec};

/// Loads a guest with a cache and uses it.
async fn load(name: &str, seed: u8, cache: &Path) {
    let backend = WasmBackend::load(spec(name, guest(name)), keys(seed), bare(), Some(cache.to_owned())).await.unwrap();
    let key = Key::new(&backend, "key", KeySpec::Oct256).await;
    let wrapped = key.wrap(WrapAlgorithm::A256Kw, &[5; 32]).await.unwrap();
    assert_eq!(key.unwrap(WrapAlgorithm::A256Kw, &wrapped.value).await.unwrap(), [5; 32]);
}

fn files(cache: &Path) -> Vec<PathBuf> {
    fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Changes when the file was replaced: a compiled file is never written twice.
fn identity(file: &Path) -> (u64, u64) {
    let metadata = fs::metadata(file).unwrap();
    (metadata.ino(), metadata.mtime_nsec() as u64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_compiles_nothing() {
    let cache = tempfile::tempdir().unwrap();
    load("software", 1, cache.path()).await;
    let [file] = files(cache.path()).try_into().unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let first = identity(&file);
    load("software", 1, cache.path()).await;
    assert_eq!(identity(&file), first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_tampered_with_is_replaced_and_not_run() {
    let cache = tempfile::tempdir().unwrap();
    load("software", 1, cache.path()).await;
    let [file] = files(cache.path()).try_into().unwrap();
    let sound = fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        bytes
    };
    let damages = [
        flipped(0),
        flipped(sound.len() / 2),
        flipped(sound.len() - 1),
        sound[..sound.len() - 1].to_vec(),
        sound[..20].to_vec(),
        Vec::new(),
        [&sound[..], &[0]].concat(),
    ];
    for damaged in damages {
        fs::write(&file, &damaged).unwrap();
        let before = identity(&file);
        load("software", 1, cache.path()).await;
        assert_ne!(identity(&file), before);
        assert_eq!(fs::read(&file).unwrap().len(), sound.len());
        assert_eq!(files(cache.path()).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_plugins_file_is_not_run_for_another() {
    let cache = tempfile::tempdir().unwrap();
    load("software", 1, cache.path()).await;
    let [software] = files(cache.path()).try_into().unwrap();
    load("faulty", 1, cache.path()).await;
    let faulty = files(cache.path()).into_iter().find(|file| *file != software).unwrap();
    let (first, second) = (fs::read(&software).unwrap(), fs::read(&faulty).unwrap());
    fs::write(&software, &second).unwrap();
    fs::write(&faulty, &first).unwrap();
    let before = (identity(&software), identity(&faulty));
    load("software", 1, cache.path()).await;
    load("faulty", 1, cache.path()).await;
    assert_ne!(identity(&software), before.0);
    assert_ne!(identity(&faulty), before.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_under_another_key_is_not_run() {
    let cache = tempfile::tempdir().unwrap();
    load("software", 1, cache.path()).await;
    let [file] = files(cache.path()).try_into().unwrap();
    let before = identity(&file);
    load("software", 2, cache.path()).await;
    assert_ne!(identity(&file), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_usable_folder_it_is_compiled_every_time() {
    let folder = tempfile::tempdir().unwrap();
    load("software", 1, &folder.path().join("absent")).await;
}
