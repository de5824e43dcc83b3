//! The system calls themselves. The C library's functions of these names are our own here, so none of them may be called.

use std::ffi::{CStr, c_int, c_long};
use std::io;

use libc::{mode_t, off_t};

/// What a call gave, or the error that it left.
fn gave(answer: c_long) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::last_os_error())
}

pub fn write(fd: c_int, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the slice is readable for its whole length.
    gave(unsafe { libc::syscall(libc::SYS_write, fd, bytes.as_ptr(), bytes.len()) })
}

pub fn pwrite(fd: c_int, bytes: &[u8], offset: off_t) -> io::Result<usize> {
    // SAFETY: the slice is readable for its whole length.
    gave(unsafe { libc::syscall(libc::SYS_pwrite64, fd, bytes.as_ptr(), bytes.len(), offset) })
}

pub fn pread(fd: c_int, bytes: &mut [u8], offset: off_t) -> io::Result<usize> {
    // SAFETY: the slice is writable for its whole length.
    gave(unsafe { libc::syscall(libc::SYS_pread64, fd, bytes.as_mut_ptr(), bytes.len(), offset) })
}

pub fn truncate(fd: c_int, bytes: off_t) -> io::Result<usize> {
    // SAFETY: no memory is handed over.
    gave(unsafe { libc::syscall(libc::SYS_ftruncate, fd, bytes) })
}

pub fn sync(fd: c_int, data_alone: bool) -> io::Result<usize> {
    let call = if data_alone { libc::SYS_fdatasync } else { libc::SYS_fsync };
    // SAFETY: no memory is handed over.
    gave(unsafe { libc::syscall(call, fd) })
}

pub fn open(at: c_int, path: &CStr, flags: c_int, mode: mode_t) -> io::Result<c_int> {
    // SAFETY: the path ends with a zero.
    let fd = gave(unsafe { libc::syscall(libc::SYS_openat, at, path.as_ptr(), flags, mode) })?;
    c_int::try_from(fd).map_err(io::Error::other)
}

pub fn close(fd: c_int) {
    // SAFETY: only descriptors that this library opened come here.
    unsafe { libc::syscall(libc::SYS_close, fd) };
}

pub fn rename(from_at: c_int, from: &CStr, to_at: c_int, to: &CStr, flags: u32) -> io::Result<usize> {
    // SAFETY: both paths end with a zero.
    gave(unsafe { libc::syscall(libc::SYS_renameat2, from_at, from.as_ptr(), to_at, to.as_ptr(), flags) })
}

pub fn link(from_at: c_int, from: &CStr, to_at: c_int, to: &CStr, flags: c_int) -> io::Result<usize> {
    // SAFETY: both paths end with a zero.
    gave(unsafe { libc::syscall(libc::SYS_linkat, from_at, from.as_ptr(), to_at, to.as_ptr(), flags) })
}

pub fn unlink(at: c_int, path: &CStr, flags: c_int) -> io::Result<usize> {
    // SAFETY: the path ends with a zero.
    gave(unsafe { libc::syscall(libc::SYS_unlinkat, at, path.as_ptr(), flags) })
}

pub fn mkdir(at: c_int, path: &CStr, mode: mode_t) -> io::Result<usize> {
    // SAFETY: the path ends with a zero.
    gave(unsafe { libc::syscall(libc::SYS_mkdirat, at, path.as_ptr(), mode) })
}

pub fn seek(fd: c_int, offset: off_t, whence: c_int) -> io::Result<usize> {
    // SAFETY: no memory is handed over.
    gave(unsafe { libc::syscall(libc::SYS_lseek, fd, offset, whence) })
}

/// The flags that a descriptor was opened with.
pub fn flags(fd: c_int) -> c_int {
    // SAFETY: no memory is handed over.
    let flags = unsafe { libc::syscall(libc::SYS_fcntl, fd, libc::F_GETFL) };
    c_int::try_from(flags).unwrap_or(0)
}

/// Where a link in /proc points to; none when it is longer than `into`.
pub fn read_link<'a>(path: &CStr, into: &'a mut [u8]) -> Option<&'a [u8]> {
    // SAFETY: the path ends with a zero, the slice is writable for its whole length.
    let length =
        unsafe { libc::syscall(libc::SYS_readlinkat, libc::AT_FDCWD, path.as_ptr(), into.as_mut_ptr(), into.len()) };
    let length = usize::try_from(length).ok().filter(|length| *length < into.len())?;
    Some(&into[..length])
}

pub fn clock(which: libc::clockid_t, into: *mut libc::timespec) -> c_int {
    // SAFETY: the caller of clock_gettime says that `into` is a place for a time, and means this call.
    let answer = unsafe { libc::syscall(libc::SYS_clock_gettime, which, into) };
    c_int::try_from(answer).unwrap_or(-1)
}

/// Ends this process where it stands, as the kernel would; nothing of it runs any more.
pub fn die() -> ! {
    loop {
        // SAFETY: no memory is handed over.
        unsafe { libc::syscall(libc::SYS_kill, libc::getpid(), libc::SIGKILL) };
    }
}
