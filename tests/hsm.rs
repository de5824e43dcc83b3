//! Keys in a real token (SoftHSM), through the real binary and over mutual TLS; workers that are killed, and heal.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keybroker_tests::{Asks as _, Broker, Setup, b64, eventually, unb64};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A broker whose vault keeps its -HSM keys in a fresh token.
struct Plant {
    broker: Broker,
    _token: TempDir,
}

impl Plant {
    fn new() -> Self {
        let token = TempDir::new().unwrap();
        let at = |name: &str| token.path().join(name);
        fs::create_dir(at("tokens")).unwrap();
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            at("tokens").display()
        );
        fs::write(at("softhsm2.conf"), text).unwrap();
        fs::write(at("pin"), "tulip-4711\n").unwrap();
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", "kb", "--pin", "tulip-4711", "--so-pin", "so-tulip-4711"])
            .env("SOFTHSM2_CONF", at("softhsm2.conf"))
            .output()
            .expect("softhsm2-util is Debian's softhsm2; ./dev setup installs it");
        assert!(made.status.success(), "{made:?}");
        let backend = toml::toml! {
            type = "pkcs11"
            name = "hsm"
            raw-rsa = true
        };
        let (conf, pin) = (at("softhsm2.conf").display().to_string(), at("pin").display().to_string());
        let broker = Setup::new()
            .edit(move |config| {
                let mut backend = backend;
                let mut token = toml::Table::new();
                token.insert("module".into(), MODULE.into());
                token.insert("label".into(), "kb".into());
                token.insert("pin-file".into(), pin.into());
                let environment = toml::Table::from_iter([("SOFTHSM2_CONF".to_owned(), conf.into())]);
                token.insert("environment".into(), environment.into());
                backend.insert("token".into(), vec![token].into());
                config["backend"].as_array_mut().unwrap().push(backend.into());
            })
            .start();
        broker.ask(&["vault", "update", "vault1", "--hsm-backend", "hsm"]);
        Self { broker, _token: token }
    }

    /// The worker that serves now: a child of the broker.
    fn worker(&self) -> Option<u32> {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.broker.pid())).ok();
        let named = |pid: &u32| {
            fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.windows(10).any(|part| part == b"hsm-worker"))
        };
        // Whichever thread of the broker started it.
        let tasks = fs::read_dir(format!("/proc/{}/task", self.broker.pid())).unwrap();
        let all = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("children")).ok());
        let pids: Vec<u32> = all
            .chain(children)
            .flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
            .collect();
        pids.into_iter().find(named)
    }

    fn serving(&self) -> bool {
        self.broker.metrics().sum("keybroker_hsm_token_serving", &[("backend", "hsm")]).to_bits() == 1.0_f64.to_bits()
    }

    fn starts(&self) -> f64 {
        self.broker.metrics().sum("keybroker_hsm_events_total", &[("event", "worker-start")])
    }
}

#[test]
fn keys_are_made_in_the_token_and_wrap_unwrap_rotate_and_sign_there() {
    let plant = Plant::new();
    let (admin, secret) = (plant.broker.admin(), [7_u8; 32]);
    for (kty, bits, algorithms) in [
        ("RSA-HSM", 2048, &["RSA-OAEP", "RSA-OAEP-256"][..]),
        ("RSA-HSM", 3072, &["RSA-OAEP", "RSA-OAEP-256"]),
        ("RSA-HSM", 4096, &["RSA-OAEP", "RSA-OAEP-256"]),
        ("oct-HSM", 256, &["A256KW"]),
    ] {
        let name = format!("{}-{bits}", kty.to_ascii_lowercase());
        let path = admin.create(&name, kty, bits);
        let shown = admin.get(&path).with_status(200).json();
        assert_eq!(shown["key"]["kty"], kty);
        assert!(shown["key"].get("d").is_none() && shown["key"].get("k").is_none());
        for algorithm in algorithms {
            let wrapped = unb64(&admin.wrap(&path, algorithm, &secret).with_status(200).json()["value"]);
            let opened = admin.unwrap(&path, algorithm, &wrapped).with_status(200).json();
            assert_eq!(unb64(&opened["value"]), secret, "{name} {algorithm}");
            let mut bent = wrapped.clone();
            bent[3] ^= 1;
            admin.unwrap(&path, algorithm, &bent).with_status(400);
            // What the old version wrapped opens after a rotation, without a version too.
            let rotated = admin.rotate(&name);
            assert_ne!(rotated, path);
            let opened = admin.unwrap(&format!("/keys/{name}"), algorithm, &wrapped).with_status(200).json();
            assert_eq!(unb64(&opened["value"]), secret, "{name} {algorithm} after a rotation");
        }
    }
    for (curve, algorithm, bytes) in [("P-256", "ES256", 32), ("P-384", "ES384", 48)] {
        let name = format!("ec-{}", curve.to_ascii_lowercase());
        admin.post(&format!("/keys/{name}/create"), &json!({ "kty": "EC-HSM", "crv": curve })).with_status(200);
        let digest = b64(&vec![5; bytes]);
        let signed =
            admin.post(&format!("/keys/{name}/sign"), &json!({ "alg": algorithm, "value": digest })).with_status(200);
        let ask = json!({ "alg": algorithm, "digest": digest, "value": signed.json()["value"] });
        let verdict = admin.post(&format!("/keys/{name}/verify"), &ask).with_status(200).json();
        assert_eq!(verdict["value"], true, "{name}");
    }
    let jwk = json!({ "key": { "kty": "oct-HSM", "k": b64(&[1; 32]) } });
    admin.call("PUT", "/keys/from-outside", Some(&jwk)).with_status(501);
}

#[test]
fn a_worker_that_is_killed_again_and_again_loses_nothing_and_disturbs_nobody() {
    let plant = Plant::new();
    let admin = plant.broker.admin();
    let path = admin.create("kek", "oct-HSM", 256);
    let soft = admin.create("soft", "oct", 256);
    let secret = [9_u8; 32];
    let wrapped = unb64(&admin.wrap(&path, "A256KW", &secret).with_status(200).json()["value"]);
    let in_software = unb64(&admin.wrap(&soft, "A256KW", &secret).with_status(200).json()["value"]);
    let (stop, opened, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let connection = plant.broker.admin().connect().unwrap();
                while !stop.load(Ordering::Relaxed) {
                    let answer = connection.unwrap(&path, "A256KW", &wrapped);
                    match answer.status {
                        200 => {
                            assert_eq!(unb64(&answer.json()["value"]), secret);
                            opened.fetch_add(1, Ordering::Relaxed);
                        }
                        // A clear refusal while there is no worker; never a wrong answer, never a hang.
                        503 | 504 => drop(refused.fetch_add(1, Ordering::Relaxed)),
                        status => panic!("{status}: {}", answer.message()),
                    }
                    connection.unwrap(&soft, "A256KW", &in_software).with_status(200);
                }
            });
        }
        for round in 0..10_u32 {
            // Killed only once it has logged in: a kill within a login can destroy a SoftHSM token.
            eventually("a worker that serves", || {
                (plant.serving() && plant.starts() >= f64::from(round) + 1.0).then_some(())
            });
            let before = opened.load(Ordering::Relaxed);
            eventually("unwraps to go on", || (opened.load(Ordering::Relaxed) > before + 20).then_some(()));
            if let Some(worker) = plant.worker() {
                kill_process(Pid::from_raw(worker.cast_signed()).unwrap(), Signal::KILL).unwrap();
            }
            eventually("another worker", || (plant.starts() >= f64::from(round) + 2.0).then_some(()));
        }
        stop.store(true, Ordering::Relaxed);
    });
    eprintln!(
        "{} unwrapped, {} refused while there was no worker",
        opened.load(Ordering::Relaxed),
        refused.load(Ordering::Relaxed)
    );
    eventually("the last worker", || plant.serving().then_some(()));
    admin.unwrap(&path, "A256KW", &wrapped).with_status(200);
}

#[test]
fn keys_survive_a_restart_of_the_broker_and_a_worker_goes_with_it() {
    let mut plant = Plant::new();
    let path = plant.broker.admin().create("kek", "oct-HSM", 256);
    let wrapped = unb64(&plant.broker.admin().wrap(&path, "A256KW", &[3; 32]).with_status(200).json()["value"]);
    let worker = eventually("a worker", || plant.worker());
    plant.broker.restart();
    eventually("the old worker to be gone", || (!Path::new(&format!("/proc/{worker}")).exists()).then_some(()));
    eventually("the token to serve again", || plant.serving().then_some(()));
    let opened = plant.broker.admin().unwrap(&path, "A256KW", &wrapped).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), [3; 32]);
}
