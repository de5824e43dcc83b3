//! The file itself: made once, locked while it is open, private, and checked before anything is served from it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use broker_core::secret::Secret;
use broker_crypto::root::{ROOT_BYTES, RootKey};
use broker_crypto::{CryptoError, random};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::keyring::Keyring;
use crate::refuse::OpenError;
use crate::root::{Recipe, Root, sync_directory_of};
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

/// Makes a store without records. Nothing is left of it when this fails.
pub fn create(path: &Path, root: &Root) -> Result<OpenFile, OpenError> {
    let lock = lock(path)?;
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
            for leftover in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
                // What went wrong first is what the operator must hear.
                let _secondary = std::fs::remove_file(leftover);
            }
            Err(error)
        }
    }
}

fn fill(path: &Path, root: &Root) -> Result<(Connection, Keyring, State, [u8; 16]), OpenError> {
    let chance = |error: CryptoError| OpenError::Io { path: path.to_owned(), error: std::io::Error::other(error) };
    let recipe = root.new_recipe().map_err(chance)?;
    let root_key = recipe.root_key(root).map_err(|_| wrong(root))?.ok_or_else(|| wrong(root))?;
    let store_id: [u8; 16] = random::random().map_err(chance)?;
    let data_key = random::secret(ROOT_BYTES).map_err(chance)?;
    let sealed = seal_data_key(&root_key, &store_id, recipe, &data_key).map_err(chance)?;
    let keyring = Keyring::new(data_key).map_err(chance)?;
    let state = State::new();

    let mut connection = schema::connect_writer(path)?;
    schema::make(&mut connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT INTO header (one, store_id, root, data_key) VALUES (1, ?1, ?2, ?3)",
        params![store_id, recipe.to_bytes(), sealed],
    )?;
    state.store(&transaction, &keyring)?;
    transaction.commit()?;
    Ok((connection, keyring, state, store_id))
}

/// Opens a store and compares every row with what the store knows of itself.
pub fn open(path: &Path, root: &Root) -> Result<OpenFile, OpenError> {
    let io = |error| OpenError::Io { path: path.to_owned(), error };
    let mode = std::fs::metadata(path).map_err(io)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(OpenError::Mode { path: path.to_owned(), mode });
    }
    let lock = lock(path)?;
    let mut connection = schema::connect_writer(path)?;
    schema::bring_up_to_date(&mut connection)?;
    let (keyring, store_id) = unseal(&connection, root)?;
    let state = State::load_checked(&connection, schema::connect_reader(path)?, &keyring)?;
    Ok(OpenFile { connection, keyring, state, store_id, lock })
}

fn unseal(connection: &Connection, root: &Root) -> Result<(Keyring, [u8; 16]), OpenError> {
    let altered = || OpenError::Altered("its header holds what keybroker never writes".to_owned());
    let row = connection
        .query_row("SELECT store_id, root, data_key FROM header", (), |row| {
            Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
        })
        .optional()?;
    let (store_id, recipe, sealed) = row.ok_or(OpenError::NotAStore)?;
    let recipe = Recipe::of_bytes(&recipe).ok_or_else(altered)?;
    let mismatch = || OpenError::WrongRoot { made_with: recipe.word(), given: root.word() };
    let root_key = recipe.root_key(root).map_err(|_| wrong(root))?.ok_or_else(mismatch)?;
    let seal = root_key.seal_key(DATA_KEY_PURPOSE).map_err(|_| wrong(root))?;
    let data_key = seal.open(&data_key_place(&store_id, recipe), &sealed).map_err(|_| wrong(root))?;
    Ok((Keyring::new(data_key).map_err(|_| altered())?, store_id))
}

const DATA_KEY_PURPOSE: &[u8] = b"store data key";

/// The data key is bound to its store and to how the root key is made.
fn data_key_place(store_id: &[u8; 16], recipe: Recipe) -> Vec<u8> {
    [&store_id[..], &recipe.to_bytes()].concat()
}

fn seal_data_key(
    root_key: &RootKey,
    store_id: &[u8; 16],
    recipe: Recipe,
    data_key: &Secret,
) -> Result<Vec<u8>, CryptoError> {
    root_key.seal_key(DATA_KEY_PURPOSE)?.seal(&data_key_place(store_id, recipe), data_key.expose())
}

const fn wrong(root: &Root) -> OpenError {
    match root {
        Root::Key(_) => OpenError::WrongKey,
        Root::Passphrase(_) => OpenError::WrongPassphrase,
    }
}

/// A lock of its own file: SQLite's locks on the store are per process, and would be lost if we opened it once more.
fn lock(path: &Path) -> Result<File, OpenError> {
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
