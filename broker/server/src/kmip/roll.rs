//! Who is connected, as a client's own console shows it: connected, and its certificate valid.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker_identity::Identity;

/// A connection that is there now. Times are Unix seconds.
#[derive(Debug, Clone)]
pub struct Present {
    pub principal: String,
    pub fingerprint_sha256: [u8; 32],
    pub peer: SocketAddr,
    pub since_s: i64,
    /// When its last message came; none yet.
    pub spoke_s: Option<i64>,
    pub certificate_ends_s: u64,
}

/// Everyone who is connected; as long as the listener's limit of connections lets it be.
#[derive(Default)]
pub struct Roll(Mutex<(u64, BTreeMap<u64, Present>)>);

/// A line of the roll, for as long as its connection is there.
pub struct Place {
    roll: Arc<Roll>,
    number: u64,
}

impl Roll {
    pub fn enter(self: &Arc<Self>, identity: &Identity, peer: SocketAddr, now_s: i64) -> Place {
        let mut roll = self.locked();
        roll.0 += 1;
        let (number, present) = (
            roll.0,
            Present {
                principal: identity.principal.to_string(),
                fingerprint_sha256: identity.fingerprint_sha256,
                peer,
                since_s: now_s,
                spoke_s: None,
                certificate_ends_s: identity.not_after_s,
            },
        );
        roll.1.insert(number, present);
        Place { roll: Arc::clone(self), number }
    }

    /// Oldest connection first, at most `most`, and how many there are.
    pub fn call(&self, most: usize) -> (usize, Vec<Present>) {
        let roll = self.locked();
        (roll.1.len(), roll.1.values().take(most).cloned().collect())
    }

    fn locked(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Present>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub fn spoke(&self, now_s: i64) {
        if let Some(present) = self.roll.locked().1.get_mut(&self.number) {
            present.spoke_s = Some(now_s);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.roll.locked().1.remove(&self.number);
    }
}
