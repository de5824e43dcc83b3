//! Segments: closed at their size, compressed behind the writer's back, readable at every moment.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use broker_audit::{Entries, Settings, Source};
use broker_core::port::AuditLog as _;

use crate::attack::unpack;
use crate::bench::{PATIENCE, entry, eventually, good, open, segment, small_segments};

/// # Panics
/// The file does not come to be.
pub fn wait_for(path: &Path, mut again: impl FnMut()) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < PATIENCE, "{} never came to be", path.display());
        again();
    }
}

fn numbers(dir: &Path) -> Vec<u64> {
    let mut entries = Entries::of(&Source::Folder(dir.to_owned())).unwrap();
    let mut numbers = Vec::new();
    while let Some((number, _)) = entries.next_entry().unwrap() {
        numbers.push(number);
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_segments_close_and_shrink_while_anyone_may_verify() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { segment_bytes_max: 64 << 10, checkpoint_entries_max: 50, ..small_segments(dir.path()) };
    let log = Arc::new(open(&settings));
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for number in 0..100 {
                    log.record(entry(task * 1000 + number)).await.unwrap();
                }
            })
        })
        .collect();
    let path = dir.path().to_owned();
    let watch = tokio::task::spawn_blocking(move || (0..20).map(|_| good(&path).last).max().unwrap());
    for task in tasks {
        task.await.unwrap();
    }
    watch.await.unwrap();
    let packed = |number: u32| segment(dir.path(), number).with_extension("jsonl.gz");
    let open_one = (1..).find(|number| !packed(*number).exists() && !segment(dir.path(), number + 1).exists()).unwrap();
    eventually("every closed segment is compressed", || {
        (1..open_one).all(|number| packed(number).exists() && !segment(dir.path(), number).exists())
    })
    .await;
    drop(log);
    let report = good(dir.path());
    assert_eq!((report.entries, report.vouched), (1600, 1600));
    assert!(report.segments > 10, "{}", report.segments);
    assert_eq!(numbers(dir.path()), (1..=1600).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_compression_that_was_killed_anywhere_leaves_the_log_good_and_is_done_again() {
    type Crash = fn(&Path);
    let rows: [(&str, Crash); 4] = [
        ("before it began", |dir| unpack(dir, 1)),
        ("while it wrote", |dir| {
            let half = fs::read(packed(dir)).unwrap();
            unpack(dir, 1);
            fs::write(packed(dir).with_extension("gz.tmp"), &half[..half.len() / 2]).unwrap();
        }),
        ("before the name was changed", |dir| {
            let whole = fs::read(packed(dir)).unwrap();
            unpack(dir, 1);
            fs::write(packed(dir).with_extension("gz.tmp"), whole).unwrap();
        }),
        ("before the plain one was removed", |dir| {
            let whole = fs::read(packed(dir)).unwrap();
            unpack(dir, 1);
            fs::write(packed(dir), whole).unwrap();
        }),
    ];
    for (what, crash) in rows {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&small_segments(dir.path()));
        for number in 1..=12 {
            log.record(entry(number)).await.unwrap();
        }
        eventually("compression", || packed(dir.path()).exists() && !segment(dir.path(), 1).exists()).await;
        drop(log);
        crash(dir.path());
        assert_eq!(good(dir.path()).entries, 12, "{what}");
        let log = open(&small_segments(dir.path()));
        eventually(what, || packed(dir.path()).exists() && !segment(dir.path(), 1).exists()).await;
        drop(log);
        assert_eq!(good(dir.path()).entries, 12, "{what}");
        let left = fs::read_dir(dir.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|it| it == "tmp"));
        assert_eq!(left.count(), 0, "{what}");
    }
}

fn packed(dir: &Path) -> std::path::PathBuf {
    segment(dir, 1).with_extension("jsonl.gz")
}

#[tokio::test]
async fn a_segment_that_a_crash_kept_from_beginning_is_begun_again() {
    for torn in ["", "{\"type\":\"segm"] {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&small_segments(dir.path()));
        for number in 1..=12 {
            log.record(entry(number)).await.unwrap();
        }
        drop(log);
        let next = good(dir.path()).segments + 1;
        fs::write(segment(dir.path(), next), torn).unwrap();
        assert_eq!(good(dir.path()).entries, 12);
        let log = open(&small_segments(dir.path()));
        log.record(entry(13)).await.unwrap();
        drop(log);
        let report = good(dir.path());
        assert_eq!((report.entries, report.vouched), (13, 13));
    }
}
