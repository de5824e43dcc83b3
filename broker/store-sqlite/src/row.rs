//! What stands in the clear beside a sealed record: numbers and keyed hashes, never a name.

use rusqlite::Row;

use crate::refuse::StoreError;

/// What a record is; the number is its kind on disk and is never reused for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    Key = 1,
    Material = 2,
    Grant = 3,
    Pin = 4,
    Vault = 5,
    Setting = 6,
    Object = 7,
    Elevation = 8,
    Identity = 9,
}

impl Kind {
    pub const fn of_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Key),
            2 => Some(Self::Material),
            3 => Some(Self::Grant),
            4 => Some(Self::Pin),
            5 => Some(Self::Vault),
            6 => Some(Self::Setting),
            7 => Some(Self::Object),
            8 => Some(Self::Elevation),
            9 => Some(Self::Identity),
            _ => None,
        }
    }
}

/// A record's place: the first 16 bytes of a keyed hash of its kind and names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId(pub [u8; 16]);

impl RecordId {
    /// The parent of a record that has none.
    pub const NONE: Self = Self([0; 16]);
}

/// A row of the table `mark`. Every bit of it is bound to the sealed body and counted in the store's tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub kind: Kind,
    pub id: RecordId,
    /// A key's or object's vault, a material's key; otherwise [`RecordId::NONE`].
    pub parent: RecordId,
    /// False for a soft-deleted key and a destroyed object.
    pub live: bool,
    /// The rank at which the record was first written; never given twice in the life of a store.
    pub seq: i64,
    /// Counts the writes of this record, from 1.
    pub revision: i64,
    /// Random for each write. Without it a write that failed, and whose bytes may still lie in the log, could be passed
    /// off as the write that took its revision afterwards.
    pub stamp: i64,
    /// When something is to happen to a key or object by itself (Unix seconds); none for all else.
    pub due: Option<i64>,
}

/// Size in bytes of a mark as it is bound and counted.
pub const MARK_BYTES: usize = 1 + 16 + 16 + 1 + 8 + 8 + 8 + 1 + 8;

impl Mark {
    /// The columns that [`Mark::of_row`] reads, in its order.
    pub const COLUMNS: &str =
        "mark.kind, mark.id, mark.parent, mark.live, mark.seq, mark.revision, mark.stamp, mark.due";

    /// Reads the first eight columns; none when they hold what no store ever wrote.
    ///
    /// # Errors
    /// A column has another type or size, or SQLite fails.
    pub fn of_row(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let (Some(kind), live) = (Kind::of_number(row.get(0)?), row.get::<_, i64>(3)?) else { return Ok(None) };
        if !matches!(live, 0 | 1) {
            return Ok(None);
        }
        Ok(Some(Self {
            kind,
            id: RecordId(row.get(1)?),
            parent: RecordId(row.get(2)?),
            live: live == 1,
            seq: row.get(4)?,
            revision: row.get(5)?,
            stamp: row.get(6)?,
            due: row.get(7)?,
        }))
    }

    /// The refusal of a row that no store ever wrote.
    pub fn never_written() -> StoreError {
        StoreError::Altered("a row's mark holds what keybroker never writes".to_owned())
    }

    /// All of the mark, every field at its own place.
    pub fn bytes(&self) -> [u8; MARK_BYTES] {
        let mut bytes = [0; MARK_BYTES];
        bytes[0] = self.kind as u8;
        bytes[1..17].copy_from_slice(&self.id.0);
        bytes[17..33].copy_from_slice(&self.parent.0);
        bytes[33] = u8::from(self.live);
        bytes[34..42].copy_from_slice(&self.seq.to_be_bytes());
        bytes[42..50].copy_from_slice(&self.revision.to_be_bytes());
        bytes[50..58].copy_from_slice(&self.stamp.to_be_bytes());
        bytes[58] = u8::from(self.due.is_some());
        bytes[59..].copy_from_slice(&self.due.unwrap_or(0).to_be_bytes());
        bytes
    }

    /// A key's entry in the index `listing`; none for what is not listed.
    pub fn listed(&self) -> Option<Listed> {
        (self.kind == Kind::Key).then_some(Listed { parent: self.parent, live: self.live, seq: self.seq, id: self.id })
    }

    /// A key's entry in the index `waiting`; none for what waits for nothing.
    pub fn waiting(&self) -> Option<Waiting> {
        let due = self.due.filter(|_| self.kind == Kind::Key)?;
        Some(Waiting { due, seq: self.seq, id: self.id })
    }
}

/// An entry of the index `listing`, in the index's own order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    pub parent: RecordId,
    pub live: bool,
    pub seq: i64,
    pub id: RecordId,
}

impl Listed {
    /// Reads the columns parent, live, seq and id; none when they hold what no store ever wrote.
    ///
    /// # Errors
    /// A column has another type or size, or SQLite fails.
    pub fn of_row(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let live = row.get::<_, i64>(1)?;
        if !matches!(live, 0 | 1) {
            return Ok(None);
        }
        Ok(Some(Self { parent: RecordId(row.get(0)?), live: live == 1, seq: row.get(2)?, id: RecordId(row.get(3)?) }))
    }

    /// All of the entry, every field at its own place.
    pub fn bytes(&self) -> [u8; 41] {
        let mut bytes = [0; 41];
        bytes[..16].copy_from_slice(&self.parent.0);
        bytes[16] = u8::from(self.live);
        bytes[17..25].copy_from_slice(&self.seq.to_be_bytes());
        bytes[25..].copy_from_slice(&self.id.0);
        bytes
    }
}

/// An entry of the index `waiting`, in the index's own order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    pub due: i64,
    pub seq: i64,
    pub id: RecordId,
}

impl Waiting {
    /// Reads the columns due, seq and id.
    ///
    /// # Errors
    /// A column has another type or size, or SQLite fails.
    pub fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { due: row.get(0)?, seq: row.get(1)?, id: RecordId(row.get(2)?) })
    }

    /// All of the entry, every field at its own place.
    pub fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.due.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.seq.to_be_bytes());
        bytes[16..].copy_from_slice(&self.id.0);
        bytes
    }
}
