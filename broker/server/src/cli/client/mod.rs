//! client: for people and scripts, the Key Vault API over mutual TLS, as any other client uses it.

mod document;
mod elevation;
mod key;
mod luks;
mod material;
mod rewrap;
mod sign_csr;
mod vault;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};

use self::document::KeyPath;
use self::vault::Vault;
use super::upstream::{Credentials, Origin, Upstream};

#[derive(Args)]
pub struct ClientCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Put a grant of the vault in force that waits for a second administrator
    Approve(elevation::Decision),
    /// Draw a fresh data key here and wrap it
    DataKey(key::DataKey),
    /// End a grant of the vault that waits for a second administrator
    Deny(elevation::Decision),
    /// Show a key
    Get(key::Get),
    /// Open LUKS2 volumes with keys that the broker unwraps
    Luks(luks::LuksCommand),
    /// Show the grants of the vault that wait for a second administrator
    Pending(elevation::Pending),
    /// Move a JSON-lines file of wrapped values to the newest version of their keys
    Rewrap(rewrap::Rewrap),
    /// Make a new version of a key
    Rotate(key::Rotate),
    /// Sign a client's certificate request with a CA's key, here and without a broker
    SignCsr(sign_csr::SignCsr),
    /// Unwrap what wrap or data-key wrapped
    Unwrap(key::Unwrap),
    /// Wrap a secret from a file or stdin
    Wrap(key::Wrap),
}

impl ClientCommand {
    pub fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            match self.action {
                Action::Approve(command) => command.approve().await,
                Action::DataKey(command) => command.run().await,
                Action::Deny(command) => command.deny().await,
                Action::Get(command) => command.run().await,
                Action::Luks(command) => command.run().await,
                Action::Pending(command) => command.run().await,
                Action::Rewrap(command) => command.run().await,
                Action::Rotate(command) => command.run().await,
                Action::SignCsr(command) => command.run(),
                Action::Unwrap(command) => command.run().await,
                Action::Wrap(command) => command.run().await,
            }
        })
    }
}

/// How to reach a vault.
#[derive(Args)]
pub struct Reach {
    /// The vault: https://HOST[:PORT]; commands that read wrapped values find it there when it is left out
    #[arg(long, env = "KEYBROKER_URL")]
    url: Option<String>,
    #[command(flatten)]
    credentials: Credentials,
    /// Connect here instead of to the address that the URL's host resolves to
    #[arg(long, env = "KEYBROKER_CONNECT", value_name = "HOST:PORT")]
    connect: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Reach {
    /// The vault of `--url`.
    fn vault(&self) -> Result<Vault> {
        self.at(self.origin()?.context("name the vault with --url or KEYBROKER_URL")?)
    }

    /// The vault of a wrapped value. The name must be that of `--url`, if one is given; the port may have changed since.
    fn vault_of(&self, kid: &KeyPath) -> Result<Vault> {
        let Some(origin) = self.origin()? else { return self.at(kid.origin.clone()) };
        let (host, wrapped_at) = (&origin.host, &kid.origin.host);
        ensure!(host == wrapped_at, "the value was wrapped in vault {wrapped_at}, but --url names {host}");
        self.at(origin)
    }

    fn origin(&self) -> Result<Option<Origin>> {
        self.url.as_deref().map(|url| Origin::parse(url).context("--url")).transpose()
    }

    fn at(&self, origin: Origin) -> Result<Vault> {
        let target = self.connect.clone().unwrap_or_else(|| format!("{}:{}", origin.host, origin.port));
        let upstream = Upstream { tls: self.credentials.read()?, server_name: origin.host.clone(), target };
        Ok(Vault::new(upstream, origin))
    }
}
