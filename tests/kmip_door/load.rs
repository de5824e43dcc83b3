//! Many clients at once. The ordinary test is bounded; the full one is run by `./dev load`.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use keybroker_tests::desk::*;
use keybroker_tests::{Broker, Client};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long hosts may wait for their keys after a power failure.
const BURST_MAX: Duration = Duration::from_secs(30);

/// Idle connections of one principal (`limits.connections-per-principal-max` is 2 000).
const IDLE_OF_ONE: usize = 1250;

struct Load {
    idle: usize,
    active: usize,
    /// Gets of each active connection.
    gets: usize,
    /// Hosts that all connect and fetch a key at once.
    hosts: usize,
}

#[test]
fn idle_and_active_connections_and_a_burst_are_all_served() {
    drop(carry(&Load { idle: 1000, active: 100, gets: 10, hosts: 200 }));
}

#[test]
#[ignore = "5 000 connections; half a minute with a release build and minutes without; `./dev load` runs it"]
fn five_thousand_idle_and_two_hundred_active_connections_and_a_thousand_hosts_are_served() {
    let broker = carry(&Load { idle: 5000, active: 200, gets: 200, hosts: 1000 });
    eprintln!("resident: {} MiB", broker.metrics().sum("process_resident_memory_bytes", &[]) / f64::from(1 << 20));
}

/// Has room made for so many connections, for this process and for the broker that it starts.
fn descriptors(connections: usize) {
    let wanted = connections as u64 + 1000;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        assert!(limit.maximum.is_none_or(|most| most >= wanted), "{wanted} file descriptors are needed: ulimit -Hn");
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).unwrap();
    }
}

fn carry(load: &Load) -> Broker {
    descriptors(load.idle + load.active + load.hosts);
    let broker = kmip(&[]).start();
    let client = owner(&broker, "cluster");
    let first = speak(&client);
    let ids: Vec<String> = (0..8).map(|_| first.create(None)).collect();
    let keys: Vec<Vec<u8>> = ids.iter().map(|id| first.ask(&get(id)).key()).collect();
    let known = Arc::new((ids, keys));

    let began = Instant::now();
    // One principal has a limited number of places: those that wait are of several.
    let waiting: Vec<Client> = (0..load.idle.div_ceil(IDLE_OF_ONE))
        .map(|number| {
            let name = format!("array{number}");
            broker.grant(&broker.principal(&name), "objectReveal", "/vault1");
            owner(&broker, &name)
        })
        .collect();
    let idle = connected(&waiting, load.idle);
    eprintln!("{} idle connections in {:?}", load.idle, began.elapsed());

    let began = Instant::now();
    let mut times = active(&client, load, &known);
    times.sort();
    let (all, spent) = (times.len(), began.elapsed());
    eprintln!(
        "{} active connections: {all} Gets, {:.0}/s, p50 {:?}, p99 {:?}",
        load.active,
        all as f64 / spent.as_secs_f64(),
        times[all / 2],
        times[all * 99 / 100]
    );

    let spent = burst(&client, load.hosts, &known);
    eprintln!("{} hosts connected and fetched their key within {spent:?}", load.hosts);
    assert!(spent < BURST_MAX, "{spent:?}");

    // None of those that waited was forgotten.
    let connections = broker.ask(&["kmip", "status"])["connections"].as_u64().unwrap();
    assert!(connections > load.idle as u64, "{connections}");
    for (number, speaker) in idle.iter().enumerate().step_by((load.idle / 20).max(1)) {
        let at = number % known.0.len();
        assert_eq!(speaker.ask(&get(&known.0[at])).key(), known.1[at]);
    }
    broker
}

/// So many connections, made by a few threads.
fn connected(clients: &[Client], count: usize) -> Vec<Speaker> {
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (client, count) =
                (clients[thread % clients.len()].clone(), count / 8 + usize::from(thread < count % 8));
            std::thread::spawn(move || (0..count).map(|_| speak(&client)).collect::<Vec<_>>())
        })
        .collect();
    threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
}

fn active(client: &Client, load: &Load, known: &Arc<(Vec<String>, Vec<Vec<u8>>)>) -> Vec<Duration> {
    let start = Arc::new(Barrier::new(load.active));
    let threads: Vec<_> = (0..load.active)
        .map(|thread| {
            let (client, known, start, gets) = (client.clone(), Arc::clone(known), Arc::clone(&start), load.gets);
            std::thread::spawn(move || {
                let speaker = speak(&client);
                start.wait();
                let one = |number: usize| {
                    let (at, began) = ((thread + number) % known.0.len(), Instant::now());
                    assert_eq!(speaker.ask(&get(&known.0[at])).key(), known.1[at]);
                    began.elapsed()
                };
                (0..gets).map(one).collect::<Vec<_>>()
            })
        })
        .collect();
    threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
}

/// All connect and fetch at once; until the last one has its key.
fn burst(client: &Client, hosts: usize, known: &Arc<(Vec<String>, Vec<Vec<u8>>)>) -> Duration {
    let start = Arc::new(Barrier::new(hosts + 1));
    let threads: Vec<_> = (0..hosts)
        .map(|host| {
            let (client, known, start) = (client.clone(), Arc::clone(known), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                let at = host % known.0.len();
                assert_eq!(speak(&client).ask(&get(&known.0[at])).key(), known.1[at]);
            })
        })
        .collect();
    start.wait();
    let began = Instant::now();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    began.elapsed()
}
