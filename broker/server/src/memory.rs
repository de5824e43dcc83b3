//! What keeps secrets that are in memory from getting onto a disk or staying there: no core dumps, wiped frees, no swap.

use std::alloc::System;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use zeroizing_alloc::ZeroAlloc;

/// Every block of memory is wiped when it is freed. Buffers of hyper, rustls and serde hold requests and answers, and know
/// nothing of secrets; freed, they would lie about in the heap until someone else is given the same block.
#[global_allocator]
static WIPING: ZeroAlloc<System> = ZeroAlloc(System);

/// No core dump of this process for the rest of its life, and no debugger of its own user's.
///
/// # Errors
/// The system refuses.
pub fn leave_no_dumps() -> Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).context("core dumps cannot be forbidden")?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none).context("core dumps cannot be forbidden")
}

/// Whether the system may write this process's memory to swap.
#[derive(Debug, PartialEq, Eq)]
pub enum Swap {
    /// A control group forbids it (cgroup v2, `memory.swap.max`).
    Forbidden(PathBuf),
    /// The system has none.
    None,
    /// It may: to these files and devices.
    Possible(Vec<String>),
}

/// Looks at the swap areas and the control groups of this process.
#[must_use]
pub fn swap() -> Swap {
    swap_under(Path::new("/proc"), Path::new("/sys/fs/cgroup"))
}

fn swap_under(proc: &Path, groups: &Path) -> Swap {
    // Without the file the system was built without swap.
    let table = fs::read_to_string(proc.join("swaps")).unwrap_or_default();
    let areas: Vec<String> =
        table.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    if areas.is_empty() {
        return Swap::None;
    }
    let own = fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    // A limit of a group holds for those within it.
    let forbids = |group: &&Path| {
        fs::read_to_string(groups.join(group).join("memory.swap.max")).is_ok_and(|most| most.trim() == "0")
    };
    match Path::new(own).ancestors().find(forbids) {
        Some(group) => Swap::Forbidden(Path::new("/").join(group)),
        None => Swap::Possible(areas),
    }
}

impl fmt::Display for Swap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(group) => write!(f, "the control group {} forbids it", group.display()),
            Self::None => write!(f, "the system has no swap"),
            Self::Possible(areas) => write!(
                f,
                "the system may write keys to {}; set MemorySwapMax=0 on the service, or encrypt the swap",
                areas.join(", ")
            ),
        }
    }
}

/// Says at the start whether memory can get onto a disk by way of swap.
pub fn tell_of_swap() {
    match swap() {
        swap @ (Swap::Forbidden(_) | Swap::None) => tracing::info!(%swap, "memory stays in memory"),
        swap @ Swap::Possible(_) => tracing::warn!(%swap, "memory may be swapped out"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    /// A system with this table of swap areas, and these limits on groups; the process is in /system.slice/kb.service.
    fn swap_with(areas: &str, limits: &[(&str, &str)]) -> Swap {
        let folder = tempfile::tempdir().unwrap();
        let (proc, groups) = (folder.path().join("proc"), folder.path().join("cgroup"));
        fs::create_dir_all(proc.join("self")).unwrap();
        fs::create_dir_all(groups.join("system.slice/kb.service")).unwrap();
        fs::write(proc.join("swaps"), format!("{HEAD}{areas}")).unwrap();
        fs::write(proc.join("self/cgroup"), "0::/system.slice/kb.service\n").unwrap();
        for (group, most) in limits {
            fs::write(groups.join(group).join("memory.swap.max"), format!("{most}\n")).unwrap();
        }
        swap_under(&proc, &groups)
    }

    #[test]
    fn swap_is_possible_unless_there_is_none_or_a_group_forbids_it() {
        let area = "/dev/sda2  partition\t8388604\t0\t-2\n";
        let possible = || Swap::Possible(vec!["/dev/sda2".to_owned()]);
        let forbidden = |group: &str| Swap::Forbidden(PathBuf::from(group));
        let (own, slice) = ("system.slice/kb.service", "system.slice");
        assert_eq!(swap_with("", &[]), Swap::None);
        assert_eq!(swap_with(area, &[]), possible());
        assert_eq!(swap_with(area, &[(own, "max"), (slice, "max")]), possible());
        assert_eq!(swap_with(area, &[(own, "4096")]), possible());
        assert_eq!(swap_with(area, &[(own, "0")]), forbidden("/system.slice/kb.service"));
        assert_eq!(swap_with(area, &[(own, "max"), (slice, "0")]), forbidden("/system.slice"));
    }
}
