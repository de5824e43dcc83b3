//! How fast a long log is verified, and what an entry costs. Run by hand, in release:
//! `cargo test -p broker-audit --release --test audit -- --ignored --nocapture speed`

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_audit::Settings;
use broker_core::port::AuditLog as _;

use crate::bench::{entry, good, open, settings};

const ENTRIES: u64 = 1_000_000;
const TASKS: u64 = 500;

#[test]
#[ignore = "a million entries; a figure of the release build"]
fn a_million_entries_are_verified_in_ten_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let began = Instant::now();
    runtime.block_on(async {
        let log = Arc::new(open(&Settings { segment_bytes_max: 64 << 20, ..settings(dir.path()) }));
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    for number in 0..ENTRIES / TASKS {
                        log.record(entry(task << 32 | number)).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let counters = log.counters();
        eprintln!("written: {} entries in {:?}, {} syncs", counters.entries, began.elapsed(), counters.syncs);
        // What is still to be compressed is compressed first, so that the hard case is measured.
        while std::fs::read_dir(dir.path())
            .unwrap()
            .filter(|it| it.as_ref().unwrap().path().extension().is_some_and(|it| it == "jsonl"))
            .count()
            > 1
        {
            tokio::task::yield_now().await;
        }
        eprintln!("compressed after {:?}", began.elapsed());
    });
    let bytes: u64 = std::fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().metadata().unwrap().len()).sum();
    let began = Instant::now();
    let report = good(dir.path());
    let took = began.elapsed();
    eprintln!(
        "verified: {} entries in {} segments, {} MiB on disk, in {took:?}",
        report.entries,
        report.segments,
        bytes >> 20
    );
    assert_eq!(report.entries, ENTRIES);
    assert!(took < Duration::from_secs(10));
}
