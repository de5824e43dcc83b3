//! Runs the fuzz targets, each from its corpus and for a while.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::artefact::{fuzz_target, tests_folder};

/// Longest input in bytes: the parsers' own limits are far beyond, and short inputs are tried more often.
const INPUT_BYTES_MAX: u32 = 8192;
/// One input may take so long, and so much memory (address space that was never touched not counted).
const INPUT_S_MAX: u32 = 20;
const RESIDENT_MIB_MAX: u32 = 1536;

/// What a run came to.
#[derive(Debug)]
pub struct FuzzRun {
    pub target: String,
    /// Inputs that were tried.
    pub executions: u64,
    pub seconds: u64,
    /// Inputs of the corpus before and after; the repository keeps the former.
    pub corpus: (usize, usize),
    /// Branches that were taken by the corpus alone, and by all inputs.
    pub edges: (u64, u64),
    /// Branches that there are, those never compiled into a call from here included.
    pub edges_all: u64,
    pub resident_mib: u64,
    /// The input that broke a claim, and what was said.
    pub finding: Option<(PathBuf, String)>,
}

/// The folder `fuzz/` of the clone.
#[must_use]
pub fn fuzz_folder() -> PathBuf {
    tests_folder().join("../fuzz")
}

/// The names of all targets; each has a corpus.
///
/// # Panics
/// The folder cannot be read.
#[must_use]
pub fn fuzz_targets() -> Vec<String> {
    let folders = fs::read_dir(fuzz_folder().join("corpus")).unwrap();
    let mut names: Vec<_> = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs a target for so long. `grown` takes the inputs that led further than the corpus, and `found` one that broke a claim.
///
/// # Panics
/// The target is not built, does not start, or says something that makes no sense.
#[must_use]
pub fn fuzz(target: &str, time: Duration, grown: &Path, found: &Path) -> FuzzRun {
    let corpus = fuzz_folder().join("corpus").join(target);
    let dictionary = fuzz_folder().join(format!("dictionaries/{target}.dict"));
    fs::create_dir_all(grown).unwrap();
    fs::create_dir_all(found).unwrap();
    let mut command = Command::new(fuzz_target(target));
    command.arg(grown).arg(&corpus).arg(format!("-max_total_time={}", time.as_secs()));
    command.arg(format!("-max_len={INPUT_BYTES_MAX}")).arg(format!("-timeout={INPUT_S_MAX}"));
    command
        .arg(format!("-rss_limit_mb={RESIDENT_MIB_MAX}"))
        .arg(format!("-artifact_prefix={}/{target}-", found.display()));
    command.args(["-print_final_stats=1", "-reload=0"]);
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let before = fs::read_dir(&corpus).unwrap().count();
    // Its own time ends it; a claim that never comes back is ended by `-timeout`.
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let finding = (!output.status.success()).then(|| {
        let input = said.lines().find_map(|line| line.split("Test unit written to ").nth(1));
        (input.map(PathBuf::from).unwrap_or_default(), said.clone())
    });
    FuzzRun {
        executions: statistic(&said, "number_of_executed_units"),
        seconds: time.as_secs(),
        corpus: (before, before + fs::read_dir(grown).unwrap().count()),
        edges: (
            edges(said.lines().find(|line| line.contains("INITED"))),
            edges(said.lines().rfind(|line| line.contains(" cov: "))),
        ),
        edges_all: said
            .split("INFO: Loaded 1 modules")
            .nth(1)
            .map_or(0, |rest| number(rest.trim_start_matches([' ', '(']))),
        resident_mib: statistic(&said, "peak_rss_mb"),
        target: target.to_owned(),
        finding,
    }
}

fn edges(line: Option<&str>) -> u64 {
    line.and_then(|line| line.split(" cov: ").nth(1)).map_or(0, number)
}

fn statistic(said: &str, name: &str) -> u64 {
    said.split(&format!("stat::{name}:")).nth(1).map_or(0, |rest| number(rest.trim_start()))
}

/// The number that a text begins with.
fn number(text: &str) -> u64 {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(0)
}
