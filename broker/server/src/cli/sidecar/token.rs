//! The secret in the file, and the tokens given for it.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use broker_core::secret::Secret;
use broker_crypto::constant;
use broker_crypto::mac::{MacKey, TAG_BYTES};

/// Shortest secret, in bytes: what `openssl rand -hex 16` prints.
const SECRET_BYTES_MIN: usize = 32;
const SECRET_BYTES_MAX: usize = 4096;

/// How long a token holds, in seconds. Clients fetch another by themselves.
pub const TOKEN_SECONDS: u64 = 3600;

/// Gives tokens, and knows its own again. A token is `EXPIRY.TAG`: Unix seconds, and their HMAC under a key that is made at
/// every start, so that nothing need be kept.
pub struct Tokens {
    secret: Secret,
    key: MacKey,
}

impl Tokens {
    /// Reads the secret's file; spaces and ends of line around the secret do not count.
    ///
    /// # Errors
    /// Others can read the file, or what stands in it is too short.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let make = || format!("{shown}: make it with: (umask 077; openssl rand -hex 32 >{shown})");
        let file = std::fs::File::open(path).with_context(make)?;
        let about = file.metadata()?;
        ensure!(about.is_file(), "{shown}: not a file");
        ensure!(about.mode() & 0o077 == 0, "{shown}: others can read it; chmod 600 {shown}");
        let mut bytes = Vec::with_capacity(SECRET_BYTES_MAX + 1);
        let read = file.take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
        let whole = Secret::new(bytes);
        read.with_context(|| shown.to_string())?;
        let secret = Secret::copied_from(whole.expose().trim_ascii());
        let fits = (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&secret.len());
        ensure!(fits, "{shown}: the secret must have {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} characters");
        Self::of(secret)
    }

    fn of(secret: Secret) -> Result<Self> {
        Ok(Self { secret, key: MacKey::from_secret(&broker_crypto::random::secret(TAG_BYTES)?)? })
    }

    /// Whether this is the secret, in constant time.
    pub fn is_secret(&self, shown: &[u8]) -> bool {
        constant::equal(self.secret.expose(), shown)
    }

    /// A fresh token, and when it ends (Unix seconds).
    pub fn issue(&self) -> (String, u64) {
        let expiry_s = now_s() + TOKEN_SECONDS;
        (self.token(expiry_s), expiry_s)
    }

    /// Whether the token is ours and holds.
    pub fn holds(&self, token: &str) -> bool {
        let Some((expiry, tag)) = token.split_once('.') else { return false };
        let Some(tag) = unhex(tag) else { return false };
        self.key.verify(expiry.as_bytes(), &tag) && expiry.parse::<u64>().is_ok_and(|expiry_s| expiry_s > now_s())
    }

    fn token(&self, expiry_s: u64) -> String {
        let expiry = expiry_s.to_string();
        format!("{expiry}.{}", crate::hex(&self.key.tag(expiry.as_bytes())))
    }
}

fn now_s() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}

fn unhex(text: &str) -> Option<[u8; TAG_BYTES]> {
    let mut bytes = [0; TAG_BYTES];
    if text.len() != 2 * TAG_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::of(Secret::copied_from(&[b'x'; 32])).unwrap()
    }

    #[test]
    fn a_token_holds_until_it_ends_and_nowhere_else() {
        let tokens = tokens();
        let (token, expiry_s) = tokens.issue();
        assert!(tokens.holds(&token));
        assert!(!self::tokens().holds(&token), "another start, another key");
        assert!(!tokens.holds(&tokens.token(now_s() - 1)), "it has ended");
        let (_, tag) = token.split_once('.').unwrap();
        for bad in [
            String::new(),
            ".".to_owned(),
            tag.to_owned(),
            format!("{}.{tag}", expiry_s + 1),
            format!("{expiry_s}.{}", "é".repeat(32)),
        ] {
            assert!(!tokens.holds(&bad), "{bad}");
        }
    }

    #[test]
    fn a_secret_that_others_can_read_or_guess_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let read = |text: &str, mode: u32| {
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            Tokens::read(&file)
        };
        let good = "0123456789abcdef0123456789abcdef\n";
        let tokens = read(good, 0o600).unwrap();
        assert!(tokens.is_secret(good.trim().as_bytes()));
        assert!(!tokens.is_secret(b"") && !tokens.is_secret(good.as_bytes()));
        assert!(read(good, 0o640).is_err());
        assert!(read(good, 0o604).is_err());
        assert!(read("short\n", 0o600).is_err());
        assert!(read("", 0o600).is_err());
    }
}
