//! Writes, truncations and syncs.

use std::ffi::{c_int, c_void};
use std::io;

use libc::{off_t, size_t, ssize_t};

use crate::journal::Synced;
use crate::order::{Call, Fault};
use crate::{answer, code, failed, plain, real, shim};

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
