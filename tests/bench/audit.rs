//! The audit log alone: entries made durable with one request in flight and with many, against a bare write and sync of as
//! many bytes in the same folder.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use broker_audit::{FileAudit, Proving, Settings};
use broker_core::entry::{Asker, Decision, Entry, Front, Peer, Phase};
use broker_core::name::{Principal, RequestId};
use broker_core::port::{AuditLog as _, Clock};
use broker_core::secret::Secret;
use broker_core::verb::Operation;
use broker_crypto::sign::SigningKey;

use crate::report::{Report, Row};
use crate::{Goal, Plan, RUNS, bare, load};

const NAME: &str = "audit entry";
const IN_FLIGHT: [usize; 2] = [1, 64];
/// About what one entry's line has.
const LINE_BYTES: usize = 700;

struct Wall;

impl Clock for Wall {
    fn now_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
    }

    fn monotonic_us(&self) -> u64 {
        self.now_ms() * 1000
    }
}

pub fn measure(plan: &Plan, report: &mut Report) {
    if !plan.has(NAME) {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for in_flight in IN_FLIGHT {
        let folder = tempfile::tempdir().unwrap();
        let audit = Arc::new(open(folder.path(), in_flight));
        let (mut bare, mut runs) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            bare.push(bare_us(folder.path(), plan.each));
            let audit = Arc::clone(&audit);
            let once = move || {
                let audit = Arc::clone(&audit);
                async move { audit.record(entry()).await.unwrap() }
            };
            runs.push(runtime.block_on(load::run_tasks(once, load::own_cpu_us, in_flight, plan.each)));
        }
        let counters = audit.counters();
        println!("{:.1} entries a sync", counters.entries as f64 / counters.syncs as f64);
        report.row(Row::of(NAME, in_flight, &bare, &runs, Goal::None));
    }
}

fn open(folder: &Path, in_flight: usize) -> FileAudit {
    let settings = Settings {
        dir: folder.join("audit"),
        wait_max: Duration::from_secs(20),
        queue_entries_max: 1024,
        segment_bytes_max: 1 << 30,
        checkpoint_entries_max: 10_000,
        checkpoint_age_max: Duration::from_secs(60),
        sinks: Vec::new(),
    };
    let proving = Proving {
        key: SigningKey::from_seed(Secret::new(vec![7; 32])).unwrap(),
        clock: Arc::new(Wall),
        generation: Arc::new(|| 1),
        under_way: Arc::new(move || in_flight),
        keep: Arc::new(|_| {}),
        known: Vec::new(),
    };
    FileAudit::open(settings, proving).unwrap()
}

fn entry() -> Entry {
    Entry {
        asker: Asker {
            request: RequestId::from_random([7; 16]),
            client_request_id: None,
            principal: Principal::parse("corp/dns:host.example").unwrap(),
            fingerprint_sha256: Some([0xab; 32]),
            peer: Peer::Network(([127, 0, 0, 1], 1).into()),
            front: Front::Keyvault,
            proof: None,
            journal: None,
        },
        time_ms: Wall.now_ms(),
        phase: Phase::Done,
        operation: Operation::UnwrapKey,
        scope: "/vault1/bench".to_owned(),
        version: None,
        algorithm: Some("A256KW"),
        backend: None,
        decision: Some(Decision::Allowed),
        detail: None,
        duration_us: 12,
    }
}

/// CPU of one write and sync, in microseconds, on a thread of its own.
fn bare_us(folder: &Path, most: Duration) -> f64 {
    let mut file = File::create(folder.join("bare")).unwrap();
    let (line, began, cpu) = ([b'x'; LINE_BYTES], Instant::now(), bare::thread_cpu_us());
    let mut writes = 0_u32;
    while began.elapsed() < most {
        file.write_all(&line).unwrap();
        file.sync_data().unwrap();
        writes += 1;
    }
    (bare::thread_cpu_us() - cpu) / f64::from(writes)
}
