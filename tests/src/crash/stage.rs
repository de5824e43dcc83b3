//! A broker, its disk, and one round after the other: work, a fault, a new life, a look at everything.

use std::fs;
use std::path::PathBuf;

use super::check;
use super::ledger::{Ledger, Violation};
use super::snapshot::copy;
use super::work::Worker;
use crate::broker::Broker;
use crate::disk::{Fault, FaultyDisk};
use crate::keyvault::{Asks as _, request};
use crate::setup::Setup;
use crate::wait::eventually;

/// A checkpoint after so many entries: some come within each round.
const CHECKPOINT_ENTRIES: i64 = 8;
/// The broker's folder as `init` left it, beside it.
pub(super) const FRESH: &str = "fresh";
/// What a violation shows of the disk's trace and of the log.
const LAST_LINES: usize = 16;
/// Faults that stay until the disk is healed.
const ALWAYS: u64 = u64::MAX / 2;

/// What one round is.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    pub fault: Fault,
    /// The call that meets it, the first being 1.
    pub at: u64,
    /// Whether every call after it meets it too (of a fault that the broker must live with).
    pub stays: bool,
    pub clients: u64,
    pub seed: u64,
}

impl Round {
    #[must_use]
    pub const fn new(fault: Fault, at: u64, seed: u64) -> Self {
        Self { fault, at, stays: false, clients: 1, seed }
    }

    pub(super) const fn times(self) -> u64 {
        if self.stays { ALWAYS } else { 1 }
    }
}

/// What a round met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Struck {
    /// The work was done before the call came.
    Nothing,
    /// The call, as the disk's trace has it (the first, where there were more).
    Call(String),
}

/// The broker of a campaign, and all that it ever answered.
pub struct Stage {
    pub(super) broker: Broker,
    pub(super) disk: FaultyDisk,
    pub(super) known: Ledger,
    /// Copies of checkpoints that no fault reaches.
    held: PathBuf,
    rounds: u64,
    /// A folder to begin from, and what was known then.
    pub(super) snapshot: Option<(PathBuf, Ledger)>,
    /// Whether a segment of the audit is closed and compressed within the work.
    pub(super) rotates: bool,
    /// Intents whose outcome nobody knows.
    pub left_open: usize,
}

impl Stage {
    /// A broker that serves, behind a disk that does not fail yet.
    ///
    /// # Panics
    /// It does not come up.
    #[must_use]
    pub fn new() -> Self {
        let mut broker = Setup::new()
            .edit(|config| {
                let audit = config["audit"].as_table_mut().unwrap();
                audit.insert("checkpoint-entries-max".into(), CHECKPOINT_ENTRIES.into());
                audit.insert("segment-mib-max".into(), 1.into());
            })
            .init();
        let disk = FaultyDisk::under(&broker);
        copy(&broker.home(), &broker.folder().join(FRESH));
        let held = broker.folder().join("held");
        fs::create_dir(&held).unwrap();
        broker.put_behind(Some(&disk));
        broker.serve();
        Self { broker, disk, known: Ledger::default(), held, rounds: 0, snapshot: None, rotates: false, left_open: 0 }
    }

    #[must_use]
    pub const fn broker(&self) -> &Broker {
        &self.broker
    }

    /// What was answered in all rounds.
    #[must_use]
    pub const fn known(&self) -> &Ledger {
        &self.known
    }

    /// How many calls a round makes that nothing strikes.
    ///
    /// # Errors
    /// Something is wrong without any fault.
    pub fn calls(&mut self) -> Result<u64, Violation> {
        self.disk.heal();
        let ledger = self.work(1, false)?;
        self.known.add(ledger);
        Ok(self.disk.trace().len() as u64)
    }

    /// The kinds of calls that the last order has seen, and the files they were about.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        self.disk.trace()
    }

    /// Work, with every client on keys of its own.
    pub(super) fn work(&mut self, clients: u64, may_die: bool) -> Result<Ledger, Violation> {
        self.rounds += 1;
        let (client, round) = (self.broker.admin(), self.rounds);
        let one = |number: u64| -> Result<Ledger, Violation> {
            let mut worker = match Worker::new(&client, may_die, Ledger::default()) {
                Err(_) if may_die => return Ok(Ledger::default()),
                worker => worker?,
            };
            worker.pass(&format!("r{round}-c{number}"))?;
            Ok(worker.ledger)
        };
        let mut all = Ledger::default();
        let ledgers: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..clients).map(|number| scope.spawn(move || one(number))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        for ledger in ledgers {
            all.add(ledger?);
        }
        if self.rotates {
            self.wait_for_packing();
        }
        Ok(all)
    }

    /// A round: the broker works, the fault strikes, and afterwards everything that was answered is as it was answered.
    ///
    /// # Errors
    /// It is not.
    pub fn round(&mut self, round: Round) -> Result<Struck, Violation> {
        let deadly = Fault::DEADLY.contains(&round.fault);
        let played = if deadly { self.deadly(round) } else { self.bearable(round) };
        played.map_err(|violation| self.told(round, &violation))
    }

    /// A violation with all that brings it back.
    pub(super) fn told(&self, round: Round, violation: &str) -> Violation {
        let trace = self.disk.trace();
        let log = self.broker.log();
        let last = |lines: Vec<&str>| lines[lines.len().saturating_sub(LAST_LINES)..].join("\n  ");
        let (trace, log) = (last(trace.iter().map(String::as_str).collect()), last(log.lines().collect()));
        format!("{violation}\n{round:?}\nthe disk's last calls:\n  {trace}\nthe log's last lines:\n  {log}")
    }

    fn deadly(&mut self, round: Round) -> Result<Struck, Violation> {
        self.hold_checkpoints();
        self.disk.order(round.fault, round.at, 1, round.seed);
        let ledger = self.work(round.clients, true)?;
        let struck = self.struck();
        if struck == Struck::Nothing {
            self.disk.heal();
            // The call may have come just now, from a thread that no client waits for.
            if self.broker.admin().try_send(&request("GET", "/keys/no-such-key", None)).is_ok() {
                self.known.add(ledger);
                return Ok(struck);
            }
        }
        self.broker.wait_for_end();
        self.live_again(ledger)?;
        Ok(struck)
    }

    fn bearable(&mut self, round: Round) -> Result<Struck, Violation> {
        self.disk.order(round.fault, round.at, round.times(), round.seed);
        let ledger = self.work(round.clients, false)?;
        let struck = self.struck();
        self.disk.heal();
        if struck == Struck::Nothing {
            self.known.add(ledger);
            return Ok(struck);
        }
        self.serves_again()?;
        let ledger = self.look_over(ledger)?;
        self.known.add(ledger);
        Ok(struck)
    }

    /// The disk is whole again: so is the broker, by itself.
    fn serves_again(&self) -> Result<(), Violation> {
        let client = self.broker.admin();
        let mut worker = Worker::new(&client, false, Ledger::default())?;
        let mut tries = 0;
        eventually("a broker that serves again", || {
            tries += 1;
            let (name, unserved) = (format!("again-{}-{tries}", self.rounds), worker.ledger.unserved);
            match worker.create(&name) {
                Ok(()) => (worker.ledger.unserved == unserved).then_some(Ok(())),
                Err(violation) => Some(Err(violation)),
            }
        })
    }

    /// The power fails now, whatever the broker is about; then it lives again. After faults that it outlived.
    ///
    /// # Errors
    /// Something that was answered is not as it was answered.
    pub fn cut(&mut self, seed: u64) -> Result<(), Violation> {
        let round = Round::new(Fault::CutSome, 1, seed);
        self.deadly(round).map(drop).map_err(|violation| self.told(round, &violation))
    }

    /// Work on a disk whose syncs do nothing, then a power cut: something must be missed.
    ///
    /// # Errors
    /// Something is.
    pub fn lied_to(&mut self) -> Result<(), Violation> {
        self.disk.order(Fault::Lie, 1, ALWAYS, 0);
        let ledger = self.work(1, false)?;
        self.disk.order(Fault::Cut, 1, 1, 0);
        let _nobody_answers = self.broker.admin().try_send(&request("GET", "/keys/no-such-key", None));
        self.broker.wait_for_end();
        self.live_again(ledger)
    }

    /// Starts the broker, and looks at all that a ledger knows and at the audit.
    pub(super) fn live_again(&mut self, ledger: Ledger) -> Result<(), Violation> {
        self.disk.heal();
        // Another life in four knows of no shim.
        let bare = self.rounds.is_multiple_of(4);
        self.broker.put_behind(Some(&self.disk).filter(|_| !bare));
        self.broker.try_serve().map_err(|_log| "the broker does not come up again".to_owned())?;
        let ledger = self.look_over(ledger)?;
        self.check_audit(&ledger)?;
        self.known.add(ledger);
        if bare {
            self.broker.kill9();
            self.broker.put_behind(Some(&self.disk));
            self.broker.serve();
        }
        Ok(())
    }

    /// Asks for everything that a ledger knows; gives it with what it learned.
    fn look_over(&self, ledger: Ledger) -> Result<Ledger, Violation> {
        let client = self.broker.admin();
        let mut worker = Worker::new(&client, false, ledger)?;
        worker.look_over()?;
        Ok(worker.ledger)
    }

    fn check_audit(&mut self, ledger: &Ledger) -> Result<(), Violation> {
        self.left_open = check::check_audit(&check::entries(&self.broker)?, &ledger.decided)?;
        let held = fs::read_dir(&self.held).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        check::verify(&self.broker, &held)?;
        if self.broker.log().contains("an old copy was put back") {
            return Err("the broker takes its own store for an old copy".to_owned());
        }
        Ok(())
    }

    /// Everything that was ever answered, once more, and the audit of all of it. In a life without the shim.
    ///
    /// # Errors
    /// Something is not as it was answered.
    pub fn finish(&mut self) -> Result<(), Violation> {
        self.disk.heal();
        self.broker.put_behind(None);
        self.broker.restart();
        let known = std::mem::take(&mut self.known);
        let known = self.look_over(known)?;
        self.check_audit(&known)?;
        self.known = known;
        Ok(())
    }

    /// Copies the newest checkpoints to where no fault reaches them.
    pub(super) fn hold_checkpoints(&self) {
        // A file that is being replaced may be gone for a moment; the copy of another round serves as well.
        for file in fs::read_dir(self.broker.home().join("audit-checkpoints")).into_iter().flatten().flatten() {
            if file.path().extension().is_some_and(|extension| extension == "note") {
                let _gone = fs::copy(file.path(), self.held.join(file.file_name()));
            }
        }
    }

    /// What was held is of another course of things than the one that begins now.
    pub(super) fn forget_checkpoints(&self) {
        fs::remove_dir_all(&self.held).unwrap();
        fs::create_dir(&self.held).unwrap();
    }

    pub(super) fn struck(&self) -> Struck {
        self.disk.struck().into_iter().next().map_or(Struck::Nothing, Struck::Call)
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}
