//! What the way through a worker costs over a bare loop: `cargo test --release -- --ignored measure --nocapture`.

use std::process::Command;
use std::time::Instant;

use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use broker_core::port::Candidate;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType};

use crate::inspect::bare_session;
use crate::plant::{Hsm, Plant};

const CALLS: u32 = 2_000;

/// User and system time of a process, in microseconds.
fn cpu_us(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 * 10_000.0
}

async fn through_worker(
    hsm: &Hsm,
    name: &str,
    key: &Candidate,
    how: WrapAlgorithm,
    value: &[u8],
    at_once: usize,
) -> String {
    let worker = hsm.health().worker.unwrap().to_string();
    let (ours, theirs, began) = (cpu_us("self"), cpu_us(&worker), Instant::now());
    let mut tasks = Vec::new();
    for _ in 0..at_once {
        let (hsm, name, key, value) = (hsm.clone(), name.to_owned(), key.clone(), value.to_vec());
        tasks.push(tokio::spawn(async move {
            for _ in 0..CALLS as usize / at_once {
                hsm.unwrap(&name, &key, how, &value).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let each = |us: f64| us / f64::from(CALLS);
    let (wall, ours, theirs) = (began.elapsed().as_secs_f64() * 1e6, cpu_us("self") - ours, cpu_us(&worker) - theirs);
    format!("wall {:6.1} us, cpu broker {:5.1} us + worker {:6.1} us", each(wall), each(ours), each(theirs))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout)]
async fn measure() {
    let plant = Plant::new();
    let hsm = plant.open().await;
    let cases = [
        ("rsa", 1, KeySpec::Rsa2048, WrapAlgorithm::RsaOaep),
        ("raw", 2, KeySpec::Rsa2048, WrapAlgorithm::RsaOaep256),
        ("oct", 3, KeySpec::Oct256, WrapAlgorithm::A256Kw),
    ];
    for (name, version, spec, how) in cases {
        let key = hsm.make(name, version, spec).await.unwrap();
        let value = hsm.wrap(name, &key, how, &[9; 32]).await.unwrap();
        for at_once in [1, 4, 16] {
            let cost = through_worker(&hsm, name, &key, how, &value, at_once).await;
            println!("{how:13} {at_once:2} at once: {cost}");
        }
        std::fs::write(plant.path(name), value).unwrap();
    }
    drop(hsm);
    let bare = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "measure::bare", "--ignored", "--nocapture"])
        .env("SOFTHSM2_CONF", plant.configuration())
        .env("MEASURE_FOLDER", plant.folder.path())
        .output()
        .unwrap();
    for line in String::from_utf8_lossy(&bare.stdout).lines().filter(|line| line.contains(" bare")) {
        println!("{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of minutes"]
#[expect(clippy::print_stdout)]
async fn measure_with_many_objects() {
    let plant = Plant::new();
    let first = {
        let hsm = plant.open().await;
        hsm.make("oct", 1, KeySpec::Oct256).await.unwrap()
    };
    let mut objects = 1;
    for goal in [5, 500, 10_000] {
        let more = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "measure::fill", "--ignored"])
            .env("SOFTHSM2_CONF", plant.configuration())
            .env("MEASURE_OBJECTS", (goal - objects).to_string())
            .output();
        assert!(more.unwrap().status.success());
        objects = goal;
        let began = Instant::now();
        let hsm = plant.open().await;
        let opened = began.elapsed();
        let began = Instant::now();
        let how = WrapAlgorithm::A256Kw;
        let value = hsm.wrap("oct", &first, how, &[9; 32]).await.unwrap();
        let found = began.elapsed();
        let cost = through_worker(&hsm, "oct", &first, how, &value, 4).await;
        println!("{objects:5} objects: open {opened:?}, first call {found:?}, then {cost}");
    }
}

#[test]
#[ignore = "run by measure_with_many_objects, in a process with SOFTHSM2_CONF"]
fn fill() {
    let session = bare_session();
    let objects: usize = std::env::var("MEASURE_OBJECTS").unwrap().parse().unwrap();
    for object in 0..objects {
        let id = [object.to_be_bytes(), objects.to_be_bytes()].concat();
        let template = [Attribute::Token(true), Attribute::Id(id), Attribute::ValueLen(32.into())];
        session.generate_key(&Mechanism::AesKeyGen, &template).unwrap();
    }
}

#[test]
#[ignore = "run by measure, in a process with SOFTHSM2_CONF"]
#[expect(clippy::print_stdout)]
fn bare() {
    let session = bare_session();
    let folder = std::path::PathBuf::from(std::env::var_os("MEASURE_FOLDER").unwrap());
    for (name, kind) in [("rsa", "RSA-OAEP"), ("raw", "RSA X.509"), ("oct", "A256KW")] {
        let Ok(value) = std::fs::read(folder.join(name)) else { continue };
        let class = if name == "oct" {
            cryptoki::object::ObjectClass::SECRET_KEY
        } else {
            cryptoki::object::ObjectClass::PRIVATE_KEY
        };
        let keys = session.find_objects(&[Attribute::Class(class)]).unwrap();
        let key = keys.into_iter().find(|key| label(&session, *key).contains(&format!("/{name}/"))).unwrap();
        let (cpu, began) = (cpu_us("self"), Instant::now());
        for _ in 0..CALLS {
            unwrap(&session, key, name, &value);
        }
        let each = |us: f64| us / f64::from(CALLS);
        println!(
            "{kind:13} bare loop: wall {:6.1} us, cpu {:6.1} us",
            each(began.elapsed().as_secs_f64() * 1e6),
            each(cpu_us("self") - cpu)
        );
    }
}

fn label(session: &cryptoki::session::Session, key: cryptoki::object::ObjectHandle) -> String {
    match &session.get_attributes(key, &[AttributeType::Label]).unwrap()[..] {
        [Attribute::Label(label)] => String::from_utf8_lossy(label).into_owned(),
        other => panic!("{other:?}"),
    }
}

fn unwrap(session: &cryptoki::session::Session, key: cryptoki::object::ObjectHandle, name: &str, value: &[u8]) {
    use cryptoki::mechanism::MechanismType;
    use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
    use cryptoki::object::{KeyType, ObjectClass};
    match name {
        "rsa" => {
            let oaep = PkcsOaepParams::new(MechanismType::SHA1, PkcsMgfType::MGF1_SHA1, PkcsOaepSource::empty());
            drop(session.decrypt(&Mechanism::RsaPkcsOaep(oaep), key, value).unwrap());
        }
        "raw" => drop(session.decrypt(&Mechanism::RsaX509, key, value).unwrap()),
        _ => {
            let template = [
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(KeyType::GENERIC_SECRET),
                Attribute::Token(false),
                Attribute::Sensitive(false),
                Attribute::Extractable(true),
            ];
            let object = session.unwrap_key(&Mechanism::AesKeyWrap, key, value, &template).unwrap();
            drop(session.get_attributes(object, &[AttributeType::Value]).unwrap());
            session.destroy_object(object).unwrap();
        }
    }
}
