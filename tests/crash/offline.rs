//! What is done while no broker runs: made, sealed anew, put back; and the power fails right after it was said to be done, or
//! anywhere before.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use keybroker_tests::{Asks as _, Broker, Fault, FaultyDisk, Setup, WAIT_MAX, run, unb64};

const SECRET: &[u8] = b"thirty-two bytes of a data key..";

/// Runs a command behind a disk.
fn behind(disk: &FaultyDisk, broker: &Broker, words: &[&str]) -> Output {
    let mut command = broker.command(words);
    command.envs(disk.environment());
    run(&mut command, WAIT_MAX)
}

/// A broker that does not run, with a key and what it wrapped.
struct Kept {
    broker: Broker,
    path: String,
    value: Vec<u8>,
}

impl Kept {
    fn new() -> Self {
        let mut broker = Setup::new().start();
        let path = broker.admin().create("kept", "oct", 256);
        let value = unb64(&broker.admin().wrap(&path, "A256KW", SECRET).with_status(200).json()["value"]);
        broker.stop();
        Self { broker, path, value }
    }

    /// Serves, and has the store copied.
    fn serve_and_copy(&mut self) -> PathBuf {
        self.broker.serve();
        let copy = self.broker.folder().join("copy");
        self.broker.ask(&["store", "backup", copy.to_str().unwrap()]);
        copy
    }

    /// It comes up, and everything is there.
    fn stands(&mut self, what: &str) {
        self.broker.try_serve().unwrap_or_else(|log| panic!("{what}: {log}"));
        let opened = self.broker.admin().unwrap(&self.path, "A256KW", &self.value).with_status(200).json();
        assert_eq!(unb64(&opened["value"]), SECRET, "{what}");
        let audit = self.broker.home().join("audit").display().to_string();
        assert!(self.broker.cli(&["audit", "verify", "--dir", &audit]).status.success(), "{what}");
        self.broker.stop();
    }

    /// Strikes every call of an offline command in turn with a power cut, and tries it without any at the end.
    fn strike_each_call(&mut self, words: &[&str], step: usize) {
        let disk = FaultyDisk::under(&self.broker);
        for at in (1..).step_by(step) {
            disk.order(Fault::CutSome, at, 1, at);
            let done = behind(&disk, &self.broker, words);
            let struck = disk.struck();
            disk.heal();
            self.stands(&format!("{words:?}, cut at call {at}: {struck:?}"));
            if struck.is_empty() {
                assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
                assert!(at > 5, "{words:?} makes more calls than {at}");
                return;
            }
        }
    }
}

#[test]
fn a_root_key_that_is_being_replaced_when_the_power_fails_is_the_old_one_or_the_new_one() {
    let mut kept = Kept::new();
    let config = kept.broker.config_file();
    kept.strike_each_call(&["root", "rotate", config.to_str().unwrap()], 3);
}

#[test]
fn a_store_that_is_being_put_back_when_the_power_fails_is_the_old_one_or_the_copy() {
    let mut kept = Kept::new();
    let copy = kept.serve_and_copy();
    kept.broker.stop();
    let config = kept.broker.config_file();
    let words = ["store", "restore", copy.to_str().unwrap(), "--older", "--config", config.to_str().unwrap()];
    kept.strike_each_call(&words, 4);
}

#[test]
fn a_lost_store_is_put_back_beside_its_log_wherever_the_power_fails() {
    let mut kept = Kept::new();
    let copy = kept.serve_and_copy();
    kept.broker.admin().create("later", "oct", 256);
    kept.broker.kill9();
    let (home, config) = (kept.broker.home(), kept.broker.config_file());
    let words = ["store", "restore", copy.to_str().unwrap(), "--older", "--config", config.to_str().unwrap()];
    let log = fs::read(home.join("store.db-wal")).unwrap();
    let of_the_store = || {
        let names = fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("store.db")).collect::<Vec<_>>()
    };
    let disk = FaultyDisk::under(&kept.broker);
    for at in (1..).step_by(3) {
        of_the_store().iter().for_each(|path| fs::remove_file(path).unwrap());
        fs::write(home.join("store.db-wal"), &log).unwrap();
        disk.order(Fault::CutSome, at, 1, at);
        let done = behind(&disk, &kept.broker, &words);
        let struck = disk.struck();
        disk.heal();
        let done = if struck.is_empty() { done } else { kept.broker.cli(&words) };
        let what = format!("cut at call {at}: {struck:?}");
        assert!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
        kept.stands(&what);
        assert!(of_the_store().iter().any(|path| fs::read(path).unwrap() == log), "{what}: the log is lost");
        if struck.is_empty() {
            assert!(at > 5, "it makes more calls than {at}");
            return;
        }
    }
}

#[test]
fn what_init_said_it_made_is_there_after_a_power_cut() {
    let made = Setup::new().init();
    let beside = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::watching(made.folder(), beside.path());
    // The same folder once more, by an init whose disk loses all that was not made durable.
    let config = fs::read_to_string(made.config_file()).unwrap();
    let home = made.home();
    let plugin = made.folder().join("software.wasm");
    fs::copy(home.join("plugins/software.wasm"), &plugin).unwrap();
    fs::remove_dir_all(&home).unwrap();
    let (folder, plugin) = (home.display().to_string(), plugin.display().to_string());
    let mut init = made.command(&["init", &folder, "--plugin", &plugin, "--vault", "vault1"]);
    init.args(["--admin", keybroker_tests::ADMIN]).envs(disk.environment()).env("DISK_SHIM_CUT_AT_EXIT", "1");
    let done = run(&mut init, WAIT_MAX);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(disk.trace().iter().any(|line| line.contains("root.key")), "{:?}", disk.trace());
    let left = fs::read_to_string(home.join("keybroker.toml")).unwrap();
    assert!(left.contains("[store]"), "{left}");
    // With the ports and certificates of the one before, it serves.
    fs::write(made.config_file(), config).unwrap();
    let mut made = made;
    made.serve();
    made.admin().create("first", "oct", 256);
}
