//! One method a verb: permit or refusal, the deed, the audit entry, the answer. The only orchestration there is.
//!
//! Every method must be run to its end: a caller that hangs up must not cancel it, so servers run it detached.

mod backup_key;
mod clock;
mod create_key;
mod deed;
mod delete_key;
mod doctor;
mod elevations;
mod get_key;
mod grants;
mod graves;
mod identities;
mod import_key;
mod list_keys;
mod object;
mod pins;
mod purge_key;
mod purge_vault;
mod random_bytes;
mod rotate_key;
mod rotation_policy;
mod sign;
mod system;
mod unimplemented;
mod unwrap_key;
mod update_key;
mod upkeep;
mod usage;
mod vault_life;
mod vaults;
mod wrap_key;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

pub use create_key::CreateKey;
pub use delete_key::{DeletedSummary, DeletedView};
pub use doctor::Finding;
pub use get_key::KeyView;
pub use grants::{Given, NewGrant};
pub use list_keys::KeySummary;
pub use object::{
    CreateObject, CreateObjectPair, DecryptWithObject, DeriveObject, Edit, EncryptWithObject, Journal, LOCATED_MAX,
    LocateObjects, NewObject, ObjectView, REWRAPPED_MAX, RegisterObject, RekeyObject, RevealedObject, Rewrapped,
    SignWithObject, VerifyWithObject,
};
pub use random_bytes::RANDOM_BYTES_MAX;
pub use sign::{Sign, Signed};
pub use system::{Task, task_asker};
pub use unwrap_key::{UnwrapKey, UnwrappedKey};
pub use vaults::{NewVault, VaultPatch};
pub use wrap_key::{WrapKey, WrappedKey};

use crate::grant::Policy;
use crate::name::{BackendName, VaultName};
use crate::object_crypto::ObjectCrypto;
use crate::port::{AuditLog, Backend, Chance, Clock, Store};
use crate::rate::{Rate, Rates};
use crate::refusal::{Failure, Refusal};
use crate::turn::{Ruling, Turn, Turns};
use crate::usage::Usage;
use crate::vault::{Pin, Vault};

/// Bytes of a secret that can be wrapped, at most.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

/// What the operator may set.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many versions a version-less unwrap or decrypt tries at most.
    pub versions_tried_max: usize,
    /// Whether RSA1_5 may be used at all; it is a padding oracle waiting for a mistake.
    pub rsa1_5: bool,
    /// How often each principal may ask, where a vault does not say otherwise.
    pub rate: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self { versions_tried_max: 8, rsa1_5: false, rate: Rate::default() }
    }
}

/// Told of every change of the pins, before the change is in force for requests: by the time a removal is acknowledged, no
/// connection of the removed certificate begins a request any more.
pub type OnPins = Box<dyn Fn(&[Arc<Pin>]) + Send + Sync>;

/// The backends by name.
pub type Backends = HashMap<BackendName, Arc<dyn Backend>>;

/// What a broker is made of.
pub struct Parts {
    pub audit: Arc<dyn AuditLog>,
    pub backends: Backends,
    pub chance: Arc<dyn Chance>,
    pub clock: Arc<dyn Clock>,
    pub limits: Limits,
    pub object_crypto: Arc<dyn ObjectCrypto>,
    pub store: Arc<dyn Store>,
}

/// The broker. Cheap to share.
pub struct Broker {
    audit: Arc<dyn AuditLog>,
    backends: ArcSwap<Backends>,
    chance: Arc<dyn Chance>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    object_crypto: Arc<dyn ObjectCrypto>,
    store: Arc<dyn Store>,
    turns: Turns,
    /// One change of grants, identities, vaults or pins at a time: checked, committed and put in force as one. Never held while waiting
    /// for older requests to end, since one of them may be waiting here.
    desk: async_lock::Mutex<()>,
    /// A vault's KEK is made once.
    kek_desk: async_lock::Mutex<()>,
    graves: graves::Graves,
    rates: Rates,
    usage: Usage,
    on_pins: OnceLock<OnPins>,
}

impl Broker {
    /// Reads the standing policy from the store.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn open(parts: Parts) -> Result<Self, Failure> {
        let standing = parts.store.standing().await?;
        let elevations = standing.elevations.into_iter();
        let mut ruling = Ruling {
            elevations: elevations.map(|one| (one.grant.id, Arc::new(one))).collect(),
            identities: HashMap::new(),
            policy: Policy::of(standing.grants.into_iter().chain(system::grants())),
            vaults: standing.vaults.into_iter().map(|vault| (vault.name.clone(), Arc::new(vault))).collect(),
            pins: standing.pins.into_iter().map(|pin| (pin.name.clone(), Arc::new(pin))).collect(),
        };
        standing.identities.into_iter().for_each(|identity| ruling.put_identity(Arc::new(identity)));
        Ok(Self {
            audit: parts.audit,
            backends: ArcSwap::from_pointee(parts.backends),
            chance: parts.chance,
            clock: parts.clock,
            limits: parts.limits,
            object_crypto: parts.object_crypto,
            store: parts.store,
            turns: Turns::new(ruling),
            desk: async_lock::Mutex::new(()),
            kek_desk: async_lock::Mutex::new(()),
            graves: graves::Graves::default(),
            rates: Rates::default(),
            usage: usage::kept(&standing.settings),
            on_pins: OnceLock::new(),
        })
    }

    /// The vaults, grants and pins in force now; for what is not a request (routing by host name, metrics, trust).
    #[must_use]
    pub fn ruling(&self) -> Arc<Turn> {
        self.turns.begin()
    }

    /// Sets who is told of changed pins; once, before the first request.
    pub fn watch_pins(&self, on_pins: OnPins) {
        if self.on_pins.set(on_pins).is_err() {
            tracing::error!("the pins are watched already");
        }
    }

    /// Puts other backends in force for every call that begins from now on.
    pub fn replace_backends(&self, backends: Backends) {
        self.backends.store(Arc::new(backends));
    }

    /// The backends in force now.
    #[must_use]
    pub fn backends(&self) -> Arc<Backends> {
        self.backends.load_full()
    }

    fn backend(&self, name: &BackendName) -> Result<Arc<dyn Backend>, Failure> {
        self.backends.load().get(name).cloned().ok_or_else(|| {
            let refusal = Refusal::BackendUnavailable { backend: name.clone() };
            Failure::caused(refusal, format!("the configuration has no backend {name}"))
        })
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.chance.fill(&mut bytes);
        bytes
    }
}

/// The live vault, after the permit: a stranger never learns which vaults exist.
fn vault_of(turn: &Turn, name: &VaultName) -> Result<Arc<Vault>, Refusal> {
    let vault = any_vault_of(turn, name)?;
    vault.check_live()?;
    Ok(vault)
}

/// The vault, live or deleted, after the permit.
fn any_vault_of(turn: &Turn, name: &VaultName) -> Result<Arc<Vault>, Refusal> {
    turn.vaults.get(name).cloned().ok_or_else(|| Refusal::VaultNotFound { vault: name.clone() })
}
