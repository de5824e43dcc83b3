//! The file itself: made once, locked while it is open, private, and checked before anything is served from it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use crate::header::Header;
use crate::keyring::Keyring;
use crate::refuse::OpenError;
use crate::root::{Root, sync_directory_of};
use crate::schema;
use crate::state::State;

/// A store that was opened and checked.
pub struct OpenFile {
    pub connection: Connection,
    pub keyring: Keyring,
    pub state: State,
    pub store_id: [u8; 16],
    /// Held until the last connection is closed.
    pub lock: File,
}

/// What SQLite lays beside a store's file until that is closed in order: it belongs to that file and to no other, which
/// SQLite does not know. The log and the journal hold what was written; the shared memory nothing that is not made anew.
pub const LOGS: [&str; 2] = ["-wal", "-journal"];
pub const SHARED_MEMORY: &str = "-shm";

/// Removes a file and what SQLite laid beside it, as far as there is any: of a store that was never used.
pub fn remove_with_logs(path: &Path) {
    for suffix in ["", SHARED_MEMORY].into_iter().chain(LOGS) {
        // Mostly there is none; what went wrong before is what the operator must hear.
        let _secondary = std::fs::remove_file(beside(path, suffix));
    }
}

/// Whether neither a store nor what one has written last is there.
pub fn check_vacant(path: &Path) -> Result<(), OpenError> {
    if path.exists() {
        return Err(OpenError::Exists { path: path.to_owned() });
    }
    match LOGS.map(|suffix| beside(path, suffix)).into_iter().find(|log| log.exists()) {
        Some(path) => Err(OpenError::LogAlone { path }),
        None => Ok(()),
    }
}

/// Makes a store without records. Nothing is left of it when this fails.
pub fn create(path: &Path, root: &Root) -> Result<OpenFile, OpenError> {
    let lock = lock(path)?;
    check_vacant(path)?;
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => OpenError::Exists { path: path.to_owned() },
        _ => OpenError::Io { path: path.to_owned(), error },
    };
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
    let made = fill(path, root).and_then(|(connection, keyring, state, store_id)| {
        sync_directory_of(path).map_err(io)?;
        Ok((connection, keyring, state, store_id))
    });
    match made {
        Ok((connection, keyring, state, store_id)) => Ok(OpenFile { connection, keyring, state, store_id, lock }),
        Err(error) => {
            remove_with_logs(path);
            Err(error)
        }
    }
}

fn fill(path: &Path, root: &Root) -> Result<(Connection, Keyring, State, [u8; 16]), OpenError> {
    let (header, keyring) = Header::new(root)?;
    let state = State::new();
    let mut connection = schema::connect_writer(path)?;
    schema::make(&mut connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    header.store(&transaction)?;
    state.store(&transaction, &keyring)?;
    transaction.commit()?;
    Ok((connection, keyring, state, header.store_id))
}

/// Opens a store and compares every row with what the store knows of itself.
pub fn open(path: &Path, root: &Root) -> Result<OpenFile, OpenError> {
    check_mode(path)?;
    open_locked(path, root, lock(path)?)
}

/// The same, by who holds the lock already.
pub fn open_locked(path: &Path, root: &Root, lock: File) -> Result<OpenFile, OpenError> {
    check_mode(path)?;
    let mut connection = schema::connect_writer(path)?;
    schema::bring_up_to_date(&mut connection)?;
    let header = Header::read(&connection)?;
    let keyring = header.unseal(root)?;
    let state = State::load_checked(&connection, schema::connect_reader(path)?, &keyring)?;
    Ok(OpenFile { connection, keyring, state, store_id: header.store_id, lock })
}

fn check_mode(path: &Path) -> Result<(), OpenError> {
    let io = |error| OpenError::Io { path: path.to_owned(), error };
    let mode = std::fs::metadata(path).map_err(io)?.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(OpenError::Mode { path: path.to_owned(), mode }) }
}

/// A lock of its own file: SQLite's locks on the store are per process, and would be lost if we opened it once more.
pub fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = beside(path, ".lock");
    let io = |error| OpenError::Io { path: lock_path.clone(), error };
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
    let file = file.map_err(io)?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// The file whose name is the store's with something after it.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
