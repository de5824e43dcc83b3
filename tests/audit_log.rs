//! The audit log of a real broker: proven by its files alone, and missed by its store when it is cut.
#![allow(clippy::unwrap_used)]

use keybroker_tests::Setup;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_log_verifies_after_a_kill_and_after_a_clean_stop() {
    let mut broker = Setup::new().start();
    let dir = broker.home().join("audit");
    let verify = ["audit", "verify", "--dir", dir.to_str().unwrap()];
    for _round in 0..3 {
        broker.ask(&["grants"]);
        let done = broker.cli(&verify);
        assert!(done.status.success(), "while it serves: {}", text(&done.stdout));
        broker.kill9();
        let done = broker.cli(&verify);
        assert!(done.status.success(), "after a kill: {}", text(&done.stdout));
        broker.serve();
    }
    broker.stop();
    let done = broker.cli(&[&verify[..], &["--json"]].concat());
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&report["good"], &report["last"]), (&true.into(), &report["vouched"]), "{report}");
}

#[test]
fn a_broker_does_not_serve_on_a_log_that_was_cut_with_every_checkpoint_file() {
    let mut broker = Setup::new().start();
    (0..4).for_each(|_| drop(broker.ask(&["grants"])));
    broker.restart();
    broker.stop();
    let (dir, copies) = (broker.home().join("audit"), broker.home().join("audit-checkpoints"));
    let segment = dir.join("segment-00000001.jsonl");
    let whole = std::fs::read_to_string(&segment).unwrap();
    let cut: String = whole.lines().take(3).map(|line| format!("{line}\n")).collect();
    std::fs::write(&segment, cut).unwrap();
    std::fs::remove_dir_all(dir.join("checkpoints")).unwrap();
    std::fs::remove_dir_all(&copies).unwrap();
    let done = broker.cli(&["audit", "verify", "--dir", dir.to_str().unwrap()]);
    assert!(done.status.success(), "the files alone cannot tell: {}", text(&done.stdout));
    let said = broker.try_serve().unwrap_err();
    assert!(said.contains("a checkpoint vouches for entry"), "{said}");
    // Put back as it was, it serves again.
    std::fs::write(&segment, whole).unwrap();
    broker.serve();
}

#[test]
fn loaded_backends_and_reloads_stand_in_the_log_as_changes() {
    let broker = Setup::new().start();
    broker.reload();
    let phases = |operation: &str| -> Vec<String> {
        let ours = |line: &&serde_json::Value| line["operation"] == operation && line["principal"] == "system/upkeep";
        broker.audit().iter().filter(ours).map(|line| line["phase"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(phases("load-backend"), ["intent", "outcome"]);
    assert_eq!(phases("reload-trust"), ["intent", "outcome"]);
}
