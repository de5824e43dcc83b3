//! A grant that waits for a second administrator's approval.

use crate::grant::Grant;

/// How long one waits before it must be asked for again, in seconds: a day.
pub const ELEVATION_WAITS_S_MAX: i64 = 24 * 3600;
/// How many wait at a time.
pub const ELEVATIONS_MAX: usize = 1000;

/// A grant asked for at a place whose vault demands approval. It gives nothing until it is approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elevation {
    /// As it will be: its id is the elevation's too, its giver is who asked, and it was asked for when it was made.
    pub grant: Grant,
}

impl Elevation {
    /// The last second at which it can be approved.
    #[must_use]
    pub const fn waits_until_s(&self) -> i64 {
        self.grant.created_s.saturating_add(ELEVATION_WAITS_S_MAX)
    }

    pub(crate) const fn waits_at(&self, now_s: i64) -> bool {
        now_s <= self.waits_until_s()
    }
}
