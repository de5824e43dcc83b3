//! A clock that is wrong.

use std::ffi::{CString, c_int};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::OnceLock;

use crate::real;

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
