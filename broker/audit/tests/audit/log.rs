//! Writing: durable, whole, in order, or refused.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_audit::{FileAudit, OpenError, Settings};
use broker_core::entry::Decision;
use broker_core::port::{AuditLog, AuditUnavailable};

use crate::bench::{entry, eventually, good, lines, open, proving, segment, sequence, settings};

#[tokio::test]
async fn an_entry_is_one_line_whatever_its_names_hold() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&settings(dir.path()));
    log.record(entry(5)).await.unwrap();
    let written = lines(dir.path());
    assert_eq!(written.len(), 2, "a header and the entry");
    assert_eq!(written[0]["type"], "segment");
    assert_eq!(written[1]["client_request"], "a\"b\nc");
    assert_eq!(written[1]["missing"], "unwrapKey on /vault1/k");
    assert_eq!(written[1]["certificate_sha256"], "ab".repeat(32));
    assert_eq!(written[1]["time"], "1970-01-01T00:00:00.005Z");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_share_a_sync_and_every_number_stands_once() {
    let dir = tempfile::tempdir().unwrap();
    let log = Arc::new(open(&settings(dir.path())));
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
        let log = open(&settings(dir.path()));
        log.record(entry(1)).await.unwrap();
    }
    assert_eq!(sequence(dir.path()), [1, 2, 3]);
}

#[test]
fn a_log_that_makes_no_sense_or_is_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(&settings(dir.path()));
    assert!(matches!(FileAudit::open(settings(dir.path()), proving()), Err(OpenError::InUse { .. })));
    drop(first);
    drop(open(&settings(dir.path())));
    fs::write(segment(dir.path(), 1), "not json\n").unwrap();
    assert!(matches!(FileAudit::open(settings(dir.path()), proving()), Err(OpenError::Unreadable { .. })));
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
    let log = open(&settings(dir));
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
    eventually("it notices that there is room again", || !log.counters().failing).await;
    log.record(entry(2)).await.unwrap();
    assert!(!log.counters().failing);
    drop(log);
    assert_eq!(sequence(dir), (1..=durable + 1).collect::<Vec<_>>());
}

/// A disk image of its own with ext4 on it, which can be frozen; none where that is not allowed.
struct FreezableDisk {
    dir: tempfile::TempDir,
}

impl FreezableDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let script = "truncate -s 8M image && mkfs.ext4 -q image && mkdir disk && mount -o loop image disk";
        let done = std::process::Command::new("sh").args(["-ec", script]).current_dir(dir.path()).output();
        done.is_ok_and(|done| done.status.success()).then_some(Self { dir })
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("disk")
    }

    /// While it is frozen every write and sync waits, as on a disk that has stopped answering.
    fn freeze(&self, frozen: bool) {
        let flag = if frozen { "--freeze" } else { "--unfreeze" };
        let done = std::process::Command::new("fsfreeze").arg(flag).arg(self.path()).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for FreezableDisk {
    fn drop(&mut self) {
        // Frozen still when a test fails; thawed already otherwise, which it then complains about.
        let _thawed = std::process::Command::new("fsfreeze").arg("--unfreeze").arg(self.path()).output();
        std::process::Command::new("umount").arg(self.path()).status().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_stops_answering_makes_requests_wait_to_their_deadline_and_then_be_refused() {
    let Some(disk) = FreezableDisk::mount() else {
        eprintln!("not run: this needs leave to mount a loop device");
        return;
    };
    let wait_max = Duration::from_millis(300);
    let log = Arc::new(open(&Settings { wait_max, queue_entries_max: 8, ..settings(&disk.path()) }));
    log.record(entry(1)).await.unwrap();
    disk.freeze(true);
    let began = Instant::now();
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.record(entry(10 + number)).await })
        })
        .collect();
    let mut refused = 0;
    for task in tasks {
        refused += u32::from(task.await.unwrap() == Err(AuditUnavailable));
    }
    let took = began.elapsed();
    let waiting = log.counters().waiting;
    disk.freeze(false);
    assert_eq!(refused, 64, "nothing is served unaudited");
    assert!(took >= wait_max && took < wait_max * 20, "{took:?}");
    assert!(waiting <= 8, "{waiting} wait in a queue of 8");
    eventually("it takes entries again", || log.counters().waiting == 0 && log.counters().entries > 1).await;
    log.record(entry(2)).await.unwrap();
    drop(log);
    let entries = good(&disk.path()).entries;
    assert!((3..=64).contains(&entries), "what was taken and refused late may stand there, and no more: {entries}");
}

#[tokio::test]
async fn no_name_can_forge_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&settings(dir.path()));
    let nasty = [
        "a\nb",
        "a\r\nb",
        "\"}\n{\"seq\":9,\"prev\":\"",
        "a\u{0}b",
        "\u{85}\u{2028}\u{2029}",
        "\u{1b}[2K",
        "\u{202e}x",
        "\\\"",
        "\u{7f}",
        "\u{feff}",
    ];
    for (number, text) in nasty.into_iter().enumerate() {
        let mut entry = entry(number as u64);
        entry.asker.client_request_id = Some(text.to_owned());
        entry.scope = text.to_owned();
        entry.detail = Some(text.to_owned());
        entry.decision = Some(Decision::Refused { reason: "forbidden", missing: Some(text.to_owned()) });
        log.record(entry).await.unwrap();
    }
    drop(log);
    assert_eq!(good(dir.path()).entries, nasty.len() as u64);
    let bytes = fs::read(segment(dir.path(), 1)).unwrap();
    assert!(bytes.iter().all(|byte| *byte == b'\n' || *byte >= b' '), "a control character stands there raw");
    let written = lines(dir.path());
    assert_eq!(written.len(), nasty.len() + 1);
    for (line, text) in written[1..].iter().zip(nasty) {
        for field in ["client_request", "scope", "detail", "missing"] {
            assert_eq!(line[field], text, "{field}");
        }
    }
}
