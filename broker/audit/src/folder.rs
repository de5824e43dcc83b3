//! What lies in an audit folder, by what name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// No line is longer; an entry takes a thousandth of it.
pub const LINE_BYTES_MAX: usize = 1 << 20;
const READ_BYTES: usize = 256 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// An audit folder: `segment-NNNNNNNN.jsonl` (the last one is being written), `segment-NNNNNNNN.jsonl.gz` (closed and
/// compressed), `checkpoints/`, `audit.pub`, `lock`.
#[derive(Debug, Clone)]
pub struct Folder(pub PathBuf);

/// In which forms a segment is there. Both are for the moment between a compression and the removal of what it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forms {
    pub plain: bool,
    pub packed: bool,
}

impl Folder {
    #[must_use]
    pub fn plain(&self, segment: u32) -> PathBuf {
        self.0.join(format!("segment-{segment:08}.jsonl"))
    }

    #[must_use]
    pub fn packed(&self, segment: u32) -> PathBuf {
        self.0.join(format!("segment-{segment:08}.jsonl.gz"))
    }

    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    #[must_use]
    pub fn public_key(&self) -> PathBuf {
        self.0.join("audit.pub")
    }

    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The segments by number.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn segments(&self) -> io::Result<BTreeMap<u32, Forms>> {
        let mut segments: BTreeMap<u32, Forms> = BTreeMap::new();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            let Some((segment, packed)) = name.to_str().and_then(segment_of) else { continue };
            let forms = segments.entry(segment).or_default();
            if packed { forms.packed = true } else { forms.plain = true }
        }
        Ok(segments)
    }

    /// The file to read a segment from, open: the plain one while there is one.
    ///
    /// # Errors
    /// Neither can be opened.
    pub fn open(&self, segment: u32) -> io::Result<(PathBuf, Lines)> {
        let plain = self.plain(segment);
        match Lines::open(&plain) {
            // It may have been compressed since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let packed = self.packed(segment);
                Lines::open(&packed).map(|lines| (packed, lines))
            }
            opened => opened.map(|lines| (plain, lines)),
        }
    }
}

/// The number in a segment's file name, and whether it is a compressed one's.
#[must_use]
pub fn segment_of(name: &str) -> Option<(u32, bool)> {
    let rest = name.strip_prefix("segment-")?;
    let (digits, packed) = match rest.strip_suffix(".jsonl") {
        Some(digits) => (digits, false),
        None => (rest.strip_suffix(".jsonl.gz")?, true),
    };
    let number = digits.parse().ok().filter(|number| *number > 0 && format!("{number:08}") == digits)?;
    Some((number, packed))
}

/// A file's lines, one at a time, compressed or not.
pub struct Lines {
    input: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    /// The number of the line that was read last, from 1.
    pub number: u64,
    bytes: Arc<AtomicU64>,
}

/// Counts what is read of a file.
struct Counted(File, Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.read(buffer)?;
        self.1.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// A line without its end, or what no append ever finished: it has no end, or not in the longest line there can be, or a zero
/// byte in it. No entry holds one; a power cut leaves them where a sector of an append reached the disk and one before it did
/// not. Whoever puts one into an entry achieves no more than by cutting the file off there.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    Torn(&'a [u8]),
    Whole(&'a [u8]),
}

impl Lines {
    /// # Errors
    /// The file cannot be opened or read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let bytes = Arc::new(AtomicU64::new(0));
        let mut file = BufReader::with_capacity(READ_BYTES, Counted(File::open(path)?, Arc::clone(&bytes)));
        let packed = file.fill_buf()?.starts_with(&GZIP_MAGIC);
        let input: Box<dyn BufRead + Send> = if packed {
            Box::new(BufReader::with_capacity(READ_BYTES, MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        Ok(Self { input, line: Vec::new(), number: 0, bytes })
    }

    /// How much of the file was read, compressed as it is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The next line; none at the end.
    ///
    /// # Errors
    /// The file cannot be read or decompressed.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        (&mut self.input).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut self.line)?;
        if self.line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(match self.line.strip_suffix(b"\n") {
            Some(whole) if !whole.contains(&0) => Line::Whole(whole),
            Some(_) | None => Line::Torn(&self.line),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_one_name() {
        assert_eq!(segment_of("segment-00000012.jsonl"), Some((12, false)));
        assert_eq!(segment_of("segment-00000012.jsonl.gz"), Some((12, true)));
        assert_eq!(segment_of("segment-123456789.jsonl"), Some((123_456_789, false)));
        for other in [
            "segment-12.jsonl",
            "segment-00000000.jsonl",
            "segment-00000012.jsonl.gz.tmp",
            "lock",
            "segment-+0000012.jsonl",
        ] {
            assert_eq!(segment_of(other), None, "{other}");
        }
    }

    #[test]
    fn lines_end_where_they_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(&path, "a\n\nb").unwrap();
        let mut lines = Lines::open(&path).unwrap();
        assert_eq!(lines.next().unwrap(), Some(Line::Whole(b"a")));
        assert_eq!(lines.next().unwrap(), Some(Line::Whole(b"")));
        assert_eq!(lines.next().unwrap(), Some(Line::Torn(b"b")));
        assert_eq!((lines.number, lines.next().unwrap()), (3, None));
        fs::write(&path, "a\n\0\0b\nc\n").unwrap();
        let mut lines = Lines::open(&path).unwrap();
        assert_eq!(lines.next().unwrap(), Some(Line::Whole(b"a")));
        assert_eq!(lines.next().unwrap(), Some(Line::Torn(b"\0\0b\n")), "a sector that never came");
    }
}
