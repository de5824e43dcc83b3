//! Loads the guests that `./dev guests` builds, and hands out permits and keys for tests.
#![allow(dead_code)] // each test binary uses its part

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Once};

use broker_backend_wasm::{Capability, Grants, Limits, LoadError, Outside, PluginKeys, PluginSpec, Trust, WasmBackend};
use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::grant::{Grant, GrantId, Granted, Permit, Policy, Scope};
use broker_core::key::Material;
use broker_core::name::{BackendName, KeyName, KeyVersion, Principal, VaultName};
use broker_core::permission::PermissionSet;
use broker_core::port::{Backend, Candidate, Clock, Making, Unwrapped, Unwrapping, Wrapping};
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;
use broker_core::verb::{self, Verb};
use broker_crypto::mac::MacKey;
use broker_crypto::seal::SealKey;

pub const VERSION: KeyVersion = KeyVersion([7; 16]);

/// A guest's file; all are built when one is missing.
pub fn guest(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let folder = match std::env::var_os("KEYBROKER_GUESTS") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/keybroker/guests"),
    };
    let file = folder.join(name).with_extension("wasm");
    if !file.exists() {
        BUILT.call_once(|| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            assert!(Command::new("./dev").arg("guests").current_dir(root).status().unwrap().success());
        });
    }
    file
}

pub fn spec(name: &str, wasm: PathBuf) -> PluginSpec {
    let name = BackendName::parse(name).unwrap();
    let grants = grants(&[Capability::Crypto, Capability::Log]);
    PluginSpec { name, wasm, sha256: None, trust: Trust::default(), grants, limits: Limits::default() }
}

pub fn grants(capabilities: &[Capability]) -> Grants {
    capabilities.iter().copied().collect()
}

/// Nothing but a clock.
pub fn bare() -> Outside {
    struct Stopped;
    impl Clock for Stopped {
        fn now_ms(&self) -> u64 {
            1_800_000_000_000
        }
        fn monotonic_us(&self) -> u64 {
            0
        }
    }
    Outside::bare(Arc::new(Stopped))
}

/// The keys of a plugin; the same ones for the same seed.
pub fn keys(seed: u8) -> PluginKeys {
    let parent = Secret::new(vec![seed; 32]);
    PluginKeys {
        seal: SealKey::derive(&parent, b"plugin").unwrap(),
        cache_mac: MacKey::derive(&parent, b"plugin").unwrap(),
    }
}

pub async fn load(name: &str) -> WasmBackend {
    load_with(name, Limits::default()).await
}

pub async fn load_with(name: &str, limits: Limits) -> WasmBackend {
    WasmBackend::load(PluginSpec { limits, ..spec(name, guest(name)) }, keys(1), bare(), None).await.unwrap()
}

/// How loading fails, in words.
pub async fn load_error(spec: PluginSpec) -> (LoadError, String) {
    let error = WasmBackend::load(spec, keys(1), bare(), None).await.err().expect("it must not load");
    let told = error.to_string();
    (error, told)
}

pub fn permit<V: Verb>(vault: &str, key: &str) -> Permit<V> {
    let principal = Principal::parse("local/uid:0").unwrap();
    let scope = Scope::Key(VaultName::parse(vault).unwrap(), KeyName::parse(key).unwrap());
    let grant = Grant {
        id: GrantId([0; 16]),
        principal: principal.clone(),
        granted: Granted::Permissions(PermissionSet::of(&[V::PERMISSION])),
        scope: scope.clone(),
        not_before_s: None,
        not_after_s: None,
        justification: String::new(),
        granted_by: principal.clone(),
        approved_by: None,
        created_s: 0,
    };
    Policy::of([grant]).permit(&principal, scope, 0).unwrap()
}

/// A key of one plugin in one vault, at [`VERSION`] unless the test moves it.
pub struct Key<'a> {
    pub backend: &'a WasmBackend,
    pub vault: String,
    pub name: String,
    pub candidate: Candidate,
}

pub async fn generate(
    backend: &WasmBackend,
    name: &str,
    version: KeyVersion,
    spec: KeySpec,
) -> Result<Candidate, Failure> {
    let made = backend.generate_key(Making::Create(permit::<verb::CreateKey>("vault1", name)), version, spec).await?;
    let material = Arc::new(Material { opaque: made.opaque, public: made.public, origin_vault: None });
    Ok(Candidate { version, spec, material })
}

impl<'a> Key<'a> {
    pub async fn new(backend: &'a WasmBackend, name: &str, spec: KeySpec) -> Key<'a> {
        let candidate = generate(backend, name, VERSION, spec).await.unwrap();
        Key { backend, vault: "vault1".into(), name: name.into(), candidate }
    }

    pub async fn wrap_with(
        &self,
        algorithm: WrapAlgorithm,
        secret: &[u8],
        extras: &WrapExtras,
    ) -> Result<Wrapped, Failure> {
        let permit = Wrapping::Wrap(permit::<verb::WrapKey>(&self.vault, &self.name));
        self.backend.wrap_key(permit, &self.candidate, algorithm, Secret::copied_from(secret), extras).await
    }

    pub async fn wrap(&self, algorithm: WrapAlgorithm, secret: &[u8]) -> Result<Wrapped, Failure> {
        self.wrap_with(algorithm, secret, &WrapExtras::default()).await
    }

    pub async fn unwrap_any(
        &self,
        candidates: &[Candidate],
        algorithm: WrapAlgorithm,
        value: &[u8],
        extras: &WrapExtras,
    ) -> Result<Unwrapped, Failure> {
        let permit = Unwrapping::Unwrap(permit::<verb::UnwrapKey>(&self.vault, &self.name));
        self.backend.unwrap_key(permit, candidates, algorithm, value, extras).await
    }

    pub async fn unwrap(&self, algorithm: WrapAlgorithm, value: &[u8]) -> Result<Vec<u8>, Failure> {
        let one = std::slice::from_ref(&self.candidate);
        let unwrapped = self.unwrap_any(one, algorithm, value, &WrapExtras::default()).await?;
        Ok(unwrapped.secret.expose().to_vec())
    }
}

/// Which refusal it was; panics when it was none.
pub fn refusal<T>(result: Result<T, Failure>) -> Refusal {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(failure) => failure.refusal,
    }
}
