//! How managed objects are found: a row for each term of each object, and a walk that agrees on the objects that have all.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use broker_core::name::VaultName;
use broker_core::object::{ObjectRecord, Term};
use broker_core::port::Page;
use broker_core::refusal::{Failure, Refusal};
use rusqlite::{Connection, ErrorCode, InterruptHandle, OptionalExtension, params};

use crate::keyring::Keyring;
use crate::read::{open_row, select};
use crate::refuse::{OpenError, StoreError};
use crate::row::{Mark, RecordId};
use crate::schema;
use crate::state::{State, ascending};
use crate::tally::Tally;

/// Seeks of one walk: past them, what was asked for has too much in common with objects that are not it. About 0.2 s.
const SEEKS_MAX: usize = 100_000;

/// Stands for a term: the first 16 bytes of a keyed hash of its vault, field and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TermId(pub [u8; 16]);

/// What is looked for.
pub struct Asked {
    /// At least one.
    pub terms: Vec<TermId>,
    /// Ranks below this one.
    pub before: Option<i64>,
    pub most: usize,
}

/// The terms asked for; of every object of the vault when there are none.
pub fn ids_of(vault: &VaultName, terms: &[Term], keyring: &Keyring) -> Vec<TermId> {
    if terms.is_empty() {
        return vec![keyring.term_id(vault, None)];
    }
    terms.iter().map(|term| keyring.term_id(vault, Some(term))).collect()
}

/// Everything an object is found by, in order.
pub fn terms_of(object: &ObjectRecord, keyring: &Keyring) -> Vec<TermId> {
    let mut terms: Vec<TermId> = object.terms().iter().map(|term| keyring.term_id(&object.vault, Some(term))).collect();
    terms.push(keyring.term_id(&object.vault, None));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// [`walk`] at one moment.
///
/// # Errors
/// As [`walk`].
pub fn find(
    connection: &Connection,
    keyring: &Keyring,
    asked: &Asked,
) -> Result<Option<Page<Arc<ObjectRecord>>>, StoreError> {
    walk(&*connection.unchecked_transaction()?, keyring, asked)
}

/// The newest objects that have every term; none when the walk would take too long.
///
/// Each step asks one term for its newest object at or before the one the others agreed on. So the rarest term sets the
/// pace, whatever the others have in common with the rest; standing first, it ends the walk too.
///
/// # Errors
/// SQLite fails; a record does not open, or has not the terms it was found by.
pub fn walk(
    connection: &Connection,
    keyring: &Keyring,
    asked: &Asked,
) -> Result<Option<Page<Arc<ObjectRecord>>>, StoreError> {
    let mut seek =
        connection.prepare_cached("SELECT seq FROM term WHERE term = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1")?;
    let mut found = Page { items: Vec::new(), next: None };
    let (mut at, mut seeks, mut last) = (asked.before.unwrap_or(i64::MAX).saturating_sub(1), 0, None);
    loop {
        let mut agreed = 0;
        for term in asked.terms.iter().cycle() {
            seeks += 1;
            if seeks > SEEKS_MAX {
                return Ok(None);
            }
            let next: Option<i64> = seek.query_row(params![term.0, at], |row| row.get(0)).optional()?;
            match next {
                None => return Ok(Some(found)),
                Some(rank) if rank == at => agreed += 1,
                Some(rank) => (at, agreed) = (rank, 1),
            }
            if agreed == asked.terms.len() {
                break;
            }
        }
        if found.items.len() == asked.most {
            found.next = last;
            return Ok(Some(found));
        }
        let object = at_rank(connection, keyring, at)?;
        let has = terms_of(&object, keyring);
        if !asked.terms.iter().all(|term| has.binary_search(term).is_ok()) {
            return Err(StoreError::Altered(format!("object {at} is listed under a term that it does not have")));
        }
        found.items.push(Arc::new(object));
        last = Some(at.cast_unsigned());
        at -= 1;
    }
}

fn at_rank(connection: &Connection, keyring: &Keyring, rank: i64) -> Result<ObjectRecord, StoreError> {
    let sql = select(
        "FROM mark INDEXED BY object_rank LEFT JOIN body ON body.seq = mark.seq WHERE mark.kind = 7 AND mark.seq = ?1",
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let object = statement.query_row([rank], |row| Ok(open_row::<ObjectRecord>(row, keyring))).optional()?;
    let gone = || StoreError::Altered(format!("object {rank} is listed under a term and is not there"));
    Ok(object.ok_or_else(gone)??.1)
}

/// How many objects have a term.
///
/// # Errors
/// SQLite fails.
pub fn count(connection: &Connection, term: TermId) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM term WHERE term = ?1")?;
    let count: i64 = statement.query_row([term.0], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// At most `most` objects that are due by then, the longest due first.
///
/// # Errors
/// SQLite fails; a record does not open.
pub fn due(
    connection: &Connection,
    keyring: &Keyring,
    until_s: i64,
    most: usize,
) -> Result<Vec<Arc<ObjectRecord>>, StoreError> {
    let sql = select(
        "FROM mark INDEXED BY object_waiting LEFT JOIN body ON body.seq = mark.seq
         WHERE mark.kind = 7 AND mark.due IS NOT NULL AND mark.due <= ?1 ORDER BY mark.due, mark.seq LIMIT ?2",
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![until_s, i64::try_from(most).unwrap_or(i64::MAX)])?;
    let mut objects = Vec::new();
    while let Some(row) = rows.next()? {
        objects.push(Arc::new(open_row(row, keyring)?.1));
    }
    Ok(objects)
}

/// Brings an object's terms to what its new record says, within the transaction that writes it.
///
/// # Errors
/// SQLite fails; the stored record does not open.
pub fn put_terms(
    connection: &Connection,
    keyring: &Keyring,
    state: &mut State,
    (stored, mark): (Option<&Mark>, &Mark),
    terms: &[TermId],
) -> Result<(), StoreError> {
    let before = match stored {
        None => Vec::new(),
        Some(stored) => terms_of(&at_rank(connection, keyring, stored.seq)?, keyring),
    };
    for term in before.iter().filter(|term| terms.binary_search(term).is_err()) {
        drop_term(connection, keyring, state, (*term, mark.seq))?;
    }
    for term in terms.iter().filter(|term| before.binary_search(term).is_err()) {
        state.terms.add(&keyring.term_element(&term_row(*term, mark.seq)));
        connection
            .prepare_cached("INSERT INTO term (term, seq) VALUES (?1, ?2)")?
            .execute(params![term.0, mark.seq])?;
    }
    if let Some(stored) = stored {
        rows_of(stored).for_each(|row| state.terms.remove(&keyring.term_element(&row)));
    }
    rows_of(mark).for_each(|row| state.terms.add(&keyring.term_element(&row)));
    Ok(())
}

/// Takes everything away by which an object is found, before its mark goes.
///
/// # Errors
/// As [`put_terms`].
pub fn drop_terms(
    connection: &Connection,
    keyring: &Keyring,
    state: &mut State,
    mark: &Mark,
) -> Result<(), StoreError> {
    for term in terms_of(&at_rank(connection, keyring, mark.seq)?, keyring) {
        drop_term(connection, keyring, state, (term, mark.seq))?;
    }
    rows_of(mark).for_each(|row| state.terms.remove(&keyring.term_element(&row)));
    Ok(())
}

fn drop_term(
    connection: &Connection,
    keyring: &Keyring,
    state: &mut State,
    (term, rank): (TermId, i64),
) -> Result<(), StoreError> {
    state.terms.remove(&keyring.term_element(&term_row(term, rank)));
    connection.prepare_cached("DELETE FROM term WHERE term = ?1 AND seq = ?2")?.execute(params![term.0, rank])?;
    Ok(())
}

/// The sum of every row by which objects are found, as they lie in their trees.
///
/// # Errors
/// SQLite fails; the rows are out of order.
pub fn scan(connection: &Connection, keyring: &Keyring) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    let mut statement = connection.prepare("SELECT term, seq FROM term ORDER BY term, seq")?;
    let mut rows = statement.query(())?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let (term, rank) = (TermId(row.get(0)?), row.get::<_, i64>(1)?);
        ascending(&mut last, (term, rank))?;
        tally.add(&keyring.term_element(&term_row(term, rank)));
    }
    let mut statement =
        connection.prepare("SELECT seq, id FROM mark INDEXED BY object_rank WHERE kind = 7 ORDER BY seq, id")?;
    let mut rows = statement.query(())?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let (rank, id) = (row.get::<_, i64>(0)?, RecordId(row.get(1)?));
        ascending(&mut last, (rank, id))?;
        tally.add(&keyring.term_element(&rank_row(rank, id)));
    }
    let mut statement = connection.prepare(
        "SELECT due, seq, id FROM mark INDEXED BY object_waiting WHERE kind = 7 AND due IS NOT NULL ORDER BY due, seq, id",
    )?;
    let mut rows = statement.query(())?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let (due, rank, id) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, RecordId(row.get(2)?));
        ascending(&mut last, (due, rank, id))?;
        tally.add(&keyring.term_element(&due_row(due, rank, id)));
    }
    Ok(tally)
}

/// The rows of an object's mark in the indexes beside it.
fn rows_of(mark: &Mark) -> impl Iterator<Item = Vec<u8>> {
    let waiting = mark.due.map(|due| due_row(due, mark.seq, mark.id));
    std::iter::once(rank_row(mark.seq, mark.id)).chain(waiting)
}

// One length each, and so never the same bytes.
fn term_row(term: TermId, rank: i64) -> Vec<u8> {
    [&b"t"[..], &term.0, &rank.to_be_bytes()].concat()
}

fn rank_row(rank: i64, id: RecordId) -> Vec<u8> {
    [&b"r"[..], &rank.to_be_bytes(), &id.0].concat()
}

fn due_row(due: i64, rank: i64, id: RecordId) -> Vec<u8> {
    [&b"d"[..], &due.to_be_bytes(), &rank.to_be_bytes(), &id.0].concat()
}

/// The comparison of the terms with their tally, on a thread of its own once the store serves.
pub struct TermsCheck {
    altered: Arc<AtomicBool>,
    interrupt: InterruptHandle,
    thread: Option<JoinHandle<()>>,
}

impl TermsCheck {
    /// # Errors
    /// SQLite cannot open the file once more, or there is no thread to be had.
    pub fn start(path: &Path, keyring: Arc<Keyring>) -> Result<Self, OpenError> {
        let connection = schema::connect_reader(path)?;
        let interrupt = connection.get_interrupt_handle();
        let altered = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("store-terms".to_owned()).spawn({
            let altered = Arc::clone(&altered);
            move || match State::check_terms(&connection, &keyring) {
                Ok(()) => tracing::debug!("the terms of all objects are what they should be"),
                // The store is being closed.
                Err(StoreError::Sql(error)) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {}
                Err(error) => {
                    tracing::error!(%error, "no object is looked for by its attributes any more; put back the last good backup, and find out who can write to the store's file");
                    altered.store(true, Ordering::Release);
                }
            }
        });
        let thread = thread.map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
        Ok(Self { altered, interrupt, thread: Some(thread) })
    }

    /// # Errors
    /// `StoreUnavailable` when the terms were found to be altered.
    pub fn stands(&self) -> Result<(), Failure> {
        if self.altered.load(Ordering::Acquire) {
            return Err(Failure::caused(Refusal::StoreUnavailable, "the terms of the objects were altered"));
        }
        Ok(())
    }

    /// Cuts the check short if it is still under way; its connection is closed then.
    pub fn end(&mut self) {
        self.interrupt.interrupt();
        if let Some(thread) = self.thread.take() {
            // A check that panicked said so when it did.
            let _panicked = thread.join();
        }
    }
}

impl Drop for TermsCheck {
    fn drop(&mut self) {
        self.end();
    }
}
