//! root rotate, recover: another root key for a store, while no broker runs.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use broker_core::secret::Secret;
use broker_crypto::share::{Quorum, SHARE_TEXT_BYTES_MAX, SHARES_MAX, combine};
use broker_store_sqlite::{Root, StoreLock, sealed_root};
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::say;
use crate::config::{Config, RootKey, Store};
use crate::root::{self, Made};

#[derive(Args)]
pub struct RootCommand {
    #[command(subcommand)]
    action: RootAction,
}

#[derive(Subcommand)]
enum RootAction {
    /// Seal the store under a new root key, while no broker runs; the one before opens it no more
    Rotate {
        /// The configuration: its root-key says where the new root key is to be
        config: PathBuf,
        /// The configuration that says where the present root key is, when it is to move to another place
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// The new passphrase, when the root is a passphrase and stays one
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// Print the new root key as shares, any 3 of the 5 of which bring it back; a token's is always printed so
        #[arg(long, value_name = "3-of-5", value_parser = quorum)]
        shares: Option<Quorum>,
    },
    /// Open the store with shares of its root key, and seal it under a new one where the configuration says
    Recover {
        /// The configuration: its root-key says where the new root key is to be
        config: PathBuf,
        /// Files with one share a line; without any, shares are read from standard input
        files: Vec<PathBuf>,
        /// Print the new root key as shares; a token's is always printed so
        #[arg(long, value_name = "3-of-5", value_parser = quorum)]
        shares: Option<Quorum>,
    },
}

/// Most bytes that are read in search of shares.
const SHARES_BYTES_MAX: usize = SHARES_MAX as usize * (SHARE_TEXT_BYTES_MAX + 2);

/// How shares are made where nothing else is said.
pub const SHARES_OF_TOKENS: &str = "3-of-5";

/// # Errors
/// It is no quorum.
pub fn quorum(text: &str) -> Result<Quorum, String> {
    Quorum::parse(text)
        .ok_or_else(|| format!("{text:?} must be like 3-of-5: 2 to {SHARES_MAX} shares, at least 2 needed"))
}

impl RootCommand {
    pub fn run(self) -> Result<()> {
        match self.action {
            RootAction::Rotate { config, from, passphrase_file, shares } => {
                let store = Config::read(&config)?.store;
                let old = from.map(|from| Config::read(&from)).transpose()?.map(|config| config.store);
                super::block_on(rotate(&store, old.as_ref(), passphrase_file.as_deref(), shares))?
            }
            RootAction::Recover { config, files, shares } => {
                let store = Config::read(&config)?.store;
                super::block_on(recover(&store, &files, shares))?
            }
        }
    }
}

async fn rotate(store: &Store, old: Option<&Store>, passphrase: Option<&Path>, shares: Option<Quorum>) -> Result<()> {
    let from = old.unwrap_or(store);
    ensure!(from.path == store.path, "both configurations must name the same store");
    root::finish_replacement(from)?;
    let lock = StoreLock::take(&store.path)?;
    let sealed = match &from.root_key {
        RootKey::Token(_) => sealed_root(&store.path)?,
        RootKey::File(_) | RootKey::PassphraseEnvironment(_) | RootKey::PassphraseFile(_) => None,
    };
    let before = root::read(&from.root_key, &sealed).await?;
    ensure!(lock.opens(&before)?, "the present root key does not open the store");
    let replaced = replace(store, old.is_some(), &lock, &before, passphrase, shares, "rotated").await?;
    if let (RootKey::Token(token), Some(sealed)) = (&from.root_key, sealed) {
        let destroyed = match root::open_token(token).await {
            Ok(opened) => opened.destroy(&sealed).await.map_err(|failure| anyhow::anyhow!("{failure}")),
            Err(error) => Err(error),
        };
        if let Err(error) = destroyed {
            say::line(format!("the key that sealed the former root key is still in its token: {error:#}"))?;
        }
    }
    tell(store, &replaced)
}

async fn recover(store: &Store, files: &[PathBuf], shares: Option<Quorum>) -> Result<()> {
    let given = read_shares(files)?;
    let before = Root::Recovered(combine(&given)?);
    let lock = StoreLock::take(&store.path)?;
    ensure!(
        lock.opens(&before)?,
        "the shares fit together, but their root key does not open this store: they are another store's, or older than its \
         last rotation"
    );
    let replaced = replace(store, true, &lock, &before, None, shares, "recovered from shares").await?;
    tell(store, &replaced)
}

/// Makes the new root key, seals the store under it, and only then lets it take the old one's place.
async fn replace(
    store: &Store,
    moved: bool,
    lock: &StoreLock,
    before: &Root,
    passphrase: Option<&Path>,
    shares: Option<Quorum>,
    how: &str,
) -> Result<Made> {
    let in_token = matches!(store.root_key, RootKey::Token(_));
    let shares = shares.or_else(|| Quorum::parse(SHARES_OF_TOKENS).filter(|_| in_token));
    let mut staged = None;
    let made = match &store.root_key {
        RootKey::File(path) => {
            let next = root::next_of(path);
            // No replacement is under way: the lock is ours, and none was left to finish.
            let _leftover = std::fs::remove_file(&next);
            let made = root::make(&store.root_key, &next, None, shares).await?;
            staged = Some((next, path.clone()));
            made
        }
        RootKey::PassphraseFile(path) => match passphrase {
            Some(new) => {
                let next = root::next_of(path);
                let _leftover = std::fs::remove_file(&next);
                copy_private(new, &next)?;
                let made = Made { root: root::read_passphrase(&next)?, shares: Vec::new() };
                staged = Some((next, path.clone()));
                made
            }
            None if moved => root::make(&store.root_key, path, None, shares).await?,
            None => bail!("the new passphrase is read from a file: name it with --passphrase-file"),
        },
        RootKey::PassphraseEnvironment(variable) if !moved => bail!(
            "the passphrase comes from the environment variable {variable}: set the new one in another variable, name that \
             in the configuration, and give the former configuration with --from"
        ),
        RootKey::PassphraseEnvironment(_) | RootKey::Token(_) => {
            root::make(&store.root_key, &store.path, None, shares).await?
        }
    };
    let uid = rustix::process::getuid().as_raw();
    let deed = format!("rotate-root by uid {uid} at {}: {how}, now {}", root::now_s(), place_of(&store.root_key));
    let sealed = lock.reseal(before, &made.root, &deed);
    match (&sealed, &staged, &made.root, &store.root_key) {
        (Ok(_), Some((next, path)), _, _) => root::put_in_place(next, path, root::now_s())?,
        (Err(_), Some((next, _)), _, _) => drop(std::fs::remove_file(next)),
        (Err(_), None, Root::Token { sealed, .. }, RootKey::Token(token)) => {
            drop(root::open_token(token).await?.destroy(sealed).await);
        }
        _ => {}
    }
    sealed?;
    Ok(made)
}

fn place_of(root_key: &RootKey) -> String {
    match root_key {
        RootKey::File(path) => format!("in the file {}", path.display()),
        RootKey::PassphraseEnvironment(variable) => format!("a passphrase from the variable {variable}"),
        RootKey::PassphraseFile(path) => format!("a passphrase from {}", path.display()),
        RootKey::Token(token) => format!("in the token {:?} of {}", token.token.token, token.token.module.display()),
    }
}

fn tell(store: &Store, made: &Made) -> Result<()> {
    print_shares(&made.shares)?;
    say::line(format!(
        "the store is sealed under a new root key, {}; the former one opens it no more. Copies of the store made before open \
         with the former root key alone: make a new one. The next start writes it into the audit",
        place_of(&store.root_key)
    ))
}

/// Shares are printed once, and are nowhere else.
///
/// # Errors
/// stdout is gone.
pub fn print_shares(shares: &[Secret]) -> Result<()> {
    if shares.is_empty() {
        return Ok(());
    }
    say::line("shares of the root key, printed this once; give each to another keeper:")?;
    for share in shares {
        say::line(std::str::from_utf8(share.expose()).context("a share is text")?)?;
    }
    Ok(())
}

fn copy_private(from: &Path, to: &Path) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let named = || from.display().to_string();
    let mut text = Zeroizing::new(Vec::with_capacity(8192));
    std::fs::File::open(from).with_context(named)?.take(8192).read_to_end(&mut text).with_context(named)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).with_context(named)?;
    file.write_all(&text)?;
    file.sync_all()?;
    Ok(root::sync_folder_of(to)?)
}

/// One share a line; blank lines and what is no share but a heading are not passed over: a slip must be seen.
fn read_shares(files: &[PathBuf]) -> Result<Vec<Secret>> {
    // Sized once, and wiped.
    let mut text = Zeroizing::new(Vec::with_capacity(SHARES_BYTES_MAX + 1));
    if files.is_empty() {
        std::io::stdin().take(SHARES_BYTES_MAX as u64 + 1).read_to_end(&mut text)?;
    }
    for path in files {
        let named = || path.display().to_string();
        let left = (SHARES_BYTES_MAX + 1).saturating_sub(text.len()) as u64;
        std::fs::File::open(path).with_context(named)?.take(left).read_to_end(&mut text).with_context(named)?;
        text.push(b'\n');
    }
    ensure!(text.len() <= SHARES_BYTES_MAX, "these are more than {SHARES_MAX} shares, or none");
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    Ok(lines.map(Secret::copied_from).collect())
}
