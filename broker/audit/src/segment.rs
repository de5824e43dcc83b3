//! The file that entries are appended to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::chain::Header;
use crate::checkpoint::sync_folder_of;
use crate::folder::Folder;

/// What a probe writes: more than an entry takes, and a block of any file system's.
const PROBE_BYTES: usize = 4096;

/// An append-only file that knows how much of it is durable.
pub struct Segment {
    file: File,
    path: PathBuf,
    pub number: u32,
    durable_bytes: u64,
    /// Whether a failed append may have left bytes behind the durable ones.
    ragged: bool,
}

impl Segment {
    /// Begins a segment: its header is durable when this returns. What stood under its name is replaced: only a crash in
    /// here can have left something.
    ///
    /// # Errors
    /// It cannot be written; nothing of it is left.
    pub fn begin(folder: &Folder, header: &Header) -> io::Result<Self> {
        let path = folder.plain(header.segment);
        Self::write_header(&path, header).inspect_err(|_| {
            // If this fails too, the next attempt replaces what is left.
            let _left = fs::remove_file(&path);
        })
    }

    fn write_header(path: &Path, header: &Header) -> io::Result<Self> {
        let mut line = header.line();
        line.push(b'\n');
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        drop(file);
        let mut segment = Self::open_at(path, header.segment)?;
        segment.append(&line)?;
        sync_folder_of(path)?;
        Ok(segment)
    }

    /// Opens the segment that an earlier run was writing, and cuts off what a crash left behind its last whole line: it
    /// was never acknowledged.
    ///
    /// # Errors
    /// It cannot be opened, cut or synced.
    pub fn resume(folder: &Folder, number: u32, whole_bytes: u64) -> io::Result<Self> {
        let path = folder.plain(number);
        let mut segment = Self::open_at(&path, number)?;
        let length = segment.file.metadata()?.len();
        if whole_bytes < length {
            tracing::warn!(file = %path.display(), bytes = length - whole_bytes, "cut off a half-written entry that was never acknowledged");
            segment.file.set_len(whole_bytes)?;
        }
        segment.file.sync_all()?;
        sync_folder_of(&path)?;
        segment.durable_bytes = whole_bytes;
        Ok(segment)
    }

    fn open_at(path: &Path, number: u32) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { file, path: path.to_owned(), number, durable_bytes: 0, ragged: false })
    }

    /// Appends whole lines and makes them durable, all or (as far as any reader is concerned) none.
    ///
    /// # Errors
    /// They are not durable; whatever stands of them is cut off before the next append.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.cut_ragged_end()?;
        self.ragged = true;
        self.file.write_all(lines)?;
        self.file.sync_data()?;
        self.ragged = false;
        self.durable_bytes += lines.len() as u64;
        Ok(())
    }

    /// Whether entries could be appended now: writes blanks, makes them durable, and takes them back. A crash in between
    /// leaves a half-written line, which `resume` cuts off.
    ///
    /// # Errors
    /// They could not.
    pub fn probe(&mut self) -> io::Result<()> {
        self.cut_ragged_end()?;
        self.ragged = true;
        self.file.write_all(&[b' '; PROBE_BYTES])?;
        self.file.sync_data()?;
        self.cut_ragged_end()
    }

    fn cut_ragged_end(&mut self) -> io::Result<()> {
        if self.ragged {
            self.file.set_len(self.durable_bytes)?;
            self.ragged = false;
        }
        Ok(())
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.durable_bytes
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
