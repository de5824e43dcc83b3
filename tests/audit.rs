//! Nothing is served that is not written down, and nothing is served any more that was taken back.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use keybroker_tests::{
    AUTHORIZATION, Answer, Asks as _, Broker, Connection, Request, Setup, WAIT_MAX, b64, eventually, run, unb64,
};
use serde_json::json;

/// Connections that go on unwrapping while something is taken back.
const CONNECTIONS: usize = 16;
/// Successes before it is.
const WARM: usize = 200;
/// How often each is taken back: the window is small.
const ROUNDS: usize = 3;
const SECRET: [u8; 32] = [0x5E; 32];

/// A file system of one mebibyte, unmounted when dropped; none where mounting is not allowed.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&at);
        run(&mut mount, WAIT_MAX).status.success().then_some(Self(at))
    }

    /// Fills it to the last byte; gives the file that does.
    fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        let mut file = std::fs::File::create(&ballast).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the broker may not have closed its file yet.
        run(Command::new("umount").arg("--lazy").arg(&self.0), WAIT_MAX);
    }
}

fn id_of(answer: &Answer) -> String {
    answer.header("x-ms-request-id").unwrap().to_owned()
}

#[test]
fn a_full_audit_disk_serves_nothing_and_recovers_by_itself() {
    let mut broker = Setup::new().init();
    let Some(disk) = SmallDisk::mount(broker.home().join("audit")) else {
        eprintln!("not run: this needs leave to mount a tmpfs");
        return;
    };
    broker.serve();
    let admin = broker.admin().connect().unwrap();
    let key = admin.create("k", "oct", 256);
    let wrapped = unb64(&admin.wrap(&key, "A256KW", &SECRET).with_status(200).json()["value"]);
    assert_eq!(broker.page("/readyz").0, 200);

    let ballast = disk.fill();
    // An administrator's entry is the shortest, having no certificate in it: once not even that fits, no other does.
    let told = eventually("a refusal", || {
        let done = broker.cli(&["grants"]);
        (!done.status.success()).then(|| String::from_utf8(done.stderr).unwrap())
    });
    assert!(told.contains("the audit log cannot be written"), "{told}");
    let refusal = admin.unwrap(&key, "A256KW", &wrapped);
    assert_eq!((refusal.status, refusal.code().as_str()), (503, "ServiceUnavailable"));
    assert!(refusal.message().contains("the audit log cannot be written"), "{}", refusal.message());
    assert_eq!(broker.page("/readyz"), (503, "not ready: the audit log cannot be written\n".to_owned()));
    assert_eq!(broker.page("/healthz").0, 200);
    // Whatever is asked, and whether it would have been allowed or refused: an answer without an entry is none.
    let calls = [
        admin.get("/keys/k"),
        admin.post("/keys/k2/create", &json!({ "kty": "oct" })),
        admin.post("/keys/k/rotate", &json!({})),
        admin.wrap("/keys/k", "A256KW", &SECRET),
        admin.unwrap("/keys/k", "A256KW", &wrapped),
        admin.patch("/keys/k", &json!({ "tags": {} })),
        admin.post("/rng", &json!({ "count": 8 })),
        broker.client_of("stranger").get("/keys/k"),
        admin.get("/keys/k/versions"),
    ];
    for answer in &calls {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(&b64(&SECRET)), "{answer:?}");
    }
    assert!(broker.metrics().sum("keybroker_audit_failures_total", &[]) > 0.0);

    std::fs::remove_file(ballast).unwrap();
    // No request is sent meanwhile: whoever sends them may be waiting for just this.
    eventually("ready again, by itself", || (broker.page("/readyz").0 == 200).then_some(()));
    let answer = admin.unwrap(&key, "A256KW", &wrapped).with_status(200);
    assert_eq!(unb64(&answer.json()["value"]), SECRET);
    // Nothing was done in the dark.
    admin.get("/keys/k2").with_status(404);
    let listed = admin.get("/keys/k/versions").with_status(200).json();
    assert_eq!(listed["value"].as_array().unwrap().len(), 1, "{listed}");
    let audit = broker.audit();
    let written: HashSet<_> = audit.iter().filter_map(|entry| entry["request"].as_str()).collect();
    assert!(written.contains(&*id_of(&answer)), "an answer was given without its entry");
    assert!(calls.iter().all(|answer| !written.contains(&*id_of(answer))), "an entry stands for what was not served");
    broker.stop();
    drop(disk);
}

/// Connections that unwrap without end, and note what they got for requests begun at what time.
struct Load {
    enough: Arc<AtomicBool>,
    successes: Arc<AtomicUsize>,
    workers: Vec<JoinHandle<Vec<(Instant, Answer)>>>,
}

impl Load {
    /// Begins; returns when there are successes on the way.
    fn begin(broker: &Broker, name: &str, key: &str, wrapped: &[u8]) -> Self {
        let (enough, successes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = broker.client_of(name);
        let request = Request::new("POST", &format!("{key}/unwrapkey?api-version=7.4"));
        let request = request.header(AUTHORIZATION.0, AUTHORIZATION.1);
        let request = request.json(&json!({ "alg": "A256KW", "value": b64(wrapped) }));
        let worker = |_| {
            let (connection, request): (Connection, Request) = (client.connect().unwrap(), request.clone());
            let (enough, successes) = (Arc::clone(&enough), Arc::clone(&successes));
            std::thread::spawn(move || {
                let mut heard = Vec::new();
                while !enough.load(Ordering::Acquire) {
                    let began = Instant::now();
                    let answer = connection.send(&request).unwrap();
                    if answer.status == 200 {
                        successes.fetch_add(1, Ordering::AcqRel);
                    }
                    heard.push((began, answer));
                }
                heard
            })
        };
        let workers = (0..CONNECTIONS).map(worker).collect();
        eventually("unwraps on every side", || (successes.load(Ordering::Acquire) > WARM).then_some(()));
        Self { enough, successes, workers }
    }

    /// Goes on a while after `taken_back`, then ends. Nothing begun after it may have succeeded.
    fn end(self, taken_back: Instant, status: u16, code: &str) {
        assert!(self.successes.load(Ordering::Acquire) > WARM);
        eventually("a while under the new rule", || (taken_back.elapsed().as_millis() > 300).then_some(()));
        self.enough.store(true, Ordering::Release);
        let heard: Vec<_> = self.workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        let after: Vec<_> = heard.iter().filter(|(began, _)| *began > taken_back).collect();
        assert!(after.len() > CONNECTIONS, "only {} requests began afterwards", after.len());
        for (began, answer) in after {
            let late = began.duration_since(taken_back);
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (status, code),
                "begun {late:?} after it was taken back"
            );
        }
        let before = heard.iter().filter(|(_, answer)| answer.status == 200).count();
        assert!(before > WARM);
    }
}

fn wrapped_under(admin: &Connection, key: &str) -> Vec<u8> {
    admin.create(key.rsplit('/').next().unwrap(), "oct", 256);
    unb64(&admin.wrap(key, "A256KW", &SECRET).with_status(200).json()["value"])
}

#[test]
fn no_request_begun_after_a_revocation_was_acknowledged_succeeds() {
    let broker = Setup::new().start();
    let wrapped = wrapped_under(&broker.admin().connect().unwrap(), "/keys/k");
    for _ in 0..ROUNDS {
        let grant = broker.grant(&broker.principal("host"), "unwrapKey", "/vault1/k");
        let load = Load::begin(&broker, "host", "/keys/k", &wrapped);
        broker.ask(&["revoke", &grant]);
        load.end(Instant::now(), 403, "Forbidden/ForbiddenByRbac");
    }
}

#[test]
fn no_request_begun_after_a_key_was_disabled_succeeds() {
    let broker = Setup::new().start();
    let admin = broker.admin().connect().unwrap();
    let wrapped = wrapped_under(&admin, "/keys/k");
    broker.grant(&broker.principal("host"), "unwrapKey", "/vault1/k");
    for _ in 0..ROUNDS {
        admin.patch("/keys/k", &json!({ "attributes": { "enabled": true } })).with_status(200);
        let load = Load::begin(&broker, "host", "/keys/k", &wrapped);
        admin.patch("/keys/k", &json!({ "attributes": { "enabled": false } })).with_status(200);
        load.end(Instant::now(), 403, "Forbidden/KeyDisabled");
    }
}
