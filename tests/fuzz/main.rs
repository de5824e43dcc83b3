//! `./dev fuzz`: runs fuzz targets for as long as asked, some at a time, and writes down what came of it.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a tool at a terminal; whatever goes wrong is a failed run

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use keybroker_tests::{FuzzRun, fuzz, fuzz_targets};

/// `--seconds N --keep FOLDER [--report FILE] [TARGET...]`, as `./dev fuzz` gives them.
struct Wish {
    time: Duration,
    keep: PathBuf,
    report: Option<PathBuf>,
    targets: Vec<String>,
}

fn main() -> ExitCode {
    let wish = match wish() {
        Ok(wish) => wish,
        Err(problem) => {
            println!("fuzz: {problem}");
            return ExitCode::from(2);
        }
    };
    let runs = all(&wish);
    let table = table(&runs);
    print!("\n{table}");
    if let Some(file) = &wish.report {
        std::fs::write(file, report(&wish, &runs, &table)).unwrap();
        println!("report: {}", file.display());
    }
    if runs.iter().all(|run| run.finding.is_none()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wish() -> Result<Wish, String> {
    let (mut time, mut keep, mut report, mut targets) = (None, None, None, Vec::new());
    let known = fuzz_targets();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--keep" => keep = Some(PathBuf::from(value()?)),
            "--report" => report = Some(PathBuf::from(value()?)),
            "--seconds" => {
                let text = value()?;
                let seconds = text.parse().ok().filter(|seconds| (1..=7 * 86_400).contains(seconds));
                time = Some(Duration::from_secs(seconds.ok_or_else(|| format!("{text:?} is no number of seconds"))?));
            }
            target if known.iter().any(|one| one == target) => targets.push(target.to_owned()),
            other => return Err(format!("no target is called {other:?}; there are {}", known.join(", "))),
        }
    }
    Ok(Wish {
        time: time.unwrap_or(Duration::from_secs(60)),
        keep: keep.ok_or("--keep is missing")?,
        report,
        targets: if targets.is_empty() { known } else { targets },
    })
}

/// As many at a time as there are cores.
fn all(wish: &Wish) -> Vec<FuzzRun> {
    let (waiting, done) = (Mutex::new(wish.targets.iter()), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some(target) = waiting.lock().unwrap().next() else { return };
                    let run = fuzz(target, wish.time, &wish.keep.join(target), &wish.keep.join("found"));
                    match &run.finding {
                        None => println!("{target}: {} inputs, nothing found", run.executions),
                        Some((input, said)) => println!("{target}: FOUND {}\n{said}", input.display()),
                    }
                    done.lock().unwrap().push(run);
                }
            });
        }
    });
    let mut runs = done.into_inner().unwrap();
    runs.sort_by(|one, other| one.target.cmp(&other.target));
    runs
}

fn table(runs: &[FuzzRun]) -> String {
    let mut table = String::from(
        "| target | inputs | inputs/s | corpus | with what was found | branches by corpus | by all | of | peak MiB | findings |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for run in runs {
        let FuzzRun { target, executions, seconds, corpus, edges, edges_all, resident_mib, finding } = run;
        let found = finding.as_ref().map_or("none".to_owned(), |(input, _)| name_of(input));
        writeln!(
            table,
            "| {target} | {executions} | {} | {} | {} | {} | {} | {edges_all} | {resident_mib} | {found} |",
            executions / (*seconds).max(1),
            corpus.0,
            corpus.1,
            edges.0,
            edges.1
        )
        .unwrap();
    }
    table
}

fn name_of(input: &Path) -> String {
    input.file_name().map_or_else(|| "see the output".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn report(wish: &Wish, runs: &[FuzzRun], table: &str) -> String {
    let tell = |name: &str| std::env::var(name).unwrap_or_else(|_| "unknown".to_owned());
    let inputs: u64 = runs.iter().map(|run| run.executions).sum();
    let found = runs.iter().filter(|run| run.finding.is_some()).count();
    format!(
        "# Fuzzing, {}\n\nCommit {}, {}. Each target {} s, {inputs} inputs in all, {found} findings. \
         `./dev fuzz --seconds {}` repeats it.\n\n{table}\n\
         Branches are those of our crates and of the parsers under them (`fuzz/rustc.sh`) that are linked into the target, most of\n\
         which no input of this target can reach: whole rooms are linked for one parser. The column before it counts from the\n\
         corpus that the repository keeps.\n",
        tell("KEYBROKER_REPORT_DATE"),
        tell("KEYBROKER_REPORT_COMMIT"),
        tell("KEYBROKER_REPORT_MACHINE"),
        wish.time.as_secs(),
        wish.time.as_secs(),
    )
}
