//! The disk fails at the Nth write, sync or rename of store and audit, is full, cannot be written, the clock jumps: what was
//! acknowledged stands. `./dev soak` goes on where this ends: for every N, with other seeds.
#![allow(clippy::unwrap_used)]

mod clock;
mod disk;
mod offline;

use keybroker_tests::Fault;
use keybroker_tests::crash::{Campaign, Chance, Kind, Stage, Struck};

/// Which calls are struck here; `./dev soak` draws others.
const SEED: u64 = 0x6372_6173_6820_3232;

/// Plays each fault of a kind so many times, spread evenly over all calls.
fn play(kind: Kind, times: u64) {
    let mut chance = Chance::new(SEED);
    let (mut stage, calls) = kind.stage().unwrap_or_else(|violation| panic!("{violation}"));
    let mut struck = 0;
    for fault in kind.faults() {
        for time in 0..times {
            let piece = (calls / times).max(1);
            let at = 1 + time * piece + chance.below(piece);
            let round = Campaign { kind, fault }.play(&mut stage, at, chance.below(1 << 32));
            let met = round.unwrap_or_else(|violation| panic!("{violation}"));
            eprintln!("{}, {} at call {at} of {calls}: {met:?}", kind.word(), fault.word());
            struck += u64::from(met != Struck::Nothing);
        }
    }
    if !kind.is_start() {
        stage.cut(SEED).unwrap_or_else(|violation| panic!("{violation}"));
    }
    stage.finish().unwrap_or_else(|violation| panic!("{violation}"));
    // Some faults pass over the call that was drawn, such as a full disk over a sync.
    let rounds = kind.faults().len() as u64 * times;
    assert!(struck * 2 > rounds, "{struck} of {rounds} rounds struck anything: they show nothing");
}

#[test]
fn work_that_a_fault_of_the_disk_cuts_off_loses_nothing_that_was_answered() {
    play(Kind::Work, 3);
}

#[test]
fn a_disk_that_fails_until_it_is_healed_is_answered_clearly_and_outlived() {
    play(Kind::Lasting, 4);
}

#[test]
fn entries_and_commits_that_share_a_sync_stand_or_fall_together() {
    play(Kind::Crowd, 2);
}

#[test]
fn a_start_that_fails_anywhere_leaves_everything_to_the_next_one() {
    play(Kind::Start, 2);
}

#[test]
fn a_first_start_that_is_killed_at_any_call_is_done_again_by_the_next() {
    let (mut stage, calls) = Kind::FirstStart.stage().unwrap_or_else(|violation| panic!("{violation}"));
    let mut struck = 0;
    for at in 1..=calls {
        let fault = if at % 2 == 0 { Fault::KillHalf } else { Fault::Cut };
        let met = Campaign { kind: Kind::FirstStart, fault }.play(&mut stage, at, SEED);
        struck += u64::from(met.unwrap_or_else(|violation| panic!("{violation}")) != Struck::Nothing);
    }
    // The last calls are of threads that nobody waits for: they may come when the start is over.
    assert!(struck * 2 > calls, "{struck} of {calls} calls");
}

#[test]
fn a_segment_of_the_audit_is_closed_and_compressed_whatever_fails_meanwhile() {
    play(Kind::Rotation, 2);
}

/// The same questions, of a disk that no broker can live with: they are able to fail.
#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out() {
    let mut stage = Stage::new();
    let missed = stage.lied_to().expect_err("everything was lost");
    eprintln!("{missed}");
}

/// What the shim does not see would be broken by nobody: store and audit go through it, with every kind of call.
#[test]
fn the_shim_sees_what_store_and_audit_do() {
    let mut stage = Stage::new();
    stage.calls().unwrap();
    let trace = stage.trace();
    for (call, file) in [
        ("write", "store.db-wal"),
        ("sync", "store.db-wal"),
        ("write", "audit/segment-00000001.jsonl"),
        ("sync", "audit/segment-00000001.jsonl"),
        ("create", "audit/checkpoints/segment-00000001.tmp"),
        ("sync", "audit/checkpoints/segment-00000001.tmp"),
        ("rename", "audit/checkpoints/segment-00000001.note"),
        ("sync", "audit/checkpoints"),
        ("rename", "audit-checkpoints/segment-00000001.note"),
    ] {
        let wanted = format!("{call} {file}");
        assert!(trace.iter().any(|line| line.ends_with(&wanted)), "{wanted} is not in\n{}", trace.join("\n"));
    }
}
