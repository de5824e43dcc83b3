//! Keeps sealed records in one SQLite file; never sees a policy or a secret in the clear.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod backup;
mod cache;
mod claim;
mod copy;
mod file;
mod header;
mod identity;
mod keyring;
mod lineage;
mod object;
mod object_record;
mod offline;
mod policy;
mod read;
mod record;
mod refuse;
mod root;
mod row;
mod schema;
mod state;
mod store;
mod tally;
mod write;

pub use backup::BACKUP_BYTES_MAX;
pub use copy::{CopyError, CopyHead, StoreCopy, read_back};
pub use offline::{DEEDS_SETTING, Restored, StoreLock, Wish, restore, sealed_root, verify_copy};
pub use refuse::OpenError;
pub use root::{Root, RootFileError};
pub use state::Counts;
pub use store::{CACHE_BYTES_DEFAULT, Options, SqliteStore, Stats};
