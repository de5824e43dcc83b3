//! The audit log on a real disk.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use broker_audit::{FileAudit, OpenError, Settings};
use broker_core::entry::{Asker, Decision, Entry, Front, Phase};
use broker_core::name::{Principal, RequestId};
use broker_core::port::{AuditLog, AuditUnavailable};
use broker_core::verb::Operation;

fn settings(dir: &Path) -> Settings {
    Settings { dir: dir.to_owned(), wait_max: Duration::from_secs(20), queue_entries_max: 1024 }
}

fn entry(number: u64) -> Entry {
    Entry {
        asker: Asker {
            request: RequestId::from_random([7; 16]),
            client_request_id: Some("a\"b\nc".to_owned()),
            principal: Principal::parse("corp/dns:host.example").unwrap(),
            fingerprint_sha256: Some([0xab; 32]),
            peer: "127.0.0.1:1".to_owned(),
            front: Front::Keyvault,
            proof: None,
        },
        time_ms: number,
        phase: Phase::Done,
        operation: Operation::UnwrapKey,
        scope: "/vault1/k".to_owned(),
        version: None,
        algorithm: Some("A256KW"),
        backend: None,
        decision: Some(Decision::Refused { reason: "forbidden", missing: Some("unwrapKey on /vault1/k".to_owned()) }),
        detail: Some("x".repeat(200)),
        duration_us: 12,
    }
}

fn lines(dir: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(dir.join("segment-00000001.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sequence(dir: &Path) -> Vec<u64> {
    lines(dir).iter().map(|line| line["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn an_entry_is_one_line_whatever_its_names_hold() {
    let dir = tempfile::tempdir().unwrap();
    let log = FileAudit::open(settings(dir.path())).unwrap();
    log.record(entry(5)).await.unwrap();
    let written = lines(dir.path());
    assert_eq!(written.len(), 1);
    assert_eq!(written[0]["client_request"], "a\"b\nc");
    assert_eq!(written[0]["missing"], "unwrapKey on /vault1/k");
    assert_eq!(written[0]["certificate_sha256"], "ab".repeat(32));
    assert_eq!(written[0]["time"], "1970-01-01T00:00:00.005Z");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_share_a_sync_and_every_number_stands_once() {
    let dir = tempfile::tempdir().unwrap();
    let log = Arc::new(FileAudit::open(settings(dir.path())).unwrap());
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for number in 0..20 {
                    log.record(entry(task * 100 + number)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let counters = log.counters();
    assert_eq!(counters.entries, 1280);
    assert!(counters.syncs < 1280, "{} syncs for 1280 entries", counters.syncs);
    assert_eq!(sequence(dir.path()), (1..=1280).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_half_written_last_line_is_cut_off_and_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("segment-00000001.jsonl");
    for torn in ["", "{\"seq\":3,\"ti", "{"] {
        let before = fs::read(&file).unwrap_or_default();
        fs::write(&file, [&before[..], torn.as_bytes()].concat()).unwrap();
        let log = reopened(dir.path());
        log.record(entry(1)).await.unwrap();
    }
    assert_eq!(sequence(dir.path()), [1, 2, 3]);
}

/// The log, closed a moment ago. A process that another test begins has a copy of the lock until it runs its own program.
fn reopened(dir: &Path) -> FileAudit {
    let began = std::time::Instant::now();
    loop {
        match FileAudit::open(settings(dir)) {
            Err(OpenError::InUse { .. }) if began.elapsed() < Duration::from_secs(20) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

#[test]
fn a_log_that_makes_no_sense_or_is_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = FileAudit::open(settings(dir.path())).unwrap();
    assert!(matches!(FileAudit::open(settings(dir.path())), Err(OpenError::InUse { .. })));
    drop(first);
    drop(reopened(dir.path()));
    fs::write(dir.path().join("segment-00000001.jsonl"), "not json\n").unwrap();
    assert!(matches!(FileAudit::open(settings(dir.path())), Err(OpenError::Unreadable { .. })));
}

/// A file system of 64 KiB of its own, unmounted when dropped; none where mounting is not allowed.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let done = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(dir.path())
            .status();
        done.is_ok_and(|status| status.success()).then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        std::process::Command::new("umount").arg(self.0.path()).status().unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers_without_a_lost_or_torn_line() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("not run: this needs leave to mount a tmpfs");
        return;
    };
    let dir = disk.0.path();
    let ballast = dir.join("ballast");
    let log = FileAudit::open(settings(dir)).unwrap();
    log.record(entry(1)).await.unwrap();
    fs::write(&ballast, vec![0; 40 * 1024]).unwrap();
    let mut durable = 1_u64;
    while log.record(entry(durable)).await.is_ok() {
        durable += 1;
        assert!(durable < 1000, "64 KiB never filled up");
    }
    assert!(log.counters().failing);
    assert_eq!(log.record(entry(0)).await, Err(AuditUnavailable));
    fs::remove_file(&ballast).unwrap();
    let began = std::time::Instant::now();
    while log.counters().failing {
        assert!(began.elapsed() < Duration::from_secs(20), "it never noticed that there is room again");
        tokio::task::yield_now().await;
    }
    log.record(entry(2)).await.unwrap();
    assert!(!log.counters().failing);
    drop(log);
    assert_eq!(sequence(dir), (1..=durable + 1).collect::<Vec<_>>());
}
