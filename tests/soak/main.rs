//! Breaks the disk under the real binary for as long as it is told, round after round, with new seeds.
//!
//! `keybroker-soak FOLDER [--minutes N] [--seed N]` writes `soak.md` into the folder and fails with the first thing that was
//! acknowledged and is not so. The same seed plays the same rounds in the same order.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a tool for developers

mod plan;
mod tally;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;

use keybroker_tests::crash::{Campaign, Chance, Kind, Stage, Struck, Violation};

use crate::plan::Plan;
use crate::tally::Tally;

/// Rounds of one broker; then another one begins.
const ROUNDS_PER_BROKER: u64 = 24;

fn main() -> ExitCode {
    let plan = match Plan::from_arguments() {
        Ok(plan) => plan,
        Err(what) => {
            eprintln!("{what}");
            return ExitCode::from(2);
        }
    };
    println!("soak: seed {}, {} s", plan.seed, plan.time.as_secs());
    let tally = Mutex::new(Tally::default());
    // Most of a round is waiting for processes: two go on side by side.
    let halves = [vec![Kind::Work, Kind::Rotation], vec![Kind::Start, Kind::Lasting, Kind::Crowd, Kind::FirstStart]];
    let ended: Vec<Result<(), Violation>> = std::thread::scope(|scope| {
        let half = |(number, kinds): (usize, &Vec<Kind>)| {
            let (kinds, plan, tally) = (kinds.clone(), &plan, &tally);
            scope.spawn(move || {
                let played = std::panic::AssertUnwindSafe(|| play(plan, number as u64, &kinds, tally));
                std::panic::catch_unwind(played).unwrap_or_else(|_| {
                    plan.stop();
                    Err("a round ended in a panic; see above".to_owned())
                })
            })
        };
        let threads: Vec<_> = halves.iter().enumerate().map(half).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let violations: Vec<Violation> = ended.into_iter().filter_map(Result::err).collect();
    let text = tally.into_inner().unwrap().markdown(&plan, &violations);
    std::fs::create_dir_all(&plan.folder).unwrap();
    let file = plan.folder.join("soak.md");
    std::fs::write(&file, &text).unwrap();
    println!("{text}\nsoak: the report is {}", file.display());
    for violation in &violations {
        eprintln!("soak: seed {}: {violation}", plan.seed);
    }
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays these kinds in turn, one broker after the other, until the time is over or something is wrong.
fn play(plan: &Plan, half: u64, kinds: &[Kind], tally: &Mutex<Tally>) -> Result<(), Violation> {
    let mut chance = Chance::new(plan.seed.wrapping_mul(2).wrapping_add(half));
    let mut positions = BTreeMap::new();
    while !plan.is_over() {
        for kind in kinds {
            let played = bout(plan, *kind, &mut chance, &mut positions, tally);
            played.inspect_err(|_| plan.stop())?;
        }
    }
    Ok(())
}

/// The calls that a campaign has still to strike, in the order in which it will.
type Positions = BTreeMap<Campaign, Vec<u64>>;

fn bout(
    plan: &Plan,
    kind: Kind,
    chance: &mut Chance,
    positions: &mut Positions,
    tally: &Mutex<Tally>,
) -> Result<(), Violation> {
    if plan.is_over() {
        return Ok(());
    }
    let (mut stage, calls) = kind.stage()?;
    let faults = kind.faults();
    for round in 0..ROUNDS_PER_BROKER {
        // The seed alone says what is played, not how fast the machine is: the numbers are drawn in any case.
        let fault = faults[usize::try_from(chance.below(faults.len() as u64)).unwrap()];
        let seed = chance.below(u64::from(u32::MAX));
        let campaign = Campaign { kind, fault };
        let left = positions.entry(campaign).or_default();
        if left.is_empty() {
            *left = shuffled(calls, chance);
        }
        let at = left.pop().unwrap();
        if plan.is_over() {
            break;
        }
        let struck = campaign.play(&mut stage, at, seed)?;
        tally.lock().unwrap().count(campaign, at, calls, &struck);
        let met = match &struck {
            Struck::Call(call) => call,
            Struck::Nothing => "the work was done before",
        };
        println!("soak: {}, {} at call {at} of {calls}, round {round}: {met}", kind.word(), fault.word());
    }
    end(kind, &mut stage, chance, tally)
}

/// The power fails once more, and everything is asked for that was ever answered.
fn end(kind: Kind, stage: &mut Stage, chance: &mut Chance, tally: &Mutex<Tally>) -> Result<(), Violation> {
    let seed = chance.below(u64::from(u32::MAX));
    if !kind.is_start() {
        stage.cut(seed)?;
    }
    stage.finish()?;
    tally.lock().unwrap().add(stage);
    Ok(())
}

/// 1 to `calls`, each once.
fn shuffled(calls: u64, chance: &mut Chance) -> Vec<u64> {
    let mut all: Vec<u64> = (1..=calls).collect();
    for index in (1..all.len()).rev() {
        all.swap(index, usize::try_from(chance.below(index as u64 + 1)).unwrap());
    }
    all
}
