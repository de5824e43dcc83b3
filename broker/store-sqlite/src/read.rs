//! Reading the disk: a few threads, each with a connection that cannot write.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use broker_core::elevation::Elevation;
use broker_core::grant::Grant;
use broker_core::identity::Identity;
use broker_core::key::{KeyRecord, Material};
use broker_core::object::ObjectRecord;
use broker_core::refusal::{Failure, Refusal};
use broker_core::vault::{Pin, Vault};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::{Semaphore, oneshot};

use crate::keyring::Keyring;
use crate::record::{Record, Setting};
use crate::refuse::{OpenError, StoreError};
use crate::row::{Kind, Mark, RecordId};
use crate::schema;
use crate::state::State;

/// Threads and connections that read.
pub const READERS: usize = 4;
/// Reads that wait for a thread or have one; one more waits outside.
const READS_MAX: usize = 1024;

type Task = Box<dyn FnOnce(&Connection) + Send>;

/// The threads that read. They end when this is dropped.
pub struct Readers {
    queue: Arc<Queue>,
    places: Arc<Semaphore>,
    threads: Vec<JoinHandle<()>>,
}

/// What waits for a thread. One read wakes one thread, once.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

#[derive(Default)]
struct Waiting {
    tasks: VecDeque<Task>,
    closed: bool,
    /// How many threads take from here.
    readers: usize,
}

impl Readers {
    /// # Errors
    /// SQLite cannot open the file once more, or there is no thread to be had.
    pub fn start(path: &Path) -> Result<Self, OpenError> {
        let mut readers = Self {
            queue: Arc::default(),
            places: Arc::new(Semaphore::new(READS_MAX)),
            threads: Vec::with_capacity(READERS),
        };
        for _ in 0..READERS {
            let (connection, reader) = (schema::connect_reader(path)?, Reader::of(&readers.queue));
            let thread = std::thread::Builder::new().name("store-reader".to_owned());
            let thread = thread.spawn(move || {
                while let Some(task) = reader.0.next() {
                    task(&connection);
                }
            });
            readers.threads.push(thread.map_err(|error| OpenError::Io { path: path.to_owned(), error })?);
        }
        Ok(readers)
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
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| gone())?;
        let (answer, answered) = oneshot::channel();
        let task: Task = Box::new(move |connection| {
            // Whoever asked may have gone.
            let _gone = answer.send(read(connection));
            drop(place);
        });
        self.queue.put(task);
        Ok(answered.await.map_err(|_| gone())??)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            // A reader that panicked said so when it did.
            let _panicked = thread.join();
        }
    }
}

/// A thread's part in the queue, given up however the thread ends: a read that nobody will ever take is not waited for.
struct Reader(Arc<Queue>);

impl Reader {
    fn of(queue: &Arc<Queue>) -> Self {
        queue.waiting().readers += 1;
        Self(Arc::clone(queue))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        waiting.readers -= 1;
        if waiting.readers == 0 {
            waiting.tasks.clear();
        }
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, task: Task) {
        let mut waiting = self.waiting();
        if waiting.readers > 0 {
            waiting.tasks.push_back(task);
            drop(waiting);
            self.filled.notify_one();
        }
    }

    /// Waits for one; none once the queue is closed and empty.
    fn next(&self) -> Option<Task> {
        let mut waiting = self.waiting();
        loop {
            match waiting.tasks.pop_front() {
                Some(task) => return Some(task),
                None if waiting.closed => return None,
                None => waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn close(&self) {
        self.waiting().closed = true;
        self.filled.notify_all();
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
    let mut statement = connection.prepare_cached(&one_record())?;
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

fn one_record() -> String {
    select("FROM mark LEFT JOIN body ON body.seq = mark.seq WHERE mark.kind = ?1 AND mark.id = ?2")
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

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    fn readers() -> (tempfile::TempDir, Readers) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        std::fs::File::create(&path).unwrap();
        schema::make(&mut schema::connect_writer(&path).unwrap()).unwrap();
        let readers = Readers::start(&path).unwrap();
        (folder, readers)
    }

    #[tokio::test]
    async fn once_every_reader_has_died_reads_are_refused_and_not_waited_for() {
        let (_folder, readers) = readers();
        for _ in 0..READERS {
            assert_eq!(readers.read(|_| Ok(1)).await.unwrap(), 1);
            readers.read::<(), _>(|_| panic!("a fault of the test's own")).await.unwrap_err();
        }
        readers.read(|_| Ok(())).await.unwrap_err();
    }

    #[tokio::test]
    async fn reads_beyond_what_may_wait_are_served_in_their_turn() {
        let (_folder, readers) = readers();
        let readers = Arc::new(readers);
        let mut reads = tokio::task::JoinSet::new();
        for number in 0..2 * READS_MAX {
            let readers = Arc::clone(&readers);
            reads.spawn(async move { readers.read(move |_| Ok(number)).await.unwrap() });
        }
        assert_eq!(reads.join_all().await.into_iter().sum::<usize>(), READS_MAX * (2 * READS_MAX - 1));
    }

    #[tokio::test]
    async fn reading_records_of_different_kinds_prepares_no_statement_anew() {
        let (_folder, readers) = readers();
        let prepared_anew = readers.read(|connection| {
            let mut statement = connection.prepare_cached(&one_record())?;
            for kind in [Kind::Key, Kind::Material, Kind::Key, Kind::Object] {
                assert!(statement.query(params![kind as u8, [1_u8; 16]])?.next()?.is_none());
            }
            Ok(statement.get_status(StatementStatus::RePrepare))
        });
        assert_eq!(prepared_anew.await.unwrap(), 0);
    }
}
