use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use broker_core::port::{Change, Store};
use broker_store_sqlite::{OpenError, Options, Root, SqliteStore};

use crate::sample::*;

#[test]
fn another_root_key_opens_nothing() {
    let place = Place::new();
    drop(place.create());
    let other = Root::create_file(&place.directory.path().join("other.key")).unwrap();
    let error = SqliteStore::open(&place.path, &other, Options::default()).err().unwrap();
    assert!(matches!(error, OpenError::WrongKey), "{error}");
    drop(place.open());
}

#[test]
fn only_the_right_passphrase_opens_a_store_made_with_one() {
    let place = Place::new();
    let options = Options::default();
    drop(SqliteStore::create(&place.path, &passphrase("correct horse"), options).unwrap());
    let error = SqliteStore::open(&place.path, &passphrase("correct hors"), options).err().unwrap();
    assert!(matches!(error, OpenError::WrongPassphrase), "{error}");
    let error = place.refusal();
    assert!(matches!(error, OpenError::WrongRoot { .. }), "{error}");
    assert!(error.to_string().contains("created with a passphrase, but a root key file was given"), "{error}");
    drop(SqliteStore::open(&place.path, &passphrase("correct horse"), options).unwrap());
}

#[test]
fn a_passphrase_of_no_bytes_makes_no_store() {
    let place = Place::new();
    let error = SqliteStore::create(&place.path, &passphrase(""), Options::default()).err().unwrap();
    assert!(matches!(error, OpenError::WrongPassphrase), "{error}");
    assert!(!place.path.exists());
    drop(place.create());
}

#[test]
fn a_store_is_never_made_over_another_file() {
    let place = Place::new();
    std::fs::write(&place.path, "mine").unwrap();
    let error = SqliteStore::create(&place.path, &place.root, Options::default()).err().unwrap();
    assert!(matches!(error, OpenError::Exists { .. }), "{error}");
    assert_eq!(std::fs::read(&place.path).unwrap(), b"mine");
}

#[test]
fn a_store_is_not_made_beside_the_log_of_one_whose_file_is_gone() {
    let place = Place::new();
    for name in ["broker.db-wal", "broker.db-journal"] {
        let log = place.directory.path().join(name);
        std::fs::write(&log, "the last that was written").unwrap();
        let error = SqliteStore::create(&place.path, &place.root, Options::default()).err().unwrap();
        assert!(matches!(&error, OpenError::LogAlone { path } if *path == log), "{error}");
        assert_eq!(std::fs::read(&log).unwrap(), b"the last that was written");
        assert!(!place.path.exists());
        std::fs::remove_file(&log).unwrap();
    }
    drop(place.create());
}

#[test]
fn a_store_opens_in_one_place_at_a_time() {
    let place = Place::new();
    let store = place.create();
    let error = place.refusal();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    drop(store);
    let store = place.open();
    assert!(matches!(place.refusal(), OpenError::InUse { .. }));
    drop(store);
    drop(place.open());
}

#[test]
fn a_store_that_others_can_read_is_refused_and_a_new_one_is_private() {
    let place = Place::new();
    let store = place.create();
    for name in ["broker.db", "broker.db-wal", "broker.db-shm", "broker.db.lock"] {
        let mode = std::fs::metadata(place.directory.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{name}");
    }
    drop(store);
    std::fs::set_permissions(&place.path, Permissions::from_mode(0o640)).unwrap();
    let error = place.refusal();
    assert!(matches!(error, OpenError::Mode { mode: 0o640, .. }), "{error}");
    std::fs::set_permissions(&place.path, Permissions::from_mode(0o600)).unwrap();
    drop(place.open());
}

#[test]
fn a_file_that_is_no_store_is_called_so() {
    let place = Place::new();
    let refused = |what: &str| {
        std::fs::set_permissions(&place.path, Permissions::from_mode(0o600)).unwrap();
        let error = place.refusal();
        assert!(matches!(error, OpenError::NotAStore), "{what}: {error}");
        std::fs::remove_file(&place.path).unwrap();
    };
    std::fs::write(&place.path, "").unwrap();
    refused("an empty file");
    std::fs::write(&place.path, "not a database, and longer than the hundred bytes of SQLite's header ".repeat(99))
        .unwrap();
    refused("a text");
    place.raw().execute_batch("CREATE TABLE t (a)").unwrap();
    refused("another database");
    assert!(matches!(place.refusal(), OpenError::Io { .. }));
}

#[test]
fn a_store_whose_creation_was_interrupted_is_called_so() {
    let place = Place::new();
    drop(place.create());
    place.raw().execute_batch("DELETE FROM header; DELETE FROM state").unwrap();
    let error = place.refusal();
    assert!(matches!(error, OpenError::NotAStore), "{error}");
    assert!(error.to_string().contains("interrupted"), "{error}");
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let place = Place::new();
    drop(place.create());
    place.raw().execute_batch("PRAGMA user_version = 99").unwrap();
    let error = place.refusal();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn nothing_in_the_files_can_be_read() {
    let place = Place::new();
    let store = place.create();
    let first = key("readable-vault", "readable-key");
    let changes = vec![
        put(&first),
        put_material(&first, 0x5a, &material(b"readable-opaque-material")),
        Change::PutGrant(grant(0x6b)),
        Change::PutPin(pin("readable-pin")),
        Change::PutVault(vault("readable-vault")),
        Change::PutSetting { name: "readable-setting".to_owned(), value: b"readable-value".to_vec() },
    ];
    store.commit(changes).await.unwrap();
    store.commit(vec![put(&next_of(&first)), put(&rotating(&next_of(&first)))]).await.unwrap();
    store.keys(&first.vault, false, None, 10).await.unwrap();

    let search = || {
        let (mut names, mut readable) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(place.directory.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let bytes = std::fs::read(&path).unwrap();
            for part in [&b"readable"[..], b"rsa3072", b"Crypto", b"uid:", &[0x5a; 16], &[0x6b; 16], &[1; 16]] {
                if bytes.windows(part.len()).any(|window| window == part) {
                    readable.push(format!("{name}: {}", String::from_utf8_lossy(part)));
                }
            }
            names.push(name);
        }
        names.sort();
        (names, readable)
    };
    let (names, readable) = search();
    assert_eq!(names, ["broker.db", "broker.db-shm", "broker.db-wal", "broker.db.lock", "root.key"]);
    assert!(readable.is_empty(), "{readable:?}");
    drop(store);
    let (names, readable) = search();
    assert_eq!(names, ["broker.db", "broker.db.lock", "root.key"]);
    assert!(readable.is_empty(), "{readable:?}");
    // The search does find what lies in the open.
    std::fs::write(place.directory.path().join("open.txt"), "un-readable").unwrap();
    assert_eq!(search().1, ["open.txt: readable"]);
}
