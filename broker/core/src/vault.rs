//! A vault: a namespace of keys with its own backends, its own policy of deletion, and its own doors.

use std::collections::BTreeMap;

use crate::entry::Peer;
use crate::key::check_tags;
use crate::name::{AnchorName, BackendName, Principal, VaultName};
use crate::network::{NETWORKS_MAX, Network};
use crate::rate::Rate;
use crate::refusal::Refusal;

/// Bounds of the soft-delete time, in days (Key Vault's).
pub const SOFT_DELETE_DAYS: std::ops::RangeInclusive<u16> = 7..=90;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vault {
    pub name: VaultName,
    /// Where keys of kty RSA, EC and oct live.
    pub backend: BackendName,
    /// Where keys of an `-HSM` kty live; without one they are refused.
    pub hsm_backend: Option<BackendName>,
    /// 7 to 90; how long a deleted key, or the deleted vault itself, can be recovered.
    pub soft_delete_days: u16,
    /// One-way: once true, nothing is purged before its time.
    pub purge_protection: bool,
    /// Where requests may come from, at most [`NETWORKS_MAX`] blocks; none: from anywhere. The admin socket is not subject.
    pub networks: Vec<Network>,
    /// At most 15, of 256 characters each (the limits of a key's tags).
    pub tags: BTreeMap<String, String>,
    /// Must be lifted before the vault can be deleted.
    pub delete_lock: bool,
    /// How often each principal may ask here; none: the broker's own limit.
    pub rate: Option<Rate>,
    pub state: VaultState,
    /// One-way: once true, each grant that touches the vault waits for a second administrator's approval.
    pub elevation_approval: bool,
    pub created_s: i64,
}

/// Where a vault is in its life. Times are Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultState {
    Live,
    /// Its keys are out of reach, and all of it can be recovered until `purge_s`.
    Deleted {
        deleted_s: i64,
        purge_s: i64,
    },
    /// Its keys are being destroyed: there is no way back.
    Purging {
        deleted_s: i64,
        purge_s: i64,
    },
}

impl Vault {
    /// A live vault with the plainest of policies: 90 days, no purge protection, open to every network.
    #[must_use]
    pub fn new(name: VaultName, backend: BackendName, created_s: i64) -> Self {
        Self {
            name,
            backend,
            hsm_backend: None,
            soft_delete_days: *SOFT_DELETE_DAYS.end(),
            purge_protection: false,
            networks: Vec::new(),
            tags: BTreeMap::new(),
            delete_lock: false,
            rate: None,
            elevation_approval: false,
            state: VaultState::Live,
            created_s,
        }
    }

    /// # Errors
    /// `BadRequest` when the soft-delete time or the rate is outside its bounds, or there are too many networks or tags.
    pub fn check(&self) -> Result<(), Refusal> {
        let bad = |problem| Err(Refusal::BadRequest { problem });
        if !SOFT_DELETE_DAYS.contains(&self.soft_delete_days) {
            return bad(format!(
                "soft-delete days {} must be {} to {}",
                self.soft_delete_days,
                SOFT_DELETE_DAYS.start(),
                SOFT_DELETE_DAYS.end()
            ));
        }
        if self.networks.len() > NETWORKS_MAX {
            return bad(format!("{} networks, but a vault may have at most {NETWORKS_MAX}", self.networks.len()));
        }
        if let Some(rate) = &self.rate {
            rate.check().map_err(|problem| Refusal::BadRequest { problem })?;
        }
        check_tags(&self.tags)
    }

    /// How a key here can come back or go for good, in Key Vault's words.
    #[must_use]
    pub const fn recovery_level(&self) -> &'static str {
        match (self.soft_delete_days == *SOFT_DELETE_DAYS.end(), self.purge_protection) {
            (true, true) => "Recoverable",
            (true, false) => "Recoverable+Purgeable",
            (false, true) => "CustomizedRecoverable",
            (false, false) => "CustomizedRecoverable+Purgeable",
        }
    }

    /// Whether requests may come from there.
    ///
    /// # Errors
    /// `NetworkForbidden`, which says the address and the vault.
    pub fn check_peer(&self, peer: Peer) -> Result<(), Refusal> {
        match peer {
            Peer::Network(address)
                if !self.networks.is_empty() && !self.networks.iter().any(|one| one.contains(address.ip())) =>
            {
                Err(Refusal::NetworkForbidden { vault: self.name.clone(), address: address.ip().to_canonical() })
            }
            Peer::Here(_) | Peer::Network(_) => Ok(()),
        }
    }

    /// # Errors
    /// `VaultDeleted` unless it is live.
    pub fn check_live(&self) -> Result<(), Refusal> {
        match self.state {
            VaultState::Live => Ok(()),
            VaultState::Deleted { purge_s, .. } | VaultState::Purging { purge_s, .. } => {
                Err(Refusal::VaultDeleted { vault: self.name.clone(), purge_s })
            }
        }
    }

    /// The vault, soft-deleted now and due to be purged after its own soft-delete time.
    ///
    /// # Errors
    /// `VaultDeleted` when it is already; `Conflict` while its delete lock is set.
    pub fn deleted(&self, now_s: i64) -> Result<Self, Refusal> {
        self.check_live()?;
        if self.delete_lock {
            return Err(Refusal::Conflict { problem: format!("vault {} has a delete lock; lift it first", self.name) });
        }
        let purge_s = now_s.saturating_add(i64::from(self.soft_delete_days) * 86_400);
        Ok(Self { state: VaultState::Deleted { deleted_s: now_s, purge_s }, ..self.clone() })
    }

    /// The vault, live again.
    ///
    /// # Errors
    /// `Conflict` when it is live, or being purged.
    pub fn recovered(&self) -> Result<Self, Refusal> {
        let name = &self.name;
        match self.state {
            VaultState::Deleted { .. } => Ok(Self { state: VaultState::Live, ..self.clone() }),
            VaultState::Live => Err(Refusal::Conflict { problem: format!("vault {name} is not deleted") }),
            VaultState::Purging { .. } => {
                Err(Refusal::Conflict { problem: format!("vault {name} is being purged and cannot be recovered") })
            }
        }
    }

    /// The deleted vault, with its purge begun.
    ///
    /// # Errors
    /// `Conflict` when it is live; `VaultPurgeProtected` before its time where purge protection is on.
    pub fn purging(&self, now_s: i64) -> Result<Self, Refusal> {
        match self.state {
            VaultState::Live => {
                Err(Refusal::Conflict { problem: format!("vault {} is not deleted; delete it first", self.name) })
            }
            VaultState::Deleted { purge_s, .. } if self.purge_protection && now_s < purge_s => {
                Err(Refusal::VaultPurgeProtected { vault: self.name.clone(), purge_s })
            }
            VaultState::Deleted { deleted_s, purge_s } | VaultState::Purging { deleted_s, purge_s } => {
                Ok(Self { state: VaultState::Purging { deleted_s, purge_s }, ..self.clone() })
            }
        }
    }
}

/// A client certificate trusted by its own SHA-256 instead of by a CA; its principal is `pin/<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    pub name: AnchorName,
    pub sha256: [u8; 32],
    pub pinned_by: Principal,
    pub created_s: i64,
}
