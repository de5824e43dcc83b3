//! cryptsetup, run as a child; a passphrase reaches it through a pipe and in no other way.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use broker_core::secret::Secret;
use serde_json::{Value, json};

use crate::cli::client::document::Document;

/// The type under which tokens stand in a LUKS2 header.
pub const TOKEN_TYPE: &str = "keybroker";

/// Where it may be when `PATH` leaves the administrator's folders out.
const PLACES: [&str; 3] = ["cryptsetup", "/usr/sbin/cryptsetup", "/sbin/cryptsetup"];

/// Cheap on purpose: what is derived from has 512 bits of chance. 1000 is the least cryptsetup takes.
const DERIVATION: [&str; 4] = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];

/// A LUKS2 header's metadata, as JSON.
pub struct Header(pub Value);

/// What to do with an opened volume.
pub enum Target {
    Mapped(String),
    Test,
}

impl Target {
    /// # Errors
    /// It is no plain name.
    pub fn named(name: &str) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let good = (1..=127).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(['-', '.']);
        ensure!(good, "name {name:?} must be letters, digits, hyphens, dots and underscores");
        Ok(Self::Mapped(name.to_owned()))
    }
}

/// What cryptsetup's exit codes mean (cryptsetup(8), RETURN CODES); with `--batch-mode` it says nothing more.
const fn meaning(code: Option<i32>) -> &'static str {
    match code {
        Some(1) => "wrong parameters",
        Some(2) => "no key slot opens with this passphrase",
        Some(3) => "out of memory",
        Some(4) => "wrong device",
        Some(5) => "the device exists already or is busy",
        _ => "it did not say why",
    }
}

/// A block device or file image.
pub struct Volume(PathBuf);

impl Volume {
    /// # Errors
    /// There is nothing there.
    pub fn at(path: &Path) -> Result<Self> {
        // Absolute, so that no name of a file is ever taken for an option.
        let path = std::path::absolute(path)?;
        std::fs::metadata(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }

    /// # Errors
    /// It is no LUKS2 volume.
    pub fn header(&self) -> Result<Header> {
        let done = self.run(&["luksDump", "--dump-json-metadata"], &[], b"")?;
        Ok(Header(serde_json::from_slice(&done.stdout).context("cryptsetup's dump is not JSON")?))
    }

    /// Whether it is a LUKS volume, of either version.
    pub fn is_luks(&self) -> bool {
        self.run(&["isLuks"], &[], b"").is_ok()
    }

    /// Makes it a LUKS2 volume that this passphrase opens.
    pub fn format(&self, passphrase: &Secret) -> Result<()> {
        let words = ["luksFormat", "--type", "luks2", "--batch-mode", "--key-slot", "0", "--key-file", "-"];
        self.run(&[&words[..], &DERIVATION].concat(), &[], passphrase.expose()).map(|_| ())
    }

    /// Adds a passphrase; `existing` is a key file that opens the volume already.
    pub fn add_key(&self, existing: &Path, passphrase: &Secret, slot: u32) -> Result<()> {
        let existing = std::path::absolute(existing)?;
        let existing = existing.to_str().context("the key file's name is not UTF-8")?;
        let slot = slot.to_string();
        let words = ["luksAddKey", "--batch-mode", "--key-file", existing, "--key-slot", &slot];
        self.run(&[&words[..], &DERIVATION].concat(), &["-"], passphrase.expose()).map(|_| ())
    }

    pub fn kill_slot(&self, slot: u32) -> Result<()> {
        self.run(&["luksKillSlot", "--batch-mode"], &[&slot.to_string()], b"").map(|_| ())
    }

    /// Writes the wrapped passphrase into the header. It is no secret.
    pub fn import_token(&self, document: &Document, slot: u32) -> Result<()> {
        let mut token = json!({ "type": TOKEN_TYPE, "keyslots": [slot.to_string()] });
        if let (Value::Object(token), Value::Object(fields)) = (&mut token, serde_json::to_value(document)?) {
            token.extend(fields);
        }
        self.run(&["token", "import", "--json-file", "-"], &[], token.to_string().as_bytes()).map(|_| ())
    }

    pub fn open(&self, passphrase: &Secret, slot: &str, target: &Target) -> Result<()> {
        ensure!(slot.parse::<u32>().is_ok(), "key slot {slot:?} is no number");
        let words = ["open", "--type", "luks2", "--key-file", "-", "--key-slot", slot];
        match target {
            Target::Mapped(name) => self.run(&words, &[name], passphrase.expose()),
            Target::Test => self.run(&[&words[..], &["--test-passphrase"]].concat(), &[], passphrase.expose()),
        }
        .map(|_| ())
    }

    /// Runs it with this on its stdin; gives what it printed.
    fn run(&self, options: &[&str], after: &[&str], stdin: &[u8]) -> Result<Output> {
        let mut tried = PLACES.iter().map(|place| self.spawn(place, options, after));
        let child = tried.find(|child| !child.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound));
        let mut child = child.context("cryptsetup is not installed (Debian: cryptsetup-bin)")?.context("cryptsetup")?;
        let mut pipe = child.stdin.take().context("cryptsetup's stdin")?;
        // It may end without reading; what it says counts then.
        let sent = pipe.write_all(stdin);
        drop(pipe);
        let done = child.wait_with_output().context("cryptsetup")?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
            let why = if said.is_empty() { meaning(done.status.code()).to_owned() } else { said };
            bail!("cryptsetup {} failed ({}): {why}", options[0], done.status);
        }
        sent.context("cryptsetup's stdin")?;
        Ok(done)
    }

    fn spawn(&self, place: &str, options: &[&str], after: &[&str]) -> std::io::Result<std::process::Child> {
        let after = after.iter().map(OsStr::new);
        let words = options.iter().map(OsStr::new).chain([OsStr::new("--"), self.0.as_os_str()]).chain(after);
        Command::new(place).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }
}
