//! What the tests share: a log with a key, entries for it, and a verdict on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use broker_audit::{
    Checkpoints, FileAudit, OpenError, Proving, Report, Settings, Source, Verifier, Wanted, read_notes,
};
use broker_core::entry::{Asker, Decision, Entry, Front, Peer, Phase};
use broker_core::name::{Principal, RequestId};
use broker_core::port::Clock;
use broker_core::secret::Secret;
use broker_core::verb::Operation;
use broker_crypto::sign::SigningKey;

/// Nothing in these tests takes longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn settings(dir: &Path) -> Settings {
    Settings {
        dir: dir.to_owned(),
        wait_max: Duration::from_secs(20),
        queue_entries_max: 1024,
        segment_bytes_max: 1 << 30,
        checkpoint_entries_max: 1000,
        checkpoint_age_max: Duration::from_secs(3600),
        sinks: Vec::new(),
    }
}

/// Segments of a few entries, checkpoints at every second one.
pub fn small_segments(dir: &Path) -> Settings {
    Settings { segment_bytes_max: 4096, checkpoint_entries_max: 2, ..settings(dir) }
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

pub fn proving() -> Proving {
    Proving {
        key: SigningKey::from_seed(Secret::new(vec![7; 32])).unwrap(),
        clock: Arc::new(Ticking(AtomicU64::new(1_700_000_000_000))),
        generation: Arc::new(|| 3),
        under_way: Arc::new(|| 1),
        keep: Arc::new(|_| {}),
        known: Vec::new(),
    }
}

/// A log that may have been closed a moment ago: a process that another test begins has a copy of the lock until it runs
/// its own program.
pub fn open(settings: &Settings) -> FileAudit {
    open_with(settings, proving)
}

pub fn open_with(settings: &Settings, proving: impl Fn() -> Proving) -> FileAudit {
    let began = Instant::now();
    loop {
        match FileAudit::open(settings.clone(), proving()) {
            Err(OpenError::InUse { .. }) if began.elapsed() < PATIENCE => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

pub fn entry(number: u64) -> Entry {
    let mut id = [7; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    Entry {
        asker: Asker {
            request: RequestId::from_random(id),
            client_request_id: Some("a\"b\nc".to_owned()),
            principal: Principal::parse("corp/dns:host.example").unwrap(),
            fingerprint_sha256: Some([0xab; 32]),
            peer: Peer::Network(([127, 0, 0, 1], 1).into()),
            front: Front::Keyvault,
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
        decision: Some(Decision::Refused { reason: "forbidden", missing: Some("unwrapKey on /vault1/k".to_owned()) }),
        detail: Some("x".repeat(200)),
        duration_us: 12,
    }
}

/// Entries and headers of the first segment.
pub fn lines(dir: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(segment(dir, 1)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn sequence(dir: &Path) -> Vec<u64> {
    lines(dir).iter().filter_map(|line| line["seq"].as_u64()).collect()
}

pub fn segment(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("segment-{number:08}.jsonl"))
}

/// The public key's verdict on a folder, held against checkpoint files from elsewhere too.
pub fn verdict(dir: &Path, expect: &[PathBuf]) -> Report {
    let key = std::fs::read_to_string(dir.join("audit.pub")).unwrap();
    let wanted = Wanted {
        verifier: Verifier::parse(&key).unwrap(),
        beside: Checkpoints::read(&dir.join("checkpoints")).unwrap(),
        expected: expect.iter().map(|path| (path.clone(), read_notes(path).unwrap())).collect(),
    };
    broker_audit::verify(&Source::Folder(dir.to_owned()), &wanted, &mut |_| {}).unwrap()
}

/// # Panics
/// The log is not good.
pub fn good(dir: &Path) -> Report {
    let report = verdict(dir, &[]);
    assert_eq!(report.problems, [], "{report:?}");
    report
}

/// Waits for something that will be so soon.
pub async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::task::yield_now().await;
    }
}
