//! Rounds that begin from a folder that was kept: starts after a crash, and the moment at which the audit closes a segment.

use std::fs;
use std::path::Path;

use super::ledger::{Ledger, Violation};
use super::stage::{FRESH, Round, Stage, Struck};
use crate::disk::Fault;
use crate::keyvault::{Asks as _, request};
use crate::process::{freeze, thaw};
use crate::wait::eventually;

/// A round of work takes some 15 KiB of the audit: begun so far from a segment's end, it crosses it.
const SEGMENT_BYTES: u64 = (1 << 20) - (6 << 10);
/// Entries are written many to a sync when many ask.
const FILLING_CLIENTS: usize = 8;
const FILLING_REQUESTS: usize = 20;
/// More than they write together, so that they do not cross the end.
const FILLING_BYTES_MAX: u64 = 160 << 10;
/// What a broker that has just started is asked: more than there are entries between two checkpoints.
const FIRST_REQUESTS: usize = 10;
/// Starts whose calls are counted.
const STARTS_COUNTED: usize = 3;

impl Stage {
    /// Ends the broker in the midst of its work, and keeps its folder as it lies there: [`Self::start`] begins from it.
    ///
    /// # Errors
    /// Something was wrong before.
    pub fn keep_crashed(&mut self, at: u64) -> Result<(), Violation> {
        self.disk.order(Fault::KillHalf, at, 1, 0);
        let ledger = self.work(1, true)?;
        self.broker.wait_for_end();
        self.known.add(ledger);
        self.keep();
        self.live_from_snapshot()
    }

    /// Begins from the folder that `init` made: each [`Self::start`] is a first one.
    ///
    /// # Errors
    /// Something was wrong before.
    pub fn keep_fresh(&mut self) -> Result<(), Violation> {
        self.broker.stop();
        self.snapshot = Some((self.broker.folder().join(FRESH), Ledger::default()));
        self.lay_snapshot_out();
        self.live_from_snapshot()
    }

    /// Fills a segment of the audit almost, and keeps the folder: each [`Self::rotation`] closes the segment.
    ///
    /// # Errors
    /// Something was wrong before.
    pub fn keep_full_segment(&mut self) -> Result<(), Violation> {
        let segment = self.broker.home().join("audit/segment-00000001.jsonl");
        let client = self.broker.admin();
        let bytes = || fs::metadata(&segment).unwrap().len();
        while bytes() < SEGMENT_BYTES - FILLING_BYTES_MAX {
            std::thread::scope(|scope| {
                for _ in 0..FILLING_CLIENTS {
                    scope.spawn(|| {
                        let connection = client.connect().unwrap();
                        (0..FILLING_REQUESTS).for_each(|_| drop(connection.get("/keys/no-such-key")));
                    });
                }
            });
        }
        let connection = client.connect().unwrap();
        while bytes() < SEGMENT_BYTES {
            connection.get("/keys/no-such-key");
        }
        self.broker.stop();
        self.keep();
        self.rotates = true;
        self.live_from_snapshot()
    }

    fn keep(&mut self) {
        let folder = self.broker.folder().join("snapshot");
        copy(&self.broker.home(), &folder);
        self.snapshot = Some((folder, std::mem::take(&mut self.known)));
    }

    /// From the snapshot: the fault strikes while the broker starts; the next start must find everything.
    ///
    /// # Errors
    /// It does not.
    ///
    /// # Panics
    /// There is no snapshot.
    pub fn start(&mut self, round: Round) -> Result<Struck, Violation> {
        self.lay_snapshot_out();
        self.disk.order(round.fault, round.at, round.times(), round.seed);
        // Whether it comes up or says why not: both are right.
        let _said = self.broker.try_serve();
        if self.broker.is_running() {
            self.ask();
            self.end(Fault::DEADLY.contains(&round.fault));
        }
        let struck = self.struck();
        self.live_from_snapshot().map_err(|violation| self.told(round, &violation))?;
        Ok(struck)
    }

    /// Kills the broker, unless the fault is just about to. A power cut may be taking back what was written: killed within
    /// that, the broker would leave what no power cut leaves.
    fn end(&mut self, deadly: bool) {
        let pid = self.broker.pid();
        // Between the look and the kill nothing may begin.
        freeze(pid);
        if deadly && self.struck() != Struck::Nothing {
            thaw(pid);
            self.broker.wait_for_end();
        } else {
            self.broker.kill9();
        }
    }

    /// From the snapshot: the fault strikes while the broker works, and closes a segment of its audit.
    ///
    /// # Errors
    /// As [`Self::round`].
    ///
    /// # Panics
    /// There is no snapshot.
    pub fn rotation(&mut self, round: Round) -> Result<Struck, Violation> {
        self.serve_snapshot();
        self.round(round)
    }

    /// How many calls a start or a rotation makes that nothing strikes.
    ///
    /// # Errors
    /// Something is wrong without any fault.
    pub fn calls_from_snapshot(&mut self) -> Result<u64, Violation> {
        if self.rotates {
            self.serve_snapshot();
            return self.calls();
        }
        let mut least = u64::MAX;
        // It does more by itself, now and then: what counts is what each start does.
        for _ in 0..STARTS_COUNTED {
            self.serve_snapshot();
            self.ask();
            least = least.min(self.disk.trace().len() as u64);
        }
        Ok(least)
    }

    fn serve_snapshot(&mut self) {
        self.lay_snapshot_out();
        self.disk.heal();
        self.broker.serve();
    }

    /// A start is not over once the broker serves: with its first entries come a checkpoint and what the store knows of it.
    /// Whether it answers is not the question here.
    fn ask(&self) {
        let client = self.broker.admin();
        for _ in 0..FIRST_REQUESTS {
            let _answer = client.try_send(&request("GET", "/keys/no-such-key", None));
        }
    }

    fn lay_snapshot_out(&mut self) {
        let (folder, _) = self.snapshot.as_ref().unwrap();
        if self.broker.is_running() {
            self.broker.kill9();
        }
        fs::remove_dir_all(self.broker.home()).unwrap();
        copy(folder, &self.broker.home());
        self.forget_checkpoints();
        self.known = Ledger::default();
        self.broker.put_behind(Some(&self.disk));
    }

    fn live_from_snapshot(&mut self) -> Result<(), Violation> {
        let known = self.snapshot.as_ref().unwrap().1.clone();
        self.known = Ledger::default();
        self.live_again(known)
    }

    /// Until the segment that the work closed is compressed, or the broker has ended.
    pub(super) fn wait_for_packing(&mut self) {
        let audit = self.broker.home().join("audit");
        let (plain, packed) = (audit.join("segment-00000001.jsonl"), audit.join("segment-00000001.jsonl.gz"));
        eventually("a compressed segment, or a broker that ended", || {
            let given_up = self.broker.log().contains("could not be compressed");
            let done = !plain.exists() && packed.exists();
            (done || given_up || self.broker.has_ended() || !self.is_closed(1)).then_some(())
        });
    }

    /// Whether the segment was closed at all: a fault may have kept the broker from it.
    fn is_closed(&self, segment: u32) -> bool {
        self.broker.home().join(format!("audit/segment-{:08}.jsonl", segment + 1)).exists()
    }
}

/// A folder with its files; sockets stay behind.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
