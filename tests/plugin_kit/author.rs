//! A person who follows plugins/README.md, line by line.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keybroker_tests::{
    Asks as _, Broker, SUFFIX, Setup, componentize, eventually, guests_target, keybroker, run, tests_folder, unb64,
};
use serde_json::Value;
use toml::Table;

/// A guest is built in it, and with it Rust's standard library where nobody did that before.
const BUILD_MAX: Duration = Duration::from_secs(600);
const SECRET: [u8; 32] = [0x5E; 32];

/// The page, and the folder in which it is followed.
struct Author<'a> {
    readme: String,
    /// What the page's shell blocks hold, a command each.
    commands: Vec<String>,
    followed: RefCell<BTreeSet<String>>,
    folder: &'a Path,
}

/// Lines that end in a backslash are one with the next.
fn commands_of(readme: &str) -> Vec<String> {
    let blocks = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let joined = blocks.map(|block| block.replace("\\\n", " "));
    joined.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

impl<'a> Author<'a> {
    /// Runs the one line of the page's commands that begins so; what it prints.
    #[track_caller]
    fn follows(&self, begins: &str) -> String {
        self.follows_beside(None, begins)
    }

    /// The same, where a broker runs that the command is to reach: by its admin socket, and where the page has a host of its own.
    #[track_caller]
    fn follows_beside(&self, broker: Option<&Broker>, begins: &str) -> String {
        let mut lines = self.commands.iter().filter(|line| line.starts_with(begins));
        let line = lines.next().unwrap_or_else(|| panic!("the README says nothing of {begins:?}"));
        self.followed.borrow_mut().insert(line.clone());
        let path = std::env::join_paths(
            std::iter::once(keybroker().parent().unwrap().to_owned())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let mut command = Command::new("bash");
        command.args(["-c", line]).current_dir(self.folder).env("PATH", path.unwrap());
        // What is built already need not be built again; without these it is.
        command.env("CARGO_TARGET_DIR", self.folder.join("target")).env("COMPONENTIZE", componentize());
        if let Some(broker) = broker {
            command.env("KEYBROKER_SOCKET", broker.socket()).env("CURL_HOME", self.folder);
            // The port that the page names is another's on this machine.
            let curl = format!(
                "silent\nshow-error\nfail-with-body\nconnect-to = \"::127.0.0.1:{}\"\n",
                broker.keyvault().port()
            );
            fs::write(self.folder.join(".curlrc"), curl).unwrap();
        }
        let done = run(&mut command, BUILD_MAX);
        assert!(
            done.status.success(),
            "{line}:\n{}\n{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8(done.stdout).unwrap()
    }

    /// Every command of the page was run.
    fn has_followed_all(&self) {
        let followed = self.followed.borrow();
        let missed: Vec<_> = self.commands.iter().filter(|command| !followed.contains(*command)).collect();
        assert!(missed.is_empty(), "nobody followed {missed:#?}");
    }

    /// The page's configuration, with what it leaves open filled in.
    fn configuration(&self, public_key: &str, sha256: &str) -> Table {
        let begin = self.readme.find("[plugins]\n").unwrap();
        let text = self.readme[begin..].split("```").next().unwrap();
        let text = text.replace("trusted-keys = [\"...\"]", &format!("trusted-keys = [{public_key:?}]"));
        text.replace("sha256 = \"...\"", &format!("sha256 = {sha256:?}")).parse().unwrap()
    }

    /// With a copy of what guests are built from, as nobody else may build a crate of this name into it meanwhile.
    fn new(folder: &'a Path) -> Self {
        if guests_target().exists() {
            let copied = Command::new("cp").arg("-a").arg(guests_target()).arg(folder.join("target")).status().unwrap();
            assert!(copied.success());
        }
        let readme = fs::read_to_string(tests_folder().join("../plugins/README.md")).unwrap();
        Self { commands: commands_of(&readme), readme, followed: RefCell::default(), folder }
    }

    fn sha256(&self) -> String {
        let file = self.folder.join("my-backend/my-backend.wasm");
        let words = ["inspect", file.to_str().unwrap(), "--json"];
        let seen: Value = serde_json::from_str(&crate::stdout(&crate::plugin(self.folder, &words))).unwrap();
        seen["sha256"].as_str().unwrap().to_owned()
    }

    /// Puts the component and its signature where the configuration says.
    fn delivers(&self, broker: &Broker) {
        for name in ["my-backend.wasm", "my-backend.wasm.sig"] {
            fs::copy(self.folder.join("my-backend").join(name), broker.home().join(name)).unwrap();
        }
    }
}

fn set_digest(broker: &Broker, sha256: Option<&str>) {
    broker.edit_config(|config| {
        let ours = config["backend"].as_array_mut().unwrap().last_mut().unwrap().as_table_mut().unwrap();
        match sha256 {
            Some(sha256) => ours.insert("sha256".into(), sha256.into()),
            None => ours.remove("sha256"),
        };
    });
}

fn loads(broker: &Broker, outcome: &str) -> u64 {
    let labels = [("backend", "my-backend"), ("outcome", outcome)];
    broker.metrics().sum("keybroker_plugin_loads_total", &labels) as u64
}

/// Wraps and unwraps until it is told to stop; how often it did.
fn keeps_asking(broker: &Broker, key: &str, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    let client = broker.admin().of_host(&format!("my-vault.{SUFFIX}"));
    let (stop, key) = (Arc::clone(stop), key.to_owned());
    std::thread::spawn(move || {
        let mut done = 0;
        while !stop.load(Ordering::Relaxed) {
            let wrapped = unb64(&client.wrap(&key, "A256KW", &SECRET).with_status(200).json()["value"]);
            let opened = client.unwrap(&key, "A256KW", &wrapped).with_status(200).json();
            assert_eq!(unb64(&opened["value"]), SECRET);
            done += 1;
        }
        done
    })
}

#[test]
fn a_plugin_is_begun_built_tried_signed_loaded_called_and_loaded_again() {
    let mut broker = Setup::new().init();
    let folder = broker.folder().to_owned();
    let author = Author::new(&folder);
    author.follows("keybroker plugin new ");
    author.follows("./my-backend/build.sh");
    let lines = fs::read_to_string(folder.join("my-backend/src/lib.rs")).unwrap().lines().count();
    assert!(lines < 60, "a minimal backend has {lines} lines");
    let tried = author.follows("keybroker plugin test ");
    assert!(tried.contains("32 passed, 0 failed, 0 not asked"), "{tried}");
    let seen = author.follows("keybroker plugin inspect ");
    assert!(seen.contains("grants = [\"crypto\"]"), "{seen}");
    let public_key = author.follows("keybroker plugin keygen ").trim_end().to_owned();
    author.follows("keybroker plugin sign ");

    let told = crate::plugin(&folder, &["sign", "broker/plugins/software.wasm", "--key", "plugin.key"]);
    crate::stdout(&told);
    author.delivers(&broker);
    let first = author.sha256();
    let mut written = author.configuration(&public_key, &first);
    broker.edit_config(|config| {
        config.insert("plugins".into(), written.remove("plugins").unwrap());
        let ours = written.remove("backend").unwrap().as_array().unwrap()[0].clone();
        config["backend"].as_array_mut().unwrap().push(ours);
    });
    broker.serve();
    author.follows_beside(Some(&broker), "keybroker vault create ");
    broker.identity("admin").write(&folder, "client");
    fs::copy(broker.pki().join("ca.pem"), folder.join("ca.pem")).unwrap();
    let called: Value = serde_json::from_str(&author.follows_beside(Some(&broker), "curl ")).unwrap();
    assert_eq!(called["key"]["kty"], "oct", "{called}");
    let client = broker.admin().of_host(&format!("my-vault.{SUFFIX}"));
    let key = format!("/keys/k/{}", called["key"]["kid"].as_str().unwrap().rsplit('/').next().unwrap());
    let of_first = unb64(&client.wrap(&key, "A256KW", &SECRET).with_status(200).json()["value"]);

    // The second version, while requests are served.
    let manifest = folder.join("my-backend/Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap().replacen("version = \"0.1.0\"", "version = \"0.2.0\"", 1);
    fs::write(&manifest, text).unwrap();
    author.follows("./my-backend/build.sh");
    author.follows("keybroker plugin sign ");
    let second = author.sha256();
    assert_ne!(first, second);
    let stop = Arc::new(AtomicBool::new(false));
    let asking = keeps_asking(&broker, &key, &stop);
    author.delivers(&broker);
    set_digest(&broker, Some(&second));
    let loaded = author.follows_beside(Some(&broker), "keybroker plugin reload ");
    assert_eq!(loaded.trim_end(), format!("loaded: my-backend 0.2.0 sha256 {second}"));
    author.has_followed_all();
    stop.store(true, Ordering::Relaxed);
    assert!(asking.join().unwrap() > 0, "nothing was asked meanwhile");
    let opened = client.unwrap(&key, "A256KW", &of_first).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), SECRET);
    assert_eq!(loads(&broker, "ok"), 2);

    what_was_touched_is_refused(&author, &broker, &second);
    let still = client.unwrap(&key, "A256KW", &of_first).with_status(200).json();
    assert_eq!(unb64(&still["value"]), SECRET, "the old one serves");

    // And back again, on SIGHUP alone.
    author.delivers(&broker);
    set_digest(&broker, Some(&second));
    broker.reload();
    eventually("the load after SIGHUP", || (loads(&broker, "ok") == 3).then_some(()));
    let told = |entry: &&Value| entry["operation"] == "load-backend" && entry.to_string().contains("my-backend");
    let audit = broker.audit();
    let of_failures = audit.iter().filter(told).filter(|entry| entry.to_string().contains("conflict")).count();
    assert_eq!(of_failures, 3, "{:#?}", audit.iter().filter(told).collect::<Vec<_>>());
}

fn what_was_touched_is_refused(author: &Author<'_>, broker: &Broker, digest: &str) {
    let (file, signature) = (broker.home().join("my-backend.wasm"), broker.home().join("my-backend.wasm.sig"));
    let mut touched = fs::read(&file).unwrap();
    *touched.last_mut().unwrap() ^= 1;
    fs::write(&file, touched).unwrap();
    let refused = |outcome: &str, expected: &str| {
        let told = broker.refusal(&["plugin", "reload", "my-backend"]);
        assert!(told.contains(expected), "{told}");
        assert_eq!(loads(broker, outcome), 1, "{outcome}");
    };
    refused("wrong-digest", digest);
    set_digest(broker, None);
    refused("bad-signature", "or one of the two was changed");
    fs::copy(author.folder.join("my-backend/my-backend.wasm"), &file).unwrap();
    fs::remove_file(signature).unwrap();
    refused("not-vouched", "is not signed, but the configuration requires a signature");
}

/// Every refusal of its cryptography is told as its own mistake.
const WRONG: &str = "
    fn unwrap_key(
        material: &[u8],
        algorithm: WrapAlgorithm,
        value: &[u8],
        extras: &keybroker_sdk::types::WrapExtras,
        _context: &KeyContext,
    ) -> Result<keybroker_sdk::crypto::Secret, Error> {
        handles::unwrap_key(material, algorithm, value, extras).map_err(|_| Error::Internal)
    }
}

keybroker_sdk::export!";

#[test]
fn a_backend_that_answers_wrongly_is_told_so_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let author = Author::new(folder.path());
    author.follows("keybroker plugin new ");
    let source = folder.path().join("my-backend/src/lib.rs");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("}\n\nkeybroker_sdk::export!", WRONG)).unwrap();
    author.follows("./my-backend/build.sh");
    let output = crate::plugin(folder.path(), &["test", "my-backend/my-backend.wasm", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = report["rows"].as_array().unwrap();
    let failed: Vec<_> = rows.iter().filter(|row| row["answer"] == "failed").collect();
    // Another key, a changed value, noise: of each of its five ways to wrap, and of nothing else.
    assert_eq!((failed.len(), &report["failed"]), (15, &Value::from(15)), "{report:#}");
    let told =
        failed.iter().filter(|row| row["told"].as_str().unwrap().contains("must be `unwrappable`, but is backend"));
    assert_eq!(told.count(), 10, "{report:#}");
}
