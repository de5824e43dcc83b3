//! sidecar: lets local programs that cannot show a client certificate use a broker, with the certificate of this process.
//!
//! Any local process could borrow that identity, so nothing passes without a token, and a token is given only to who knows
//! the secret in a file of mode 0600. It looks like a managed identity of Azure's, or like a client secret; see `identity`.

mod door;
mod identity;
mod proxy;
mod token;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use self::door::{Address, Bounds, Door};
use self::identity::Identity;
use self::proxy::{Hosts, Proxy};
use self::token::Tokens;
use super::say;
use super::upstream::Credentials;

#[derive(Args)]
pub struct Sidecar {
    /// Where local programs connect: a loopback ADDRESS:PORT, or unix:PATH (mode 0600)
    #[arg(long, env = "KEYBROKER_SIDECAR_LISTEN", value_name = "ADDRESS")]
    listen: Address,
    /// Speak TLS to them with this certificate (PEM); most Key Vault clients ask for https
    #[arg(long, env = "KEYBROKER_SIDECAR_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, env = "KEYBROKER_SIDECAR_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The broker's Key Vault front
    #[arg(long, env = "KEYBROKER_SIDECAR_UPSTREAM", value_name = "HOST:PORT")]
    upstream: String,
    #[command(flatten)]
    credentials: Credentials,
    /// A vault's host name that may be asked for; may be given several times. Programs name it in their URL, with our port
    #[arg(long = "vault-host", value_name = "HOST", required = true)]
    vault_hosts: Vec<String>,
    /// A file of mode 0600 with the secret that opens the token endpoints, 32 characters or more
    #[arg(long, env = "KEYBROKER_SIDECAR_SECRET_FILE", value_name = "FILE")]
    secret_file: PathBuf,
    /// The tenant in the challenge and in the token endpoints' paths. For any but "adfs" some clients ask Microsoft's servers
    #[arg(long, default_value = "adfs")]
    tenant: String,
    /// Most connections at once; more wait
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections_max: u16,
    /// Most bytes of a request's body
    #[arg(long, default_value_t = 2 << 20, value_parser = clap::value_parser!(u32).range(1024..=16 << 20))]
    body_bytes_max: u32,
    /// Longest time for one request, and for the head of the next
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u32).range(1..=600_000))]
    request_ms_max: u32,
}

/// One line on stdout once it serves.
#[derive(Serialize)]
struct Ready {
    ready: bool,
    sidecar: String,
    pid: u32,
}

impl Sidecar {
    /// Serves until SIGTERM or SIGINT.
    pub fn run(self) -> Result<()> {
        let log = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_writer(std::io::stderr)
            .with_ansi(false);
        log.try_init().map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))?;
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(self.serve())
    }

    async fn serve(self) -> Result<()> {
        let tenant = &self.tenant;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        ensure!(
            (1..=64).contains(&tenant.len()) && tenant.bytes().all(plain),
            "tenant {tenant:?} must be letters, digits, dots and hyphens"
        );
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Some(door::tls(cert, key)?),
            _ => None,
        };
        let tokens = Tokens::read(&self.secret_file)?;
        let identity =
            Identity { tokens, tenant: self.tenant.clone(), scheme: if tls.is_some() { "https" } else { "http" } };
        let proxy = Arc::new(Proxy::new(
            identity,
            Hosts::new(&self.vault_hosts)?,
            self.credentials.read()?,
            self.upstream.clone(),
            usize::try_from(self.body_bytes_max)?,
        ));
        let bounds = Bounds {
            connections_max: self.connections_max.into(),
            request_max: Duration::from_millis(self.request_ms_max.into()),
        };
        // Before anyone can know that we are there.
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let door = Door::bind(&self.listen)?;
        let ready = Ready { ready: true, sidecar: door.address()?, pid: std::process::id() };
        let (stop, stopping) = watch::channel(false);
        let serving = tokio::spawn(door.run(tls, bounds, proxy, stopping));
        tracing::info!(sidecar = ready.sidecar, upstream = self.upstream, "ready");
        // Whoever started us may have closed its end; that is no reason not to serve.
        let _gone = say::json(&ready);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.send_replace(true);
        serving.await.context("a bug on our side")
    }
}
