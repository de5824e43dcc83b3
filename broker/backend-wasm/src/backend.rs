//! A loaded plugin as the core sees it.

use std::path::PathBuf;
use std::sync::Arc;

use broker_core::algorithm::{KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::grant::Permit;
use broker_core::imported::ImportedKey;
use broker_core::name::{BackendName, KeyVersion};
use broker_core::port::{Backend, Candidate, Capabilities, Generated, Later, Making, Unwrapped, Unwrapping, Wrapping};
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;
use broker_core::verb;
use tokio::runtime::Handle;

use crate::call::Guest;
use crate::counters::Counters;
use crate::describe::Described;
use crate::load::{LoadError, Origin, PluginKeys, PluginSpec, Reach, make_guest};
use crate::outside::Outside;
use crate::state::State;

/// One plugin, loaded. Every call gets an instance of its own, which dies with the call.
///
/// A hostile guest can still answer a wrapped value that no key opens, or the secret of another value that this same key
/// opens: what a guest says about its own keys is its own word. It cannot make the host use, or show, any other key.
pub struct WasmBackend {
    pub(crate) guest: Guest,
    described: Described,
    origin: Origin,
}

impl WasmBackend {
    /// Reads, checks, compiles (or finds compiled in `cache_dir`), links, and asks the plugin for its description and its
    /// self-test. Runs in a tokio runtime with time.
    ///
    /// A plugin that says it is not ready, or that what it depends on does not answer, is loaded: its calls say so too, and
    /// it may be ready later.
    ///
    /// # Errors
    /// What is wrong with the plugin, in words for the operator.
    pub async fn load(
        spec: PluginSpec,
        keys: PluginKeys,
        outside: Outside,
        cache_dir: Option<PathBuf>,
    ) -> Result<Self, LoadError> {
        let state = State::open(Arc::clone(&outside.shelf)).await;
        let state = Arc::new(state.map_err(|cause| LoadError::State { plugin: spec.name.clone(), cause })?);
        let reach = Reach { outside, state, counters: Arc::default(), host: Handle::current() };
        let (loaded, serves) = Self::make(spec, keys, reach, cache_dir).await?;
        if let Err(Failure { refusal, .. }) = serves {
            tracing::warn!(plugin = %loaded.name(), %refusal, "plugin loaded, but it does not serve yet");
        }
        Ok(loaded)
    }

    /// Another version of this same plugin, made ready beside it: it has the same private state and the same counters, and
    /// calls of either may be under way at once.
    ///
    /// # Errors
    /// As [`WasmBackend::load`]; and one that does not serve yet does not succeed one that does.
    pub async fn successor(
        &self,
        spec: PluginSpec,
        keys: PluginKeys,
        outside: Outside,
        cache_dir: Option<PathBuf>,
    ) -> Result<Self, LoadError> {
        let shared = &self.guest.shared;
        let (state, counters) = (Arc::clone(&shared.state), Arc::clone(&shared.counters));
        let reach = Reach { outside, state, counters, host: Handle::current() };
        let (loaded, serves) = Self::make(spec, keys, reach, cache_dir).await?;
        match serves {
            Err(cause) if self.guest.self_test().await.is_ok() => {
                Err(LoadError::SelfTest { plugin: loaded.name().clone(), cause })
            }
            _ => Ok(loaded),
        }
    }

    /// With what its self-test said, where that does not keep it from being loaded.
    async fn make(
        spec: PluginSpec,
        keys: PluginKeys,
        reach: Reach,
        cache_dir: Option<PathBuf>,
    ) -> Result<(Self, Result<(), Failure>), LoadError> {
        let plugin = spec.name.clone();
        let made = tokio::task::spawn_blocking(move || make_guest(&spec, keys, reach, cache_dir)).await;
        // A panic in wasmtime's compiler, on bytes that a stranger wrote, is the plugin's failure and not ours.
        let made = made.map_err(|panic| LoadError::Invalid { plugin: plugin.clone(), cause: panic.to_string() })?;
        let (guest, origin) = made?;
        let said = guest.describe().await.map_err(|cause| LoadError::Silent { plugin: plugin.clone(), cause })?;
        let described = Described::of(said).map_err(|lie| LoadError::Lies { plugin: plugin.clone(), lie })?;
        let serves = guest.self_test().await;
        match serves {
            Ok(())
            | Err(Failure { refusal: Refusal::BackendNotReady { .. } | Refusal::BackendUnavailable { .. }, .. }) => {
                Ok((Self { guest, described, origin }, serves))
            }
            Err(cause) => Err(LoadError::SelfTest { plugin, cause }),
        }
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &BackendName {
        &self.guest.shared.plugin
    }

    #[must_use]
    pub const fn described(&self) -> &Described {
        &self.described
    }

    /// The very file it is.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// For metrics.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.guest.shared.counters
    }
}

/// Each verb is told in its own file under `verb/`.
impl Backend for WasmBackend {
    fn capabilities(&self) -> &Capabilities {
        &self.described.capabilities
    }

    fn generate_key(
        &self,
        permit: Making,
        version: KeyVersion,
        spec: KeySpec,
    ) -> Later<'_, Result<Generated, Failure>> {
        Box::pin(self.make_key(permit, version, spec))
    }

    fn wrap_key<'a>(
        &'a self,
        permit: Wrapping,
        under: &'a Candidate,
        algorithm: WrapAlgorithm,
        secret: Secret,
        extras: &'a WrapExtras,
    ) -> Later<'a, Result<Wrapped, Failure>> {
        Box::pin(self.wrap_under(permit, under, algorithm, secret, extras))
    }

    fn unwrap_key<'a>(
        &'a self,
        permit: Unwrapping,
        candidates: &'a [Candidate],
        algorithm: WrapAlgorithm,
        value: &'a [u8],
        extras: &'a WrapExtras,
    ) -> Later<'a, Result<Unwrapped, Failure>> {
        Box::pin(self.unwrap_with_any(permit, candidates, algorithm, value, extras))
    }

    fn import_key(
        &self,
        permit: Permit<verb::ImportKey>,
        version: KeyVersion,
        spec: KeySpec,
        key: ImportedKey,
    ) -> Later<'_, Result<Generated, Failure>> {
        Box::pin(self.take_key(permit, version, spec, key))
    }

    fn sign<'a>(
        &'a self,
        permit: Permit<verb::Sign>,
        under: &'a Candidate,
        algorithm: SignAlgorithm,
        digest: &'a [u8],
    ) -> Later<'a, Result<Vec<u8>, Failure>> {
        Box::pin(self.sign_under(permit, under, algorithm, digest))
    }

    fn verify<'a>(
        &'a self,
        permit: Permit<verb::Verify>,
        under: &'a Candidate,
        algorithm: SignAlgorithm,
        digest: &'a [u8],
        signature: &'a [u8],
    ) -> Later<'a, Result<bool, Failure>> {
        Box::pin(std::future::ready(self.verify_with(&permit, under, algorithm, digest, signature)))
    }

    fn destroy_key<'a>(
        &'a self,
        permit: Permit<verb::PurgeKey>,
        versions: &'a [Candidate],
    ) -> Later<'a, Result<(), Failure>> {
        Box::pin(self.destroy_all(permit, versions))
    }

    fn self_test(&self) -> Later<'_, Result<(), Failure>> {
        Box::pin(self.guest.self_test())
    }
}
