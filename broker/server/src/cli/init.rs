//! init: a root key, a store, the first administrator's grant, a commented configuration.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use broker_core::grant::{Grant, GrantId, Granted, Scope};
use broker_core::name::{BackendName, Principal, VaultName};
use broker_core::permission::Role;
use broker_core::port::{Change, Store as _};
use broker_core::vault::Vault;
use clap::Args;

use super::say;
use crate::config::RootKey;
use crate::root;

#[derive(Args)]
pub struct Init {
    /// Where to make everything; the folder may exist, a store in it may not
    dir: PathBuf,
    /// The component that is to hold keys; it is copied, and named by its SHA-256
    #[arg(long, value_name = "FILE")]
    plugin: PathBuf,
    /// A vault to begin with; may be given several times
    #[arg(long = "vault", value_name = "NAME")]
    vaults: Vec<String>,
    /// An administrator beside the uid that runs this; may be given several times
    #[arg(long = "admin", value_name = "PRINCIPAL")]
    admins: Vec<String>,
    /// A vault "v" is served under host "v.SUFFIX"
    #[arg(long, default_value = "kv.test", value_name = "SUFFIX")]
    host_suffix: String,
    /// Where Key Vault's API listens
    #[arg(long, default_value = "127.0.0.1:9443", value_name = "ADDRESS")]
    listen: std::net::SocketAddr,
    /// Where /metrics, /healthz and /readyz listen
    #[arg(long, default_value = "127.0.0.1:9464", value_name = "ADDRESS")]
    metrics_listen: std::net::SocketAddr,
    /// A folder made by `keybroker dev-pki`, to try out with
    #[arg(long, value_name = "DIR")]
    pki: Option<PathBuf>,
    /// Seal the store under this file's passphrase instead of a root.key file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Init {
    pub fn run(self) -> Result<()> {
        let uid = rustix::process::getuid().as_raw();
        let mut admins = vec![Principal::parse(&format!("local/uid:{uid}"))?];
        for admin in &self.admins {
            admins.push(Principal::parse(admin).with_context(|| format!("--admin {admin:?}"))?);
        }
        let vaults = self.vaults.iter().map(|name| VaultName::parse(name)).collect::<Result<Vec<_>, _>>()?;
        let config_file = self.dir.join("keybroker.toml");
        ensure!(
            !config_file.exists(),
            "{}: there is a configuration already; nothing was changed",
            config_file.display()
        );
        let component = std::fs::read(&self.plugin).with_context(|| format!("plugin {}", self.plugin.display()))?;
        let pki = self.pki.as_deref().map(std::path::absolute).transpose()?;
        std::fs::create_dir_all(self.dir.join("plugins")).with_context(|| self.dir.display().to_string())?;
        rustix::fs::chmod(&self.dir, rustix::fs::Mode::RWXU).with_context(|| self.dir.display().to_string())?;

        let root_key = match &self.passphrase_file {
            Some(path) => RootKey::PassphraseFile(std::path::absolute(path)?),
            None => RootKey::File(self.dir.join("root.key")),
        };
        let store = root::create_store(&self.dir.join("store.db"), &root_key)?;
        let now_s = i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs())?;
        let mut changes = Vec::new();
        for principal in &admins {
            changes.push(Change::PutGrant(first_grant(principal.clone(), admins[0].clone(), now_s)?));
        }
        for name in &vaults {
            changes.push(Change::PutVault(first_vault(name.clone(), now_s)?));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime
            .block_on(store.commit(changes))
            .map_err(|error| anyhow::anyhow!("the store could not be written: {error:?}"))?;
        drop(store);

        let copy = self.dir.join("plugins/software.wasm");
        std::fs::write(&copy, &component).with_context(|| copy.display().to_string())?;
        let digest = crate::hex(&broker_crypto::digest::sha256(&component));
        std::fs::write(&config_file, self.configuration(pki.as_deref(), &root_key, &digest))
            .with_context(|| config_file.display().to_string())?;
        self.tell(&config_file, &admins, &vaults)
    }

    fn tell(&self, config_file: &Path, admins: &[Principal], vaults: &[VaultName]) -> Result<()> {
        for admin in admins {
            say::line(format!("administrator: {admin}"))?;
        }
        for vault in vaults {
            say::line(format!("vault: {vault}, served under host {vault}.{}", self.host_suffix))?;
        }
        if self.passphrase_file.is_none() {
            let key = self.dir.join("root.key");
            say::line(format!(
                "root key: {} (mode 0600); without it the store cannot be opened: keep a copy elsewhere",
                key.display()
            ))?;
        }
        say::line(format!(
            "configuration: {}; look it over, then: keybroker serve {}",
            config_file.display(),
            config_file.display()
        ))
    }

    fn configuration(&self, pki: Option<&Path>, root_key: &RootKey, digest: &str) -> String {
        let pki = pki.map_or_else(|| "pki".to_owned(), |dir| dir.display().to_string());
        let root_key = match root_key {
            RootKey::PassphraseFile(path) => format!("{{ passphrase-file = {:?} }}", path.display().to_string()),
            RootKey::File(_) | RootKey::PassphraseEnvironment(_) => "{ file = \"root.key\" }".to_owned(),
        };
        TEMPLATE
            .replace("@PKI@", &pki)
            .replace("@ROOT_KEY@", &root_key)
            .replace("@LISTEN@", &self.listen.to_string())
            .replace("@METRICS_LISTEN@", &self.metrics_listen.to_string())
            .replace("@HOST_SUFFIX@", &self.host_suffix)
            .replace("@DIGEST@", digest)
    }
}

const TEMPLATE: &str = include_str!("keybroker.toml.template");

fn first_grant(principal: Principal, granted_by: Principal, now_s: i64) -> Result<Grant> {
    Ok(Grant {
        id: GrantId(broker_crypto::random::random()?),
        principal,
        granted: Granted::Role(Role::Administrator),
        scope: Scope::Broker,
        not_before_s: None,
        not_after_s: None,
        justification: "made by keybroker init".to_owned(),
        granted_by,
        approved_by: None,
        created_s: now_s,
    })
}

fn first_vault(name: VaultName, now_s: i64) -> Result<Vault> {
    Ok(Vault::new(name, BackendName::parse("software")?, now_s))
}
