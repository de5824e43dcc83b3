//! From a plugin's section of the configuration to a plugin: its keys, its limits, and what it may reach.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use broker_backend_wasm::{Network, Outside, PluginKeys, PluginSpec, Trust, WasmBackend};
use broker_core::port::{Clock, Store};
use broker_store_sqlite::SqliteStore;

use super::{BrokerCell, HostNetwork, KeyDelegates, StoreShelf};
use crate::cli::upstream;
use crate::config::WasmPlugin;

/// What all plugins of this broker are loaded with.
pub struct Loader {
    pub broker: BrokerCell,
    pub cache_dir: PathBuf,
    pub clock: Arc<dyn Clock>,
    pub store: Arc<SqliteStore>,
}

impl Loader {
    /// # Errors
    /// What is wrong with the plugin ([`broker_backend_wasm::LoadError`]) or with what it is given.
    pub async fn load(&self, plugin: &WasmPlugin, trust: &Trust) -> Result<WasmBackend> {
        let (keys, outside) = (self.keys(plugin)?, self.outside(plugin)?);
        Ok(WasmBackend::load(spec_of(plugin, trust), keys, outside, Some(self.cache_dir.clone())).await?)
    }

    /// The same, to take the place of `old`.
    ///
    /// # Errors
    /// As [`Loader::load`].
    pub async fn successor(&self, old: &WasmBackend, plugin: &WasmPlugin, trust: &Trust) -> Result<WasmBackend> {
        let (keys, outside) = (self.keys(plugin)?, self.outside(plugin)?);
        Ok(old.successor(spec_of(plugin, trust), keys, outside, Some(self.cache_dir.clone())).await?)
    }

    fn keys(&self, plugin: &WasmPlugin) -> Result<PluginKeys> {
        Ok(PluginKeys {
            seal: self.store.purpose_seal_key(&format!("plugin {} material", plugin.name))?,
            cache_mac: self.store.purpose_mac_key("compiled plugins")?,
        })
    }

    fn outside(&self, plugin: &WasmPlugin) -> Result<Outside> {
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        let delegates = KeyDelegates {
            broker: Arc::clone(&self.broker),
            plugin: plugin.name.clone(),
            named: plugin.delegates.clone(),
        };
        let bare = Outside::bare(Arc::clone(&self.clock));
        Ok(Outside {
            delegates: Arc::new(delegates),
            network: network_of(plugin)?.unwrap_or_else(|| Arc::clone(&bare.network)),
            settings: plugin.settings.clone(),
            shelf: Arc::new(StoreShelf { store, plugin: plugin.name.clone() }),
            ..bare
        })
    }
}

/// The hosts that the configuration lists; none where it lists none.
///
/// # Errors
/// A CA's file, or a credential's certificate, cannot be read or does not fit.
pub fn network_of(plugin: &WasmPlugin) -> Result<Option<Arc<dyn Network>>> {
    let Some(http) = &plugin.http else { return Ok(None) };
    let roots = http.ca.as_deref().map(upstream::certificates).transpose()?.unwrap_or_default();
    let (hosts, networks) = (http.hosts.clone(), http.networks.clone());
    let credentials = plugin.credentials.clone();
    let network = HostNetwork::new(plugin.name.clone(), hosts, networks, roots, credentials, http.limits)
        .with_context(|| format!("backend {}", plugin.name))?;
    Ok(Some(Arc::new(network)))
}

fn spec_of(plugin: &WasmPlugin, trust: &Trust) -> PluginSpec {
    PluginSpec {
        name: plugin.name.clone(),
        wasm: plugin.file.clone(),
        sha256: plugin.sha256,
        trust: trust.clone(),
        grants: plugin.grants,
        limits: plugin.limits.limits(),
    }
}
