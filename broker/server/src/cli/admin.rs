//! grant, revoke, grants, pin, key, doctor, clock: through the running broker's socket, never past it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};

use super::say;
use crate::admin::client;
use crate::admin::wire::{Ask, Grant, Pin, Reply};

/// How to reach the running broker.
#[derive(Args)]
pub struct Reach {
    /// The running broker's admin socket
    #[arg(long, env = "KEYBROKER_SOCKET", value_name = "PATH", default_value = "/run/keybroker/admin.sock")]
    pub socket: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct GrantCommand {
    /// Who is to get the right: ca-name/type:value, pin/name, identity/name or local/uid:N
    #[arg(long)]
    principal: String,
    /// A built-in role, such as "Key Vault Crypto User" or crypto-user
    #[arg(long, conflicts_with = "permissions", required_unless_present = "permissions")]
    role: Option<String>,
    /// Single permissions instead of a role, such as get,wrapKey
    #[arg(long, value_delimiter = ',')]
    permissions: Vec<String>,
    /// / for the whole broker, /vault or /vault/key
    #[arg(long)]
    scope: String,
    /// First second of the grant (Unix seconds)
    #[arg(long, value_name = "SECONDS")]
    not_before: Option<i64>,
    /// Last second of the grant (Unix seconds)
    #[arg(long, value_name = "SECONDS")]
    not_after: Option<i64>,
    /// Why; it is kept with the grant
    #[arg(long, default_value = "")]
    justification: String,
    #[command(flatten)]
    reach: Reach,
}

impl GrantCommand {
    pub fn run(self) -> Result<()> {
        let ask = Ask::CreateGrant {
            principal: self.principal,
            role: self.role,
            permissions: self.permissions,
            scope: self.scope,
            not_before: self.not_before,
            not_after: self.not_after,
            justification: self.justification,
        };
        match client::ask(&self.reach.socket, &ask)? {
            Reply::Elevations(waiting) if !self.reach.json => {
                print_grants(&waiting)?;
                say::line("it waits for another administrator: keybroker grants approve ID")
            }
            Reply::Elevations(grants) | Reply::Grants(grants) if self.reach.json => say::json(&grants),
            Reply::Grants(grants) => print_grants(&grants),
            _ => bail!(UNEXPECTED),
        }
    }
}

#[derive(Args)]
pub struct Revoke {
    /// The grant's id, as `grants` shows it
    id: String,
    #[command(flatten)]
    reach: Reach,
}

impl Revoke {
    pub fn run(self) -> Result<()> {
        done(
            &self.reach,
            &Ask::RemoveGrant { id: self.id },
            "revoked; no request decided under it is under way any more",
        )
    }
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Grants {
    #[command(subcommand)]
    action: Option<GrantsAction>,
    #[command(flatten)]
    shown: Shown,
}

/// What to show, and how.
#[derive(Args)]
struct Shown {
    /// / for the whole broker, /vault or /vault/key
    #[arg(long, default_value = "/")]
    scope: String,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Subcommand)]
enum GrantsAction {
    /// Show the grants that wait for a second administrator's approval
    Pending {
        #[command(flatten)]
        shown: Shown,
    },
    /// Put a grant in force that waits; not by who asked for it, nor by who gets it
    Approve {
        /// Its id, as `grants pending` shows it
        id: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// End a grant that waits
    Deny {
        /// Its id, as `grants pending` shows it
        id: String,
        #[command(flatten)]
        reach: Reach,
    },
}

impl Grants {
    pub fn run(self) -> Result<()> {
        match self.action {
            None => show_grants(&self.shown.reach, &Ask::ListGrants { scope: self.shown.scope }),
            Some(GrantsAction::Pending { shown }) => {
                show_grants(&shown.reach, &Ask::ListElevations { scope: shown.scope })
            }
            Some(GrantsAction::Approve { id, reach }) => show_grants(&reach, &Ask::ApproveElevation { id }),
            Some(GrantsAction::Deny { id, reach }) => {
                done(&reach, &Ask::DenyElevation { id }, "denied; it was never in force")
            }
        }
    }
}

#[derive(Args)]
pub struct PinCommand {
    #[command(subcommand)]
    action: PinAction,
}

#[derive(Subcommand)]
enum PinAction {
    /// Trust a certificate as principal pin/NAME
    Add {
        name: String,
        /// The certificate, PEM or DER; its first certificate is pinned
        #[arg(long, conflicts_with = "sha256", required_unless_present = "sha256")]
        certificate: Option<PathBuf>,
        /// Its SHA-256, 64 hexadecimal digits
        #[arg(long)]
        sha256: Option<String>,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show the pins
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Stop trusting; its connections are closed
    Remove {
        name: String,
        #[command(flatten)]
        reach: Reach,
    },
}

impl PinCommand {
    pub fn run(self) -> Result<()> {
        match self.action {
            PinAction::Add { name, certificate, sha256, reach } => {
                let sha256 = match (certificate, sha256) {
                    (Some(file), _) => fingerprint(&file)?,
                    (None, Some(digits)) => digits.replace(':', ""),
                    (None, None) => bail!("name the certificate or its SHA-256"),
                };
                show_pins(&reach, &Ask::CreatePin { name, sha256 })
            }
            PinAction::List { reach } => show_pins(&reach, &Ask::ListPins {}),
            PinAction::Remove { name, reach } => {
                done(&reach, &Ask::RemovePin { name }, "removed; its connections are being closed")
            }
        }
    }
}

#[derive(Args)]
pub struct KeyCommand {
    #[command(subcommand)]
    action: KeyAction,
}

#[derive(Subcommand)]
enum KeyAction {
    /// Set a delete lock: the key cannot be deleted until it is lifted
    Lock {
        /// /vault/key
        key: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Lift a delete lock
    Unlock {
        /// /vault/key
        key: String,
        #[command(flatten)]
        reach: Reach,
    },
}

impl KeyCommand {
    pub fn run(self) -> Result<()> {
        let (key, lock, reach, words) = match self.action {
            KeyAction::Lock { key, reach } => {
                (key, true, reach, "locked; it cannot be deleted until the lock is lifted")
            }
            KeyAction::Unlock { key, reach } => (key, false, reach, "unlocked; it can be deleted"),
        };
        let (vault, key) = vault_and_key(&key)?;
        done(&reach, &Ask::LockKey { vault, key, lock }, words)
    }
}

fn vault_and_key(path: &str) -> Result<(String, String)> {
    match path.strip_prefix('/').and_then(|path| path.split_once('/')) {
        Some((vault, key)) => Ok((vault.to_owned(), key.to_owned())),
        None => bail!("{path:?} must be /vault/key"),
    }
}

#[derive(Args)]
pub struct Doctor {
    /// Who cannot use the key: ca-name/type:value, pin/name or local/uid:N
    #[arg(long)]
    principal: String,
    /// /vault/key
    #[arg(long)]
    key: String,
    #[command(flatten)]
    reach: Reach,
}

impl Doctor {
    pub fn run(self) -> Result<()> {
        let (vault, key) = vault_and_key(&self.key)?;
        let ask = Ask::Examine { principal: self.principal, vault, key };
        let Reply::Findings(findings) = client::ask(&self.reach.socket, &ask)? else { bail!(UNEXPECTED) };
        if self.reach.json {
            return say::json(&findings);
        }
        for finding in &findings {
            say::line(format!("{}  {}: {}", if finding.good { "ok " } else { "BAD" }, finding.step, finding.found))?;
            if let Some(mend) = &finding.mend {
                say::line(format!("       mend: {mend}"))?;
            }
        }
        let bad = findings.iter().filter(|finding| !finding.good).count();
        say::line(if bad == 0 { "nothing stands in its way here".to_owned() } else { format!("{bad} to mend") })
    }
}

#[derive(Args)]
pub struct ClockCommand {
    #[command(subcommand)]
    action: ClockAction,
}

#[derive(Subcommand)]
enum ClockAction {
    /// The clock is right: purge and rotation go on
    Accept {
        #[command(flatten)]
        reach: Reach,
    },
}

impl ClockCommand {
    pub fn run(self) -> Result<()> {
        let ClockAction::Accept { reach } = self.action;
        let reply = client::ask(&reach.socket, &Ask::AcceptClock {})?;
        if reach.json {
            return say::json(&reply);
        }
        let Reply::Clock { was_suspended } = reply else { bail!(UNEXPECTED) };
        say::line(if was_suspended { "accepted; purge and rotation go on" } else { "accepted; nothing was suspended" })
    }
}

fn fingerprint(file: &Path) -> Result<String> {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let der = CertificateDer::from_pem_slice(&bytes).map_or(bytes, |certificate| certificate.to_vec());
    Ok(crate::hex(&broker_crypto::digest::sha256(&der)))
}

pub fn done(reach: &Reach, ask: &Ask, words: &str) -> Result<()> {
    let reply = client::ask(&reach.socket, ask)?;
    if reach.json { say::json(&reply) } else { say::line(words) }
}

fn show_grants(reach: &Reach, ask: &Ask) -> Result<()> {
    let (Reply::Grants(grants) | Reply::Elevations(grants)) = client::ask(&reach.socket, ask)? else {
        bail!(UNEXPECTED)
    };
    if reach.json { say::json(&grants) } else { print_grants(&grants) }
}

fn print_grants(grants: &[Grant]) -> Result<()> {
    let row = |grant: &Grant| {
        let time = |second: Option<i64>| second.map_or_else(|| "-".to_owned(), |second| second.to_string());
        vec![
            grant.id.clone(),
            grant.principal.clone(),
            grant.scope.clone(),
            grant.role.clone().unwrap_or_else(|| grant.permissions.join(",")),
            time(grant.not_before),
            time(grant.not_after),
            grant.granted_by.clone(),
        ]
    };
    let rows: Vec<_> = grants.iter().map(row).collect();
    say::table(&["ID", "PRINCIPAL", "SCOPE", "ROLE OR PERMISSIONS", "FROM", "UNTIL", "GRANTED BY"], &rows)
}

fn show_pins(reach: &Reach, ask: &Ask) -> Result<()> {
    let Reply::Pins(pins) = client::ask(&reach.socket, ask)? else { bail!(UNEXPECTED) };
    if reach.json {
        return say::json(&pins);
    }
    let row = |pin: &Pin| vec![format!("pin/{}", pin.name), pin.sha256.clone(), pin.pinned_by.clone()];
    let rows: Vec<_> = pins.iter().map(row).collect();
    say::table(&["PRINCIPAL", "SHA-256", "PINNED BY"], &rows)
}

/// For a reply of another kind than was asked for.
pub const UNEXPECTED: &str = "the broker gave another reply than was asked for; are both of the same version?";
