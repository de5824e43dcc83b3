//! luks: LUKS2 volumes whose passphrase is random, wrapped by the broker and kept in the volume's own header.

mod cryptsetup;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::json;

use self::cryptsetup::{Header, Target, Volume};
use super::Reach;
use super::document::Document;
use super::key::Wrapping;
use super::material;
use crate::cli::say;

/// Bytes of the passphrase. It is random, so a key derivation has nothing to stretch.
const PASSPHRASE_BYTES: usize = 64;

#[derive(Args)]
pub struct LuksCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Give a volume a passphrase that the broker alone can unwrap
    Enrol(Enrol),
    /// Open a volume with the passphrase that the broker unwraps
    Open(Open),
}

impl LuksCommand {
    pub async fn run(self) -> Result<()> {
        match self.action {
            Action::Enrol(enrol) => enrol.run().await,
            Action::Open(open) => open.run().await,
        }
    }
}

#[derive(Args)]
#[group(id = "how", required = true, multiple = false, args = ["format", "existing_key_file"])]
struct Enrol {
    /// A block device or a file image
    volume: PathBuf,
    /// Make a new LUKS2 volume there; everything in it is lost
    #[arg(long)]
    format: bool,
    /// A key file that opens the volume now; its passphrase stays beside the new one
    #[arg(long, value_name = "FILE")]
    existing_key_file: Option<PathBuf>,
    #[command(flatten)]
    wrapping: Wrapping,
    #[command(flatten)]
    reach: Reach,
}

impl Enrol {
    async fn run(self) -> Result<()> {
        let volume = Volume::at(&self.volume)?;
        // The broker is asked first: without its answer nothing is changed.
        let passphrase = broker_crypto::random::secret(PASSPHRASE_BYTES)?;
        let slot = match (&self.existing_key_file, self.format) {
            (None, true) => {
                ensure!(!volume.is_luks(), "{}: is a LUKS volume already; wipe it first", self.volume.display());
                0
            }
            (Some(_), false) => volume.header()?.free_slot()?,
            _ => bail!("say either --format or --existing-key-file"),
        };
        let document = self.wrapping.wrap(&self.reach.vault()?, &passphrase).await?;
        match &self.existing_key_file {
            None => volume.format(&passphrase)?,
            Some(existing) => volume.add_key(existing, &passphrase, slot)?,
        }
        if let Err(error) = volume.import_token(&document, slot) {
            // A passphrase that nobody can unwrap must not stay; a volume just made has nothing to lose.
            if !self.format
                && let Err(second) = volume.kill_slot(slot)
            {
                bail!("{error:#}; nor could slot {slot} be cleared: {second:#}");
            }
            return Err(error);
        }
        if self.reach.json {
            return say::json(
                &json!({ "volume": self.volume, "slot": slot, "kid": document.kid, "alg": document.alg }),
            );
        }
        say::line(format!("{}: slot {slot} opens with what {} unwraps", self.volume.display(), document.kid))
    }
}

#[derive(Args)]
#[group(id = "what", required = true, multiple = false, args = ["name", "test"])]
struct Open {
    /// A block device or a file image
    volume: PathBuf,
    /// Open it as /dev/mapper/NAME
    #[arg(long)]
    name: Option<String>,
    /// Only see whether it would open
    #[arg(long)]
    test: bool,
    #[command(flatten)]
    reach: Reach,
}

impl Open {
    async fn run(self) -> Result<()> {
        let volume = Volume::at(&self.volume)?;
        let target = match &self.name {
            Some(name) => Target::named(name)?,
            None => Target::Test,
        };
        let tokens = volume.header()?.tokens();
        ensure!(!tokens.is_empty(), "{}: no token of the broker's; enrol it first", self.volume.display());
        let mut failures = Vec::new();
        for token in tokens {
            match self.try_token(&volume, &target, &token).await {
                Ok(()) => return self.tell(&token),
                Err(error) => failures.push(format!("token {}: {error:#}", token.id)),
            }
        }
        bail!("{}: {}", self.volume.display(), failures.join("; "))
    }

    async fn try_token(&self, volume: &Volume, target: &Target, token: &Token) -> Result<()> {
        let (document, kid) = Document::parse(token.json.to_string().as_bytes())?;
        let opened = self.reach.vault_of(&kid)?.unwrap_key(&kid.key, &document).await?;
        volume.open(&material::decode(&opened.secret)?, &token.slot, target)
    }

    fn tell(&self, token: &Token) -> Result<()> {
        if self.reach.json {
            return say::json(
                &json!({ "volume": self.volume, "slot": token.slot, "token": token.id, "name": self.name }),
            );
        }
        match &self.name {
            Some(name) => say::line(format!("{}: open as /dev/mapper/{name}", self.volume.display())),
            None => say::line(format!("{}: slot {} would open", self.volume.display(), token.slot)),
        }
    }
}

/// A token of ours in a volume's header.
struct Token {
    id: String,
    slot: String,
    json: serde_json::Value,
}

impl Header {
    /// Our tokens, the newest first.
    fn tokens(&self) -> Vec<Token> {
        let ours = |(id, json): (&String, &serde_json::Value)| {
            let slot = json["keyslots"][0].as_str().filter(|_| json["type"] == cryptsetup::TOKEN_TYPE)?;
            Some(Token { id: id.clone(), slot: slot.to_owned(), json: json.clone() })
        };
        let mut tokens: Vec<_> = self.0["tokens"].as_object().into_iter().flatten().filter_map(ours).collect();
        tokens.sort_by_key(|token| std::cmp::Reverse(token.id.parse::<u32>().unwrap_or(0)));
        tokens
    }

    /// The lowest slot that holds no key (LUKS2 has 32).
    fn free_slot(&self) -> Result<u32> {
        let taken = |slot: &u32| !self.0["keyslots"][slot.to_string()].is_null();
        (0..32).find(|slot| !taken(slot)).context("all 32 key slots are taken")
    }
}
