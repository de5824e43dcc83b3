//! What each principal asked for, counted: operations by outcome.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::entry::Outcome;
use crate::name::Principal;
use crate::shards::Shards;
use crate::verb::Operation;

/// Principals that are counted one by one; those who come when there are so many are counted together.
pub const PRINCIPALS_MAX: usize = 4096;

/// The first word of what is kept; a later form gets another.
const FORM: &str = "usage-1";

/// Bytes of one piece of what is kept, at most: below what the store takes for a setting.
pub const PIECE_BYTES_MAX: usize = 60 * 1024;

/// How often something was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    total: u64,
    /// How much of it stands in a summary of the audit.
    noted: u64,
}

type Counts = BTreeMap<(Operation, Outcome), Count>;

/// One principal's counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// None: those who had no place of their own.
    pub principal: Option<Principal>,
    /// Never 0; in the order of the operations.
    pub counts: Vec<(Operation, Outcome, u64)>,
}

/// Counters of all principals; a request takes one short lock that it shares with few others.
pub struct Usage {
    by_principal: Shards<Option<Principal>, Counts>,
    changed: AtomicBool,
    /// How many pieces lie in the store: one that is not needed any more is emptied, or it would be counted twice.
    pieces: AtomicUsize,
}

impl Default for Usage {
    fn default() -> Self {
        Self { by_principal: Shards::new(PRINCIPALS_MAX), changed: false.into(), pieces: 0.into() }
    }
}

impl Usage {
    /// Counts one.
    pub fn count(&self, principal: &Principal, operation: Operation, outcome: Outcome) {
        self.add(Some(principal.clone()), (operation, outcome), Count { total: 1, noted: 0 });
        self.changed.store(true, Ordering::Relaxed);
    }

    fn add(&self, principal: Option<Principal>, what: (Operation, Outcome), more: Count) {
        let most = self.by_principal.piece_entries_max();
        let add = |piece: &mut HashMap<_, Counts>, principal| {
            let count = piece.entry(principal).or_default().entry(what).or_default();
            count.total = count.total.saturating_add(more.total);
            count.noted = count.noted.saturating_add(more.noted);
        };
        let mut piece = self.by_principal.of(&principal);
        if piece.len() < most || piece.contains_key(&principal) {
            return add(&mut piece, principal);
        }
        drop(piece);
        add(&mut self.by_principal.of(&None), None);
    }

    /// Every principal's counts, or one's, by name.
    #[must_use]
    pub fn rows(&self, only: Option<&Principal>) -> Vec<Used> {
        let shown = |counts: &Counts| counts.iter().map(|((what, how), count)| (*what, *how, count.total)).collect();
        self.sorted(|principal| only.is_none_or(|only| principal.as_ref() == Some(only)), shown)
    }

    /// What was counted since it was last asked for so.
    #[must_use]
    pub fn not_noted(&self) -> Vec<Used> {
        let mut rows = Vec::new();
        for mut piece in self.by_principal.all() {
            for (principal, counts) in piece.iter_mut() {
                let fresh = counts.iter_mut().filter(|(_, count)| count.total > count.noted);
                let counts: Vec<_> = fresh
                    .map(|((what, how), count)| {
                        let more = count.total - count.noted;
                        count.noted = count.total;
                        (*what, *how, more)
                    })
                    .collect();
                if !counts.is_empty() {
                    rows.push(Used { principal: principal.clone(), counts });
                }
            }
        }
        rows.sort_by(|one, other| one.principal.cmp(&other.principal));
        rows
    }

    fn sorted(
        &self,
        wanted: impl Fn(&Option<Principal>) -> bool,
        shown: impl Fn(&Counts) -> Vec<(Operation, Outcome, u64)>,
    ) -> Vec<Used> {
        let mut rows = Vec::new();
        for piece in self.by_principal.all() {
            let found = piece.iter().filter(|(principal, _)| wanted(principal));
            rows.extend(found.map(|(principal, counts)| Used { principal: principal.clone(), counts: shown(counts) }));
        }
        rows.sort_by(|one, other| one.principal.cmp(&other.principal));
        rows
    }

    /// All of it as pieces of text, when anything was counted since the last time; for [`Usage::restore`].
    #[must_use]
    pub fn changed_pieces(&self) -> Option<Vec<Vec<u8>>> {
        if !self.changed.swap(false, Ordering::Relaxed) {
            return None;
        }
        let mut pieces = vec![String::from(FORM)];
        for piece in self.by_principal.all() {
            for (principal, counts) in piece.iter() {
                let mut line = format!("\n{}", principal.as_ref().map_or("-", Principal::as_str));
                for ((operation, outcome), Count { total, noted }) in counts {
                    line.push_str(&format!(" {operation}={outcome}={total}={noted}"));
                }
                if pieces.last().is_some_and(|last| last.len() + line.len() > PIECE_BYTES_MAX) {
                    pieces.push(String::from(FORM));
                }
                if let Some(last) = pieces.last_mut() {
                    last.push_str(&line);
                }
            }
        }
        while pieces.len() < self.pieces.load(Ordering::Relaxed) {
            pieces.push(String::from(FORM));
        }
        self.pieces.store(pieces.len(), Ordering::Relaxed);
        Some(pieces.into_iter().map(String::into_bytes).collect())
    }

    /// Says that what was given out could not be kept: it is given out again.
    pub fn not_kept(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Adds what one piece holds. What this broker does not know (an operation of a later version) is left out.
    pub fn restore(&self, piece: &[u8]) {
        self.pieces.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(piece);
        let mut lines = text.lines();
        if lines.next() != Some(FORM) {
            return;
        }
        for line in lines {
            let mut words = line.split(' ');
            let principal = match words.next() {
                Some("-") => None,
                Some(name) => match Principal::parse(name) {
                    Ok(principal) => Some(principal),
                    Err(_) => continue,
                },
                None => continue,
            };
            for (what, count) in words.filter_map(count_of) {
                self.add(principal.clone(), what, count);
            }
        }
    }
}

fn count_of(word: &str) -> Option<((Operation, Outcome), Count)> {
    let mut parts = word.split('=');
    let what = (Operation::of_word(parts.next()?)?, Outcome::of_word(parts.next()?)?);
    Some((what, Count { total: parts.next()?.parse().ok()?, noted: parts.next()?.parse().ok()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(name: &str) -> Principal {
        Principal::parse(&format!("corp/dns:{name}")).unwrap()
    }

    #[test]
    fn what_is_kept_comes_back() {
        let usage = Usage::default();
        assert!(usage.changed_pieces().is_none());
        for number in 0..900 {
            usage.count(&who(&format!("host{number}.{}", "x".repeat(200))), Operation::WrapKey, Outcome::Allowed);
        }
        for outcome in Outcome::ALL {
            usage.count(&who("a"), Operation::GetKey, *outcome);
        }
        assert_eq!(usage.not_noted().len(), 901);
        usage.count(&who("a"), Operation::GetKey, Outcome::Allowed);
        let pieces = usage.changed_pieces().unwrap();
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() <= PIECE_BYTES_MAX));
        assert!(usage.changed_pieces().is_none(), "nothing was counted since");
        let again = Usage::default();
        pieces.iter().for_each(|piece| again.restore(piece));
        assert_eq!(again.rows(None), usage.rows(None));
        let noted = [Used { principal: Some(who("a")), counts: vec![(Operation::GetKey, Outcome::Allowed, 1)] }];
        assert_eq!(again.not_noted(), noted);
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        let usage = Usage::default();
        for piece in [
            &b""[..],
            b"usage-2\ncorp/dns:a get-key=allowed=1=0",
            b"usage-1\nnobody get-key=allowed=1=0\ncorp/dns:a no-such=allowed=1=0 get-key=allowed=x=0 get-key=allowed\n\xff",
        ] {
            usage.restore(piece);
        }
        assert!(usage.rows(None).is_empty());
    }

    #[test]
    fn too_many_principals_are_counted_together() {
        let usage = Usage::default();
        for number in 0..2 * PRINCIPALS_MAX {
            usage.count(&who(&format!("x{number}")), Operation::GetKey, Outcome::Allowed);
        }
        let rows = usage.rows(None);
        assert!(rows.len() <= PRINCIPALS_MAX + 1);
        assert_eq!(
            rows.iter().flat_map(|row| &row.counts).map(|(_, _, count)| count).sum::<u64>(),
            2 * PRINCIPALS_MAX as u64
        );
        assert_eq!(rows[0].principal, None);
    }
}
