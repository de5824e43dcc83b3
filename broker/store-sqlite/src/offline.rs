//! What is done to a store while no broker runs: put back from a copy, sealed under another root key. The store remembers
//! it until a broker wrote it into its audit.

use std::fs::File;
use std::path::{Path, PathBuf};

use broker_core::port::Change;
use rusqlite::{OptionalExtension, TransactionBehavior};

use crate::copy::{self, CopyError, CopyHead, Scratch};
use crate::file::{self, OpenFile, beside};
use crate::header::Header;
use crate::keyring::Keyring;
use crate::read;
use crate::record::Setting;
use crate::refuse::{OpenError, StoreError};
use crate::root::{Recipe, Root, sync_directory_of};
use crate::row::Kind;
use crate::schema;
use crate::write::{Write, write_all};

/// The setting that holds what no audit knows yet: a line for each deed.
pub const DEEDS_SETTING: &str = "offline deeds";
/// Longest list of deeds in bytes; the oldest lines go first.
const DEEDS_BYTES_MAX: usize = 32 << 10;
/// No store was written so often: beyond it, a number is nonsense.
const GENERATION_MAX: u64 = 1 << 62;

/// What was put back.
#[derive(Debug)]
pub struct Restored {
    pub head: CopyHead,
    /// The store's generation now: beyond any that was seen before, so that no earlier copy passes for this one.
    pub generation: u64,
    pub records: u64,
    /// Where the store that was there lies now, or its log when nothing else was left of it.
    pub kept: Option<PathBuf>,
}

/// What the caller knows and wants, beside the two files.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The greatest generation that the audit's checkpoints remember; 0 when there are none.
    pub seen: u64,
    /// Put it in the place of a later store, another store, or one that does not open.
    pub older: bool,
    /// What the audit is to say of it, one line.
    pub deed: &'a str,
    /// Unix seconds.
    pub now_s: i64,
}

/// How a store's root key is found: what a token sealed, when it is in one. Reads the header alone.
///
/// # Errors
/// Every [`OpenError`] that the header can give.
pub fn sealed_root(store: &Path) -> Result<Option<Vec<u8>>, OpenError> {
    if !store.exists() {
        return Err(OpenError::Io { path: store.to_owned(), error: std::io::ErrorKind::NotFound.into() });
    }
    let connection = schema::connect_reader(store)?;
    let recipe: Option<Vec<u8>> = connection.query_row("SELECT root FROM header", (), |row| row.get(0)).optional()?;
    let recipe = Recipe::of_bytes(&recipe.ok_or(OpenError::NotAStore)?);
    match recipe.ok_or_else(|| OpenError::Altered("its header holds what keybroker never writes".to_owned()))? {
        Recipe::Token(sealed) => Ok(Some(sealed)),
        Recipe::Key | Recipe::Passphrase(_) => Ok(None),
    }
}

/// Puts a copy in the store's place once all of it was verified by opening it. What was there is kept beside.
///
/// # Errors
/// Every [`CopyError`]; then the store is as it was.
pub fn restore(from: &mut File, store: &Path, root: &Root, wish: Wish<'_>) -> Result<Restored, CopyError> {
    let lock = file::lock(store)?;
    let scratch = Scratch::beside(store, "-restoring")?;
    scratch.remove();
    let head = copy::unpack(from, &scratch.0, root)?;
    let there = if store.exists() { Some(generation_there(store, root, &lock)) } else { None };
    let mut latest = head.generation.max(wish.seen);
    match there {
        Some(Ok((_, id))) if id != *head.store_id() && !wish.older => return Err(CopyError::AnotherStore),
        Some(Ok((generation, _))) => latest = latest.max(generation),
        Some(Err(error)) if !wish.older => return Err(CopyError::Unreadable(error)),
        Some(Err(_)) | None => {}
    }
    if latest > head.generation && !wish.older {
        return Err(CopyError::Older { there: latest, backup: head.generation });
    }
    if latest >= GENERATION_MAX {
        return Err(CopyError::Altered("generation, or one that the audit's checkpoints name, cannot be"));
    }
    let opened = file::open_locked(&scratch.0, root, lock)?;
    let records = read::open_all(&opened.connection, &opened.keyring)?;
    let (generation, lock) = note_deed(opened, wish.deed, latest + 1, None)?;
    if let Some(log) = file::LOGS.map(|suffix| beside(&scratch.0, suffix)).iter().find(|log| log.exists()) {
        // SQLite says nothing of it when it cannot, and only the file takes the store's place.
        let error = std::io::Error::other("SQLite could not fold it into the store; is the disk full?");
        return Err(OpenError::Io { path: log.clone(), error }.into());
    }
    let kept = set_aside(store, wish.now_s)?;
    std::fs::rename(&scratch.0, store)?;
    sync_directory_of(store)?;
    drop(lock);
    Ok(Restored { head, generation, records, kept })
}

/// Verifies a copy as [`restore`] does, in a scratch file beside `near`, and changes nothing.
///
/// # Errors
/// As [`restore`].
pub fn verify_copy(from: &mut File, near: &Path, root: &Root) -> Result<(CopyHead, u64), CopyError> {
    let scratch = Scratch::beside(near, "-verifying")?;
    scratch.remove();
    let head = copy::unpack(from, &scratch.0, root)?;
    let lock = file::lock(&scratch.0)?;
    let opened = file::open_locked(&scratch.0, root, lock)?;
    let records = read::open_all(&opened.connection, &opened.keyring)?;
    drop(opened);
    let _gone = std::fs::remove_file(beside(&scratch.0, ".lock"));
    Ok((head, records))
}

/// A store that no broker opens as long as this lives.
#[derive(Debug)]
pub struct StoreLock {
    lock: File,
    store: PathBuf,
}

impl StoreLock {
    /// # Errors
    /// `InUse`, `Io`.
    pub fn take(store: &Path) -> Result<Self, OpenError> {
        Ok(Self { lock: file::lock(store)?, store: store.to_owned() })
    }

    /// Whether this root opens the store. Looks at the header alone.
    ///
    /// # Errors
    /// Every [`OpenError`] but those that say that it is another root.
    pub fn opens(&self, root: &Root) -> Result<bool, OpenError> {
        let mut connection = schema::connect_writer(&self.store)?;
        schema::bring_up_to_date(&mut connection)?;
        match Header::read(&connection)?.unseal(root) {
            Ok(_) => Ok(true),
            Err(
                OpenError::WrongKey
                | OpenError::WrongPassphrase
                | OpenError::WrongRoot { .. }
                | OpenError::WrongShares
                | OpenError::WrongToken,
            ) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Seals the store's data key under another root key, in one transaction; the one before opens it no more.
    ///
    /// # Errors
    /// Every [`OpenError`]; then the store is as it was.
    pub fn reseal(&self, old: &Root, new: &Root, deed: &str) -> Result<u64, OpenError> {
        let lock = self.lock.try_clone().map_err(|error| OpenError::Io { path: self.store.clone(), error })?;
        let opened = file::open_locked(&self.store, old, lock)?;
        let header = Header::read(&opened.connection)?.resealed(old, new)?;
        let next = opened.state.generation + 1;
        note_deed(opened, deed, next, Some(&header)).map(|(generation, _)| generation)
    }
}

fn generation_there(store: &Path, root: &Root, lock: &File) -> Result<(u64, [u8; 16]), OpenError> {
    let lock = lock.try_clone().map_err(|error| OpenError::Io { path: store.to_owned(), error })?;
    let there = file::open_locked(store, root, lock)?;
    Ok((there.state.generation, there.store_id))
}

/// Writes the deed down in the store, at this generation, with the header that goes with it; then closes the file whole.
fn note_deed(opened: OpenFile, deed: &str, generation: u64, header: Option<&Header>) -> Result<(u64, File), OpenError> {
    let OpenFile { mut connection, keyring, mut state, lock, .. } = opened;
    let mut deeds = deeds_of(&connection, &keyring)?;
    deeds.push_str(&deed.replace(char::is_control, " "));
    deeds.push('\n');
    while deeds.len() > DEEDS_BYTES_MAX {
        let first = deeds.find('\n').map_or(deeds.len(), |end| end + 1);
        deeds.drain(..first);
    }
    let change = Change::PutSetting { name: DEEDS_SETTING.to_owned(), value: deeds.into_bytes() };
    let writes = Write::of_changes(&[change], &keyring)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    write_all(&transaction, &keyring, &mut state, &writes)?;
    if let Some(header) = header {
        header.store(&transaction)?;
    }
    state.generation = generation;
    state.store(&transaction, &keyring)?;
    transaction.commit()?;
    // The last connection folds the log into the file and removes it.
    connection.close().map_err(|(_, error)| error)?;
    Ok((generation, lock))
}

fn deeds_of(connection: &rusqlite::Connection, keyring: &Keyring) -> Result<String, StoreError> {
    let setting = read::record::<Setting>(connection, keyring, Kind::Setting, keyring.setting_id(DEEDS_SETTING))?;
    Ok(setting.map(|setting| String::from_utf8_lossy(&setting.value).into_owned()).unwrap_or_default())
}

/// Gives what is in the store's place another name, the store's file first by a second link: at no moment is it nowhere. The
/// logs of a store that did not open, or whose file was lost, must not be replayed into the file that takes its place.
fn set_aside(store: &Path, now_s: i64) -> std::io::Result<Option<PathBuf>> {
    let there: Vec<_> = [""].into_iter().chain(file::LOGS).filter(|suffix| beside(store, suffix).exists()).collect();
    let mut aside = beside(store, &format!(".before-restore-{now_s}"));
    let mut number = 1;
    while there.iter().any(|suffix| beside(&aside, suffix).exists()) {
        number += 1;
        aside = beside(store, &format!(".before-restore-{now_s}-{number}"));
    }
    for suffix in &there {
        let (from, to) = (beside(store, suffix), beside(&aside, suffix));
        if suffix.is_empty() { std::fs::hard_link(from, to)? } else { std::fs::rename(from, to)? }
    }
    // There may be none, and what is left of it is made anew.
    let _none = std::fs::remove_file(beside(store, file::SHARED_MEMORY));
    sync_directory_of(store)?;
    Ok(there.first().map(|suffix| beside(&aside, suffix)))
}
