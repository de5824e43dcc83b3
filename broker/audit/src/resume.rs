//! Start-up: finds the end of the log, checks that it is the end that was written, and what was left open.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use broker_crypto::digest::sha256;
use broker_crypto::sign::SigningKey;

use crate::chain::{Digest, Head, Header, Link, LogId};
use crate::checkpoint::{self, Checkpoint, Checkpoints, ORIGIN};
use crate::folder::{Folder, Line, Lines};
use crate::intents::Leftover;
use crate::line;
use crate::notary::Vouch;
use crate::note::{Note, Signer};
use crate::pack;
use crate::refuse::OpenError;
use crate::segment::Segment;

/// A log that is ready to be written on.
pub struct Resumed {
    /// Held while the log is open.
    pub lock: File,
    pub log: LogId,
    pub segment: Segment,
    pub head: Head,
    /// The last entry, which is the head unless a segment has just begun.
    pub last: Vouch,
    /// The last entry that a checkpoint of the folder vouches for.
    pub vouched: u64,
    /// The greatest generation of the store in a checkpoint.
    pub generation: u64,
    /// Intents without an outcome.
    pub left: Vec<line::Line<'static>>,
    pub signer: Signer,
    /// Closed segments that are not compressed yet.
    pub unpacked: Vec<u32>,
}

/// Opens or makes the log in a folder. `known` are checkpoints that were kept elsewhere: the log must bear them out too.
///
/// # Errors
/// See [`OpenError`]; nothing was changed but for what a crash had left half-done.
pub fn resume(folder: &Folder, key: SigningKey, known: &[Note], now: &str) -> Result<Resumed, OpenError> {
    let io = OpenError::io(&folder.0);
    checkpoint::make_folder(&folder.0).map_err(&io)?;
    let lock = lock(folder)?;
    let segments: Vec<_> = folder.segments().map_err(&io)?.into_iter().collect();
    let unpacked = pack::tidy(folder, &segments).map_err(&io)?;
    let found = match segments.last() {
        None => None,
        Some((last, forms)) if forms.plain => find_end(folder, *last)?,
        Some((last, _)) => {
            let problem = format!("segment {last} is closed, and the one after it is missing");
            return Err(OpenError::altered(&folder.0, problem));
        }
    };
    let log = match &found {
        Some(end) => end.log,
        None => LogId(broker_crypto::random::random().map_err(|error| io(std::io::Error::other(error)))?),
    };
    let signer = Signer::new(format!("{ORIGIN}{log}"), key);
    let vouched = bear_out(folder, &signer, log, found.as_ref(), known)?;
    let published = is_key_published(folder, &signer)?;
    let end = match found {
        Some(end) => end,
        None => End::empty(log),
    };
    let mut head = end.head;
    let segment = match end.whole_bytes {
        Some(bytes) => Segment::resume(folder, end.segment, bytes).map_err(&io)?,
        None => {
            let header = Header::new(log, end.segment, &head, end.intents_from, now.to_owned());
            head.digest = sha256(&header.line());
            Segment::begin(folder, &header).map_err(&io)?
        }
    };
    if !published {
        // After the header: a log that was never begun leaves no key of its own in the way of the one that will be.
        let (path, text) = (folder.public_key(), public_key(&signer));
        checkpoint::replace(&path, text.as_bytes()).map_err(OpenError::io(&path))?;
    }
    let last = Vouch { head: end.last_entry, segment: end.last_entry_segment };
    let (vouched, generation) = vouched;
    let left = end.left.into_lines();
    Ok(Resumed { lock, log, segment, head, last, vouched, generation, left, signer, unpacked })
}

fn lock(folder: &Folder) -> Result<File, OpenError> {
    let path = folder.lock();
    let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(OpenError::io(&path))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .map_err(|_busy| OpenError::InUse { path: folder.0.clone() })?;
    Ok(file)
}

/// Where the log ends.
struct End {
    log: LogId,
    segment: u32,
    /// How much of the segment's file is whole lines; none when the segment has yet to begin.
    whole_bytes: Option<u64>,
    head: Head,
    last_entry: Head,
    last_entry_segment: u32,
    intents_from: u32,
    left: Leftover,
    /// The digests of the last segment's entries, and of the entry before them.
    entries: BTreeMap<u64, Digest>,
}

impl End {
    fn empty(log: LogId) -> Self {
        let head = Head { sequence: 0, digest: log.genesis() };
        Self {
            log,
            segment: 1,
            whole_bytes: None,
            head,
            last_entry: head,
            last_entry_segment: 1,
            intents_from: 1,
            left: Leftover::default(),
            entries: BTreeMap::new(),
        }
    }
}

/// None when the only segment has no header yet: the log was being made.
fn find_end(folder: &Folder, last: u32) -> Result<Option<End>, OpenError> {
    let mut left = Leftover::default();
    let path = folder.plain(last);
    if let Some(header) = header(&path)? {
        for older in header.intents_from..last {
            walk(folder, older, &mut left)?;
        }
        return walk(folder, last, &mut left).map(|mut end| {
            end.left = left;
            Some(end)
        });
    }
    if last == 1 {
        return Ok(None);
    }
    // A crash came between the making of the file and its header: the segment before it is the log's end.
    let (before, _) = folder.open(last - 1).map_err(OpenError::io(&path))?;
    let header = header(&before)?.ok_or_else(|| OpenError::unreadable(&before, "first line"))?;
    for older in header.intents_from..last - 1 {
        walk(folder, older, &mut left)?;
    }
    let mut end = walk(folder, last - 1, &mut left)?;
    (end.left, end.segment, end.whole_bytes) = (left, last, None);
    Ok(Some(end))
}

/// The header of a segment; none when not even that is whole.
fn header(path: &Path) -> Result<Option<Header>, OpenError> {
    let mut lines = Lines::open(path).map_err(OpenError::io(path))?;
    match lines.next().map_err(OpenError::io(path))? {
        Some(Line::Whole(line)) => {
            Header::parse(line).map(Some).ok_or_else(|| OpenError::unreadable(path, "first line"))
        }
        Some(Line::Torn(_)) | None => Ok(None),
    }
}

/// Reads a segment and checks its chain from its header on.
fn walk(folder: &Folder, segment: u32, left: &mut Leftover) -> Result<End, OpenError> {
    let (path, mut lines) = folder.open(segment).map_err(OpenError::io(&folder.plain(segment)))?;
    let io = OpenError::io(&path);
    let unreadable = || OpenError::unreadable(&path, "first line");
    let Some(Line::Whole(first)) = lines.next().map_err(&io)? else { return Err(unreadable()) };
    let header = Header::parse(first).filter(|header| header.segment == segment && header.first > 0);
    let header = header.ok_or_else(unreadable)?;
    let (log, previous) = header.log().zip(header.previous()).ok_or_else(unreadable)?;
    let mut whole_bytes = first.len() as u64 + 1;
    let mut head = Head { sequence: header.first - 1, digest: sha256(first) };
    let mut last_entry = Head { sequence: header.first - 1, digest: previous };
    let mut entries = BTreeMap::from([(last_entry.sequence, last_entry.digest)]);
    loop {
        let number = lines.number + 1;
        let Some(Line::Whole(line)) = lines.next().map_err(&io)? else { break };
        let expected = Link { sequence: head.sequence + 1, previous: head.digest };
        if Link::of(line) != Some(expected) {
            let problem = format!("line {number} does not follow from line {}", number - 1);
            return Err(OpenError::altered(&path, problem));
        }
        head = Head { sequence: expected.sequence, digest: sha256(line) };
        last_entry = head;
        entries.insert(head.sequence, head.digest);
        left.note(head.sequence, line);
        whole_bytes += line.len() as u64 + 1;
    }
    Ok(End {
        log,
        segment,
        whole_bytes: Some(whole_bytes),
        head,
        last_entry_segment: if last_entry.sequence < header.first { segment.max(2) - 1 } else { segment },
        last_entry,
        intents_from: header.intents_from,
        left: Leftover::default(),
        entries,
    })
}

/// Checks the log's end against every checkpoint; gives the last entry that one of the folder's own vouches for, and the
/// greatest generation of the store.
fn bear_out(
    folder: &Folder,
    signer: &Signer,
    log: LogId,
    end: Option<&End>,
    known: &[Note],
) -> Result<(u64, u64), OpenError> {
    let dir = folder.checkpoints();
    let mut own: Vec<(PathBuf, Note)> = Vec::new();
    for (path, notes) in Checkpoints::read(&dir).map_err(OpenError::io(&dir))? {
        let notes = notes.ok_or_else(|| OpenError::unreadable(&path, "text"))?;
        own.extend(notes.into_iter().map(|note| (path.clone(), note)));
    }
    let elsewhere = known.iter().map(|note| (PathBuf::from("a checkpoint kept elsewhere"), note.clone()));
    let (verifier, count) = (signer.verifier(), own.len());
    let (mut vouched, mut generation) = (0, 0);
    for (index, (path, note)) in own.into_iter().chain(elsewhere).enumerate() {
        let is_own = index < count;
        let checkpoint = Checkpoint::parse(&note.text).ok_or_else(|| OpenError::unreadable(&path, "text"))?;
        if checkpoint.log != log && !is_own {
            tracing::warn!(theirs = %checkpoint.log, ours = %log, "checkpoints kept elsewhere are of another audit log than the one in this folder");
            continue;
        }
        if checkpoint.log != log || !verifier.signed(&note) {
            return Err(OpenError::altered(&path, "there is a checkpoint that this broker did not sign for this log"));
        }
        let Head { sequence, digest } = checkpoint.head;
        let last = end.map_or(0, |end| end.head.sequence);
        if sequence > last {
            let problem = format!("it ends at entry {last}, but a checkpoint vouches for entry {sequence}");
            return Err(OpenError::altered(&folder.0, problem));
        }
        if end.and_then(|end| end.entries.get(&sequence)).is_some_and(|found| *found != digest) {
            let problem = format!("entry {sequence} is not the one that a checkpoint vouches for");
            return Err(OpenError::altered(&folder.0, problem));
        }
        generation = generation.max(checkpoint.generation);
        vouched = if is_own { vouched.max(sequence) } else { vouched };
    }
    Ok((vouched, generation))
}

/// What stands in `audit.pub`: the public half of the signing key, with which anyone can verify the log.
fn public_key(signer: &Signer) -> String {
    format!("{}\n", signer.verifier().text())
}

/// Whether the public half of the signing key is in the folder.
///
/// # Errors
/// Another key is.
fn is_key_published(folder: &Folder, signer: &Signer) -> Result<bool, OpenError> {
    let path = folder.public_key();
    match fs::read_to_string(&path) {
        Ok(found) if found == public_key(signer) => Ok(true),
        Ok(_) => {
            Err(OpenError::altered(&path, "it is not the public half of the key that this broker's store signs with"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(OpenError::Io { path, cause }),
    }
}
