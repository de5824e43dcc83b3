//! From a file to a plugin that may be called: read once, check, compile, link what is granted, ask it who it is.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use broker_core::name::BackendName;
use broker_core::refusal::Failure;
use broker_crypto::digest::sha256;
use broker_crypto::mac::MacKey;
use broker_crypto::seal::SealKey;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};

use crate::budget::Budget;
use crate::call::Guest;
use crate::capability::{Capability, Grants, Import};
use crate::compiled_cache::{CompiledCache, CompiledName};
use crate::contract::{
    BACKUP, KEYS, MONOTONIC_CLOCK, clock, credentials, crypto, delegate, http, keyvalue, log, outgoing, reveal, roots,
    settings, types,
};
use crate::counters::Counters;
use crate::describe::Lie;
use crate::digits::hex;
use crate::engine::engine;
use crate::file::read_at_most;
use crate::key_cache::KeyCache;
use crate::limits::Limits;
use crate::outside::Outside;
use crate::room::{LINES_A_SECOND_MAX, Lines, Room, Shared, one_line};
use crate::signature::{SignatureError, Trust, Vouched, signature_file, vouched};
use crate::state::State;
use crate::ticker;

/// How a component begins: magic and the version of the component model's binary format.
const COMPONENT_HEADER: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// What to load.
#[derive(Debug, Clone)]
pub struct PluginSpec {
    pub name: BackendName,
    /// The component's file.
    pub wasm: PathBuf,
    /// What the file must be, by its SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// Whose signatures count.
    pub trust: Trust,
    pub grants: Grants,
    pub limits: Limits,
}

/// The keys made for one plugin; another plugin's open nothing of it.
pub struct PluginKeys {
    /// Seals key material.
    pub seal: SealKey,
    /// Vouches for compiled code on disk.
    pub cache_mac: MacKey,
}

/// Why a plugin was not loaded. For the operator: each names the plugin and what would mend it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("plugin `{plugin}`: {path} cannot be read: {cause}")]
    Unreadable { plugin: BackendName, path: String, cause: io::Error },
    #[error("plugin `{plugin}`: {path} is larger than {bytes_max} bytes, the most a component may have")]
    TooLarge { plugin: BackendName, path: String, bytes_max: u64 },
    #[error(
        "plugin `{plugin}`: {path} has the SHA-256 {found}, but its configuration says {expected}: put the right file there, or correct `sha256`"
    )]
    WrongDigest { plugin: BackendName, path: String, found: String, expected: String },
    #[error("plugin `{plugin}`: the signature {path} is worth nothing: {cause}")]
    BadSignature { plugin: BackendName, path: String, cause: SignatureError },
    #[error(
        "plugin `{plugin}`: {path} is {found}, but the configuration requires a signature by one of plugins.trusted-keys: have it signed with `keybroker plugin sign`, or do not load it"
    )]
    NotVouched { plugin: BackendName, path: String, found: String },
    #[error("plugin `{plugin}`: {path} is not a WebAssembly component (a core module must be made one first)")]
    NotAComponent { plugin: BackendName, path: String },
    #[error("plugin `{plugin}` does not compile: {cause}")]
    Invalid { plugin: BackendName, cause: String },
    #[error(
        "plugin `{plugin}` imports {imports}, which its configuration does not grant: add {words} to its grants or do not load it"
    )]
    NotGranted { plugin: BackendName, imports: String, words: String },
    #[error(
        "plugin `{plugin}` imports {import}, which this broker does not have: do not load it, or build it for this broker's contract"
    )]
    UnknownImport { plugin: BackendName, import: String },
    #[error("plugin `{plugin}` does not export {export}, so it is no backend")]
    MissingExport { plugin: BackendName, export: &'static str },
    #[error(
        "plugin `{plugin}` has another form of the contract than this broker, or needs more than its limits: {cause}"
    )]
    Contract { plugin: BackendName, cause: String },
    #[error("plugin `{plugin}`: its limits make no pool of instances: {cause}")]
    Limits { plugin: BackendName, cause: String },
    #[error("plugin `{plugin}` describes itself in a way that cannot be: {lie}")]
    Lies { plugin: BackendName, lie: Lie },
    #[error("plugin `{plugin}` did not answer `describe`: {cause}")]
    Silent { plugin: BackendName, cause: Failure },
    #[error("plugin `{plugin}`: its private state cannot be read: {cause}")]
    State { plugin: BackendName, cause: Failure },
    #[error("plugin `{plugin}` failed its self-test: {cause}")]
    SelfTest { plugin: BackendName, cause: Failure },
    #[error("plugin `{plugin}`: the operating system gives no thread: {cause}")]
    NoThread { plugin: BackendName, cause: io::Error },
}

impl LoadError {
    /// Every word of [`LoadError::word`].
    pub const WORDS: &'static [&'static str] = &[
        "bad-signature",
        "contract",
        "invalid",
        "lies",
        "limits",
        "missing-export",
        "no-thread",
        "not-a-component",
        "not-granted",
        "not-vouched",
        "self-test",
        "silent",
        "state",
        "too-large",
        "unknown-import",
        "unreadable",
        "wrong-digest",
    ];

    /// For metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::BadSignature { .. } => "bad-signature",
            Self::Contract { .. } => "contract",
            Self::Invalid { .. } => "invalid",
            Self::Lies { .. } => "lies",
            Self::Limits { .. } => "limits",
            Self::MissingExport { .. } => "missing-export",
            Self::NoThread { .. } => "no-thread",
            Self::NotAComponent { .. } => "not-a-component",
            Self::NotGranted { .. } => "not-granted",
            Self::NotVouched { .. } => "not-vouched",
            Self::SelfTest { .. } => "self-test",
            Self::Silent { .. } => "silent",
            Self::State { .. } => "state",
            Self::TooLarge { .. } => "too-large",
            Self::UnknownImport { .. } => "unknown-import",
            Self::Unreadable { .. } => "unreadable",
            Self::WrongDigest { .. } => "wrong-digest",
        }
    }
}

/// What a plugin reaches beside its own room.
pub struct Reach {
    pub outside: Outside,
    pub state: Arc<State>,
    pub counters: Arc<Counters>,
    pub host: Handle,
}

/// Which file a plugin is, and who vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub sha256: [u8; 32],
    pub vouched: Vouched,
}

/// A component, compiled; nothing of it has run.
pub struct Compiled {
    pub engine: Engine,
    pub component: Component,
}

/// All of it but the two calls that only a plugin can answer. Takes seconds for a large guest that was never compiled.
pub fn make_guest(
    spec: &PluginSpec,
    keys: PluginKeys,
    reach: Reach,
    cache_dir: Option<PathBuf>,
) -> Result<(Guest, Origin), LoadError> {
    let bytes = read(spec)?;
    let sha256 = check_digest(spec, &bytes)?;
    let vouched = check_signature(spec, &sha256)?;
    let compiled = compile(spec, &bytes, &sha256, cache(keys.cache_mac, cache_dir).as_ref())?;
    Ok((ready(spec, &compiled, keys.seal, reach)?, Origin { sha256, vouched }))
}

pub fn cache(mac: MacKey, folder: Option<PathBuf>) -> Option<CompiledCache> {
    folder.map(|folder| CompiledCache { folder, mac })
}

/// A component with what it is granted, ready to be called.
pub fn ready(spec: &PluginSpec, compiled: &Compiled, seal: SealKey, reach: Reach) -> Result<Guest, LoadError> {
    let plugin = &spec.name;
    let Compiled { engine, component } = compiled;
    check_imports(plugin, engine, component, spec.grants)?;
    let linked = link(engine, component, spec.grants).map_err(|error| contract(plugin, &error))?;
    ticker::register(engine).map_err(|cause| LoadError::NoThread { plugin: plugin.clone(), cause })?;
    let shared = Shared {
        plugin: plugin.clone(),
        limits: spec.limits,
        seal,
        keys: KeyCache::new(spec.limits.key_cache_bytes_max),
        counters: reach.counters,
        budget: Budget::of_percent(spec.limits.compute_percent_max),
        grants: spec.grants,
        outside: reach.outside,
        state: reach.state,
        lines: Lines::of_a_second(LINES_A_SECOND_MAX),
        host: reach.host,
        generating: Arc::new(Semaphore::new(spec.limits.generations_max)),
    };
    let with_backup = component.component_type().get_export(engine, BACKUP).is_some();
    Guest::new(Arc::new(shared), linked, with_backup).map_err(|error| contract(plugin, &error))
}

pub fn read(spec: &PluginSpec) -> Result<Vec<u8>, LoadError> {
    let bytes_max = spec.limits.component_bytes_max;
    read_at_most(&spec.wasm, bytes_max).map_err(|cause| {
        let (plugin, path) = (spec.name.clone(), spec.wasm.display().to_string());
        match cause.kind() {
            io::ErrorKind::FileTooLarge => LoadError::TooLarge { plugin, path, bytes_max },
            _ => LoadError::Unreadable { plugin, path, cause },
        }
    })
}

pub fn check_digest(spec: &PluginSpec, bytes: &[u8]) -> Result<[u8; 32], LoadError> {
    let found = sha256(bytes);
    match spec.sha256 {
        Some(expected) if expected != found => Err(LoadError::WrongDigest {
            plugin: spec.name.clone(),
            path: spec.wasm.display().to_string(),
            found: hex(&found),
            expected: hex(&expected),
        }),
        _ => Ok(found),
    }
}

/// A signature that is worth nothing is refused even where none is required: someone touched one of the two files.
fn check_signature(spec: &PluginSpec, digest: &[u8; 32]) -> Result<Vouched, LoadError> {
    let plugin = &spec.name;
    let found = vouched(&spec.wasm, digest, &spec.trust).map_err(|cause| LoadError::BadSignature {
        plugin: plugin.clone(),
        path: signature_file(&spec.wasm).display().to_string(),
        cause,
    })?;
    let refused =
        |found: String| LoadError::NotVouched { plugin: plugin.clone(), path: spec.wasm.display().to_string(), found };
    match found {
        Vouched::Stranger(key) if spec.trust.required => {
            Err(refused(format!("signed by {}, which is not trusted", hex(&key))))
        }
        Vouched::Unsigned if spec.trust.required => Err(refused("not signed".to_owned())),
        found => Ok(found),
    }
}

pub fn compile(
    spec: &PluginSpec,
    bytes: &[u8],
    digest: &[u8; 32],
    cache: Option<&CompiledCache>,
) -> Result<Compiled, LoadError> {
    let plugin = &spec.name;
    if !bytes.starts_with(&COMPONENT_HEADER) {
        return Err(LoadError::NotAComponent { plugin: plugin.clone(), path: spec.wasm.display().to_string() });
    }
    let engine =
        engine(&spec.limits).map_err(|error| LoadError::Limits { plugin: plugin.clone(), cause: told(&error) })?;
    let name = CompiledName::of(&engine, plugin, digest);
    if let Some(component) = cache.and_then(|cache| cache.find(&engine, &name)) {
        return Ok(Compiled { engine, component });
    }
    let component = Component::from_binary(&engine, bytes)
        .map_err(|error| LoadError::Invalid { plugin: plugin.clone(), cause: told(&error) })?;
    if let Some(Err(error)) = cache.map(|cache| cache.keep(&name, &component)) {
        tracing::warn!(%plugin, error = told(&error), "compiled plugin cannot be kept; every start compiles it again");
    }
    Ok(Compiled { engine, component })
}

/// By name and before anything of the plugin runs: what is not granted is not there to be called.
fn check_imports(
    plugin: &BackendName,
    engine: &Engine,
    component: &Component,
    grants: Grants,
) -> Result<(), LoadError> {
    let shape = component.component_type();
    let mut ungranted = Vec::new();
    for (import, _) in shape.imports(engine) {
        match Import::of(import) {
            Import::Types => {}
            Import::Capability(capability) if grants.has(capability) => {}
            Import::Capability(capability) => ungranted.push((one_line(import), capability)),
            Import::Unknown => {
                return Err(LoadError::UnknownImport { plugin: plugin.clone(), import: one_line(import) });
            }
        }
    }
    if !ungranted.is_empty() {
        let imports: Vec<_> = ungranted.iter().map(|(import, _)| import.split('@').next().unwrap_or(import)).collect();
        let words: BTreeSet<_> = ungranted.iter().map(|(_, capability)| format!("{:?}", capability.word())).collect();
        let words = words.into_iter().collect::<Vec<_>>().join(", ");
        return Err(LoadError::NotGranted { plugin: plugin.clone(), imports: imports.join(", "), words });
    }
    match shape.get_export(engine, KEYS) {
        Some(_) => Ok(()),
        None => Err(LoadError::MissingExport { plugin: plugin.clone(), export: KEYS }),
    }
}

fn link(engine: &Engine, component: &Component, grants: Grants) -> wasmtime::Result<InstancePre<Room>> {
    let mut linker = Linker::new(engine);
    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |room: &mut Room| room)?;
    for &capability in Capability::ALL.iter().filter(|&&capability| grants.has(capability)) {
        add(&mut linker, capability)?;
    }
    linker.instantiate_pre(component)
}

fn add(linker: &mut Linker<Room>, capability: Capability) -> wasmtime::Result<()> {
    fn room(room: &mut Room) -> &mut Room {
        room
    }
    match capability {
        Capability::Clock => clock::add_to_linker::<_, HasSelf<_>>(linker, room),
        Capability::Credentials => credentials::add_to_linker::<_, HasSelf<_>>(linker, room),
        Capability::Crypto => crypto::add_to_linker::<_, HasSelf<_>>(linker, room),
        Capability::Delegate => delegate::add_to_linker::<_, HasSelf<_>>(linker, room),
        Capability::Http => {
            http::add_to_linker::<_, HasSelf<_>>(linker, room)?;
            add_outgoing(linker, room)
        }
        Capability::Keyvalue => keyvalue::add_to_linker::<_, HasSelf<_>>(linker, room),
        Capability::Log => log::add_to_linker::<_, HasSelf<_>>(linker, room),
        Capability::Reveal => reveal::add_to_linker::<_, HasSelf<_>>(linker, room),
        Capability::Roots => roots::add_to_linker::<_, HasSelf<_>>(linker, room),
        Capability::Settings => settings::add_to_linker::<_, HasSelf<_>>(linker, room),
    }
}

fn add_outgoing(linker: &mut Linker<Room>, room: fn(&mut Room) -> &mut Room) -> wasmtime::Result<()> {
    // `wasi:http/types` takes its word for a duration from there. No time comes with it: `clock` is a grant of its own.
    linker.instance(MONOTONIC_CLOCK)?;
    outgoing::error::add_to_linker::<_, HasSelf<_>>(linker, room)?;
    outgoing::poll::add_to_linker::<_, HasSelf<_>>(linker, room)?;
    outgoing::streams::add_to_linker::<_, HasSelf<_>>(linker, room)?;
    outgoing::types::add_to_linker::<_, HasSelf<_>>(linker, &outgoing::types::LinkOptions::default(), room)?;
    outgoing::outgoing_handler::add_to_linker::<_, HasSelf<_>>(linker, room)
}

fn contract(plugin: &BackendName, error: &wasmtime::Error) -> LoadError {
    LoadError::Contract { plugin: plugin.clone(), cause: told(error) }
}

/// An error with its causes; it may quote the component.
fn told(error: &wasmtime::Error) -> String {
    one_line(&format!("{error:#}"))
}
