//! backend: what a backend keeps for itself, taken out and brought back under a password.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::admin::{Reach, UNEXPECTED};
use super::say;
use crate::admin::client;
use crate::admin::wire::{Ask, Password, Reply};

/// Bytes of a password, and of a backup.
const PASSWORD_BYTES_MIN: usize = 8;
const PASSWORD_BYTES_MAX: u64 = 1024;
const BACKUP_BYTES_MAX: u64 = 256 << 10;

#[derive(Args)]
pub struct BackendCommand {
    #[command(subcommand)]
    action: BackendAction,
}

#[derive(Subcommand)]
enum BackendAction {
    /// Take the root of a backend's keys out, under a password; such a backend serves only from then on
    Backup {
        /// The backend's name in the configuration
        name: String,
        /// Holds the password, 8 to 1024 bytes; a line feed at its end is left out
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
        /// Where it goes (made anew, mode 0600); standard output otherwise
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Bring it back, on this broker or another
    Restore {
        name: String,
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
        /// What `backup` gave; standard input otherwise
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        #[command(flatten)]
        reach: Reach,
    },
}

impl BackendCommand {
    pub fn run(self) -> Result<()> {
        match self.action {
            BackendAction::Backup { name, password_file, out, reach } => {
                back_up(name, &password_file, out.as_deref(), &reach)
            }
            BackendAction::Restore { name, password_file, from, reach } => {
                restore(name, &password_file, from.as_deref(), &reach)
            }
        }
    }
}

fn back_up(backend: String, password_file: &Path, out: Option<&Path>, reach: &Reach) -> Result<()> {
    let ask = Ask::BackUpBackend { backend, password: password(password_file)? };
    // Made before it is asked for: a backup that cannot be written down should not count as one.
    let mut file = out.map(new_file).transpose()?;
    let Reply::Backup(backup) = client::ask(&reach.socket, &ask)? else { bail!(UNEXPECTED) };
    match (&mut file, out) {
        (Some(file), Some(out)) => {
            file.write_all(backup.as_bytes())
                .and_then(|()| file.sync_all())
                .with_context(|| out.display().to_string())?;
            say::line(format!("{}: keep it, and its password somewhere else", out.display()))
        }
        _ => say::line(backup),
    }
}

fn restore(backend: String, password_file: &Path, from: Option<&Path>, reach: &Reach) -> Result<()> {
    let text = match from {
        Some(path) => read(path, BACKUP_BYTES_MAX)?,
        None => read(Path::new("/dev/stdin"), BACKUP_BYTES_MAX)?,
    };
    let backup = text.trim().to_owned();
    let ask = Ask::RestoreBackend { backend, backup, password: password(password_file)? };
    client::ask(&reach.socket, &ask)?;
    say::line("restored; it serves")
}

fn password(file: &Path) -> Result<Password> {
    let text = read(file, PASSWORD_BYTES_MAX + 1)?;
    let password = Password(text.strip_suffix('\n').unwrap_or(&text).to_owned());
    ensure!(
        (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX as usize).contains(&password.0.len()),
        "{}: a password has {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes",
        file.display()
    );
    Ok(password)
}

fn read(path: &Path, bytes_max: u64) -> Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    file.take(bytes_max + 1).read_to_string(&mut text).with_context(|| path.display().to_string())?;
    ensure!(text.len() as u64 <= bytes_max, "{}: more than {bytes_max} bytes", path.display());
    Ok(text)
}

fn new_file(path: &Path) -> Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.with_context(|| path.display().to_string())
}
