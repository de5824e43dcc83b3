//! Get and Locate by name take as long among very many objects as among a thousand, at the wire: two brokers of either size
//! are asked in turn, so that whatever else the machine does is the same for both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_core::name::VaultName;
use broker_core::object::{Indexed, ObjectId, ObjectName, ObjectRecord};
use broker_core::port::{Change, Store as _};
use broker_store_sqlite::{Options, Root, SqliteStore};
use broker_testkit::run;
use keybroker_tests::desk::*;
use keybroker_tests::{Broker, eventually};

/// The goal: p50 among many, as a multiple of p50 among a thousand.
const RATIO_MAX: f64 = 1.5;
const SMALL: usize = 1000;
/// Objects whose keys are fetched: made over the wire, in bursts with the others between them.
const OWN: usize = 300;
const BURSTS: usize = 3;
/// Objects that one commit of the filling puts.
const COMMIT_OBJECTS: usize = 1000;
/// What a broker may need after its start to compare the terms of all objects with their tally.
const COMPARING_MAX: Duration = Duration::from_secs(900);

#[test]
fn get_and_locate_take_as_long_among_fifty_thousand_objects_as_among_a_thousand() {
    compare(50_000);
}

#[test]
#[ignore = "a million objects: minutes, and 2 GB on the disk; `./dev load` runs it"]
fn get_and_locate_take_as_long_among_a_million_objects_as_among_a_thousand() {
    compare(1_000_000);
}

fn compare(large: usize) {
    let began = Instant::now();
    let [small, large] = [SMALL, large].map(Size::of);
    eprintln!("{} objects made in {:?}", large.count, began.elapsed());
    let own = |size: &Size, number: usize| assert_eq!(size.speaker.ask(&get(&size.own[number])).key().len(), 32);
    // The cache is empty after the start, so each first Get reads the disk.
    in_turn("Get, not cached", &small, &large, OWN, own);
    in_turn("Get, cached", &small, &large, OWN, own);
    in_turn("Locate by name", &small, &large, 600, |size, number| {
        let name = filler(number * 7919 % (size.count - OWN));
        assert_eq!(size.speaker.ask(&locate(&name)).ids().len(), 1);
    });
}

/// Each question to both in turn; their medians are compared.
fn in_turn(what: &str, small: &Size, large: &Size, rounds: usize, ask: impl Fn(&Size, usize)) {
    let mut times = [Vec::with_capacity(rounds), Vec::with_capacity(rounds)];
    for number in 0..rounds {
        // Each is first as often as the other.
        let order = if number % 2 == 0 { [0, 1] } else { [1, 0] };
        for at in order {
            let began = Instant::now();
            ask([small, large][at], number);
            times[at].push(began.elapsed());
        }
    }
    let [small_p50, large_p50] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    let ratio = large_p50.as_secs_f64() / small_p50.as_secs_f64();
    eprintln!("{what}: p50 {small_p50:?} of {}, {large_p50:?} of {}: {ratio:.2} times", small.count, large.count);
    assert!(ratio < RATIO_MAX, "{what}: {ratio:.2} times as long");
}

/// A broker with so many objects.
struct Size {
    count: usize,
    /// Ids of those that were made over the wire.
    own: Vec<String>,
    speaker: Speaker,
    _broker: Broker,
}

impl Size {
    fn of(count: usize) -> Self {
        let mut broker = kmip(&[]).start();
        let client_of = owner(&broker, "owner");
        let mut speaker = speak(&client_of);
        let (mut own, each) = (Vec::with_capacity(OWN), (count - OWN).div_ceil(BURSTS));
        for burst in 0..BURSTS {
            own.extend((0..OWN / BURSTS).map(|number| speaker.create(Some(&format!("own-{burst}-{number}")))));
            broker.stop();
            fill(&broker, &own[0], burst * each..((burst + 1) * each).min(count - OWN));
            broker.serve();
            speaker = speak(&client(&broker, &broker.identity("owner")));
        }
        // The first time that a key is given out is remembered in the store: not what is measured here.
        own.iter().for_each(|id| drop(speaker.ask(&get(id)).key()));
        broker.restart();
        speaker = speak(&client(&broker, &broker.identity("owner")));
        compared(&broker);
        Self { count, own, speaker, _broker: broker }
    }
}

fn filler(number: usize) -> String {
    format!("filler-{number}")
}

/// Puts objects like this one into the store, each with a name of its own. Nobody can open them, for they are sealed as the
/// one that they are like; but they are found as all others are.
fn fill(broker: &Broker, like: &str, numbers: std::ops::Range<usize>) {
    let root = Root::read_file(&broker.home().join("root.key")).unwrap();
    let store = SqliteStore::open(&broker.home().join("store.db"), &root, Options::default()).unwrap();
    let (vault, id) = (VaultName::parse("vault1").unwrap(), ObjectId::parse(like).unwrap());
    let like = run(store.object(&vault, id)).unwrap().unwrap();
    let one = |number: usize| {
        let mut record = ObjectRecord::clone(&like);
        record.id.0[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
        record.attributes.names = vec![Indexed { index: 0, value: ObjectName { text: filler(number), uri: false } }];
        record.revision = 1;
        Change::PutObject(Arc::new(record))
    };
    let (mut first, last) = (numbers.start, numbers.end);
    while first < last {
        let next = (first + COMMIT_OBJECTS).min(last);
        run(store.commit((first..next).map(one).collect())).unwrap();
        first = next;
    }
}

/// Waits until a broker that just started has compared what it finds objects by, beside which nothing is measured.
fn compared(broker: &Broker) {
    let used = || (Instant::now(), broker.metrics().sum("process_cpu_seconds_total", &[]));
    let (began, mut last) = (Instant::now(), used());
    loop {
        eventually("half a second", || (last.0.elapsed() > Duration::from_millis(500)).then_some(()));
        let now = used();
        let busy = (now.1 - last.1) / (now.0 - last.0).as_secs_f64();
        if busy < 0.2 {
            return;
        }
        assert!(began.elapsed() < COMPARING_MAX, "the broker is busy after {COMPARING_MAX:?} still");
        last = now;
    }
}
