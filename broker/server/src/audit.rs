//! The audit log with what it needs of others: the store's signing key, the clock, other places for its checkpoints.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use broker_audit::{Checkpoint, Checkpoints, FileAudit, Note, Proving, Settings, Signed, UnderWay};
use broker_core::port::{Change, Clock, Store as _};
use broker_crypto::sign::SigningKey;
use broker_store_sqlite::SqliteStore;
use tokio::runtime::Handle;

/// The setting of the store that holds the latest checkpoint.
const SETTING: &str = "audit checkpoint";
/// What the signing key's seed is derived for; another text is another key.
const PURPOSE: &str = "audit signing";

/// Opens the log. Checkpoints are kept in the store too, and in `copies`, a folder beside the log's own: whoever can cut
/// the log need not reach them.
///
/// # Errors
/// The log or a copy of a checkpoint cannot be read, or the one does not bear out the other.
pub async fn open(
    settings: Settings,
    copies: &Path,
    store: &Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
    under_way: UnderWay,
) -> Result<FileAudit> {
    let mut known = known(copies).with_context(|| format!("audit.checkpoint-copies-dir {}", copies.display()))?;
    known.extend(stored(store).await?);
    let keeper = Mutex::new(Checkpoints::new(copies.to_owned()));
    let keep = {
        let (store, runtime) = (Arc::clone(store), Handle::current());
        move |Signed { segment, note, last }: Signed<'_>| {
            let kept = keeper.lock().unwrap_or_else(PoisonError::into_inner).keep(segment, note, last);
            if let Err(error) = kept {
                tracing::error!(%error, "the copy of an audit checkpoint could not be kept");
            }
            let change = Change::PutSetting { name: SETTING.to_owned(), value: note.as_bytes().to_vec() };
            // This is the notary's own thread, on which nothing else waits.
            if let Err(error) = runtime.block_on(store.commit(vec![change])) {
                tracing::error!(?error, "the store could not keep a copy of an audit checkpoint");
            }
        }
    };
    let generation = {
        let store = Arc::clone(store);
        move || store.generation()
    };
    let key = SigningKey::from_seed(store.purpose_secret(PURPOSE))?;
    let proving = Proving { key, clock, generation: Arc::new(generation), keep: Arc::new(keep), known, under_way };
    Ok(FileAudit::open(settings, proving)?)
}

/// The greatest generation of the store that a checkpoint of this log, or a copy of one, names; 0 when there is none. It is
/// what the checkpoints say: who signed them is asked when the log is opened.
///
/// # Errors
/// A folder cannot be read.
pub fn generation_seen(audit: &Path, copies: &Path) -> Result<u64> {
    let mut seen = 0;
    for folder in [&audit.join("checkpoints"), copies] {
        for (_, notes) in Checkpoints::read(folder).with_context(|| folder.display().to_string())? {
            let checkpoints = notes.iter().flatten().filter_map(|note| Checkpoint::parse(&note.text));
            seen = checkpoints.map(|checkpoint| checkpoint.generation).fold(seen, u64::max);
        }
    }
    Ok(seen)
}

async fn stored(store: &SqliteStore) -> Result<Vec<Note>> {
    let standing = store.standing().await;
    let standing = standing.map_err(|failure| anyhow::anyhow!("the store's settings cannot be read: {failure}"))?;
    let Some((_, value)) = standing.settings.iter().find(|(name, _)| name == SETTING) else { return Ok(Vec::new()) };
    let notes = std::str::from_utf8(value).ok().and_then(Note::parse_all);
    notes.context("the audit checkpoint in the store makes no sense")
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
