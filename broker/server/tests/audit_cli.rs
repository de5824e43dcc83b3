//! `keybroker audit` on a log that no broker holds open: verdicts by exit code, filters, export, follow.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use broker_audit::{FileAudit, Proving, Settings};
use broker_core::entry::{Asker, Decision, Entry, Front, Peer, Phase};
use broker_core::name::{Principal, RequestId};
use broker_core::port::{AuditLog as _, Clock};
use broker_core::secret::Secret;
use broker_core::verb::Operation;
use broker_crypto::sign::SigningKey;

struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn monotonic_us(&self) -> u64 {
        self.now_ms()
    }
}

/// A log of segments of a few entries.
struct Log {
    dir: tempfile::TempDir,
    open: Option<FileAudit>,
    runtime: tokio::runtime::Runtime,
}

impl Log {
    fn begin() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            dir: dir.path().to_owned(),
            wait_max: Duration::from_secs(20),
            queue_entries_max: 100,
            segment_bytes_max: 3000,
            checkpoint_entries_max: 3,
            checkpoint_age_max: Duration::from_secs(3600),
            sinks: Vec::new(),
        };
        let proving = Proving {
            key: SigningKey::from_seed(Secret::new(vec![7; 32])).unwrap(),
            clock: Arc::new(Ticking(AtomicU64::new(0))),
            generation: Arc::new(|| 1),
            keep: Arc::new(|_| {}),
            known: Vec::new(),
            under_way: Arc::new(|| 1),
        };
        let open = Some(FileAudit::open(settings, proving).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { dir, open, runtime }
    }

    /// Ten entries, by turns of two principals, at seconds 1 to 10 of the epoch; closed in order.
    fn written() -> Self {
        let mut log = Self::begin();
        (1..=10).for_each(|number| log.record(number));
        log.open = None;
        log
    }

    fn record(&self, number: u64) {
        let even = number.is_multiple_of(2);
        let refused = Decision::Refused { reason: "forbidden", missing: Some("get on /vault1/k".to_owned()) };
        let entry = Entry {
            asker: Asker {
                request: RequestId::from_random([u8::try_from(number).unwrap(); 16]),
                client_request_id: None,
                principal: Principal::parse(if even { "corp/dns:even.example" } else { "corp/dns:odd.example" })
                    .unwrap(),
                fingerprint_sha256: None,
                peer: Peer::Network(([127, 0, 0, 1], 1).into()),
                front: Front::Keyvault,
                proof: None,
                journal: None,
            },
            time_ms: number * 1000,
            phase: Phase::Done,
            operation: if even { Operation::GetKey } else { Operation::UnwrapKey },
            scope: if even { "/vault1/k".to_owned() } else { "/vault2/k".to_owned() },
            version: None,
            algorithm: None,
            backend: None,
            decision: Some(if even { refused } else { Decision::Allowed }),
            detail: Some("a\u{1b}[2J\nb".to_owned()),
            duration_us: 1,
        };
        self.runtime.block_on(self.open.as_ref().unwrap().record(entry)).unwrap();
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keybroker"));
        command.arg("audit").args(words).env("KEYBROKER_AUDIT_DIR", self.dir.path());
        command
    }

    fn newest_segment(&self) -> PathBuf {
        let files = std::fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|it| it == "jsonl")).max().unwrap()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap()
}

fn numbers(output: &Output) -> Vec<u64> {
    assert!(output.status.success(), "{}", text(output));
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_good_log_exits_0_a_bad_one_1_and_a_mistaken_command_2() {
    let log = Log::written();
    let good = log.run(&["verify"]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good));
    assert!(text(&good).contains("10 entries") && text(&good).contains("up to entry 10"), "{}", text(&good));
    let key = log.dir.path().join("audit.pub");
    let copied = tempfile::tempdir().unwrap();
    let elsewhere = copied.path().join("audit.pub");
    std::fs::rename(&key, &elsewhere).unwrap();
    assert_eq!(log.run(&["verify"]).status.code(), Some(2), "there is no key");
    assert_eq!(log.run(&["verify", "--key", path(&elsewhere)]).status.code(), Some(0));
    for mistaken in [
        &["verify", "--key", "/nowhere"][..],
        &["verify", "--key", path(&elsewhere), "--expect", "/nowhere"],
        &["verify", "--dir", "/nowhere", "--key", path(&elsewhere)],
        &["show", "--since", "yesterday"],
        &["show", "--decision", "perhaps"],
        &["export", "--dir", "/nowhere"],
        &["tail", "--dir", "/nowhere"],
        &["verify", "--colour"],
    ] {
        assert_eq!(log.run(mistaken).status.code(), Some(2), "{mistaken:?}");
    }
    let segment = log.newest_segment();
    let bytes = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(&segment, bytes.replacen("\"duration_us\":1}", "\"duration_us\":2}", 1)).unwrap();
    let bad = log.run(&["verify", "--key", path(&elsewhere)]);
    assert_eq!(bad.status.code(), Some(1), "{}", text(&bad));
    assert!(text(&bad).contains("BAD ") && text(&bad).contains("entry "), "{}", text(&bad));
    let json: serde_json::Value =
        serde_json::from_slice(&log.run(&["verify", "--json", "--key", path(&elsewhere)]).stdout).unwrap();
    assert_eq!(json["good"], false);
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_cut_end_shows_only_against_a_checkpoint_from_elsewhere() {
    let log = Log::written();
    let copies = tempfile::tempdir().unwrap();
    let notes = log.dir.path().join("checkpoints");
    let last = std::fs::read_dir(&notes).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let copy = copies.path().join("kept.note");
    std::fs::copy(&last, &copy).unwrap();
    assert_eq!(log.run(&["verify", "--expect", path(&copy)]).status.code(), Some(0));
    std::fs::remove_dir_all(&notes).unwrap();
    let segment = log.newest_segment();
    let lines = std::fs::read_to_string(&segment).unwrap();
    let kept = lines.lines().next().unwrap();
    std::fs::write(&segment, format!("{kept}\n")).unwrap();
    assert_eq!(log.run(&["verify"]).status.code(), Some(0));
    let bad = log.run(&["verify", "--expect", path(&copy)]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(text(&bad).contains("truncated"), "{}", text(&bad));
}

#[test]
fn filters_take_what_they_say_across_segments() {
    let log = Log::written();
    let rows: [(&[&str], &[u64]); 8] = [
        (&[], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (&["--principal", "corp/dns:even.example"], &[2, 4, 6, 8, 10]),
        (&["--scope", "/vault2"], &[1, 3, 5, 7, 9]),
        (&["--operation", "get-key"], &[2, 4, 6, 8, 10]),
        (&["--decision", "refused", "--since", "1970-01-01T00:00:06Z"], &[6, 8, 10]),
        (&["--until", "1970-01-01T01:00:03+01:00"], &[1, 2]),
        (&["--since", "1970-01-01T00:00:03Z", "--until", "1970-01-01T00:00:05Z"], &[3, 4]),
        (&["--principal", "corp/dns:even.example", "--scope", "/vault2"], &[]),
    ];
    for (words, expected) in rows {
        assert_eq!(numbers(&log.run(&[&["export"], words].concat())), expected, "export {words:?}");
        assert_eq!(numbers(&log.run(&[&["show", "--json"], words].concat())), expected, "show {words:?}");
        let last: Vec<_> = expected.iter().rev().take(2).rev().copied().collect();
        assert_eq!(numbers(&log.run(&[&["tail", "--json", "-n", "2"], words].concat())), last, "tail {words:?}");
    }
}

#[test]
fn what_is_shown_to_people_moves_no_terminal() {
    let shown = text(&Log::written().run(&["show"]));
    assert_eq!(shown.lines().count(), 10, "{shown}");
    assert!(shown.contains(r"a\u{1b}[2J\u{a}b") && !shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn tail_follows_across_segments() {
    let log = Log::begin();
    log.record(1);
    let mut child = log.command(&["tail", "-f", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 1..=10 {
        if number > 1 {
            log.record(number);
        }
        let line: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(line["seq"], number);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
