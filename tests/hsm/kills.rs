//! Workers killed again and again: nothing that was acknowledged is lost, nothing leaks, nobody else notices.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keybroker_tests::{Answer, Asks as _, Broker, Connection, eventually, unb64};

use crate::plant::Plant;

const CONNECTIONS: usize = 64;
const UNWRAPS: usize = 10_000;
/// One request in so many wraps something new instead.
const WRAP_EVERY: usize = 16;
const KILLS_MIN: usize = 10;

/// What clients were told has happened.
#[derive(Default)]
struct Acknowledged {
    /// A secret's first byte, and what it was wrapped as.
    wrapped: Mutex<Vec<(u8, Vec<u8>)>>,
    /// The path of each key version, and what it wrapped.
    versions: Mutex<Vec<String>>,
    opened: AtomicUsize,
    refused: AtomicUsize,
}

/// True for a success. A clear refusal while there is no worker is the only other answer; a hang fails in the client.
fn success(answer: &Answer) -> bool {
    assert!(matches!(answer.status, 200 | 503 | 504), "{}: {}", answer.status, answer.message());
    answer.status == 200
}

#[test]
fn ten_thousand_unwraps_while_the_worker_is_killed_again_and_again_lose_nothing_acknowledged() {
    let plant = Plant::new();
    let admin = plant.broker.admin();
    let path = admin.create("kek", "oct-HSM", 256);
    let soft = admin.create("soft", "oct", 256);
    let secret = [9_u8; 32];
    let value = |answer: Answer| unb64(&answer.with_status(200).json()["value"]);
    let wrapped = value(admin.wrap(&path, "A256KW", &secret));
    let in_software = value(admin.wrap(&soft, "A256KW", &secret));
    let (stop, told) = (AtomicBool::new(false), Acknowledged::default());
    let mut kills = 0;
    std::thread::scope(|scope| {
        for number in 0..CONNECTIONS {
            let (told, stop, plant, path, wrapped, soft, in_software) =
                (&told, &stop, &plant, &path, &wrapped, &soft, &in_software);
            scope.spawn(move || {
                let connection = plant.broker.admin().connect().unwrap();
                for turn in (0..).take_while(|_| !stop.load(Ordering::Relaxed)) {
                    let marked = [number as u8; 32];
                    if turn % WRAP_EVERY == 0 {
                        let answer = connection.wrap(path, "A256KW", &marked);
                        if success(&answer) {
                            told.wrapped.lock().unwrap().push((marked[0], unb64(&answer.json()["value"])));
                        }
                        // Another backend notices nothing.
                        connection.unwrap(soft, "A256KW", in_software).with_status(200);
                    } else if success_of_unwrap(&connection, path, wrapped, &secret) {
                        told.opened.fetch_add(1, Ordering::Relaxed);
                    } else {
                        told.refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let maker = scope.spawn(|| {
            let connection = plant.broker.admin().connect().unwrap();
            for turn in (0..).take_while(|_| !stop.load(Ordering::Relaxed)) {
                let body = serde_json::json!({ "kty": "oct-HSM", "key_size": 256 });
                let answer = connection.post(&format!("/keys/made-{turn}/create"), &body);
                if success(&answer) {
                    let kid = answer.json()["key"]["kid"].as_str().unwrap().to_owned();
                    told.versions.lock().unwrap().push(kid[kid.find("/keys/").unwrap()..].to_owned());
                }
            }
        });
        while told.opened.load(Ordering::Relaxed) < UNWRAPS || kills < KILLS_MIN {
            assert!(!maker.is_finished(), "the client that makes keys gave up");
            let before = told.opened.load(Ordering::Relaxed);
            eventually("unwraps to go on", || (told.opened.load(Ordering::Relaxed) > before + 200).then_some(()));
            plant.kill_worker();
            kills += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    eventually("the last worker", || plant.serving().then_some(()));
    let (all, versions) = (told.wrapped.into_inner().unwrap(), told.versions.into_inner().unwrap());
    let connection = admin.connect().unwrap();
    for (mark, value) in &all {
        assert!(success_of_unwrap(&connection, &path, value, &[*mark; 32]));
    }
    for version in &versions {
        let wrapped = value(connection.wrap(version, "A256KW", &secret));
        assert!(success_of_unwrap(&connection, version, &wrapped, &secret), "{version}");
    }
    assert!(!all.is_empty() && !versions.is_empty());
    eprintln!(
        "{} unwrapped, {} refused, {kills} kills; {} acknowledged wraps and {} acknowledged keys are all there",
        told.opened.into_inner(),
        told.refused.into_inner(),
        all.len(),
        versions.len()
    );
}

/// Whether it was opened; if so, to the right secret.
fn success_of_unwrap(connection: &Connection, path: &str, wrapped: &[u8], secret: &[u8]) -> bool {
    let answer = connection.unwrap(path, "A256KW", wrapped);
    let opened = success(&answer);
    assert!(!opened || unb64(&answer.json()["value"]) == secret, "a wrong answer");
    opened
}

/// Workers killed before and after the first look: what grows once (pools, caches) has grown by then.
const RESTARTS_BEFORE: usize = 20;
const RESTARTS: usize = 100;
/// What the allocator may keep besides; a leak of a descriptor's or a task's worth each time would be more.
const GROWTH_KIB_MAX: u64 = 2_048;

#[test]
fn the_brokers_memory_and_descriptors_are_flat_after_a_hundred_restarts_of_a_worker() {
    let plant = Plant::new();
    let admin = plant.broker.admin().connect().unwrap();
    let path = admin.create("kek", "oct-HSM", 256);
    let wrapped = unb64(&admin.wrap(&path, "A256KW", &[9; 32]).with_status(200).json()["value"]);
    let restart = || {
        let starts = plant.kill_worker();
        eventually("another worker", || (plant.starts() > starts && plant.serving()).then_some(()));
        // Only a worker that has served is started again without a pause.
        eventually("an unwrap", || success_of_unwrap(&admin, &path, &wrapped, &[9; 32]).then_some(()));
    };
    (0..RESTARTS_BEFORE).for_each(|_| restart());
    let (before_kib, before) = (resident_kib(&plant.broker), open_things(&plant.broker));
    (0..RESTARTS).for_each(|_| restart());
    eventually("as many descriptors and threads as before", || (open_things(&plant.broker) <= before).then_some(()));
    let after_kib = resident_kib(&plant.broker);
    eprintln!("{RESTARTS} restarts: memory {before_kib} to {after_kib} KiB, descriptors and threads {before:?}");
    assert!(after_kib < before_kib + GROWTH_KIB_MAX, "{before_kib} to {after_kib} KiB");
    assert_eq!(children(&plant.broker), 1, "no worker is left over");
}

/// VmRSS.
fn resident_kib(broker: &Broker) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", broker.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Open descriptors and threads.
fn open_things(broker: &Broker) -> (usize, usize) {
    let count = |folder| std::fs::read_dir(format!("/proc/{}/{folder}", broker.pid())).unwrap().count();
    (count("fd"), count("task"))
}

/// Its children, dead ones that nobody waited for included.
fn children(broker: &Broker) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", broker.pid())).unwrap();
    let of =
        |task: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(task.ok()?.path().join("children")).ok();
    tasks.filter_map(of).map(|text| text.split_whitespace().count()).sum()
}
