//! The file as it is written: kebab-case, nothing unknown, units in the names.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Raw {
    pub version: u32,
    pub admin: Admin,
    pub audit: Audit,
    #[serde(default)]
    pub backend: Vec<Backend>,
    #[serde(default = "cache_dir")]
    pub cache_dir: PathBuf,
    #[serde(default)]
    pub client_ca: Vec<ClientCa>,
    #[serde(default)]
    pub front: Front,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub log: Log,
    pub metrics: Option<Metrics>,
    #[serde(default)]
    pub plugins: Plugins,
    #[serde(default = "reload_check_ms")]
    pub reload_check_ms: u64,
    #[serde(default)]
    pub scheduler: Scheduler,
    pub store: Store,
    pub tls: Tls,
    pub webhook: Option<Webhook>,
}

pub fn cache_dir() -> PathBuf {
    "cache".into()
}

fn reload_check_ms() -> u64 {
    2000
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Admin {
    pub socket: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Audit {
    pub dir: PathBuf,
    #[serde(default = "wait_max_ms")]
    pub wait_max_ms: u64,
    #[serde(default = "queue_entries_max")]
    pub queue_entries_max: usize,
    #[serde(default = "segment_mib_max")]
    pub segment_mib_max: u64,
    #[serde(default = "checkpoint_entries_max")]
    pub checkpoint_entries_max: u64,
    #[serde(default = "checkpoint_s_max")]
    pub checkpoint_s_max: u64,
    #[serde(default = "checkpoint_copies_dir")]
    pub checkpoint_copies_dir: PathBuf,
    #[serde(default)]
    pub sink: Vec<Sink>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Sink {
    Syslog(Syslog),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Syslog {
    pub name: String,
    pub address: String,
    pub ca: Option<PathBuf>,
    pub server_name: Option<String>,
    #[serde(default = "sink_queue_entries_max")]
    pub queue_entries_max: u64,
}

fn segment_mib_max() -> u64 {
    64
}

fn checkpoint_entries_max() -> u64 {
    1000
}

fn checkpoint_s_max() -> u64 {
    10
}

fn checkpoint_copies_dir() -> PathBuf {
    "audit-checkpoints".into()
}

fn sink_queue_entries_max() -> u64 {
    65_536
}

fn wait_max_ms() -> u64 {
    5000
}

fn queue_entries_max() -> usize {
    4096
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Backend {
    Pkcs11(Pkcs11),
    Wasm(Box<Wasm>),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pkcs11 {
    pub name: String,
    #[serde(rename = "token")]
    pub tokens: Vec<Token>,
    #[serde(default)]
    pub raw_rsa: bool,
    pub lock_dir: Option<PathBuf>,
    pub call_ms_max: Option<u64>,
    pub generate_ms_max: Option<u64>,
    pub login_ms_max: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Token {
    pub module: PathBuf,
    pub label: Option<String>,
    pub serial: Option<String>,
    pub pin_file: Option<PathBuf>,
    pub pin_env: Option<String>,
    #[serde(default)]
    pub sandbox: Sandbox,
    #[serde(default = "sessions")]
    pub sessions: u8,
    #[serde(default)]
    pub environment: std::collections::BTreeMap<String, String>,
}

/// What an HSM's worker is kept from.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sandbox {
    None,
    #[default]
    Seccomp,
}

fn sessions() -> u8 {
    4
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Wasm {
    pub name: String,
    pub file: PathBuf,
    pub sha256: Option<String>,
    #[serde(default)]
    pub grants: Vec<String>,
    #[serde(default, rename = "credential")]
    pub credentials: Vec<PluginCredential>,
    #[serde(default, rename = "delegate")]
    pub delegates: Vec<PluginDelegate>,
    pub http: Option<PluginHttp>,
    #[serde(default)]
    pub settings: toml::Table,
    pub call_ms_max: Option<u64>,
    pub calls_max: Option<u32>,
    pub compute_percent_max: Option<u32>,
    pub component_mib_max: Option<u32>,
    pub core_instances_max: Option<u32>,
    pub memory_mib_max: Option<u32>,
    pub stack_kib_max: Option<u32>,
    pub table_elements_max: Option<u32>,
}

/// Who may vouch for plugins.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Plugins {
    pub require_signature: bool,
    pub trusted_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PluginCredential {
    pub name: String,
    #[serde(default)]
    pub hosts: Vec<String>,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub header: Option<String>,
    #[serde(default)]
    pub prefix: String,
    pub file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PluginDelegate {
    pub name: String,
    pub vault: String,
    pub key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PluginHttp {
    pub hosts: Vec<String>,
    #[serde(default)]
    pub networks: Vec<String>,
    pub ca: Option<PathBuf>,
    #[serde(default = "request_ms_max")]
    pub request_ms_max: u64,
    #[serde(default = "requests_max")]
    pub requests_max: usize,
}

fn request_ms_max() -> u64 {
    800
}

fn requests_max() -> usize {
    32
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClientCa {
    pub name: String,
    pub certificates: PathBuf,
    pub names_by: NamesBy,
    pub crls: Option<Vec<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamesBy {
    Cn,
    Dns,
    Email,
    Uri,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Front {
    pub ekm: Option<Ekm>,
    pub keyvault: Option<Keyvault>,
    pub kmip: Option<Kmip>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ekm {
    pub listen: SocketAddr,
    pub prefixes: Vec<EkmPrefix>,
    #[serde(default)]
    pub principals: Vec<String>,
    #[serde(default = "our_name")]
    pub proxy_vendor: String,
    #[serde(default = "our_name_and_version")]
    pub proxy_name: String,
    #[serde(default = "our_name")]
    pub ekm_vendor: String,
    #[serde(default = "our_name_and_version")]
    pub ekm_product: String,
    #[serde(default = "body_bytes_max")]
    pub body_bytes_max: usize,
    #[serde(default = "connections_max")]
    pub connections_max: usize,
    #[serde(default = "handshakes_max")]
    pub handshakes_max: usize,
    #[serde(default = "handshake_ms_max")]
    pub handshake_ms_max: u64,
    #[serde(default = "idle_ms_max")]
    pub idle_ms_max: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EkmPrefix {
    pub prefix: String,
    pub vault: String,
}

fn our_name() -> String {
    "keybroker".to_owned()
}

fn our_name_and_version() -> String {
    concat!("keybroker ", env!("CARGO_PKG_VERSION")).to_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Keyvault {
    pub listen: SocketAddr,
    #[serde(default)]
    pub host_suffixes: Vec<String>,
    pub default_vault: Option<String>,
    #[serde(default = "tenant")]
    pub tenant: String,
    #[serde(default = "body_bytes_max")]
    pub body_bytes_max: usize,
    #[serde(default = "connections_max")]
    pub connections_max: usize,
    #[serde(default = "handshakes_max")]
    pub handshakes_max: usize,
    #[serde(default = "handshake_ms_max")]
    pub handshake_ms_max: u64,
    #[serde(default = "idle_ms_max")]
    pub idle_ms_max: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Kmip {
    pub listen: SocketAddr,
    pub vault: String,
    #[serde(default = "kmip_message_bytes_max")]
    pub message_bytes_max: usize,
    #[serde(default = "kmip_batch_items_max")]
    pub batch_items_max: usize,
    #[serde(default = "connections_max")]
    pub connections_max: usize,
    pub messages_max: Option<usize>,
    #[serde(default = "handshakes_max")]
    pub handshakes_max: usize,
    #[serde(default = "handshake_ms_max")]
    pub handshake_ms_max: u64,
    #[serde(default = "kmip_read_ms_max")]
    pub read_ms_max: u64,
    #[serde(default = "kmip_idle_ms_max")]
    pub idle_ms_max: u64,
    pub passwords_file: Option<PathBuf>,
}

fn kmip_message_bytes_max() -> usize {
    1 << 20
}

fn kmip_batch_items_max() -> usize {
    64
}

fn kmip_read_ms_max() -> u64 {
    30_000
}

/// Storage keeps its connections open for long between two keys.
fn kmip_idle_ms_max() -> u64 {
    3_600_000
}

fn tenant() -> String {
    "00000000-0000-0000-0000-000000000000".to_owned()
}

/// The largest backup of a key (1 MiB) in base64url, and its JSON around it.
fn body_bytes_max() -> usize {
    2 << 20
}

fn connections_max() -> usize {
    10_000
}

fn handshakes_max() -> usize {
    1_000
}

fn handshake_ms_max() -> u64 {
    10_000
}

fn idle_ms_max() -> u64 {
    120_000
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    pub versions_tried_max: usize,
    #[serde(rename = "rsa1-5")]
    pub rsa1_5: bool,
    #[serde(rename = "operations-per-10s-max")]
    pub operations_per_10s_max: u32,
    pub operations_burst_max: u32,
    pub connections_per_principal_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let core = broker_core::broker::Limits::default();
        Self {
            versions_tried_max: core.versions_tried_max,
            rsa1_5: core.rsa1_5,
            operations_per_10s_max: core.rate.operations_per_10s,
            operations_burst_max: core.rate.operations_burst,
            connections_per_principal_max: 2000,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    Json,
    Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Metrics {
    pub listen: SocketAddr,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Scheduler {
    pub clock_jump_s_max: u32,
    pub every_ms: u64,
    pub usage_keep_ms: u64,
    pub usage_note_ms: u64,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self { clock_jump_s_max: 3600, every_ms: 10_000, usage_keep_ms: 60_000, usage_note_ms: 3_600_000 }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Store {
    pub path: PathBuf,
    pub root_key: RootKey,
    #[serde(default = "cache_mib_max")]
    pub cache_mib_max: u64,
}

fn cache_mib_max() -> u64 {
    256
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RootKey {
    pub file: Option<PathBuf>,
    pub pkcs11: Option<Token>,
    pub passphrase_env: Option<String>,
    pub passphrase_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Webhook {
    pub url: String,
    pub secret_file: PathBuf,
    pub ca: Option<PathBuf>,
}
