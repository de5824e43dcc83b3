//! What was struck, and the report of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;

use keybroker_tests::crash::{Campaign, Stage, Struck, Violation};
use keybroker_tests::{now_s, tests_folder};

use crate::plan::Plan;

#[derive(Default)]
struct Row {
    rounds: u64,
    positions: BTreeSet<u64>,
    calls: u64,
    writes: u64,
    syncs: u64,
    names: u64,
}

#[derive(Default)]
pub struct Tally {
    rows: BTreeMap<Campaign, Row>,
    brokers: u64,
    keys: u64,
    versions: u64,
    wrapped: u64,
    answers: u64,
    unserved: u64,
    unanswered: u64,
    left_open: u64,
}

impl Tally {
    pub fn count(&mut self, campaign: Campaign, at: u64, calls: u64, struck: &Struck) {
        let row = self.rows.entry(campaign).or_default();
        row.rounds += 1;
        row.calls = row.calls.max(calls);
        let Struck::Call(line) = struck else { return };
        row.positions.insert(at);
        match line.split(' ').nth(1) {
            Some("write" | "truncate") => row.writes += 1,
            Some("sync") => row.syncs += 1,
            _ => row.names += 1,
        }
    }

    /// What a broker answered in all its lives.
    pub fn add(&mut self, stage: &Stage) {
        let known = stage.known();
        let versions = || known.keys.values().flat_map(|key| key.versions.values());
        self.brokers += 1;
        self.keys += known.keys.len() as u64;
        self.versions += versions().count() as u64;
        self.wrapped += versions().map(|wrapped| wrapped.len() as u64).sum::<u64>();
        self.answers += known.decided.len() as u64;
        self.unserved += known.unserved;
        self.unanswered += known.unanswered;
        self.left_open += stage.left_open as u64;
    }

    pub fn markdown(&self, plan: &Plan, violations: &[Violation]) -> String {
        let mut text = String::new();
        let mut line = |words: std::fmt::Arguments<'_>| writeln!(text, "{words}").unwrap();
        line(format_args!("# Soak, {}\n", date()));
        line(format_args!(
            "Commit {}, {}, {} s, seed {}. `./dev soak --minutes N --seed {}` plays the same rounds.\n",
            commit(),
            machine(),
            plan.elapsed().as_secs(),
            plan.seed,
            plan.seed
        ));
        let rounds: u64 = self.rows.values().map(|row| row.rounds).sum();
        line(format_args!("{rounds} rounds, {} violations.\n", violations.len()));
        line(format_args!("| while | fault | rounds | calls struck, of | writes | syncs | names |"));
        line(format_args!("|---|---|---|---|---|---|---|"));
        for (Campaign { kind, fault }, row) in &self.rows {
            let (struck, calls) = (row.positions.len(), row.calls);
            let Row { rounds, writes, syncs, names, .. } = row;
            line(format_args!(
                "| {} | {} | {rounds} | {struck}, {calls} | {writes} | {syncs} | {names} |",
                kind.word(),
                fault.word()
            ));
        }
        line(format_args!(
            "\n{} brokers that were looked over to the end: {} keys, {} versions, {} wrapped values, {} answers found in \
             the audit, {} answers that the broker could not serve, {} requests without an answer, {} changes whose \
             outcome the audit calls unknown.",
            self.brokers,
            self.keys,
            self.versions,
            self.wrapped,
            self.answers,
            self.unserved,
            self.unanswered,
            self.left_open
        ));
        for violation in violations {
            line(format_args!("\n## Violation\n\n```\n{violation}\n```"));
        }
        text
    }
}

fn date() -> String {
    let now = time::OffsetDateTime::from_unix_timestamp(now_s()).unwrap();
    now.date().to_string()
}

/// The commit of the clone, and whether it was changed since.
fn commit() -> String {
    let git = |words: &[&str]| {
        let done = Command::new("git").args(words).current_dir(tests_folder()).output().ok()?;
        done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
    };
    let changed = git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
    let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    if changed { format!("{commit} with changes") } else { commit }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!("{cores} cores ({})", model.map_or("unknown", |(_, name)| name))
}
