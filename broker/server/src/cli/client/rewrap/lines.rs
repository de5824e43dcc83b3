//! The input: looked through once before anything is written, then read line by line.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use broker_crypto::digest::Sha256;

use super::kid_of;
use crate::cli::client::document::{DOCUMENT_BYTES_MAX, KeyPath};

/// What a first look at the input tells.
pub struct Survey {
    pub lines: u64,
    /// Of the whole file, in hexadecimal.
    pub sha256: String,
    /// The first key that is named, if any is.
    pub first: Option<KeyPath>,
}

impl Survey {
    /// # Errors
    /// The file cannot be read, or a line is longer than any wrapped value.
    pub fn of(path: &Path) -> Result<Self> {
        let (mut lines, mut digest, mut count, mut first) = (Lines::open(path)?, Sha256::new(), 0, None);
        while let Some(line) = lines.next()? {
            digest.update(&line);
            digest.update(b"\n");
            count += 1;
            first = first.or_else(|| kid_of(&line));
        }
        Ok(Self { lines: count, sha256: crate::hex(&digest.finish()), first })
    }
}

/// A file's lines, without their ends. A last line without one counts too.
pub struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    read: u64,
}

impl Lines {
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        Ok(Self { path: path.to_owned(), reader: BufReader::new(file), read: 0 })
    }

    /// Reads past this many lines.
    pub fn skip(&mut self, lines: u64) -> Result<()> {
        for _ in 0..lines {
            ensure!(self.next()?.is_some(), "{}: shorter than it was", self.path.display());
        }
        Ok(())
    }

    pub fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.reader).take(DOCUMENT_BYTES_MAX + 1);
        limited.read_until(b'\n', &mut line).with_context(|| self.path.display().to_string())?;
        if line.is_empty() {
            return Ok(None);
        }
        self.read += 1;
        let (path, read) = (self.path.display(), self.read);
        ensure!(
            line.len() as u64 <= DOCUMENT_BYTES_MAX,
            "{path}: line {read} is longer than {DOCUMENT_BYTES_MAX} bytes"
        );
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(Some(line))
    }
}
