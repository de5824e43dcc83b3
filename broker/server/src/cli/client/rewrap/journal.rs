//! The output and, until it is whole, the note beside it (`OUT.rewrap`): what is being done, and which lines were left alone.
//!
//! A line is in the note before it is in the output, and the note is on disk before the output is. An interrupted run is
//! taken up after the output's last whole line.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::mover::Why;
use crate::cli::client::material;

/// How many lines may be lost to a power cut; those are done again.
const LINES_UNSYNCED_MAX: u64 = 256;

/// How many failed lines are named one by one; the rest are counted.
const FAILED_NAMED_MAX: usize = 1000;

/// What is to be done; the first line of the note.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Order {
    /// Of the input.
    pub sha256: String,
    pub lines: u64,
    pub algorithm: Option<String>,
}

/// A line that was left alone. Lines count from 1.
#[derive(Serialize, Deserialize)]
struct LeftLine {
    line: u64,
    #[serde(flatten)]
    why: Why,
}

/// How many lines were left alone, and why.
#[derive(Debug, Default)]
pub struct Tally {
    pub left: BTreeMap<Reason, u64>,
    /// The first of those that failed.
    pub failed: Vec<(u64, String)>,
}

/// A [`Why`] without its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    Blank,
    Failed,
    Newest,
    OtherVault,
}

impl Reason {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Blank => "blank lines",
            Self::Failed => "failed, see below",
            Self::Newest => "on the newest version already",
            Self::OtherVault => "wrapped in another vault",
        }
    }
}

impl Tally {
    pub fn left_count(&self) -> u64 {
        self.left.values().sum()
    }

    pub fn failed_count(&self) -> u64 {
        self.left.get(&Reason::Failed).copied().unwrap_or(0)
    }

    fn add(&mut self, line: u64, why: Why) {
        *self.left.entry(why.reason()).or_default() += 1;
        if let Why::Failed { error } = why
            && self.failed.len() < FAILED_NAMED_MAX
        {
            self.failed.push((line, error));
        }
    }
}

pub struct Journal {
    done: u64,
    note: File,
    note_path: PathBuf,
    out: File,
    tally: Tally,
    unsynced: u64,
}

impl Journal {
    /// Begins, or takes up what was interrupted.
    ///
    /// # Errors
    /// The output is there and not ours; the note is of another input or order; another run is at it.
    pub fn open(out: &Path, order: &Order) -> Result<Self> {
        let mut name = out.file_name().with_context(|| format!("{}: not a file's name", out.display()))?.to_owned();
        name.push(".rewrap");
        let note_path = out.with_file_name(name);
        if note_path.exists() { Self::resume(out, note_path, order) } else { Self::begin(out, note_path, order) }
    }

    fn begin(out: &Path, note_path: PathBuf, order: &Order) -> Result<Self> {
        ensure!(!out.exists(), "{}: is there already; name another file", out.display());
        let mut note = material::private(&note_path).with_context(|| note_path.display().to_string())?;
        lock(&note, &note_path)?;
        append(&mut note, order)?;
        note.sync_all()?;
        let out = material::private(out).with_context(|| out.display().to_string())?;
        sync_folder(&note_path)?;
        Ok(Self { done: 0, note, note_path, out, tally: Tally::default(), unsynced: 0 })
    }

    fn resume(out: &Path, note_path: PathBuf, order: &Order) -> Result<Self> {
        let open = |path: &Path| OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut note = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&note_path)
            .with_context(|| note_path.display().to_string())?;
        lock(&note, &note_path)?;
        let mut out = open(out).with_context(|| out.display().to_string())?;
        let (done, bytes) = whole_lines(&mut out)?;
        let mut reader = BufReader::new(&note);
        let mut line = Vec::new();
        let mut kept = reader.read_until(b'\n', &mut line)? as u64;
        if !line.ends_with(b"\n") {
            // Killed before the order was whole: nothing else had begun.
            ensure!(done == 0, "{}: cannot be read; remove it with the output to begin again", note_path.display());
            note.set_len(0)?;
            append(&mut note, order)?;
            return Ok(Self { done: 0, note, note_path, out, tally: Tally::default(), unsynced: 0 });
        }
        let earlier: Order = serde_json::from_slice(&line).with_context(|| note_path.display().to_string())?;
        if earlier != *order {
            bail!(
                "{}: an interrupted run of another input or algorithm; finish it, or remove it with its output",
                note_path.display()
            );
        }
        ensure!(done <= order.lines, "{}: the output has more lines than the input", note_path.display());
        let mut tally = Tally::default();
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)? as u64;
            if !line.ends_with(b"\n") {
                break;
            }
            let Ok(left) = serde_json::from_slice::<LeftLine>(&line) else { break };
            if left.line > done {
                break;
            }
            tally.add(left.line, left.why);
            kept += read;
        }
        // Lines that the output lacks are done again.
        out.set_len(bytes)?;
        note.set_len(kept)?;
        Ok(Self { done, note, note_path, out, tally, unsynced: 0 })
    }

    /// Lines in the output.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// A line that was moved.
    pub fn write(&mut self, line: &[u8]) -> Result<()> {
        let mut whole = Vec::with_capacity(line.len() + 1);
        whole.extend_from_slice(line);
        whole.push(b'\n');
        self.out.write_all(&whole).context("the output")?;
        self.done += 1;
        self.unsynced += 1;
        if self.unsynced >= LINES_UNSYNCED_MAX { self.sync() } else { Ok(()) }
    }

    /// A line that stays as it is.
    pub fn leave(&mut self, line: &[u8], why: Why) -> Result<()> {
        let number = self.done + 1;
        let left = LeftLine { line: number, why };
        append(&mut self.note, &left)?;
        self.tally.add(number, left.why);
        self.write(line)
    }

    pub fn sync(&mut self) -> Result<()> {
        self.note.sync_data()?;
        self.out.sync_data()?;
        self.unsynced = 0;
        Ok(())
    }

    /// All lines are in the output: the note goes away.
    pub fn finish(mut self) -> Result<Tally> {
        self.sync()?;
        std::fs::remove_file(&self.note_path).with_context(|| self.note_path.display().to_string())?;
        sync_folder(&self.note_path)?;
        Ok(self.tally)
    }
}

fn append(note: &mut File, value: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(note.write_all(&line)?)
}

fn lock(note: &File, path: &Path) -> Result<()> {
    rustix::fs::flock(note, FlockOperation::NonBlockingLockExclusive)
        .with_context(|| format!("{}: another run is at it", path.display()))
}

fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}

/// How many whole lines a file has, and how many bytes they take.
fn whole_lines(file: &mut File) -> Result<(u64, u64)> {
    file.seek(SeekFrom::Start(0))?;
    let (mut reader, mut lines, mut bytes, mut line) = (BufReader::new(file), 0, 0, Vec::new());
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Ok((lines, bytes));
        }
        lines += 1;
        bytes += read as u64;
    }
}
