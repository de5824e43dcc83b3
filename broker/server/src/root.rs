//! The root key, from where the configuration says it is, and the store it opens.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use broker_core::secret::Secret;
use broker_crypto::share::{Quorum, split};
use broker_store_sqlite::{Options, Root, SqliteStore, StoreLock, sealed_root};
use zeroize::{Zeroize as _, Zeroizing};

use crate::config::{self, RootKey, RootToken, Store};

/// Longest file of a passphrase in bytes; more is another file.
const PASSPHRASE_FILE_BYTES_MAX: u64 = 4096;

/// Opens the store of a running broker.
///
/// # Errors
/// The root key cannot be read or is another, or the store refuses; the text says what to do.
pub async fn open_store(store: &Store) -> Result<SqliteStore> {
    finish_replacement(store)?;
    let root = read(&store.root_key, &sealed_in(store)?).await?;
    Ok(SqliteStore::open(&store.path, &root, Options { cache_bytes_max: store.cache_bytes_max })?)
}

/// What the store says of its root key; none when no token holds it, or when there is no store: opening it says so.
fn sealed_in(store: &Store) -> Result<Option<Vec<u8>>> {
    match &store.root_key {
        RootKey::Token(_) => Ok(sealed_root(&store.path)?),
        RootKey::File(_) | RootKey::PassphraseEnvironment(_) | RootKey::PassphraseFile(_) => Ok(None),
    }
}

/// The root key; `sealed` is what a token sealed, where the root key is in one.
///
/// # Errors
/// It cannot be read; the text says what to do.
pub async fn read(root_key: &RootKey, sealed: &Option<Vec<u8>>) -> Result<Root> {
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
        RootKey::PassphraseFile(path) => read_passphrase(path),
        RootKey::Token(token) => {
            let sealed =
                sealed.as_ref().context("the store's root key is in no token, but the configuration says so")?;
            let key = unseal(token, sealed).await.with_context(|| lost(token))?;
            Ok(Root::Token { key, sealed: sealed.clone() })
        }
    }
}

async fn unseal(token: &RootToken, sealed: &[u8]) -> Result<Secret> {
    let opened = open_token(token).await?;
    opened.unseal(sealed).await.map_err(|failure| anyhow!("{failure}"))
}

/// Logs in to the token that is to hold the root key.
///
/// # Errors
/// What the token said.
pub async fn open_token(token: &RootToken) -> Result<broker_backend_pkcs11::RootToken> {
    let RootToken { token, lock_dir } = token.clone();
    Ok(broker_backend_pkcs11::RootToken::open(token, lock_dir, config::hsm_worker()).await?)
}

fn lost(token: &RootToken) -> String {
    format!(
        "the store's root key is sealed in the token {:?} of {}, which did not open it; bring the token back, or if it is \
         lost for good, say in [store] root-key of the configuration where the root key is to be from now on (a new file, \
         a passphrase, another token) and run `keybroker root recover CONFIG` with the shares that init printed",
        token.token.token,
        token.token.module.display()
    )
}

/// Reads a passphrase's file.
///
/// # Errors
/// It cannot be read, or is empty.
pub fn read_passphrase(path: &Path) -> Result<Root> {
    use std::io::Read as _;
    let read = || {
        let mut text = Zeroizing::new(Vec::with_capacity(PASSPHRASE_FILE_BYTES_MAX as usize + 1));
        std::fs::File::open(path)?.take(PASSPHRASE_FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
        Ok::<_, std::io::Error>(text)
    };
    let named = || format!("passphrase file {}", path.display());
    passphrase(&read().with_context(named)?).with_context(named)
}

/// One line; its end does not count.
fn passphrase(bytes: &[u8]) -> Result<Root> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    ensure!(!bytes.is_empty(), "the passphrase is empty");
    Ok(Root::Passphrase(Secret::copied_from(bytes)))
}

/// Where a root key's file that is to take another's place waits until the store is sealed under it.
#[must_use]
pub fn next_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    name.into()
}

/// Finishes what a replacement of the root key that was cut off left: of the file and the one beside it that was to take its
/// place, the one that opens the store stays.
///
/// # Errors
/// Neither opens it, or a file cannot be read or renamed.
pub fn finish_replacement(store: &Store) -> Result<()> {
    let read: fn(&Path) -> Result<Root> = match &store.root_key {
        RootKey::File(_) => |path| Ok(Root::read_file(path)?),
        RootKey::PassphraseFile(_) => read_passphrase,
        RootKey::PassphraseEnvironment(_) | RootKey::Token(_) => return Ok(()),
    };
    let (RootKey::File(path) | RootKey::PassphraseFile(path)) = &store.root_key else { return Ok(()) };
    let next = next_of(path);
    if !next.exists() {
        return Ok(());
    }
    // Held, so that no replacement is under way.
    let lock = StoreLock::take(&store.path)?;
    let opens = |path: &Path| match read(path) {
        Ok(root) => lock.opens(&root),
        // Cut off while it was being written: nothing was ever sealed under it.
        Err(_) => Ok(false),
    };
    if opens(&next)? {
        tracing::warn!(file = %path.display(), "a replacement of the root key had been cut off; it is finished now");
        return put_in_place(&next, path, now_s());
    }
    if opens(path)? {
        tracing::warn!(file = %next.display(), "a replacement of the root key was cut off before it happened; its file is removed");
        return std::fs::remove_file(&next).with_context(|| next.display().to_string());
    }
    bail!("neither {} nor {} opens the store", path.display(), next.display())
}

/// A root key that was just made.
pub struct Made {
    pub root: Root,
    /// Each a line of text, if any were wished for.
    pub shares: Vec<Secret>,
}

/// Makes a root key where the configuration says that it is to be: in a new file at `file`, in the token. A passphrase is
/// read, not made.
///
/// # Errors
/// There is a file already; the token refuses; shares of a passphrase are wished for.
pub async fn make(root_key: &RootKey, file: &Path, key: Option<Secret>, shares: Option<Quorum>) -> Result<Made> {
    let generate = || key.map_or_else(|| Root::generate().map_err(|error| anyhow!("no random bytes: {error}")), Ok);
    let split = |key: &Secret| match shares {
        Some(quorum) => split(key, quorum).map_err(|error| anyhow!("the root key cannot be split: {error}")),
        None => Ok(Vec::new()),
    };
    match root_key {
        RootKey::File(_) => {
            let key = generate()?;
            let shares = split(&key)?;
            Root::write_file(file, &key)?;
            Ok(Made { root: Root::Key(key), shares })
        }
        RootKey::PassphraseEnvironment(_) | RootKey::PassphraseFile(_) => {
            ensure!(shares.is_none(), "a passphrase is not split into shares; use a root key in a file or a token");
            Ok(Made { root: read(root_key, &None).await?, shares: Vec::new() })
        }
        RootKey::Token(token) => {
            let key = generate()?;
            let shares = split(&key)?;
            let sealed = open_token(token).await?.seal(&key).await;
            let sealed = sealed.map_err(|failure| anyhow!("the token did not seal the root key: {failure}"))?;
            Ok(Made { root: Root::Token { key, sealed }, shares })
        }
    }
}

/// Gives the new file its name, and keeps the old one beside: copies of the store that were made before open with it alone.
///
/// # Errors
/// A link or name cannot be made.
pub fn put_in_place(next: &Path, path: &Path, now_s: u64) -> Result<()> {
    let place = || path.display().to_string();
    if path.exists() {
        let mut old = path.as_os_str().to_owned();
        old.push(format!(".old-{now_s}"));
        if !Path::new(&old).exists() {
            std::fs::hard_link(path, &old).with_context(place)?;
        }
    }
    std::fs::rename(next, path).with_context(place)?;
    sync_folder_of(path).with_context(place)
}

/// Makes names that were made or changed beside this file durable.
///
/// # Errors
/// The folder cannot be synced.
pub fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

/// Unix seconds, for names of files.
#[must_use]
pub fn now_s() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}
