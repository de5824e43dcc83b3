//! Other keys of this broker as a plugin's delegates: each use is a request of the plugin's own, permitted and written down.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};

use broker_backend_wasm::{Delegates, Step};
use broker_core::algorithm::WrapExtras;
use broker_core::broker::{Broker, UnwrapKey, WrapKey};
use broker_core::entry::{Asker, Front, Peer};
use broker_core::name::{BackendName, KeyName, KeyVersion, Principal, VaultName};
use broker_core::port::Later;
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;

use super::Delegate;
use crate::assemble::request_id;

/// The broker, once it is built: backends come before it.
pub type BrokerCell = Arc<OnceLock<Weak<Broker>>>;

/// The delegates of one plugin.
pub struct KeyDelegates {
    pub broker: BrokerCell,
    pub plugin: BackendName,
    pub named: BTreeMap<String, Delegate>,
}

/// A delegate for one use: the broker, who asks, and the key.
struct Way {
    broker: Arc<Broker>,
    asker: Asker,
    vault: VaultName,
    key: KeyName,
}

impl KeyDelegates {
    fn way(&self, to: &str, key: Option<&KeyName>) -> Result<Way, Refusal> {
        let nothing = || Refusal::NotFound { what: "a delegate of that name in the configuration".to_owned() };
        let delegate = self.named.get(to).ok_or_else(nothing)?;
        let backend = || Refusal::BackendUnavailable { backend: self.plugin.clone() };
        // While the broker starts there is none yet; when it stops there is none any more.
        let broker = self.broker.get().and_then(Weak::upgrade).ok_or_else(backend)?;
        let principal = Principal::parse(&format!("plugin/{}", self.plugin)).map_err(|_| Refusal::Internal)?;
        let asker = Asker {
            request: request_id(),
            client_request_id: None,
            principal,
            fingerprint_sha256: None,
            peer: Peer::Here("the broker itself"),
            front: Front::Plugin,
            proof: None,
            journal: None,
        };
        let key = delegate.key.as_ref().or(key).ok_or_else(nothing)?.clone();
        Ok(Way { broker, asker, vault: delegate.vault.clone(), key })
    }
}

impl Delegates for KeyDelegates {
    fn check(&self, to: String, key: Option<KeyName>) -> Later<'static, Result<(), Refusal>> {
        let way = match self.named.get(&to) {
            // Outside any key there is nothing to look at but that it is configured.
            Some(delegate) if delegate.key.is_none() && key.is_none() => return Box::pin(std::future::ready(Ok(()))),
            _ => self.way(&to, key.as_ref()),
        };
        Box::pin(async move {
            let way = way?;
            way.broker.get_key(&way.asker, way.vault, way.key, None).await.map(drop)
        })
    }

    fn wrap(&self, step: Step, secret: Secret) -> Later<'static, Result<(Vec<u8>, String), Refusal>> {
        let way = self.way(&step.to, Some(&step.key));
        Box::pin(async move {
            let (way, version) = (way?, version_of(step.version.as_deref())?);
            let ask = WrapKey {
                vault: way.vault,
                key: way.key,
                version,
                algorithm: step.algorithm,
                secret,
                extras: WrapExtras::default(),
            };
            let wrapped = way.broker.wrap_key(&way.asker, ask).await?;
            if !wrapped.wrapped.iv.is_empty() {
                return Err(with_extras(&step));
            }
            Ok((wrapped.wrapped.value, wrapped.version.to_string()))
        })
    }

    fn unwrap(&self, step: Step, value: Vec<u8>) -> Later<'static, Result<Secret, Refusal>> {
        let way = self.way(&step.to, Some(&step.key));
        Box::pin(async move {
            let (way, version) = (way?, version_of(step.version.as_deref())?);
            let ask = UnwrapKey {
                vault: way.vault,
                key: way.key,
                version,
                algorithm: step.algorithm,
                value,
                extras: WrapExtras::default(),
            };
            Ok(way.broker.unwrap_key(&way.asker, ask).await?.secret)
        })
    }
}

fn version_of(text: Option<&str>) -> Result<Option<KeyVersion>, Refusal> {
    // What a guest says of versions was once said to it; another text is its own mistake, or someone else's value.
    text.map(KeyVersion::parse).transpose().map_err(|_| Refusal::Unwrappable)
}

fn with_extras(step: &Step) -> Refusal {
    Refusal::AlgorithmUnsupported { algorithm: step.algorithm.word().to_owned(), by: format!("delegate {}", step.to) }
}
