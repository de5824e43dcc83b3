//! Stands between a process and its disk (LD_PRELOAD), and breaks writes, syncs and renames in one folder as it is told.
//!
//! `DISK_SHIM_FOLDER` names the folder, `DISK_SHIM_ORDER` the file that says what is to go wrong (see [`order`]),
//! `DISK_SHIM_STASH` an empty folder on the same file system, `DISK_SHIM_TRACE` a file that gets a line for each call that
//! was counted. With `DISK_SHIM_CUT_AT_EXIT`, the power fails when the process has ended. `DISK_SHIM_CLOCK` names a file
//! with the seconds by which the clock is wrong. It serves tests alone.
//!
//! It sees what goes through the C library: Rust's standard library and SQLite do. It does not see memory that is mapped:
//! SQLite's `-shm` alone, which the first connection after a crash makes anew, and which is left out here.
#![allow(unsafe_code)] // stands in for functions of C

mod journal;
mod order;
mod real;

use std::cell::Cell;
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use journal::{Journal, Synced};
use libc::{mode_t, off_t, size_t, ssize_t};
use order::{Call, Count, Fault};

/// An order is far shorter.
const ORDER_BYTES_MAX: usize = 256;
const PATH_BYTES_MAX: usize = 4096;

struct Shim {
    folder: PathBuf,
    order: CString,
    trace: c_int,
    state: Mutex<State>,
}

struct State {
    count: Count,
    journal: Journal,
}

thread_local! {
    /// Whether this thread is at work in here: what it calls then is meant as it is.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// None where nothing is to be watched.
fn shim() -> Option<&'static Shim> {
    static SHIM: OnceLock<Option<Shim>> = OnceLock::new();
    if INSIDE.get() {
        return None;
    }
    SHIM.get_or_init(|| {
        let path = |variable| std::env::var_os(variable).map(PathBuf::from);
        let folder = path("DISK_SHIM_FOLDER")?;
        let trace = CString::new(path("DISK_SHIM_TRACE")?.as_os_str().as_bytes()).ok()?;
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
        let trace = real::open(libc::AT_FDCWD, &trace, flags, 0o600).ok()?;
        let order = CString::new(path("DISK_SHIM_ORDER")?.as_os_str().as_bytes()).ok()?;
        let journal = Journal::new(folder.clone(), path("DISK_SHIM_STASH")?);
        if path("DISK_SHIM_CUT_AT_EXIT").is_some() {
            // SAFETY: the function is there as long as this library, which is never unloaded.
            unsafe { libc::atexit(cut_at_exit) };
        }
        Some(Shim { folder, order, trace, state: Mutex::new(State { count: Count::default(), journal }) })
    })
    .as_ref()
}

extern "C" fn cut_at_exit() {
    if let Some(shim) = shim() {
        shim.enter().state.journal.cut(None);
    }
}

/// The one thread that is at work in here.
struct Inside {
    state: MutexGuard<'static, State>,
    shim: &'static Shim,
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

impl Shim {
    fn enter(&'static self) -> Inside {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        INSIDE.set(true);
        Inside { state, shim: self }
    }

    /// Whether a path is in the folder, and no socket nor what SQLite maps into memory.
    fn watches(&self, path: &Path) -> bool {
        let name = path.as_os_str().as_bytes();
        path.starts_with(&self.folder) && !name.ends_with(b"-shm") && !name.ends_with(b" (deleted)")
    }

    /// The path behind a descriptor, if it is watched.
    fn path_of(&self, fd: c_int) -> Option<PathBuf> {
        let mut link = [0; 40];
        let mut place = [0; PATH_BYTES_MAX];
        let path = real::read_link(link_of(fd, &mut link), &mut place)?;
        let path = Path::new(OsStr::from_bytes(path));
        self.watches(path).then(|| path.to_owned())
    }

    /// The path that a call names, if it is watched.
    fn path_at(&self, at: c_int, path: &CStr) -> Option<PathBuf> {
        let named = Path::new(OsStr::from_bytes(path.to_bytes()));
        if named.is_absolute() {
            return self.watches(named).then(|| named.to_owned());
        }
        let base = match at {
            libc::AT_FDCWD => std::env::current_dir().ok()?,
            fd => {
                let (mut link, mut place) = ([0; 40], [0; PATH_BYTES_MAX]);
                PathBuf::from(OsStr::from_bytes(real::read_link(link_of(fd, &mut link), &mut place)?))
            }
        };
        let whole = base.join(named);
        self.watches(&whole).then_some(whole)
    }
}

/// `/proc/self/fd/N`, without memory of its own: a signal may have interrupted anything.
fn link_of(fd: c_int, into: &mut [u8; 40]) -> &CStr {
    use io::Write as _;
    let mut rest = &mut into[..];
    // It fits; if it did not, the path would be of nothing.
    let _full = write!(rest, "/proc/self/fd/{fd}\0");
    CStr::from_bytes_until_nul(into).unwrap_or_default()
}

impl Inside {
    /// Counts a call and gives what happens to it; what kills has killed when this returns.
    fn next(&mut self, call: Call, path: &Path) -> Option<Fault> {
        let mut text = [0; ORDER_BYTES_MAX];
        let length =
            real::open(libc::AT_FDCWD, &self.shim.order, libc::O_RDONLY | libc::O_CLOEXEC, 0).map_or(0, |fd| {
                let read = real::pread(fd, &mut text, 0).unwrap_or(0);
                real::close(fd);
                read
            });
        let order = std::str::from_utf8(&text[..length]).unwrap_or_default();
        let (number, fault) = self.state.count.next(order, call);
        let name = path.strip_prefix(&self.shim.folder).unwrap_or(path).display();
        let met = fault.map(|fault| format!(" {fault:?}")).unwrap_or_default();
        // One call for the line, so that it is whole.
        let _full = real::write(self.shim.trace, format!("{number} {} {name}{met}\n", call.word()).as_bytes());
        match fault {
            Some(Fault::Cut { seed }) => {
                self.state.journal.cut(seed);
                real::die()
            }
            Some(Fault::Kill) => real::die(),
            other => other,
        }
    }
}

/// What C calls an error: -1, and its number where C looks for it.
fn failed(code: c_int) -> c_int {
    // SAFETY: the C library gives each thread a place for its error.
    unsafe { *libc::__errno_location() = code };
    -1
}

fn answer(result: io::Result<usize>) -> ssize_t {
    match result {
        Ok(count) => ssize_t::try_from(count).unwrap_or(ssize_t::MAX),
        Err(error) => failed(error.raw_os_error().unwrap_or(libc::EIO)) as ssize_t,
    }
}

fn code(result: io::Result<usize>) -> c_int {
    match result {
        Ok(_) => 0,
        Err(error) => failed(error.raw_os_error().unwrap_or(libc::EIO)),
    }
}

/// A call that names something and has no bytes: fails, is done, or is done as the last thing.
fn plain(fault: Option<Fault>, act: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
    match fault {
        Some(Fault::Fail(code)) => Err(io::Error::from_raw_os_error(code)),
        Some(Fault::Lose) => Err(io::Error::from_raw_os_error(libc::EIO)),
        Some(Fault::KillAfter) => {
            let _nobody_hears = act();
            real::die()
        }
        Some(Fault::KillHalf) => real::die(),
        Some(Fault::Cut { .. } | Fault::Kill | Fault::Lie | Fault::Short) | None => act(),
    }
}

// ---- bytes ------------------------------------------------------------------------------------------------------

fn put(fd: c_int, bytes: &[u8], at: Option<off_t>) -> io::Result<usize> {
    match at {
        Some(at) => real::pwrite(fd, bytes, at),
        None => real::write(fd, bytes),
    }
}

fn written(fd: c_int, bytes: &[u8], at: Option<off_t>) -> io::Result<usize> {
    let Some((shim, path)) = shim().and_then(|shim| Some((shim, shim.path_of(fd)?))) else {
        return put(fd, bytes, at);
    };
    let mut inside = shim.enter();
    let fault = inside.next(Call::Write, &path);
    let start = match at {
        _ if real::flags(fd) & libc::O_APPEND != 0 => std::fs::metadata(&path).map_or(0, |found| found.len() as usize),
        Some(at) => usize::try_from(at).unwrap_or(0),
        None => real::seek(fd, 0, libc::SEEK_CUR).unwrap_or(0),
    };
    let half = &bytes[..bytes.len().div_ceil(2)];
    let bytes = if matches!(fault, Some(Fault::KillHalf | Fault::Short)) { half } else { bytes };
    plain(fault.filter(|fault| *fault != Fault::KillHalf), || {
        let before = inside.state.journal.before_write(fd, start, bytes);
        let count = put(fd, bytes, at)?;
        inside.state.journal.done(before, &bytes[..count]);
        if fault == Some(Fault::KillHalf) {
            real::die();
        }
        Ok(count)
    })
}

/// # Safety
/// As write(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, count: size_t) -> ssize_t {
    // SAFETY: by contract `bytes` is readable for `count` bytes.
    answer(written(fd, unsafe { slice(bytes, count) }, None))
}

/// # Safety
/// As pwrite(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, bytes: *const c_void, count: size_t, at: off_t) -> ssize_t {
    // SAFETY: by contract `bytes` is readable for `count` bytes.
    answer(written(fd, unsafe { slice(bytes, count) }, Some(at)))
}

/// # Safety
/// As pwrite(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, bytes: *const c_void, count: size_t, at: off_t) -> ssize_t {
    // SAFETY: by contract `bytes` is readable for `count` bytes.
    answer(written(fd, unsafe { slice(bytes, count) }, Some(at)))
}

/// # Safety
/// As writev(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, pieces: *const libc::iovec, count: c_int) -> ssize_t {
    if shim().and_then(|shim| shim.path_of(fd)).is_none() {
        // SAFETY: the caller's own arguments, to the call that it meant.
        let gave = unsafe { libc::syscall(libc::SYS_writev, fd, pieces, count) };
        return ssize_t::try_from(gave).unwrap_or(-1);
    }
    let mut bytes = Vec::new();
    for index in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: by contract there are `count` pieces, each readable for its length.
        bytes.extend_from_slice(unsafe {
            let piece = *pieces.add(index);
            slice(piece.iov_base, piece.iov_len)
        });
    }
    answer(written(fd, &bytes, None))
}

/// # Safety
/// `bytes` is readable for `count` bytes as long as the slice is used.
unsafe fn slice<'a>(bytes: *const c_void, count: size_t) -> &'a [u8] {
    if bytes.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: by contract.
    unsafe { std::slice::from_raw_parts(bytes.cast(), count) }
}

fn truncated(fd: c_int, length: off_t) -> c_int {
    let Some((shim, path)) = shim().and_then(|shim| Some((shim, shim.path_of(fd)?))) else {
        return code(real::truncate(fd, length));
    };
    let mut inside = shim.enter();
    let fault = inside.next(Call::Truncate, &path);
    code(plain(fault, || {
        let before = inside.state.journal.before_truncate(fd, usize::try_from(length).unwrap_or(0));
        real::truncate(fd, length).inspect(|_| inside.state.journal.done(before, &[]))
    }))
}

/// As ftruncate(2).
#[unsafe(no_mangle)]
pub extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    truncated(fd, length)
}

/// As ftruncate(2).
#[unsafe(no_mangle)]
pub extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    truncated(fd, length)
}

/// Refused in the folder, so that whoever asks writes zeros instead, which are seen.
fn allocated(fd: c_int, mode: c_int, at: off_t, length: off_t) -> io::Result<usize> {
    if shim().and_then(|shim| shim.path_of(fd)).is_some() {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    }
    // SAFETY: no memory is handed over.
    let gave = unsafe { libc::syscall(libc::SYS_fallocate, fd, mode, at, length) };
    usize::try_from(gave).map_err(|_| io::Error::last_os_error())
}

/// As fallocate(2).
#[unsafe(no_mangle)]
pub extern "C" fn fallocate(fd: c_int, mode: c_int, at: off_t, length: off_t) -> c_int {
    code(allocated(fd, mode, at, length))
}

/// As fallocate(2).
#[unsafe(no_mangle)]
pub extern "C" fn fallocate64(fd: c_int, mode: c_int, at: off_t, length: off_t) -> c_int {
    code(allocated(fd, mode, at, length))
}

/// Refused everywhere, so that whoever asks copies through its own memory, which is seen.
///
/// # Safety
/// As copy_file_range(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_file_range(
    _from: c_int,
    _from_at: *mut off_t,
    _to: c_int,
    _to_at: *mut off_t,
    _length: size_t,
    _flags: u32,
) -> ssize_t {
    failed(libc::ENOSYS) as ssize_t
}

fn synced(fd: c_int, data_alone: bool) -> c_int {
    let Some((shim, path)) = shim().and_then(|shim| Some((shim, shim.path_of(fd)?))) else {
        return code(real::sync(fd, data_alone));
    };
    let mut inside = shim.enter();
    let fault = inside.next(Call::Sync, &path);
    let mark = inside.state.journal.mark();
    if fault == Some(Fault::Lose) {
        inside.state.journal.synced(fd, &path, mark, Synced::Lost);
    }
    if fault == Some(Fault::Lie) {
        return 0;
    }
    // Others go on meanwhile, and what they write need not be safe then.
    drop(inside);
    code(plain(fault, || {
        let gave = real::sync(fd, data_alone)?;
        shim.enter().state.journal.synced(fd, &path, mark, Synced::Well);
        Ok(gave)
    }))
}

/// As fsync(2).
#[unsafe(no_mangle)]
pub extern "C" fn fsync(fd: c_int) -> c_int {
    synced(fd, false)
}

/// As fdatasync(2).
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(fd: c_int) -> c_int {
    synced(fd, true)
}

// ---- names ------------------------------------------------------------------------------------------------------

fn opened(at: c_int, path: &CStr, flags: c_int, mode: mode_t) -> io::Result<usize> {
    let open = || real::open(at, path, flags, mode).map(|fd| usize::try_from(fd).unwrap_or(0));
    let makes = flags & libc::O_CREAT != 0;
    if !makes && flags & libc::O_TRUNC == 0 {
        return open();
    }
    let Some((shim, named)) = shim().and_then(|shim| Some((shim, shim.path_at(at, path)?))) else { return open() };
    let mut inside = shim.enter();
    let length = std::fs::metadata(&named).map(|found| found.len()).ok();
    match length {
        None if makes => {
            let fault = inside.next(Call::Create, &named);
            plain(fault, || open().inspect(|_| inside.state.journal.made(named)))
        }
        Some(1..) if flags & libc::O_TRUNC != 0 => {
            let fault = inside.next(Call::Truncate, &named);
            plain(fault, || {
                let before = real::open(at, path, libc::O_RDONLY | libc::O_CLOEXEC, 0).ok().and_then(|fd| {
                    let before = inside.state.journal.before_truncate(fd, 0);
                    real::close(fd);
                    before
                });
                open().inspect(|_| inside.state.journal.done(before, &[]))
            })
        }
        _ => open(),
    }
}

fn descriptor(opened: io::Result<usize>) -> c_int {
    c_int::try_from(answer(opened)).unwrap_or(-1)
}

/// # Safety
/// As open(2). C hands the mode over only where it is needed; elsewhere it is not looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: by contract the path ends with a zero.
    descriptor(opened(libc::AT_FDCWD, unsafe { CStr::from_ptr(path) }, flags, mode))
}

/// # Safety
/// As open(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: by contract the path ends with a zero.
    descriptor(opened(libc::AT_FDCWD, unsafe { CStr::from_ptr(path) }, flags, mode))
}

/// # Safety
/// As openat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(at: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: by contract the path ends with a zero.
    descriptor(opened(at, unsafe { CStr::from_ptr(path) }, flags, mode))
}

/// # Safety
/// As openat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat64(at: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: by contract the path ends with a zero.
    descriptor(opened(at, unsafe { CStr::from_ptr(path) }, flags, mode))
}

fn renamed(from_at: c_int, from: &CStr, to_at: c_int, to: &CStr, flags: u32) -> c_int {
    let rename = || real::rename(from_at, from, to_at, to, flags);
    let named = shim().and_then(|shim| Some((shim, shim.path_at(from_at, from)?, shim.path_at(to_at, to)?)));
    let Some((shim, old, new)) = named else { return code(rename()) };
    let mut inside = shim.enter();
    let fault = inside.next(Call::Rename, &new);
    code(plain(fault, || {
        let stash = inside.state.journal.stash(&new);
        match rename() {
            Ok(gave) => {
                inside.state.journal.renamed(old, new, stash);
                Ok(gave)
            }
            Err(error) => {
                inside.state.journal.unstash(stash);
                Err(error)
            }
        }
    }))
}

/// # Safety
/// As rename(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: by contract both paths end with a zero.
    let (from, to) = unsafe { (CStr::from_ptr(from), CStr::from_ptr(to)) };
    renamed(libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0)
}

/// # Safety
/// As renameat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat(from_at: c_int, from: *const c_char, to_at: c_int, to: *const c_char) -> c_int {
    // SAFETY: by contract both paths end with a zero.
    renamed(from_at, unsafe { CStr::from_ptr(from) }, to_at, unsafe { CStr::from_ptr(to) }, 0)
}

/// # Safety
/// As linkat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn linkat(
    from_at: c_int,
    from: *const c_char,
    to_at: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: by contract both paths end with a zero.
    let (from, to) = unsafe { (CStr::from_ptr(from), CStr::from_ptr(to)) };
    made(Call::Link, to_at, to, || real::link(from_at, from, to_at, to, flags))
}

fn made(call: Call, at: c_int, path: &CStr, make: impl FnOnce() -> io::Result<usize>) -> c_int {
    let Some((shim, named)) = shim().and_then(|shim| Some((shim, shim.path_at(at, path)?))) else {
        return code(make());
    };
    let mut inside = shim.enter();
    let fault = inside.next(call, &named);
    code(plain(fault, || make().inspect(|_| inside.state.journal.made(named))))
}

/// # Safety
/// As mkdir(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: by contract the path ends with a zero.
    let path = unsafe { CStr::from_ptr(path) };
    made(Call::MakeFolder, libc::AT_FDCWD, path, || real::mkdir(libc::AT_FDCWD, path, mode))
}

fn unlinked(at: c_int, path: &CStr, flags: c_int) -> c_int {
    let named = shim().and_then(|shim| Some((shim, shim.path_at(at, path)?)));
    let Some((shim, named)) = named.filter(|(_, named)| named.is_file()) else {
        return code(real::unlink(at, path, flags));
    };
    let mut inside = shim.enter();
    let fault = inside.next(Call::Unlink, &named);
    code(plain(fault, || {
        let stash = inside.state.journal.stash(&named);
        let gave = real::unlink(at, path, flags);
        match (&gave, stash) {
            (Ok(_), Some(stash)) => inside.state.journal.unlinked(named, stash),
            (_, stash) => inside.state.journal.unstash(stash),
        }
        gave
    }))
}

/// # Safety
/// As unlink(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: by contract the path ends with a zero.
    unlinked(libc::AT_FDCWD, unsafe { CStr::from_ptr(path) }, 0)
}

/// # Safety
/// As unlinkat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlinkat(at: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: by contract the path ends with a zero.
    unlinked(at, unsafe { CStr::from_ptr(path) }, flags)
}

// ---- time -------------------------------------------------------------------------------------------------------

/// By how many seconds the clock is to be wrong now.
fn wrong_by_s() -> i64 {
    static FILE: OnceLock<Option<CString>> = OnceLock::new();
    let file = FILE.get_or_init(|| CString::new(std::env::var_os("DISK_SHIM_CLOCK")?.as_bytes()).ok());
    let Some(file) = file else { return 0 };
    let Ok(fd) = real::open(libc::AT_FDCWD, file, libc::O_RDONLY | libc::O_CLOEXEC, 0) else { return 0 };
    let mut text = [0; 32];
    let length = real::pread(fd, &mut text, 0).unwrap_or(0);
    real::close(fd);
    std::str::from_utf8(&text[..length]).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// # Safety
/// As clock_gettime(2). The clock that only ever runs on is right.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(which: libc::clockid_t, into: *mut libc::timespec) -> c_int {
    let answer = real::clock(which, into);
    if answer == 0 && matches!(which, libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE) {
        // SAFETY: the call has just filled it.
        unsafe { (*into).tv_sec += wrong_by_s() };
    }
    answer
}
