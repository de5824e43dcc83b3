//! The root key, from where the configuration says it is, and the store it opens.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use broker_core::secret::Secret;
use broker_store_sqlite::{Options, Root, SqliteStore};
use zeroize::{Zeroize as _, Zeroizing};

use crate::config::{RootKey, Store};

/// Opens the store of a running broker.
///
/// # Errors
/// The root key cannot be read or is another, or the store refuses; the text says what to do.
pub fn open_store(store: &Store) -> Result<SqliteStore> {
    let root = read(&store.root_key)?;
    Ok(SqliteStore::open(&store.path, &root, Options { cache_bytes_max: store.cache_bytes_max })?)
}

/// Makes a new store, and a root key file where that is to be its root.
///
/// # Errors
/// Something is there already, or cannot be written.
pub fn create_store(path: &Path, root_key: &RootKey) -> Result<SqliteStore> {
    ensure!(!path.exists(), "{}: there is a store already; nothing was changed", path.display());
    let root = match root_key {
        RootKey::File(file) => Root::create_file(file)?,
        RootKey::PassphraseEnvironment(_) | RootKey::PassphraseFile(_) => read(root_key)?,
    };
    Ok(SqliteStore::create(path, &root, Options::default())?)
}

fn read(root_key: &RootKey) -> Result<Root> {
    match root_key {
        RootKey::File(path) => Ok(Root::read_file(path)?),
        RootKey::PassphraseEnvironment(variable) => {
            let mut text = std::env::var(variable).with_context(|| {
                format!("the store's passphrase is expected in the environment variable {variable}")
            })?;
            let passphrase = passphrase(text.as_bytes());
            text.zeroize();
            passphrase
        }
        RootKey::PassphraseFile(path) => {
            let text =
                Zeroizing::new(std::fs::read(path).with_context(|| format!("passphrase file {}", path.display()))?);
            passphrase(&text).with_context(|| format!("passphrase file {}", path.display()))
        }
    }
}

/// One line; its end does not count.
fn passphrase(bytes: &[u8]) -> Result<Root> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    ensure!(!bytes.is_empty(), "the passphrase is empty");
    Ok(Root::Passphrase(Secret::copied_from(bytes)))
}
