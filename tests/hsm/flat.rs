//! What a call costs does not depend on how much the token holds.

use std::path::Path;
use std::process::Command;

use hsm_test::bare::Bare;
use hsm_test::{PinSource, Which};
use keybroker_tests::{Asks as _, Connection, cpu_s, eventually, unb64};

use crate::plant::{LABEL, MODULE, Plant};

const UNWRAPS: u32 = 2_000;
/// `./dev bench` measures 10 000.
const OBJECTS: u32 = 500;
/// What was measured twice may differ by so much, and by two ticks of the clock of /proc.
const RATIO_MAX: f64 = 1.5;
const TICKS_S: f64 = 0.02;

#[test]
fn an_unwrap_costs_the_worker_the_same_with_five_objects_and_with_five_hundred() {
    let mut plant = Plant::new();
    let path = plant.broker.admin().create("kek", "oct-HSM", 256);
    let wrapped = unb64(&plant.broker.admin().wrap(&path, "A256KW", &[9; 32]).with_status(200).json()["value"]);
    let few = worker_cpu_s(&plant, &path, &wrapped);
    plant.broker.stop();
    let fill = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "flat::fill", "--ignored"])
        .env("SOFTHSM2_CONF", plant.folder().join("softhsm2.conf"))
        .env("FLAT_PIN", plant.folder().join("pin"))
        .output()
        .unwrap();
    assert!(fill.status.success(), "{}", String::from_utf8_lossy(&fill.stdout));
    plant.broker.serve();
    let many = worker_cpu_s(&plant, &path, &wrapped);
    eprintln!("{UNWRAPS} unwraps: {few:.2} s of the worker's CPU with 1 object, {many:.2} with {OBJECTS}");
    assert!(many <= few * RATIO_MAX + TICKS_S, "{few} to {many} s");
}

/// Seconds of CPU that the worker used for the unwraps, its first ones left out.
fn worker_cpu_s(plant: &Plant, path: &str, wrapped: &[u8]) -> f64 {
    let admin = plant.broker.admin().connect().unwrap();
    let unwrap = |admin: &Connection| {
        assert_eq!(unb64(&admin.unwrap(path, "A256KW", wrapped).with_status(200).json()["value"]), [9; 32]);
    };
    let worker = eventually("a worker that serves", || plant.serving().then(|| plant.worker())?);
    // Each session is opened, and the look at all objects is over when the worker's CPU stands still.
    (0..100).for_each(|_| unwrap(&admin));
    let mut before = cpu_s(worker);
    eventually("an idle worker", || {
        let now = cpu_s(worker);
        let idle = now.to_bits() == before.to_bits();
        before = now;
        idle.then_some(())
    });
    (0..UNWRAPS).for_each(|_| unwrap(&admin));
    cpu_s(worker) - before
}

#[test]
#[ignore = "run by the test above, in a process with SOFTHSM2_CONF"]
fn fill() {
    let pin = PinSource::File(std::env::var_os("FLAT_PIN").unwrap().into());
    Bare::open(Path::new(MODULE), Which::Label(LABEL.into()), pin).unwrap().fill(OBJECTS).unwrap();
}
