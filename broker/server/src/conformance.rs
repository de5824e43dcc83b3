//! What every backend plugin must do, asked of one in the room a broker would run it in; no broker runs.

mod cost;
mod delegate;
mod import;
mod sign;
mod subject;
mod wrap;

use std::fmt;
use std::sync::Arc;

use broker_backend_wasm::WasmBackend;
use broker_core::algorithm::KeySpec;
use serde::Serialize;

pub use cost::Cost;
pub use delegate::FreshDelegates;
use subject::Subject;

/// Calls at a time when it is asked whether they get in each other's way.
const CONCURRENT: usize = 16;

/// All that was asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    pub rows: Vec<Row>,
    pub costs: Vec<Cost>,
    /// The largest memory that one call had.
    pub memory_bytes_peak: u64,
}

/// One question and what came of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    pub question: String,
    #[serde(flatten)]
    pub answer: Answer,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "answer", content = "told")]
pub enum Answer {
    Passed,
    /// What is wrong, and what it should be.
    Failed(String),
    /// Why it could not be asked.
    NotAsked(String),
}

impl Answer {
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "FAILED",
            Self::NotAsked(_) => "not asked",
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => Ok(()),
            Self::Failed(told) | Self::NotAsked(told) => f.write_str(told),
        }
    }
}

/// Asks everything; `heard` is called with each row as it comes. `delegates`: it was granted `delegate`.
pub async fn examine(plugin: WasmBackend, delegates: bool, heard: impl FnMut(&Row)) -> Report {
    let subject = Subject { plugin: Arc::new(plugin), delegates };
    let mut asking = Asking { rows: Vec::new(), heard };
    let mut costs = Vec::new();
    if subject.plugin.described().backup_first {
        asking.note("it does not serve before it was backed up", subject.waits_for_backup().await);
        asking.note("back it up", subject.backs_up().await);
    }
    asking.note("it can serve now (self-test)", subject.serves().await);
    let specs = subject.specs();
    for &spec in &specs {
        asking.note(format!("generate {spec}: a key of its own each time"), subject.generates(spec).await);
    }
    for algorithm in subject.wraps() {
        let spec = smallest(&specs, |spec| algorithm.fits(spec));
        wrap::ask(&subject, algorithm, spec, &mut asking).await;
        costs.extend(cost::of_wrap(&subject, algorithm, spec).await);
    }
    for algorithm in subject.signs() {
        let spec = smallest(&specs, |spec| algorithm.fits(spec));
        sign::ask(&subject, algorithm, spec, &mut asking).await;
    }
    import::ask(&subject, &mut asking).await;
    asking.note("destroy a key, and again once it is gone", subject.destroys(specs[0]).await);
    let memory_bytes_peak = subject.plugin.counters().read().memory_bytes_peak;
    Report { rows: asking.rows, costs, memory_bytes_peak }
}

/// The rows so far, and who is told of each.
struct Asking<F> {
    rows: Vec<Row>,
    heard: F,
}

impl<F: FnMut(&Row)> Asking<F> {
    fn note(&mut self, question: impl Into<String>, result: Result<(), String>) {
        self.answer(question, result.map_or_else(Answer::Failed, |()| Answer::Passed));
    }

    fn answer(&mut self, question: impl Into<String>, answer: Answer) {
        let row = Row { question: question.into(), answer };
        (self.heard)(&row);
        self.rows.push(row);
    }
}

/// The described specs that the algorithm fits hold at least one: a description without is refused at load.
fn smallest(specs: &[KeySpec], fits: impl Fn(KeySpec) -> bool) -> KeySpec {
    let fitting = specs.iter().copied().filter(|&spec| fits(spec)).min_by_key(|spec| spec.bits());
    fitting.expect("a description that names an algorithm names a spec for it, or the plugin is not loaded")
}
