//! How much an object may still protect: KMIP 1.4 section 3.21.

use super::{ObjectRecord, Usage};
use crate::refusal::Refusal;

/// Usage Limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageLimits {
    pub total: u64,
    pub left: u64,
    /// Counted by bytes that are protected, otherwise by operations.
    pub by_bytes: bool,
}

impl UsageLimits {
    /// Nothing used yet.
    #[must_use]
    pub const fn whole(total: u64, by_bytes: bool) -> Self {
        Self { total, left: total, by_bytes }
    }
}

impl ObjectRecord {
    /// Whether a use counts against the object's limits: what makes protected data does.
    #[must_use]
    pub const fn counts(&self, usage: Usage) -> bool {
        self.attributes.usage_limits.is_some() && usage.protects()
    }

    /// The object after one use on so many bytes.
    ///
    /// # Errors
    /// `ObjectWrongState` when less is left.
    pub fn used(&self, bytes: usize) -> Result<Self, Refusal> {
        let mut next = self.clone();
        if let Some(limits) = &mut next.attributes.usage_limits {
            let cost = if limits.by_bytes { bytes as u64 } else { 1 };
            match limits.left.checked_sub(cost) {
                Some(left) => limits.left = left,
                None => return self.wrong_state(self.life.state, "its usage limits are used up"),
            }
        }
        Ok(next)
    }
}
