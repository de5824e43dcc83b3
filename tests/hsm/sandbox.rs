//! What a worker is kept from, as the system tells it and as a module that tries it finds.

use std::fs;
use std::path::PathBuf;

use keybroker_tests::{Asks as _, eventually};
use serde_json::json;

use crate::plant::Plant;

#[test]
fn a_worker_leaves_no_core_has_its_own_descriptors_and_starts_no_program() {
    let plant = Plant::breakable();
    let admin = plant.broker.admin();
    admin.post("/keys/ec/create", &json!({ "kty": "EC-HSM", "crv": "P-256" })).with_status(200);
    let worker = eventually("a worker", || plant.worker());
    let page = |name: &str| fs::read_to_string(format!("/proc/{worker}/{name}")).unwrap();
    let status = page("status");
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{line}\n{status}");
    }
    let limits = page("limits");
    let core: Vec<&str> =
        limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap().split_whitespace().collect();
    assert_eq!(core[..2], ["0", "0"]);
    // Here it may lock its memory, or the tests could not read that of processes which may not be dumped.
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap().trim();
    assert_ne!(locked, "0 kB", "{status}");
    // A process that may not be dumped belongs to root in /proc, and shows its memory to nobody of its own user.
    // The socket, its copies for reading and writing, /dev/null twice, and what the module itself opened; nothing of the
    // broker's: no store, no audit, no listener.
    let home = plant.broker.home();
    let open: Vec<PathBuf> = fs::read_dir(format!("/proc/{worker}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .collect();
    assert!(open.len() < 12, "{open:?}");
    assert!(open.iter().all(|path| !path.starts_with(&home)), "{open:?}");
    let sockets = open
        .iter()
        .filter(|path| path.to_string_lossy().starts_with("socket:"))
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(sockets.len(), 1, "{open:?}");

    plant.tell("C_Sign exec 1\n");
    let ask = json!({ "alg": "ES256", "value": keybroker_tests::b64(&[5; 32]) });
    admin.post("/keys/ec/sign", &ask).with_status(200);
    assert!(plant.untold().is_empty(), "it was tried");
    assert_eq!(plant.worker(), Some(worker), "the program was not started");
}

#[test]
fn a_module_that_must_start_programs_can_be_let() {
    let plant = Plant::with(true, |backend| {
        let token = backend["token"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
        token.insert("sandbox".into(), "none".into());
    });
    let admin = plant.broker.admin();
    admin.post("/keys/ec/create", &json!({ "kty": "EC-HSM", "crv": "P-256" })).with_status(200);
    let starts = plant.starts();
    plant.tell("C_Sign exec 1\n");
    let ask = json!({ "alg": "ES256", "value": keybroker_tests::b64(&[5; 32]) });
    // The shim aborts where the program was started; the call is made again on a new worker.
    admin.post("/keys/ec/sign", &ask).with_status(200);
    assert!(plant.starts() > starts, "the program was started");
}
