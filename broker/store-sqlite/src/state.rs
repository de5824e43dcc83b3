//! What the store knows of itself: how often it was written, and what the sum of its rows must be.

use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::keyring::Keyring;
use crate::object;
use crate::refuse::StoreError;
use crate::row::{Kind, Listed, Mark, Waiting};
use crate::tally::Tally;

/// The first byte of a state written by this version, and of one written before there were objects.
const FORMAT: u8 = 2;
const FORMAT_WITHOUT_OBJECTS: u8 = 1;

/// How many records there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub deleted_keys: u64,
    pub elevations: u64,
    pub grants: u64,
    pub identities: u64,
    pub live_keys: u64,
    pub materials: u64,
    pub destroyed_objects: u64,
    pub objects: u64,
    pub pins: u64,
    pub settings: u64,
    pub vaults: u64,
}

/// Changed by every transaction, within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Counts the transactions, from 1 (the creation).
    pub generation: u64,
    next_seq: i64,
    marks: Tally,
    listing: Tally,
    waiting: Tally,
    /// Of the rows by which objects are found.
    pub terms: Tally,
    pub counts: Counts,
}

#[derive(Serialize, Deserialize)]
struct StateMirror {
    next_seq: i64,
    marks: [u8; 32],
    listing: [u8; 32],
    waiting: [u8; 32],
    terms: [u8; 32],
}

impl State {
    /// Of a store without records.
    pub fn new() -> Self {
        Self {
            generation: 1,
            next_seq: 1,
            marks: Tally::default(),
            listing: Tally::default(),
            waiting: Tally::default(),
            terms: Tally::default(),
            counts: Counts::default(),
        }
    }

    /// A rank that was never given before.
    pub fn take_seq(&mut self) -> i64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    /// Takes a row into the sums.
    pub fn count(&mut self, keyring: &Keyring, mark: &Mark) {
        self.count_mark(keyring, mark);
        if let Some(listed) = mark.listed() {
            self.listing.add(&keyring.listed_element(&listed));
        }
        if let Some(waiting) = mark.waiting() {
            self.waiting.add(&keyring.waiting_element(&waiting));
        }
    }

    /// Takes a row out of the sums.
    pub fn forget(&mut self, keyring: &Keyring, mark: &Mark) {
        self.marks.remove(&keyring.mark_element(mark));
        let counter = self.counter(mark);
        *counter = counter.saturating_sub(1);
        if let Some(listed) = mark.listed() {
            self.listing.remove(&keyring.listed_element(&listed));
        }
        if let Some(waiting) = mark.waiting() {
            self.waiting.remove(&keyring.waiting_element(&waiting));
        }
    }

    fn count_mark(&mut self, keyring: &Keyring, mark: &Mark) {
        self.marks.add(&keyring.mark_element(mark));
        *self.counter(mark) += 1;
    }

    fn counter(&mut self, mark: &Mark) -> &mut u64 {
        match (mark.kind, mark.live) {
            (Kind::Elevation, _) => &mut self.counts.elevations,
            (Kind::Grant, _) => &mut self.counts.grants,
            (Kind::Identity, _) => &mut self.counts.identities,
            (Kind::Key, false) => &mut self.counts.deleted_keys,
            (Kind::Key, true) => &mut self.counts.live_keys,
            (Kind::Material, _) => &mut self.counts.materials,
            (Kind::Object, false) => &mut self.counts.destroyed_objects,
            (Kind::Object, true) => &mut self.counts.objects,
            (Kind::Pin, _) => &mut self.counts.pins,
            (Kind::Setting, _) => &mut self.counts.settings,
            (Kind::Vault, _) => &mut self.counts.vaults,
        }
    }

    /// Writes the state into the transaction that is under way.
    ///
    /// # Errors
    /// SQLite fails.
    pub fn store(&self, connection: &Connection, keyring: &Keyring) -> Result<(), StoreError> {
        let mirror = StateMirror {
            next_seq: self.next_seq,
            marks: self.marks.to_bytes(),
            listing: self.listing.to_bytes(),
            waiting: self.waiting.to_bytes(),
            terms: self.terms.to_bytes(),
        };
        let sealed = keyring.seal_state(self.generation, &postcard::to_extend(&mirror, vec![FORMAT])?)?;
        connection
            .prepare_cached(
                "INSERT INTO state (one, generation, sealed) VALUES (1, ?1, ?2)
                 ON CONFLICT (one) DO UPDATE SET generation = excluded.generation, sealed = excluded.sealed",
            )?
            .execute(params![self.generation.cast_signed(), sealed])?;
        Ok(())
    }

    /// Reads the state, then every row, and compares. Two connections, since two threads take half the time; nobody else
    /// may write meanwhile.
    ///
    /// # Errors
    /// `Altered` when the rows are not those that the state was written for.
    pub fn load_checked(connection: &Connection, other: Connection, keyring: &Keyring) -> Result<Self, StoreError> {
        let altered = |what: &str| StoreError::Altered(what.to_owned());
        let written = Self::load(connection, keyring)?;
        let mut found = Self { marks: Tally::default(), ..written };
        (found.listing, found.waiting) = std::thread::scope(|scope| {
            let indexes = scope.spawn(move || Ok((scan_listing(&other, keyring)?, scan_waiting(&other, keyring)?)));
            scan_marks(connection, keyring, &mut found)?;
            indexes.join().unwrap_or_else(|_| Err(StoreError::Bug("the check of the indexes panicked".to_owned())))
        })?;
        if found.marks != written.marks {
            return Err(altered("records were added, taken away, moved or put back to an older state"));
        }
        if found.listing != written.listing {
            return Err(altered("the list of keys does not name the keys that there are"));
        }
        if found.waiting != written.waiting {
            return Err(altered("the list of what is due does not name the keys that wait for something"));
        }
        Ok(found)
    }

    /// Whether the rows by which objects are found are those that there should be, all of one moment. Takes seconds for a
    /// million objects; nobody waits meanwhile.
    ///
    /// # Errors
    /// `Altered` when they are not.
    pub fn check_terms(connection: &Connection, keyring: &Keyring) -> Result<(), StoreError> {
        let snapshot = connection.unchecked_transaction()?;
        let written = Self::load(&snapshot, keyring)?;
        if object::scan(&snapshot, keyring)? == written.terms {
            return Ok(());
        }
        Err(StoreError::Altered("the terms do not name the objects that there are".to_owned()))
    }

    fn load(connection: &Connection, keyring: &Keyring) -> Result<Self, StoreError> {
        let altered = || StoreError::Altered("its state is gone, another store's, or damaged".to_owned());
        let mut statement = connection.prepare("SELECT generation, sealed FROM state")?;
        let row = statement.query_row((), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
        let (generation, sealed) = row.ok_or_else(altered)?;
        let generation = generation.cast_unsigned();
        let opened = keyring.open_state(generation, &sealed).ok_or_else(altered)?;
        let body = match opened.expose().split_first() {
            Some((&FORMAT, body)) => body.to_vec(),
            // A tally of no rows is 32 zeros.
            Some((&FORMAT_WITHOUT_OBJECTS, body)) => [body, &[0; 32]].concat(),
            _ => return Err(StoreError::Bug("the state has a format of a later version".to_owned())),
        };
        let mirror: StateMirror = postcard::from_bytes(&body)
            .map_err(|error| StoreError::Bug(format!("the state does not decode: {error}")))?;
        Ok(Self {
            generation,
            next_seq: mirror.next_seq,
            marks: Tally::from_bytes(&mirror.marks),
            listing: Tally::from_bytes(&mirror.listing),
            waiting: Tally::from_bytes(&mirror.waiting),
            terms: Tally::from_bytes(&mirror.terms),
            counts: Counts::default(),
        })
    }
}

/// Strictly ascending order is part of the check: only then do lookups in the tree find every row that the scan counts.
pub fn ascending<T: Ord + Copy>(last: &mut Option<T>, next: T) -> Result<(), StoreError> {
    if last.replace(next).is_some_and(|last| last >= next) {
        return Err(StoreError::Altered("its rows are out of order".to_owned()));
    }
    Ok(())
}

fn scan_marks(connection: &Connection, keyring: &Keyring, found: &mut State) -> Result<(), StoreError> {
    let mut statement = connection.prepare(&format!("SELECT {} FROM mark ORDER BY kind, id", Mark::COLUMNS))?;
    let mut rows = statement.query(())?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let mark = Mark::of_row(row)?.ok_or_else(Mark::never_written)?;
        ascending(&mut last, (mark.kind, mark.id))?;
        found.count_mark(keyring, &mark);
    }
    Ok(())
}

fn scan_listing(connection: &Connection, keyring: &Keyring) -> Result<Tally, StoreError> {
    let mut statement = connection.prepare(
        "SELECT parent, live, seq, id FROM mark INDEXED BY listing WHERE kind = 1 ORDER BY parent, live, seq, id",
    )?;
    let mut rows = statement.query(())?;
    let (mut last, mut listing) = (None, Tally::default());
    while let Some(row) = rows.next()? {
        let listed = Listed::of_row(row)?.ok_or_else(Mark::never_written)?;
        ascending(&mut last, listed)?;
        listing.add(&keyring.listed_element(&listed));
    }
    Ok(listing)
}

fn scan_waiting(connection: &Connection, keyring: &Keyring) -> Result<Tally, StoreError> {
    let mut statement = connection.prepare(
        "SELECT due, seq, id FROM mark INDEXED BY waiting WHERE kind = 1 AND due IS NOT NULL ORDER BY due, seq, id",
    )?;
    let mut rows = statement.query(())?;
    let (mut last, mut tally) = (None, Tally::default());
    while let Some(row) = rows.next()? {
        let waiting = Waiting::of_row(row)?;
        ascending(&mut last, waiting)?;
        tally.add(&keyring.waiting_element(&waiting));
    }
    Ok(tally)
}

/// The part of the state that others may look at while the writer works.
pub struct Published(Mutex<(u64, Counts)>);

impl Published {
    pub fn new(state: &State) -> Self {
        Self(Mutex::new((state.generation, state.counts)))
    }

    pub fn set(&self, state: &State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (state.generation, state.counts);
    }

    /// The generation and the counts of the last commit that was answered.
    pub fn get(&self) -> (u64, Counts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
