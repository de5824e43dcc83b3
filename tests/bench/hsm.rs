//! Keys in a token (SoftHSM): the broker and its worker against a bare loop on the same token, the worker's path alone (without
//! HTTP, TLS and audit), and all of it with ever more objects.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_backend_pkcs11::{
    Limits, PinSource as WorkerPin, Pkcs11Backend, PkcsSpec, Sandbox, TokenName, TokenSpec, WorkerCommand,
};
use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use broker_core::key::Material;
use broker_core::name::{BackendName, KeyVersion};
use broker_core::port::{Backend as _, Candidate, Making, Unwrapping, Wrapping};
use broker_core::secret::Secret;
use broker_core::verb;
use hsm_test::bare::Bare;
use hsm_test::{PinSource, Which};
use keybroker_tests::{Asks as _, Broker, Setup, b64, keybroker, unb64};
use serde_json::json;
use tempfile::TempDir;

use crate::load::{self, Load, Measured};
use crate::permit::permit;
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

    /// The same, for a backend in this very process.
    fn spec(&self) -> PkcsSpec {
        PkcsSpec {
            name: BackendName::parse("hsm").unwrap(),
            tokens: vec![TokenSpec {
                module: MODULE.into(),
                token: TokenName::Label(LABEL.into()),
                pin: WorkerPin::File(self.path("pin")),
                sandbox: Sandbox::Seccomp,
                sessions: SESSIONS,
                environment: vec![("SOFTHSM2_CONF".into(), self.path("softhsm2.conf").into())],
            }],
            lock_dir: self.0.path().into(),
            raw_rsa: true,
            limits: Limits::default(),
            worker: WorkerCommand { program: keybroker().into(), arguments: vec!["hsm-worker".into()] },
        }
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
/// The same without a broker: this process is the worker's parent.
const ALONE: [(&str, KeySpec, WrapAlgorithm); 2] = [
    ("RSA-2048 unwrap, worker alone", KeySpec::Rsa2048, WrapAlgorithm::RsaOaep),
    ("A256KW unwrap, worker alone", KeySpec::Oct256, WrapAlgorithm::A256Kw),
];
/// As a broker's configuration has it unless it says otherwise.
const SESSIONS: u8 = 4;
const FILLED: [&str; 3] = ["A256KW unwrap, 5 objects", "A256KW unwrap, 500 objects", "A256KW unwrap, 10 000 objects"];

pub fn measure(plan: &Plan, report: &mut Report) {
    if ALONE.iter().any(|row| plan.has(row.0)) {
        measure_alone(plan, report);
    }
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
        let used_ms = began.elapsed().as_secs_f64() * 1e3;
        // What a first use would wait for, had the worker not looked at all of them when it logged in.
        let sought_ms = token.bare(&["find", &key.label()]);
        println!(
            "{objects} objects: first use of a key after {used_ms:.0} ms; to find it in a bare session takes {} ms",
            sought_ms.trim()
        );
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

    /// Under which the broker made it: vault, key, version.
    fn label(&self) -> String {
        self.path.replacen("/keys", "vault1", 1)
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
        let label = self.label();
        let (mut bare, mut loads) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            bare.push(token.bare(&["unwrap", &label, &b64(&self.wrapped)]).trim().parse().unwrap());
            loads.push(Load { broker, request: &request, connections }.run(each));
        }
        report.row(Row::of(name, connections, &bare, &loads, goal));
    }
}

/// A key that the backend made, and how its value is opened.
struct Alone {
    backend: Arc<Pkcs11Backend>,
    under: Candidate,
    algorithm: WrapAlgorithm,
    value: Vec<u8>,
}

/// A backend of its own on a token of its own: what the way to the worker costs, before any broker is in the way.
fn measure_alone(plan: &Plan, report: &mut Report) {
    let token = Token::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let backend = Arc::new(runtime.block_on(Pkcs11Backend::open(token.spec())).unwrap());
    for (number, (name, spec, algorithm)) in (1..).zip(ALONE).filter(|(_, row)| plan.has(row.0)) {
        let version = KeyVersion([number; 16]);
        let alone = Arc::new(runtime.block_on(Alone::make(Arc::clone(&backend), version, spec, algorithm)));
        let label = format!("vault1/alone/{version}");
        for &connections in &plan.connections {
            let (mut bare, mut runs) = (Vec::new(), Vec::new());
            for _ in 0..RUNS {
                bare.push(token.bare(&["unwrap", &label, &b64(&alone.value)]).trim().parse().unwrap());
                runs.push(runtime.block_on(Arc::clone(&alone).run(connections, plan.each)));
            }
            report.row(Row::of(name, connections, &bare, &runs, Goal::None));
        }
    }
}

impl Alone {
    async fn make(backend: Arc<Pkcs11Backend>, version: KeyVersion, spec: KeySpec, algorithm: WrapAlgorithm) -> Self {
        let made = backend.generate_key(Making::Create(permit::<verb::CreateKey>()), version, spec).await.unwrap();
        let material = Arc::new(Material { opaque: made.opaque, public: made.public, origin_vault: None });
        let under = Candidate { version, spec, material };
        let (secret, extras) = (Secret::copied_from(&[7; 32]), WrapExtras::default());
        let permit = Wrapping::Wrap(permit::<verb::WrapKey>());
        let value = backend.wrap_key(permit, &under, algorithm, secret, &extras).await.unwrap().value;
        Self { backend, under, algorithm, value }
    }

    async fn once(&self) {
        let (permit, extras) = (Unwrapping::Unwrap(permit::<verb::UnwrapKey>()), WrapExtras::default());
        let under = std::slice::from_ref(&self.under);
        let opened = self.backend.unwrap_key(permit, under, self.algorithm, &self.value, &extras).await.unwrap();
        assert_eq!(opened.secret.expose(), [7; 32]);
    }

    /// So many at a time; the CPU is this process's and the worker's.
    async fn run(self: Arc<Self>, at_a_time: usize, most: Duration) -> Measured {
        let worker = self.backend.health()[0].worker.unwrap();
        let cpu_us = || load::own_cpu_us() + load::process_cpu_us(worker);
        let once = move || {
            let this = Arc::clone(&self);
            async move { this.once().await }
        };
        load::run_tasks(once, cpu_us, at_a_time, most).await
    }
}

/// The bare loop's process: prints the CPU of one operation, in microseconds, or how long it takes to find a key, in
/// milliseconds; or fills the token.
pub fn bare_process(words: &[String]) {
    let pin = PinSource::File(words[0].clone().into());
    let session = Bare::open(Path::new(MODULE), Which::Label(LABEL.into()), pin).unwrap();
    if words[1] == "fill" {
        return session.fill(words[2].parse().unwrap()).unwrap();
    }
    if words[1] == "find" {
        let began = Instant::now();
        session.key(&words[2]).unwrap();
        return println!("{:.1}", began.elapsed().as_secs_f64() * 1e3);
    }
    let (key, value) = (session.key(&words[2]).unwrap(), unb64(&words[3].as_str().into()));
    assert_eq!(session.unwrap(key, &value).unwrap(), [7; 32]);
    let one = || drop(std::hint::black_box(session.unwrap(key, &value).unwrap()));
    println!("{}", bare::us_of(one, Duration::from_secs(1)));
}
