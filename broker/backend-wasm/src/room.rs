//! All that one call of a guest can touch: made for the call, thrown away with it.

mod clock;
mod crypto;
mod delegate;
mod http;
mod keyvalue;
mod log;
mod reveal;
mod roots;
mod settings;
pub mod wasi;

pub use delegate::depth;
pub use log::{LINES_A_SECOND_MAX, Lines, one_line};
pub use roots::Root;

use std::sync::Arc;
use std::time::Duration;

use broker_core::algorithm::{KeySpec, PublicKey};
use broker_core::name::BackendName;
use broker_core::secret::Secret;
use broker_crypto::key::CryptoKey;
use broker_crypto::seal::SealKey;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use wasmtime::ResourceLimiter;
use wasmtime::component::{Resource, ResourceTable};

use crate::budget::Budget;
use crate::capability::Grants;
use crate::contract::types;
use crate::counters::Counters;
use crate::frame::{Act, Frame};
use crate::key_cache::KeyCache;
use crate::limits::Limits;
use crate::outside::Outside;
use crate::state::State;
use crate::ticker;

/// No honest call computes for so long from one tick to the next.
const COMPUTING_MIN: Duration = Duration::from_micros(100);
/// No honest call asks for cryptography more often.
const HONEST_ACTS_MAX: u32 = 8;
/// Most keys that one call may make: a key is one, a key made of two halves two.
const KEYS_MADE_MAX: usize = 4;

/// What all rooms of one plugin share.
pub struct Shared {
    pub plugin: BackendName,
    pub limits: Limits,
    pub seal: SealKey,
    pub keys: KeyCache,
    pub counters: Arc<Counters>,
    pub budget: Budget,
    pub grants: Grants,
    pub outside: Outside,
    pub state: Arc<State>,
    /// Bounds the plugin's lines in the log.
    pub lines: Lines,
    /// Bounds the threads that generate RSA keys or stretch passwords.
    pub generating: Arc<Semaphore>,
    /// The broker's own threads, for what must not wait with the guest.
    pub host: Handle,
}

/// When a call began, and when it must be over.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub began: Instant,
    pub deadline: Instant,
}

/// A key in a guest's hand.
pub struct HeldKey(Arc<CryptoKey>);

/// How a guest broke a rule that is not answered with an error but with the end of the call.
#[derive(Debug, thiserror::Error)]
pub enum Breach {
    #[error("it asked for cryptography more than {0} times")]
    Acts(u32),
    #[error("it delegated more than {0} plugins deep")]
    Depth(u8),
    #[error("it called the host more than {0} times")]
    HostCalls(u32),
    #[error("it held more than {0} handles")]
    Handles(usize),
    #[error("it made more than {KEYS_MADE_MAX} keys")]
    KeysMade,
    /// Cannot happen: wasmtime checks every handle before it reaches us.
    #[error("it used a handle that is not in its table")]
    Handle,
}

/// The room itself: what wasmtime calls a store's data.
pub struct Room {
    pub shared: Arc<Shared>,
    pub frame: Frame,
    /// What a refused growth leaves behind, so that the trap that follows can be told from others.
    pub growth_refused: bool,
    /// The keys sealed or derived during this call: the only ones it may say it made.
    pub made: Vec<(KeySpec, PublicKey)>,
    pub times: Times,
    /// How many plugins stand above this call.
    depth: u8,
    /// Whether a secret was exposed: from then on nothing goes to the log.
    exposed: bool,
    handles: ResourceTable,
    host_calls: u32,
    acts: u32,
    /// How many acts there were at the last tick.
    acts_at_tick: u32,
    keys_made: usize,
    log_lines: u32,
}

impl Room {
    pub fn new(shared: Arc<Shared>, frame: Frame, times: Times, depth: u8) -> Self {
        let mut handles = ResourceTable::new();
        handles.set_max_capacity(shared.limits.handles_max);
        Self {
            shared,
            frame,
            growth_refused: false,
            made: Vec::new(),
            times,
            depth,
            exposed: false,
            handles,
            host_calls: 0,
            acts: 0,
            acts_at_tick: 0,
            keys_made: 0,
            log_lines: 0,
        }
    }

    /// Puts a secret in the guest's reach.
    pub fn lend(&mut self, secret: Secret) -> wasmtime::Result<Resource<Secret>> {
        self.put(secret)
    }

    /// Takes back what the guest answered.
    pub fn take(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Secret> {
        self.taken(secret)
    }

    fn put<T: Send + 'static>(&mut self, thing: T) -> wasmtime::Result<Resource<T>> {
        self.handles.push(thing).map_err(|_| Breach::Handles(self.shared.limits.handles_max).into())
    }

    fn handle<T: 'static>(&self, thing: &Resource<T>) -> wasmtime::Result<&T> {
        self.handles.get(thing).map_err(|_| Breach::Handle.into())
    }

    fn handle_mut<T: 'static>(&mut self, thing: &Resource<T>) -> wasmtime::Result<&mut T> {
        self.handles.get_mut(thing).map_err(|_| Breach::Handle.into())
    }

    fn taken<T: 'static>(&mut self, thing: Resource<T>) -> wasmtime::Result<T> {
        self.handles.delete(thing).map_err(|_| Breach::Handle.into())
    }

    fn secret(&self, secret: &Resource<Secret>) -> wasmtime::Result<&Secret> {
        self.handle(secret)
    }

    fn key(&self, key: &Resource<HeldKey>) -> wasmtime::Result<Arc<CryptoKey>> {
        Ok(Arc::clone(&self.handle(key)?.0))
    }

    fn release<T: 'static>(&mut self, thing: Resource<T>) -> wasmtime::Result<()> {
        self.taken(thing).map(drop)
    }

    /// Every call of the host counts; one too many ends the guest's call.
    fn count_call(&mut self) -> wasmtime::Result<()> {
        self.host_calls += 1;
        let most = self.shared.limits.host_calls_max;
        if self.host_calls > most { Err(Breach::HostCalls(most).into()) } else { Ok(()) }
    }

    /// Counts the call and says whether the verb that runs allows this act.
    fn admit(&mut self, act: Act) -> wasmtime::Result<Result<(), types::Error>> {
        self.count_call()?;
        self.acts += 1;
        let most = self.shared.limits.acts_max;
        if self.acts > most {
            return Err(Breach::Acts(most).into());
        }
        Ok(if self.frame.verb.allows(act) { Ok(()) } else { Err(types::Error::BadRequest) })
    }
}

impl Room {
    /// The guest had a turn until the clock ticked, in which it computed for so long: how long it has to wait before it goes on.
    pub fn tick(&mut self, now: Instant, computed: Duration) -> Option<Duration> {
        // Cryptography is the host's time, not the guest's: RSA alone can take several ticks, which no shorter ones would cut.
        let asked_for = self.acts != self.acts_at_tick;
        self.acts_at_tick = self.acts;
        // Whoever asks for it again and again is long at work all the same: others are to have their turn more often. A call that
        // only waited for a core is not.
        if computed >= COMPUTING_MIN && (!asked_for || self.acts > HONEST_ACTS_MAX) {
            ticker::computing();
        }
        if asked_for {
            return None;
        }
        let wait = self.shared.budget.spend(now, computed);
        if wait.is_some() {
            self.shared.counters.slowed.add();
        }
        wait
    }
}

/// The pool has the same limits; here a refusal is noticed.
impl ResourceLimiter for Room {
    fn memory_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let may = self.may_grow(desired, self.shared.limits.memory_bytes_max, maximum);
        if may {
            self.shared.counters.memory_bytes_peak.raise(desired as u64);
        }
        Ok(may)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.may_grow(desired, self.shared.limits.table_elements_max, maximum))
    }
}

impl Room {
    fn may_grow(&mut self, desired: usize, most: usize, maximum: Option<usize>) -> bool {
        let may = desired <= most && maximum.is_none_or(|maximum| desired <= maximum);
        self.growth_refused |= !may;
        may
    }
}

impl types::Host for Room {}
