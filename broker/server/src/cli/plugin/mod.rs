//! plugin: what an author of a plugin, and whoever is to trust it, does with its file; `reload` alone needs a broker.

mod inspect;
mod new;
mod sign;
mod test;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use broker_backend_wasm::{Grants, Limits, Outside, PluginKeys, PluginSpec, Trust};
use broker_core::name::BackendName;
use broker_core::secret::Secret;
use broker_crypto::mac::MacKey;
use broker_crypto::seal::SealKey;
use clap::{Args, Subcommand};

use super::admin::Reach;
use super::say;
use crate::admin::client;
use crate::admin::wire::{Ask, Reply};
use crate::assemble::SystemClock;
use crate::plugin::LimitsAsked;

#[derive(Args)]
pub struct PluginCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Begin a plugin: a folder with a backend that works, its build script and its README
    New(new::New),
    /// Try a plugin as a broker would use it, and say in words what it gets wrong
    Test(test::Test),
    /// Show what a plugin is, what it would have to be granted and who vouches for it, before anyone trusts it
    Inspect(inspect::Inspect),
    /// Make a key that signs plugins
    Keygen(sign::Keygen),
    /// Sign a plugin: writes FILE.sig beside it
    Sign(sign::Sign),
    /// Have the running broker read its configuration and a plugin's file again, and use it if all is good
    Reload {
        /// The backend's name in the configuration
        name: String,
        #[command(flatten)]
        reach: Reach,
    },
}

impl PluginCommand {
    pub fn run(self) -> Result<()> {
        match self.action {
            Action::New(new) => new.run(),
            Action::Test(test) => test.run(),
            Action::Inspect(inspect) => inspect.run(),
            Action::Keygen(keygen) => keygen.run(),
            Action::Sign(sign) => sign.run(),
            Action::Reload { name, reach } => reload(name, &reach),
        }
    }
}

fn reload(backend: String, reach: &Reach) -> Result<()> {
    match client::ask(&reach.socket, &Ask::ReloadPlugin { backend })? {
        Reply::Plugin(plugin) if reach.json => say::json(&serde_json::json!({ "loaded": plugin })),
        Reply::Plugin(plugin) => say::line(format!("loaded: {plugin}")),
        other => bail!("the broker answered something else: {other:?}"),
    }
}

/// A component's file, and what it may use up: as in the configuration's section of a backend.
#[derive(Args)]
struct Component {
    /// The component
    file: PathBuf,
    /// Wall time of one call
    #[arg(long, value_name = "MS")]
    call_ms_max: Option<u64>,
    /// Size of the component's file
    #[arg(long, value_name = "MIB")]
    component_mib_max: Option<u32>,
    /// Core modules inside the component
    #[arg(long, value_name = "COUNT")]
    core_instances_max: Option<u32>,
    /// Memory of one call
    #[arg(long, value_name = "MIB")]
    memory_mib_max: Option<u32>,
    /// Stack of one call
    #[arg(long, value_name = "KIB")]
    stack_kib_max: Option<u32>,
    /// Elements of each table of one call
    #[arg(long, value_name = "COUNT")]
    table_elements_max: Option<u32>,
    /// Public key whose signatures count; may be given several times
    #[arg(long = "trusted-key", value_name = "HEX")]
    trusted_keys: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Component {
    fn limits(&self) -> Limits {
        self.limits_beside(&LimitsAsked::default())
    }

    /// Those of the command line, then those of a section.
    fn limits_beside(&self, section: &LimitsAsked) -> Limits {
        LimitsAsked {
            call_ms_max: self.call_ms_max.or(section.call_ms_max),
            calls_max: section.calls_max,
            component_mib_max: self.component_mib_max.or(section.component_mib_max),
            // Nobody waits beside it.
            compute_percent_max: Some(100),
            core_instances_max: self.core_instances_max.or(section.core_instances_max),
            memory_mib_max: self.memory_mib_max.or(section.memory_mib_max),
            stack_kib_max: self.stack_kib_max.or(section.stack_kib_max),
            table_elements_max: self.table_elements_max.or(section.table_elements_max),
        }
        .limits()
    }

    /// With no grant yet: what it needs is not known.
    fn spec(&self) -> Result<PluginSpec> {
        let keys = self.trusted_keys.iter().map(|key| crate::config::digest(key)).collect::<Result<_>>();
        Ok(PluginSpec {
            name: self.name(),
            wasm: self.file.clone(),
            sha256: None,
            trust: Trust { keys: keys.context("--trusted-key")?, required: false },
            grants: Grants::default(),
            limits: self.limits(),
        })
    }

    /// Its name as far as there is no configuration to give it one.
    fn name(&self) -> BackendName {
        let stem = self.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        BackendName::parse(stem)
            .or_else(|_| BackendName::parse("plugin"))
            .expect("\"plugin\" is the name of a backend that could be")
    }
}

/// The root of keys for a plugin that no broker knows: nothing that they seal outlives the command.
struct Moment(Secret);

impl Moment {
    fn new() -> Result<Self> {
        Ok(Self(broker_crypto::random::secret(32)?))
    }

    fn keys(&self) -> Result<PluginKeys> {
        Ok(PluginKeys {
            seal: SealKey::derive(&self.0, b"plugin command material")?,
            cache_mac: MacKey::derive(&self.0, b"plugin command code")?,
        })
    }
}

/// The time, and nothing else.
fn nothing_outside() -> Outside {
    Outside::bare(Arc::new(SystemClock::now()))
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().event_interval(7).build()?)
}
