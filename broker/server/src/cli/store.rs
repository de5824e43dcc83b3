//! store backup, verify, restore: copies of the whole store, made by the running broker, put back while none runs.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use broker_store_sqlite::{CopyHead, Root, Wish, read_back, restore, verify_copy};
use clap::{Args, Subcommand};

use super::admin::Reach;
use super::say;
use crate::admin::client;
use crate::admin::wire::{Ask, Reply};
use crate::config::Config;
use crate::root;

#[derive(Args)]
pub struct StoreCommand {
    #[command(subcommand)]
    action: StoreAction,
}

#[derive(Subcommand)]
enum StoreAction {
    /// Have the running broker copy its store into a new file, sealed, and verified by opening every record
    Backup {
        /// The new file
        file: PathBuf,
        #[command(flatten)]
        reach: Reach,
    },
    /// Verify a copy by opening every record of it; changes nothing
    Verify {
        /// What `backup` made
        file: PathBuf,
        /// The configuration that names the root key
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Put a copy in the place of the store that a configuration names, while no broker runs; what is there is kept beside
    Restore {
        /// What `backup` made
        file: PathBuf,
        /// The configuration that names the store and its root key
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Also in the place of a later store, of another one, or of one that does not open
        #[arg(long)]
        older: bool,
    },
}

impl StoreCommand {
    pub fn run(self) -> Result<()> {
        match self.action {
            StoreAction::Backup { file, reach } => backup(&file, &reach),
            StoreAction::Verify { file, config } => verify(&file, &Config::read(&config)?),
            StoreAction::Restore { file, config, older } => put_back(&file, &Config::read(&config)?, older),
        }
    }
}

fn backup(path: &Path, reach: &Reach) -> Result<()> {
    let named = || path.display().to_string();
    ensure!(!path.exists(), "{}: there is a file already; nothing was changed", named());
    let (reply, mut stream) = client::ask_for_more(&reach.socket, &Ask::BackupStore {})?;
    let Reply::StoreCopy { bytes, generation, records } = reply else { bail!(super::admin::UNEXPECTED) };
    let mut file =
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path).with_context(named)?;
    let written = (|| {
        let copied = std::io::copy(&mut (&mut stream).take(bytes), &mut file)?;
        ensure!(copied == bytes, "the broker ended after {copied} of {bytes} bytes");
        file.sync_all()?;
        root::sync_folder_of(path)?;
        Ok(read_back(&mut File::open(path)?)?)
    })();
    if let Err(error) = written {
        // Half a copy is none.
        let _secondary = std::fs::remove_file(path);
        return Err(error).with_context(named);
    }
    if reach.json {
        return say::json(&Reply::StoreCopy { bytes, generation, records });
    }
    say::line(format!(
        "{}: {records} records of generation {generation}, {bytes} bytes, every record opened; keep the root key apart from it",
        path.display()
    ))
}

/// The root key with which a copy opens.
async fn root_of(path: &Path, config: &Config) -> Result<Root> {
    let head = CopyHead::read(&mut File::open(path)?)?;
    root::read(&config.store.root_key, &head.sealed_root()).await
}

fn verify(path: &Path, config: &Config) -> Result<()> {
    let named = || path.display().to_string();
    let root = super::block_on(root_of(path, config))?.with_context(named)?;
    let (head, records) = verify_copy(&mut File::open(path)?, path, &root).with_context(named)?;
    say::line(format!("{}: good; {records} records of generation {}", path.display(), head.generation))
}

fn put_back(path: &Path, config: &Config, older: bool) -> Result<()> {
    let named = || path.display().to_string();
    root::finish_replacement(&config.store)?;
    let root = super::block_on(root_of(path, config))?.with_context(named)?;
    let seen = crate::audit::generation_seen(&config.audit.dir, &config.checkpoint_copies_dir)?;
    let head = CopyHead::read(&mut File::open(path)?).with_context(named)?;
    let (uid, now_s) = (rustix::process::getuid().as_raw(), i64::try_from(root::now_s())?);
    let deed = format!(
        "restore-store by uid {uid} at {now_s}: a copy of generation {} made at {}, SHA-256 {}",
        head.generation,
        head.made_s,
        crate::hex(&head.body_sha256)
    );
    let wish = Wish { seen, older, deed: &deed, now_s };
    let restored = restore(&mut File::open(path)?, &config.store.path, &root, wish).with_context(named)?;
    if let Some(kept) = &restored.kept {
        say::line(format!("what was there before: {}", kept.display()))?;
    }
    say::line(format!(
        "{}: {} records of generation {} are back, as generation {}; the next start writes it into the audit",
        config.store.path.display(),
        restored.records,
        restored.head.generation,
        restored.generation
    ))
}
