//! The audit log with what it needs of others: the store's signing key, the clock, a second place for its checkpoints.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use broker_audit::{Checkpoints, FileAudit, Note, Proving, Settings, Signed};
use broker_core::port::Clock;
use broker_crypto::sign::SigningKey;
use broker_store_sqlite::SqliteStore;

/// What the signing key's seed is derived for; another text is another key.
const PURPOSE: &str = "audit signing";

/// Opens the log. `copies` is a folder beside the log's own: whoever can cut the one need not reach the other.
///
/// # Errors
/// The log or a copy of a checkpoint cannot be read, or the one does not bear out the other.
pub fn open(settings: Settings, copies: &Path, store: &Arc<SqliteStore>, clock: Arc<dyn Clock>) -> Result<FileAudit> {
    let known = known(copies).with_context(|| format!("audit.checkpoint-copies-dir {}", copies.display()))?;
    let keeper = Mutex::new(Checkpoints::new(copies.to_owned()));
    let keep = move |Signed { segment, note, last }: Signed<'_>| {
        let kept = keeper.lock().unwrap_or_else(PoisonError::into_inner).keep(segment, note, last);
        if let Err(error) = kept {
            tracing::error!(%error, "the copy of an audit checkpoint could not be kept");
        }
    };
    let generation = {
        let store = Arc::clone(store);
        move || store.generation()
    };
    let key = SigningKey::from_seed(store.purpose_secret(PURPOSE))?;
    let proving = Proving { key, clock, generation: Arc::new(generation), keep: Arc::new(keep), known };
    Ok(FileAudit::open(settings, proving)?)
}

fn known(copies: &Path) -> Result<Vec<Note>> {
    let mut known = Vec::new();
    for (path, notes) in Checkpoints::read(copies)? {
        known.extend(
            notes.with_context(|| format!("{} makes no sense; move it away to keep it as evidence", path.display()))?,
        );
    }
    Ok(known)
}
