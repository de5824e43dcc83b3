//! Reads a log from its segments, one line after the other.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use crate::chain::Link;
use crate::folder::{Folder, Line, Lines, segment_of};

/// Where a log is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Segments in the order given, the first of which need not be the log's first.
    Files(Vec<PathBuf>),
    /// All that is in an audit folder.
    Folder(PathBuf),
}

/// One segment of a source.
#[derive(Debug, Clone)]
pub struct Part {
    /// As its file's name says.
    pub segment: Option<u32>,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    In(Folder, u32),
}

impl Source {
    /// The segments that are there.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn parts(&self) -> io::Result<Vec<Part>> {
        match self {
            Self::Files(files) => Ok(files.iter().map(|path| Part::of_file(path.clone())).collect()),
            Self::Folder(dir) => {
                let folder = Folder(dir.clone());
                let segments = folder.segments()?;
                let part = |segment| Part { segment: Some(segment), place: Place::In(folder.clone(), segment) };
                Ok(segments.into_keys().map(part).collect())
            }
        }
    }

    /// How many bytes its files have, compressed as they are.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn bytes(&self) -> io::Result<u64> {
        Ok(self.parts()?.iter().map(Part::bytes).sum())
    }
}

impl Part {
    fn of_file(path: PathBuf) -> Self {
        let segment = path.file_name().and_then(|name| name.to_str()).and_then(segment_of).map(|(segment, _)| segment);
        Self { segment, place: Place::File(path) }
    }

    /// # Errors
    /// The file cannot be opened.
    pub fn open(&self) -> io::Result<Lines> {
        let named = |path: PathBuf| {
            move |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        };
        match &self.place {
            Place::File(path) => Lines::open(path).map_err(named(path.clone())),
            Place::In(folder, segment) => {
                folder.open(*segment).map(|(_, lines)| lines).map_err(named(folder.plain(*segment)))
            }
        }
    }

    /// The file's length; 0 when it cannot be told.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let length = |path: &PathBuf| std::fs::metadata(path).map(|metadata| metadata.len());
        match &self.place {
            Place::File(path) => length(path),
            Place::In(folder, segment) => length(&folder.plain(*segment)).or_else(|_| length(&folder.packed(*segment))),
        }
        .unwrap_or(0)
    }
}

/// The entries of a log, without its segments' headers and without a half-written end; nothing is verified.
pub struct Entries {
    parts: VecDeque<Part>,
    lines: Option<Lines>,
    line: Vec<u8>,
}

impl Entries {
    /// # Errors
    /// The folder cannot be read.
    pub fn of(source: &Source) -> io::Result<Self> {
        Ok(Self { parts: source.parts()?.into(), lines: None, line: Vec::new() })
    }

    /// Those of an audit folder from this segment on.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn since(dir: &Path, segment: u32) -> io::Result<Self> {
        let mut entries = Self::of(&Source::Folder(dir.to_owned()))?;
        entries.parts.retain(|part| part.segment.is_some_and(|number| number >= segment));
        Ok(entries)
    }

    /// The next entry's number and line; none at the end.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn next_entry(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        loop {
            let Some(lines) = &mut self.lines else {
                let Some(part) = self.parts.pop_front() else { return Ok(None) };
                self.lines = Some(part.open()?);
                continue;
            };
            match lines.next()? {
                Some(Line::Whole(line)) => {
                    if let Some(link) = Link::of(line) {
                        self.line.clear();
                        self.line.extend_from_slice(line);
                        return Ok(Some((link.sequence, &self.line)));
                    }
                }
                Some(Line::Torn(_)) | None => self.lines = None,
            }
        }
    }
}
