//! The file that entries are appended to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How much of the file's end is read to find the last entry; an entry is far shorter.
const TAIL_BYTES: u64 = 256 * 1024;
/// What a probe writes: more than an entry takes, and a block of any file system's.
const PROBE_BYTES: usize = 4096;
const NAME: &str = "segment-00000001.jsonl";

/// Why the audit log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("audit log {path}: {cause}")]
    Io { path: PathBuf, cause: io::Error },
    #[error("audit log {path} is in use by another process; one broker writes one log")]
    InUse { path: PathBuf },
    #[error("audit log {path}: its last entry makes no sense ({problem}); move the file away to keep it, then start again")]
    Unreadable { path: PathBuf, problem: &'static str },
}

/// An append-only file that knows how much of it is durable.
pub struct Segment {
    file: File,
    path: PathBuf,
    durable_bytes: u64,
    /// Whether a failed append may have left bytes behind the durable ones.
    ragged: bool,
}

impl Segment {
    /// Opens or makes the log in a folder, cuts off what a crash left half-written (it was never acknowledged), and
    /// gives the number of the last entry (0 when there is none).
    pub fn open(dir: &Path) -> Result<(Self, u64), OpenError> {
        let path = dir.join(NAME);
        let io = |cause| OpenError::Io { path: path.clone(), cause };
        std::fs::create_dir_all(dir).map_err(io)?;
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path).map_err(io)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
            .map_err(|_busy| OpenError::InUse { path: path.clone() })?;
        let length = file.metadata().map_err(io)?.len();
        let tail_start = length.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(tail_start)).map_err(io)?;
        let mut tail = Vec::new();
        Read::by_ref(&mut file).take(TAIL_BYTES).read_to_end(&mut tail).map_err(io)?;
        let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole == 0 && tail_start > 0 {
            return Err(OpenError::Unreadable { path, problem: "no end of line in its last 256 KiB" });
        }
        let durable_bytes = tail_start + whole as u64;
        if durable_bytes < length {
            tracing::warn!(file = %path.display(), bytes = length - durable_bytes, "cut off a half-written entry that was never acknowledged");
            file.set_len(durable_bytes).map_err(io)?;
        }
        file.sync_all().map_err(io)?;
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)?;
        let last = last_sequence(&tail[..whole]).map_err(|problem| OpenError::Unreadable { path: path.clone(), problem })?;
        Ok((Self { file, path, durable_bytes, ragged: false }, last))
    }

    /// Appends whole lines and makes them durable, all or (as far as any reader is concerned) none.
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
    /// leaves a half-written line, which `open` cuts off.
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

    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn last_sequence(lines: &[u8]) -> Result<u64, &'static str> {
    let Some(end) = lines.len().checked_sub(1) else { return Ok(0) };
    let start = lines[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |before| before + 1);
    let entry: serde_json::Value = serde_json::from_slice(&lines[start..end]).map_err(|_| "it is not JSON")?;
    entry.get("seq").and_then(serde_json::Value::as_u64).ok_or("it has no sequence number")
}
