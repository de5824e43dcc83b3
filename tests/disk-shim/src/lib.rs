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

mod bytes;
mod clock;
mod journal;
mod names;
mod order;
mod real;

use std::cell::Cell;
use std::ffi::{CStr, CString, OsStr, c_int};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use journal::Journal;
use libc::ssize_t;
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
