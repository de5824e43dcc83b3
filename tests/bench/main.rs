//! Measures the real binary against the bare cryptographic operation, in one run on one machine.
//!
//! CPU first: what the broker's process used for an operation (from /proc), over what the same operation costs alone in
//! this process. Writes `bench.md` and `bench.json` into the folder named on the command line, and fails when a goal is
//! missed by more than the noise that was measured. `--only NAME --connections N --seconds S` narrows it, for a profiler.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss)] // a tool for developers

mod audit;
mod bare;
mod echo;
mod guest;
mod hsm;
mod kmip;
mod load;
mod permit;
mod report;
mod scale;

use std::path::PathBuf;
use std::time::Duration;

use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use keybroker_tests::{Asks as _, Setup, b64, unb64};
use serde_json::json;

use crate::echo::Echo;
use crate::load::{Load, Measured};
use crate::report::{Report, Row};

/// How long each figure is measured, and how often.
const SECONDS: u64 = 3;
const RUNS: usize = 3;
const CONNECTIONS: [usize; 3] = [1, 8, 64];

struct Scenario {
    name: &'static str,
    kty: &'static str,
    spec: KeySpec,
    algorithm: WrapAlgorithm,
    unwrap: bool,
    /// The goal: CPU of the broker's process beyond the bare operation, or all told.
    goal: Goal,
}

#[derive(Clone, Copy)]
enum Goal {
    None,
    /// Microseconds beyond the bare operation.
    Beyond(f64),
    /// Microseconds all told, at 64 connections.
    AllTold(f64),
}

const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "RSA-2048 unwrap",
        kty: "RSA",
        spec: KeySpec::Rsa2048,
        algorithm: WrapAlgorithm::RsaOaep256,
        unwrap: true,
        goal: Goal::Beyond(60.0),
    },
    Scenario {
        name: "RSA-3072 unwrap",
        kty: "RSA",
        spec: KeySpec::Rsa3072,
        algorithm: WrapAlgorithm::RsaOaep256,
        unwrap: true,
        goal: Goal::None,
    },
    Scenario {
        name: "RSA-4096 unwrap",
        kty: "RSA",
        spec: KeySpec::Rsa4096,
        algorithm: WrapAlgorithm::RsaOaep256,
        unwrap: true,
        goal: Goal::None,
    },
    Scenario {
        name: "RSA-2048 wrap",
        kty: "RSA",
        spec: KeySpec::Rsa2048,
        algorithm: WrapAlgorithm::RsaOaep256,
        unwrap: false,
        goal: Goal::None,
    },
    Scenario {
        name: "A256KW unwrap",
        kty: "oct",
        spec: KeySpec::Oct256,
        algorithm: WrapAlgorithm::A256Kw,
        unwrap: true,
        goal: Goal::AllTold(70.0),
    },
    Scenario {
        name: "A256KW wrap",
        kty: "oct",
        spec: KeySpec::Oct256,
        algorithm: WrapAlgorithm::A256Kw,
        unwrap: false,
        goal: Goal::None,
    },
];

/// What is measured, for how long.
struct Plan {
    folder: PathBuf,
    only: Option<String>,
    connections: Vec<usize>,
    each: Duration,
}

impl Plan {
    fn from_words(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let folder = words.next().filter(|word| !word.starts_with('-')).ok_or("no folder for the report")?.into();
        let mut plan =
            Self { folder, only: None, connections: CONNECTIONS.to_vec(), each: Duration::from_secs(SECONDS) };
        while let Some(flag) = words.next() {
            let value = words.next().ok_or_else(|| format!("{flag} has no value"))?;
            let number = || value.parse().map_err(|_| format!("{flag} {value:?} is no number"));
            match flag.as_str() {
                "--connections" => plan.connections = vec![number()? as usize],
                "--only" => plan.only = Some(value),
                "--seconds" => plan.each = Duration::from_secs(number()?),
                _ => return Err(format!("{flag:?} is not known")),
            }
        }
        Ok(plan)
    }

    fn has(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == hsm::BARE) {
        return hsm::bare_process(&words[1..]);
    }
    let plan = Plan::from_words(words.into_iter()).unwrap_or_else(|what| {
        eprintln!(
            "bench: {what}; usage: keybroker-bench FOLDER [--only NAME] [--connections N] [--seconds S]; \
             ./dev bench [FOLDER] measures everything"
        );
        std::process::exit(2);
    });
    let mut report = Report::begin();
    let broker = Setup::new().start();
    for scenario in SCENARIOS.iter().filter(|scenario| plan.has(scenario.name)) {
        measure(&broker, scenario, &plan, &mut report);
    }
    baseline(&plan, &mut report);
    guest::measure(&plan, &mut report);
    audit::measure(&plan, &mut report);
    kmip::measure(&plan, &mut report);
    hsm::measure(&plan, &mut report);
    scale::measure(&plan, &mut report);
    if plan.only.is_some() {
        return;
    }
    report.handshakes(load::handshakes(&broker, Duration::from_secs(SECONDS)));
    drop(broker);
    report.start_up(load::start_up(RUNS));
    let missed = report.write(&plan.folder);
    if missed > 0 {
        eprintln!("bench: {missed} goals missed; see {}/bench.md", plan.folder.display());
        std::process::exit(1);
    }
}

fn measure(broker: &keybroker_tests::Broker, scenario: &Scenario, plan: &Plan, report: &mut Report) {
    let name = format!("bench-{}-{}", scenario.spec, if scenario.unwrap { "unwrap" } else { "wrap" });
    let admin = broker.admin();
    let secret = [7; 32];
    let path = admin.create(&name, scenario.kty, scenario.spec.bits());
    let algorithm = scenario.algorithm.word();
    let wrapped = unb64(&admin.wrap(&path, algorithm, &secret).with_status(200).json()["value"]);
    let (verb, value) = if scenario.unwrap { ("unwrapkey", wrapped) } else { ("wrapkey", secret.to_vec()) };
    let request = load::request(&format!("{path}/{verb}"), &json!({ "alg": algorithm, "value": b64(&value) }));
    // In turn, so that a machine whose speed drifts drifts for both.
    let what = (scenario.spec, scenario.algorithm, scenario.unwrap);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut measured = vec![(Vec::new(), Vec::new()); plan.connections.len()];
    for _ in 0..RUNS {
        for (connections, (bare, runs)) in plan.connections.iter().zip(&mut measured) {
            bare.push(bare::us_per_operation(what, cores.min(*connections), Duration::from_secs(1)));
            runs.push(Load { broker, request: &request, connections: *connections }.run(plan.each));
        }
    }
    for (connections, (bare, runs)) in plan.connections.iter().zip(measured) {
        let runs: Vec<Measured> = runs;
        report.row(Row::of(scenario.name, *connections, &bare, &runs, goal_at(scenario.goal, *connections)));
    }
}

const ECHO: &str = "TLS and sockets alone";

/// What an A256KW unwrap costs without the broker.
fn baseline(plan: &Plan, report: &mut Report) {
    if !plan.has(ECHO) {
        return;
    }
    let body = json!({ "alg": "A256KW", "value": b64(&[7; 40]) });
    let request = load::request("/keys/bench-oct-256-unwrap/0123456789abcdef0123456789abcdef/unwrapkey", &body);
    let echo = Echo::start(200);
    for connections in &plan.connections {
        let runs: Vec<_> = (0..RUNS).map(|_| echo.load(&request, *connections, plan.each)).collect();
        report.row(Row::of(ECHO, *connections, &[0.0], &runs, Goal::None));
    }
}

/// A goal all told is for 64 connections.
fn goal_at(goal: Goal, connections: usize) -> Goal {
    match goal {
        Goal::AllTold(_) if connections != 64 => Goal::None,
        goal => goal,
    }
}
