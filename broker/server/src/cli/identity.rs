//! identity: principals of the broker's own making, through the running broker's socket.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::admin::{Reach, UNEXPECTED, done};
use super::say;
use crate::admin::client;
use crate::admin::wire::{Ask, Identity, Reply};

#[derive(Args)]
pub struct IdentityCommand {
    #[command(subcommand)]
    action: IdentityAction,
}

#[derive(Subcommand)]
enum IdentityAction {
    /// Make an identity; grants to identity/NAME can be made at once
    Create {
        /// 1 to 32 lower-case letters, digits and hyphens
        name: String,
        /// What it is to end with, pin/NAME or /vault/key; without one, it stays until it is deleted
        #[arg(long)]
        resource: Option<String>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Let a principal act as an identity: it gets all that the identity was granted
    Assign {
        name: String,
        /// ca-name/type:value, pin/name or local/uid:N
        #[arg(long)]
        principal: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// End that a principal acts as an identity
    Unassign {
        name: String,
        #[arg(long)]
        principal: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show the identities
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// End an identity with all its grants
    Delete {
        name: String,
        #[command(flatten)]
        reach: Reach,
    },
}

impl IdentityCommand {
    pub fn run(self) -> Result<()> {
        match self.action {
            IdentityAction::Create { name, resource, reach } => show(&reach, &Ask::CreateIdentity { name, resource }),
            IdentityAction::Assign { name, principal, reach } => show(&reach, &Ask::AssignIdentity { name, principal }),
            IdentityAction::Unassign { name, principal, reach } => {
                show(&reach, &Ask::UnassignIdentity { name, principal })
            }
            IdentityAction::List { reach } => show(&reach, &Ask::ListIdentities {}),
            IdentityAction::Delete { name, reach } => done(
                &reach,
                &Ask::DeleteIdentity { name },
                "deleted with its grants; no request decided under them is under way any more",
            ),
        }
    }
}

fn show(reach: &Reach, ask: &Ask) -> Result<()> {
    let Reply::Identities(identities) = client::ask(&reach.socket, ask)? else { bail!(UNEXPECTED) };
    if reach.json {
        return say::json(&identities);
    }
    let row = |identity: &Identity| {
        vec![
            identity.principal.clone(),
            identity.resource.clone().unwrap_or_else(|| "-".to_owned()),
            if identity.assigned.is_empty() { "nobody".to_owned() } else { identity.assigned.join(",") },
            identity.created_by.clone(),
        ]
    };
    let rows: Vec<_> = identities.iter().map(row).collect();
    say::table(&["PRINCIPAL", "ENDS WITH", "ASSIGNED TO", "CREATED BY"], &rows)
}
