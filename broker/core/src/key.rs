//! A key and its life: pure transitions from one record to the next.

use std::collections::BTreeMap;

use crate::algorithm::{KeyFamily, KeySpec, PublicKey, word_enum};
use crate::name::{BackendName, KeyName, KeyVersion, VaultName};
use crate::refusal::Refusal;
use crate::rotation::RotationPolicy;

/// Most versions one key may have; a rotation past it is refused.
pub const VERSIONS_MAX: usize = 1000;
/// Most tags on a version, and the most characters in a tag's name or value (Key Vault's limits).
pub const TAGS_MAX: usize = 15;
pub const TAG_CHARS_MAX: usize = 256;

word_enum! {
    /// What a key may be used for (RFC 7517 section 4.3, by Key Vault's names).
    KeyOperation {
        Decrypt = "decrypt",
        Encrypt = "encrypt",
        Sign = "sign",
        UnwrapKey = "unwrapKey",
        Verify = "verify",
        WrapKey = "wrapKey",
    }
}

/// A set of key operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyOperations(pub u8);

impl KeyOperations {
    #[must_use]
    pub const fn contains(self, operation: KeyOperation) -> bool {
        self.0 & (1 << operation as u8) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = KeyOperation> {
        KeyOperation::ALL.iter().copied().filter(move |operation| self.contains(*operation))
    }

    /// All that a key of this spec can do.
    #[must_use]
    pub fn all_of(spec: KeySpec) -> Self {
        use KeyOperation::{Decrypt, Encrypt, Sign, UnwrapKey, Verify, WrapKey};
        match spec.family() {
            KeyFamily::Ec => [Sign, Verify].into_iter().collect(),
            KeyFamily::Oct => [Decrypt, Encrypt, UnwrapKey, WrapKey].into_iter().collect(),
            KeyFamily::Rsa => KeyOperation::ALL.iter().copied().collect(),
        }
    }
}

impl FromIterator<KeyOperation> for KeyOperations {
    fn from_iter<I: IntoIterator<Item = KeyOperation>>(operations: I) -> Self {
        Self(operations.into_iter().fold(0, |bits, operation| bits | 1 << operation as u8))
    }
}

/// One version of a key: all that can change about it. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRecord {
    pub version: KeyVersion,
    pub spec: KeySpec,
    /// Whether it was asked for as an `-HSM` kty.
    pub hsm: bool,
    pub backend: BackendName,
    pub enabled: bool,
    pub not_before_s: Option<i64>,
    pub expires_s: Option<i64>,
    pub created_s: i64,
    pub updated_s: i64,
    pub operations: KeyOperations,
    pub tags: BTreeMap<String, String>,
    /// Whether a policy's Notify was carried out for it.
    pub notified: bool,
}

/// What never changes about a version: its public half, and the backend's own opaque bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// Opaque to the broker, at most 64 KiB; the backend alone makes sense of it.
    pub opaque: Vec<u8>,
    pub public: PublicKey,
    /// The vault it was made in, when a backup was restored into another: backends bind material to where it was made.
    pub origin_vault: Option<VaultName>,
}

/// Where a key is in its life. Times are Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It can be recovered until it is purged, at `purge_s` by itself.
    Deleted {
        deleted_s: i64,
        purge_s: i64,
    },
    Live,
    /// Its backends are destroying it, or were when the broker stopped: there is no way back.
    Purging {
        deleted_s: i64,
        purge_s: i64,
    },
}

impl KeyState {
    /// (deleted_s, purge_s) of a key that is not live.
    #[must_use]
    pub const fn deletion(self) -> Option<(i64, i64)> {
        match self {
            Self::Live => None,
            Self::Deleted { deleted_s, purge_s } | Self::Purging { deleted_s, purge_s } => Some((deleted_s, purge_s)),
        }
    }
}

/// One named key with its versions, oldest first; there is always at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    pub vault: VaultName,
    pub name: KeyName,
    pub state: KeyState,
    pub versions: Vec<VersionRecord>,
    pub rotation: Option<RotationPolicy>,
    /// Must be lifted before the key can be deleted.
    pub delete_lock: bool,
    /// Counts the writes of this record, from 1; the store refuses a write that was not made from the newest.
    pub revision: u64,
}

/// What a use of a key does to data: making new wrapped data ends with the key's dates, opening old data does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// encrypt, sign, wrap: refused before `nbf` and after `exp`.
    Protect,
    /// decrypt, unwrap, verify: only `enabled` counts.
    Open,
}

/// What an update sets; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionPatch {
    pub enabled: Option<bool>,
    pub not_before_s: Option<i64>,
    pub expires_s: Option<i64>,
    pub operations: Option<KeyOperations>,
    pub tags: Option<BTreeMap<String, String>>,
}

impl VersionPatch {
    /// # Errors
    /// `BadRequest` for too many or too long tags, `exp` not after `nbf`, or an operation that such a key can never do.
    pub fn apply_to(&self, version: &VersionRecord, now_s: i64) -> Result<VersionRecord, Refusal> {
        let mut next = version.clone();
        next.enabled = self.enabled.unwrap_or(next.enabled);
        next.not_before_s = self.not_before_s.or(next.not_before_s);
        next.expires_s = self.expires_s.or(next.expires_s);
        next.operations = self.operations.unwrap_or(next.operations);
        if let Some(tags) = &self.tags {
            check_tags(tags)?;
            next.tags.clone_from(tags);
        }
        if let (Some(first), Some(end)) = (next.not_before_s, next.expires_s)
            && end <= first
        {
            return Err(Refusal::BadRequest { problem: format!("exp {end} must be later than nbf {first}") });
        }
        if let Some(never) = next.operations.iter().find(|one| !KeyOperations::all_of(next.spec).contains(*one)) {
            return Err(Refusal::BadRequest { problem: format!("key_ops: a key of {} can never {never}", next.spec) });
        }
        next.updated_s = now_s;
        Ok(next)
    }
}

/// # Errors
/// `BadRequest`: more than 15 tags, or one longer than 256 characters.
pub fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let too_long = |text: &str| text.chars().count() > TAG_CHARS_MAX;
    if tags.len() > TAGS_MAX {
        return Err(Refusal::BadRequest {
            problem: format!("{} tags, but there may be at most {TAGS_MAX}", tags.len()),
        });
    }
    if tags.iter().any(|(name, value)| too_long(name) || too_long(value)) {
        return Err(Refusal::BadRequest {
            problem: format!("a tag's name and value may have at most {TAG_CHARS_MAX} characters each"),
        });
    }
    Ok(())
}

impl VersionRecord {
    /// Whether this version may be used so now, dates and `enabled` considered.
    ///
    /// # Errors
    /// `KeyDisabled`, and for [`Use::Protect`] `KeyNotYetValid` or `KeyExpired`.
    pub fn check_use(&self, key: &KeyName, what: Use, now_s: i64) -> Result<(), Refusal> {
        let (key, version) = (key.clone(), self.version);
        if !self.enabled {
            return Err(Refusal::KeyDisabled { key, version });
        }
        match (what, self.not_before_s, self.expires_s) {
            (Use::Protect, Some(nbf_s), _) if now_s < nbf_s => Err(Refusal::KeyNotYetValid { key, version, nbf_s }),
            (Use::Protect, _, Some(exp_s)) if now_s >= exp_s => Err(Refusal::KeyExpired { key, version, exp_s }),
            (Use::Protect | Use::Open, _, _) => Ok(()),
        }
    }

    /// # Errors
    /// `KeyOperationExcluded` when `key_ops` leaves it out.
    pub fn check_operation(&self, key: &KeyName, operation: KeyOperation) -> Result<(), Refusal> {
        if self.operations.contains(operation) {
            Ok(())
        } else {
            Err(Refusal::KeyOperationExcluded { key: key.clone(), operation: operation.word() })
        }
    }
}

impl KeyRecord {
    /// A new key with its first version; revision 0 means that it is not stored yet.
    #[must_use]
    pub fn new(vault: VaultName, name: KeyName, first: VersionRecord) -> Self {
        Self {
            vault,
            name,
            state: KeyState::Live,
            versions: vec![first],
            rotation: None,
            delete_lock: false,
            revision: 0,
        }
    }

    /// The newest version.
    #[must_use]
    pub fn latest(&self) -> &VersionRecord {
        self.versions.last().expect("a key record is made with one version and never loses one")
    }

    /// # Errors
    /// `KeyNotFound` for a deleted key: its name answers nothing but the deleted-key operations.
    pub fn check_live(&self) -> Result<(), Refusal> {
        match self.state {
            KeyState::Live => Ok(()),
            KeyState::Deleted { .. } | KeyState::Purging { .. } => {
                Err(Refusal::KeyNotFound { key: self.name.clone(), version: None })
            }
        }
    }

    /// The version asked for, or the latest.
    ///
    /// # Errors
    /// `KeyNotFound`, with the version when it is that which is missing.
    pub fn pick(&self, version: Option<KeyVersion>) -> Result<&VersionRecord, Refusal> {
        self.check_live()?;
        match version {
            None => Ok(self.latest()),
            Some(wanted) => self
                .versions
                .iter()
                .find(|version| version.version == wanted)
                .ok_or_else(|| Refusal::KeyNotFound { key: self.name.clone(), version: Some(wanted) }),
        }
    }

    /// The versions that a version-less opening tries: enabled ones, newest first, at most `most`.
    pub fn candidates(&self, most: usize) -> impl Iterator<Item = &VersionRecord> {
        self.versions.iter().rev().filter(|version| version.enabled).take(most)
    }

    /// The same key with one more version.
    ///
    /// # Errors
    /// `KeyDeleted`; `Conflict` when it has [`VERSIONS_MAX`] already.
    pub fn with_version(&self, version: VersionRecord) -> Result<Self, Refusal> {
        if self.state != KeyState::Live {
            return Err(Refusal::KeyDeleted { key: self.name.clone() });
        }
        if self.versions.len() >= VERSIONS_MAX {
            return Err(Refusal::Conflict {
                problem: format!("key {} has {VERSIONS_MAX} versions, the most a key may have", self.name),
            });
        }
        let mut next = self.clone();
        next.versions.push(version);
        Ok(next)
    }

    /// The same key with one version changed.
    ///
    /// # Errors
    /// `KeyNotFound`; what [`VersionPatch::apply_to`] refuses.
    pub fn with_patch(&self, version: Option<KeyVersion>, patch: &VersionPatch, now_s: i64) -> Result<Self, Refusal> {
        let changed = patch.apply_to(self.pick(version)?, now_s)?;
        let mut next = self.clone();
        if let Some(place) = next.versions.iter_mut().find(|place| place.version == changed.version) {
            *place = changed;
        }
        Ok(next)
    }

    /// The key, soft-deleted now and due to be purged after `days`.
    ///
    /// # Errors
    /// `KeyNotFound` when it is deleted already; `Conflict` while its delete lock is set.
    pub fn deleted(&self, now_s: i64, days: u16) -> Result<Self, Refusal> {
        self.check_live()?;
        if self.delete_lock {
            let problem = format!("key {} has a delete lock; lift it first", self.name);
            return Err(Refusal::Conflict { problem });
        }
        let purge_s = now_s.saturating_add(i64::from(days) * 86_400);
        Ok(Self { state: KeyState::Deleted { deleted_s: now_s, purge_s }, ..self.clone() })
    }

    /// The key, live again.
    ///
    /// # Errors
    /// `KeyNotFound` when it is not deleted; `Conflict` when its purge has begun.
    pub fn recovered(&self) -> Result<Self, Refusal> {
        match self.state {
            KeyState::Deleted { .. } => Ok(Self { state: KeyState::Live, ..self.clone() }),
            KeyState::Live => Err(Refusal::KeyNotFound { key: self.name.clone(), version: None }),
            KeyState::Purging { .. } => {
                let problem = format!("key {} is being purged and cannot be recovered", self.name);
                Err(Refusal::Conflict { problem })
            }
        }
    }

    /// The key, with its purge begun: from here on there is no way back, whatever is interrupted.
    #[must_use]
    pub fn purging(&self, now_s: i64) -> Self {
        let (deleted_s, purge_s) = self.state.deletion().unwrap_or((now_s, now_s));
        Self { state: KeyState::Purging { deleted_s, purge_s }, ..self.clone() }
    }
}
