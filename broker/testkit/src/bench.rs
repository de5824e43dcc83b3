//! A broker on these fakes, with one vault and one administrator.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use broker_core::broker::{
    Broker, CreateKey, Given, KeyView, Limits, NewGrant, Parts, UnwrapKey, UnwrappedKey, WrapKey, WrappedKey,
};
use broker_core::entry::Asker;
use broker_core::grant::{Grant, GrantId, Granted, Scope};
use broker_core::name::{KeyVersion, VaultName};
use broker_core::permission::{Permission, Role};
use broker_core::port::{Change, Store};
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use broker_core::vault::Vault;

use crate::{
    FakeBackend, FixedClock, MemoryStore, RecordingAudit, SeededChance, asker, backend_name, key_name, principal, run,
    vault_name,
};

/// Who approves what the administrator gives, once there is such an administrator and a vault that demands it.
pub const SECOND: &str = "local/uid:1";

/// The time at which a bench begins, in Unix seconds.
const BEGINNING_S: u64 = 1_800_000_000;

/// A broker and its fakes. The administrator is `local/uid:0`; `vault1` has the backends `software` and `hsm`, the latter a
/// token that keeps its keys itself.
pub struct Bench {
    pub broker: Arc<Broker>,
    pub audit: Arc<RecordingAudit>,
    pub clock: Arc<FixedClock>,
    pub hsm: Arc<FakeBackend>,
    pub software: Arc<FakeBackend>,
    pub store: Arc<MemoryStore>,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        let store = Arc::new(MemoryStore::default());
        run(store.commit(vec![Change::PutVault(first_vault()), Change::PutGrant(first_grant())])).unwrap();
        let audit = Arc::new(RecordingAudit::default());
        let clock = Arc::new(FixedClock::at_s(BEGINNING_S));
        let (hsm, software) = (Arc::new(FakeBackend::token()), Arc::new(FakeBackend::default()));
        let parts = Parts {
            audit: audit.clone(),
            backends: [
                (backend_name("hsm"), hsm.clone() as Arc<dyn broker_core::port::Backend>),
                (backend_name("software"), software.clone()),
            ]
            .into(),
            chance: Arc::new(SeededChance::new(1)),
            clock: clock.clone(),
            limits,
            object_crypto: Arc::new(broker_crypto::object::port::HostCrypto),
            store: store.clone(),
        };
        let broker = Arc::new(run(Broker::open(parts)).unwrap());
        Self { broker, audit, clock, hsm, software, store }
    }

    /// Another broker over the same store, audit and backends, as after a restart.
    #[must_use]
    pub fn reopened(&self) -> Broker {
        let parts = Parts {
            audit: self.audit.clone(),
            backends: (*self.broker.backends()).clone(),
            chance: Arc::new(SeededChance::new(2)),
            clock: self.clock.clone(),
            limits: Limits::default(),
            object_crypto: Arc::new(broker_crypto::object::port::HostCrypto),
            store: self.store.clone(),
        };
        run(Broker::open(parts)).unwrap()
    }

    /// `local/uid:0`.
    #[must_use]
    pub fn admin(&self) -> Asker {
        asker("local/uid:0")
    }

    /// `vault1`.
    #[must_use]
    pub fn vault(&self) -> VaultName {
        vault_name("vault1")
    }

    /// The scope of a key in `vault1`.
    #[must_use]
    pub fn key_scope(&self, key: &str) -> Scope {
        Scope::Key(self.vault(), key_name(key))
    }

    /// Makes a key in `vault1`, or a version of one, as the administrator.
    pub fn make_key(&self, key: &str, spec: KeySpec) -> KeyView {
        run(self.broker.create_key(&self.admin(), self.create_ask(key, spec))).unwrap()
    }

    /// A plain `create` in `vault1`.
    #[must_use]
    pub fn create_ask(&self, key: &str, spec: KeySpec) -> CreateKey {
        CreateKey {
            vault: self.vault(),
            key: key_name(key),
            spec,
            hsm: false,
            operations: None,
            enabled: None,
            not_before_s: None,
            expires_s: None,
            tags: BTreeMap::new(),
        }
    }

    /// Gives permissions, as the administrator, without an end.
    pub fn give(&self, who: &str, permissions: &[Permission], scope: Scope) -> Grant {
        self.give_granted(who, Granted::Permissions(permissions.iter().copied().collect()), scope)
    }

    /// Gives a role, as the administrator, without an end.
    pub fn give_role(&self, who: &str, role: Role, scope: Scope) -> Grant {
        self.give_granted(who, Granted::Role(role), scope)
    }

    fn give_granted(&self, who: &str, granted: Granted, scope: Scope) -> Grant {
        let ask = NewGrant {
            id: None,
            principal: principal(who),
            granted,
            scope,
            not_before_s: None,
            not_after_s: None,
            justification: "for a test".to_owned(),
        };
        match run(self.broker.ask_for_grant(&self.admin(), ask)).unwrap() {
            Given::Elevation(waiting) => {
                run(self.broker.approve_elevation(&asker(SECOND), Scope::Broker, waiting.grant.id)).unwrap()
            }
            Given::Grant(grant) => grant,
        }
    }

    /// A wrap of these bytes in `vault1`, under the latest version when none is named.
    #[must_use]
    pub fn wrap_ask(&self, key: &str, version: Option<KeyVersion>, algorithm: WrapAlgorithm, secret: &[u8]) -> WrapKey {
        WrapKey {
            vault: self.vault(),
            key: key_name(key),
            version,
            algorithm,
            secret: Secret::copied_from(secret),
            extras: WrapExtras::default(),
        }
    }

    /// An unwrap in `vault1`, with the candidates when no version is named.
    #[must_use]
    pub fn unwrap_ask(
        &self,
        key: &str,
        version: Option<KeyVersion>,
        algorithm: WrapAlgorithm,
        value: &[u8],
    ) -> UnwrapKey {
        UnwrapKey {
            vault: self.vault(),
            key: key_name(key),
            version,
            algorithm,
            value: value.to_vec(),
            extras: WrapExtras::default(),
        }
    }

    /// Wraps with RSA-OAEP-256.
    ///
    /// # Errors
    /// What the broker refuses.
    pub fn wrap(&self, who: &Asker, key: &str, secret: &[u8]) -> Result<WrappedKey, Refusal> {
        run(self.broker.wrap_key(who, self.wrap_ask(key, None, WrapAlgorithm::RsaOaep256, secret)))
    }

    /// Unwraps with RSA-OAEP-256.
    ///
    /// # Errors
    /// What the broker refuses.
    pub fn unwrap(&self, who: &Asker, key: &str, value: &[u8]) -> Result<UnwrappedKey, Refusal> {
        run(self.broker.unwrap_key(who, self.unwrap_ask(key, None, WrapAlgorithm::RsaOaep256, value)))
    }
}

fn first_vault() -> Vault {
    Vault { hsm_backend: Some(backend_name("hsm")), ..Vault::new(vault_name("vault1"), backend_name("software"), 0) }
}

fn first_grant() -> Grant {
    Grant {
        id: GrantId([1; 16]),
        principal: principal("local/uid:0"),
        granted: Granted::Role(Role::Administrator),
        scope: Scope::Broker,
        not_before_s: None,
        not_after_s: None,
        justification: "the first administrator".to_owned(),
        granted_by: principal("system/setup"),
        approved_by: None,
        created_s: 0,
    }
}
