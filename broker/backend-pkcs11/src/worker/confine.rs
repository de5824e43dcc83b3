//! As little as the system allows: no core dumps, no debugger, no new privileges, no file descriptors but its own.
#![allow(unsafe_code)] // closing descriptors that no Rust object owns

use std::io;
use std::os::fd::RawFd;

use rustix::mm::MlockAllFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use rustix::thread::CapabilitySet;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

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
    if may_lock() {
        // Each page when it is first touched: whole stacks and heaps at once would be tens of megabytes of nothing.
        rustix::mm::mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)?;
    }
    close_strangers()
}

/// Whether PIN and keys may be kept from swap without a limit. Within a limit, the module's own allocations would fail when
/// it is reached; then nothing is locked.
fn may_lock() -> bool {
    let unlimited = rustix::process::getrlimit(Resource::Memlock).current.is_none();
    unlimited || rustix::thread::capabilities(None).is_ok_and(|held| held.effective.contains(CapabilitySet::IPC_LOCK))
}

/// What no PKCS#11 module needs, and whoever takes one over would like: other programs, other processes' memory, the
/// kernel's own doors. All else stays allowed, for no two vendors' modules do the same.
const DENIED: &[i64] = &[
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_delete_module,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_reboot,
    libc::SYS_setns,
    libc::SYS_swapon,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// Takes these calls from this thread and all that it starts: they fail with EPERM from now on.
///
/// # Errors
/// The system has no seccomp, or not for this processor.
pub fn deny_calls() -> io::Result<()> {
    let rules = DENIED.iter().map(|call| (*call, Vec::new())).collect();
    let processor = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let refuse = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, processor).map_err(io::Error::other)?;
    let program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
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
