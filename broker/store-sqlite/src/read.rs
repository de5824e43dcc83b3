//! Reading the disk: a few threads, each with a connection that cannot write.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use broker_core::elevation::Elevation;
use broker_core::grant::Grant;
use broker_core::identity::Identity;
use broker_core::key::{KeyRecord, Material};
use broker_core::object::ObjectRecord;
use broker_core::refusal::{Failure, Refusal};
use broker_core::vault::{Pin, Vault};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::{mpsc, oneshot};

use crate::keyring::Keyring;
use crate::record::{Record, Setting};
use crate::refuse::{OpenError, StoreError};
use crate::row::{Kind, Mark, RecordId};
use crate::schema;
use crate::state::State;

/// Threads and connections that read.
pub const READERS: usize = 4;
/// Reads that wait for a thread; one more waits outside.
const QUEUE_READS_MAX: usize = 1024;

type Task = Box<dyn FnOnce(&Connection) + Send>;

/// The threads that read. They end when this is dropped.
pub struct Readers {
    queue: Option<mpsc::Sender<Task>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// # Errors
    /// SQLite cannot open the file once more, or there is no thread to be had.
    pub fn start(path: &Path) -> Result<Self, OpenError> {
        let (queue, tasks) = mpsc::channel::<Task>(QUEUE_READS_MAX);
        let tasks = Arc::new(Mutex::new(tasks));
        let mut threads = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let (connection, tasks) = (schema::connect_reader(path)?, Arc::clone(&tasks));
            let thread = std::thread::Builder::new().name("store-reader".to_owned());
            let thread = thread.spawn(move || serve(&connection, &tasks));
            threads.push(thread.map_err(|error| OpenError::Io { path: path.to_owned(), error })?);
        }
        Ok(Self { queue: Some(queue), threads })
    }

    /// Runs one read on some thread.
    ///
    /// # Errors
    /// What the read returns; `StoreUnavailable` when no reader is left.
    pub async fn read<T, F>(&self, read: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let gone = || Failure::caused(Refusal::StoreUnavailable, "the store's readers have ended");
        let (answer, answered) = oneshot::channel();
        let task: Task = Box::new(move |connection| {
            // Whoever asked may have gone.
            let _gone = answer.send(read(connection));
        });
        self.queue.as_ref().ok_or_else(gone)?.send(task).await.map_err(|_| gone())?;
        Ok(answered.await.map_err(|_| gone())??)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A reader that panicked said so when it did.
            let _panicked = thread.join();
        }
    }
}

fn serve(connection: &Connection, tasks: &Mutex<mpsc::Receiver<Task>>) {
    loop {
        let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        match task {
            Some(task) => task(connection),
            None => return,
        }
    }
}

/// One record, opened; none when there is none.
///
/// # Errors
/// SQLite fails; the record does not open.
pub fn record<T: Record>(
    connection: &Connection,
    keyring: &Keyring,
    kind: Kind,
    id: RecordId,
) -> Result<Option<T>, StoreError> {
    let sql = select("FROM mark LEFT JOIN body ON body.seq = mark.seq WHERE mark.kind = ?1 AND mark.id = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_row(params![kind as u8, id.0], |row| Ok(open_row(row, keyring))).optional()?;
    found.transpose().map(|found| found.map(|(_, record)| record))
}

/// Every record of a kind, in the order they were first written.
///
/// # Errors
/// As [`record`].
pub fn all<T: Record>(connection: &Connection, keyring: &Keyring, kind: Kind) -> Result<Vec<T>, StoreError> {
    let sql = select("FROM mark LEFT JOIN body ON body.seq = mark.seq WHERE mark.kind = ?1 ORDER BY mark.seq");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([kind as u8])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(open_row(row, keyring)?.1);
    }
    Ok(records)
}

/// At most `most` keys of a vault after a rank, each with its rank, and whether there are more.
///
/// # Errors
/// As [`record`].
pub fn keys<T: Record>(
    connection: &Connection,
    keyring: &Keyring,
    (vault, live): (RecordId, bool),
    after: i64,
    most: usize,
) -> Result<(Vec<(i64, T)>, bool), StoreError> {
    let sql = select(
        "FROM mark INDEXED BY listing LEFT JOIN body ON body.seq = mark.seq
         WHERE mark.kind = 1 AND mark.parent = ?1 AND mark.live = ?2 AND mark.seq > ?3 ORDER BY mark.seq LIMIT ?4",
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let mut rows = statement.query(params![vault.0, live, after, limit])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        if records.len() == most {
            return Ok((records, true));
        }
        let (mark, record) = open_row(row, keyring)?;
        records.push((mark.seq, record));
    }
    Ok((records, false))
}

/// At most `most` keys that are due by then, the longest due first.
///
/// # Errors
/// As [`record`].
pub fn due<T: Record>(
    connection: &Connection,
    keyring: &Keyring,
    until_s: i64,
    most: usize,
) -> Result<Vec<T>, StoreError> {
    let sql = select(
        "FROM mark INDEXED BY waiting LEFT JOIN body ON body.seq = mark.seq
         WHERE mark.kind = 1 AND mark.due IS NOT NULL AND mark.due <= ?1 ORDER BY mark.due, mark.seq LIMIT ?2",
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![until_s, i64::try_from(most).unwrap_or(i64::MAX)])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(open_row(row, keyring)?.1);
    }
    Ok(records)
}

/// Opens every record there is, and holds the terms of objects against their tally; gives the records' number.
///
/// # Errors
/// As [`record`], for the first that does not open.
pub fn open_all(connection: &Connection, keyring: &Keyring) -> Result<u64, StoreError> {
    let sql = select("FROM mark LEFT JOIN body ON body.seq = mark.seq ORDER BY mark.seq");
    let mut statement = connection.prepare(&sql)?;
    let (mut rows, mut count) = (statement.query(())?, 0);
    while let Some(row) = rows.next()? {
        let kind = Mark::of_row(row)?.ok_or_else(Mark::never_written)?.kind;
        match kind {
            Kind::Elevation => drop(open_row::<Elevation>(row, keyring)?),
            Kind::Grant => drop(open_row::<Grant>(row, keyring)?),
            Kind::Identity => drop(open_row::<Identity>(row, keyring)?),
            Kind::Key => drop(open_row::<KeyRecord>(row, keyring)?),
            Kind::Material => drop(open_row::<Material>(row, keyring)?),
            Kind::Object => drop(open_row::<ObjectRecord>(row, keyring)?),
            Kind::Pin => drop(open_row::<Pin>(row, keyring)?),
            Kind::Setting => drop(open_row::<Setting>(row, keyring)?),
            Kind::Vault => drop(open_row::<Vault>(row, keyring)?),
        }
        count += 1;
    }
    State::check_terms(connection, keyring)?;
    Ok(count)
}

pub fn select(rest: &str) -> String {
    format!("SELECT {}, body.sealed {rest}", Mark::COLUMNS)
}

pub fn open_row<T: Record>(row: &Row<'_>, keyring: &Keyring) -> Result<(Mark, T), StoreError> {
    let altered = |what: &str| StoreError::Altered(what.to_owned());
    let mark = Mark::of_row(row)?.ok_or_else(Mark::never_written)?;
    let sealed: Option<&[u8]> = row.get_ref(8)?.as_blob_or_null().map_err(|_| altered("a record's body is no blob"))?;
    let sealed = sealed.ok_or_else(|| altered("a record's body is gone"))?;
    let body = keyring.open_record(&mark, sealed)?;
    Ok((mark, T::decode(body.expose())?))
}
