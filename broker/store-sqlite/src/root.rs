//! Where the root key comes from: a file that only its owner can read, or a passphrase.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use broker_core::secret::Secret;
use broker_crypto::root::{PassphraseCost, ROOT_BYTES, RootKey};
use broker_crypto::{CryptoError, random};
use zeroize::Zeroizing;

/// What the store's data key is sealed under.
#[derive(Debug)]
pub enum Root {
    /// 32 random bytes.
    Key(Secret),
    /// 1 to 1024 bytes; Argon2id makes the key of it, which takes about a tenth of a second and 64 MiB.
    Passphrase(Secret),
    /// 32 bytes that were put together from shares of a root key: opens a store whose root is a key, in a file or a token.
    Recovered(Secret),
    /// 32 random bytes that a token sealed as `sealed` (1 to 1024 bytes), which the header keeps.
    Token { key: Secret, sealed: Vec<u8> },
}

/// Why a root key's file was not made or read.
#[derive(Debug, thiserror::Error)]
pub enum RootFileError {
    #[error("root key file {path}: a root key is 64 hexadecimal digits on one line (32 random bytes)")]
    Format { path: PathBuf },
    #[error("root key file {path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    #[error(
        "root key file {path} can be read or written by others (mode {mode:04o}): run `chmod 600 {path}`, and treat the key as known to whoever had access"
    )]
    Mode { path: PathBuf, mode: u32 },
}

/// Bits of a mode that let anyone but the owner in.
const OTHERS: u32 = 0o077;

impl Root {
    /// A new root key, which is nowhere else yet.
    ///
    /// # Errors
    /// The generator fails.
    pub fn generate() -> Result<Secret, CryptoError> {
        random::secret(ROOT_BYTES)
    }

    /// Makes a new root key and its file, of mode 0600; never over another file. Keep a copy apart from the store: without
    /// it the store does not open.
    ///
    /// # Errors
    /// `Io`, also when the file exists or the generator fails.
    pub fn create_file(path: &Path) -> Result<Self, RootFileError> {
        let io = |error| RootFileError::Io { path: path.to_owned(), error };
        let key = Self::generate().map_err(|error| io(std::io::Error::other(error)))?;
        Self::write_file(path, &key)?;
        Ok(Self::Key(key))
    }

    /// Writes a root key's file, of mode 0600 and durable; never over another file.
    ///
    /// # Errors
    /// `Io`, also when the file exists.
    pub fn write_file(path: &Path, key: &Secret) -> Result<(), RootFileError> {
        let io = |error| RootFileError::Io { path: path.to_owned(), error };
        let mut line = Zeroizing::new(Vec::with_capacity(ROOT_BYTES * 2 + 1));
        for byte in key.expose() {
            line.extend([hex_of(byte >> 4), hex_of(byte & 15)]);
        }
        line.push(b'\n');
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            // The umask can only have taken bits away, but a mode that the owner cannot read is of no use.
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(&line)?;
            file.sync_all()?;
            sync_directory_of(path)
        };
        write().map_err(io)
    }

    /// Reads a root key's file.
    ///
    /// # Errors
    /// `Mode` when others may read or write it; `Format`; `Io`.
    pub fn read_file(path: &Path) -> Result<Self, RootFileError> {
        let io = |error| RootFileError::Io { path: path.to_owned(), error };
        let format = || RootFileError::Format { path: path.to_owned() };
        let file = File::open(path).map_err(io)?;
        let mode = file.metadata().map_err(io)?.permissions().mode() & 0o7777;
        if mode & OTHERS != 0 {
            return Err(RootFileError::Mode { path: path.to_owned(), mode });
        }
        // One byte more than the longest that is right, and all of it at once: a vector that grows leaves copies behind.
        let mut line = Zeroizing::new(Vec::with_capacity(ROOT_BYTES * 2 + 3));
        file.take(ROOT_BYTES as u64 * 2 + 3).read_to_end(&mut line).map_err(io)?;
        let digits = line.strip_suffix(b"\n").unwrap_or(&line);
        let digits = digits.strip_suffix(b"\r").unwrap_or(digits);
        if digits.len() != ROOT_BYTES * 2 {
            return Err(format());
        }
        let mut key = Zeroizing::new([0; ROOT_BYTES]);
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let (Some(high), Some(low)) = (value_of(pair[0]), value_of(pair[1])) else { return Err(format()) };
            *byte = high << 4 | low;
        }
        Ok(Self::Key(Secret::copied_from(&*key)))
    }

    /// What it is, for people.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Key(_) => ROOT_KEY,
            Self::Passphrase(_) => PASSPHRASE,
            Self::Recovered(_) => "root key from shares",
            Self::Token { .. } => TOKEN,
        }
    }

    /// How a new store remembers to make the root key of this.
    pub(crate) fn new_recipe(&self) -> Result<Recipe, CryptoError> {
        match self {
            Self::Key(_) | Self::Recovered(_) => Ok(Recipe::Key),
            Self::Passphrase(_) => Ok(Recipe::Passphrase(PassphraseCost::generate()?)),
            Self::Token { sealed, .. } => Ok(Recipe::Token(sealed.clone())),
        }
    }
}

const ROOT_KEY: &str = "root key file";
const PASSPHRASE: &str = "passphrase";
const TOKEN: &str = "root key in a token";
/// Longest root key as a token seals it, in bytes.
const SEALED_BYTES_MAX: usize = 1024;

/// How the root key is made, as the header keeps it. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recipe {
    Key,
    Passphrase(PassphraseCost),
    /// The root key as a token sealed it.
    Token(Vec<u8>),
}

impl Recipe {
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Key => ROOT_KEY,
            Self::Passphrase(_) => PASSPHRASE,
            Self::Token(_) => TOKEN,
        }
    }

    /// One byte that tells which, then the cost of a passphrase or what a token sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Key => vec![0],
            Self::Passphrase(cost) => [&[1][..], &cost.to_bytes()].concat(),
            Self::Token(sealed) => [&[2][..], sealed].concat(),
        }
    }

    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (0, []) => Some(Self::Key),
            (1, cost) => PassphraseCost::of_bytes(cost).ok().map(Self::Passphrase),
            (2, sealed) if (1..=SEALED_BYTES_MAX).contains(&sealed.len()) => Some(Self::Token(sealed.to_vec())),
            _ => None,
        }
    }

    /// The root key; none when this recipe is for the other kind of root.
    ///
    /// # Errors
    /// The root has no valid length, or memory is short.
    pub fn root_key(&self, root: &Root) -> Result<Option<RootKey>, CryptoError> {
        match (self, root) {
            (Self::Key, Root::Key(key))
            | (Self::Key | Self::Token(_), Root::Recovered(key))
            | (Self::Token(_), Root::Token { key, .. }) => {
                RootKey::from_secret(Secret::copied_from(key.expose())).map(Some)
            }
            (Self::Passphrase(cost), Root::Passphrase(passphrase)) => {
                RootKey::from_passphrase(passphrase, cost).map(Some)
            }
            (Self::Key, Root::Passphrase(_) | Root::Token { .. })
            | (Self::Passphrase(_), Root::Key(_) | Root::Recovered(_) | Root::Token { .. })
            | (Self::Token(_), Root::Key(_) | Root::Passphrase(_)) => Ok(None),
        }
    }
}

/// Makes a new file's name durable.
pub(crate) fn sync_directory_of(path: &Path) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

const fn hex_of(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' + (nibble - 10),
    }
}

const fn value_of(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(root: &Root) -> &[u8] {
        match root {
            Root::Key(key) | Root::Passphrase(key) | Root::Recovered(key) | Root::Token { key, .. } => key.expose(),
        }
    }

    #[test]
    fn a_root_key_file_is_private_and_reads_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        let made = Root::create_file(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(bytes(&Root::read_file(&path).unwrap()), bytes(&made));
        assert_eq!(bytes(&made).len(), ROOT_BYTES);
    }

    #[test]
    fn a_root_key_file_is_never_made_over_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        let made = Root::create_file(&path).unwrap();
        assert!(matches!(Root::create_file(&path), Err(RootFileError::Io { .. })));
        assert_eq!(bytes(&Root::read_file(&path).unwrap()), bytes(&made));
    }

    #[test]
    fn a_root_key_file_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        Root::create_file(&path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = Root::read_file(&path).unwrap_err();
            assert!(matches!(error, RootFileError::Mode { mode: found, .. } if found == mode), "{error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn only_64_hexadecimal_digits_are_a_root_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        let check = |text: &str, sound: bool| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            assert_eq!(Root::read_file(&path).is_ok(), sound, "{text:?}");
        };
        let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
        check(&digits, true);
        check(&format!("{digits}\n"), true);
        check(&format!("{digits}\r\n"), true);
        check(&format!("{digits}\n\n"), false);
        check(&format!("{digits}0"), false);
        check(&digits[1..], false);
        check(&digits.replace('c', "g"), false);
        check(&digits.repeat(1000), false);
        check("", false);
    }

    #[test]
    fn a_recipe_of_the_header_that_was_bent_is_none() {
        let recipe = Root::Passphrase(Secret::copied_from(b"x")).new_recipe().unwrap();
        assert_eq!(Recipe::of_bytes(&recipe.to_bytes()), Some(recipe.clone()));
        assert_eq!(Recipe::of_bytes(&Recipe::Key.to_bytes()), Some(Recipe::Key));
        let token = Recipe::Token(vec![7; 40]);
        assert_eq!(Recipe::of_bytes(&token.to_bytes()), Some(token));
        for bent in
            [&[][..], &[0, 0], &[1], &[2], &[3, 1], &[2; SEALED_BYTES_MAX + 2], &recipe.to_bytes()[..28], &[1; 29]]
        {
            assert_eq!(Recipe::of_bytes(bent), None, "{bent:?}");
        }
    }
}
