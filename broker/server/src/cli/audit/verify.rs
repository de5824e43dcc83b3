//! verify: the verdict on a log, for people or as JSON.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use broker_audit::{Checkpoints, Problem, Report, Verifier, Wanted, read_notes};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Files, Misused};
use crate::cli::say;

#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    files: Files,
    /// The public key; without it the folder's own audit.pub, which whoever forged the log may have replaced
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A checkpoint that was kept elsewhere: betrays an end that was cut off or computed anew; may be given several times
    #[arg(long, value_name = "FILE")]
    expect: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub fn run(self) -> Result<()> {
        let dir = &self.files.place.dir;
        let key = self.key.clone().unwrap_or_else(|| dir.join("audit.pub"));
        let text = std::fs::read_to_string(&key).with_context(|| Misused(format!("public key {}", key.display())))?;
        let verifier =
            Verifier::parse(&text).ok_or_else(|| Misused(format!("{} is no Ed25519 verifier key", key.display())))?;
        let source = self.files.source();
        // Checkpoints first: what is written meanwhile is beyond them.
        let beside = if self.files.files.is_empty() {
            Checkpoints::read(&dir.join("checkpoints")).context(Misused::reading(dir))?
        } else {
            Vec::new()
        };
        let mut expected = Vec::new();
        for path in &self.expect {
            let notes = read_notes(path).with_context(|| Misused(format!("checkpoint {}", path.display())))?;
            expected.push((path.clone(), notes));
        }
        let bar = bar(source.bytes().context(Misused::reading(dir))?);
        let report = broker_audit::verify(&source, &Wanted { verifier, beside, expected }, &mut |bytes| bar.inc(bytes));
        bar.finish_and_clear();
        let report = report.context(Misused::reading(dir))?;
        if self.json {
            say::json(&json(&report))?
        } else {
            tell(&report)?
        }
        match report.problems.len() {
            0 => Ok(()),
            1 => bail!("the audit log is bad"),
            count => bail!("the audit log is bad in {count} ways"),
        }
    }
}

/// On stderr, if that is a terminal.
fn bar(bytes: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {bytes} read, {bytes_per_sec}");
    style.map_or_else(|_| ProgressBar::new(bytes), |style| ProgressBar::new(bytes).with_style(style))
}

fn tell(report: &Report) -> Result<()> {
    for problem in &report.problems {
        say::line(format!("BAD {}", words(problem)))?;
    }
    for remark in &report.remarks {
        say::line(format!("note: {remark}"))?;
    }
    let log = report.log.map_or_else(|| "unknown log".to_owned(), |log| format!("log {log}"));
    let good = if report.problems.is_empty() { "good" } else { "good until there" };
    say::line(format!(
        "{log}: {} entries in {} segments {good}, the last is {}; {} checkpoints, up to entry {}",
        report.entries, report.segments, report.last, report.checkpoints, report.vouched
    ))
}

fn words(problem: &Problem) -> String {
    let mut words = String::from(problem.kind.word());
    if let Some(segment) = problem.segment {
        words.push_str(&format!(", segment {segment}"));
    }
    if let Some(line) = problem.line {
        words.push_str(&format!(", line {line}"));
    }
    if let Some(sequence) = problem.sequence {
        words.push_str(&format!(", entry {sequence}"));
    }
    format!("{words}: {}", problem.detail)
}

fn json(report: &Report) -> serde_json::Value {
    let problem = |problem: &Problem| {
        serde_json::json!({
            "kind": problem.kind.word(),
            "segment": problem.segment,
            "line": problem.line,
            "entry": problem.sequence,
            "detail": problem.detail,
        })
    };
    serde_json::json!({
        "good": report.problems.is_empty(),
        "log": report.log.map(|log| log.to_string()),
        "segments": report.segments,
        "entries": report.entries,
        "last": report.last,
        "checkpoints": report.checkpoints,
        "vouched": report.vouched,
        "problems": report.problems.iter().map(problem).collect::<Vec<_>>(),
        "remarks": report.remarks,
    })
}
