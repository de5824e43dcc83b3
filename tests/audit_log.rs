//! The audit log of a real broker: proven by its files alone, and missed by its store when it is cut.
#![allow(clippy::unwrap_used)]

use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use keybroker_tests::{Asks as _, Broker, Setup, WAIT_MAX, eventually};
use serde_json::Value;

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

/// What an audit command prints as JSON lines.
fn lines_of(broker: &Broker, arguments: &[&str]) -> Vec<Value> {
    let dir = broker.home().join("audit");
    let done = broker.cli(&[&["audit"], arguments, &["--dir", dir.to_str().unwrap()]].concat());
    assert!(done.status.success(), "{arguments:?}: {}", text(&done.stderr));
    text(&done.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn entries_are_found_by_principal_key_time_and_decision() {
    let broker = Setup::new().start();
    let admin = broker.admin();
    admin.create("k1", "oct", 256);
    admin.create("k2", "oct", 256);
    let nobody = broker.client_of("nobody");
    nobody.get("/keys/k1").with_status(403);
    let all = lines_of(&broker, &["export"]);
    let (who, middle) = (broker.principal("nobody"), all[all.len() - 1]["time"].as_str().unwrap());
    let count = |arguments: &[&str]| lines_of(&broker, arguments).len();
    let of = |row: &dyn Fn(&&Value) -> bool| all.iter().filter(row).count();
    let rows: [(&[&str], usize); 6] = [
        (&["--principal", &who], 1),
        (&["--scope", "/vault1/k2"], of(&|line| line["scope"] == "/vault1/k2")),
        (&["--decision", "refused"], of(&|line| line["decision"] == "refused")),
        (&["--operation", "create-key"], 4),
        (&["--since", middle], of(&|line| line["time"].as_str().unwrap() >= middle)),
        (&["--until", middle], of(&|line| line["time"].as_str().unwrap() < middle)),
    ];
    for (filter, expected) in rows {
        assert!((1..all.len()).contains(&expected), "{filter:?}: a filter that takes all or nothing proves nothing");
        assert_eq!(count(&[&["export"], filter].concat()), expected, "export {filter:?}");
        assert_eq!(count(&[&["show", "--json"], filter].concat()), expected, "show {filter:?}");
    }
    assert_eq!(lines_of(&broker, &["tail", "-n", "2", "--json"]), all[all.len() - 2..]);
}

#[test]
fn verify_names_the_entry_that_was_changed_and_a_held_checkpoint_betrays_a_cut_end() {
    let mut broker = Setup::new().start();
    (0..6).for_each(|_| drop(broker.ask(&["grants"])));
    broker.stop();
    let dir = broker.home().join("audit");
    let held = broker.home().join("held");
    let copies = broker.home().join("audit-checkpoints");
    let newest = std::fs::read_dir(&copies).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    std::fs::copy(newest, &held).unwrap();
    let verify = |more: &[&str]| {
        let done = broker.cli(&[&["audit", "verify", "--json", "--dir", dir.to_str().unwrap()], more].concat());
        (done.status.code(), text(&done.stdout))
    };
    let segment = dir.join("segment-00000001.jsonl");
    let whole = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(&segment, whole.replacen("list-grants", "list-grant5", 1)).unwrap();
    let sequence = whole.lines().find(|line| line.contains("list-grants")).unwrap();
    let sequence = serde_json::from_str::<Value>(sequence).unwrap()["seq"].as_u64().unwrap();
    let (code, said) = verify(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&sequence.to_string()), "entry {sequence}: {said}");
    // The end cut off with every checkpoint of it: only a copy elsewhere can tell.
    let cut: String = whole.lines().take(4).map(|line| format!("{line}\n")).collect();
    std::fs::write(&segment, cut).unwrap();
    std::fs::remove_dir_all(dir.join("checkpoints")).unwrap();
    std::fs::remove_dir_all(&copies).unwrap();
    assert_eq!(verify(&[]).0, Some(0), "the files alone cannot tell");
    assert_eq!(verify(&["--expect", held.to_str().unwrap()]).0, Some(1));
}

/// A broker whose audit is copied to this listener.
fn copying_to(listener: &TcpListener) -> Broker {
    let address = listener.local_addr().unwrap().to_string();
    Setup::new()
        .edit(move |config| {
            let sink: toml::Table =
                format!("type = \"syslog\"\nname = \"siem\"\naddress = \"{address}\"\nqueue-entries-max = 4")
                    .parse()
                    .unwrap();
            let audit = config["audit"].as_table_mut().unwrap();
            audit.insert("sink".to_owned(), vec![toml::Value::from(sink)].into());
        })
        .start()
}

fn accepted(listener: &TcpListener) -> BufReader<TcpStream> {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
    BufReader::new(stream)
}

/// One message, framed by its length (RFC 6587 section 3.4.1).
fn message(from: &mut impl std::io::BufRead) -> String {
    let mut length = Vec::new();
    from.read_until(b' ', &mut length).unwrap();
    let length: usize = text(&length).trim().parse().unwrap();
    let mut message = vec![0; length];
    from.read_exact(&mut message).unwrap();
    text(&message)
}

#[test]
fn a_syslog_server_gets_a_copy_of_what_was_decided() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = copying_to(&listener);
    let mut siem = accepted(&listener);
    broker.client_of("nobody").get("/keys/k1").with_status(403);
    let who = broker.principal("nobody");
    while !message(&mut siem).contains(&format!("\"principal\":\"{who}\"")) {}
}

#[test]
fn a_syslog_server_that_reads_nothing_delays_nobody_and_its_losses_are_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = copying_to(&listener);
    let _stalled = accepted(&listener);
    let connection = broker.admin().connect().unwrap();
    let dropped = || broker.metrics().sum("keybroker_audit_sink_entries_total", &[("outcome", "dropped")]);
    let began = Instant::now();
    // More than the socket's buffers and the queue of four hold.
    eventually("an entry was dropped", || {
        for _ in 0..200 {
            let asked = Instant::now();
            connection.get("/keys").with_status(200);
            assert!(asked.elapsed() < Duration::from_secs(2), "a request waited {:?}", asked.elapsed());
        }
        (dropped() > 0.5).then_some(())
    });
    assert!(began.elapsed() < WAIT_MAX);
}
