//! Every way to misbehave ends within its limits and is told by the right refusal.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use broker_backend_wasm::{Counts, Limits, WasmBackend};
use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use broker_core::name::BackendName;
use broker_core::refusal::Refusal;

use crate::plant::{Key, VERSION, generate, load, load_with, refusal};

const KW: WrapAlgorithm = WrapAlgorithm::A256Kw;

fn quick() -> Limits {
    Limits { call_ms_max: 300, generate_ms_max: 300, ..Limits::default() }
}

fn faulty() -> BackendName {
    BackendName::parse("faulty").unwrap()
}

/// Wraps under a key of this name; what was refused, and which counter noticed.
async fn check(backend: &WasmBackend, name: &str, expected: Refusal, counter: fn(&Counts) -> u64) {
    let key = Key::new(backend, name, KeySpec::Oct256).await;
    let before = counter(&backend.counters().read());
    let begun = Instant::now();
    assert_eq!(refusal(key.wrap(KW, &[1; 32]).await), expected, "{name}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{name} took {:?}", begun.elapsed());
    assert_eq!(counter(&backend.counters().read()), before + 1, "{name}");
    assert_eq!(backend.counters().read().in_flight, 0, "{name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_excess_is_ended_and_told() {
    let backend = load_with("faulty", quick()).await;
    let deadline = || Refusal::BackendDeadline { backend: faulty() };
    let broken = || Refusal::BackendFaulty { backend: faulty() };
    check(&backend, "fault-loop", deadline(), |counts| counts.deadline_kills).await;
    check(&backend, "fault-logloop", deadline(), |counts| counts.deadline_kills).await;
    check(&backend, "fault-memory", broken(), |counts| counts.memory_kills).await;
    check(&backend, "fault-huge", broken(), |counts| counts.memory_kills).await;
    check(&backend, "fault-big", broken(), |counts| counts.output_kills).await;
    check(&backend, "fault-recurse", broken(), |counts| counts.traps).await;
    check(&backend, "fault-trap", broken(), |counts| counts.traps).await;
    check(&backend, "fault-hostcalls", broken(), |counts| counts.traps).await;
    check(&backend, "fault-handle", broken(), |counts| counts.traps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_not_born_of_an_excess() {
    let backend = load_with("faulty", quick()).await;
    let check = async |name: &str, expected: Refusal| {
        assert_eq!(refusal(generate(&backend, name, VERSION, KeySpec::Oct256).await), expected, "{name}");
    };
    check("loop-generate", Refusal::BackendDeadline { backend: faulty() }).await;
    check("trap-generate", Refusal::BackendFaulty { backend: faulty() }).await;
    check("huge-generate", Refusal::BackendFaulty { backend: faulty() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guests_own_errors_are_told_in_our_words() {
    let backend = load("faulty").await;
    let check = async |name: &str, expected: fn(&Refusal) -> bool| {
        let key = Key::new(&backend, name, KeySpec::Oct256).await;
        let refused = refusal(key.unwrap(KW, &[0; 40]).await);
        assert!(expected(&refused), "{name}: {refused:?}");
    };
    check("fault-error-bad-request", |refusal| matches!(refusal, Refusal::BadRequest { .. })).await;
    check("fault-error-internal", |refusal| matches!(refusal, Refusal::BackendFaulty { .. })).await;
    check("fault-error-not-ready", |refusal| matches!(refusal, Refusal::BackendNotReady { .. })).await;
    check("fault-error-unavailable", |refusal| matches!(refusal, Refusal::BackendUnavailable { .. })).await;
    check("fault-error-unsupported", |refusal| matches!(refusal, Refusal::AlgorithmUnsupported { .. })).await;
    check("fault-error-unwrappable", |refusal| matches!(refusal, Refusal::Unwrappable)).await;
    let key = Key::new(&backend, "fault-error-unwrappable", KeySpec::Oct256).await;
    assert!(matches!(refusal(key.wrap(KW, &[1; 32]).await), Refusal::BackendFaulty { .. }), "not a wrap's word");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_house_is_busy_and_empties_again() {
    let one_at_a_time = Limits { calls_max: 1, queue_ms_max: 20, queue_calls_max: 1, ..quick() };
    let backend = load_with("faulty", one_at_a_time).await;
    let stuck = Key::new(&backend, "fault-loop", KeySpec::Oct256).await;
    let honest = Key::new(&backend, "honest", KeySpec::Oct256).await;
    let (looped, queued, refused_at_once) =
        tokio::join!(stuck.wrap(KW, &[1; 32]), honest.wrap(KW, &[1; 32]), honest.wrap(KW, &[1; 32]));
    assert_eq!(refusal(looped), Refusal::BackendDeadline { backend: faulty() });
    assert_eq!(refusal(queued), Refusal::BackendBusy { backend: faulty() });
    assert_eq!(refusal(refused_at_once), Refusal::BackendBusy { backend: faulty() });
    assert_eq!(backend.counters().read().busy, 2);
    honest.wrap(KW, &[1; 32]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_leaves_frees_the_turn() {
    let backend = load_with("faulty", Limits { calls_max: 1, ..Limits::default() }).await;
    let stuck = Key::new(&backend, "fault-loop", KeySpec::Oct256).await;
    let honest = Key::new(&backend, "honest", KeySpec::Oct256).await;
    let left = tokio::time::timeout(Duration::from_millis(50), stuck.wrap(KW, &[1; 32])).await;
    assert!(left.is_err());
    assert_eq!(backend.counters().read().in_flight, 0);
    honest.wrap(KW, &[1; 32]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_served_while_guests_loop() {
    const ATTACKS: [&str; 7] = [
        "fault-hostcalls",
        "fault-logloop",
        "fault-loop",
        "fault-loop-too",
        "fault-memory",
        "fault-recurse",
        "fault-trap",
    ];
    let hostile = Arc::new(load_with("faulty", quick()).await);
    let backend = Arc::new(load("software").await);
    let alone = p99_while(&backend, |calls| calls < 300).await;
    let mut attackers = Vec::new();
    for name in ATTACKS {
        let hostile = Arc::clone(&hostile);
        attackers.push(tokio::spawn(async move {
            let key = Key::new(&hostile, name, KeySpec::Oct256).await;
            loop {
                refusal(key.wrap(KW, &[1; 32]).await);
            }
        }));
    }
    let struck = Arc::clone(&hostile);
    let beside = p99_while(&backend, move |calls| calls < 300 || struck.counters().read().deadline_kills < 6).await;
    attackers.iter().for_each(|attacker| attacker.abort());
    println!("p99 alone {alone:?}, beside seven attackers on two threads {beside:?}");
    // Each attacker computes for one tick at a time; 300 ms and more is what guests that never yielded would cost.
    assert!(beside < Duration::from_millis(250).max(alone * 20), "alone {alone:?}, beside attackers {beside:?}");
}

/// Wraps as long as `more` says, on the runtime's own threads, where the attackers are.
async fn p99_while(backend: &Arc<WasmBackend>, more: impl Fn(usize) -> bool + Send + 'static) -> Duration {
    let backend = Arc::clone(backend);
    let loop_of_calls = tokio::spawn(async move {
        let key = Key::new(&backend, "key", KeySpec::Oct256).await;
        let mut taken = Vec::new();
        while more(taken.len()) {
            let begun = Instant::now();
            key.wrap(KW, &[1; 32]).await.unwrap();
            taken.push(begun.elapsed());
        }
        taken.sort();
        taken[taken.len() * 99 / 100]
    });
    loop_of_calls.await.unwrap()
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_flood_of_log_lines_is_cut_and_forges_nothing() {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let backend = load("faulty").await;
            let key = Key::new(&backend, "fault-logflood", KeySpec::Oct256).await;
            key.wrap(KW, &[1; 32]).await.unwrap();
            assert_eq!(backend.counters().read().log_lines_dropped, 10_000 - 32);
        });
    });
    let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = written.lines().filter(|line| line.contains("flood")).collect();
    assert_eq!(lines.len(), 32);
    assert!(lines.iter().all(|line| line.contains(" plugin: ") && line.contains("wrap-key")), "{}", lines[0]);
    assert!(written.lines().all(|line| !line.starts_with('{')), "a guest's text began a line");
    assert!(written.chars().all(|c| c == '\n' || !c.is_control()));
}
