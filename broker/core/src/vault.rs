//! A vault: a namespace of keys with its own backends and its own policy of deletion.

use crate::name::{AnchorName, BackendName, Principal, VaultName};
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
    /// 7 to 90; how long a deleted key can be recovered.
    pub soft_delete_days: u16,
    /// One-way: once true, nothing is purged before its time.
    pub purge_protection: bool,
    pub created_s: i64,
}

impl Vault {
    /// # Errors
    /// `BadRequest` when the soft-delete time is outside its bounds.
    pub fn check(&self) -> Result<(), Refusal> {
        if SOFT_DELETE_DAYS.contains(&self.soft_delete_days) {
            return Ok(());
        }
        Err(Refusal::BadRequest {
            problem: format!(
                "soft-delete days {} must be {} to {}",
                self.soft_delete_days,
                SOFT_DELETE_DAYS.start(),
                SOFT_DELETE_DAYS.end()
            ),
        })
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
}

/// A client certificate trusted by its own SHA-256 instead of by a CA; its principal is `pin/<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    pub name: AnchorName,
    pub sha256: [u8; 32],
    pub pinned_by: Principal,
    pub created_s: i64,
}
