//! Which room may see what: the table of arrows between our crates and of everything else they lean on, compared with what
//! cargo says. A new arrow or dependency is a new row with its reason, read by someone else.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// Each crate, what it may depend on, and why.
const DOORS: &[(&str, &[(&str, &str)])] = &[
    (
        "broker-audit",
        &[
            ("base64", "signed notes (C2SP) carry signatures and hashes so"),
            ("broker-core", "the entry, and the port it implements"),
            ("broker-crypto", "chains and signs entries"),
            ("flate2", "closed segments are compressed"),
            ("rustix", "fdatasync, locks, the packing thread's nice value"),
            ("rustls", "copies by syslog over TLS"),
            ("serde", "one line is one JSON object"),
            ("serde_json", "one line is one JSON object"),
            ("thiserror", "errors"),
            ("time", "RFC 3339"),
            ("tokio", "requests wait for the writer's thread"),
            ("tracing", "the log"),
        ],
    ),
    (
        "broker-backend-pkcs11",
        &[
            ("broker-core", "the port it implements"),
            ("broker-crypto", "the public half's work, digests for OAEP"),
            ("cryptoki", "loads the vendor's module, in the worker alone"),
            ("libc", "the numbers of the system calls that a worker must not make"),
            ("rustix", "locks, limits and privileges of the worker"),
            ("seccompiler", "the worker starts no program and looks into no process"),
            ("signal-hook", "the worker outlives signals that ask"),
            ("subtle", "OAEP is decoded in constant time"),
            ("thiserror", "errors"),
            ("tokio", "calls wait for the worker's answers"),
            ("tracing", "the log"),
            ("zeroize", "frames and PINs are wiped"),
        ],
    ),
    (
        "broker-backend-wasm",
        &[
            ("broker-core", "the port it implements"),
            ("broker-crypto", "guests compute through it, on handles"),
            ("quick_cache", "opened key material, bounded"),
            ("rustix", "the rank of the thread that interrupts guests"),
            ("thiserror", "errors"),
            ("tokio", "the limit of calls under way"),
            ("tracing", "the log"),
            ("wasmtime", "the locked room"),
        ],
    ),
    (
        "broker-core",
        &[
            ("arc-swap", "the ruling in force is swapped whole"),
            ("async-lock", "one change of a key at a time, without a runtime"),
            ("event-listener", "a revocation waits for older requests, without a runtime"),
            ("thiserror", "errors"),
            ("tracing", "the log"),
            ("zeroize", "secrets are wiped"),
        ],
    ),
    (
        "broker-crypto",
        &[
            ("argon2", "a passphrase becomes a root key"),
            ("vsss-rs", "a root key is split into shares (Shamir)"),
            ("rand_core", "the shape in which vsss-rs asks for chance"),
            ("aws-lc-rs", "the cryptographic library, here alone"),
            ("broker-core", "Secret and the algorithms' names"),
            ("thiserror", "errors"),
            ("zeroize", "secrets are wiped"),
        ],
    ),
    (
        "broker-front-ekm",
        &[
            ("base64", "binary values on the wire"),
            ("broker-core", "the verbs it calls"),
            ("bytes", "bodies"),
            ("http", "a request in, a response out"),
            ("percent-encoding", "query names"),
            ("serde", "bodies"),
            ("serde_json", "bodies"),
        ],
    ),
    (
        "broker-front-keyvault",
        &[
            ("base64", "binary values on the wire"),
            ("broker-core", "the verbs it calls"),
            ("bytes", "bodies"),
            ("http", "a request in, a response out"),
            ("percent-encoding", "query names; the JavaScript SDK escapes them"),
            ("serde", "bodies"),
            ("serde_json", "bodies"),
        ],
    ),
    (
        "broker-front-kmip",
        &[
            ("broker-core", "the verbs it calls"),
            ("thiserror", "errors"),
            ("zeroize", "messages hold keys, and are wiped"),
        ],
    ),
    (
        "broker-identity",
        &[
            ("arc-swap", "trust is swapped whole while connections run"),
            ("broker-core", "Principal and its parts"),
            ("rustls", "its verifier and resolver interfaces"),
            ("rustls-webpki", "path building, RFC 5280"),
            ("thiserror", "errors"),
            ("tracing", "the log"),
            ("x509-parser", "names, and what webpki leaves out"),
            ("zeroize", "the bytes of the server's key are wiped"),
        ],
    ),
    (
        "broker-server",
        &[
            ("anyhow", "start-up errors, here alone"),
            ("base64", "the client's values on the wire"),
            ("broker-audit", "it builds the rooms"),
            ("broker-backend-pkcs11", "it builds the rooms"),
            ("broker-backend-wasm", "it builds the rooms"),
            ("broker-core", "it builds the rooms"),
            ("broker-crypto", "random ids, digests of plugins"),
            ("broker-front-ekm", "it builds the rooms"),
            ("broker-front-keyvault", "it builds the rooms"),
            ("broker-front-kmip", "it builds the rooms"),
            ("broker-identity", "it builds the rooms"),
            ("broker-store-sqlite", "it builds the rooms"),
            ("bytes", "bodies"),
            ("clap", "the commands"),
            ("clap_complete", "their completions"),
            ("hsm-test", "the command of that name"),
            ("http", "requests and responses"),
            ("http-body-util", "bodies with a limit"),
            ("hyper", "HTTP/1.1: fronts serve it, client and sidecar ask"),
            ("hyper-util", "hyper on tokio"),
            ("indicatif", "long commands show how far they are"),
            ("prometheus", "the metrics"),
            ("rcgen", "dev-pki makes certificates"),
            ("rustix", "uid and modes"),
            ("rustls", "TLS"),
            ("rustls-pki-types", "PEM, certificates"),
            ("serde", "the configuration and the admin socket"),
            ("serde_json", "the admin socket, --json"),
            ("socket2", "a backlog and SO_REUSEADDR"),
            ("thiserror", "an error type hyper carries"),
            ("time", "dev-pki's dates"),
            ("tokio", "sockets, signals, tasks"),
            ("tokio-rustls", "TLS on tokio"),
            ("toml", "the configuration"),
            ("tracing", "the log"),
            ("tracing-subscriber", "the log, written"),
            ("zeroize", "passphrases and keys read from files are wiped"),
            ("zeroizing-alloc", "freed memory is wiped, whoever held it"),
        ],
    ),
    (
        "broker-store-sqlite",
        &[
            ("broker-core", "the port it implements"),
            ("broker-crypto", "seals every record"),
            ("postcard", "records as bytes"),
            ("quick_cache", "hot records in memory, bounded"),
            ("rusqlite", "SQLite, here alone"),
            ("serde", "records as bytes"),
            ("thiserror", "errors"),
            ("tokio", "requests wait for the writer's thread"),
            ("tracing", "the log"),
            ("zeroize", "the root key's text is wiped"),
        ],
    ),
    (
        "broker-testkit",
        &[
            ("broker-core", "its ports, faked"),
            ("broker-crypto", "what managed objects are sealed and used with, which is not faked"),
            ("event-listener", "gates that hold a fake until the test lets go"),
            ("num-bigint", "textbook RSA, for ciphertexts whose padding is wrong in a chosen way"),
            ("rustix", "the time that a thread had of the processor"),
        ],
    ),
    ("disk-shim", &[("libc", "the functions it stands in for, and the system calls past them")]),
    (
        "hsm-test",
        &[
            ("broker-core", "the algorithms' names"),
            ("broker-crypto", "the second opinion on what a token answers"),
            ("cryptoki", "loads the module that is asked, in the child alone"),
            ("rustix", "the limit that kills a child at a write"),
            ("serde", "orders and reports are JSON"),
            ("serde_json", "orders and reports are JSON"),
            ("tempfile", "fresh tokens and their copies"),
        ],
    ),
    (
        "hsm-test-shim",
        &[("cryptoki-sys", "the C types, and the module it hands calls to"), ("rustix", "the control file's lock")],
    ),
    (
        "keybroker-tests",
        &[
            ("base64", "binary values on the wire"),
            ("broker-audit", "the log that the benchmark measures alone"),
            ("broker-backend-pkcs11", "the worker's path that the benchmark measures alone"),
            ("broker-backend-wasm", "the sandbox that the benchmark measures alone"),
            ("broker-core", "the lists of operations and permissions, so that none goes untested"),
            ("broker-crypto", "the bare operation that the benchmark compares with, and chance"),
            ("broker-front-kmip", "the codec, so that cases become bytes, and the list of operations"),
            ("broker-store-sqlite", "the benchmark fills a store with a million keys"),
            ("hsm-test", "the bare loop that the benchmark compares with"),
            ("rcgen", "every certificate is made in the test"),
            ("roxmltree", "the OASIS cases are XML"),
            ("rustix", "signals to the broker it started"),
            ("rustls", "a client that can misbehave"),
            ("serde_json", "bodies, audit lines, what commands print"),
            ("tempfile", "each broker has a folder of its own"),
            ("time", "certificates' dates"),
            ("tokio", "the store answers later, and so does the worker"),
            ("toml", "changes of the configuration"),
            ("zeroize", "the codec's values are wiped"),
        ],
    ),
];

/// Our crates that another may see in its tests alone, and why.
const IN_TESTS: &[(&str, &str, &str)] = &[
    (
        "broker-backend-pkcs11",
        "broker-testkit",
        "blocks that are wrong in a chosen way, and whether time tells them apart",
    ),
    ("broker-backend-pkcs11", "hsm-test-shim", "a module that fails as it is told"),
    ("broker-core", "broker-testkit", "fakes that can fail"),
    (
        "broker-crypto",
        "broker-testkit",
        "ciphertexts that are wrong in a chosen way, and whether time tells them apart",
    ),
    ("broker-front-ekm", "broker-testkit", "a broker without sockets or disk"),
    ("broker-front-keyvault", "broker-testkit", "a broker without sockets or disk"),
    ("broker-front-kmip", "broker-crypto", "digests, to hold against what the front says of keys"),
    ("broker-front-kmip", "broker-testkit", "a broker without sockets or disk"),
    ("broker-server", "broker-testkit", "the scheduler on a clock that a test sets"),
    ("broker-store-sqlite", "broker-testkit", "the questions that every store must answer"),
    ("keybroker-tests", "broker-front-keyvault", "the list of routes, so that none goes untested"),
    ("keybroker-tests", "broker-store-sqlite", "fills a broker's store with more objects than a test can ask for"),
    (
        "keybroker-tests",
        "broker-testkit",
        "runs what a store answers later, and makes values that are wrong in a chosen way",
    ),
    ("keybroker-tests", "hsm-test-shim", "a module that fails as it is told"),
];

/// Who may name what is heavy or dangerous.
const KEPT_APART: &[(&str, &[&str])] = &[
    ("aws-lc-rs", &["broker-crypto"]),
    ("cryptoki", &["broker-backend-pkcs11", "hsm-test"]),
    ("cryptoki-sys", &["hsm-test-shim"]),
    ("hyper", &["broker-server"]),
    ("rusqlite", &["broker-store-sqlite"]),
    ("wasmtime", &["broker-backend-wasm"]),
];

/// What core must not reach, by any path.
const NOT_IN_CORE: &[&str] = &[
    "aws-lc-rs",
    "cryptoki",
    "http",
    "hyper",
    "rusqlite",
    "rustix",
    "rustls",
    "serde",
    "serde_core",
    "serde_json",
    "socket2",
    "tokio",
    "wasmtime",
];

/// What a room must not reach, by any path: another room's dangers.
const NEVER_TOGETHER: &[(&str, &[&str])] = &[
    ("broker-backend-pkcs11", &["wasmtime", "broker-backend-wasm", "rusqlite"]),
    ("broker-backend-wasm", &["cryptoki", "broker-backend-pkcs11", "rusqlite", "hyper", "rustls"]),
    ("broker-front-ekm", &["tokio", "hyper", "rustls", "wasmtime", "rusqlite", "aws-lc-rs"]),
    ("broker-front-kmip", &["tokio", "hyper", "rustls", "wasmtime", "rusqlite", "aws-lc-rs"]),
    ("broker-front-keyvault", &["tokio", "hyper", "rustls", "wasmtime", "rusqlite", "aws-lc-rs"]),
    ("broker-store-sqlite", &["wasmtime", "rustls", "hyper"]),
];

struct House {
    metadata: Metadata,
    /// Every crate and those it links when it is built as a dependency (build scripts' own needs left out).
    links: HashMap<PackageId, Vec<PackageId>>,
}

impl House {
    fn read() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let mut command = MetadataCommand::new();
        // Without the filter cargo wants the sources of crates for systems that this one is not.
        command.manifest_path(manifest).other_options(["--offline", "--filter-platform", HOST].map(str::to_owned));
        let metadata = command.exec().unwrap();
        let linked = |node: &cargo_metadata::Node| {
            let normal = |dependency: &&cargo_metadata::NodeDep| {
                dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
            };
            node.deps.iter().filter(normal).map(|dependency| dependency.pkg.clone()).collect()
        };
        let nodes = &metadata.resolve.as_ref().unwrap().nodes;
        let links = nodes.iter().map(|node| (node.id.clone(), linked(node))).collect();
        Self { metadata, links }
    }

    fn ours(&self) -> Vec<&Package> {
        self.metadata.workspace_packages()
    }

    fn is_ours(&self, name: &str) -> bool {
        self.ours().iter().any(|package| package.name.as_str() == name)
    }

    /// The names of all crates that end up in a build of this one.
    fn reach(&self, name: &str) -> BTreeSet<&str> {
        let Some(start) = self.ours().into_iter().find(|package| package.name.as_str() == name) else {
            return BTreeSet::new();
        };
        let (mut found, mut next) = (BTreeSet::new(), vec![&start.id]);
        while let Some(id) = next.pop() {
            for linked in &self.links[id] {
                if found.insert(linked) {
                    next.push(linked);
                }
            }
        }
        found.iter().map(|id| self.metadata[id].name.as_str()).collect()
    }
}

/// Dependencies are the same on every system we build for; this is the one whose sources cargo has.
const HOST: &str = if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

fn names(package: &Package, kind: DependencyKind) -> BTreeSet<&str> {
    package.dependencies.iter().filter(|one| one.kind == kind).map(|one| one.name.as_str()).collect()
}

#[test]
fn every_dependency_is_in_the_table_with_a_reason_and_nothing_else_is() {
    let house = House::read();
    let table: BTreeMap<_, _> = DOORS.iter().copied().collect();
    assert_eq!(table.len(), DOORS.len(), "a crate is in the table twice");
    let known: BTreeSet<_> = house.ours().iter().map(|package| package.name.as_str()).collect();
    assert_eq!(table.keys().copied().collect::<BTreeSet<_>>(), known, "the table's crates are the workspace's");
    for package in house.ours() {
        let rows = table[package.name.as_str()];
        let allowed: BTreeSet<_> = rows.iter().map(|(name, _)| *name).collect();
        assert!(rows.iter().all(|(_, why)| !why.is_empty()), "{}: a row without its reason", package.name);
        assert_eq!(allowed.len(), rows.len(), "{}: a row stands twice", package.name);
        assert_eq!(names(package, DependencyKind::Normal), allowed, "{} and its rows in tests/doors.rs", package.name);
        assert!(
            names(package, DependencyKind::Build).is_empty(),
            "{}: no crate of ours has a build script",
            package.name
        );
    }
}

#[test]
fn the_arrows_that_tests_add_are_in_the_table_too() {
    let house = House::read();
    let mut found = Vec::new();
    for package in house.ours() {
        let of_ours = names(package, DependencyKind::Development).into_iter().filter(|name| house.is_ours(name));
        found.extend(of_ours.map(|name| (package.name.as_str(), name)));
    }
    found.sort_unstable();
    let allowed: Vec<_> = IN_TESTS.iter().map(|(from, to, _)| (*from, *to)).collect();
    assert_eq!(found, allowed);
    assert!(IN_TESTS.iter().all(|(_, _, why)| !why.is_empty()));
}

#[test]
fn nothing_depends_on_the_server_and_on_the_testkit_only_tests_do() {
    let house = House::read();
    for package in house.ours() {
        let normal = names(package, DependencyKind::Normal);
        assert!(!normal.contains("broker-testkit"), "{}", package.name);
        let everything: BTreeSet<_> = package.dependencies.iter().map(|one| one.name.as_str()).collect();
        assert!(!everything.contains("broker-server"), "{}", package.name);
        assert!(!everything.contains("keybroker-tests"), "{}", package.name);
    }
}

#[test]
fn core_reaches_no_runtime_no_wire_no_disk_and_no_cryptography() {
    let house = House::read();
    let reach = house.reach("broker-core");
    assert!(reach.contains("event-listener"), "the walk works");
    let wrong: Vec<_> = NOT_IN_CORE.iter().filter(|name| reach.contains(**name)).collect();
    assert!(wrong.is_empty(), "broker-core reaches {wrong:?}");
}

#[test]
fn what_is_heavy_or_dangerous_is_named_by_one_room() {
    let house = House::read();
    for (dangerous, rooms) in KEPT_APART {
        for package in house.ours() {
            let direct = names(package, DependencyKind::Normal).contains(dangerous);
            let allowed = rooms.contains(&package.name.as_str());
            assert!(!direct || allowed, "{} names {dangerous}", package.name);
        }
    }
    for (room, never) in NEVER_TOGETHER {
        let reach = house.reach(room);
        let wrong: Vec<_> = never.iter().filter(|name| reach.contains(**name)).collect();
        assert!(wrong.is_empty(), "{room} reaches {wrong:?}");
    }
    // The walk finds what is there.
    assert!(house.reach("broker-backend-wasm").contains("aws-lc-rs"));
    assert!(house.reach("broker-server").contains("rusqlite"));
}

#[test]
fn no_crate_declares_what_it_does_not_use() {
    let house = House::read();
    for package in house.ours() {
        let mut sources = String::new();
        for target in package.targets.iter().filter(|target| target.is_lib() || target.is_bin() || target.is_cdylib()) {
            read_sources(target.src_path.parent().unwrap().as_std_path(), &mut sources);
        }
        for name in names(package, DependencyKind::Normal) {
            let known_as = if name == "rustls-webpki" { "webpki".to_owned() } else { name.replace('-', "_") };
            let named = [format!("{known_as}::"), format!("use {known_as} as ")];
            assert!(
                named.iter().any(|form| sources.contains(form)),
                "{} declares {name} and never names it",
                package.name
            );
        }
    }
}

fn read_sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}
