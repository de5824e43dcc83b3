//! How often a principal may ask: a bucket for each, as the generic cell rate algorithm counts it (ITU-T I.371 annex A).

use std::collections::HashMap;

use crate::name::{Principal, VaultName};
use crate::refusal::Refusal;
use crate::shards::Shards;

/// Buckets that are remembered, at most (about 150 bytes each). Only who has proved a principal gets one, and a vault has
/// buckets of its own only where it has a rate of its own.
pub const BUCKETS_MAX: usize = 65_536;

const WINDOW_S: u64 = 10;
const WINDOW_NS: u64 = WINDOW_S * 1_000_000_000;

/// Bounds of both numbers of a rate.
pub const OPERATIONS: std::ops::RangeInclusive<u32> = 1..=100_000_000;

/// Operations that one principal may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run, in any 10 s.
    pub operations_per_10s: u32,
    /// At once, after a pause.
    pub operations_burst: u32,
}

/// 100 000 a second: above what one broker serves today.
impl Default for Rate {
    fn default() -> Self {
        Self { operations_per_10s: 1_000_000, operations_burst: 200_000 }
    }
}

impl Rate {
    /// # Errors
    /// A text for people when a number is outside its bounds.
    pub fn check(&self) -> Result<(), String> {
        for (what, number) in
            [("operations per 10 s", self.operations_per_10s), ("operations at once", self.operations_burst)]
        {
            if !OPERATIONS.contains(&number) {
                return Err(format!("{what} {number} must be {} to {}", OPERATIONS.start(), OPERATIONS.end()));
            }
        }
        Ok(())
    }

    /// Nanoseconds that one operation takes of a bucket.
    const fn operation_ns(self) -> u64 {
        WINDOW_NS.div_ceil(self.operations_per_10s as u64)
    }
}

type Id = (Principal, Option<VaultName>);

/// The buckets of all principals. A bucket is the moment (nanoseconds of the broker's monotonic clock) at which it would be
/// full again: one that lies in the past is a full bucket, and is no different from none.
pub struct Rates(Shards<Id, u64>);

impl Default for Rates {
    fn default() -> Self {
        Self(Shards::new(BUCKETS_MAX))
    }
}

impl Rates {
    /// Takes one operation out of a principal's bucket; `vault` where that has a rate of its own.
    ///
    /// # Errors
    /// `TooManyRequests`, with the seconds after which one operation is served again.
    pub fn charge(
        &self,
        principal: &Principal,
        vault: Option<&VaultName>,
        rate: Rate,
        now_us: u64,
    ) -> Result<(), Refusal> {
        let now_ns = now_us.saturating_mul(1000);
        let id = (principal.clone(), vault.cloned());
        let mut piece = self.0.of(&id);
        let full_ns = piece.get(&id).copied().unwrap_or(0).max(now_ns);
        let after_ns = full_ns.saturating_add(rate.operation_ns());
        let room_ns = rate.operation_ns().saturating_mul(u64::from(rate.operations_burst));
        let late_ns = (after_ns - now_ns).saturating_sub(room_ns);
        if late_ns > 0 {
            let retry_after_s = u32::try_from(late_ns.div_ceil(1_000_000_000)).unwrap_or(u32::MAX);
            return Err(Refusal::TooManyRequests { retry_after_s });
        }
        keep(&mut piece, id, after_ns, self.0.piece_entries_max());
        Ok(())
    }

    /// Takes operations out that were carried out beyond the one that was charged, into debt if need be: those that come
    /// after wait for it.
    pub fn owe(
        &self,
        principal: &Principal,
        vault: Option<&VaultName>,
        (rate, operations): (Rate, usize),
        now_us: u64,
    ) {
        let now_ns = now_us.saturating_mul(1000);
        let id = (principal.clone(), vault.cloned());
        let mut piece = self.0.of(&id);
        let full_ns = piece.get(&id).copied().unwrap_or(0).max(now_ns);
        let owed_ns = rate.operation_ns().saturating_mul(operations as u64);
        keep(&mut piece, id, full_ns.saturating_add(owed_ns), self.0.piece_entries_max());
    }

    /// How many buckets there are now.
    #[must_use]
    pub fn buckets(&self) -> usize {
        self.0.all().map(|piece| piece.len()).sum()
    }
}

/// Where a piece is full, the fullest bucket gives way: it is the one whose loss forgives least, so that nobody empties his
/// own by filling the table with others.
fn keep(piece: &mut HashMap<Id, u64>, id: Id, full_ns: u64, most: usize) {
    if piece.len() >= most && !piece.contains_key(&id) {
        let fullest = piece.iter().min_by_key(|(_, full_ns)| **full_ns).map(|(id, _)| id.clone());
        if let Some(fullest) = fullest {
            piece.remove(&fullest);
        }
    }
    piece.insert(id, full_ns);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: u64 = 1_000_000;

    fn who(name: &str) -> Principal {
        Principal::parse(&format!("corp/dns:{name}")).unwrap()
    }

    fn rate(operations_per_10s: u32, operations_burst: u32) -> Rate {
        Rate { operations_per_10s, operations_burst }
    }

    #[test]
    fn a_burst_is_served_at_once_and_then_the_rate() {
        let (rates, rate) = (Rates::default(), rate(20, 5));
        let ask = |now_us| rates.charge(&who("a"), None, rate, now_us);
        for _ in 0..5 {
            ask(0).unwrap();
        }
        assert_eq!(ask(0), Err(Refusal::TooManyRequests { retry_after_s: 1 }));
        assert!(ask(SECOND_US / 2 - 1).is_err());
        ask(SECOND_US / 2).unwrap();
        assert!(ask(SECOND_US / 2).is_err());
        // In the long run: two a second, and no more than the burst after a pause.
        let served = (0..1000_u64).filter(|step| ask(SECOND_US + step * SECOND_US / 100).is_ok()).count();
        assert_eq!(served, 20);
        let after_pause = (0..100).filter(|_| ask(1000 * SECOND_US).is_ok()).count();
        assert_eq!(after_pause, 5);
    }

    #[test]
    fn a_refusal_says_when_to_come_back_and_then_it_is_served() {
        let (rates, rate) = (Rates::default(), rate(1, 1));
        rates.charge(&who("a"), None, rate, 0).unwrap();
        assert_eq!(rates.charge(&who("a"), None, rate, SECOND_US), Err(Refusal::TooManyRequests { retry_after_s: 9 }));
        rates.charge(&who("a"), None, rate, 10 * SECOND_US).unwrap();
    }

    #[test]
    fn each_principal_and_each_vault_with_a_rate_has_its_own_bucket() {
        let (rates, rate) = (Rates::default(), rate(10, 1));
        let vault = VaultName::parse("vault1").unwrap();
        for (name, place) in [("a", None), ("b", None), ("a", Some(&vault)), ("b", Some(&vault))] {
            rates.charge(&who(name), place, rate, 0).unwrap();
            assert!(rates.charge(&who(name), place, rate, 0).is_err(), "{name} {place:?}");
        }
    }

    #[test]
    fn what_is_owed_is_paid_back_first() {
        let (rates, rate) = (Rates::default(), rate(10, 2));
        rates.charge(&who("a"), None, rate, 0).unwrap();
        rates.owe(&who("a"), None, (rate, 7), 0);
        let refused = rates.charge(&who("a"), None, rate, 0);
        assert_eq!(refused, Err(Refusal::TooManyRequests { retry_after_s: 7 }));
        rates.charge(&who("a"), None, rate, 7 * SECOND_US).unwrap();
    }

    #[test]
    fn a_stranger_who_fills_the_table_does_not_empty_it_of_who_owes() {
        let (rates, rate) = (Rates::default(), rate(1, 3));
        while rates.charge(&who("greedy"), None, rate, 0).is_ok() {}
        for number in 0..BUCKETS_MAX * 2 {
            rates.charge(&who(&format!("x{number}")), None, rate, 0).unwrap();
        }
        assert!(rates.buckets() <= BUCKETS_MAX);
        assert!(rates.charge(&who("greedy"), None, rate, 0).is_err(), "its bucket was forgotten");
    }
}
