//! Audit files as someone may have left them: what was changed is noticed, and whatever stands there is read in peace.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use broker_audit::{
    Checkpoint, Checkpoints, Entries, FileAudit, Line, Note, Proving, Report, Settings, Source, Verifier, Wanted,
    verify,
};
use broker_core::entry::{Asker, Decision, Entry, Front, Peer, Phase};
use broker_core::name::{Principal, RequestId};
use broker_core::port::{AuditLog as _, Clock};
use broker_core::secret::Secret;
use broker_core::verb::Operation;
use broker_crypto::sign::SigningKey;

use super::{folder, question};
use crate::bound::Allowance;
use crate::edit::edited;

/// A reader has 256 KiB, twice that for a compressed file, and what the decompressor keeps.
const FILES: Allowance = Allowance { bytes: 4 << 20, each: 256 };
const TEXTS: Allowance = Allowance { bytes: 64 << 10, each: 128 };
const ENTRIES: u64 = 6;

struct World {
    folder: tempfile::TempDir,
    verifier: Verifier,
    segment: Vec<u8>,
    notes: Vec<u8>,
}

struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn monotonic_us(&self) -> u64 {
        self.now_ms() * 1000
    }
}

/// A log of six entries, closed in order, so that a checkpoint vouches for all of them.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let folder = folder();
    let settings = Settings {
        dir: folder.path().to_owned(),
        wait_max: Duration::from_secs(60),
        queue_entries_max: 64,
        segment_bytes_max: 1 << 30,
        checkpoint_entries_max: 3,
        checkpoint_age_max: Duration::from_secs(3600),
        sinks: Vec::new(),
    };
    let proving = Proving {
        key: SigningKey::from_seed(Secret::new(vec![7; 32])).expect("a seed of 32 bytes"),
        clock: Arc::new(Ticking(AtomicU64::new(1_800_000_000_000))),
        generation: Arc::new(|| 3),
        keep: Arc::new(|_| {}),
        known: Vec::new(),
        under_way: Arc::new(|| 1),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let log = FileAudit::open(settings, proving).expect("a new log");
        for number in 1..=ENTRIES {
            log.record(entry(number)).await.expect("there is room");
        }
    });
    let read = |path: PathBuf| fs::read(path).expect("the log wrote it");
    let key = String::from_utf8(read(folder.path().join("audit.pub"))).expect("a line of text");
    World {
        verifier: Verifier::parse(&key).expect("the log's own key"),
        segment: read(segment_in(folder.path())),
        notes: read(notes_in(folder.path())),
        folder,
    }
});

fn segment_in(folder: &Path) -> PathBuf {
    folder.join("segment-00000001.jsonl")
}

fn notes_in(folder: &Path) -> PathBuf {
    folder.join("checkpoints/segment-00000001.note")
}

fn entry(number: u64) -> Entry {
    Entry {
        asker: Asker {
            request: RequestId::from_random([9; 16]),
            client_request_id: Some("a\"b".to_owned()),
            principal: Principal::parse("corp/dns:host.example").expect("a principal"),
            fingerprint_sha256: None,
            peer: Peer::Here("a fuzz target"),
            front: Front::Kmip,
            proof: None,
            journal: None,
        },
        time_ms: number,
        phase: Phase::Done,
        operation: Operation::UnwrapKey,
        scope: "/vault1/k".to_owned(),
        version: None,
        algorithm: Some("A256KW"),
        backend: None,
        decision: Some(Decision::Allowed),
        detail: None,
        duration_us: 12,
    }
}

/// # Panics
/// Something of this does not hold.
pub fn check(bytes: &[u8]) {
    match question(bytes, 5) {
        Some((0, segment)) => any_segment(segment),
        Some((1, script)) => changed_segment(script),
        Some((2, script)) => changed_notes(script),
        Some((3, line)) => any_line(line),
        Some((_, text)) => any_checkpoint(text),
        None => {}
    }
}

fn verdict(source: &Source, notes: &Path) -> Option<Report> {
    let beside = Checkpoints::read(notes).expect("the folder can be read");
    let wanted = Wanted { verifier: WORLD.verifier.clone(), beside, expected: Vec::new() };
    verify(source, &wanted, &mut |_| {}).ok()
}

/// Bytes under a segment's name, compressed or not: no checkpoint vouches for any of them.
fn any_segment(bytes: &[u8]) {
    let path = WORLD.folder.path().join("stranger.jsonl");
    fs::write(&path, bytes).expect("there is room");
    let source = Source::Files(vec![path]);
    let report = FILES.hold(bytes.len(), || verdict(&source, &WORLD.folder.path().join("none")));
    assert!(report.is_none_or(|report| report.vouched == 0));
    FILES.hold(bytes.len(), || {
        let Ok(mut entries) = Entries::of(&source) else { return };
        while let Ok(Some((_, line))) = entries.next_entry() {
            let _no_entry = Line::parse(line);
        }
    });
}

/// Everything up to the last line is vouched for; what comes after it is at best not vouched for yet.
fn changed_segment(script: &[u8]) {
    let segment = edited(&WORLD.segment, script);
    let folder = folder();
    fs::create_dir(folder.path().join("checkpoints")).expect("there is room");
    fs::write(segment_in(folder.path()), &segment).expect("there is room");
    fs::write(notes_in(folder.path()), &WORLD.notes).expect("there is room");
    let source = Source::Folder(folder.path().to_owned());
    let report = FILES.hold(segment.len(), || verdict(&source, &folder.path().join("checkpoints")));
    let good = report.as_ref().is_some_and(|report| report.problems.is_empty());
    if good {
        assert!(segment.starts_with(&WORLD.segment), "{report:?}");
        assert!(report.is_some_and(|report| report.vouched == ENTRIES && report.entries >= ENTRIES));
    }
    assert!(good || segment != WORLD.segment, "the log as it was written");
}

/// A changed checkpoint never vouches for what the log has not.
fn changed_notes(script: &[u8]) {
    let notes = edited(&WORLD.notes, script);
    let folder = folder();
    fs::write(folder.path().join("segment-00000001.note"), &notes).expect("there is room");
    let source = Source::Files(vec![segment_in(WORLD.folder.path())]);
    if let Some(report) = FILES.hold(notes.len(), || verdict(&source, folder.path())) {
        assert!(report.vouched <= ENTRIES && report.entries <= ENTRIES, "{report:?}");
    }
}

fn any_line(bytes: &[u8]) {
    let Some(line) = TEXTS.hold(bytes.len(), || Line::parse(bytes)) else { return };
    let written = [b"{", line.body().expect("texts and numbers").as_slice()].concat();
    assert!(!written.contains(&b'\n'), "one entry is one line");
    assert_eq!(Line::parse(&written), Some(line));
}

fn any_checkpoint(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(checkpoint) = TEXTS.hold(text.len(), || Checkpoint::parse(text)) {
        assert_eq!(Checkpoint::parse(&checkpoint.text()), Some(checkpoint));
    }
    if let Some(notes) = TEXTS.hold(text.len(), || Note::parse_all(text)) {
        assert!(notes.iter().all(|note| !WORLD.verifier.signed(note)), "nobody else has the key");
    }
}
