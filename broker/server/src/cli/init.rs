//! init: a root key, a store, the first administrator's grant, a commented configuration.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use broker_core::grant::{Grant, GrantId, Granted, Scope};
use broker_core::name::{BackendName, Principal, VaultName};
use broker_core::permission::Role;
use broker_core::port::{Change, Store as _};
use broker_core::secret::Secret;
use broker_core::vault::Vault;
use broker_crypto::share::Quorum;
use broker_store_sqlite::{Options, Root, SqliteStore};
use clap::{Args, ValueEnum};

use super::root::SHARES_OF_TOKENS;
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
    #[command(flatten)]
    root: InitRoot,
}

/// Where the root key is to be, if not in a file of its own.
#[derive(Args)]
struct InitRoot {
    /// Where the root key is kept: in a file, or sealed by a key in a PKCS#11 token
    #[arg(long, value_enum, default_value = "file", conflicts_with = "passphrase_file")]
    root_key: RootKind,
    /// Begin with this file's root key: brokers that began with the same one open each other's key backups
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_file")]
    root_key_from: Option<PathBuf>,
    /// The token's PKCS#11 module
    #[arg(long, value_name = "FILE", required_if_eq("root_key", "pkcs11"))]
    root_module: Option<PathBuf>,
    /// The token's label
    #[arg(long, value_name = "LABEL", required_if_eq("root_key", "pkcs11"))]
    root_token: Option<String>,
    /// A file with the token's PIN
    #[arg(long, value_name = "FILE", conflicts_with = "root_pin_env")]
    root_pin_file: Option<PathBuf>,
    /// The environment variable that holds the token's PIN
    #[arg(long, value_name = "NAME")]
    root_pin_env: Option<String>,
    /// What the module finds in its environment; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    root_environment: Vec<String>,
    /// Print the root key as shares, any 3 of the 5 of which bring it back; a token's is always printed so
    #[arg(long, value_name = "3-of-5", value_parser = super::root::quorum, conflicts_with = "passphrase_file")]
    shares: Option<Quorum>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RootKind {
    File,
    Pkcs11,
}

impl InitRoot {
    /// The root-key of a token, as the configuration says it.
    fn token(&self) -> Result<toml::Table> {
        let text =
            |path: &Path| Ok::<_, anyhow::Error>(toml::Value::from(std::path::absolute(path)?.display().to_string()));
        let mut token = toml::Table::new();
        token.insert("module".into(), text(self.root_module.as_deref().context("--root-module")?)?);
        token.insert("label".into(), self.root_token.clone().context("--root-token")?.into());
        match (&self.root_pin_file, &self.root_pin_env) {
            (Some(file), None) => token.insert("pin-file".into(), text(file)?),
            (None, Some(variable)) => token.insert("pin-env".into(), variable.clone().into()),
            _ => bail!("the token's PIN comes from --root-pin-file or from --root-pin-env, one of them"),
        };
        let mut environment = toml::Table::new();
        for pair in &self.root_environment {
            let (name, value) = pair.split_once('=').with_context(|| format!("{pair:?} must be NAME=VALUE"))?;
            environment.insert(name.to_owned(), value.into());
        }
        if !environment.is_empty() {
            token.insert("environment".into(), environment.into());
        }
        Ok(token)
    }
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
            None if self.root.root_key == RootKind::Pkcs11 => {
                crate::config::root_key_of_token(self.root.token()?, &std::path::absolute(&self.dir)?)?
            }
            None => RootKey::File(self.dir.join("root.key")),
        };
        let (store, shares) = self.create_store(&root_key)?;
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
        super::root::print_shares(&shares)?;
        drop(shares);

        let copy = self.dir.join("plugins/software.wasm");
        write_durably(&copy, &component)?;
        let digest = crate::hex(&broker_crypto::digest::sha256(&component));
        write_durably(&config_file, self.configuration(pki.as_deref(), &root_key, &digest)?.as_bytes())?;
        // The folder itself: a root key is safe when all folders above it are.
        root::sync_folder_of(&std::path::absolute(&self.dir)?).with_context(|| self.dir.display().to_string())?;
        self.tell(&config_file, &admins, &vaults)
    }

    /// The store, and the root key's shares.
    fn create_store(&self, root_key: &RootKey) -> Result<(SqliteStore, Vec<Secret>)> {
        let path = self.dir.join("store.db");
        SqliteStore::check_vacant(&path)?;
        let key = match &self.root.root_key_from {
            Some(file) => match Root::read_file(file)? {
                Root::Key(key) => Some(key),
                Root::Passphrase(_) | Root::Recovered(_) | Root::Token { .. } => bail!("{}", file.display()),
            },
            None => None,
        };
        let in_token = self.root.root_key == RootKind::Pkcs11;
        let shares = self.root.shares.or_else(|| Quorum::parse(SHARES_OF_TOKENS).filter(|_| in_token));
        let made = super::block_on(root::make(root_key, &self.dir.join("root.key"), key, shares))??;
        Ok((SqliteStore::create(&path, &made.root, Options::default())?, made.shares))
    }

    fn tell(&self, config_file: &Path, admins: &[Principal], vaults: &[VaultName]) -> Result<()> {
        for admin in admins {
            say::line(format!("administrator: {admin}"))?;
        }
        for vault in vaults {
            say::line(format!("vault: {vault}, served under host {vault}.{}", self.host_suffix))?;
        }
        if self.passphrase_file.is_none() && self.root.root_key == RootKind::File {
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

    fn configuration(&self, pki: Option<&Path>, root_key: &RootKey, digest: &str) -> Result<String> {
        let pki = pki.map_or_else(|| "pki".to_owned(), |dir| dir.display().to_string());
        let root_key = match root_key {
            RootKey::PassphraseFile(path) => format!("{{ passphrase-file = {:?} }}", path.display().to_string()),
            RootKey::Token(_) => {
                let mut table = toml::Table::new();
                table.insert("pkcs11".into(), self.root.token()?.into());
                toml::Value::from(table).to_string()
            }
            RootKey::File(_) | RootKey::PassphraseEnvironment(_) => "{ file = \"root.key\" }".to_owned(),
        };
        Ok(TEMPLATE
            .replace("@PKI@", &pki)
            .replace("@ROOT_KEY@", &root_key)
            .replace("@LISTEN@", &self.listen.to_string())
            .replace("@METRICS_LISTEN@", &self.metrics_listen.to_string())
            .replace("@HOST_SUFFIX@", &self.host_suffix)
            .replace("@DIGEST@", digest))
    }
}

const TEMPLATE: &str = include_str!("keybroker.toml.template");

/// A file that is there after a power cut, too.
fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut file = std::fs::File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        root::sync_folder_of(path)
    };
    write().with_context(|| path.display().to_string())
}

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
