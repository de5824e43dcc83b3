//! rewrap: a JSON-lines file of wrapped values, moved to the newest version of their keys; no line is ever lost.

mod journal;
mod lines;
mod mover;

use std::collections::VecDeque;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::task::JoinHandle;

use self::journal::{Journal, Order, Tally};
use self::lines::{Lines, Survey};
use self::mover::{Mover, Outcome};
use super::Reach;
use super::document::{Document, KeyPath};
use crate::cli::say;

/// How often a request is tried when connections break before the run stops (it can be taken up again).
const TRIES_MAX: u32 = 4;

#[derive(Args)]
pub struct Rewrap {
    /// One wrapped value a line, as wrap and data-key write them; other fields stay as they are
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// The same lines in the same order, moved. OUT.rewrap lies beside it until all is done, for taking up an interrupted run
    #[arg(long, value_name = "OUT")]
    out: PathBuf,
    /// Wrap with this algorithm instead of each value's own
    #[arg(long)]
    algorithm: Option<String>,
    /// How many lines are under way at once, 1 to 64
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    #[command(flatten)]
    reach: Reach,
}

impl Rewrap {
    pub async fn run(self) -> Result<()> {
        let survey = Survey::of(&self.input)?;
        let order = Order { sha256: survey.sha256.clone(), lines: survey.lines, algorithm: self.algorithm.clone() };
        let mut journal = Journal::open(&self.out, &order)?;
        let bar = self.bar(survey.lines, journal.done());
        if let Some(kid) = &survey.first {
            let outcome = self.move_all(kid, &mut journal, &bar).await;
            bar.finish_and_clear();
            // What is done is kept, whatever stopped the rest.
            journal.sync()?;
            outcome.with_context(|| {
                let (done, lines) = (journal.done(), survey.lines);
                format!("stopped after {done} of {lines} lines; the same command takes it up from there")
            })?;
        } else {
            bail!("{}: no line holds a wrapped value", self.input.display());
        }
        let tally = journal.finish()?;
        self.tell(survey.lines, &tally)?;
        let failed = tally.failed_count();
        ensure!(
            failed == 0,
            "{failed} of {} lines could not be moved; they stand unchanged in {}",
            survey.lines,
            self.out.display()
        );
        Ok(())
    }

    /// Lines go out in the order they came in, with at most `jobs` of them under way.
    async fn move_all(&self, kid: &KeyPath, journal: &mut Journal, bar: &ProgressBar) -> Result<()> {
        let vault = self.reach.vault_of(kid)?.patient(TRIES_MAX);
        let mover = Arc::new(Mover::new(vault, self.algorithm.clone()));
        let mut lines = Lines::open(&self.input)?;
        lines.skip(journal.done())?;
        let mut under_way: VecDeque<UnderWay> = VecDeque::new();
        loop {
            while under_way.len() < usize::from(self.jobs) {
                let Some(line) = lines.next()? else { break };
                let (mover, copy) = (Arc::clone(&mover), line.clone());
                under_way.push_back(UnderWay { line, task: tokio::spawn(async move { mover.moved(&copy).await }) });
            }
            let Some(mut turn) = under_way.pop_front() else { return Ok(()) };
            match (&mut turn.task).await.context("a bug on our side")?? {
                Outcome::Left(why) => journal.leave(&turn.line, why)?,
                Outcome::Moved(moved) => journal.write(&moved)?,
            }
            bar.inc(1);
        }
    }

    fn bar(&self, lines: u64, done: u64) -> ProgressBar {
        if self.reach.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} lines, {eta} left");
        let bar = ProgressBar::new(lines).with_position(done);
        bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }

    fn tell(&self, lines: u64, tally: &Tally) -> Result<()> {
        let moved = lines - tally.left_count();
        let out = self.out.display();
        if self.reach.json {
            let failed: Vec<_> = tally.failed.iter().map(|(line, why)| json!({ "line": line, "why": why })).collect();
            return say::json(&json!({ "lines": lines, "moved": moved, "left": tally.left, "failed": failed }));
        }
        say::line(format!("{moved} of {lines} lines moved to the newest version; {out} holds them all"))?;
        for (why, count) in &tally.left {
            say::line(format!("left alone: {count} ({})", why.words()))?;
        }
        for (line, why) in &tally.failed {
            say::line(format!("line {line}: {why}"))?;
        }
        Ok(())
    }
}

/// A line and the task that moves it; ended with it, when the run stops early.
struct UnderWay {
    line: Vec<u8>,
    task: JoinHandle<Result<Outcome>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The first line that can be read tells the vault.
fn kid_of(line: &[u8]) -> Option<KeyPath> {
    Document::parse(line).ok().map(|(_, kid)| kid)
}
