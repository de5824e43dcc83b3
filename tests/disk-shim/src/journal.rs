//! What a power cut takes back: everything that was done to files and folders since the last sync of each.
//!
//! The model is what POSIX promises, no more: a file's bytes and length are safe after its own sync, a name after a sync of
//! the folder that it stands in. A disk writes sectors whole or not at all, and in any order.

use std::collections::HashMap;
use std::ffi::{CString, c_int};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use libc::off_t;

use crate::real;

/// What a disk writes at once.
const SECTOR_BYTES: usize = 512;

/// A file, by device and number: names change.
type Inode = (u64, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A sync made it safe, but something before it is not.
    Durable,
    /// A sync failed: it never will be safe.
    Lost,
    Pending,
}

/// A change of a file's bytes: first its length was set, then bytes were put there.
struct Change {
    number: u64,
    state: State,
    offset: usize,
    bytes: Vec<u8>,
    /// Set by a truncation alone.
    length: Option<usize>,
    length_before: usize,
    /// What stood at the offset, or behind the new length.
    before: Vec<u8>,
    before_at: usize,
}

/// A change of names.
enum Naming {
    Made(PathBuf),
    Renamed { from: PathBuf, to: PathBuf, stash: Option<PathBuf> },
    Unlinked { path: PathBuf, stash: PathBuf },
}

struct Step {
    number: u64,
    folder: PathBuf,
    naming: Naming,
}

/// Everything that is not durable yet.
pub struct Journal {
    folder: PathBuf,
    /// Where files wait that have no name any more but may get it back. On the same file system.
    stash: PathBuf,
    stashed: u64,
    number: u64,
    files: HashMap<Inode, Vec<Change>>,
    steps: Vec<Step>,
}

impl Journal {
    pub fn new(folder: PathBuf, stash: PathBuf) -> Self {
        Self { folder, stash, stashed: 0, number: 0, files: HashMap::new(), steps: Vec::new() }
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// What was done so far: a sync that begins now makes this durable.
    pub const fn mark(&self) -> u64 {
        self.number
    }

    // ---- files --------------------------------------------------------------------------------------------------

    /// Remembers what stands where bytes are about to be put.
    pub fn before_write(&mut self, fd: c_int, offset: usize, bytes: &[u8]) -> Option<Pending> {
        let (inode, length_before) = inode_of(fd)?;
        let before = read(fd, offset, bytes.len().min(length_before.saturating_sub(offset)))?;
        Some(Pending { inode, offset, length: None, length_before, before, before_at: offset })
    }

    /// Remembers what is about to be cut off.
    pub fn before_truncate(&mut self, fd: c_int, length: usize) -> Option<Pending> {
        let (inode, length_before) = inode_of(fd)?;
        let before = read(fd, length, length_before.saturating_sub(length))?;
        Some(Pending { inode, offset: 0, length: Some(length), length_before, before, before_at: length })
    }

    /// It was done, and these are the bytes that came of it.
    pub fn done(&mut self, pending: Option<Pending>, bytes: &[u8]) {
        let Some(pending) = pending else { return };
        let Pending { inode, offset, length, length_before, mut before, before_at } = pending;
        if length.is_none() {
            before.truncate(bytes.len());
        }
        let (number, bytes) = (self.next(), bytes.to_vec());
        let change = Change { number, state: State::Pending, offset, bytes, length, length_before, before, before_at };
        self.files.entry(inode).or_default().push(change);
    }

    /// A sync of a file or folder came to its end.
    pub fn synced(&mut self, fd: c_int, path: &Path, mark: u64, state: Synced) {
        if path.is_dir() {
            if matches!(state, Synced::Well) {
                self.folder_synced(path, mark);
            }
            return;
        }
        let Some((inode, _)) = inode_of(fd) else { return };
        let Some(changes) = self.files.get_mut(&inode) else { return };
        for change in changes.iter_mut().filter(|change| change.number <= mark && change.state == State::Pending) {
            change.state = match state {
                Synced::Lost => State::Lost,
                Synced::Well => State::Durable,
            };
        }
        let safe = changes.iter().take_while(|change| change.state == State::Durable).count();
        changes.drain(..safe);
        if changes.is_empty() {
            self.files.remove(&inode);
        }
    }

    // ---- names --------------------------------------------------------------------------------------------------

    /// A file or folder of this name was made.
    pub fn made(&mut self, path: PathBuf) {
        self.step(path.clone(), Naming::Made(path));
    }

    /// Keeps what is about to lose its name; none when nothing has it.
    pub fn stash(&mut self, path: &Path) -> Option<PathBuf> {
        if !path.is_file() {
            return None;
        }
        self.stashed += 1;
        let stash = self.stash.join(self.stashed.to_string());
        real::link(libc::AT_FDCWD, &c(path), libc::AT_FDCWD, &c(&stash), 0).ok()?;
        Some(stash)
    }

    pub fn renamed(&mut self, from: PathBuf, to: PathBuf, stash: Option<PathBuf>) {
        self.step(to.clone(), Naming::Renamed { from, to, stash });
    }

    pub fn unlinked(&mut self, path: PathBuf, stash: PathBuf) {
        self.step(path.clone(), Naming::Unlinked { path, stash });
    }

    /// What was stashed for a call that failed.
    pub fn unstash(&self, stash: Option<PathBuf>) {
        if let Some(stash) = stash {
            let _gone = real::unlink(libc::AT_FDCWD, &c(&stash), 0);
        }
    }

    fn step(&mut self, path: PathBuf, naming: Naming) {
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let number = self.next();
        self.steps.push(Step { number, folder, naming });
    }

    fn folder_synced(&mut self, folder: &Path, mark: u64) {
        let (durable, rest) = std::mem::take(&mut self.steps)
            .into_iter()
            .partition::<Vec<_>, _>(|step| step.folder == folder && step.number <= mark);
        self.steps = rest;
        for step in durable {
            let stash = match step.naming {
                Naming::Made(_) => None,
                Naming::Renamed { stash, .. } => stash,
                Naming::Unlinked { stash, .. } => Some(stash),
            };
            let Some(stash) = stash else { continue };
            // The number may be another file's soon.
            if let Ok(found) = fs::metadata(&stash)
                && found.nlink() == 1
            {
                self.files.remove(&(found.dev(), found.ino()));
            }
            self.unstash(Some(stash));
        }
    }

    // ---- the cut ------------------------------------------------------------------------------------------------

    /// Leaves on the disk what a power cut leaves there. Nothing may run after it.
    pub fn cut(&mut self, seed: Option<u64>) {
        let mut chance = seed.map(Chance);
        // Names are kept in the order in which they were given, as far as they are kept: file systems journal them.
        let kept = chance.as_mut().map_or(0, |chance| chance.below(self.steps.len() + 1));
        for step in self.steps.drain(..).skip(kept).collect::<Vec<_>>().into_iter().rev() {
            take_back(step.naming);
        }
        let mut paths = HashMap::new();
        find(&self.folder, &mut paths);
        // In an order of their own, or the same seed would tell another story each time.
        let mut files: Vec<_> = self.files.drain().filter_map(|(inode, c)| Some((paths.remove(&inode)?, c))).collect();
        files.sort_by(|one, other| one.0.cmp(&other.0));
        for (path, changes) in files {
            rewind(&path, &changes, &mut chance);
        }
    }
}

/// What a call is about to change.
pub struct Pending {
    inode: Inode,
    offset: usize,
    length: Option<usize>,
    length_before: usize,
    before: Vec<u8>,
    before_at: usize,
}

/// How a sync ended.
#[derive(Clone, Copy)]
pub enum Synced {
    Lost,
    Well,
}

fn take_back(naming: Naming) {
    let at = libc::AT_FDCWD;
    // What cannot be taken back was taken back with something else.
    let _gone = match naming {
        Naming::Made(path) if path.is_dir() => fs::remove_dir_all(&path).map(|()| 0),
        Naming::Made(path) => real::unlink(at, &c(&path), 0),
        Naming::Renamed { from, to, stash } => real::rename(at, &c(&to), at, &c(&from), 0)
            .and_then(|_| stash.map_or(Ok(0), |stash| real::rename(at, &c(&stash), at, &c(&to), 0))),
        Naming::Unlinked { path, stash } => real::rename(at, &c(&stash), at, &c(&path), 0),
    };
}

fn find(folder: &Path, into: &mut HashMap<Inode, PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(found) = entry.metadata() else { continue };
        if found.is_dir() {
            find(&entry.path(), into);
        } else {
            into.insert((found.dev(), found.ino()), entry.path());
        }
    }
}

/// Takes every change back that is not safe: all are undone, the last one first, and what survives is done again.
fn rewind(path: &Path, changes: &[Change], chance: &mut Option<Chance>) {
    let Ok(mut bytes) = fs::read(path) else { return };
    for change in changes.iter().rev() {
        bytes.resize(change.length_before, 0);
        put(&mut bytes, change.before_at, &change.before);
    }
    for change in changes {
        match (change.state, &mut *chance) {
            (State::Durable, _) => redo(&mut bytes, change, |_| true),
            (State::Lost | State::Pending, None) => {}
            (State::Lost | State::Pending, Some(chance)) => {
                let rate = chance.below(3);
                redo(&mut bytes, change, |_| chance.below(2) < rate);
            }
        }
    }
    if let Ok(fd) = real::open(libc::AT_FDCWD, &c(path), libc::O_RDWR | libc::O_CLOEXEC, 0) {
        let _cut = real::truncate(fd, 0);
        let mut written = 0;
        while written < bytes.len() {
            match real::pwrite(fd, &bytes[written..], offset(written)) {
                Ok(more) if more > 0 => written += more,
                _ => return,
            }
        }
    }
}

/// Does a change again, as far as `survives` says of each sector, a truncation as a whole.
fn redo(bytes: &mut Vec<u8>, change: &Change, mut survives: impl FnMut(usize) -> bool) {
    if let Some(length) = change.length {
        if survives(0) {
            bytes.resize(length, 0);
        }
        return;
    }
    let mut at = change.offset;
    let mut rest = change.bytes.as_slice();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(SECTOR_BYTES - at % SECTOR_BYTES));
        if survives(at / SECTOR_BYTES) {
            put(bytes, at, piece);
        }
        (at, rest) = (at + piece.len(), after);
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    if piece.is_empty() {
        return;
    }
    if bytes.len() < at + piece.len() {
        bytes.resize(at + piece.len(), 0);
    }
    bytes[at..at + piece.len()].copy_from_slice(piece);
}

/// The file behind a descriptor, and its length.
fn inode_of(fd: c_int) -> Option<(Inode, usize)> {
    let found = fs::metadata(format!("/proc/self/fd/{fd}")).ok().filter(fs::Metadata::is_file)?;
    Some(((found.dev(), found.ino()), usize::try_from(found.len()).ok()?))
}

fn read(fd: c_int, at: usize, bytes: usize) -> Option<Vec<u8>> {
    let mut into = vec![0; bytes];
    if bytes == 0 {
        return Some(into);
    }
    if real::flags(fd) & libc::O_ACCMODE != libc::O_WRONLY {
        let got = real::pread(fd, &mut into, offset(at)).ok()?;
        into.truncate(got);
        return Some(into);
    }
    // SQLite never opens a file for writing alone, so no lock of its is lost by the closing of this.
    let path = CString::new(format!("/proc/self/fd/{fd}")).ok()?;
    let readable = real::open(libc::AT_FDCWD, &path, libc::O_RDONLY | libc::O_CLOEXEC, 0).ok()?;
    let got = real::pread(readable, &mut into, offset(at));
    real::close(readable);
    into.truncate(got.ok()?);
    Some(into)
}

fn offset(at: usize) -> off_t {
    off_t::try_from(at).unwrap_or(off_t::MAX)
}

/// A path has no zero in it: the kernel gave it, or a caller of C.
fn c(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}

/// xorshift64*.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = if self.0 == 0 { 0x9E37_79B9_7F4A_7C15 } else { self.0 };
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap_or(0) % limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Seek as _, SeekFrom, Write as _};
    use std::os::fd::AsRawFd as _;

    use super::*;

    /// A folder, and what the shim does around each call to it.
    struct Bench {
        place: tempfile::TempDir,
        journal: Journal,
    }

    impl Bench {
        fn new() -> Self {
            let place = tempfile::tempdir().unwrap();
            fs::create_dir(place.path().join("stash")).unwrap();
            fs::create_dir(place.path().join("home")).unwrap();
            let journal = Journal::new(place.path().join("home"), place.path().join("stash"));
            Self { place, journal }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.place.path().join("home").join(name)
        }

        fn file(&mut self, name: &str) -> File {
            let path = self.path(name);
            let file = File::create(&path).unwrap();
            self.journal.made(path);
            file
        }

        fn write(&mut self, file: &mut File, at: usize, bytes: &[u8]) {
            let before = self.journal.before_write(file.as_raw_fd(), at, bytes);
            file.seek(SeekFrom::Start(at as u64)).unwrap();
            file.write_all(bytes).unwrap();
            self.journal.done(before, bytes);
        }

        fn sync(&mut self, name: &str, how: Synced) {
            let path = self.path(name);
            let file = File::open(&path).unwrap();
            self.journal.synced(file.as_raw_fd(), &path, self.journal.mark(), how);
        }

        fn read(&self, name: &str) -> Option<Vec<u8>> {
            fs::read(self.path(name)).ok()
        }
    }

    #[test]
    fn bytes_are_safe_after_their_own_sync_and_names_after_their_folders() {
        let mut bench = Bench::new();
        let mut kept = bench.file("kept");
        bench.write(&mut kept, 0, b"synced");
        bench.sync("kept", Synced::Well);
        bench.sync("", Synced::Well);
        bench.write(&mut kept, 3, b"later");
        let mut nameless = bench.file("nameless");
        bench.write(&mut nameless, 0, b"synced");
        bench.sync("nameless", Synced::Well);
        bench.journal.cut(None);
        assert_eq!(bench.read("kept").unwrap(), b"synced");
        assert_eq!(bench.read("nameless"), None, "its folder was never synced");
    }

    #[test]
    fn what_a_failed_sync_lost_no_later_one_brings_back() {
        let mut bench = Bench::new();
        let mut file = bench.file("f");
        bench.write(&mut file, 0, b"aaaa");
        bench.sync("f", Synced::Well);
        bench.sync("", Synced::Well);
        bench.write(&mut file, 0, b"bb");
        bench.sync("f", Synced::Lost);
        bench.write(&mut file, 3, b"cc");
        bench.sync("f", Synced::Well);
        bench.journal.cut(None);
        assert_eq!(bench.read("f").unwrap(), b"aaacc");
    }

    #[test]
    fn a_file_that_lost_its_name_has_it_again() {
        let mut bench = Bench::new();
        let mut old = bench.file("f");
        bench.write(&mut old, 0, b"old");
        bench.sync("f", Synced::Well);
        let mut new = bench.file("f.tmp");
        bench.write(&mut new, 0, b"new");
        bench.sync("f.tmp", Synced::Well);
        bench.sync("", Synced::Well);
        let stash = bench.journal.stash(&bench.path("f"));
        fs::rename(bench.path("f.tmp"), bench.path("f")).unwrap();
        bench.journal.renamed(bench.path("f.tmp"), bench.path("f"), stash);
        let stash = bench.journal.stash(&bench.path("f")).unwrap();
        fs::remove_file(bench.path("f")).unwrap();
        bench.journal.unlinked(bench.path("f"), stash);
        bench.journal.cut(None);
        assert_eq!((bench.read("f").unwrap(), bench.read("f.tmp").unwrap()), (b"old".to_vec(), b"new".to_vec()));
    }

    #[test]
    fn sectors_survive_one_by_one_and_the_same_seed_tells_the_same_story() {
        let survivors = |seed| {
            let mut bench = Bench::new();
            let mut file = bench.file("f");
            bench.sync("", Synced::Well);
            bench.write(&mut file, 0, &[1; SECTOR_BYTES * 20]);
            bench.journal.cut(Some(seed));
            bench.read("f").unwrap()
        };
        let torn = |bytes: &[u8]| bytes.chunks(SECTOR_BYTES).all(|sector| sector.iter().all(|byte| *byte == sector[0]));
        let all: Vec<_> = (1..40).map(survivors).collect();
        assert_eq!(all, (1..40).map(survivors).collect::<Vec<_>>());
        assert!(all.iter().all(|bytes| torn(bytes)));
        assert!(all.iter().any(|bytes| bytes.contains(&0) && bytes.contains(&1)), "some of it");
        assert!(all.iter().any(Vec::is_empty) && all.iter().any(|bytes| bytes.len() == SECTOR_BYTES * 20));
    }
}
