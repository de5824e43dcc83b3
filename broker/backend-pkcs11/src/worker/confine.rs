//! As little as the system allows: no core dumps, no debugger, no new privileges, no file descriptors but its own.
#![allow(unsafe_code)] // closing descriptors that no Rust object owns

use std::io;
use std::os::fd::RawFd;

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Standard input (the socket), output and error (both /dev/null).
const OWN: [RawFd; 3] = [0, 1, 2];

/// Confines this process for the rest of its life.
///
/// # Errors
/// The system refuses; the worker must not go on then.
pub fn confine() -> io::Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    rustix::thread::set_no_new_privs(true)?;
    close_strangers()
}

/// Rust marks what it opens close-on-exec; what the broker itself inherited may not be.
fn close_strangers() -> io::Result<()> {
    let mut strangers = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok());
        strangers.extend(number.filter(|number| !OWN.contains(number)));
    }
    // The listing's own descriptor is closed by now.
    strangers.retain(|stranger| std::fs::symlink_metadata(format!("/proc/self/fd/{stranger}")).is_ok());
    for stranger in strangers {
        // SAFETY: the process has just begun, on one thread, and has opened nothing that it keeps: every descriptor
        // above 2 came over exec, is open, and has no owner here.
        unsafe { rustix::io::close(stranger) };
    }
    Ok(())
}
