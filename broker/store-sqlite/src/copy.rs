//! A copy of the whole store in one file: sealed as the store is, and vouched for as a whole under its root key.
//!
//! `kbsb`, the format's number (1 byte), the head's length (4 bytes, big-endian), the head (postcard), HMAC-SHA256 of all
//! that under a key from the root key (32 bytes), then an SQLite file whose length and SHA-256 the head says.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use broker_crypto::digest::Sha256;
use broker_crypto::mac::{MacKey, TAG_BYTES};
use serde::{Deserialize, Serialize};

use crate::header::Header;
use crate::keyring::Keyring;
use crate::lineage::files_key;
use crate::refuse::{OpenError, StoreError};
use crate::root::{Recipe, Root};
use crate::state::State;
use crate::{read, schema};

const PREFIX: [u8; 5] = *b"kbsb\x01";
/// A head has a few dozen bytes, and a recipe of at most some 1000.
const HEAD_BYTES_MAX: usize = 4096;
/// What is read or written at once.
const PIECE_BYTES: usize = 64 << 10;

/// What a copy says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyHead {
    store_id: [u8; 16],
    /// How the root key is made that vouches for the copy and opens it.
    recipe: Vec<u8>,
    /// The store's generation at that moment.
    pub generation: u64,
    /// Unix seconds.
    pub made_s: i64,
    pub body_bytes: u64,
    pub body_sha256: [u8; 32],
}

impl CopyHead {
    /// The root key as a token sealed it; none when its root key is in no token.
    #[must_use]
    pub fn sealed_root(&self) -> Option<Vec<u8>> {
        match Recipe::of_bytes(&self.recipe)? {
            Recipe::Token(sealed) => Some(sealed),
            Recipe::Key | Recipe::Passphrase(_) => None,
        }
    }

    pub(crate) const fn store_id(&self) -> &[u8; 16] {
        &self.store_id
    }

    /// Reads a copy's head, which nothing vouches for yet, and leaves the file at the MAC.
    ///
    /// # Errors
    /// `NotACopy`, `Io`.
    pub fn read(file: &mut File) -> Result<Self, CopyError> {
        Self::read_bytes(file).map(|(_, head)| head)
    }

    fn read_bytes(file: &mut File) -> Result<(Vec<u8>, Self), CopyError> {
        let cut = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => CopyError::NotACopy,
            _ => CopyError::Io(error),
        };
        let mut bytes = vec![0; PREFIX.len() + 4];
        file.read_exact(&mut bytes).map_err(cut)?;
        let length = u32::from_be_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]) as usize;
        if !bytes.starts_with(&PREFIX) || length > HEAD_BYTES_MAX {
            return Err(CopyError::NotACopy);
        }
        bytes.resize(PREFIX.len() + 4 + length, 0);
        file.read_exact(&mut bytes[PREFIX.len() + 4..]).map_err(cut)?;
        let head = postcard::from_bytes(&bytes[PREFIX.len() + 4..]).map_err(|_| CopyError::NotACopy)?;
        Ok((bytes, head))
    }

    fn to_bytes(&self, vouch: &MacKey) -> Result<Vec<u8>, CopyError> {
        let head = postcard::to_extend(self, Vec::new()).map_err(|_| CopyError::NotACopy)?;
        let length = u32::try_from(head.len()).map_err(|_| CopyError::NotACopy)?;
        let mut bytes = [&PREFIX[..], &length.to_be_bytes(), &head].concat();
        bytes.extend_from_slice(&vouch.tag(&bytes));
        Ok(bytes)
    }
}

/// Why there is no copy, or one is not taken. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("the backup was altered or cut: its {0}; use another one")]
    Altered(&'static str),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is no backup of a keybroker store, or one of a later version's")]
    NotACopy,
    #[error("what the backup holds does not open: {0}")]
    Open(#[from] OpenError),
    #[error(
        "the store that is there is of generation {there}, the backup of generation {backup}: all that was changed since would be lost; say --older if that is meant"
    )]
    Older { there: u64, backup: u64 },
    #[error("another backup is being made; wait for its end")]
    Busy,
    #[error(
        "the store that is there does not open ({0}), so it is not known what would be lost; say --older to put the backup in its place, it is kept beside"
    )]
    Unreadable(OpenError),
    #[error(
        "the store that is there is another one, not the one that was backed up; say --older if it is to be replaced"
    )]
    AnotherStore,
}

impl From<StoreError> for CopyError {
    fn from(error: StoreError) -> Self {
        Self::Open(error.into())
    }
}

impl From<rusqlite::Error> for CopyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Open(error.into())
    }
}

/// A finished copy, on its way out: the head, then the body in a file that goes away with this.
#[derive(Debug)]
pub struct StoreCopy {
    pub head: CopyHead,
    /// All that comes before the body.
    pub front: Vec<u8>,
    pub body: File,
    /// How many records were opened to verify it.
    pub records: u64,
    _scratch: Scratch,
}

/// Copies the store at this moment and opens every record of the copy. Runs beside the writer and the readers: it takes a
/// connection and a thread of its own, and SQLite's write-ahead log lets nobody wait for it.
///
/// # Errors
/// `Io`, `Open` (the disk is full; a record does not open).
pub fn make(store: &Path, keyring: &Keyring, made_s: i64) -> Result<StoreCopy, CopyError> {
    let scratch = Scratch::beside(store, "-backup")?;
    let connection = schema::connect_reader(store)?;
    let target = scratch.0.to_str().ok_or_else(|| io::Error::other("the store's path is no UTF-8"))?;
    connection.execute("VACUUM INTO ?1", [target])?;
    drop(connection);
    let copied = schema::connect_reader(&scratch.0)?;
    schema::check_shape(&copied)?;
    let header = Header::read(&copied)?;
    let state = State::load_checked(&copied, schema::connect_reader(&scratch.0)?, keyring)?;
    let records = read::open_all(&copied, keyring)?;
    drop(copied);
    let mut body = File::open(&scratch.0)?;
    let (body_bytes, body_sha256) = digest_of(&mut body, &mut io::sink())?;
    let head = CopyHead {
        store_id: header.store_id,
        recipe: header.recipe.to_bytes(),
        generation: state.generation,
        made_s,
        body_bytes,
        body_sha256,
    };
    let front = head.to_bytes(keyring.lineage.files_key())?;
    Ok(StoreCopy { head, front, body: File::open(&scratch.0)?, records, _scratch: scratch })
}

/// Takes a copy out of its file into a new file, and believes nothing of it before the root key vouched for it.
///
/// # Errors
/// `NotACopy`, `Altered`, `Io`; `Open` when the root key is another.
pub fn unpack(from: &mut File, to: &Path, root: &Root) -> Result<CopyHead, CopyError> {
    let (bytes, head) = CopyHead::read_bytes(from)?;
    let recipe = Recipe::of_bytes(&head.recipe).ok_or(CopyError::NotACopy)?;
    let mismatch = || OpenError::WrongRoot { made_with: recipe.word(), given: root.word() };
    let root_key = recipe.root_key(root).map_err(|_| OpenError::WrongKey)?.ok_or_else(mismatch)?;
    let mut tag = [0; TAG_BYTES];
    from.read_exact(&mut tag).map_err(|_| CopyError::Altered("end is missing"))?;
    let vouch = files_key(&root_key).map_err(|error| OpenError::Chance(error.to_string()))?;
    if !vouch.verify(&bytes, &tag) {
        return Err(CopyError::Altered(
            "head is not vouched for by this root key (was the root key replaced since it was made?)",
        ));
    }
    let mut body = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    // One byte more than is due shows what was appended.
    let found = digest_of(&mut Read::take(from, head.body_bytes.saturating_add(1)), &mut body)?;
    if found.0 != head.body_bytes {
        return Err(CopyError::Altered("length is not what its head says"));
    }
    if found.1 != head.body_sha256 {
        return Err(CopyError::Altered("content is not what its head says"));
    }
    body.sync_all()?;
    Ok(head)
}

/// Reads a copy back after it was written: all of it is there, as its head says. The root key is not asked.
///
/// # Errors
/// `NotACopy`, `Altered`, `Io`.
pub fn read_back(from: &mut File) -> Result<CopyHead, CopyError> {
    let head = CopyHead::read(from)?;
    from.read_exact(&mut [0; TAG_BYTES])?;
    if digest_of(from, &mut io::sink())? == (head.body_bytes, head.body_sha256) {
        Ok(head)
    } else {
        Err(CopyError::Altered("content is not what its head says"))
    }
}

fn digest_of(from: &mut impl Read, to: &mut impl Write) -> io::Result<(u64, [u8; 32])> {
    let (mut digest, mut total, mut piece) = (Sha256::new(), 0, vec![0; PIECE_BYTES]);
    loop {
        let count = from.read(&mut piece)?;
        if count == 0 {
            return Ok((total, digest.finish()));
        }
        digest.update(&piece[..count]);
        to.write_all(&piece[..count])?;
        total += count as u64;
    }
}

/// A file that goes away, with what SQLite lays beside it.
#[derive(Debug)]
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// A new, empty file of mode 0600. What an earlier run left there is removed: only one process holds the store.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn beside(store: &Path, suffix: &str) -> io::Result<Self> {
        let scratch = Self(crate::file::beside(store, suffix));
        scratch.remove();
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&scratch.0)?;
        Ok(scratch)
    }

    pub fn remove(&self) {
        crate::file::remove_with_logs(&self.0);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}
