//! What an operator installs, tried for real where this machine has what it takes: the systemd unit's score, what the unit cannot
//! forbid, and the container image.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use keybroker_tests::{Setup, SoftToken, WAIT_MAX, deploy_folder, eventually, guest, keybroker, python, run};

/// What `systemd-analyze security` may say of the unit at most, in tenths; deploy/README.md records the same.
const EXPOSURE_TENTHS_MAX: u32 = 14;
/// Copying images on a busy disk takes a while.
const PODMAN_MAX: Duration = Duration::from_secs(300);
/// The user of the image.
const UID: &str = "65532";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_there(tool: &str) -> bool {
    let there = Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("SKIPPED: {tool} is not installed");
    }
    there
}

#[test]
fn the_unit_stays_under_its_recorded_exposure() {
    if !is_there("systemd-analyze") {
        return;
    }
    let unit = deploy_folder().join("systemd/keybroker.service");
    let analyse = |tenths: u32| {
        let mut command = Command::new("systemd-analyze");
        command.args(["security", "--offline=true", "--no-pager"]).arg(format!("--threshold={tenths}")).arg(&unit);
        run(&mut command, WAIT_MAX)
    };
    let output = analyse(EXPOSURE_TENTHS_MAX);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    // It can fail: nothing with sockets has no exposure at all.
    assert!(!analyse(1).status.success(), "{}", text(&output.stdout));
}

/// What the unit's filter lets through: each line of it adds to the calls before it, or takes away after a `~`.
fn allowed_calls() -> BTreeSet<String> {
    let output = run(Command::new("systemd-analyze").args(["syscall-filter", "--no-pager"]), WAIT_MAX);
    let mut sets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in text(&output.stdout).lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')) {
        if line.starts_with('@') {
            line.clone_into(&mut current);
        } else {
            sets.entry(current.clone()).or_default().push(line.trim().to_owned());
        }
    }
    let unit = std::fs::read_to_string(deploy_folder().join("systemd/keybroker.service")).unwrap();
    let lines = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter="));
    let mut allowed = members(&sets, "@default");
    for line in lines {
        let taken = line.strip_prefix('~');
        for word in taken.unwrap_or(line).split_whitespace() {
            for call in members(&sets, word) {
                let _was_there = if taken.is_some() { allowed.remove(&call) } else { allowed.insert(call) };
            }
        }
    }
    allowed
}

fn members(sets: &BTreeMap<String, Vec<String>>, word: &str) -> BTreeSet<String> {
    if !word.starts_with('@') {
        return BTreeSet::from([word.to_owned()]);
    }
    let set = sets.get(word).unwrap_or_else(|| panic!("systemd knows no set {word}"));
    set.iter().flat_map(|word| members(sets, word)).collect()
}

/// A broker that starts with a plugin to compile and a token to log in to: everything but its sockets, on which it waits as any
/// service does.
#[test]
fn the_unit_allows_every_system_call_of_a_broker_with_an_hsm() {
    if !is_there("systemd-analyze") || !is_there("strace") {
        return;
    }
    let token = SoftToken::new();
    let mut place = toml::toml! {
        label = "kb"
    };
    place.insert("module".into(), SoftToken::MODULE.into());
    place.insert("pin-file".into(), token.at("pin").display().to_string().into());
    let mut environment = toml::Table::new();
    environment.insert("SOFTHSM2_CONF".into(), token.at("softhsm2.conf").display().to_string().into());
    place.insert("environment".into(), environment.into());
    let mut hsm = toml::toml! {
        type = "pkcs11"
        name = "hsm"
    };
    hsm.insert("token".into(), vec![place].into());
    let broker = Setup::new().edit(move |config| config["backend"].as_array_mut().unwrap().push(hsm.into())).init();
    let trace = token.at("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(&trace).arg(keybroker()).arg("check").arg(broker.config_file());
    let checked = run(&mut command, WAIT_MAX);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let trace = std::fs::read_to_string(trace).unwrap();
    // `PID call(arguments...`; what is resumed was begun before.
    let call = |line: &str| {
        let (name, _) = line.split_once(' ')?.1.trim_start().split_once('(')?;
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then(|| name.to_owned())
    };
    let mut made: BTreeSet<String> = trace.lines().filter_map(call).collect();
    assert!(
        made.contains("seccomp") && made.contains("mprotect"),
        "both the worker and the plugin were there: {made:?}"
    );
    // SQLite gives its files to the owner of the database, when root runs it and not otherwise.
    made.remove("fchown");
    let allowed = allowed_calls();
    let refused: Vec<_> = made.difference(&allowed).collect();
    assert!(refused.is_empty(), "the unit does not allow {refused:?}");
    assert!(!allowed.contains("ptrace") && !allowed.contains("mount"), "it does take something away");
}

/// `MemoryDenyWriteExecute=` is the one line that the unit leaves out for the broker's own sake. PR_SET_MDWE is the kernel's form
/// of it, kept over exec; systemd 252's forbids the same calls.
#[test]
fn a_plugin_needs_memory_that_becomes_executable() {
    const PR_SET_MDWE: u8 = 65;
    let broker = Setup::new().init();
    let launcher = format!(
        "import ctypes, os, sys\n\
         if ctypes.CDLL(None).prctl({PR_SET_MDWE}, 1, 0, 0, 0) != 0: sys.exit(77)\n\
         os.execv(sys.argv[1], sys.argv[1:])"
    );
    let check = |program: &Path, before: &[&str]| {
        run(Command::new(program).args(before).arg("check").arg(broker.config_file()), WAIT_MAX)
    };
    let usual = check(keybroker(), &[]);
    assert!(usual.status.success(), "{}", text(&usual.stderr));
    // Compiled by now, so this is about loading what is there as much as about compiling.
    let denied = check(&python(), &["-c", &launcher, keybroker().to_str().unwrap()]);
    if denied.status.code() == Some(77) {
        eprintln!("SKIPPED: this kernel has no PR_SET_MDWE (Linux 6.3)");
        return;
    }
    assert!(text(&denied.stderr).contains("make memory executable"), "{}", text(&denied.stderr));
}

/// Podman with a store of its own, and the words by which it runs containers on this machine.
struct Podman {
    folder: tempfile::TempDir,
    runtime: &'static [&'static str],
}

/// What runs a container depends on the machine's cgroups: crun takes one hierarchy alone, runc also the older ones.
const RUNTIMES: [&[&str]; 2] = [&[], &["--runtime", "runc", "--cgroup-manager", "cgroupfs"]];

impl Podman {
    fn of(folder: tempfile::TempDir) -> Self {
        Self { folder, runtime: RUNTIMES[0] }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new("podman");
        command.args(["--root", &self.path("store"), "--runroot", &self.path("run"), "--storage-driver", "vfs"]);
        run(command.args(self.runtime).args(words), PODMAN_MAX)
    }

    fn ask(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}\n{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    }

    /// `podman run` as deploy/README.md has it, on a network of its own, with these words after it.
    fn start(&self, options: &[&str], words: &[&str]) -> Output {
        let volumes = [
            format!("{}:/var/lib/keybroker:U", self.path("home")),
            format!("{}:/var/lib/keybroker/audit:U", self.path("audit")),
        ];
        let usual = ["run", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--network=none"];
        // This machine may not let its own limits be raised.
        let here =
            ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "-v", &volumes[0], "-v", &volumes[1]];
        self.run(&[&usual[..], &here, options, &[IMAGE], words].concat())
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _gone = self.run(&["rm", "--all", "--force", "--time", "0"]);
        let _gone = self.run(&["rmi", "--all", "--force"]);
    }
}

const IMAGE: &str = "localhost/keybroker-test";

/// Where podman cannot run any container (no runtime, cgroups that none of them takes), none, and why.
fn built() -> Option<Podman> {
    if !is_there("podman") {
        return None;
    }
    let mut podman = Podman::of(tempfile::Builder::new().prefix("keybroker-podman-").tempdir().unwrap());
    let context = podman.path("context");
    let mut script = Command::new(deploy_folder().join("container/context.sh"));
    let made = run(script.arg(keybroker()).arg(guest("software")).arg(&context), PODMAN_MAX);
    assert!(made.status.success(), "{}", text(&made.stderr));
    podman.ask(&["build", "--quiet", "--format", "docker", "--tag", IMAGE, &context]);
    for folder in ["home", "audit"] {
        std::fs::create_dir(podman.path(folder)).unwrap();
    }
    let mut why = String::new();
    for runtime in RUNTIMES {
        podman.runtime = runtime;
        let output = podman.start(&["--rm"], &["--version"]);
        if output.status.success() {
            return Some(podman);
        }
        why = text(&output.stderr);
    }
    eprintln!("SKIPPED: podman cannot run a container here: {why}");
    None
}

#[test]
fn the_image_serves_as_nobody_from_a_file_system_that_it_cannot_write() {
    let Some(podman) = built() else { return };
    let once = |words: &[&str]| {
        let output = podman.start(&["--rm"], words);
        assert!(output.status.success(), "{words:?}\n{}", text(&output.stderr));
    };
    once(&["dev-pki", "/var/lib/keybroker/pki"]);
    let plugin = "/usr/share/keybroker/software.wasm";
    once(&["init", "/var/lib/keybroker", "--plugin", plugin, "--vault", "vault1", "--pki", "/var/lib/keybroker/pki"]);
    let started = podman.start(&["--detach", "--name", "broker"], &[]);
    assert!(started.status.success(), "{}", text(&started.stderr));

    eventually("the image's own health check", || {
        let healthy = podman.run(&["healthcheck", "run", "broker"]).status.success();
        assert_eq!(
            podman.ask(&["inspect", "--format", "{{.State.Status}}", "broker"]),
            "running",
            "{}",
            podman.ask(&["logs", "broker"])
        );
        healthy.then_some(())
    });
    let exec = |words: &[&str]| podman.run(&[&["exec", "broker"], words].concat());
    let shown = exec(&["/usr/bin/keybroker", "vault", "list"]);
    assert!(shown.status.success() && text(&shown.stdout).contains("vault1"), "{}", text(&shown.stderr));
    assert!(!exec(&["/bin/sh", "-c", "true"]).status.success(), "there is no shell");

    confined(&PathBuf::from("/proc").join(podman.ask(&["inspect", "--format", "{{.State.Pid}}", "broker"])));
    podman.ask(&["stop", "--time", "60", "broker"]);
    assert_eq!(podman.ask(&["inspect", "--format", "{{.State.ExitCode}}", "broker"]), "0", "it ended in order");
    let written = std::fs::read_to_string(PathBuf::from(podman.path("audit")).join("segment-00000001.jsonl")).unwrap();
    assert!(written.contains("\"local/uid:65532\"") && written.contains("\"list-vaults\""), "{written}");
}

/// The broker's process, as the host sees it.
fn confined(process: &Path) {
    let status = std::fs::read_to_string(process.join("status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name}\n{status}")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(field("Uid"), [UID; 4].join(" "));
    assert_eq!((field("CapEff").as_str(), field("CapBnd").as_str()), ("0000000000000000", "0000000000000000"));
    assert_eq!((field("NoNewPrivs").as_str(), field("Seccomp").as_str()), ("1", "2"));
    let mounts = std::fs::read_to_string(process.join("mountinfo")).unwrap();
    let options = |place: &str| {
        let mount = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|fields| fields[4] == place);
        mount.unwrap_or_else(|| panic!("{place}\n{mounts}"))[5].split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(options("/").contains(&"ro".to_owned()), "{mounts}");
    assert!(options("/var/lib/keybroker/audit").contains(&"rw".to_owned()), "{mounts}");
}
