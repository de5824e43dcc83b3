//! The configuration: `Raw` is what the file says, `Config` what it means; one `TryFrom` between them.

mod plugin;
mod raw;
mod webhook;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use broker_backend_pkcs11::{PinSource, PkcsSpec, Sandbox, TokenName, TokenSpec, WorkerCommand};
use broker_core::broker::Limits;
use broker_core::name::{AnchorName, BackendName, Principal, RESERVED_ANCHORS, VaultName};
use broker_core::rate::Rate;
use broker_front_ekm::{PathPrefix, ProxyNames};
use broker_identity::{CaFiles, NameSource};

pub use plugin::{WasmPlugin, section};
pub use webhook::Webhook;

/// Everything the broker needs to know to start. Paths are absolute or relative to the configuration file's folder, and
/// already joined to it.
pub struct Config {
    pub admin_socket: PathBuf,
    pub audit: broker_audit::Settings,
    pub backends: Vec<WasmPlugin>,
    pub hsms: Vec<PkcsSpec>,
    pub cache_dir: PathBuf,
    pub checkpoint_copies_dir: PathBuf,
    pub client_cas: Vec<CaFiles>,
    /// A forward jump of the clock beyond this suspends purge and rotation.
    pub clock_jump_s_max: i64,
    /// Connections that one principal may have open at once, over all fronts.
    pub connections_per_principal_max: usize,
    pub ekm: Option<Ekm>,
    /// Where all of this was read.
    pub file: PathBuf,
    pub keyvault: Option<Keyvault>,
    pub kmip: Option<Kmip>,
    pub limits: Limits,
    pub log: Log,
    pub metrics_listen: Option<SocketAddr>,
    pub plugin_trust: broker_backend_wasm::Trust,
    pub reload_check: Duration,
    pub scheduler_every: Duration,
    pub usage_keep_every: Duration,
    pub usage_note_every: Duration,
    pub store: Store,
    pub tls: Tls,
    pub webhook: Option<Webhook>,
}

#[derive(Debug)]
pub struct Ekm {
    pub listen: SocketAddr,
    pub prefixes: BTreeMap<PathPrefix, VaultName>,
    /// Who may come in by this front; empty: every client with a good certificate.
    pub principals: Vec<Principal>,
    pub names: ProxyNames,
    pub bounds: Bounds,
}

#[derive(Debug)]
pub struct Keyvault {
    pub listen: SocketAddr,
    pub host_suffixes: Vec<String>,
    pub default_vault: Option<VaultName>,
    pub tenant: String,
    pub bounds: Bounds,
}

#[derive(Debug)]
pub struct Kmip {
    pub listen: SocketAddr,
    /// Where the objects of its clients are.
    pub vault: VaultName,
    pub batch_items_max: usize,
    /// Messages that are answered at once.
    pub messages_max: usize,
    /// From the first byte of a message to its last.
    pub read_max: Duration,
    pub passwords_file: Option<PathBuf>,
    pub bounds: Bounds,
}

/// What one listener takes from strangers.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub body_bytes_max: usize,
    pub connections_max: usize,
    /// Connections whose client is not known yet.
    pub handshakes_max: usize,
    pub handshake_max: Duration,
    /// How long a connection may wait between requests, and how long a request's head or body may take to arrive.
    pub idle_max: Duration,
}

#[derive(Debug)]
pub struct Log {
    pub json: bool,
    pub filter: String,
}

#[derive(Debug)]
pub struct Store {
    pub path: PathBuf,
    pub root_key: RootKey,
    pub cache_bytes_max: u64,
}

/// Where the root key comes from; never the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootKey {
    File(PathBuf),
    PassphraseEnvironment(String),
    PassphraseFile(PathBuf),
    Token(Box<RootToken>),
}

/// The token whose key seals the root key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootToken {
    pub token: TokenSpec,
    pub lock_dir: PathBuf,
}

#[derive(Debug)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Config {
    /// Reads a configuration file and makes sense of all of it.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML of version 1, or says something that makes no sense; the message names the
    /// file and the place in it.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("configuration {}", path.display()))?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let raw: raw::Raw = toml::from_str(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        let config = Self::of(raw, &folder).with_context(|| format!("configuration {}", path.display()))?;
        Ok(Self { file: path.to_owned(), ..config })
    }

    fn of(raw: raw::Raw, folder: &Path) -> Result<Self> {
        ensure!(raw.version == 1, "version = {}, but this keybroker reads version 1", raw.version);
        let at = |path: PathBuf| folder.join(path);
        ensure!(!raw.backend.is_empty(), "there is no [[backend]]; keys need one to live in");
        let (mut wasm, mut pkcs11) = (Vec::new(), Vec::new());
        for backend in raw.backend {
            match backend {
                raw::Backend::Pkcs11(hsm) => pkcs11.push(hsm),
                raw::Backend::Wasm(plugin) => wasm.push(*plugin),
            }
        }
        let backends = plugin::plugins(wasm, folder)?;
        let hsms = pkcs11.into_iter().map(|hsm| hsm_of(hsm, folder, &raw.cache_dir)).collect::<Result<Vec<_>>>()?;
        for hsm in &hsms {
            let same = backends.iter().map(|plugin| &plugin.name).chain(hsms.iter().map(|other| &other.name));
            ensure!(same.filter(|name| **name == hsm.name).count() == 1, "backend {} is there twice", hsm.name);
        }
        let client_cas = client_cas(raw.client_ca, folder)?;
        Ok(Self {
            admin_socket: at(raw.admin.socket),
            checkpoint_copies_dir: at(raw.audit.checkpoint_copies_dir.clone()),
            audit: audit(raw.audit, folder)?,
            backends,
            hsms,
            cache_dir: at(raw.cache_dir.clone()),
            clock_jump_s_max: i64::from(raw.scheduler.clock_jump_s_max.max(60)),
            connections_per_principal_max: raw.limits.connections_per_principal_max.max(1),
            ekm: raw.front.ekm.map(|ekm| ekm_of(ekm, &client_cas)).transpose()?,
            client_cas,
            file: PathBuf::new(),
            keyvault: raw.front.keyvault.map(keyvault).transpose()?,
            kmip: raw.front.kmip.map(|kmip| kmip_of(kmip, folder)).transpose()?,
            limits: limits(&raw.limits)?,
            log: Log { json: raw.log.format == raw::LogFormat::Json, filter: raw.log.level },
            metrics_listen: raw.metrics.map(|metrics| metrics.listen),
            plugin_trust: plugin::trust(&raw.plugins)?,
            reload_check: milliseconds("reload-check-ms", raw.reload_check_ms, 3_600_000)?,
            scheduler_every: milliseconds("scheduler.every-ms", raw.scheduler.every_ms, 3_600_000)?,
            usage_keep_every: milliseconds("scheduler.usage-keep-ms", raw.scheduler.usage_keep_ms, 3_600_000)?,
            usage_note_every: milliseconds("scheduler.usage-note-ms", raw.scheduler.usage_note_ms, 86_400_000)?,
            store: Store {
                path: at(raw.store.path),
                root_key: root_key(raw.store.root_key, folder, &at(raw.cache_dir.clone()))?,
                cache_bytes_max: raw.store.cache_mib_max.clamp(1, 1 << 20) << 20,
            },
            tls: Tls { certificate: at(raw.tls.certificate), key: at(raw.tls.key) },
            webhook: raw.webhook.map(|webhook| webhook::webhook_of(webhook, folder)).transpose()?,
        })
    }
}

fn audit(raw: raw::Audit, folder: &Path) -> Result<broker_audit::Settings> {
    ensure!(
        (1..=4096).contains(&raw.segment_mib_max),
        "audit.segment-mib-max = {} must be 1 to 4096",
        raw.segment_mib_max
    );
    ensure!(raw.checkpoint_entries_max > 0, "audit.checkpoint-entries-max must be at least 1");
    ensure!(
        (1..=3600).contains(&raw.checkpoint_s_max),
        "audit.checkpoint-s-max = {} must be 1 to 3600",
        raw.checkpoint_s_max
    );
    let mut sinks: Vec<broker_audit::SinkSettings> = Vec::new();
    for raw::Sink::Syslog(sink) in raw.sink {
        // It becomes a label of metrics.
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        ensure!(
            !sink.name.is_empty() && sink.name.chars().all(plain),
            "audit.sink.name {:?} must be lower-case letters, digits and hyphens",
            sink.name
        );
        ensure!(sinks.iter().all(|other| other.name != sink.name), "audit.sink {} is there twice", sink.name);
        ensure!(sink.queue_entries_max > 0, "audit.sink {}: queue-entries-max must be at least 1", sink.name);
        ensure!(
            sink.server_name.is_none() || sink.ca.is_some(),
            "audit.sink {}: server-name is for TLS, which needs ca",
            sink.name
        );
        sinks.push(broker_audit::SinkSettings {
            name: sink.name,
            address: sink.address,
            ca: sink.ca.map(|path| folder.join(path)),
            server_name: sink.server_name,
            queue_entries_max: sink.queue_entries_max,
        });
    }
    Ok(broker_audit::Settings {
        dir: folder.join(raw.dir),
        wait_max: milliseconds("audit.wait-max-ms", raw.wait_max_ms, 60_000)?,
        queue_entries_max: raw.queue_entries_max.max(1),
        segment_bytes_max: raw.segment_mib_max << 20,
        checkpoint_entries_max: raw.checkpoint_entries_max,
        checkpoint_age_max: Duration::from_secs(raw.checkpoint_s_max),
        sinks,
    })
}

fn hsm_of(raw: raw::Pkcs11, folder: &Path, cache_dir: &Path) -> Result<PkcsSpec> {
    let name = BackendName::parse(&raw.name).context("backend.name")?;
    let in_backend = || format!("backend {name}");
    let tokens = raw.tokens.into_iter().map(|token| token_of(token, folder)).collect::<Result<Vec<_>>>();
    let default = broker_backend_pkcs11::Limits::default();
    Ok(PkcsSpec {
        tokens: tokens.with_context(in_backend)?,
        // Not /tmp: there, anyone could take the lock away.
        lock_dir: folder.join(raw.lock_dir.as_deref().unwrap_or(cache_dir)),
        raw_rsa: raw.raw_rsa,
        limits: broker_backend_pkcs11::Limits {
            call_ms_max: raw.call_ms_max.unwrap_or(default.call_ms_max),
            generate_ms_max: raw.generate_ms_max.unwrap_or(default.generate_ms_max),
            login_ms_max: raw.login_ms_max.unwrap_or(default.login_ms_max),
            ..default
        },
        worker: hsm_worker(),
        name,
    })
}

/// The hidden command that an HSM's worker is.
pub const HSM_WORKER: &str = "hsm-worker";

/// How a worker of an HSM is started.
pub fn hsm_worker() -> WorkerCommand {
    WorkerCommand {
        // This very program, even when another lies at its path by now.
        program: "/proc/self/exe".into(),
        arguments: vec![HSM_WORKER.into()],
    }
}

fn token_of(raw: raw::Token, folder: &Path) -> Result<TokenSpec> {
    let token = match (raw.label, raw.serial) {
        (Some(label), None) => TokenName::Label(label),
        (None, Some(serial)) => TokenName::Serial(serial),
        _ => bail!("a token is named by its label or by its serial, one of them"),
    };
    let pin = match (raw.pin_file, raw.pin_env) {
        (Some(file), None) => PinSource::File(folder.join(file)),
        (None, Some(variable)) => PinSource::Environment(variable),
        _ => bail!("a token's PIN comes from pin-file or from pin-env, one of them"),
    };
    let environment = raw.environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let sandbox = match raw.sandbox {
        raw::Sandbox::None => Sandbox::None,
        raw::Sandbox::Seccomp => Sandbox::Seccomp,
    };
    Ok(TokenSpec { module: folder.join(raw.module), token, pin, sandbox, sessions: raw.sessions, environment })
}

fn client_cas(raw: Vec<raw::ClientCa>, folder: &Path) -> Result<Vec<CaFiles>> {
    let mut cas: Vec<CaFiles> = Vec::new();
    for ca in raw {
        let name = AnchorName::parse(&ca.name).context("client-ca.name")?;
        ensure!(
            !RESERVED_ANCHORS.contains(&name.as_str()),
            "client-ca.name {name} has a meaning of its own; use another"
        );
        ensure!(cas.iter().all(|other| other.name != name), "client-ca {name} is there twice");
        cas.push(CaFiles {
            certificates: folder.join(ca.certificates),
            names_by: match ca.names_by {
                raw::NamesBy::Cn => NameSource::CommonName,
                raw::NamesBy::Dns => NameSource::Dns,
                raw::NamesBy::Email => NameSource::Email,
                raw::NamesBy::Uri => NameSource::Uri,
            },
            crls: ca.crls.map(|paths| paths.into_iter().map(|path| folder.join(path)).collect()),
            name,
        });
    }
    Ok(cas)
}

fn keyvault(raw: raw::Keyvault) -> Result<Keyvault> {
    let mut host_suffixes = Vec::new();
    for suffix in raw.host_suffixes {
        let label = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        ensure!(
            suffix.split('.').all(label),
            "front.keyvault.host-suffixes: {suffix:?} must be lower-case labels with dots between"
        );
        host_suffixes.push(suffix);
    }
    let default_vault = raw.default_vault.map(|name| VaultName::parse(&name)).transpose();
    let default_vault = default_vault.context("front.keyvault.default-vault")?;
    if host_suffixes.is_empty() && default_vault.is_none() {
        bail!("front.keyvault needs host-suffixes (vault \"v\" is then host \"v.<suffix>\") or a default-vault");
    }
    let tenant_ok = !raw.tenant.is_empty()
        && raw.tenant.len() <= 64
        && raw.tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    ensure!(tenant_ok, "front.keyvault.tenant must be 1 to 64 letters, digits and hyphens");
    Ok(Keyvault {
        listen: raw.listen,
        host_suffixes,
        default_vault,
        tenant: raw.tenant,
        bounds: Bounds {
            body_bytes_max: raw.body_bytes_max.clamp(1024, 16 << 20),
            connections_max: raw.connections_max.max(1),
            handshakes_max: raw.handshakes_max.max(1),
            handshake_max: milliseconds("front.keyvault.handshake-ms-max", raw.handshake_ms_max, 60_000)?,
            idle_max: milliseconds("front.keyvault.idle-ms-max", raw.idle_ms_max, 3_600_000)?,
        },
    })
}

fn ekm_of(raw: raw::Ekm, client_cas: &[CaFiles]) -> Result<Ekm> {
    let mut prefixes = BTreeMap::new();
    for row in raw.prefixes {
        let prefix = PathPrefix::parse(&row.prefix).with_context(|| format!("front.ekm.prefixes: {:?}", row.prefix))?;
        let vault = VaultName::parse(&row.vault).with_context(|| format!("front.ekm.prefixes: {:?}", row.prefix))?;
        let earlier = prefixes.insert(prefix, vault);
        ensure!(earlier.is_none(), "front.ekm.prefixes: {:?} is there twice", row.prefix);
    }
    ensure!(!prefixes.is_empty(), "front.ekm.prefixes must name at least one prefix (\"\" is one) with its vault");
    let mut principals = Vec::new();
    for name in raw.principals {
        let principal = Principal::parse(&name).with_context(|| format!("front.ekm.principals: {name:?}"))?;
        // A name that no certificate can have would shut everyone out without a word.
        let anchor = name.split('/').next().unwrap_or_default();
        let comes_in = anchor == "pin" || client_cas.iter().any(|ca| ca.name.as_str() == anchor);
        ensure!(comes_in, "front.ekm.principals: {name:?}, but no [[client-ca]] is called {anchor:?}");
        principals.push(principal);
    }
    let names = ProxyNames {
        proxy_vendor: raw.proxy_vendor,
        proxy_name: raw.proxy_name,
        ekm_vendor: raw.ekm_vendor,
        ekm_product: raw.ekm_product,
    };
    Ok(Ekm {
        listen: raw.listen,
        prefixes,
        principals,
        names,
        bounds: Bounds {
            body_bytes_max: raw.body_bytes_max.clamp(1024, 16 << 20),
            connections_max: raw.connections_max.max(1),
            handshakes_max: raw.handshakes_max.max(1),
            handshake_max: milliseconds("front.ekm.handshake-ms-max", raw.handshake_ms_max, 60_000)?,
            idle_max: milliseconds("front.ekm.idle-ms-max", raw.idle_ms_max, 3_600_000)?,
        },
    })
}

fn kmip_of(raw: raw::Kmip, folder: &Path) -> Result<Kmip> {
    ensure!((1..=1024).contains(&raw.batch_items_max), "front.kmip.batch-items-max must be 1 to 1024");
    Ok(Kmip {
        listen: raw.listen,
        vault: VaultName::parse(&raw.vault).context("front.kmip.vault")?,
        batch_items_max: raw.batch_items_max,
        messages_max: raw.messages_max.unwrap_or_else(messages_for_this_machine).clamp(1, 100_000),
        read_max: milliseconds("front.kmip.read-ms-max", raw.read_ms_max, 600_000)?,
        passwords_file: raw.passwords_file.map(|path| folder.join(path)),
        bounds: Bounds {
            body_bytes_max: raw.message_bytes_max.clamp(1024, 16 << 20),
            connections_max: raw.connections_max.max(1),
            handshakes_max: raw.handshakes_max.max(1),
            handshake_max: milliseconds("front.kmip.handshake-ms-max", raw.handshake_ms_max, 60_000)?,
            idle_max: milliseconds("front.kmip.idle-ms-max", raw.idle_ms_max, 86_400_000)?,
        },
    })
}

/// Enough to keep every core and the audit's syncs busy. More would not be answered sooner: after a power failure a thousand
/// hosts ask at once, and each call of a backend has a deadline that they would use up waiting for each other.
fn messages_for_this_machine() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).saturating_mul(8).clamp(16, 512)
}

fn limits(raw: &raw::Limits) -> Result<Limits> {
    ensure!((1..=64).contains(&raw.versions_tried_max), "limits.versions-tried-max must be 1 to 64");
    let rate = Rate { operations_per_10s: raw.operations_per_10s_max, operations_burst: raw.operations_burst_max };
    rate.check().map_err(|problem| anyhow::anyhow!("limits: {problem}"))?;
    Ok(Limits { versions_tried_max: raw.versions_tried_max, rsa1_5: raw.rsa1_5, rate })
}

fn root_key(raw: raw::RootKey, folder: &Path, lock_dir: &Path) -> Result<RootKey> {
    match (raw.file, raw.passphrase_env, raw.passphrase_file, raw.pkcs11) {
        (Some(path), None, None, None) => Ok(RootKey::File(folder.join(path))),
        (None, Some(variable), None, None) => Ok(RootKey::PassphraseEnvironment(variable)),
        (None, None, Some(path), None) => Ok(RootKey::PassphraseFile(folder.join(path))),
        (None, None, None, Some(token)) => {
            let token = token_of(token, folder).context("store.root-key.pkcs11")?;
            Ok(RootKey::Token(Box::new(RootToken { token, lock_dir: lock_dir.to_owned() })))
        }
        _ => bail!("store.root-key must name exactly one of file, passphrase-file, passphrase-env and pkcs11"),
    }
}

/// The root key of a table such as `[store] root-key = { pkcs11 = {...} }` has in it.
///
/// # Errors
/// The table makes no sense.
pub fn root_key_of_token(table: toml::Table, folder: &Path) -> Result<RootKey> {
    let token = table.try_into::<raw::Token>().context("root-key.pkcs11")?;
    let raw = raw::RootKey { file: None, passphrase_env: None, passphrase_file: None, pkcs11: Some(token) };
    root_key(raw, folder, &folder.join(raw::cache_dir()))
}

fn milliseconds(what: &str, value: u64, most: u64) -> Result<Duration> {
    ensure!((1..=most).contains(&value), "{what} = {value} must be 1 to {most}");
    Ok(Duration::from_millis(value))
}

/// 64 hexadecimal digits.
///
/// # Errors
/// Anything else.
pub fn digest(text: &str) -> Result<[u8; 32]> {
    let nibble = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Option<Vec<u8>> = text.bytes().map(nibble).collect();
    let Some(digits) = digits.filter(|digits| digits.len() == 64) else {
        bail!("{text:?} is not a SHA-256 of 64 hexadecimal digits")
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
version = 1
[admin]
socket = "admin.sock"
[audit]
dir = "audit"
[[audit.sink]]
type = "syslog"
name = "siem"
address = "siem.test:514"
[store]
path = "store.db"
root-key = { file = "root.key" }
[tls]
certificate = "server.pem"
key = "server.key"
[front.keyvault]
listen = "127.0.0.1:0"
host-suffixes = ["kv.test"]
[front.ekm]
listen = "127.0.0.1:0"
prefixes = [{ prefix = "pool-a", vault = "vault1" }, { prefix = "", vault = "vault2" }]
principals = ["corp/dns:pool-a.example"]
[[client-ca]]
name = "corp"
certificates = "corp.pem"
names-by = "dns"
[[backend]]
type = "wasm"
name = "software"
file = "software.wasm"
"#;

    fn check(text: &str) -> Result<Config> {
        Config::of(toml::from_str(text)?, Path::new("/etc/keybroker"))
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = check(WHOLE).unwrap();
        assert_eq!(config.store.path, Path::new("/etc/keybroker/store.db"));
        assert_eq!(config.store.root_key, RootKey::File("/etc/keybroker/root.key".into()));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (from, to, expected) in [
            ("version = 1", "version = 2", "version = 2"),
            ("socket = ", "sockett = ", "sockett"),
            ("name = \"corp\"", "name = \"pin\"", "has a meaning of its own"),
            ("name = \"software\"", "name = \"Soft\"", "backend.name"),
            ("host-suffixes = [\"kv.test\"]", "host-suffixes = []", "needs host-suffixes"),
            ("host-suffixes = [\"kv.test\"]", "host-suffixes = [\"KV..test\"]", "lower-case labels"),
            ("root-key = { file = \"root.key\" }", "root-key = {}", "exactly one of"),
            ("[tls]", "[plugins]\nrequire-signature = true\n[tls]", "no plugin could be loaded"),
            ("[tls]", "[plugins]\ntrusted-keys = [\"00\"]\n[tls]", "plugins.trusted-keys"),
            ("names-by = \"dns\"", "names-by = \"ip\"", "unknown variant"),
            ("file = \"software.wasm\"", "file = \"a\"\nsha256 = \"00\"", "not a SHA-256"),
            ("prefix = \"pool-a\"", "prefix = \"/pool-a\"", "without a slash at either end"),
            ("prefix = \"pool-a\"", "prefix = \"\"", "there twice"),
            ("prefixes = [{", "prefixes = [] #", "at least one prefix"),
            ("vault = \"vault2\"", "vault = \"V\"", "vault name"),
            ("corp/dns:pool-a", "crop/dns:pool-a", "no [[client-ca]] is called \"crop\""),
            ("corp/dns:pool-a", "corp/ip:pool-a", "front.ekm.principals"),
            ("dir = \"audit\"", "dir = \"audit\"\nwait-max-ms = 0", "audit.wait-max-ms"),
            ("[tls]", "[limits]\noperations-per-10s-max = 0\n[tls]", "operations per 10 s 0 must be"),
            ("[tls]", "[scheduler]\nusage-note-ms = 0\n[tls]", "scheduler.usage-note-ms"),
            ("dir = \"audit\"", "dir = \"audit\"\nsegment-mib-max = 0", "audit.segment-mib-max"),
            ("dir = \"audit\"", "dir = \"audit\"\ncheckpoint-s-max = 0", "audit.checkpoint-s-max"),
            ("name = \"siem\"", "name = \"SIEM\"", "audit.sink.name"),
            ("name = \"siem\"", "name = \"siem\"\nserver-name = \"x\"", "which needs ca"),
            ("name = \"siem\"", "name = \"siem\"\nprotocol = \"udp\"", "protocol"),
        ] {
            let text = WHOLE.replace(from, to);
            assert_ne!(text, WHOLE, "{from}");
            let error = format!("{:#}", check(&text).err().unwrap());
            assert!(error.contains(expected), "{to}: {error}");
        }
    }
}
