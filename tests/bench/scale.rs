//! A thousand keys, a hundred thousand, a million: start, memory, and the same operation on keys from all over the store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_core::algorithm::KeySpec;
use broker_core::key::{KeyRecord, Material};
use broker_core::name::{KeyName, KeyVersion, VaultName};
use broker_core::port::{Change, Store as _};
use broker_store_sqlite::{Options, Root, SqliteStore};
use keybroker_tests::{Asks as _, Broker, Setup, b64, unb64};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::load::{self, Measured};
use crate::report::{Report, Scale};
use crate::{Plan, RUNS};

const KEYS: [usize; 3] = [1_000, 100_000, 1_000_000];
pub const NAME: &str = "keys in the store";
const VAULT: &str = "vault1";
/// Keys in one transaction.
const BATCH: usize = 5_000;
/// How many different keys are asked for, spread over all of them; each connection walks through them in turn.
const ASKED: usize = 20_000;
/// A run asks for so long that most of those asked for are asked once.
const EACH: Duration = Duration::from_secs(8);
/// The smallest store is asked before and after each run, for so long: what a machine does may take half as long again in a minute.
const BESIDE: Duration = Duration::from_secs(4);

pub fn measure(plan: &Plan, report: &mut Report) {
    if !plan.has(NAME) {
        return;
    }
    let (mut smallest, mut asked) = (Filled::new(), Filled::new());
    smallest.grow(KEYS[0]);
    for keys in KEYS {
        asked.grow(keys);
        let start_ms = (0..RUNS).map(|_| asked.start_ms()).collect();
        let before = smallest.run(BESIDE);
        let first = asked.run(EACH);
        let after = smallest.run(BESIDE);
        let again = asked.run(EACH);
        let smallest_p50_us = f64::midpoint(before.p50_us, after.p50_us);
        report.scale(&Scale { keys, start_ms, first, again, smallest_p50_us, rss: resident_mib(&asked.broker) });
    }
}

/// A broker whose store holds so many keys.
struct Filled {
    broker: Broker,
    keys: usize,
    /// What unwraps under any of them.
    body: Value,
}

impl Filled {
    fn new() -> Self {
        let broker = Setup::new().start();
        let path = broker.admin().create("seed", "oct", 256);
        let wrapped = unb64(&broker.admin().wrap(&path, "A256KW", &[7; 32]).with_status(200).json()["value"]);
        Self { broker, keys: 0, body: json!({ "alg": "A256KW", "value": b64(&wrapped) }) }
    }

    /// Up to so many keys, with the broker stopped meanwhile.
    fn grow(&mut self, keys: usize) {
        self.broker.stop();
        fill(&self.broker, self.keys, keys);
        // What is measured next is not to wait for what was written here.
        rustix::fs::sync();
        self.keys = keys;
        self.broker.serve();
    }

    /// From the start of the process to its first answer.
    fn start_ms(&mut self) -> f64 {
        self.broker.stop();
        let began = Instant::now();
        self.broker.serve();
        self.broker.admin().get("/keys?maxresults=1").with_status(200);
        began.elapsed().as_secs_f64() * 1e3
    }

    /// One connection that asks for keys from all over the store in turn.
    fn run(&self, most: Duration) -> Measured {
        let numbers = (0..self.keys).step_by(self.keys.div_ceil(ASKED));
        let requests: Vec<_> =
            numbers.map(|number| load::request(&format!("/keys/{}/unwrapkey", name(number)), &self.body)).collect();
        load::run(&self.broker.admin(), &|| load::family_cpu_us(self.broker.pid()), &requests, 1, most)
    }
}

fn name(number: usize) -> String {
    format!("disk-{number:07}")
}

/// Copies of the key "seed" up to so many, written by the store itself.
fn fill(broker: &Broker, from: usize, to: usize) {
    let runtime = Runtime::new().unwrap();
    let root = Root::read_file(&broker.home().join("root.key")).unwrap();
    let store = SqliteStore::open(&broker.home().join("store.db"), &root, Options::default()).unwrap();
    let (vault, seed) = (VaultName::parse(VAULT).unwrap(), KeyName::parse("seed").unwrap());
    runtime.block_on(async {
        let record = store.key(&vault, &seed).await.unwrap().unwrap();
        let version = record.versions[0].version;
        let material = store.material(&vault, &seed, version).await.unwrap();
        let seal = store.purpose_seal_key("plugin software material").unwrap();
        // The kit's version of material and the kind of key come first.
        let (marks, sealed) = material.opaque.split_at(2);
        let key_bytes = seal.open(&sealing_context("seed", version), sealed).unwrap();
        for first in (from..to).step_by(BATCH) {
            let changes = (first..to.min(first + BATCH)).flat_map(|number| {
                let name = name(number);
                let sealed = seal.seal(&sealing_context(&name, version), key_bytes.expose()).unwrap();
                let opaque = [marks, &sealed].concat();
                let material = Arc::new(Material { opaque, ..(*material).clone() });
                let key = KeyName::parse(&name).unwrap();
                let copy = KeyRecord { name: key.clone(), revision: 1, ..(*record).clone() };
                [Change::PutKey(Arc::new(copy)), Change::PutMaterial { vault: vault.clone(), key, version, material }]
            });
            store.commit(changes.collect()).await.unwrap();
        }
    });
}

/// What the sandbox binds a sealed key to. Were it another, no copy would open, and the first answer would say so.
fn sealing_context(key: &str, version: KeyVersion) -> Vec<u8> {
    let mut bound = b"keybroker sealed key 1".to_vec();
    for part in ["software", VAULT, key, KeySpec::Oct256.word()] {
        bound.push(u8::try_from(part.len()).unwrap());
        bound.extend_from_slice(part.as_bytes());
    }
    bound.extend_from_slice(&version.0);
    bound
}

fn resident_mib(broker: &Broker) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", broker.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
