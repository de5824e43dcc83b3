//! Killed where it stands, fifty times, in the midst of creating, rotating and wrapping: what was acknowledged is there.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keybroker_tests::crash::Chance;
use keybroker_tests::{AUTHORIZATION, Answer, Asks as _, Broker, Connection, Request, Setup, WAIT_MAX, b64, unb64};
use serde_json::{Value, json};

const ROUNDS: usize = 50;
const CLIENTS: usize = 4;
/// Which kill comes when; another seed tells another story.
const SEED: u64 = 0x6B69_6C6C_2039;
/// A kill comes after as many answers as this, at most, and as many microseconds more.
const ANSWERS_MAX: u64 = 60;
const MICROSECONDS_MAX: u64 = 3_000;
const SECRET: &[u8] = b"thirty-two bytes of a data key..";

/// What the broker answered before it was killed.
#[derive(Default)]
struct Acknowledged {
    /// `/keys/NAME/VERSION` of each version, and what it wrapped so far.
    versions: HashMap<String, Vec<Vec<u8>>>,
    /// `x-ms-request-id` of every answer, all of which were allowed.
    requests: Vec<(String, bool)>,
}

impl Acknowledged {
    fn note(&mut self, answer: &Answer) -> Value {
        assert_eq!(answer.status, 200, "{answer:?}");
        self.requests.push((answer.header("x-ms-request-id").unwrap().to_owned(), true));
        answer.json()
    }

    fn note_version(&mut self, answer: &Answer) {
        let kid = self.note(answer)["key"]["kid"].as_str().unwrap().to_owned();
        self.versions.entry(path_of(&kid)).or_default();
    }

    fn note_wrapped(&mut self, answer: &Answer) {
        let shown = self.note(answer);
        // A version-less wrap may name a version whose own answer never came; the wrap's counts as much.
        let path = path_of(shown["kid"].as_str().unwrap());
        self.versions.entry(path).or_default().push(unb64(&shown["value"]));
    }

    fn add(&mut self, other: Self) {
        for (path, wrapped) in other.versions {
            self.versions.entry(path).or_default().extend(wrapped);
        }
        self.requests.extend(other.requests);
    }
}

fn path_of(kid: &str) -> String {
    kid[kid.find("/keys/").unwrap()..].to_owned()
}

/// Creates, wraps and rotates until the connection breaks; `answered` hears of every answer.
fn work(connection: &Connection, name: &str, answered: &mpsc::Sender<()>) -> Acknowledged {
    let mut got = Acknowledged::default();
    let call = |path: String, body: &Value| -> Option<Answer> {
        let request = Request::new("POST", &format!("{path}?api-version=7.4"));
        let answer = connection.send(&request.header(AUTHORIZATION.0, AUTHORIZATION.1).json(body)).ok()?;
        let _killer_is_done = answered.send(());
        Some(answer)
    };
    for turn in 0.. {
        let key = format!("/keys/{name}-{turn}");
        let wrap = json!({ "alg": "A256KW", "value": b64(SECRET) });
        let Some(answer) = call(format!("{key}/create"), &json!({ "kty": "oct" })) else { break };
        got.note_version(&answer);
        let Some(answer) = call(format!("{key}/wrapkey"), &wrap) else { break };
        got.note_wrapped(&answer);
        for _ in 0..3 {
            let Some(answer) = call(format!("{key}/rotate"), &json!({})) else { return got };
            got.note_version(&answer);
            let Some(answer) = call(format!("{key}/wrapkey"), &wrap) else { return got };
            got.note_wrapped(&answer);
        }
    }
    got
}

/// One life: clients work, and it is killed when enough answers have come.
fn live_and_die(broker: &mut Broker, round: usize, chance: &mut Chance) -> Acknowledged {
    let (answered, answers) = mpsc::channel();
    let admin = broker.admin();
    let workers: Vec<JoinHandle<Acknowledged>> = (0..CLIENTS)
        .map(|worker| {
            let (connection, answered) = (admin.connect().unwrap(), answered.clone());
            std::thread::spawn(move || work(&connection, &format!("r{round}-w{worker}"), &answered))
        })
        .collect();
    for _ in 0..=chance.below(ANSWERS_MAX) {
        answers.recv_timeout(WAIT_MAX).unwrap();
    }
    // Between two answers, not right behind one.
    let (reached, more) = (Instant::now(), Duration::from_micros(chance.below(MICROSECONDS_MAX)));
    while reached.elapsed() < more {
        std::hint::spin_loop();
    }
    broker.kill9();
    drop(answers);
    let mut got = Acknowledged::default();
    workers.into_iter().for_each(|worker| got.add(worker.join().unwrap()));
    got
}

/// Every version that was acknowledged is there and opens what it wrapped.
fn check_versions(broker: &Broker, got: &Acknowledged) {
    let admin = broker.admin().connect().unwrap();
    for (path, wrapped) in &got.versions {
        let shown = admin.get(path).with_status(200).json();
        assert!(shown["key"]["kid"].as_str().unwrap().ends_with(path.as_str()), "{path}: {shown}");
        for value in wrapped {
            let opened = admin.unwrap(path, "A256KW", value).with_status(200).json();
            assert_eq!(unb64(&opened["value"]), SECRET, "{path}");
        }
    }
}

/// Every answer has its decision; gives how many intents lack an outcome.
fn check_audit(broker: &Broker, got: &Acknowledged) -> usize {
    keybroker_tests::crash::check_audit(&broker.audit(), &got.requests)
        .unwrap_or_else(|violation| panic!("{violation}"))
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_answered_is_unaudited_in_fifty_kills() {
    let mut broker = Setup::new().start();
    let mut chance = Chance::new(SEED);
    let mut all = Acknowledged::default();
    for round in 0..ROUNDS {
        let got = live_and_die(&mut broker, round, &mut chance);
        broker.serve();
        check_versions(&broker, &got);
        check_audit(&broker, &got);
        all.add(got);
    }
    check_versions(&broker, &all);
    let verified = broker.cli(&["audit", "verify", "--dir", &broker.home().join("audit").display().to_string()]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let open = check_audit(&broker, &all);
    // A seed that never kills in the midst of a deed shows nothing.
    assert!(open > 0, "every deed had come to its end");
    assert!(all.versions.len() > ROUNDS, "{} versions in {ROUNDS} lives: the kills came too soon", all.versions.len());
    eprintln!(
        "{} versions, {} answers and {open} deeds cut short in {ROUNDS} lives",
        all.versions.len(),
        all.requests.len()
    );
}
