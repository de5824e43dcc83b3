//! The tables, the steps that lead from one version of them to the next, and how a connection is set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::refuse::OpenError;

/// "kbst": tells a keybroker store from any other SQLite file.
const APPLICATION_ID: i32 = 0x6b62_7374;

/// Each step takes the tables from version `index` to `index + 1`. A published step is never edited.
const MIGRATIONS: &[&str] = &[VERSION_1, OBJECTS, LINEAGE];

/// `mark` is read as a whole when a store is opened, and every lookup goes through it; `body` is reached from there alone.
/// So whoever puts an old body back has its mark against him, and whoever puts its mark back too has the tally.
/// A table WITHOUT ROWID is its own index: the scan that is checked walks the very tree that lookups walk.
const VERSION_1: &str = "
CREATE TABLE header (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store_id BLOB NOT NULL,
    root BLOB NOT NULL,
    data_key BLOB NOT NULL
) STRICT;
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    generation INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE TABLE mark (
    kind INTEGER NOT NULL,
    id BLOB NOT NULL,
    parent BLOB NOT NULL,
    live INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    stamp INTEGER NOT NULL,
    due INTEGER,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX listing ON mark (parent, live, seq, id) WHERE kind = 1;
CREATE INDEX waiting ON mark (due, seq, id) WHERE kind = 1 AND due IS NOT NULL;
CREATE TABLE body (
    seq INTEGER PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;
";

/// Managed objects: the terms by which they are found, each a keyed hash beside the rank of an object that has it. These
/// rows are counted in a tally of their own, which is compared while the store is serving already: there are many of them.
const OBJECTS: &str = "
CREATE TABLE term (
    term BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (term, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX object_rank ON mark (seq, id) WHERE kind = 7;
CREATE INDEX object_waiting ON mark (due, seq, id) WHERE kind = 7 AND due IS NOT NULL;
";

/// What brokers of one root key share, and which root keys there were before; both sealed.
const LINEAGE: &str = "
ALTER TABLE header ADD COLUMN family BLOB;
ALTER TABLE header ADD COLUMN past_roots BLOB;
";

/// How long a connection waits for a lock of SQLite's; only a checkpoint or a recovery holds one against another.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// SQLite's own page cache, in KiB: small, since records are cached opened.
const WRITER_CACHE_KIB: i32 = 16 * 1024;
const READER_CACHE_KIB: i32 = 8 * 1024;
/// What the write-ahead log is cut back to after a checkpoint.
const LOG_BYTES_MAX: i64 = 64 << 20;

/// The one connection that writes. A log left behind by a crash is replayed here, by SQLite.
pub fn connect_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    set_up(&connection, WRITER_CACHE_KIB)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    connection.pragma_update(None, "synchronous", "full")?;
    // What was purged is overwritten in the file, not only forgotten.
    connection.pragma_update_and_check(None, "secure_delete", true, |row| row.get::<_, i64>(0))?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES_MAX, |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// A connection that cannot write.
pub fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    set_up(&connection, READER_CACHE_KIB)?;
    Ok(connection)
}

fn set_up(connection: &Connection, cache_kib: i32) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(32);
    // Else a statement that compares `kind` with a parameter is prepared anew for each value of it, for the sake of the
    // indexes that hold one kind alone: half of what a read of one record cost.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "trusted_schema", false)
}

/// Makes the tables in an empty file.
pub fn make(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    migrate_from(connection, 0)
}

/// Brings the tables of an existing store to this version.
///
/// # Errors
/// `NotAStore`; `Newer`; `Altered` when the tables are not those that this version makes.
pub fn bring_up_to_date(connection: &mut Connection) -> Result<(), OpenError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    if number("application_id")? != APPLICATION_ID {
        return Err(OpenError::NotAStore);
    }
    let found = number("user_version")?;
    let Some(version) = usize::try_from(found).ok().filter(|version| (1..=MIGRATIONS.len()).contains(version)) else {
        return Err(OpenError::Newer { found, known: MIGRATIONS.len() });
    };
    migrate_from(connection, version)?;
    check_shape(connection)
}

/// # Errors
/// `Altered` when the tables are not those that this version makes.
pub fn check_shape(connection: &Connection) -> Result<(), OpenError> {
    // A view in a table's place, or a trigger, would make lookups see other rows than the check does.
    let mut model = Connection::open_in_memory()?;
    migrate_from(&mut model, 0)?;
    if shape(connection)? == shape(&model)? {
        return Ok(());
    }
    Err(OpenError::Altered("its tables are not as keybroker makes them".to_owned()))
}

fn migrate_from(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    for (index, step) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", i32::try_from(index + 1).unwrap_or(i32::MAX))?;
        transaction.commit()?;
    }
    Ok(())
}

type Shape = Vec<(String, String, String, Option<String>)>;

fn shape(connection: &Connection) -> rusqlite::Result<Shape> {
    let mut statement =
        connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")?;
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    rows.collect()
}
