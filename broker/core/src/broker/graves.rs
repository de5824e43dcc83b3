//! Who is deleting, recovering, restoring or purging what, so that none of them passes another.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::name::{KeyName, VaultName};
use crate::refusal::Refusal;

/// What can be claimed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Grave {
    Key(VaultName, KeyName),
    /// Keys of one name in all vaults: a backup may have brought one from another, and then they share what their backend
    /// keeps.
    Name(KeyName),
    Vault(VaultName),
}

/// The claims, each with the number of those who share it. A deletion is not purged before it is acknowledged, so nobody
/// who found the key live still uses it when its backend destroys it; and a recovery between that and the end of the record
/// would bring a key back to life that opens nothing any more.
#[derive(Debug, Default)]
pub(super) struct Graves(Mutex<HashMap<Grave, usize>>);

/// As many as nobody can be: a claim that is shared with no one.
const ALONE: usize = usize::MAX;

/// Given back when it is dropped.
pub(super) struct Claim<'a> {
    graves: &'a Graves,
    grave: Grave,
}

impl Graves {
    /// A claim for one alone.
    ///
    /// # Errors
    /// `Conflict` while another has it.
    pub fn claim(&self, grave: Grave) -> Result<Claim<'_>, Refusal> {
        self.enter(grave, |there| (there == 0).then_some(ALONE))
    }

    /// A claim that others may share, but nobody may have alone.
    ///
    /// # Errors
    /// `Conflict` while another has it alone.
    pub fn share(&self, grave: Grave) -> Result<Claim<'_>, Refusal> {
        self.enter(grave, |there| (there != ALONE).then(|| there + 1))
    }

    fn enter(&self, grave: Grave, next: impl Fn(usize) -> Option<usize>) -> Result<Claim<'_>, Refusal> {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = next(claims.get(&grave).copied().unwrap_or(0)) {
            claims.insert(grave.clone(), next);
            return Ok(Claim { graves: self, grave });
        }
        let what = match &grave {
            Grave::Key(_, key) => format!("key {key} is being deleted, recovered or purged by another request"),
            Grave::Name(key) => format!("a key {key} is being purged or restored by another request"),
            Grave::Vault(vault) => format!("vault {vault} is being deleted, recovered or purged by another request"),
        };
        Err(Refusal::Conflict { problem: format!("{what}; look at it again") })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut claims = self.graves.0.lock().unwrap_or_else(PoisonError::into_inner);
        match claims.get_mut(&self.grave) {
            Some(there) if *there != ALONE && *there > 1 => *there -= 1,
            Some(_) | None => drop(claims.remove(&self.grave)),
        }
    }
}
