//! Delegates for a plugin that is tried without a broker: each wraps under keys that are made for the run.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use broker_backend_wasm::{Delegates, Step};
use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use broker_core::name::{KeyName, KeyVersion};
use broker_core::port::Later;
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use broker_crypto::key::CryptoKey;
use tokio::sync::Mutex;

/// The one version that each key has.
const VERSION: KeyVersion = KeyVersion([0x11; 16]);

/// Delegates by these names, each with a key of its own for each key of the plugin's.
#[derive(Clone)]
pub struct FreshDelegates {
    named: BTreeSet<String>,
    keys: Arc<Mutex<HashMap<Owner, Arc<CryptoKey>>>>,
}

/// The delegate, the plugin's key, and what kind of key it takes.
type Owner = (String, KeyName, KeySpec);

impl FreshDelegates {
    #[must_use]
    pub fn named(names: BTreeSet<String>) -> Self {
        Self { named: names, keys: Arc::default() }
    }

    fn check(&self, to: &str) -> Result<(), Refusal> {
        if self.named.contains(to) {
            return Ok(());
        }
        Err(Refusal::NotFound { what: format!("a delegate of the name {to:?}: name it with --delegate") })
    }

    async fn key(&self, step: &Step) -> Result<Arc<CryptoKey>, Refusal> {
        self.check(&step.to)?;
        if step.version.as_ref().is_some_and(|version| *version != VERSION.to_string()) {
            return Err(Refusal::Unwrappable);
        }
        let spec = spec_for(step.algorithm);
        let mut keys = self.keys.lock().await;
        let owner = (step.to.clone(), step.key.clone(), spec);
        if let Some(key) = keys.get(&owner) {
            return Ok(Arc::clone(key));
        }
        // RSA takes its time, and this thread has others to serve.
        let made = tokio::task::spawn_blocking(move || CryptoKey::generate(spec)).await;
        let key = Arc::new(made.map_err(|_| Refusal::Internal)?.map_err(|_| Refusal::Internal)?);
        keys.insert(owner, Arc::clone(&key));
        Ok(key)
    }
}

const fn spec_for(algorithm: WrapAlgorithm) -> KeySpec {
    match algorithm {
        WrapAlgorithm::A128Kw | WrapAlgorithm::A128Kwp => KeySpec::Oct128,
        WrapAlgorithm::A256Gcm | WrapAlgorithm::A256Kw | WrapAlgorithm::A256Kwp => KeySpec::Oct256,
        WrapAlgorithm::Rsa1V5 | WrapAlgorithm::RsaOaep | WrapAlgorithm::RsaOaep256 => KeySpec::Rsa2048,
    }
}

impl Delegates for FreshDelegates {
    fn check(&self, to: String, _key: Option<KeyName>) -> Later<'static, Result<(), Refusal>> {
        Box::pin(std::future::ready(self.check(&to)))
    }

    fn wrap(&self, step: Step, secret: Secret) -> Later<'static, Result<(Vec<u8>, String), Refusal>> {
        let this = self.clone();
        Box::pin(async move {
            let wrapped = this.key(&step).await?.wrap(step.algorithm, &secret, &WrapExtras::default());
            let wrapped =
                wrapped.map_err(|_| Refusal::BadRequest { problem: "a secret of another length".to_owned() })?;
            Ok((wrapped.value, VERSION.to_string()))
        })
    }

    fn unwrap(&self, step: Step, value: Vec<u8>) -> Later<'static, Result<Secret, Refusal>> {
        let this = self.clone();
        Box::pin(async move {
            let opened = this.key(&step).await?.unwrap_secret(step.algorithm, &value, &WrapExtras::default());
            opened.map_err(|_| Refusal::Unwrappable)
        })
    }
}
