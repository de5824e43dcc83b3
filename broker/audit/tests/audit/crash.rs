//! kill -9 at any moment: what was acknowledged stands, and the log verifies before and after the next start.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use broker_audit::{Entries, Settings, Source};
use broker_core::entry::{Decision, Entry, Phase};
use broker_core::port::AuditLog as _;
use broker_core::verb::Operation;

use crate::bench::{entry, good, open, proving, segment, sequence, settings, small_segments, verdict};

const DIR: &str = "AUDIT_CRASH_DIR";
const ROUNDS: u64 = 50;

fn loaded(dir: &Path) -> Settings {
    Settings { segment_bytes_max: 16 << 10, checkpoint_entries_max: 7, ..settings(dir) }
}

/// Not a test of its own: the process that the next one kills.
#[test]
#[ignore = "run by the test below, which kills it"]
fn the_child_that_is_killed() {
    let dir = std::env::var(DIR).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let log = Arc::new(open(&loaded(Path::new(&dir))));
        let tasks: Vec<_> = (0..8_u64)
            .map(|task| {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    for number in 0.. {
                        let id = u64::from(std::process::id()) << 32 | task << 24 | number;
                        let entry = entry(id);
                        let request = entry.asker.request;
                        log.record(entry).await.unwrap();
                        // The pipe's other end is gone when we are about to be.
                        let _gone =
                            std::io::Write::write_all(&mut std::io::stdout(), format!("acked {request}\n").as_bytes());
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn whatever_was_acknowledged_before_a_kill_stands_in_a_log_that_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::the_child_that_is_killed", "--ignored", "--nocapture"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let most = 30 + round * 37;
        let mut count = 0;
        while count < most {
            let line = said.next().expect("the child ended by itself").unwrap();
            if let Some(request) = line.strip_prefix("acked ") {
                acknowledged.insert(request.to_owned());
                count += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(
            said.filter_map(|line| line.ok()?.strip_prefix("acked ").map(str::to_owned)).filter(|id| id.len() == 36),
        );
        good(dir.path());
    }
    drop(open(&loaded(dir.path())));
    let report = good(dir.path());
    assert_eq!(report.vouched, report.last);
    let mut entries = Entries::of(&Source::Folder(dir.path().to_owned())).unwrap();
    while let Some((_, line)) = entries.next_entry().unwrap() {
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        acknowledged.remove(line["request"].as_str().unwrap());
    }
    assert_eq!(acknowledged, HashSet::new(), "acknowledged, but not in the log");
}

fn change(number: u64, phase: Phase) -> Entry {
    let decision = (phase == Phase::Outcome).then_some(Decision::Allowed);
    Entry { phase, decision, operation: Operation::CreateGrant, ..entry(number) }
}

#[tokio::test]
async fn an_intent_without_an_outcome_is_closed_as_unknown_at_the_next_start_and_only_then() {
    for settings in [settings, small_segments] {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&settings(dir.path()));
        log.record(change(1, Phase::Intent)).await.unwrap();
        log.record(change(2, Phase::Intent)).await.unwrap();
        log.record(change(2, Phase::Outcome)).await.unwrap();
        // Enough for the small segments to be closed behind the intent.
        for number in 10..30 {
            log.record(entry(number)).await.unwrap();
        }
        log.record(change(3, Phase::Intent)).await.unwrap();
        drop(log);
        for _start in 0..3 {
            drop(open(&settings(dir.path())));
        }
        assert_eq!(good(dir.path()).entries, 26);
        let mut entries = Entries::of(&Source::Folder(dir.path().to_owned())).unwrap();
        let mut unknown = Vec::new();
        while let Some((sequence, line)) = entries.next_entry().unwrap() {
            let line: serde_json::Value = serde_json::from_slice(line).unwrap();
            if line["decision"] == "unknown" {
                unknown.push((sequence, line));
            }
        }
        let claims: Vec<_> = unknown
            .iter()
            .map(|(at, line)| (*at, line["request"].as_str().unwrap(), line["phase"].as_str().unwrap()))
            .collect();
        let request = |number| entry(number).asker.request.to_string();
        assert_eq!(claims, [(25, &*request(1), "outcome"), (26, &*request(3), "outcome")]);
        let (_, line) = &unknown[0];
        assert_eq!(
            (&line["operation"], &line["scope"], &line["principal"]),
            (&"create-grant".into(), &"/vault1/k".into(), &"corp/dns:host.example".into())
        );
    }
}

#[tokio::test]
async fn a_power_cut_that_kept_a_later_sector_of_an_append_and_lost_an_earlier_one_hinders_no_start() {
    let ends: [(&str, Vec<u8>); 3] = [
        ("its first sector is missing", [vec![0; 512], b"\"}\n{\"seq\":5}\n".to_vec()].concat()),
        ("a sector in its middle is missing", [b"{\"seq\":4,".to_vec(), vec![0; 512], b"}\n".to_vec()].concat()),
        ("only its length came", vec![0; 700]),
    ];
    for (what, end) in ends {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&settings(dir.path()));
        for number in 1..=3 {
            log.record(entry(number)).await.unwrap();
        }
        drop(log);
        let whole = std::fs::read(segment(dir.path(), 1)).unwrap();
        std::fs::write(segment(dir.path(), 1), [&whole[..], &end].concat()).unwrap();
        assert_eq!(good(dir.path()).entries, 3, "{what}");
        let log = open(&settings(dir.path()));
        log.record(entry(4)).await.unwrap();
        drop(log);
        assert_eq!(good(dir.path()).entries, 4, "{what}");
        assert_eq!(sequence(dir.path()), [1, 2, 3, 4], "{what}");
    }
}

/// Whoever can write to the file achieves no more by it than by cutting the file off.
#[tokio::test]
async fn a_zero_byte_in_an_entry_that_a_checkpoint_vouches_for_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&settings(dir.path()));
    for number in 1..=3 {
        log.record(entry(number)).await.unwrap();
    }
    drop(log);
    let mut bytes = std::fs::read(segment(dir.path(), 1)).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 200;
    bytes[second] = 0;
    std::fs::write(segment(dir.path(), 1), bytes).unwrap();
    let refused = broker_audit::FileAudit::open(settings(dir.path()), proving()).err().unwrap();
    assert!(refused.to_string().contains("a checkpoint vouches for entry 3"), "{refused}");
    assert!(!verdict(dir.path(), &[]).problems.is_empty());
}
