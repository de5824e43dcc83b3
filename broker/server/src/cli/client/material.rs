//! Secrets and documents in and out: files and pipes, never arguments.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use broker_core::secret::Secret;

/// Most bytes of a secret that is to be wrapped; the algorithms take less, and say so themselves.
pub const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Reads a file, or stdin for `-`.
///
/// # Errors
/// It cannot be read, or is larger than `bytes_max`.
pub fn read(from: &Path, bytes_max: u64) -> Result<Secret> {
    let what = || if is_dash(from) { "stdin".to_owned() } else { from.display().to_string() };
    // Sized at once, so that a secret is not left behind in smaller buffers.
    let mut bytes = Vec::with_capacity(usize::try_from(bytes_max + 1)?);
    let read = if is_dash(from) {
        std::io::stdin().lock().take(bytes_max + 1).read_to_end(&mut bytes)
    } else {
        File::open(from).with_context(what)?.take(bytes_max + 1).read_to_end(&mut bytes)
    };
    let bytes = Secret::new(bytes);
    read.with_context(what)?;
    ensure!(bytes.len() as u64 <= bytes_max, "{}: larger than {bytes_max} bytes", what());
    Ok(bytes)
}

/// Writes a file of mode 0600 in one step (what was there before stays until the new one is whole), or to stdout for `-`.
/// A pipe or device is written to as it is.
///
/// # Errors
/// It cannot be written.
pub fn write(to: &Path, bytes: &[u8]) -> Result<()> {
    if is_dash(to) {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(bytes)?;
        return Ok(stdout.flush()?);
    }
    let special = std::fs::metadata(to).is_ok_and(|there| !there.is_file());
    let written = if special { write_through(to, bytes) } else { replace(to, bytes) };
    written.with_context(|| to.display().to_string())
}

pub fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn write_through(to: &Path, bytes: &[u8]) -> std::io::Result<()> {
    OpenOptions::new().write(true).open(to)?.write_all(bytes)
}

fn replace(to: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let name = to.file_name().ok_or(ErrorKind::InvalidInput)?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}", std::process::id()));
    let beside: PathBuf = to.with_file_name(beside);
    let made = private(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, to)
    });
    if made.is_err() {
        // What failed is told; what is left of it must not lie about.
        let _gone = std::fs::remove_file(&beside);
    }
    made
}

/// A new file of mode 0600.
///
/// # Errors
/// There is one already, or it cannot be made.
pub fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(path)
}

/// Unpadded base64url, as secret as what it stands for.
pub fn encode(secret: &Secret) -> Secret {
    let mut text = vec![0; secret.len().div_ceil(3) * 4];
    let used = URL_SAFE_NO_PAD.encode_slice(secret.expose(), &mut text);
    text.truncate(used.expect("four characters for three bytes are enough"));
    Secret::new(text)
}

/// # Errors
/// It is not unpadded base64url.
pub fn decode(text: &Secret) -> Result<Secret> {
    let mut bytes = vec![0; text.len() / 4 * 3 + 3];
    let used = URL_SAFE_NO_PAD.decode_slice(text.expose(), &mut bytes);
    let whole = Secret::new(bytes);
    let used = used.ok().context("the broker's answer is not base64url")?;
    Ok(Secret::copied_from(&whole.expose()[..used]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_comes_back() {
        for length in 0..70 {
            let secret = broker_crypto::random::secret(length).unwrap();
            assert_eq!(decode(&encode(&secret)).unwrap().expose(), secret.expose(), "{length}");
        }
        assert!(decode(&Secret::copied_from(b"A===")).is_err());
    }

    #[test]
    fn a_secret_is_written_whole_and_privately_over_what_was_there() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "older").unwrap();
        write(&file, b"newer").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"newer");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
