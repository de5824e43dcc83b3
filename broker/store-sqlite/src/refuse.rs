//! What goes wrong here, and what the rest of the broker hears of it.

use std::path::PathBuf;

use broker_core::refusal::{Failure, Refusal};
use rusqlite::{Error as SqlError, ErrorCode};

use crate::record::DecodeError;

/// Why a store was not created or opened. The text says what happened and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the store was altered outside keybroker: {0}; nothing is served from it: put back the last good backup, and find out who can write to the file"
    )]
    Altered(String),
    #[error("the generator of random bytes failed: {0}")]
    Chance(String),
    #[error(
        "{path}: there is a store already, or another file, and a store is never made over one; nothing was changed"
    )]
    Exists { path: PathBuf },
    #[error("{path} is in use by another broker; end that one first (a store belongs to one process at a time)")]
    InUse { path: PathBuf },
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    #[error(
        "{path}: what a store wrote last lies there without the store; put the store's file back beside it, or move it away (`keybroker store restore` keeps it under another name)"
    )]
    LogAlone { path: PathBuf },
    #[error(
        "{path} can be read or written by others (mode {mode:04o}): run `chmod 600 {path}`, then look who had access"
    )]
    Mode { path: PathBuf, mode: u32 },
    #[error(
        "the store has format {found}, but this version of keybroker knows 1 to {known}; use the version that wrote it"
    )]
    Newer { found: i32, known: usize },
    #[error(
        "the file is not a keybroker store, or its creation was interrupted; if no store was ever used there, move it away and create the store again"
    )]
    NotAStore,
    #[error("the store does not open with this root key: it is another store's key, or the store's header was altered")]
    WrongKey,
    #[error(
        "the store does not open with this passphrase: it is mistyped or another store's, or the store's header was altered"
    )]
    WrongPassphrase,
    #[error(
        "the store does not open with the root key of these shares: they are another store's, or of a root key that was replaced since"
    )]
    WrongShares,
    #[error("the store does not open with the root key that the token gave: the store's header was altered")]
    WrongToken,
    #[error("the store was created with a {made_with}, but a {given} was given; configure the {made_with}")]
    WrongRoot { made_with: &'static str, given: &'static str },
    #[error("SQLite: {0}")]
    Sql(SqlError),
}

impl From<SqlError> for OpenError {
    fn from(error: SqlError) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotAStore,
            Some(ErrorCode::DatabaseCorrupt) => Self::Altered(format!("it is damaged ({error})")),
            _ if is_type_error(&error) => Self::Altered(format!("a row holds what keybroker never writes ({error})")),
            _ => Self::Sql(error),
        }
    }
}

/// Why a running store could not read or write.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store was altered outside keybroker: {0}")]
    Altered(String),
    #[error("{0}")]
    Bug(String),
    #[error("{0}")]
    Decode(#[from] DecodeError),
    #[error("SQLite: {0}")]
    Sql(SqlError),
}

impl From<SqlError> for StoreError {
    fn from(error: SqlError) -> Self {
        if is_type_error(&error) {
            return Self::Altered(format!("a row holds what keybroker never writes ({error})"));
        }
        Self::Sql(error)
    }
}

impl From<postcard::Error> for StoreError {
    fn from(error: postcard::Error) -> Self {
        Self::Bug(format!("a record does not encode: {error}"))
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Altered(what) => Self::Altered(what),
            StoreError::Bug(what) => Self::Altered(what),
            StoreError::Decode(error) => Self::Altered(error.to_string()),
            StoreError::Sql(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let refusal = match &error {
            StoreError::Altered(_) | StoreError::Sql(_) => Refusal::StoreUnavailable,
            StoreError::Bug(_) | StoreError::Decode(_) => Refusal::Internal,
        };
        Self::caused(refusal, error)
    }
}

const fn is_type_error(error: &SqlError) -> bool {
    matches!(
        error,
        SqlError::FromSqlConversionFailure(..)
            | SqlError::IntegralValueOutOfRange(..)
            | SqlError::InvalidColumnType(..)
    )
}
