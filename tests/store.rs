//! Copies of the whole store, another root key, key backups between brokers: from outside, through the real binary.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keybroker_tests::{Asks as _, Broker, Setup, WAIT_MAX, run, unb64};
use serde_json::json;

const SECRET: &[u8] = b"thirty-two bytes of a data key..";

/// A key of the software backend, and something wrapped under it.
struct Wrapped {
    path: String,
    value: Vec<u8>,
}

impl Wrapped {
    fn new(broker: &Broker, name: &str) -> Self {
        let path = broker.admin().create(name, "oct", 256);
        let value = unb64(&broker.admin().wrap(&path, "A256KW", SECRET).with_status(200).json()["value"]);
        Self { path, value }
    }

    fn opens(&self, broker: &Broker) {
        let opened = broker.admin().unwrap(&self.path, "A256KW", &self.value).with_status(200).json();
        assert_eq!(unb64(&opened["value"]), SECRET);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn backup(broker: &Broker, name: &str) -> PathBuf {
    let file = broker.folder().join(name);
    let reply = broker.ask(&["store", "backup", text(&file)]);
    assert_eq!(reply["store-copy"]["bytes"], fs::metadata(&file).unwrap().len());
    file
}

/// `keybroker store restore` with more words; what it said on stderr when it was refused.
fn restore(broker: &Broker, file: &Path, more: &[&str]) -> Result<String, String> {
    let config = broker.config_file();
    offline(broker, &[&["store", "restore", text(file), "--config", text(&config)], more].concat())
}

fn offline(broker: &Broker, words: &[&str]) -> Result<String, String> {
    let done = broker.cli(words);
    let said = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if done.status.success() { Ok(said(done.stdout)) } else { Err(said(done.stderr)) }
}

fn audited(broker: &Broker, operation: &str) -> Vec<serde_json::Value> {
    broker.audit().into_iter().filter(|entry| entry["operation"] == operation).collect()
}

#[test]
fn a_copy_made_while_requests_are_served_brings_all_of_that_moment_back_and_the_audit_says_so() {
    let mut broker = Setup::new().start();
    let before = Wrapped::new(&broker, "before");
    let stop = AtomicBool::new(false);
    let file = std::thread::scope(|scope| {
        let busy = || {
            let connection = broker.admin().connect().unwrap();
            let mut slowest = Duration::ZERO;
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                connection.unwrap(&before.path, "A256KW", &before.value).with_status(200);
                slowest = slowest.max(began.elapsed());
            }
            slowest
        };
        let clients = [scope.spawn(busy), scope.spawn(busy)];
        let files: Vec<_> = (0..5).map(|round| backup(&broker, &format!("copy-{round}"))).collect();
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            eprintln!("the slowest unwrap while copies were made took {:?}", client.join().unwrap());
        }
        files[4].clone()
    });
    let after = Wrapped::new(&broker, "after");
    let entries = audited(&broker, "backup-store");
    assert_eq!(entries.len(), 10, "an intent and an outcome each: {entries:?}");
    let digest = entries[9]["detail"].as_str().unwrap();
    assert!(digest.contains("generation") && digest.contains("SHA-256"), "{digest}");
    for canary in [SECRET, b"before", b"vault1"] {
        assert!(!fs::read(&file).unwrap().windows(canary.len()).any(|window| window == canary));
    }

    assert!(restore(&broker, &file, &[]).unwrap_err().contains("in use by another broker"));
    broker.stop();
    let config = broker.config_file();
    assert!(offline(&broker, &["store", "verify", text(&file), "--config", text(&config)]).unwrap().contains("good"));
    let refused = restore(&broker, &file, &[]).unwrap_err();
    assert!(refused.contains("--older") && refused.contains("would be lost"), "{refused}");
    broker.serve();
    after.opens(&broker);
    broker.stop();

    let told = restore(&broker, &file, &["--older"]).unwrap();
    let kept = told.lines().next().unwrap().split_once(": ").unwrap().1.to_owned();
    broker.serve();
    before.opens(&broker);
    broker.admin().get("/keys/after").with_status(404);
    let entries = audited(&broker, "restore-store");
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert!(entries[1]["detail"].as_str().unwrap().contains("a copy of generation"), "{entries:?}");
    assert!(!broker.log().contains("an old copy was put back"), "a restore is no alarm");
    broker.restart();
    assert_eq!(audited(&broker, "restore-store").len(), 2, "it is told once");

    // The store that was there before is an old copy now: whoever puts it back by hand is noticed.
    broker.stop();
    fs::copy(&kept, broker.home().join("store.db")).unwrap();
    broker.serve();
    after.opens(&broker);
    assert!(broker.log().contains("an old copy was put back"), "{}", broker.log());
}

#[test]
fn a_copy_that_was_altered_cut_or_lengthened_is_refused_and_the_store_is_as_it_was() {
    let mut broker = Setup::new().start();
    let key = Wrapped::new(&broker, "k");
    let file = backup(&broker, "copy");
    assert!(broker.refusal(&["store", "backup", text(&file)]).contains("there is a file already"));
    broker.stop();
    let whole = fs::read(&file).unwrap();
    let bent = broker.folder().join("bent");
    let check = |bytes: &[u8], what: &str| {
        fs::write(&bent, bytes).unwrap();
        let refused = restore(&broker, &bent, &["--older"]).unwrap_err();
        assert!(refused.contains("altered or cut") || refused.contains("is no backup"), "{what}: {refused}");
    };
    for at in [0, 4, 6, 12, 30, 60, 90, 130, 200, 5_000, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        check(&bytes, &format!("byte {at}"));
    }
    for length in [0, 3, 40, 100, 1_000, whole.len() - 1] {
        check(&whole[..length], &format!("cut to {length}"));
    }
    check(&[&whole[..], b"x"].concat(), "one more byte");
    check(&fs::read(broker.home().join("store.db")).unwrap(), "the store itself");
    let beside = fs::read_dir(broker.home()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(
        beside.filter(|name| name.starts_with("store.db")).all(|name| ["store.db", "store.db.lock"].contains(&&*name))
    );
    broker.serve();
    key.opens(&broker);
}

#[test]
fn a_copy_comes_up_on_a_new_machine_that_has_the_root_key_and_on_no_other() {
    let mut old = Setup::new().start();
    let key = Wrapped::new(&old, "k");
    let file = backup(&old, "copy");
    old.stop();

    let other = Setup::new().init();
    fs::remove_file(other.home().join("store.db")).unwrap();
    let refused = restore(&other, &file, &[]).unwrap_err();
    assert!(refused.contains("not vouched for by this root key"), "{refused}");
    assert!(!other.home().join("store.db").exists());

    let mut new = Setup::new().init();
    fs::remove_file(new.home().join("store.db")).unwrap();
    fs::copy(old.home().join("root.key"), new.home().join("root.key")).unwrap();
    restore(&new, &file, &[]).unwrap();
    new.serve();
    let client = new.admin();
    // The new machine has a CA of its own, but the same principals.
    let opened = client.unwrap(&key.path, "A256KW", &key.value).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), SECRET);
    assert_eq!(audited(&new, "restore-store").len(), 2);

    // A store that is damaged makes way when told to, and is kept.
    new.stop();
    fs::write(new.home().join("store.db"), b"no database at all, but still somebody's bytes").unwrap();
    assert!(restore(&new, &file, &[]).unwrap_err().contains("does not open"));
    let told = restore(&new, &file, &["--older"]).unwrap();
    let kept = told.lines().next().unwrap().split_once(": ").unwrap().1;
    assert!(fs::read(kept).unwrap().starts_with(b"no database"));
    new.serve();
    new.admin().unwrap(&key.path, "A256KW", &key.value).with_status(200);
    assert!(!new.log().contains("an old copy was put back"));
}

/// SQLite would replay it into the file that takes the lost one's place.
#[test]
fn the_log_of_a_store_whose_file_was_lost_is_kept_and_not_replayed_into_the_copy() {
    let mut broker = Setup::new().start();
    let key = Wrapped::new(&broker, "k");
    let file = backup(&broker, "copy");
    let later = Wrapped::new(&broker, "later");
    broker.kill9();
    let (store, log) = (broker.home().join("store.db"), broker.home().join("store.db-wal"));
    fs::remove_file(&store).unwrap();
    let lost = fs::read(&log).unwrap();
    assert!(!lost.is_empty(), "a broker that is killed leaves its log");

    let told = restore(&broker, &file, &["--older"]).unwrap();
    let kept = told.lines().next().unwrap().split_once(": ").unwrap().1;
    assert!(kept.ends_with("-wal"), "{told}");
    assert!(fs::read(kept).unwrap() == lost, "the log is whole");
    assert!(!log.exists());
    broker.serve();
    key.opens(&broker);
    broker.admin().get(&later.path).with_status(404);
    let listed = broker.admin().get("/keys").with_status(200).json();
    assert_eq!(listed["value"].as_array().unwrap().len(), 1, "{listed}");
}

fn rotate(broker: &Broker, more: &[&str]) -> Result<String, String> {
    let config = broker.config_file();
    offline(broker, &[&["root", "rotate", text(&config)], more].concat())
}

#[test]
fn after_a_rotation_the_former_root_key_opens_the_store_no_more_and_older_key_backups_still_open() {
    let mut broker = Setup::new().vault("vault2").start();
    let key = Wrapped::new(&broker, "k");
    let blob = broker.admin().post("/keys/k/backup", &json!({})).with_status(200).json()["value"].clone();
    assert!(rotate(&broker, &[]).unwrap_err().contains("in use by another broker"));
    broker.stop();
    let place = broker.home().join("root.key");
    let former = fs::read(&place).unwrap();
    rotate(&broker, &[]).unwrap();
    let present = fs::read(&place).unwrap();
    assert_ne!(present, former);
    fs::write(&place, &former).unwrap();
    let refused = broker.try_serve().unwrap_err();
    assert!(refused.contains("does not open with this root key"), "{refused}");
    fs::write(&place, &present).unwrap();
    broker.serve();
    key.opens(&broker);
    let entries = audited(&broker, "rotate-root");
    assert!(entries.len() == 2 && entries[1]["detail"].as_str().unwrap().contains("rotated"), "{entries:?}");
    let second = broker.admin().of_host(&format!("vault2.{}", keybroker_tests::SUFFIX));
    second.post("/keys/restore", &json!({ "value": blob })).with_status(200);
    let opened = second.unwrap("/keys/k", "A256KW", &key.value).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), SECRET);
}

#[test]
fn a_root_moves_from_a_file_to_a_passphrase_and_the_passphrase_changes() {
    let mut broker = Setup::new().start();
    let key = Wrapped::new(&broker, "k");
    broker.stop();
    let (former, file) = (broker.folder().join("former.toml"), broker.folder().join("pass"));
    let home = broker.home();
    let absolute = fs::read_to_string(broker.config_file()).unwrap();
    // Paths are relative to the configuration's folder.
    fs::write(home.join("former.toml"), absolute).unwrap();
    drop(former);
    fs::write(&file, "correct horse battery\n").unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let named = text(&file).to_owned();
    broker.edit_config(move |config| {
        let root_key = toml::Table::from_iter([("passphrase-file".to_owned(), named.into())]);
        config["store"].as_table_mut().unwrap().insert("root-key".into(), root_key.into());
    });
    rotate(&broker, &["--from", text(&home.join("former.toml"))]).unwrap();
    broker.serve();
    key.opens(&broker);
    broker.stop();
    assert!(rotate(&broker, &[]).unwrap_err().contains("--passphrase-file"));
    let next = broker.folder().join("another");
    fs::write(&next, "another phrase\n").unwrap();
    rotate(&broker, &["--passphrase-file", text(&next)]).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "another phrase\n");
    broker.serve();
    key.opens(&broker);
    broker.stop();
    fs::write(&file, "correct horse battery\n").unwrap();
    assert!(broker.try_serve().unwrap_err().contains("does not open with this passphrase"));
}

#[test]
fn a_rotation_that_is_killed_at_any_moment_leaves_a_store_that_opens() {
    const ROUNDS: u64 = 40;
    let mut broker = Setup::new().start();
    let key = Wrapped::new(&broker, "k");
    broker.stop();
    let (config, place) = (broker.config_file(), broker.home().join("root.key"));
    let began = Instant::now();
    rotate(&broker, &[]).unwrap();
    let whole = began.elapsed();
    let (mut finished, mut cut_off, mut left) = (0, 0, 0);
    for round in 0..ROUNDS {
        let before = fs::read(&place).unwrap();
        let mut child =
            broker.command(&["root", "rotate", text(&config)]).stdout(std::process::Stdio::null()).spawn().unwrap();
        // Each round a little later, over the whole length of a rotation.
        let until = Instant::now() + whole.mul_f64(1.1 * f64::from(u32::try_from(round).unwrap()) / 40.0);
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            finished += 1
        } else {
            cut_off += 1
        }
        left += u32::from(broker.home().join("root.key.next").exists());
        let checked = run(&mut broker.command(&["check", text(&config)]), WAIT_MAX);
        assert!(checked.status.success(), "round {round}: {}", String::from_utf8_lossy(&checked.stderr));
        assert!(!broker.home().join("root.key.next").exists(), "round {round}");
        let after = fs::read(&place).unwrap();
        if after != before {
            fs::write(&place, &before).unwrap();
            let refused = run(&mut broker.command(&["check", text(&config)]), WAIT_MAX);
            assert!(!refused.status.success(), "round {round}: the former root key still opens the store");
            fs::write(&place, &after).unwrap();
        }
    }
    eprintln!(
        "a rotation takes {whole:?}; {finished} finished, {cut_off} were killed, {left} of them between the two files"
    );
    assert!(cut_off > 0);
    broker.serve();
    key.opens(&broker);
}

#[test]
fn a_key_backup_opens_on_a_peer_that_began_with_the_same_root_key_and_on_no_other() {
    let first = Setup::new().start();
    let key = Wrapped::new(&first, "k");
    let blob = first.admin().post("/keys/k/backup", &json!({})).with_status(200).json()["value"].clone();
    let peer = Setup::new().init_with(&["--root-key-from", text(&first.home().join("root.key"))]);
    let stranger = Setup::new().start();
    let refused = stranger.admin().post("/keys/restore", &json!({ "value": blob })).with_status(400);
    assert!(refused.message().contains("no backup made under a root key of this broker"), "{}", refused.message());
    let mut peer = peer;
    peer.serve();
    let mut bent = unb64(&blob);
    bent[40] ^= 1;
    peer.admin().post("/keys/restore", &json!({ "value": keybroker_tests::b64(&bent) })).with_status(400);
    peer.admin().post("/keys/restore", &json!({ "value": blob })).with_status(200);
    key.opens(&peer);
    // A restored key goes on living: its next version is the peer's own.
    let rotated = peer.admin().rotate("k");
    assert_ne!(rotated, key.path);
    key.opens(&peer);
}
