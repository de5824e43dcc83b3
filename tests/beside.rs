//! What guests that misbehave cost the clients of another backend, and the machine. In a file of its own, and one at a time: what is
//! measured here must not be what other tests do meanwhile.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use keybroker_tests::{Asks as _, Broker, cpu_s, eventually, faulty, unb64};

/// A call of the faulty backend may last this long.
const CALL_MS_MAX: i64 = 1_000;
/// What attackers may cost the slowest of a hundred unwraps of another backend under load, against as many honest clients: the
/// goal, which a quiet machine keeps to, and what one that does other work at the same time still does.
const GOAL: f64 = 1.5;
const SLOWER_MAX: f64 = 2.5;
/// The clients of that other backend; each asks again as soon as it is answered.
const CLIENTS: usize = 8;
/// Both are measured in turn, so many times and for so long each: of one turn alone, the slowest of a hundred is chance.
const TURNS: usize = 7;
const TURN: Duration = Duration::from_millis(1_200);
/// Turns beyond those, where the goal was missed.
const MORE_TURNS: usize = 7;
/// Of a core: a plugin's share unless the configuration says otherwise is 0.2; the rest is the broker's own work for the requests,
/// for the clock that interrupts guests, and for the metrics that are looked at meanwhile.
const SHARE_MAX: f64 = 0.45;
/// How often the metrics are looked at while that is measured.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What one attack may leave behind in memory once its like was seen before: the allocator's, not the guest's.
const GROWTH_BYTES_MAX: u64 = 32 << 20;
const SECRET: [u8; 32] = [0x5E; 32];
const HONEST: [&str; 7] = ["h1", "h2", "h3", "h4", "h5", "h6", "h7"];
const ATTACKERS: [&str; 7] =
    ["fault-hostcalls", "fault-huge", "fault-logloop", "fault-loop", "fault-memory", "fault-recurse", "fault-trap"];
const LOOPS: [&str; 7] = ["fault-loop"; 7];

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Clients of `faulty` that ask without end, each under its own name.
struct Attack {
    enough: Arc<AtomicBool>,
    attackers: Vec<JoinHandle<usize>>,
}

impl Attack {
    /// Strikes as long as nobody says enough. What attackers get is refused; what honest clients get is not.
    fn begin(broker: &Broker, names: &[&'static str]) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let attacker = |name: &&'static str| {
            let (connection, enough, name) = (faulty::client(broker).connect().unwrap(), Arc::clone(&enough), *name);
            let key = connection.create(name, "oct", 256);
            move || {
                let mut strikes = 0;
                while !enough.load(Ordering::Acquire) {
                    let answer = connection.wrap(&key, "A256KW", &SECRET);
                    assert_eq!(answer.status >= 500, name.starts_with("fault-"), "{name}: {answer:?}");
                    strikes += 1;
                }
                strikes
            }
        };
        // All have their keys before the first strikes: the making of keys is another matter.
        let attackers: Vec<_> = names.iter().map(attacker).collect();
        Self { enough, attackers: attackers.into_iter().map(thread::spawn).collect() }
    }

    fn end(self) -> usize {
        self.enough.store(true, Ordering::Release);
        self.attackers.into_iter().map(|attacker| attacker.join().unwrap()).sum()
    }
}

/// The 99th percentile of unwraps under `software`, in seconds, of clients that ask for one turn.
fn p99(broker: &Broker) -> f64 {
    let admin = broker.admin();
    let key = admin.create("honest", "oct", 256);
    let wrapped = unb64(&admin.wrap(&key, "A256KW", &SECRET).with_status(200).json()["value"]);
    let ask = || {
        let connection = admin.connect().unwrap();
        let (began, mut taken) = (Instant::now(), Vec::new());
        while began.elapsed() < TURN {
            let asked = Instant::now();
            let opened = connection.unwrap(&key, "A256KW", &wrapped).with_status(200).json();
            taken.push(asked.elapsed().as_secs_f64());
            assert_eq!(unb64(&opened["value"]), SECRET);
        }
        taken
    };
    let mut taken: Vec<f64> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    taken.sort_by(f64::total_cmp);
    taken[taken.len() * 99 / 100]
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How many times longer the 99th percentile is beside the ones than beside the others.
fn times_slower(broker: &Broker, beside: &[&'static str], than_beside: &[&'static str]) -> f64 {
    let of = |names: &[&'static str]| {
        let (attack, slowed) = (Attack::begin(broker, names), faulty::events(broker, "slowed"));
        if names.contains(&"fault-loop") {
            eventually("what was saved up is spent", || {
                (faulty::events(broker, "slowed") > slowed + 20.0).then_some(())
            });
        }
        let taken = p99(broker);
        let strikes = attack.end();
        assert!(strikes >= names.len(), "{strikes} strikes were no attack");
        taken
    };
    let (mut with, mut without) = (Vec::new(), Vec::new());
    loop {
        without.push(of(than_beside));
        with.push(of(beside));
        let times = median(&with) / median(&without);
        if with.len() >= TURNS && (times <= GOAL || with.len() >= TURNS + MORE_TURNS) {
            eprintln!(
                "p99 of an unwrap beside {} of {:?}: {:.2} ms; beside {} of {:?}: {:.2} ms; {times:.2} times, in {} turns",
                than_beside.len(),
                than_beside.first(),
                median(&without) * 1e3,
                beside.len(),
                beside.first(),
                median(&with) * 1e3,
                with.len(),
            );
            return times;
        }
    }
}

#[test]
fn guests_of_every_fault_slow_another_backend_little_more_than_honest_ones() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let broker = faulty::broker(CALL_MS_MAX);
    let times = times_slower(&broker, &ATTACKERS, &HONEST);
    assert!(times <= SLOWER_MAX, "{times} times");
    assert!(faulty::events(&broker, "slowed") > 0.0, "guests that computed without end were never held up");
    assert!(faulty::events(&broker, "deadline-kill") > 0.0, "none was stopped");
}

#[test]
fn guests_that_compute_without_end_slow_another_backend_little_more_than_honest_ones() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let broker = faulty::broker(CALL_MS_MAX);
    let times = times_slower(&broker, &LOOPS, &HONEST);
    assert!(times <= SLOWER_MAX, "{times} times");
}

/// Memory that a process holds (`VmRSS`), in bytes.
fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Looks now and then until so many calls were ended by their deadline.
fn until_killed(broker: &Broker, kills: f64) {
    let looked = Cell::new(Instant::now());
    eventually("endless calls are stopped", || {
        if looked.get().elapsed() < LOOK_EVERY {
            return None;
        }
        looked.set(Instant::now());
        (faulty::events(broker, "deadline-kill") >= kills).then_some(())
    });
}

#[test]
fn memory_comes_back_after_an_attack() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let broker = faulty::broker(CALL_MS_MAX);
    let mut resident = Vec::new();
    for _ in 0..2 {
        let kills = faulty::events(&broker, "deadline-kill");
        let attack = Attack::begin(&broker, &ATTACKERS);
        // Both attackers that run without end were stopped twice.
        until_killed(&broker, kills + 4.0);
        let strikes = attack.end();
        assert!(strikes > ATTACKERS.len(), "{strikes} strikes were no attack");
        resident.push(resident_bytes(broker.pid()));
    }
    assert!(resident[1] < resident[0] + GROWTH_BYTES_MAX, "resident after each attack: {resident:?}");
    eventually("every attacker's call is over", || {
        let metrics = broker.metrics();
        (metrics.sum("keybroker_requests_in_flight", &[]) < 0.5).then_some(())
    });
}

#[test]
fn guests_that_compute_without_end_get_their_plugins_share_of_a_core_and_no_more() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let broker = faulty::broker(CALL_MS_MAX);
    let attack = Attack::begin(&broker, &LOOPS);
    eventually("what was saved up is spent", || (faulty::events(&broker, "slowed") > 50.0).then_some(()));
    let (began, before, kills) = (Instant::now(), cpu_s(broker.pid()), faulty::events(&broker, "deadline-kill"));
    until_killed(&broker, kills + 2.0 * LOOPS.len() as f64);
    let share = (cpu_s(broker.pid()) - before) / began.elapsed().as_secs_f64();
    attack.end();
    eprintln!("{} guests that compute without end: {:.0} % of a core", LOOPS.len(), share * 100.0);
    assert!(share < SHARE_MAX, "{share} of a core");
}
