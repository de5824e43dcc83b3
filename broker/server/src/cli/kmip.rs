//! kmip: the KMIP listener's trust and clients, and the key under which managed objects are kept, through the running broker.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::admin::{PinCommand, Reach, UNEXPECTED};
use super::say;
use crate::admin::client;
use crate::admin::wire::{Ask, Kmip, KmipClient, Reply};

#[derive(Args)]
pub struct KmipCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a new version of the key that a vault's managed objects are kept under; they are re-wrapped in the background
    RotateKek {
        vault: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Who is connected, whether their certificates hold, who is trusted, and how far a re-wrapping is
    Status {
        #[command(flatten)]
        reach: Reach,
    },
    /// Trust single client certificates by their SHA-256, self-signed ones such as vCenter's too
    Trust(PinCommand),
}

impl KmipCommand {
    pub fn run(self) -> Result<()> {
        match self.action {
            Action::RotateKek { vault, reach } => {
                let reply = client::ask(&reach.socket, &Ask::RotateKek { vault })?;
                let Reply::Kek { version } = &reply else { bail!(UNEXPECTED) };
                if reach.json {
                    return say::json(&reply);
                }
                say::line(format!(
                    "the KEK's newest version is {version}; `keybroker kmip status` shows how many objects wait to be re-wrapped"
                ))
            }
            Action::Status { reach } => status(&reach),
            Action::Trust(trust) => trust.run(),
        }
    }
}

fn status(reach: &Reach) -> Result<()> {
    let Reply::Kmip(kmip) = client::ask(&reach.socket, &Ask::KmipStatus {})? else { bail!(UNEXPECTED) };
    if reach.json {
        return say::json(&kmip);
    }
    match &kmip.listens {
        None => say::line("the configuration has no front.kmip")?,
        Some(address) => say::line(format!("listening on {address}, {} connected", kmip.connections))?,
    }
    let rows: Vec<_> = kmip.connected.iter().map(|one| row(&kmip, one)).collect();
    say::table(&["PRINCIPAL", "FROM", "CONNECTED FOR", "LAST MESSAGE", "CERTIFICATE"], &rows)?;
    for pin in &kmip.trusted {
        let there = kmip.connected.iter().any(|one| one.sha256 == pin.sha256);
        say::line(format!("trusted: pin/{}, {}", pin.name, if there { "connected" } else { "not connected" }))?;
    }
    for vault in &kmip.vaults {
        let waiting = vault.objects_waiting_rewrap;
        say::line(format!("vault {}: {waiting} objects wait to be re-wrapped under the newest KEK", vault.name))?;
    }
    Ok(())
}

fn row(kmip: &Kmip, one: &KmipClient) -> Vec<String> {
    let ago = |then: i64| format!("{} s", kmip.now.saturating_sub(then).max(0));
    let days = one.certificate_ends.saturating_sub(kmip.now) / 86_400;
    let certificate = if one.certificate_ends < kmip.now { "ended".to_owned() } else { format!("valid, {days} days") };
    let last = one.last_message.map_or_else(|| "none".to_owned(), |then| format!("{} ago", ago(then)));
    vec![one.principal.clone(), one.peer.clone(), ago(one.since), last, certificate]
}
