//! The table, in Markdown and JSON.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Goal;
use crate::load::Measured;

pub struct Row {
    name: &'static str,
    connections: usize,
    bare_us: f64,
    cpu_us: f64,
    /// Half the spread between the runs: what a goal may be missed by.
    noise_us: f64,
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
    operations: usize,
    goal: Goal,
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn spread(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().fold(f64::MIN, f64::max) - values.fold(f64::MAX, f64::min)
}

impl Row {
    pub fn of(name: &'static str, connections: usize, bare: &[f64], runs: &[Measured], goal: Goal) -> Self {
        let each = |pick: fn(&Measured) -> f64| median(runs.iter().map(pick));
        Self {
            name,
            connections,
            bare_us: median(bare.iter().copied()),
            cpu_us: each(|run| run.cpu_us),
            noise_us: (spread(runs.iter().map(|run| run.cpu_us)) + spread(bare.iter().copied())) / 2.0,
            per_second: each(|run| run.per_second),
            p50_us: each(|run| run.p50_us),
            p99_us: each(|run| run.p99_us),
            operations: runs.iter().map(|run| run.operations).sum(),
            goal,
        }
    }

    /// The goal in words, and whether it is met.
    fn verdict(&self) -> Option<(String, bool)> {
        let (words, over) = match self.goal {
            Goal::None => return None,
            Goal::Beyond(most) => (format!("bare + {most} us"), self.cpu_us - self.bare_us - most),
            Goal::AllTold(most) => (format!("{most} us all told"), self.cpu_us - most),
        };
        Some((words, over <= self.noise_us))
    }
}

/// A store of so many keys.
pub struct Scale {
    pub keys: usize,
    /// From the start of the process to its first answer, in milliseconds.
    pub start_ms: Vec<f64>,
    /// One connection that asks for keys all over the store, and once more.
    pub first: Measured,
    pub again: Measured,
    /// The smallest store's median latency in the same minute.
    pub smallest_p50_us: f64,
    /// Resident memory afterwards, in MiB.
    pub rss: f64,
}

/// Goals of the largest store: milliseconds, MiB, and the median latency as a multiple of the smallest store's.
const START_MS_MAX: f64 = 5_000.0;
const RSS_MIB_MAX: f64 = 1024.0;
const P50_TIMES_MAX: f64 = 1.2;

pub struct Report {
    rows: Vec<Row>,
    notes: Vec<(String, Value)>,
    /// Goals missed that are no row's.
    missed: usize,
}

impl Report {
    pub fn begin() -> Self {
        Self { rows: Vec::new(), notes: Vec::new(), missed: 0 }
    }

    pub fn row(&mut self, row: Row) {
        println!(
            "{:16} {:3} connections: bare {:7.1} us, broker {:7.1} us CPU, {:6.0}/s, p50 {:7.0} us, p99 {:7.0} us",
            row.name, row.connections, row.bare_us, row.cpu_us, row.per_second, row.p50_us, row.p99_us
        );
        self.rows.push(row);
    }

    pub fn handshakes(&mut self, (per_second, cpu_us): (f64, f64)) {
        self.notes.push((format!("TLS handshake with one request, one client after another: {per_second:.0}/s, {cpu_us:.0} us of the broker's CPU each"), json!({ "handshakes_per_second": per_second, "handshake_cpu_us": cpu_us })));
    }

    pub fn scale(&mut self, scale: &Scale) {
        let Scale { keys, start_ms, first, again, smallest_p50_us, rss } = scale;
        let start_ms = median(start_ms.iter().copied());
        let times = first.p50_us / smallest_p50_us;
        let met = start_ms <= START_MS_MAX && *rss <= RSS_MIB_MAX && times <= P50_TIMES_MAX;
        self.missed += usize::from(!met);
        let text = format!(
            "{keys} keys: first answer after {start_ms:.0} ms, {rss:.0} MiB resident; keys all over the store, one connection: p50 {:.0} us \
             ({times:.2} times that of the smallest store in the same minute), p99 {:.0} us, {:.0} us of CPU; once more: p50 {:.0} us; goals (5 s, 1 GiB, 1.2 times): {}",
            first.p50_us,
            first.p99_us,
            first.cpu_us,
            again.p50_us,
            if met { "met" } else { "MISSED" }
        );
        println!("{text}");
        let value = json!({ "keys": keys, "start_up_ms": start_ms, "resident_mib": rss, "p50_us": first.p50_us, "p99_us": first.p99_us, "cpu_us": first.cpu_us, "p50_again_us": again.p50_us, "smallest_p50_us": smallest_p50_us, "p50_times": times, "goal_met": met });
        self.notes.push((text, value));
    }

    pub fn start_up(&mut self, milliseconds: Vec<f64>) {
        let median = median(milliseconds);
        self.notes.push((
            format!("start of the process to its first answer over TLS: {median:.0} ms"),
            json!({ "start_up_ms": median }),
        ));
    }

    /// Writes both files; gives how many goals were missed.
    pub fn write(&self, folder: &Path) -> usize {
        fs::create_dir_all(folder).unwrap();
        let mut text = String::from(
            "| operation | connections | bare us | broker CPU us | ratio | beyond bare | noise us | op/s | p50 us | p99 us | goal |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
        );
        let mut missed = self.missed;
        for row in &self.rows {
            let verdict = row.verdict();
            missed += usize::from(verdict.as_ref().is_some_and(|(_, met)| !met));
            let goal = verdict
                .map_or_else(String::new, |(words, met)| format!("{words}: {}", if met { "met" } else { "MISSED" }));
            let Row { name, connections, bare_us, cpu_us, noise_us, per_second, p50_us, p99_us, .. } = row;
            // Some have nothing bare to be held against.
            let times = if *bare_us > 0.0 { format!("{:.2}", cpu_us / bare_us) } else { "-".to_owned() };
            writeln!(text, "| {name} | {connections} | {bare_us:.1} | {cpu_us:.1} | {times} | {:.1} | {noise_us:.1} | {per_second:.0} | {p50_us:.0} | {p99_us:.0} | {goal} |", cpu_us - bare_us).unwrap();
        }
        for (note, _) in &self.notes {
            writeln!(text, "\n{note}").unwrap();
        }
        println!("\n{text}");
        fs::write(folder.join("bench.md"), &text).unwrap();
        let rows: Vec<Value> = self.rows.iter().map(|row| json!({ "operation": row.name, "connections": row.connections, "bare_us": row.bare_us, "cpu_us": row.cpu_us, "noise_us": row.noise_us, "per_second": row.per_second, "p50_us": row.p50_us, "p99_us": row.p99_us, "operations": row.operations, "goal_met": row.verdict().map(|(_, met)| met) })).collect();
        let notes: Vec<&Value> = self.notes.iter().map(|(_, value)| value).collect();
        let json = json!({ "rows": rows, "notes": notes });
        fs::write(folder.join("bench.json"), serde_json::to_string_pretty(&json).unwrap()).unwrap();
        missed
    }
}
