//! Where the things are that a test runs: the binary, the guests, the other people's clients.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The binary under test: `KEYBROKER_BIN`, or what cargo builds now, once a process.
///
/// # Panics
/// It does not build.
pub fn keybroker() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let build = || built(&["-p", "broker-server", "--bin", "keybroker"], |made| made["executable"].as_str());
        std::env::var_os("KEYBROKER_BIN").map_or_else(build, PathBuf::from)
    })
}

/// The library that breaks a process's disk: `KEYBROKER_DISK_SHIM`, or what cargo builds now, once a process.
///
/// # Panics
/// It does not build.
pub fn disk_shim() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let build = || built(&["-p", "disk-shim", "--lib"], library_of);
        std::env::var_os("KEYBROKER_DISK_SHIM").map_or_else(build, PathBuf::from)
    })
}

fn library_of(made: &serde_json::Value) -> Option<&str> {
    made["filenames"].as_array()?.iter().find_map(|name| name.as_str().filter(|name| name.ends_with(".so")))
}

/// Builds what these words say; the last artefact that `find` knows is the one.
fn built(words: &[&str], find: impl Fn(&serde_json::Value) -> Option<&str>) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([&["build", "--message-format=json"], words].concat())
        .current_dir(tests_folder())
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{words:?} does not build:\n{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).unwrap();
    let mut made = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let found = made.by_ref().filter_map(|made| find(&made).map(PathBuf::from)).last();
    found.expect("cargo names what it built")
}

/// A component that `./dev guests` built, in `KEYBROKER_GUESTS` or the cache.
///
/// # Panics
/// It is not there.
pub fn guest(name: &str) -> PathBuf {
    let folder = from_environment("KEYBROKER_GUESTS", "guests");
    there(folder.join(format!("{name}.wasm")), "./dev guests")
}

/// Makes a component of a core module; `./dev guests` builds it: `KEYBROKER_COMPONENTIZE`, or the cache's.
///
/// # Panics
/// It is not there.
pub fn componentize() -> PathBuf {
    there(from_environment("KEYBROKER_COMPONENTIZE", "componentize-target/debug/componentize"), "./dev guests")
}

/// Where guests are built, so that Rust's standard library need not be built again: `KEYBROKER_GUESTS_TARGET`, or the
/// cache's.
#[must_use]
pub fn guests_target() -> PathBuf {
    from_environment("KEYBROKER_GUESTS_TARGET", "guests-target")
}

/// A fuzz target, with its counters: in `KEYBROKER_FUZZ`, or the cache.
///
/// # Panics
/// It is not there.
pub(crate) fn fuzz_target(name: &str) -> PathBuf {
    there(from_environment("KEYBROKER_FUZZ", "fuzz-target/release").join(name), "./dev fuzz --seconds 1")
}

/// The interpreter that has the Python SDKs: `KEYBROKER_PYTHON`, or the cache's.
///
/// # Panics
/// It is not there.
pub fn python() -> PathBuf {
    there(from_environment("KEYBROKER_PYTHON", "python/bin/python"), "./dev setup")
}

/// What the authors of `azure-keyvault-keys` ship with its source: `samples/` and `README.md`, untouched.
///
/// # Panics
/// It is not there.
pub fn python_samples() -> PathBuf {
    let environment = python().parent().and_then(Path::parent).map(Path::to_owned).expect("bin/python in a folder");
    there(environment.join("samples"), "./dev setup")
}

/// The command that asks what an OpenAPI description allows and much that it does not: `KEYBROKER_SCHEMATHESIS`, or the
/// cache's.
///
/// # Panics
/// It is not there.
pub fn schemathesis() -> PathBuf {
    there(from_environment("KEYBROKER_SCHEMATHESIS", "schemathesis/bin/schemathesis"), "./dev setup")
}

/// Node.js: `KEYBROKER_NODE`, or the one in PATH.
pub fn node() -> PathBuf {
    std::env::var_os("KEYBROKER_NODE").map_or_else(|| "node".into(), PathBuf::from)
}

/// `prometheus` or `promtool`, as Debian builds them: in `KEYBROKER_PROMETHEUS`, or the cache.
///
/// # Panics
/// It is not there.
pub(crate) fn prometheus(tool: &str) -> PathBuf {
    there(from_environment("KEYBROKER_PROMETHEUS", "prometheus/usr/bin").join(tool), "./dev setup")
}

/// The folder `deploy/` of the clone.
#[must_use]
pub fn deploy_folder() -> PathBuf {
    tests_folder().join("../deploy")
}

/// The folder `tests/` of the clone.
pub fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn from_environment(variable: &str, in_cache: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| cache().join(in_cache), PathBuf::from)
}

fn cache() -> PathBuf {
    let of_home = || Path::new(&std::env::var_os("HOME").expect("there is a home folder")).join(".cache/keybroker");
    std::env::var_os("KEYBROKER_CACHE").map_or_else(of_home, PathBuf::from)
}

fn there(path: PathBuf, made_by: &str) -> PathBuf {
    assert!(path.exists(), "{} is not there; `{made_by}` makes it", path.display());
    path
}
