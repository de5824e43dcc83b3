//! The plugin that is asked, and leave to ask it.

use std::sync::Arc;

use broker_backend_wasm::WasmBackend;
use broker_core::algorithm::{KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::grant::{Grant, GrantId, Granted, Permit, Policy, Scope};
use broker_core::imported::ImportedKey;
use broker_core::key::Material;
use broker_core::name::{KeyName, KeyVersion, Principal, VaultName};
use broker_core::permission::PermissionSet;
use broker_core::port::{Backend as _, Candidate, Generated, Making, Unwrapping, Wrapping};
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;
use broker_core::verb::{self, Verb};

/// What a backup is made under; it is kept nowhere.
const PASSWORD: &[u8] = b"conformance run";

#[derive(Clone)]
pub struct Subject {
    pub plugin: Arc<WasmBackend>,
    /// Its keys may be others' keys, of which its own material need not say anything.
    pub delegates: bool,
}

/// What a call is refused with is told in the refusal's word; what the plugin did, in the cause.
pub fn told(failure: &Failure) -> String {
    match &failure.cause {
        Some(cause) => format!("{} ({cause})", failure.refusal),
        None => failure.refusal.to_string(),
    }
}

impl Subject {
    pub fn specs(&self) -> Vec<KeySpec> {
        self.plugin.described().capabilities.key_specs.clone()
    }

    pub fn wraps(&self) -> Vec<WrapAlgorithm> {
        self.plugin.described().capabilities.wrap_algorithms.clone()
    }

    pub fn signs(&self) -> Vec<SignAlgorithm> {
        self.plugin.described().capabilities.sign_algorithms.clone()
    }

    pub async fn serves(&self) -> Result<(), String> {
        self.plugin.self_test().await.map_err(|failure| told(&failure))
    }

    /// One that must be backed up first says so until it was.
    pub async fn waits_for_backup(&self) -> Result<(), String> {
        match self.plugin.self_test().await {
            Err(Failure { refusal: Refusal::BackendNotReady { .. }, .. }) => Ok(()),
            Err(failure) => Err(format!("self-test must be `not-ready`, but is {}", told(&failure))),
            Ok(()) => Err("self-test must be `not-ready`, but it serves".to_owned()),
        }
    }

    pub async fn backs_up(&self) -> Result<(), String> {
        let backup = self.plugin.back_up(Secret::copied_from(PASSWORD)).await.map_err(|failure| told(&failure))?;
        if backup.is_empty() { Err("the backup is empty".to_owned()) } else { Ok(()) }
    }

    pub async fn generates(&self, spec: KeySpec) -> Result<(), String> {
        // Of one name, for a key may be told from another by its name alone.
        let of = new_version()?;
        let (one, two) = (self.made(of, of, spec).await?, self.made(of, new_version()?, spec).await?);
        if !self.delegates && one.material.opaque == two.material.opaque {
            return Err("two calls answered the same material".to_owned());
        }
        if one.material.public != PublicKey::None && one.material.public == two.material.public {
            return Err("two calls answered the same public key".to_owned());
        }
        Ok(())
    }

    /// A new key, in a version of its own.
    pub async fn key(&self, spec: KeySpec) -> Result<Candidate, String> {
        let version = new_version()?;
        self.made(version, version, spec).await
    }

    /// A version of the key that is named after its first one.
    async fn made(&self, of: KeyVersion, version: KeyVersion, spec: KeySpec) -> Result<Candidate, String> {
        let permit = Making::Create(permit::<verb::CreateKey>(of)?);
        let made = self.plugin.generate_key(permit, version, spec).await;
        Ok(candidate(version, spec, made.map_err(|failure| format!("generate-key {spec}: {}", told(&failure)))?))
    }

    /// `None`: it does not take keys of this spec over.
    pub async fn import(&self, spec: KeySpec, key: ImportedKey) -> Result<Option<Candidate>, String> {
        let version = new_version()?;
        let taken = self.plugin.import_key(permit::<verb::ImportKey>(version)?, version, spec, key).await;
        match taken {
            Ok(made) => Ok(Some(candidate(version, spec, made))),
            Err(Failure { refusal: Refusal::AlgorithmUnsupported { .. }, .. }) => Ok(None),
            Err(failure) => Err(format!("import-key {spec}: {}", told(&failure))),
        }
    }

    pub async fn wrap(
        &self,
        under: &Candidate,
        algorithm: WrapAlgorithm,
        secret: &[u8],
        extras: &WrapExtras,
    ) -> Result<Wrapped, Failure> {
        let permit = Wrapping::Wrap(permit::<verb::WrapKey>(under.version).map_err(Failure::internal)?);
        self.plugin.wrap_key(permit, under, algorithm, Secret::copied_from(secret), extras).await
    }

    pub async fn unwrap(
        &self,
        under: &Candidate,
        algorithm: WrapAlgorithm,
        value: &[u8],
        extras: &WrapExtras,
    ) -> Result<Secret, Failure> {
        let permit = Unwrapping::Unwrap(permit::<verb::UnwrapKey>(under.version).map_err(Failure::internal)?);
        let one = std::slice::from_ref(under);
        Ok(self.plugin.unwrap_key(permit, one, algorithm, value, extras).await?.secret)
    }

    pub async fn sign(&self, under: &Candidate, algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, Failure> {
        let permit = permit::<verb::Sign>(under.version).map_err(Failure::internal)?;
        self.plugin.sign(permit, under, algorithm, digest).await
    }

    pub async fn verify(
        &self,
        under: &Candidate,
        algorithm: SignAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, String> {
        let permit = permit::<verb::Verify>(under.version)?;
        let verified = self.plugin.verify(permit, under, algorithm, digest, signature).await;
        verified.map_err(|failure| told(&failure))
    }

    pub async fn destroys(&self, spec: KeySpec) -> Result<(), String> {
        let key = self.key(spec).await?;
        for time in ["destroy-key", "destroy-key of a key that is gone"] {
            let destroyed =
                self.plugin.destroy_key(permit::<verb::PurgeKey>(key.version)?, std::slice::from_ref(&key)).await;
            destroyed.map_err(|failure| format!("{time}: {}", told(&failure)))?;
        }
        Ok(())
    }
}

fn candidate(version: KeyVersion, spec: KeySpec, made: Generated) -> Candidate {
    let material = Material { opaque: made.opaque, public: made.public, origin_vault: None };
    Candidate { version, spec, material: Arc::new(material) }
}

fn new_version() -> Result<KeyVersion, String> {
    broker_crypto::random::random().map(KeyVersion).map_err(|error| error.to_string())
}

/// Leave for one call, from a policy that has this one grant: a backend takes nothing less. Each key has a name of its own, for
/// the keys of a delegate go by names.
fn permit<V: Verb>(version: KeyVersion) -> Result<Permit<V>, String> {
    let principal = Principal::parse("local/uid:0").map_err(|error| error.to_string())?;
    let vault = VaultName::parse("conformance").map_err(|error| error.to_string())?;
    let key = KeyName::parse(&format!("asked-{version}")).map_err(|error| error.to_string())?;
    let scope = Scope::Key(vault, key);
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
    Policy::of([grant]).permit(&principal, scope, 0).map_err(|refusal| refusal.to_string())
}
