//! What is left of secrets in the memory of broker and worker when those who asked have gone: nothing.
#![allow(clippy::unwrap_used)]

#[path = "../hsm/plant.rs"]
#[allow(dead_code)] // what the HSM's own tests need beside
mod plant;
mod search;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use keybroker_tests::{
    Asks as _, Broker, Client, Connection, Setup, SoftToken, WAIT_MAX, b64, desk, eventually, keybroker, run, unb64,
};
use serde_json::json;

use crate::plant::Plant;
use crate::search::{Wanted, copies};

/// How often each secret is wrapped, and how often unwrapped.
const ROUNDS: usize = 1_000;
/// Over so many connections at once.
const CONNECTIONS: usize = 8;

const BODY_BYTES: usize = 4096;

/// 32 bytes that occur nowhere else.
fn fresh() -> Vec<u8> {
    let mut secret = vec![0; 32];
    broker_crypto::random::fill(&mut secret).unwrap();
    secret
}

/// Wraps and unwraps the secret over connections that are closed at the end.
fn wrap_and_unwrap(client: &Client, key: &str, algorithm: &str, secret: &[u8]) {
    let rounds = |connection: Connection| {
        for _ in 0..ROUNDS / CONNECTIONS {
            let wrapped = unb64(&connection.wrap(key, algorithm, secret).with_status(200).json()["value"]);
            let opened = connection.unwrap(key, algorithm, &wrapped).with_status(200).json();
            assert_eq!(unb64(&opened["value"]), secret, "{key} {algorithm}");
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| rounds(client.connect().unwrap()));
        }
    });
}

/// The same by encrypt and decrypt, whose answers are other ones.
fn encrypt_and_decrypt(client: &Client, key: &str, secret: &[u8]) {
    let connection = client.connect().unwrap();
    for _ in 0..ROUNDS {
        let ask = json!({ "alg": "A256GCM", "value": b64(secret) });
        let sealed = connection.post(&format!("{key}/encrypt"), &ask).with_status(200).json();
        let ask = json!({ "alg": "A256GCM", "value": sealed["value"], "iv": sealed["iv"], "tag": sealed["tag"] });
        let opened = connection.post(&format!("{key}/decrypt"), &ask).with_status(200).json();
        assert_eq!(unb64(&opened["value"]), secret);
    }
}

/// Asks that are refused, break off, or are not waited for; each held the secret.
fn ask_badly(client: &Client, key: &str, secret: &[u8]) {
    let text = b64(secret);
    for _ in 0..ROUNDS / 10 {
        let connection = client.connect().unwrap();
        for body in [
            json!({ "alg": "none", "value": text }),
            json!({ "alg": "A256KW", "value": [text] }),
            json!({ "alg": "A256KW", "value": format!("{text}+") }),
            json!({ "alg": "A256KW", "value": text, "iv": text }),
        ] {
            let answer = connection.post(&format!("{key}/wrapkey"), &body);
            assert!((400..500).contains(&answer.status), "{answer:?}");
        }
        connection.write(&half_of(key, &text)).unwrap();
    }
}

/// The first part of a request whose rest never comes.
fn half_of(key: &str, text: &str) -> Vec<u8> {
    let lines =
        ["host: vault1.kv.test", "authorization: Bearer x", &format!("content-length: {BODY_BYTES}")].join("\r\n");
    format!("POST {key}/wrapkey?api-version=7.4 HTTP/1.1\r\n{lines}\r\n\r\n{{\"alg\":\"A256KW\",\"value\":\"{text}")
        .into_bytes()
}

/// Gets a managed object again and again; gives its bytes.
fn get_object(broker: &Broker) -> Vec<u8> {
    let owner = desk::owner(broker, "host");
    let first = desk::speak(&owner);
    let id = first.create(None);
    let key = first.ask(&desk::get(&id)).key();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let speaker = desk::speak(&owner);
                for _ in 0..ROUNDS / CONNECTIONS {
                    assert_eq!(speaker.ask(&desk::get(&id)).key(), key);
                }
            });
        }
    });
    key
}

fn all_closed(broker: &Broker) {
    let open = || broker.metrics().sum("keybroker_connections", &[]);
    eventually("every connection is closed", || (open() < 0.5).then_some(()));
}

#[test]
fn no_copy_of_a_secret_or_a_pin_outlives_its_requests() {
    let plant = Plant::of(desk::kmip(&[]), false, |_| {});
    let (broker, admin) = (&plant.broker, plant.broker.admin());
    for (name, kty, bits) in
        [("oct", "oct", 256), ("rsa", "RSA", 2048), ("rsa-hsm", "RSA-HSM", 2048), ("oct-hsm", "oct-HSM", 256)]
    {
        admin.create(name, kty, bits);
    }
    let named = |name, secret: &[u8]| Wanted { name, secret: secret.to_vec() };
    let mut wanted = Vec::new();
    for (name, key, algorithm) in [
        ("what A256KW wrapped", "/keys/oct", "A256KW"),
        ("what RSA-OAEP wrapped", "/keys/rsa", "RSA-OAEP"),
        ("what RSA-OAEP-256 wrapped", "/keys/rsa", "RSA-OAEP-256"),
        ("what the token's RSA-OAEP-256 wrapped", "/keys/rsa-hsm", "RSA-OAEP-256"),
        ("what the token's A256KW wrapped", "/keys/oct-hsm", "A256KW"),
    ] {
        let secret = fresh();
        wrap_and_unwrap(&admin, key, algorithm, &secret);
        wanted.push(named(name, &secret));
    }
    let sealed = fresh();
    encrypt_and_decrypt(&admin, "/keys/oct", &sealed);
    wanted.push(named("what A256GCM encrypted", &sealed));
    let refused = fresh();
    ask_badly(&admin, "/keys/oct", &refused);
    wanted.push(named("what was refused", &refused));
    wanted.push(named("a managed object", &get_object(broker)));
    let half = fresh();
    wanted.push(named("what is on its way", &half));
    wanted.push(named("the PIN", SoftToken::PIN.as_bytes()));

    // What is held for a request that is not over yet is found: the search sees.
    let waiting = admin.connect().unwrap();
    waiting.write(&half_of("/keys/oct", &b64(&half))).unwrap();
    eventually("a secret that is in use", || {
        (copies(broker.pid(), &wanted).of("what is on its way") > 0).then_some(())
    });
    drop(waiting);
    all_closed(broker);
    let worker = eventually("a worker", || plant.worker());
    let module = named("the module's path", plant::MODULE.as_bytes());
    assert!(copies(worker, &[module]).of("the module's path") > 0, "the search sees the worker's memory");

    for (process, pid) in [("the broker", broker.pid()), ("the worker", worker)] {
        let left = copies(pid, &wanted);
        assert!(left.0.is_empty(), "{process} holds still:\n{left}");
    }
}

/// A program with no capability, as on a machine where the broker's user is not root.
fn powerless(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(program);
    command
}

/// Whether a process of the same user, without capabilities, may look into this one.
fn is_open(pid: u32) -> bool {
    let looked = run(powerless(Path::new("cat")).arg(format!("/proc/{pid}/environ")), WAIT_MAX);
    let refused = String::from_utf8_lossy(&looked.stderr);
    assert!(looked.status.success() || refused.contains("Permission denied"), "{refused}");
    looked.status.success()
}

/// Ends the process when the test does.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn neither_core_dump_nor_debugger_shows_the_memory_of_broker_and_worker() {
    let made = Setup::new().init();
    let spawn = |program: &Path, words: &[&str], stdin: Stdio| {
        let mut command = powerless(program);
        Ended(command.args(words).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    };
    // What says nothing about itself is open.
    let other = spawn(Path::new("cat"), &[], Stdio::piped());
    eventually("the other program", || is_open(other.0.id()).then_some(()));
    let config = made.config_file().display().to_string();
    let mut broker = spawn(keybroker(), &["serve", &config], Stdio::null());
    let mut ready = String::new();
    BufReader::new(broker.0.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert!(ready.contains("ready"), "{ready}");
    // It waits to be told its token.
    let (_ours, theirs) = UnixStream::pair().unwrap();
    let worker = spawn(keybroker(), &["hsm-worker"], OwnedFd::from(theirs).into());
    for (what, pid) in [("the broker", broker.0.id()), ("a worker", worker.0.id())] {
        eventually(what, || (!is_open(pid)).then_some(()));
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().collect::<Vec<_>>(), ["0", "0", "bytes"], "{what}");
    }
    assert!(is_open(other.0.id()));
}
