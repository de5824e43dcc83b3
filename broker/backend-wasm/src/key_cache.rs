//! Keys that were opened lately, parsed, so that a fresh guest a call costs no parsing.

use std::sync::Arc;

use broker_crypto::key::CryptoKey;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::frame::Place;

/// What a parsed key is reckoned to weigh beside its sealed bytes: RSA-4096 with its precomputed values.
pub const KEY_WEIGHT_BYTES: u64 = 8 << 10;
/// What the cache expects of its own size; it grows and shrinks by weight.
const KEYS_EXPECTED: usize = 1_024;

/// Parsed keys by place. A key is found only by the very bytes it was opened from, so the cache opens nothing that the
/// seal would not.
pub struct KeyCache(Cache<Place, Opened, Weight>);

#[derive(Clone)]
struct Opened {
    sealed: Arc<[u8]>,
    key: Arc<CryptoKey>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Place, Opened> for Weight {
    fn weight(&self, _place: &Place, opened: &Opened) -> u64 {
        KEY_WEIGHT_BYTES + opened.sealed.len() as u64
    }
}

impl KeyCache {
    pub fn new(bytes_max: u64) -> Self {
        Self(Cache::with_weighter(KEYS_EXPECTED, bytes_max, Weight))
    }

    pub fn find(&self, place: &Place, sealed: &[u8]) -> Option<Arc<CryptoKey>> {
        // Sealed bytes are no secret, and guessing them gains nothing: plain equality will do.
        self.0.get(place).filter(|opened| *opened.sealed == *sealed).map(|opened| opened.key)
    }

    pub fn keep(&self, place: Place, sealed: &[u8], key: Arc<CryptoKey>) {
        self.0.insert(place, Opened { sealed: Arc::from(sealed), key });
    }

    pub fn forget(&self, place: &Place) {
        self.0.remove(place);
    }
}
