//! Turns: every request is decided under one standing policy, and a revocation waits until the requests decided under
//! older ones have ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;
use event_listener::Event;

use crate::elevation::Elevation;
use crate::grant::{GrantId, Policy, Scope};
use crate::identity::Identity;
use crate::name::{AnchorName, VaultName};
use crate::vault::{Pin, Vault};

/// What a request is decided under.
#[derive(Debug, Clone, Default)]
pub struct Ruling {
    pub policy: Policy,
    pub elevations: HashMap<GrantId, Arc<Elevation>>,
    pub identities: HashMap<AnchorName, Arc<Identity>>,
    pub vaults: HashMap<VaultName, Arc<Vault>>,
    pub pins: HashMap<AnchorName, Arc<Pin>>,
}

impl Ruling {
    /// Takes an identity in, in its place if there is one of that name.
    pub(crate) fn put_identity(&mut self, identity: Arc<Identity>) {
        let principal = identity.principal();
        let before = self.identities.insert(identity.name.clone(), Arc::clone(&identity));
        for one in before.iter().flat_map(|before| &before.assigned) {
            self.policy.unassign(one, &principal);
        }
        for one in &identity.assigned {
            self.policy.assign(one.clone(), principal.clone());
        }
    }

    /// The vault, if any, that demands a second administrator's approval of a grant at this place: one that it lies in, or
    /// that it reaches.
    #[must_use]
    pub fn demands_approval(&self, place: &Scope) -> Option<&VaultName> {
        let touched = |name: &VaultName| {
            let vault = Scope::Vault(name.clone());
            place.covers(&vault) || vault.covers(place)
        };
        self.vaults
            .values()
            .filter(|vault| vault.elevation_approval && touched(&vault.name))
            .map(|vault| &vault.name)
            .min()
    }
}

/// Held by a request from its decision until its answer is durable in the audit.
#[derive(Debug)]
pub struct Turn {
    ruling: Arc<Ruling>,
    ended: Arc<Event>,
}

impl std::ops::Deref for Turn {
    type Target = Ruling;

    fn deref(&self) -> &Ruling {
        &self.ruling
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.ended.notify(usize::MAX);
    }
}

/// The current turn, and those older ones whose requests have not all ended.
pub struct Turns {
    current: ArcSwap<Turn>,
    /// Held only to swap and to prune, never across an await.
    older: Mutex<Vec<Weak<Turn>>>,
    ended: Arc<Event>,
}

impl Turns {
    #[must_use]
    pub fn new(ruling: Ruling) -> Self {
        let ended = Arc::new(Event::new());
        let first = Turn { ruling: Arc::new(ruling), ended: Arc::clone(&ended) };
        Self { current: ArcSwap::from_pointee(first), older: Mutex::new(Vec::new()), ended }
    }

    /// The turn for a request that begins now.
    #[must_use]
    pub fn begin(&self) -> Arc<Turn> {
        self.current.load_full()
    }

    /// Puts a changed ruling in force for every request that begins from now on, and gives what the older ones wait for.
    pub fn change(&self, edit: impl FnOnce(&mut Ruling)) -> Ending {
        let mut older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ruling = Ruling::clone(&self.current.load().ruling);
        edit(&mut ruling);
        self.swap(&mut older, Arc::new(ruling))
    }

    /// The same ruling, a new turn: for a change of a key, which requests under way may not have seen.
    pub fn advance(&self) -> Ending {
        let mut older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
        let ruling = Arc::clone(&self.current.load().ruling);
        self.swap(&mut older, ruling)
    }

    fn swap(&self, older: &mut Vec<Weak<Turn>>, ruling: Arc<Ruling>) -> Ending {
        let next = Arc::new(Turn { ruling, ended: Arc::clone(&self.ended) });
        let past = self.current.swap(next);
        older.retain(|turn| turn.strong_count() > 0);
        older.push(Arc::downgrade(&past));
        drop(past);
        Ending { turns: older.clone(), ended: Arc::clone(&self.ended) }
    }
}

/// The end of every request that began before a change.
#[must_use = "a change is acknowledged only when the requests before it have ended"]
pub struct Ending {
    turns: Vec<Weak<Turn>>,
    ended: Arc<Event>,
}

impl Ending {
    /// Whoever waits here must not hold a turn, or it waits for itself.
    pub async fn wait(mut self) {
        loop {
            let listener = self.ended.listen();
            self.turns.retain(|turn| turn.strong_count() > 0);
            if self.turns.is_empty() {
                return;
            }
            listener.await;
        }
    }
}
