//! `keybroker client`: what people and scripts do with keys, over the same API and certificates as any other client.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use keybroker_tests::{Asks as _, Authority, Broker, Leaf, SUFFIX, Setup, WAIT_MAX, eventually, finished, run, unb64};
use serde_json::{Value, json};

/// A broker and a person who uses it from a shell.
struct Desk {
    broker: Broker,
    name: &'static str,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { broker: Setup::new().start(), name: "admin" };
        desk.show_certificate_of("admin");
        desk
    }

    fn show_certificate_of(&self, name: &str) {
        self.broker.identity(name).write(&self.broker.pki(), name);
    }

    /// The same desk, with someone else at it.
    fn now(&mut self, name: &'static str) {
        self.show_certificate_of(name);
        self.name = name;
    }

    fn file(&self, name: &str) -> PathBuf {
        self.broker.folder().join(name)
    }

    fn written(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.file(name), bytes).unwrap();
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }

    fn command(&self, words: &[&str]) -> Command {
        let (pki, address) = (self.broker.pki(), self.broker.keyvault());
        let mut command = self.broker.command(&[&["client"], words].concat());
        command.env("KEYBROKER_URL", self.broker.vault_url("vault1")).env("KEYBROKER_CONNECT", address.to_string());
        command.env("KEYBROKER_CA", pki.join("ca.pem"));
        command.env("KEYBROKER_CERT", pki.join(format!("{}.pem", self.name)));
        command.env("KEYBROKER_KEY", pki.join(format!("{}.key", self.name)));
        command
    }

    fn try_do(&self, words: &[&str]) -> Output {
        run(&mut self.command(words), WAIT_MAX)
    }

    /// What a command prints.
    #[track_caller]
    fn does(&self, words: &[&str]) -> Vec<u8> {
        let done = self.try_do(words);
        assert!(done.status.success(), "{words:?}: {}", text(&done.stderr));
        done.stdout
    }

    #[track_caller]
    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_slice(&self.does(words)).unwrap()
    }

    /// What a command says when it is refused.
    #[track_caller]
    fn refused(&self, words: &[&str]) -> String {
        let done = self.try_do(words);
        assert_eq!(done.status.code(), Some(1), "{words:?}: {}", text(&done.stdout));
        let said = text(&done.stderr);
        assert!(!said.contains("panicked"), "{said}");
        said
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn check_says(said: &str, words: &[&str]) {
    assert!(words.iter().all(|word| said.contains(word)), "{words:?} expected in: {said}");
}

/// Runs a command with this on its stdin.
fn fed(mut command: Command, stdin: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap()
}

// ---- wrap, unwrap, data-key, get, rotate ------------------------------------------------------------------------

#[test]
fn a_secret_comes_back_as_it_went_under_an_algorithm_that_fits() {
    let desk = Desk::new();
    let rows = [
        ("RSA", 2048, 32, "RSA-OAEP-256"),
        ("oct", 256, 32, "A256KW"),
        ("oct", 128, 16, "A128KW"),
        ("oct", 256, 5, "A256KWP"),
    ];
    for (index, (kty, bits, length, algorithm)) in rows.into_iter().enumerate() {
        let (key, secret) = (format!("k{index}"), vec![index as u8; length]);
        let id = desk.broker.admin().create(&key, kty, bits);
        let input = desk.written("secret", &secret);
        let document: Value =
            serde_json::from_slice(&desk.does(&["wrap", "--vault-key", &key, "--in", &input])).unwrap();
        assert_eq!(document["alg"], algorithm, "{document}");
        assert!(document["kid"].as_str().unwrap().ends_with(&id), "{document}");
        assert_eq!(document.as_object().unwrap().len(), 3, "{document}");
        // The wrapped value names its version: a rotation changes nothing.
        desk.json(&["rotate", "--vault-key", &key, "--json"]);
        let file = desk.written("document", document.to_string().as_bytes());
        assert_eq!(desk.does(&["unwrap", "--document", &file, "--out", "-"]), secret);
        desk.does(&["unwrap", "--document", &file, "--out", &desk.path("out")]);
        assert_eq!(std::fs::read(desk.file("out")).unwrap(), secret);
        assert_eq!(std::fs::metadata(desk.file("out")).unwrap().permissions().mode() & 0o7777, 0o600);
    }
}

#[test]
fn secrets_come_from_stdin_and_never_from_arguments() {
    let desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let wrapped = fed(desk.command(&["wrap", "--vault-key", "k"]), b"0123456789abcdef\n");
    assert!(wrapped.status.success(), "{}", text(&wrapped.stderr));
    let opened = fed(desk.command(&["unwrap", "--out", "-"]), &wrapped.stdout);
    assert_eq!(text(&opened.stdout), "0123456789abcdef\n", "the end of the line is the secret's own");
    // Neither is there an argument for a secret, nor does one reach the terminal unasked.
    for words in [&["wrap", "--vault-key", "k", "0123456789abcdef"][..], &["unwrap"]] {
        assert_eq!(desk.try_do(words).status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn nothing_but_the_certificate_and_the_document_is_needed_to_unwrap() {
    let desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let document = desk.written("document", &fed(desk.command(&["wrap", "--vault-key", "k"]), &[7; 32]).stdout);
    let mut command = desk.command(&["unwrap", "--document", &document, "--out", "-"]);
    assert_eq!(run(command.env_remove("KEYBROKER_URL"), WAIT_MAX).stdout, [7; 32]);
    // Whoever names a vault means it.
    let elsewhere = format!("https://vault2.{SUFFIX}");
    let said = desk.refused(&["unwrap", "--document", &document, "--out", "-", "--url", &elsewhere]);
    check_says(&said, &["vault1.kv.test", "vault2.kv.test"]);
}

#[test]
fn a_data_key_is_fresh_and_shown_only_where_it_was_asked_for() {
    let desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let mut seen = HashSet::new();
    for bytes in [16, 24, 32, 64] {
        for _ in 0..2 {
            let words = ["data-key", "--vault-key", "k", "--bytes", &bytes.to_string(), "--out", &desk.path("key")];
            let document = desk.written("document", &desk.does(&words));
            let key = std::fs::read(desk.file("key")).unwrap();
            assert_eq!(key.len(), bytes);
            assert_eq!(desk.does(&["unwrap", "--document", &document, "--out", "-"]), key);
            assert!(seen.insert(key));
        }
    }
    let document: Value = desk.json(&["data-key", "--vault-key", "k"]);
    assert_eq!(unb64(&document["value"]).len(), 40, "32 bytes, wrapped");
    assert_eq!(document.as_object().unwrap().keys().collect::<Vec<_>>(), ["alg", "kid", "value"]);
    check_says(&desk.refused(&["data-key", "--vault-key", "k", "--out", "-"]), &["both", "stdout"]);
    check_says(&desk.refused(&["data-key", "--vault-key", "k", "--bytes", "33"]), &["16, 24, 32 or 64"]);
}

#[test]
fn a_refusal_is_told_in_the_brokers_own_words() {
    let mut desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let document = desk.written("document", &fed(desk.command(&["wrap", "--vault-key", "k"]), &[7; 32]).stdout);
    check_says(&desk.refused(&["get", "--vault-key", "none"]), &["404 KeyNotFound", "none", "request "]);
    check_says(&desk.refused(&["get", "--vault-key", "a/b/c"]), &["key \"a/b/c\""]);
    check_says(
        &desk.refused(&["wrap", "--vault-key", "k", "--algorithm", "ROT13", "--in", "/dev/null"]),
        &["400", "ROT13"],
    );
    check_says(&desk.refused(&["rotate", "--vault-key", &format!("k/{}", "0".repeat(32))]), &["without a version"]);

    desk.broker.grant(&desk.broker.principal("jo"), "wrapKey", "/vault1/k");
    desk.now("jo");
    let jo = desk.broker.principal("jo");
    check_says(
        &desk.refused(&["unwrap", "--document", &document, "--out", "-"]),
        &["403 Forbidden/ForbiddenByRbac", &jo, "unwrapKey"],
    );
    let secret = desk.written("secret", &[7; 32]);
    // Without the right to look at the key there is nothing to choose an algorithm by.
    check_says(&desk.refused(&["wrap", "--vault-key", "k", "--in", &secret]), &["--algorithm", "403"]);
    desk.does(&["wrap", "--vault-key", "k", "--in", &secret, "--algorithm", "A256KW"]);
}

#[test]
fn a_wrong_certificate_is_named_on_whichever_side_it_is() {
    let mut desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let other = Authority::new("elsewhere");
    other.issue(Leaf::client().uri("spiffe://keybroker.test/admin")).write(&desk.broker.pki(), "stranger");
    let other_ca = desk.written("other-ca.pem", other.pem().as_bytes());
    check_says(&desk.refused(&["get", "--vault-key", "k", "--ca", &other_ca]), &["cannot connect", "UnknownIssuer"]);
    let other_name = ["get", "--vault-key", "k", "--url", "https://vault1.elsewhere.test"];
    check_says(&desk.refused(&other_name), &["cannot connect", "not valid for name"]);
    check_says(&desk.refused(&["get", "--vault-key", "k", "--cert", "/nowhere.pem"]), &["/nowhere.pem"]);
    let key_of_another = desk.broker.pki().join("stranger.key").display().to_string();
    check_says(&desk.refused(&["get", "--vault-key", "k", "--key", &key_of_another]), &["stranger.key"]);
    desk.name = "stranger";
    check_says(&desk.refused(&["get", "--vault-key", "k"]), &["received fatal alert", "UnknownCA"]);
    desk.name = "admin";
    let address = desk.broker.keyvault().to_string();
    desk.broker.stop();
    let mut gone = desk.broker.command(&["client", "get", "--vault-key", "k", "--url", "https://vault1.kv.test"]);
    let pki = desk.broker.pki();
    gone.args(["--connect", &address]).arg("--ca").arg(pki.join("ca.pem"));
    let gone = run(gone.arg("--cert").arg(pki.join("admin.pem")).arg("--key").arg(pki.join("admin.key")), WAIT_MAX);
    check_says(&text(&gone.stderr), &["cannot connect", &address, "refused"]);
}

// ---- rewrap -----------------------------------------------------------------------------------------------------

/// Wrapped values of `count` secrets, one a line, under the newest version; secret N is N, 16 bytes.
fn values(desk: &Desk, key: &str, count: u128) -> String {
    let connection = desk.broker.admin().connect().unwrap();
    let kid = |id: &Value| id.as_str().unwrap().to_owned();
    let line = |number: u128| {
        let shown = connection.wrap(&format!("/keys/{key}"), "A256KW", &number.to_be_bytes()).with_status(200).json();
        json!({ "row": number.to_string(), "kid": kid(&shown["kid"]), "alg": "A256KW", "value": shown["value"] })
            .to_string()
            + "\n"
    };
    (0..count).map(line).collect()
}

/// Every line of the file opens under this version and holds its number.
#[track_caller]
fn check_values(desk: &Desk, file: &Path, version: &str, count: u128) {
    let connection = desk.broker.admin().connect().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(text.lines().count() as u128, count);
    for (number, line) in (0..).zip(text.lines()) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["row"], number.to_string(), "the order is kept");
        let kid = line["kid"].as_str().unwrap();
        assert!(kid.ends_with(version), "line {number}: {kid}");
        let opened = connection.unwrap(version, "A256KW", &unb64(&line["value"])).with_status(200).json();
        assert_eq!(unb64(&opened["value"]), u128::to_be_bytes(number), "line {number}");
    }
}

#[test]
fn rewrap_moves_what_it_can_and_says_what_it_left_alone_and_why() {
    let desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let old = values(&desk, "k", 3);
    let newest = desk.broker.admin().rotate("k");
    let odd = [
        values(&desk, "k", 1),                                                   // newest already
        old.replace("vault1.", "vault9."),                                       // three of another vault
        "\n".to_owned(),                                                         // blank
        "{\"note\":\"not a value\"}\n".to_owned(),                               // fails
        old.replace("/keys/k/", "/keys/gone/"),                                  // three that fail
        old.lines().next().unwrap().replace("\"value\":\"", "\"value\":\"AAAA"), // fails; no end of line
    ]
    .concat();
    let input = desk.written("in", (old + &odd).as_bytes());
    let out = desk.path("out");
    let done = desk.try_do(&["rewrap", "--in", &input, "--out", &out, "--json"]);
    assert_eq!(done.status.code(), Some(1), "five lines failed");
    check_says(&text(&done.stderr), &["5 of 13 lines could not be moved", &out]);
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&told["lines"], &told["moved"]), (&json!(13), &json!(3)));
    assert_eq!(told["left"], json!({ "blank": 1, "failed": 5, "newest": 1, "other-vault": 3 }));
    let failed: Vec<_> = told["failed"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(failed, [9, 10, 11, 12, 13]);
    check_says(told["failed"][1]["why"].as_str().unwrap(), &["404 KeyNotFound", "gone"]);
    // What was left alone stands there to the byte.
    let written = std::fs::read_to_string(&out).unwrap();
    assert_eq!(written.lines().skip(3).collect::<Vec<_>>(), odd.lines().collect::<Vec<_>>());
    let first: String = written.lines().take(3).flat_map(|line| [line, "\n"]).collect();
    std::fs::write(desk.file("moved"), first).unwrap();
    check_values(&desk, &desk.file("moved"), &newest, 3);
    assert!(!desk.file("out.rewrap").exists());
    // Nothing is ever written over.
    check_says(&desk.refused(&["rewrap", "--in", &input, "--out", &out]), &["is there already"]);
    check_says(&desk.refused(&["rewrap", "--in", &input, "--out", &input]), &["is there already"]);
}

fn lines_in(file: &Path) -> usize {
    std::fs::read(file).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

fn start(desk: &Desk, words: &[&str]) -> Child {
    desk.command(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_rewrap_that_is_killed_is_taken_up_where_it_was_and_loses_no_line() {
    const COUNT: u128 = 600;
    let desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let old = values(&desk, "k", COUNT);
    let newest = desk.broker.admin().rotate("k");
    // The first line fails in the first life and is told in the last.
    let input = desk.written("in", ["not a value\n", &old, "nor this\n"].concat().as_bytes());
    let (out, words) =
        (desk.file("out"), ["rewrap", "--in", &input, "--out", &desk.path("out"), "--jobs", "4", "--json"]);
    let mut reached = 0;
    for life in 0..4 {
        let mut child = start(&desk, &words);
        let further = reached + 40;
        eventually("progress", || (lines_in(&out) >= further || child.try_wait().unwrap().is_some()).then_some(()));
        child.kill().unwrap();
        child.wait().unwrap();
        reached = lines_in(&out);
        assert!(reached < COUNT as usize, "it was done before it was killed in life {life}: the test shows nothing");
        assert!(desk.file("out.rewrap").exists());
        if life == 1 {
            // As a power cut may leave it: half a line at the end of both.
            let append = |name: &str| std::fs::OpenOptions::new().append(true).open(desk.file(name)).unwrap();
            append("out").write_all(b"{\"kid\":\"htt").unwrap();
            append("out.rewrap").write_all(b"{\"line\":").unwrap();
        }
    }
    let before = std::fs::read(&out).unwrap();
    let done = desk.try_do(&words);
    let told: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", text(&done.stderr)));
    assert_eq!(told["moved"], json!(COUNT as u64), "{told}");
    assert_eq!(told["left"], json!({ "failed": 2 }), "both are told, though the first failed in another life");
    assert_eq!(told["failed"][0]["line"], 1);
    let after = std::fs::read(&out).unwrap();
    let whole = before.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    assert!(after.starts_with(&before[..whole]), "what was done is not done again");
    let moved: String =
        text(&after).lines().skip(1).take(COUNT as usize).flat_map(|line| [line, "\n"]).map(str::to_owned).collect();
    std::fs::write(desk.file("moved"), moved).unwrap();
    check_values(&desk, &desk.file("moved"), &newest, COUNT);
}

#[test]
fn a_rewrap_stops_when_the_broker_is_away_and_goes_on_when_it_is_back() {
    const COUNT: u128 = 400;
    let mut desk = Desk::new();
    desk.broker.admin().create("k", "oct", 256);
    let old = values(&desk, "k", COUNT);
    let newest = desk.broker.admin().rotate("k");
    let input = desk.written("in", old.as_bytes());
    let (out, path) = (desk.file("out"), desk.path("out"));
    let words = ["rewrap", "--in", &input, "--out", &path, "--jobs", "3", "--json"];
    let mut child = start(&desk, &words);
    eventually("progress", || (lines_in(&out) >= 20).then_some(()));
    desk.broker.kill9();
    let status = finished(&mut child, WAIT_MAX).expect("it gives up");
    let said = text(&child.wait_with_output().unwrap().stderr);
    assert_eq!(status.code(), Some(1));
    check_says(&said, &["stopped after", "of 400 lines", "takes it up", "cannot connect"]);
    desk.broker.serve();
    // Another input is not mistaken for the interrupted one, nor another order.
    let other = desk.written("other", b"{}\n");
    let with_other = desk.refused(&["rewrap", "--in", &other, "--out", &path]);
    assert!(
        with_other.contains("no line holds a wrapped value") || with_other.contains("another input"),
        "{with_other}"
    );
    let longer = desk.written("longer", (old.clone() + &old).as_bytes());
    check_says(&desk.refused(&["rewrap", "--in", &longer, "--out", &path]), &["out.rewrap", "another input"]);
    check_says(
        &desk.refused(&[&words[..], &["--algorithm", "A256KWP"]].concat()),
        &["out.rewrap", "another input or algorithm"],
    );
    let told = desk.json(&words);
    assert_eq!((&told["moved"], &told["left"]), (&json!(COUNT as u64), &json!({})));
    check_values(&desk, &out, &newest, COUNT);
}

// ---- luks -------------------------------------------------------------------------------------------------------

const IMAGE_BYTES: u64 = 32 << 20;

fn cryptsetup(words: &[&str]) -> Output {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let done = run(Command::new("/usr/bin/env").env("PATH", path).arg("cryptsetup").args(words), WAIT_MAX);
    assert_ne!(done.status.code(), Some(127), "cryptsetup is not there; `./dev setup` installs it");
    done
}

/// A file image of 32 MiB that no one has touched.
fn image(desk: &Desk, name: &str) -> String {
    std::fs::File::create(desk.file(name)).unwrap().set_len(IMAGE_BYTES).unwrap();
    desk.path(name)
}

#[test]
fn a_volume_opens_with_what_the_broker_unwraps_and_with_nothing_else() {
    let mut desk = Desk::new();
    desk.broker.admin().create("disk", "oct", 256);
    let volume = image(&desk, "volume.img");
    let told = desk.json(&["luks", "enrol", &volume, "--format", "--vault-key", "disk", "--json"]);
    assert_eq!(told["slot"], 0);
    // The header says all that opening takes, in LUKS2's own form.
    let token: Value =
        serde_json::from_slice(&cryptsetup(&["token", "export", "--token-id", "0", &volume]).stdout).unwrap();
    assert_eq!((&token["type"], &token["keyslots"]), (&json!("keybroker"), &json!(["0"])));
    assert_eq!(unb64(&token["value"]).len(), 72, "64 bytes, wrapped");
    let open = ["luks", "open", &volume, "--test"];
    desk.does(&open);
    // Not after a rotation only: by its own version, then.
    desk.json(&["rotate", "--vault-key", "disk", "--json"]);
    desk.does(&open);
    check_says(
        &desk.refused(&["luks", "enrol", &volume, "--format", "--vault-key", "disk"]),
        &["is a LUKS volume already"],
    );

    // Who may wrap can enrol, and cannot open.
    let id = desk.broker.grant(&desk.broker.principal("jo"), "get,wrapKey,unwrapKey", "/vault1/disk");
    desk.now("jo");
    desk.does(&open);
    desk.broker.ask(&["revoke", &id]);
    check_says(&desk.refused(&open), &["token 0", "403", "unwrapKey"]);
    desk.broker.grant(&desk.broker.principal("jo"), "get,wrapKey", "/vault1/disk");
    let second = image(&desk, "second.img");
    desk.does(&["luks", "enrol", &second, "--format", "--vault-key", "disk"]);
    check_says(&desk.refused(&["luks", "open", &second, "--test"]), &["unwrapKey"]);
    let audit = desk.broker.audit();
    let opened = audit.iter().filter(|line| line["operation"] == "unwrap-key" && line["decision"] == "allowed").count();
    assert_eq!(opened, 3, "each opening is in the audit");
}

#[test]
fn a_volume_that_others_open_already_gets_a_slot_beside_theirs() {
    let desk = Desk::new();
    desk.broker.admin().create("disk", "RSA", 2048);
    let volume = image(&desk, "volume.img");
    let theirs = desk.written("theirs.key", &[9; 32]);
    let fast = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
    let format =
        [&["luksFormat", "--type", "luks2", "--batch-mode", "--key-file", &theirs][..], &fast, &[&volume]].concat();
    assert!(cryptsetup(&format).status.success());
    let enrol = ["luks", "enrol", &volume, "--vault-key", "disk", "--json", "--existing-key-file"];
    check_says(
        &desk.refused(&[&enrol[..], &[&desk.written("wrong.key", &[8; 32])]].concat()),
        &["luksAddKey", "no key slot opens"],
    );
    let told = desk.json(&[&enrol[..], &[&theirs]].concat());
    assert_eq!(told["slot"], 1);
    desk.does(&["luks", "open", &volume, "--test"]);
    assert!(cryptsetup(&["open", "--test-passphrase", "--key-file", &theirs, &volume]).status.success());
    // Once more, for another key; the newest token is tried first, and one that fails does not hide the others.
    desk.broker.admin().create("disk2", "oct", 256);
    let again = ["luks", "enrol", &volume, "--vault-key", "disk2", "--json", "--existing-key-file", &theirs];
    assert_eq!(desk.json(&again)["slot"], 2);
    assert_eq!(desk.json(&["luks", "open", &volume, "--test", "--json"])["slot"], "2");
    let spoilt = json!({ "type": "keybroker", "keyslots": ["2"], "kid": "https://vault1.kv.test/keys/none", "alg": "A256KW", "value": "AAAA" });
    let token = desk.written("token.json", spoilt.to_string().as_bytes());
    assert!(
        cryptsetup(&["token", "import", "--json-file", &token, "--token-id", "1", "--token-replace", &volume])
            .status
            .success()
    );
    assert_eq!(desk.json(&["luks", "open", &volume, "--test", "--json"])["slot"], "1");
}

#[test]
fn what_cannot_be_a_volume_or_a_name_is_refused() {
    let desk = Desk::new();
    desk.broker.admin().create("disk", "oct", 256);
    let (plain, missing) = (desk.written("plain", b"not a volume"), desk.path("missing"));
    check_says(&desk.refused(&["luks", "open", &plain, "--test"]), &["not a valid LUKS device"]);
    check_says(&desk.refused(&["luks", "open", &missing, "--test"]), &["missing"]);
    check_says(&desk.refused(&["luks", "open", &plain, "--name", "../x"]), &["name \"../x\""]);
    check_says(&desk.refused(&["luks", "enrol", &missing, "--format", "--vault-key", "disk"]), &["missing"]);
    // Nothing is changed when the broker does not wrap.
    let volume = image(&desk, "volume.img");
    check_says(&desk.refused(&["luks", "enrol", &volume, "--format", "--vault-key", "none"]), &["KeyNotFound"]);
    assert!(std::fs::read(desk.file("volume.img")).unwrap().iter().all(|byte| *byte == 0));
    assert_eq!(
        desk.try_do(&["luks", "enrol", &volume, "--vault-key", "disk"]).status.code(),
        Some(2),
        "--format or a key file"
    );
}
