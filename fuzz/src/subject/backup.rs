//! Backups of keys and of stores, and shares of a root key: what was changed is refused, what is taken is what was made.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::sync::{Arc, LazyLock};

use broker_core::algorithm::{KeySpec, PublicKey};
use broker_core::key::{KeyOperations, KeyRecord, Material, VersionRecord};
use broker_core::name::{BackendName, KeyName, KeyVersion, VaultName};
use broker_core::port::Store as _;
use broker_core::secret::Secret;
use broker_crypto::share::{Quorum, combine, split};
use broker_store_sqlite::{CopyHead, Options, Root, SqliteStore, read_back, verify_copy};

use super::{folder, question};
use crate::bound::Allowance;
use crate::edit::edited;

/// A key's backup is opened in one piece; a store's copy is read in pieces of 64 KiB.
const ALLOWANCE: Allowance = Allowance { bytes: 256 << 10, each: 64 };
const ROOT: [u8; 32] = [7; 32];

struct World {
    folder: tempfile::TempDir,
    store: SqliteStore,
    record: KeyRecord,
    material: Material,
    backup: Vec<u8>,
    /// All that stands before the copied file, and that.
    front: Vec<u8>,
    body: Vec<u8>,
    shares: Vec<u8>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let folder = folder();
    let store = SqliteStore::create(&folder.path().join("store"), &root(), Options::default()).expect("a new store");
    let version = VersionRecord {
        version: KeyVersion([1; 16]),
        spec: KeySpec::Oct256,
        hsm: false,
        backend: BackendName::parse("software").expect("a name"),
        enabled: true,
        not_before_s: None,
        expires_s: Some(4_000_000_000),
        created_s: 1_800_000_000,
        updated_s: 1_800_000_000,
        operations: KeyOperations::all_of(KeySpec::Oct256),
        tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        notified: false,
    };
    let (vault, key) = (VaultName::parse("vault1").expect("a name"), KeyName::parse("k").expect("a name"));
    let record = KeyRecord { revision: 1, ..KeyRecord::new(vault, key, version) };
    let material = Material { opaque: vec![5; 60], public: PublicKey::None, origin_vault: None };
    let backup = store.seal_backup(&record, &[Arc::new(material.clone())]).expect("a small key");
    let mut copy = store.copy(1_800_000_000).expect("a copy of a small store");
    let mut body = Vec::new();
    copy.body.read_to_end(&mut body).expect("the copy's file");
    let front = copy.front.clone();
    let quorum = Quorum::parse("2-of-3").expect("a quorum");
    let shares = split(&Secret::copied_from(&ROOT), quorum).expect("a root key");
    let shares = shares[..2].iter().flat_map(|share| [share.expose(), b"\n"].concat()).collect();
    World { folder, store, record, material, backup, front, body, shares }
});

fn root() -> Root {
    Root::Key(Secret::copied_from(&ROOT))
}

/// # Panics
/// Something of this does not hold.
pub fn check(bytes: &[u8]) {
    match question(bytes, 6) {
        Some((0, backup)) => any_backup(backup),
        Some((1, script)) => changed_backup(script),
        Some((2, copy)) => any_copy(copy),
        Some((3, script)) => changed_copy(script),
        Some((4, lines)) => any_shares(lines),
        Some((_, script)) => changed_shares(script),
        None => {}
    }
}

fn any_backup(backup: &[u8]) {
    let opened = ALLOWANCE.hold(backup.len(), || WORLD.store.open_backup(backup));
    let Ok((record, materials)) = opened else { return };
    let materials: Vec<_> = materials.into_iter().map(Arc::new).collect();
    let again = WORLD.store.seal_backup(&record, &materials).expect("what was a backup becomes one");
    let (same, same_materials) = WORLD.store.open_backup(&again).expect("our own opens");
    assert_eq!((same, same_materials.len()), (record, materials.len()));
}

fn changed_backup(script: &[u8]) {
    let backup = edited(&WORLD.backup, script);
    let opened = ALLOWANCE.hold(backup.len(), || WORLD.store.open_backup(&backup));
    if backup == WORLD.backup {
        let (record, materials) = opened.expect("an unchanged backup opens");
        assert_eq!((&record, materials.as_slice()), (&WORLD.record, &[WORLD.material.clone()][..]));
    } else {
        assert!(opened.is_err());
    }
}

fn file_of(parts: &[&[u8]]) -> File {
    let mut file = tempfile::tempfile_in(WORLD.folder.path()).expect("there is room");
    parts.iter().for_each(|part| file.write_all(part).expect("there is room"));
    file.rewind().expect("a file begins somewhere");
    file
}

fn any_copy(copy: &[u8]) {
    let mut file = file_of(&[copy]);
    if let Ok(head) = ALLOWANCE.hold(copy.len(), || read_back(&mut file)) {
        assert!(head.body_bytes < copy.len() as u64);
    }
}

/// A head that was changed is refused, whatever it says by then; so is a body.
fn changed_copy(script: &[u8]) {
    let front = edited(&WORLD.front, script);
    if front == WORLD.front {
        return;
    }
    let mut file = file_of(&[&front, &WORLD.body]);
    let _whatever_it_says = ALLOWANCE.hold(front.len() + WORLD.body.len(), || CopyHead::read(&mut file));
    file.rewind().expect("a file begins somewhere");
    let near = WORLD.folder.path().join("verified");
    let total = front.len() + WORLD.body.len();
    assert!(ALLOWANCE.hold(total, || verify_copy(&mut file, &near, &root())).is_err());
}

fn lines(text: &[u8]) -> Vec<Secret> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(Secret::copied_from).collect()
}

fn any_shares(text: &[u8]) {
    let shares = lines(text);
    if let Ok(key) = ALLOWANCE.hold(text.len(), || combine(&shares)) {
        assert_eq!(key.len(), ROOT.len());
    }
}

fn changed_shares(script: &[u8]) {
    let shares = lines(&edited(&WORLD.shares, script));
    if let Ok(key) = combine(&shares) {
        assert_eq!(key.expose(), ROOT);
    }
}
