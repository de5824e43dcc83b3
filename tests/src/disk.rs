//! A disk that fails as it is told: `disk-shim` between a broker and its own folder.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::artefact::disk_shim;
use crate::broker::Broker;

/// What goes wrong, as the shim calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The power fails before the call: nothing is left of what no sync made durable.
    Cut,
    /// The same, with some of it left, in pieces of a sector.
    CutSome,
    /// The call fails with EIO.
    Eio,
    /// The disk is full.
    Enospc,
    /// The disk has become read-only.
    Erofs,
    /// The process is killed before the call.
    Kill,
    /// The process is killed after it.
    KillAfter,
    /// The process is killed within a write.
    KillHalf,
    /// A sync says that it is done, and makes nothing durable. No broker can live with that: it shows that a loss is seen.
    Lie,
    /// A sync fails, and what it was to make durable never will be.
    Lose,
    /// A write that is half done, as it says itself.
    Short,
}

impl Fault {
    /// Those that end the process.
    pub const DEADLY: [Self; 5] = [Self::Cut, Self::CutSome, Self::Kill, Self::KillAfter, Self::KillHalf];
    /// Those that it must live with.
    pub const BEARABLE: [Self; 5] = [Self::Eio, Self::Enospc, Self::Erofs, Self::Lose, Self::Short];

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::CutSome => "cut-some",
            Self::Eio => "eio",
            Self::Enospc => "enospc",
            Self::Erofs => "erofs",
            Self::Kill => "kill",
            Self::KillAfter => "kill-after",
            Self::KillHalf => "kill-half",
            Self::Lie => "lie",
            Self::Lose => "lose",
            Self::Short => "short",
        }
    }
}

/// The order that a disk is under, and what it saw.
pub struct FaultyDisk {
    /// Beside the broker's own folder, on the same file system.
    folder: PathBuf,
    watched: PathBuf,
    orders: AtomicU64,
}

impl FaultyDisk {
    /// Under a broker's own folder; [`Broker::put_behind`] has its next life behind it.
    ///
    /// # Panics
    /// Its own folder cannot be made.
    #[must_use]
    pub fn under(broker: &Broker) -> Self {
        Self::watching(&broker.home(), &broker.folder().join("disk"))
    }

    /// Under `watched`, with files of its own in `folder`.
    ///
    /// # Panics
    /// The folder cannot be made.
    #[must_use]
    pub fn watching(watched: &Path, folder: &Path) -> Self {
        fs::create_dir_all(folder.join("stash")).unwrap();
        let disk = Self { folder: folder.to_owned(), watched: watched.to_owned(), orders: AtomicU64::new(0) };
        disk.heal();
        disk
    }

    /// What a process must find in its environment.
    #[must_use]
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let own = |name: &str| self.folder.join(name).into_os_string();
        let rows = [
            ("LD_PRELOAD", disk_shim().as_os_str().to_owned()),
            ("DISK_SHIM_FOLDER", self.watched.clone().into_os_string()),
            ("DISK_SHIM_ORDER", own("order")),
            ("DISK_SHIM_TRACE", own("trace")),
            ("DISK_SHIM_STASH", own("stash")),
            ("DISK_SHIM_CLOCK", own("clock")),
        ];
        rows.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }

    /// From now on, `times` calls from the one of this number on meet the fault; 1 is the next call.
    ///
    /// # Panics
    /// The order cannot be written.
    pub fn order(&self, fault: Fault, from: u64, times: u64, seed: u64) {
        self.say(&format!("{} {from} {times} {seed}", fault.word()));
    }

    /// From now on nothing fails; calls are counted from here.
    ///
    /// # Panics
    /// The order cannot be written.
    pub fn heal(&self) {
        self.say("none 0 0 0");
    }

    /// The shim's clock: by how many seconds it is wrong from now on.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn set_clock_wrong_by(&self, seconds: i64) {
        self.replace("clock", &seconds.to_string());
    }

    fn say(&self, order: &str) {
        // What is behind the order has it be another one than the one before, though it reads alike.
        let number = self.orders.fetch_add(1, Ordering::Relaxed);
        fs::write(self.folder.join("trace"), "").unwrap();
        self.replace("order", &format!("{order} {number}"));
    }

    /// As a whole: the shim reads it at any moment.
    fn replace(&self, name: &str, text: &str) {
        let written = self.folder.join(format!("{name}.new"));
        fs::write(&written, text).unwrap();
        fs::rename(written, self.folder.join(name)).unwrap();
    }

    /// A line for each call since the last order: its number, what it is, the file, and the fault that it met.
    ///
    /// # Panics
    /// The trace cannot be read.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        let text = fs::read(self.folder.join("trace")).unwrap();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    /// The calls since the last order that met its fault.
    #[must_use]
    pub fn struck(&self) -> Vec<String> {
        let met = |line: &String| line.split(' ').count() > 3;
        self.trace().into_iter().filter(met).collect()
    }
}
