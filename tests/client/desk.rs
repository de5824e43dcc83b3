//! A shell with a broker behind it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use keybroker_tests::{Broker, Setup, WAIT_MAX, run};
use serde_json::Value;

/// A broker and a person who uses it from a shell.
pub struct Desk {
    pub broker: Broker,
    pub name: &'static str,
}

impl Desk {
    pub fn new() -> Self {
        let desk = Self { broker: Setup::new().start(), name: "admin" };
        desk.show_certificate_of("admin");
        desk
    }

    pub fn show_certificate_of(&self, name: &str) {
        self.broker.identity(name).write(&self.broker.pki(), name);
    }

    /// The same desk, with someone else at it.
    pub fn now(&mut self, name: &'static str) {
        self.show_certificate_of(name);
        self.name = name;
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.broker.folder().join(name)
    }

    pub fn written(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.file(name), bytes).unwrap();
        self.path(name)
    }

    pub fn path(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let (pki, address) = (self.broker.pki(), self.broker.keyvault());
        let mut command = self.broker.command(&[&["client"], words].concat());
        command.env("KEYBROKER_URL", self.broker.vault_url("vault1")).env("KEYBROKER_CONNECT", address.to_string());
        command.env("KEYBROKER_CA", pki.join("ca.pem"));
        command.env("KEYBROKER_CERT", pki.join(format!("{}.pem", self.name)));
        command.env("KEYBROKER_KEY", pki.join(format!("{}.key", self.name)));
        command
    }

    pub fn try_do(&self, words: &[&str]) -> Output {
        run(&mut self.command(words), WAIT_MAX)
    }

    /// What a command prints.
    #[track_caller]
    pub fn does(&self, words: &[&str]) -> Vec<u8> {
        let done = self.try_do(words);
        assert!(done.status.success(), "{words:?}: {}", text(&done.stderr));
        done.stdout
    }

    #[track_caller]
    pub fn json(&self, words: &[&str]) -> Value {
        serde_json::from_slice(&self.does(words)).unwrap()
    }

    /// What a command says when it is refused.
    #[track_caller]
    pub fn refused(&self, words: &[&str]) -> String {
        let done = self.try_do(words);
        assert_eq!(done.status.code(), Some(1), "{words:?}: {}", text(&done.stdout));
        let said = text(&done.stderr);
        assert!(!said.contains("panicked"), "{said}");
        said
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
pub fn check_says(said: &str, words: &[&str]) {
    assert!(words.iter().all(|word| said.contains(word)), "{words:?} expected in: {said}");
}

/// Runs a command with this on its stdin.
pub fn fed(mut command: Command, stdin: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap()
}
