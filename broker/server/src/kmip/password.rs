//! Usernames and passwords that KMIP clients must give beside their certificates, from a file that may change at any time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail, ensure};
use broker_core::name::Principal;
use broker_crypto::{constant, digest};
use broker_front_kmip::{Password, Passwords};

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A line of the file: `PRINCIPAL USERNAME SHA256`, the digest of the password in hexadecimal.
struct Credential {
    username: String,
    sha256: [u8; 32],
}

type Credentials = HashMap<Principal, Vec<Credential>>;

/// The file, as it was last read. Passwords are to be random: what is kept is a bare digest.
pub struct PasswordFile {
    path: PathBuf,
    read: Mutex<(Stamp, Credentials)>,
}

/// What tells a changed file from an unchanged one.
type Stamp = Option<(SystemTime, u64)>;

impl PasswordFile {
    /// # Errors
    /// The file cannot be read or makes no sense; the message names the line.
    pub fn open(path: PathBuf) -> Result<Self> {
        let stamp = stamp(&path);
        let credentials = read(&path)?;
        Ok(Self { path, read: Mutex::new((stamp, credentials)) })
    }
}

impl Passwords for PasswordFile {
    /// Who is in the file must give what it says there; all others are known by their certificates alone.
    fn admit(&self, principal: &Principal, given: Option<&Password>) -> bool {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.path);
        if now != known.0 {
            known.0 = now;
            match read(&self.path) {
                Ok(credentials) => known.1 = credentials,
                Err(error) => {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "the KMIP passwords were not read again; those in force stay in force"
                    );
                }
            }
        }
        let Some(credentials) = known.1.get(principal) else { return true };
        let Some(given) = given else { return false };
        let sha256 = digest::sha256(given.password.expose());
        credentials.iter().any(|one| {
            let same = constant::equal(&one.sha256, &sha256);
            same && one.username == given.username
        })
    }
}

fn stamp(path: &std::path::Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(path: &std::path::Path) -> Result<Credentials> {
    let named = || format!("front.kmip.passwords-file {}", path.display());
    ensure!(std::fs::metadata(path).with_context(named)?.len() <= FILE_BYTES_MAX, "{}: it is too long", named());
    parse(&std::fs::read_to_string(path).with_context(named)?).with_context(named)
}

fn parse(text: &str) -> Result<Credentials> {
    let mut credentials = Credentials::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            [principal, username, sha256] => {
                let principal = Principal::parse(principal).with_context(|| format!("line {number}"))?;
                let sha256 = crate::config::digest(sha256).with_context(|| format!("line {number}"))?;
                let one = Credential { username: (*username).to_owned(), sha256 };
                credentials.entry(principal).or_default().push(one);
            }
            _ => bail!("line {number} is not PRINCIPAL USERNAME SHA256-OF-THE-PASSWORD"),
        }
    }
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use broker_core::secret::Secret;

    use super::*;

    fn given(username: &str, password: &str) -> Password {
        Password { username: username.to_owned(), password: Secret::copied_from(password.as_bytes()) }
    }

    #[test]
    fn who_is_listed_gives_its_password_and_nobody_else_has_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwords");
        let line = |password: &str| {
            format!("# vSphere\npin/vcenter administrator {}\n", crate::hex(&digest::sha256(password.as_bytes())))
        };
        std::fs::write(&path, line("secret")).unwrap();
        let file = PasswordFile::open(path.clone()).unwrap();
        let (vcenter, other) = (Principal::parse("pin/vcenter").unwrap(), Principal::parse("pin/db").unwrap());
        assert!(file.admit(&vcenter, Some(&given("administrator", "secret"))));
        for wrong in [None, Some(given("administrator", "secre")), Some(given("root", "secret"))] {
            assert!(!file.admit(&vcenter, wrong.as_ref()));
        }
        assert!(file.admit(&other, None) && file.admit(&other, Some(&given("a", "b"))));
        // Another length, so that the change is seen whatever the clock of the file system.
        std::fs::write(&path, format!("{}\n", line("another"))).unwrap();
        assert!(!file.admit(&vcenter, Some(&given("administrator", "secret"))));
        assert!(file.admit(&vcenter, Some(&given("administrator", "another"))));
        // What makes no sense changes nothing.
        std::fs::write(&path, "nonsense").unwrap();
        assert!(file.admit(&vcenter, Some(&given("administrator", "another"))));
        assert!(PasswordFile::open(path).is_err());
    }
}
