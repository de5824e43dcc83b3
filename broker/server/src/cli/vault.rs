//! vault: make, change, show, lock, delete, recover, purge; through the running broker's socket.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};

use super::admin::{Reach, UNEXPECTED, done};
use super::say;
use crate::admin::client;
use crate::admin::wire::{Ask, Rate, Reply, Vault};

#[derive(Args)]
pub struct VaultCommand {
    #[command(subcommand)]
    action: VaultAction,
}

#[derive(Subcommand)]
enum VaultAction {
    /// Make a vault
    Create {
        /// 3 to 24 lower-case letters, digits and hyphens
        name: String,
        /// Where its keys live
        #[arg(long, default_value = "software")]
        backend: String,
        /// Where its keys of an -HSM kty live
        #[arg(long)]
        hsm_backend: Option<String>,
        /// How long a deleted key, or the deleted vault, can be recovered, 7 to 90
        #[arg(long)]
        soft_delete_days: Option<u16>,
        /// Purge nothing before its time; cannot be taken back
        #[arg(long)]
        purge_protection: bool,
        /// Leave each grant that touches it waiting for a second administrator; cannot be taken back
        #[arg(long)]
        elevation_approval: bool,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        reach: Reach,
    },
    /// Soft-delete a vault with all its keys; it can be recovered until it is purged
    Delete(Named),
    /// Show the vaults, deleted ones too
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Set a delete lock: the vault cannot be deleted until it is lifted
    Lock(Named),
    /// Destroy a deleted vault for good, with every key in it
    Purge(Named),
    /// Bring a deleted vault back, with all its keys
    Recover(Named),
    /// Lift a delete lock
    Unlock(Named),
    /// Change a vault
    Update {
        name: String,
        #[arg(long)]
        hsm_backend: Option<String>,
        /// Purge nothing before its time; cannot be taken back
        #[arg(long)]
        purge_protection: bool,
        /// Leave each grant that touches it waiting for a second administrator; cannot be taken back
        #[arg(long)]
        elevation_approval: bool,
        #[command(flatten)]
        settings: Settings,
        /// Take requests from every network again
        #[arg(long, conflicts_with = "network")]
        any_network: bool,
        /// Take all tags away
        #[arg(long, conflicts_with = "tag")]
        no_tags: bool,
        /// The broker's own rate again
        #[arg(long, conflicts_with = "operations_per_10s")]
        no_rate: bool,
        #[command(flatten)]
        reach: Reach,
    },
}

#[derive(Args)]
struct Named {
    name: String,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Args)]
struct Settings {
    /// Take requests from this network alone, such as 10.0.0.0/8 or fd00::/8; all of them are given at once
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    network: Vec<String>,
    /// A tag; all of them are given at once
    #[arg(long, value_name = "NAME=VALUE")]
    tag: Vec<String>,
    /// How many operations each principal may ask for in 10 s here
    #[arg(long = "operations-per-10s", value_name = "N", requires = "operations_burst")]
    operations_per_10s: Option<u32>,
    /// How many of them at once, after a pause
    #[arg(long, value_name = "N", requires = "operations_per_10s")]
    operations_burst: Option<u32>,
}

impl Settings {
    fn tags(&self) -> Result<BTreeMap<String, String>> {
        let mut tags = BTreeMap::new();
        for tag in &self.tag {
            let (name, value) = tag.split_once('=').with_context(|| format!("tag {tag:?} must be NAME=VALUE"))?;
            if tags.insert(name.to_owned(), value.to_owned()).is_some() {
                bail!("tag {name:?} is given twice");
            }
        }
        Ok(tags)
    }

    fn rate(&self) -> Option<Rate> {
        let (operations_per_10s, operations_burst) = self.operations_per_10s.zip(self.operations_burst)?;
        Some(Rate { operations_per_10s, operations_burst })
    }
}

impl VaultCommand {
    pub fn run(self) -> Result<()> {
        match self.action {
            VaultAction::Create {
                name,
                backend,
                hsm_backend,
                soft_delete_days,
                purge_protection,
                elevation_approval,
                settings,
                reach,
            } => {
                let (tags, rate, networks) = (settings.tags()?, settings.rate(), settings.network);
                let ask = Ask::CreateVault {
                    name,
                    backend,
                    hsm_backend,
                    soft_delete_days,
                    purge_protection,
                    elevation_approval,
                    networks,
                    tags,
                    rate,
                };
                show(&reach, &ask)
            }
            VaultAction::Delete(Named { name, reach }) => show(&reach, &Ask::DeleteVault { name }),
            VaultAction::List { reach } => show(&reach, &Ask::ListVaults {}),
            VaultAction::Lock(Named { name, reach }) => show(&reach, &Ask::LockVault { name, lock: true }),
            VaultAction::Purge(Named { name, reach }) => {
                done(&reach, &Ask::PurgeVault { name }, "purged, with every key and every grant in it")
            }
            VaultAction::Recover(Named { name, reach }) => show(&reach, &Ask::RecoverVault { name }),
            VaultAction::Unlock(Named { name, reach }) => show(&reach, &Ask::LockVault { name, lock: false }),
            VaultAction::Update {
                name,
                hsm_backend,
                purge_protection,
                elevation_approval,
                settings,
                any_network,
                no_tags,
                no_rate,
                reach,
            } => {
                let (tags, rate) = (settings.tags()?, settings.rate());
                let networks = (any_network || !settings.network.is_empty()).then_some(settings.network);
                let ask = Ask::UpdateVault {
                    name,
                    hsm_backend,
                    purge_protection: purge_protection.then_some(true),
                    elevation_approval: elevation_approval.then_some(true),
                    networks,
                    tags: (no_tags || !tags.is_empty()).then_some(tags),
                    rate,
                    no_rate,
                };
                show(&reach, &ask)
            }
        }
    }
}

fn show(reach: &Reach, ask: &Ask) -> Result<()> {
    let Reply::Vaults(vaults) = client::ask(&reach.socket, ask)? else { bail!(UNEXPECTED) };
    if reach.json {
        return say::json(&vaults);
    }
    let on = |on: bool| if on { "on" } else { "off" }.to_owned();
    let row = |vault: &Vault| {
        vec![
            vault.name.clone(),
            vault.purge.map_or_else(|| vault.state.clone(), |purge| format!("{}, purge at {purge}", vault.state)),
            vault.backend.clone(),
            vault.hsm_backend.clone().unwrap_or_else(|| "-".to_owned()),
            format!("{} days", vault.soft_delete_days),
            on(vault.purge_protection),
            on(vault.elevation_approval),
            on(vault.delete_lock),
            if vault.networks.is_empty() { "any".to_owned() } else { vault.networks.join(",") },
            vault.rate.map_or_else(
                || "-".to_owned(),
                |rate| format!("{} in 10 s, {} at once", rate.operations_per_10s, rate.operations_burst),
            ),
            vault.tags.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "),
        ]
    };
    let rows: Vec<_> = vaults.iter().map(row).collect();
    let heads = [
        "VAULT",
        "STATE",
        "BACKEND",
        "HSM BACKEND",
        "SOFT DELETE",
        "PURGE PROTECTION",
        "ELEVATION APPROVAL",
        "DELETE LOCK",
        "NETWORKS",
        "RATE",
        "TAGS",
    ];
    say::table(&heads, &rows)
}
