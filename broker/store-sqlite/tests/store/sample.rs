//! Records and stores to test with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use broker_core::algorithm::{KeySpec, PublicKey};
use broker_core::grant::{Grant, GrantId, Granted, Scope};
use broker_core::key::{KeyOperations, KeyRecord, KeyState, Material, VersionRecord};
use broker_core::name::{AnchorName, BackendName, KeyName, KeyVersion, Principal, VaultName};
use broker_core::network::Network;
use broker_core::permission::Role;
use broker_core::port::Change;
use broker_core::rate::Rate;
use broker_core::secret::Secret;
use broker_core::vault::{Pin, Vault, VaultState};
use broker_store_sqlite::{OpenError, Options, Root, SqliteStore};
pub use broker_testkit::store_questions::policy;

/// A store's file in a directory of its own, and its root key.
pub struct Place {
    pub directory: tempfile::TempDir,
    pub path: PathBuf,
    pub root: Root,
}

impl Place {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("broker.db");
        let root = Root::create_file(&directory.path().join("root.key")).unwrap();
        Self { directory, path, root }
    }

    pub fn create(&self) -> SqliteStore {
        SqliteStore::create(&self.path, &self.root, Options::default()).unwrap()
    }

    pub fn open(&self) -> SqliteStore {
        self.try_open().unwrap()
    }

    pub fn try_open(&self) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(&self.path, &self.root, Options::default())
    }

    /// Why the store does not open.
    pub fn refusal(&self) -> OpenError {
        match self.try_open() {
            Ok(_) => panic!("the store opened"),
            Err(error) => error,
        }
    }

    /// The file as any SQLite tool sees it.
    pub fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(&self.path).unwrap()
    }
}

pub fn passphrase(text: &str) -> Root {
    Root::Passphrase(Secret::copied_from(text.as_bytes()))
}

pub fn vault_name(text: &str) -> VaultName {
    VaultName::parse(text).unwrap()
}

pub fn key_name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

pub fn principal(text: &str) -> Principal {
    Principal::parse(text).unwrap()
}

pub fn version(byte: u8) -> VersionRecord {
    VersionRecord {
        version: KeyVersion([byte; 16]),
        spec: KeySpec::Rsa3072,
        hsm: byte.is_multiple_of(2),
        backend: BackendName::parse("readable-backend").unwrap(),
        enabled: true,
        not_before_s: Some(-5),
        expires_s: None,
        created_s: 1_700_000_000,
        updated_s: i64::MAX,
        operations: KeyOperations::all_of(KeySpec::Oct256),
        tags: BTreeMap::from([("readable-tag".to_owned(), "readable-tag-value".to_owned())]),
        notified: byte.is_multiple_of(3),
    }
}

/// A live key of one version, as the first write has it.
pub fn key(vault: &str, name: &str) -> KeyRecord {
    KeyRecord { revision: 1, ..KeyRecord::new(vault_name(vault), key_name(name), version(1)) }
}

/// The next write of a key, with one more version.
pub fn next_of(key: &KeyRecord) -> KeyRecord {
    let mut next = key.clone();
    next.revision += 1;
    next.versions.push(version(u8::try_from(next.revision % 251).unwrap()));
    next
}

/// The next write of a key, deleted.
pub fn deleted(key: &KeyRecord) -> KeyRecord {
    let state = KeyState::Deleted { deleted_s: 7, purge_s: 8 };
    KeyRecord { state, revision: key.revision + 1, ..key.clone() }
}

/// The next write of a key, with a policy that rotates it.
pub fn rotating(key: &KeyRecord) -> KeyRecord {
    KeyRecord { rotation: Some(policy()), revision: key.revision + 1, ..key.clone() }
}

pub fn put(key: &KeyRecord) -> Change {
    Change::PutKey(Arc::new(key.clone()))
}

pub fn material(opaque: &[u8]) -> Material {
    let public = PublicKey::Rsa { n: b"readable-modulus".to_vec(), e: vec![1, 0, 1] };
    Material { opaque: opaque.to_vec(), public, origin_vault: None }
}

pub fn put_material(key: &KeyRecord, version: u8, material: &Material) -> Change {
    Change::PutMaterial {
        vault: key.vault.clone(),
        key: key.name.clone(),
        version: KeyVersion([version; 16]),
        material: Arc::new(material.clone()),
    }
}

pub fn grant(id: u8) -> Grant {
    Grant {
        id: GrantId([id; 16]),
        principal: principal("corp/dns:readable-principal.example"),
        granted: Granted::Role(Role::CryptoUser),
        scope: Scope::Key(vault_name("vault-a"), key_name("key-a")),
        not_before_s: None,
        not_after_s: Some(99),
        justification: "readable justification, in any script: Größe".to_owned(),
        granted_by: principal("local/uid:0"),
        approved_by: None,
        created_s: 3,
    }
}

pub fn pin(name: &str) -> Pin {
    Pin {
        name: AnchorName::parse(name).unwrap(),
        sha256: *b"readable-fingerprint-of-32-bytes",
        pinned_by: principal("local/uid:1000"),
        created_s: 4,
    }
}

pub fn vault(name: &str) -> Vault {
    Vault {
        name: vault_name(name),
        backend: BackendName::parse("readable-backend").unwrap(),
        hsm_backend: Some(BackendName::parse("hsm").unwrap()),
        soft_delete_days: 7,
        purge_protection: true,
        networks: vec![Network::parse("192.0.2.0/24").unwrap(), Network::parse("fd00::/8").unwrap()],
        tags: [("readable-tag".to_owned(), "readable-value".to_owned())].into(),
        delete_lock: true,
        rate: Some(Rate { operations_per_10s: 20, operations_burst: 5 }),
        state: VaultState::Live,
        elevation_approval: false,
        created_s: 5,
    }
}
