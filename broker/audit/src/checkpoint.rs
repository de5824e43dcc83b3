//! A checkpoint says, under our signature, what the log's last line was at some moment.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::chain::{Head, LogId};
use crate::note::Note;

/// How many checkpoints of the segment that is being written are kept; a closed one keeps its last.
const KEPT: usize = 8;
/// A checkpoint file is far shorter.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// What stands before the log's id in a checkpoint's first line, and in the name of the key that signs it.
pub const ORIGIN: &str = "keybroker/audit/";

/// What a checkpoint's text says (C2SP tlog-checkpoint: origin, size, hash, extension lines). The size is the last
/// entry's number; the hash is of its line, which stands for the whole chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub log: LogId,
    pub head: Head,
    pub segment: u32,
    /// RFC 3339.
    pub time: String,
    /// The store's generation then: if it is ever less, an old copy of the store was put back.
    pub generation: u64,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { log, head, segment, time, generation } = self;
        let mut text = format!("{ORIGIN}{log}\n{}\n{}\n", head.sequence, STANDARD.encode(head.digest));
        write!(text, "segment {segment}\ntime {time}\ngeneration {generation}\n").expect("memory can be written");
        text
    }

    /// None when it is no checkpoint of such a log. Extension lines of a later version are passed over.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let log = LogId::parse(lines.next()?.strip_prefix(ORIGIN)?)?;
        let size = lines.next()?;
        let sequence: u64 = size.parse().ok().filter(|number: &u64| number.to_string() == size)?;
        let digest = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let mut checkpoint =
            Self { log, head: Head { sequence, digest }, segment: 0, time: String::new(), generation: 0 };
        for line in lines {
            match line.split_once(' ')? {
                ("segment", number) => checkpoint.segment = number.parse().ok()?,
                ("time", time) => time.clone_into(&mut checkpoint.time),
                ("generation", number) => checkpoint.generation = number.parse().ok()?,
                _later => {}
            }
        }
        Some(checkpoint)
    }
}

/// A folder of checkpoints: one file a segment.
#[derive(Debug)]
pub struct Checkpoints {
    dir: PathBuf,
    segment: u32,
    recent: Vec<String>,
}

impl Checkpoints {
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, segment: 0, recent: Vec::new() }
    }

    /// Keeps a signed checkpoint of that segment, durably: its file is replaced as a whole. `last` says that the segment
    /// is closed and needs no other.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn keep(&mut self, segment: u32, signed: &str, last: bool) -> io::Result<()> {
        let file = self.file(segment);
        if segment != self.segment {
            make_folder(&self.dir)?;
            // Another run's. What makes no sense was told when the log was opened.
            let notes = Note::parse_all(&read_file(&file)?).unwrap_or_default();
            self.recent = notes.iter().map(Note::to_string).collect();
            self.segment = segment;
        }
        if last {
            self.recent.clear();
        }
        self.recent.push(signed.to_owned());
        let surplus = self.recent.len().saturating_sub(KEPT);
        self.recent.drain(..surplus);
        replace(&file, self.recent.join("\n").as_bytes())
    }

    fn file(&self, segment: u32) -> PathBuf {
        self.dir.join(format!("segment-{segment:08}.note"))
    }

    /// Every checkpoint file's name and notes, oldest first; none for the notes of a file that makes no sense. A folder
    /// that is not there has no files.
    ///
    /// # Errors
    /// The folder or a file cannot be read.
    pub fn read(dir: &Path) -> io::Result<Vec<(PathBuf, Option<Vec<Note>>)>> {
        let mut files = Vec::new();
        match fs::read_dir(dir) {
            Ok(entries) => {
                for entry in entries {
                    let path = entry?.path();
                    if path.extension().is_some_and(|extension| extension == "note") {
                        files.push(path);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        files.sort();
        files.into_iter().map(|path| Ok((path.clone(), read_notes(&path)?))).collect()
    }
}

/// The notes of one file; none when it makes no sense.
///
/// # Errors
/// The file cannot be read.
pub fn read_notes(path: &Path) -> io::Result<Option<Vec<Note>>> {
    File::open(path)?;
    Ok(Note::parse_all(&read_file(path)?))
}

/// The file's text; empty when there is none. Bytes that are no text become marks that no note survives.
fn read_file(path: &Path) -> io::Result<String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Puts a file in the place of another so that, whatever happens, one of the two is there whole.
///
/// # Errors
/// It cannot be written; the old one stands.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    written.inspect_err(|_| {
        // What is left takes room where there may be none; the next attempt overwrites it if it stays.
        let _left = fs::remove_file(&temporary);
    })?;
    sync_folder_of(path)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a folder and those above it that are not there, each durable in the one above it.
///
/// # Errors
/// One cannot be made or synced.
pub fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_folder(above)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => sync_folder_of(path),
    }
}

/// Makes what was made, renamed or removed beside this file durable.
///
/// # Errors
/// The folder cannot be synced.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
    folder.map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}
