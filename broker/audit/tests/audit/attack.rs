//! Whoever can write the folder, but has not the signing key, is found out; each way of it is a row.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use broker_audit::{Checkpoints, Entries, FileAudit, Kind, OpenError, Proving, Signed, Source};
use broker_core::port::AuditLog as _;
use proptest::prelude::*;

use crate::bench::{entry, good, open, open_with, proving, segment, settings, small_segments, verdict};

/// A log of so many entries, closed in order.
fn written(dir: &Path, entries: u64, small: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let log = open(&if small { small_segments(dir) } else { settings(dir) });
    for number in 1..=entries {
        runtime.block_on(log.record(entry(number))).unwrap();
    }
}

/// The lines of a plain segment, changed.
fn edit(dir: &Path, number: u32, change: impl FnOnce(&mut Vec<String>)) {
    let path = segment(dir, number);
    let mut lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

/// The lines from this one on, linked anew as an attacker would who knows the format.
fn relink(lines: &mut [String], from: usize) {
    for at in from.max(1)..lines.len() {
        let previous: String =
            broker_crypto::digest::sha256(lines[at - 1].as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        let (begin, _) = lines[at].split_once("\"prev\":\"").unwrap();
        let begin = begin.len() + "\"prev\":\"".len();
        lines[at].replace_range(begin..begin + 64, &previous);
    }
}

fn note_file(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("checkpoints/segment-{number:08}.note"))
}

type Attack = fn(&mut Vec<String>);

#[test]
fn what_is_done_to_lines_is_named_with_its_place() {
    // Line 1 is the header; entry N is line N + 1, and stands at index N.
    let rows: [(&str, Attack, Kind, Option<u64>, u64); 14] = [
        (
            "two neighbours changed",
            |lines| (5..7).for_each(|at| lines[at] = lines[at].replace("forbidden", "forbiddem")),
            Kind::Altered,
            Some(6),
            5,
        ),
        ("an entry changed", |lines| lines[5] = lines[5].replace("forbidden", "forbiddem"), Kind::Altered, Some(6), 5),
        ("a link changed", |lines| relink_to_zero(&mut lines[5]), Kind::Altered, Some(6), 5),
        ("a number changed", |lines| lines[5] = lines[5].replace("\"seq\":5", "\"seq\":7"), Kind::Altered, Some(6), 5),
        (
            "the last entry changed",
            |lines| lines[10] = lines[10].replace("forbidden", "forbiddem"),
            Kind::Recomputed,
            Some(11),
            1,
        ),
        (
            "an entry that is no JSON",
            |lines| lines[5] = lines[5].replace("\"duration_us\"", "duration_us"),
            Kind::Altered,
            Some(6),
            5,
        ),
        (
            "the header changed",
            |lines| lines[0] = lines[0].replace("\"intents_from\":1", "\"intents_from\":2"),
            Kind::Altered,
            Some(1),
            1,
        ),
        ("an entry dropped", |lines| drop(lines.remove(5)), Kind::Dropped, Some(6), 5),
        ("three entries dropped", |lines| drop(lines.drain(5..8)), Kind::Dropped, Some(6), 5),
        ("neighbours swapped", |lines| lines.swap(5, 6), Kind::Swapped, Some(6), 5),
        ("strangers swapped", |lines| lines.swap(3, 9), Kind::Swapped, Some(4), 3),
        ("an entry twice", |lines| lines.insert(5, lines[5].clone()), Kind::Duplicated, Some(7), 5),
        ("an old entry again", |lines| lines.insert(8, lines[2].clone()), Kind::Duplicated, Some(9), 2),
        ("the end cut off", |lines| lines.truncate(8), Kind::Truncated, None, 8),
    ];
    for (what, attack, kind, line, sequence) in rows {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path(), 10, false);
        good(dir.path());
        edit(dir.path(), 1, attack);
        let report = verdict(dir.path(), &[]);
        let [problem, ..] = &report.problems[..] else { panic!("{what}: nothing was found: {report:?}") };
        assert_eq!(
            (problem.kind, problem.segment, problem.line, problem.sequence),
            (kind, Some(1), line, Some(sequence)),
            "{what}: {problem:?}"
        );
    }
}

fn relink_to_zero(line: &mut String) {
    let at = line.find("\"prev\":\"").unwrap() + 8;
    line.replace_range(at..at + 64, &"0".repeat(64));
}

#[test]
fn without_a_checkpoint_an_entry_changed_and_all_that_follow_computed_anew_looks_good_until_a_copy_is_held_against_it()
{
    for entry in [3, 10] {
        let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        written(dir.path(), 10, false);
        let copied = copy.path().join("kept.note");
        fs::copy(note_file(dir.path(), 1), &copied).unwrap();
        edit(dir.path(), 1, |lines| {
            lines[entry] = lines[entry].replace("refused", "allowed");
            relink(lines, entry + 1);
        });
        assert_eq!(verdict(dir.path(), &[]).problems[0].kind, Kind::Recomputed, "the folder's own checkpoint tells");
        fs::remove_file(note_file(dir.path(), 1)).unwrap();
        let report = good(dir.path());
        assert_eq!((report.vouched, report.remarks.len()), (0, 1), "it passes, but nothing vouches for it: {report:?}");
        assert_eq!(verdict(dir.path(), &[copied]).problems[0].kind, Kind::Recomputed);
    }
}

#[test]
fn a_cut_end_shows_against_a_copy_even_when_its_checkpoints_were_cut_with_it() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    written(dir.path(), 10, false);
    let copied = copy.path().join("kept.note");
    fs::rename(note_file(dir.path(), 1), &copied).unwrap();
    edit(dir.path(), 1, |lines| lines.truncate(4));
    assert_eq!(good(dir.path()).last, 3);
    let problem = verdict(dir.path(), &[copied]).problems.remove(0);
    assert_eq!((problem.kind, problem.sequence), (Kind::Truncated, Some(4)));
}

#[test]
fn what_is_done_to_segments_is_named() {
    type Attack = fn(&Path);
    let rows: [(&str, Attack, Kind, u32); 6] = [
        ("the first removed", |dir| remove(dir, 1), Kind::SegmentMissing, 1),
        ("one removed", |dir| remove(dir, 2), Kind::SegmentMissing, 2),
        ("the last removed", |dir| remove(dir, last(dir)), Kind::SegmentMissing, 0),
        (
            "the end of one cut off",
            |dir| {
                unpack(dir, 2);
                edit(dir, 2, |lines| lines.truncate(2))
            },
            Kind::Truncated,
            2,
        ),
        (
            "the last line of one changed",
            |dir| {
                unpack(dir, 2);
                edit(dir, 2, |lines| {
                    let line = lines.last_mut().unwrap();
                    *line = line.replace("refused", "allowed");
                });
                fs::remove_file(note_file(dir, 2)).unwrap();
            },
            Kind::Altered,
            2,
        ),
        (
            "two swapped",
            |dir| {
                unpack(dir, 2);
                unpack(dir, 3);
                let (two, three) = (segment(dir, 2), segment(dir, 3));
                let aside = dir.join("aside");
                fs::rename(&two, &aside).unwrap();
                fs::rename(&three, &two).unwrap();
                fs::rename(&aside, &three).unwrap();
            },
            Kind::Swapped,
            2,
        ),
    ];
    for (what, attack, kind, number) in rows {
        let dir = tempfile::tempdir().unwrap();
        // So many that the last segment has entries too.
        written(dir.path(), 32, true);
        let segments = good(dir.path()).segments;
        assert!(segments > 4, "{segments}");
        let number = if number == 0 { segments } else { number };
        attack(dir.path());
        let problem = verdict(dir.path(), &[]).problems.remove(0);
        assert_eq!((problem.kind, problem.segment), (kind, Some(number)), "{what}: {problem:?}");
    }
}

fn last(dir: &Path) -> u32 {
    (1..).take_while(|number| segment(dir, *number).exists() || packed(dir, *number).exists()).last().unwrap()
}

fn packed(dir: &Path, number: u32) -> PathBuf {
    segment(dir, number).with_extension("jsonl.gz")
}

fn remove(dir: &Path, number: u32) {
    let (plain, packed) = (fs::remove_file(segment(dir, number)), fs::remove_file(packed(dir, number)));
    assert!(plain.is_ok() || packed.is_ok());
}

/// Makes a segment plain again, if it was compressed already.
pub fn unpack(dir: &Path, number: u32) {
    let (plain, packed) = (segment(dir, number), packed(dir, number));
    if packed.exists() {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(fs::File::open(&packed).unwrap()), &mut text)
            .unwrap();
        fs::write(plain, text).unwrap();
        fs::remove_file(packed).unwrap();
    }
}

#[test]
fn checkpoints_that_are_forged_or_of_another_log_are_named() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    written(dir.path(), 4, false);
    written(other.path(), 4, false);
    let own = fs::read_to_string(note_file(dir.path(), 1)).unwrap();
    let theirs = fs::read_to_string(note_file(other.path(), 1)).unwrap();
    let (own_text, own_signature) = own.split_once("\n\n").unwrap();
    let signature_of_theirs = theirs.split_once("\n\n").unwrap().1;
    let rows = [
        ("its size changed", own.replacen("\n4\n", "\n3\n", 1), Kind::CheckpointForged),
        ("its time changed", own.replace("time 20", "time 19"), Kind::CheckpointForged),
        ("another's signature", format!("{own_text}\n\n{signature_of_theirs}"), Kind::CheckpointForged),
        ("no signature", format!("{own_text}\n\n"), Kind::CheckpointForged),
        ("cut off", own[..own.len() - 9].to_owned(), Kind::CheckpointForged),
        ("another text under the signature", format!("hello\n\n{own_signature}"), Kind::CheckpointForged),
        ("of another log", theirs.clone(), Kind::CheckpointOfAnotherLog),
        ("one good, one of another log", format!("{own}\n{theirs}"), Kind::CheckpointOfAnotherLog),
    ];
    for (what, text, kind) in rows {
        assert_ne!(text, own, "{what}");
        fs::write(note_file(dir.path(), 1), &text).unwrap();
        let problem = verdict(dir.path(), &[]).problems.remove(0);
        assert_eq!(problem.kind, kind, "{what}: {problem:?}");
        let refused = FileAudit::open(settings(dir.path()), proving());
        assert!(
            matches!(refused, Err(OpenError::Altered { .. } | OpenError::Unreadable { .. })),
            "{what}: the broker starts on it"
        );
    }
    fs::write(note_file(dir.path(), 1), &own).unwrap();
    good(dir.path());
}

#[test]
fn the_broker_does_not_start_on_a_log_that_was_cut_or_changed() {
    let rows: [(&str, Attack); 4] = [
        ("cut", |lines| lines.truncate(3)),
        ("changed", |lines| lines[4] = lines[4].replace("refused", "allowed")),
        ("changed and linked anew", |lines| {
            lines[4] = lines[4].replace("refused", "allowed");
            relink(lines, 5);
        }),
        ("emptied", Vec::clear),
    ];
    for (what, attack) in rows {
        for own_checkpoints in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let kept = Arc::new(Mutex::new(String::new()));
            let keeping = || Proving {
                keep: {
                    let kept = Arc::clone(&kept);
                    Arc::new(move |signed: Signed<'_>| signed.note.clone_into(&mut kept.lock().unwrap()))
                },
                ..proving()
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let log = open_with(&settings(dir.path()), keeping);
            (1..=6).for_each(|number| runtime.block_on(log.record(entry(number))).unwrap());
            drop(log);
            // The log as it was left is taken, with the copy held against it.
            let copies = tempfile::tempdir().unwrap();
            fs::write(copies.path().join("a.note"), &*kept.lock().unwrap()).unwrap();
            let known = || Checkpoints::read(copies.path()).unwrap().remove(0).1.unwrap();
            drop(open_with(&settings(dir.path()), || Proving { known: known(), ..proving() }));

            edit(dir.path(), 1, attack);
            if !own_checkpoints {
                fs::remove_dir_all(dir.path().join("checkpoints")).unwrap();
            }
            let known = if own_checkpoints { Vec::new() } else { known() };
            let opened = FileAudit::open(settings(dir.path()), Proving { known, ..proving() });
            assert!(
                matches!(opened, Err(OpenError::Altered { .. })),
                "{what}, own checkpoints: {own_checkpoints}: {:?}",
                opened.err()
            );
        }
    }
}

/// Every entry of the log, as it can be read now.
fn entries(dir: &Path) -> Vec<Vec<u8>> {
    let mut entries = Entries::of(&Source::Folder(dir.to_owned())).unwrap();
    std::iter::from_fn(|| entries.next_entry().unwrap().map(|(_, text)| text.to_vec())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_flipped_bit_anywhere_is_found_and_the_entry_named(at in any::<prop::sample::Index>(), bit in 0_u8..8, number in 1_u32..=3) {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path(), 16, true);
        (1..=3).for_each(|number| unpack(dir.path(), number));
        let path = segment(dir.path(), number);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        fs::File::options().write(true).open(&path).unwrap().write_at(&bytes[at..=at], at as u64).unwrap();
        let report = verdict(dir.path(), &[]);
        prop_assert!(!report.problems.is_empty(), "byte {at} of segment {number}, line {line}");
        let problem = &report.problems[0];
        if let (Some(named), Some(segment)) = (problem.line, problem.segment) && problem.kind != Kind::Recomputed {
            prop_assert_eq!((segment, named), (number, line as u64), "{:?}", problem);
        }
    }

    #[test]
    fn any_flipped_bit_of_a_compressed_segment_is_found_or_changes_nothing(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path(), 12, true);
        drop(open(&small_segments(dir.path())));
        let path = packed(dir.path(), 1);
        crate::rotation::wait_for(&path, || drop(open(&small_segments(dir.path()))));
        let mut bytes = fs::read(&path).unwrap();
        let before = entries(dir.path());
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        fs::write(&path, &bytes).unwrap();
        // gzip's header has a time, a file name and an operating system that no one reads, and the last byte of what it
        // compressed has bits to spare: what changes there changes no entry.
        if verdict(dir.path(), &[]).problems.is_empty() {
            prop_assert_eq!(entries(dir.path()), before, "byte {}", at);
        }
    }
}
