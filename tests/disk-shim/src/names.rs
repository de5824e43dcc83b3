//! Files and folders that are made, renamed and removed.

use std::ffi::{CStr, c_char, c_int};
use std::io;

use libc::mode_t;

use crate::order::Call;
use crate::{answer, code, plain, real, shim};

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
