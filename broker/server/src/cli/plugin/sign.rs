//! plugin keygen, plugin sign: who vouches for a plugin.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use broker_backend_wasm::{Limits, signature_file, signature_line};
use broker_core::secret::Secret;
use broker_crypto::digest::sha256;
use broker_crypto::sign::SigningKey;
use clap::Args;
use zeroize::Zeroizing;

use crate::cli::say;
use crate::hex;

/// What a key file begins with; the seed's 64 hexadecimal digits follow.
const KEY_HEADER: &str = "keybroker-plugin-key-1 ";

#[derive(Args)]
pub struct Keygen {
    /// Where to write the private key (mode 0600); nothing may be there yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Keygen {
    pub fn run(self) -> Result<()> {
        let key = SigningKey::generate()?;
        let line = Zeroizing::new(format!("{KEY_HEADER}{}\n", *Zeroizing::new(hex(key.seed().expose()))));
        let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.out);
        let mut file = opened.with_context(|| self.out.display().to_string())?;
        file.write_all(line.as_bytes())
            .and_then(|()| file.sync_all())
            .with_context(|| self.out.display().to_string())?;
        say::line(hex(&key.public_key()))?;
        eprintln!("{}: the private key; above is the public one, for plugins.trusted-keys", self.out.display());
        Ok(())
    }
}

#[derive(Args)]
pub struct Sign {
    /// The component
    file: PathBuf,
    /// The private key that `keygen` made
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

impl Sign {
    pub fn run(self) -> Result<()> {
        let key = read_key(&self.key).with_context(|| format!("key {}", self.key.display()))?;
        let bytes_max = Limits::default().component_bytes_max;
        let size = std::fs::metadata(&self.file).with_context(|| self.file.display().to_string())?.len();
        ensure!(size <= bytes_max, "{}: more than {bytes_max} bytes, which no broker loads", self.file.display());
        let component = std::fs::read(&self.file).with_context(|| self.file.display().to_string())?;
        let digest = sha256(&component);
        let path = signature_file(&self.file);
        replace(&path, signature_line(&key, &digest)?.as_bytes()).with_context(|| path.display().to_string())?;
        say::line(format!("{}: sha256 {} signed by {}", path.display(), hex(&digest), hex(&key.public_key())))
    }
}

fn read_key(path: &Path) -> Result<SigningKey> {
    let text = Zeroizing::new(std::fs::read_to_string(path)?);
    let digits = text.trim_end().strip_prefix(KEY_HEADER).filter(|digits| digits.len() == 64);
    // Nothing of the file is told: what is wrong may be most of a key.
    let seed = digits.and_then(|digits| crate::config::digest(digits).ok()).map(Zeroizing::new);
    let seed = seed.context("it is no key of `keybroker plugin keygen`")?;
    Ok(SigningKey::from_seed(Secret::copied_from(&*seed))?)
}

/// In one step, so that a broker that looks meanwhile never reads half a signature.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.unfinished", std::process::id()));
    std::fs::write(&unfinished, bytes)?;
    std::fs::rename(&unfinished, path)
}
