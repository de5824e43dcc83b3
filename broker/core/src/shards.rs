//! A table in many small pieces, each behind a lock of its own that is held for one look.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Pieces of a table; two requests meet at a lock only when their keys fall into the same one.
const SHARDS: usize = 64;

/// Entries by key. Which piece a key falls into is keyed by chance, so nobody can aim at one.
pub struct Shards<K, V> {
    pieces: Box<[Mutex<HashMap<K, V>>]>,
    chance: RandomState,
    entries_max: usize,
}

impl<K: Eq + Hash, V> Shards<K, V> {
    /// With room for about `entries_max` entries in all, at least one in each piece. Keeping to it is its user's part.
    pub fn new(entries_max: usize) -> Self {
        Self {
            pieces: (0..SHARDS).map(|_| Mutex::default()).collect(),
            chance: RandomState::new(),
            entries_max: (entries_max / SHARDS).max(1),
        }
    }

    /// The piece that a key belongs to. Never held across an await.
    pub fn of(&self, key: &K) -> MutexGuard<'_, HashMap<K, V>> {
        let place = usize::try_from(self.chance.hash_one(key) % SHARDS as u64).unwrap_or_default();
        self.pieces[place].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Most entries of one piece.
    pub const fn piece_entries_max(&self) -> usize {
        self.entries_max
    }

    /// Every piece, one after the other.
    pub fn all(&self) -> impl Iterator<Item = MutexGuard<'_, HashMap<K, V>>> {
        self.pieces.iter().map(|piece| piece.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
