//! Keys in a token (SoftHSM): the broker and its worker against a bare loop on the same token, and with ever more objects.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use broker_core::algorithm::WrapAlgorithm;
use hsm_test::bare::Bare;
use hsm_test::{PinSource, Which};
use keybroker_tests::{Asks as _, Broker, Setup, b64, unb64};
use serde_json::json;
use tempfile::TempDir;

use crate::load::{self, Load};
use crate::report::{Report, Row};
use crate::{Goal, Plan, RUNS, bare};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const LABEL: &str = "bench";
const PIN: &str = "bench-4711";
/// Beyond the bare loop, broker and worker together.
const GOAL_US: f64 = 90.0;
/// What the token holds besides.
const OBJECTS: [u32; 3] = [5, 500, 10_000];

/// The first word of the command line that makes this process the bare loop.
pub const BARE: &str = "bare-hsm";

struct Token(TempDir);

impl Token {
    fn new() -> Self {
        let token = Self(TempDir::new().unwrap());
        fs::create_dir(token.path("tokens")).unwrap();
        let folder = token.path("tokens").display().to_string();
        let text = format!("directories.tokendir = {folder}\nobjectstore.backend = file\nlog.level = ERROR\n");
        fs::write(token.path("softhsm2.conf"), text).unwrap();
        fs::write(token.path("pin"), PIN).unwrap();
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", PIN])
            .env("SOFTHSM2_CONF", token.path("softhsm2.conf"))
            .output()
            .expect("softhsm2-util is Debian's softhsm2; ./dev setup installs it");
        assert!(made.status.success(), "{made:?}");
        token
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn backend(&self) -> toml::Table {
        let text = |name: &str| toml::Value::from(self.path(name).display().to_string());
        let environment = toml::Table::from_iter([("SOFTHSM2_CONF".to_owned(), text("softhsm2.conf"))]);
        let mut token = toml::toml! { label = "bench" };
        token.insert("module".into(), MODULE.into());
        token.insert("pin-file".into(), text("pin"));
        token.insert("environment".into(), environment.into());
        let mut backend = toml::toml! {
            type = "pkcs11"
            name = "hsm"
        };
        backend.insert("token".into(), vec![token].into());
        backend
    }

    /// This program again, in the module's environment; what it prints.
    fn bare(&self, words: &[&str]) -> String {
        let done = Command::new(std::env::current_exe().unwrap())
            .arg(BARE)
            .arg(self.path("pin"))
            .args(words)
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

/// A key's name in the report, its kty and size, and what it unwraps by.
const KEYS: [(&str, &str, u32, WrapAlgorithm); 2] = [
    ("RSA-2048 unwrap in a token", "RSA-HSM", 2048, WrapAlgorithm::RsaOaep),
    ("A256KW unwrap in a token", "oct-HSM", 256, WrapAlgorithm::A256Kw),
];
const FILLED: [&str; 3] = ["A256KW unwrap, 5 objects", "A256KW unwrap, 500 objects", "A256KW unwrap, 10 000 objects"];

pub fn measure(plan: &Plan, report: &mut Report) {
    if !KEYS.iter().map(|key| key.0).chain(FILLED).any(|name| plan.has(name)) {
        return;
    }
    let token = Token::new();
    let backend = token.backend();
    let edit = move |config: &mut toml::Table| config["backend"].as_array_mut().unwrap().push(backend.into());
    let mut broker = Setup::new().edit(edit).start();
    broker.ask(&["vault", "update", "vault1", "--hsm-backend", "hsm"]);
    for (name, kty, bits, algorithm) in KEYS.into_iter().filter(|key| plan.has(key.0)) {
        let key = Key::make(&broker, kty, bits, algorithm);
        for connections in &plan.connections {
            key.compare((&broker, *connections), &token, name, plan.each, Goal::Beyond(GOAL_US), report);
        }
    }
    let key = Key::make(&broker, "oct-HSM", 256, WrapAlgorithm::A256Kw);
    let mut held = 0;
    for (objects, name) in OBJECTS.iter().zip(FILLED).filter(|(_, name)| plan.has(name)) {
        broker.stop();
        token.bare(&["fill", &(objects - held).to_string()]);
        held = *objects;
        broker.serve();
        let began = Instant::now();
        key.ask(&broker);
        println!("{objects} objects: first use of a key after {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
        key.compare((&broker, 8), &token, name, plan.each, Goal::None, report);
    }
}

struct Key {
    path: String,
    algorithm: WrapAlgorithm,
    wrapped: Vec<u8>,
}

impl Key {
    fn make(broker: &Broker, kty: &str, bits: u32, algorithm: WrapAlgorithm) -> Self {
        let admin = broker.admin();
        let path = admin.create(&format!("bench-{}", kty.to_ascii_lowercase()), kty, bits);
        let wrapped = unb64(&admin.wrap(&path, algorithm.word(), &[7; 32]).with_status(200).json()["value"]);
        Self { path, algorithm, wrapped }
    }

    fn ask(&self, broker: &Broker) {
        broker.admin().unwrap(&self.path, self.algorithm.word(), &self.wrapped).with_status(200);
    }

    fn compare(
        &self,
        (broker, connections): (&Broker, usize),
        token: &Token,
        name: &'static str,
        each: Duration,
        goal: Goal,
        report: &mut Report,
    ) {
        let body = json!({ "alg": self.algorithm.word(), "value": b64(&self.wrapped) });
        let request = load::request(&format!("{}/unwrapkey", self.path), &body);
        // The label under which the broker made it: vault, key, version.
        let label = self.path.replacen("/keys", "vault1", 1);
        let (mut bare, mut loads) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            bare.push(token.bare(&["unwrap", &label, &b64(&self.wrapped)]).trim().parse().unwrap());
            loads.push(Load { broker, request: &request, connections }.run(each));
        }
        report.row(Row::of(name, connections, &bare, &loads, goal));
    }
}

/// The bare loop's process: prints the CPU of one operation, in microseconds, or fills the token.
pub fn bare_process(words: &[String]) {
    let pin = PinSource::File(words[0].clone().into());
    let session = Bare::open(Path::new(MODULE), Which::Label(LABEL.into()), pin).unwrap();
    if words[1] == "fill" {
        return session.fill(words[2].parse().unwrap()).unwrap();
    }
    let (key, value) = (session.key(&words[2]).unwrap(), unb64(&words[3].as_str().into()));
    assert_eq!(session.unwrap(key, &value).unwrap(), [7; 32]);
    let one = || drop(std::hint::black_box(session.unwrap(key, &value).unwrap()));
    println!("{}", bare::us_of(one, Duration::from_secs(1)));
}
