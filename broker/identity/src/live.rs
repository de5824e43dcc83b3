//! The trust that is replaced while connections run, and the connections that notice.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::pki_types::{CertificateDer, UnixTime};

use crate::denial::Denial;
use crate::trust::{Identity, Trust};

/// Called for each denial inside a handshake, on the thread of the handshake: it must be quick (count and return).
pub type OnDenial = Arc<dyn Fn(&Denial) + Send + Sync>;

/// A trust with its number.
#[derive(Debug)]
pub struct TrustState {
    generation: u64,
    trust: Trust,
}

impl TrustState {
    /// 1 for the first trust, one more for each that replaced it.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }
}

/// The trust in force.
pub struct LiveTrust {
    current: ArcSwap<TrustState>,
    /// The same number as in `current`, for those who only want to know whether it moved.
    generation: AtomicU64,
    replacing: Mutex<()>,
    on_denial: OnDenial,
}

impl LiveTrust {
    /// A client that sends no certificate at all never reaches the verifier: rustls refuses it with
    /// `NoCertificatesPresented`, and the caller counts that one itself.
    #[must_use]
    pub fn new(trust: Trust, on_denial: OnDenial) -> Arc<Self> {
        let first = TrustState { generation: 1, trust };
        Arc::new(Self {
            current: ArcSwap::from_pointee(first),
            generation: AtomicU64::new(1),
            replacing: Mutex::new(()),
            on_denial,
        })
    }

    #[must_use]
    pub fn current(&self) -> Arc<TrustState> {
        self.current.load_full()
    }

    /// The number of the trust in force: one atomic load.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Puts another trust in force and gives its number. When this returns, every `recheck` that begins is made
    /// against it.
    pub fn replace(&self, trust: Trust) -> u64 {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.generation.load(Ordering::Acquire) + 1;
        self.current.store(Arc::new(TrustState { generation, trust }));
        // After the state: whoever sees the new number finds the new state.
        self.generation.store(generation, Ordering::Release);
        tracing::info!(generation, "client trust replaced");
        generation
    }

    /// Begins a connection's session with the chain its handshake was made with (leaf first). The handshake itself has
    /// proved that the client holds the leaf's key.
    ///
    /// # Errors
    /// The chain names no one, or no longer does.
    pub fn open(self: &Arc<Self>, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<Session, Denial> {
        let state = self.current();
        let identity = state.trust.identify(chain, now)?;
        let checked = Checked { generation: state.generation, identity: identity.clone() };
        Ok(Session {
            live: Arc::clone(self),
            chain: chain.iter().map(|certificate| certificate.clone().into_owned()).collect(),
            identity,
            checked: ArcSwap::from_pointee(checked),
        })
    }

    pub(crate) fn count(&self, denial: &Denial) {
        (self.on_denial)(denial);
    }
}

impl fmt::Debug for LiveTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveTrust").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

/// One live connection: who it was opened for, and whether that still holds.
pub struct Session {
    live: Arc<LiveTrust>,
    chain: Vec<CertificateDer<'static>>,
    identity: Identity,
    checked: ArcSwap<Checked>,
}

/// The last full check: under which trust, and for how long it holds.
struct Checked {
    generation: u64,
    identity: Identity,
}

impl Session {
    /// Who the connection was opened for, with the dates as they were then.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Asked before every request. While the trust is the same and all dates hold, this costs two atomic loads;
    /// otherwise the kept chain is verified anew.
    ///
    /// # Errors
    /// What `Trust::identify` says, or `Changed` when the chain now stands for another principal. The connection is
    /// then to be closed.
    pub fn recheck(&self, now: UnixTime) -> Result<&Identity, Denial> {
        let checked = self.checked.load();
        if checked.generation == self.live.generation() && checked.identity.holds_at(now) {
            return Ok(&self.identity);
        }
        let state = self.live.current();
        let identity = state.trust.identify(&self.chain, now)?;
        if identity.principal != self.identity.principal {
            return Err(Denial::Changed);
        }
        self.checked.store(Arc::new(Checked { generation: state.generation, identity }));
        Ok(&self.identity)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("identity", &self.identity).finish_non_exhaustive()
    }
}
