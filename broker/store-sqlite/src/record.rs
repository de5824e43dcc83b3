//! What a record looks like when it is written down: postcard, after one byte that tells the format.
//!
//! The structures here mirror the core's, so that a change there cannot silently change what lies on disk. Closed lists
//! are written as their words, sets of key operations as bits fixed here.

use std::collections::BTreeMap;

use broker_core::algorithm::{KeySpec, PublicKey};
use broker_core::elevation::Elevation;
use broker_core::grant::{Grant, GrantId, Granted, Scope};
use broker_core::key::{KeyOperation, KeyOperations, KeyRecord, KeyState, Material, VersionRecord};
use broker_core::name::{AnchorName, BackendName, KeyName, KeyVersion, NameError, Principal, VaultName};
use broker_core::network::Network;
use broker_core::permission::{Permission, Role};
use broker_core::rate::Rate;
use broker_core::vault::{Pin, Vault, VaultState};
use serde::{Deserialize, Serialize};

use crate::policy::PolicyMirror;

/// The first byte of every record written by this version.
const FORMAT: u8 = 1;

/// Why bytes that were sealed by us are not a record: a bug, or a store written by a later version.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("a record is empty")]
    Empty,
    #[error("a record has format {0}, but this version reads format {FORMAT}; a later version of keybroker wrote it")]
    Format(u8),
    #[error("a record does not decode: {0}")]
    Layout(#[from] postcard::Error),
    #[error("a record holds a network that is none: {0}")]
    Network(String),
    #[error("a record holds a name that is none: {0}")]
    Name(#[from] NameError),
    #[error("a record holds an unknown {what}: {word:?}")]
    Word { what: &'static str, word: String },
}

/// A record of the core, and its bytes.
pub trait Record: Sized {
    /// Always succeeds but for a bug; at most a few hundred KiB (1000 versions with 15 tags each).
    fn encode(&self) -> Result<Vec<u8>, postcard::Error>;

    /// # Errors
    /// The bytes are not such a record.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;
}

pub fn encode_mirror(mirror: &impl Serialize) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_extend(mirror, vec![FORMAT])
}

pub fn decode_mirror<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    match bytes.split_first() {
        None => Err(DecodeError::Empty),
        Some((&FORMAT, body)) => Ok(postcard::from_bytes(body)?),
        Some((&format, _)) => Err(DecodeError::Format(format)),
    }
}

/// A record in two parts: the second holds what came later, and is missing from records that were written before.
fn decode_two<'a, T, L>(bytes: &'a [u8]) -> Result<(T, L), DecodeError>
where
    T: Deserialize<'a>,
    L: Deserialize<'a> + Default,
{
    match bytes.split_first() {
        None => Err(DecodeError::Empty),
        Some((&FORMAT, body)) => {
            let (mirror, rest) = postcard::take_from_bytes(body)?;
            let later = if rest.is_empty() { L::default() } else { postcard::from_bytes(rest)? };
            Ok((mirror, later))
        }
        Some((&format, _)) => Err(DecodeError::Format(format)),
    }
}

#[derive(Serialize, Deserialize)]
struct KeyMirror<'a> {
    vault: &'a str,
    name: &'a str,
    /// (deleted_s, purge_s) of a key that is not live.
    deleted: Option<(i64, i64)>,
    #[serde(borrow)]
    versions: Vec<VersionMirror<'a>>,
    revision: u64,
    rotation: Option<PolicyMirror>,
    delete_lock: bool,
}

#[derive(Serialize, Deserialize, Default)]
struct KeyLater {
    /// Of a key that is not live: whether its purge has begun.
    purging: bool,
}

#[derive(Serialize, Deserialize)]
struct VersionMirror<'a> {
    version: [u8; 16],
    spec: &'a str,
    hsm: bool,
    backend: &'a str,
    enabled: bool,
    not_before_s: Option<i64>,
    expires_s: Option<i64>,
    created_s: i64,
    updated_s: i64,
    operations: u8,
    #[serde(borrow)]
    tags: BTreeMap<&'a str, &'a str>,
    notified: bool,
}

impl Record for KeyRecord {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let mirror = KeyMirror {
            vault: self.vault.as_str(),
            name: self.name.as_str(),
            deleted: self.state.deletion(),
            versions: self.versions.iter().map(VersionMirror::of).collect(),
            revision: self.revision,
            rotation: self.rotation.as_ref().map(PolicyMirror::of),
            delete_lock: self.delete_lock,
        };
        encode_mirror(&(mirror, KeyLater { purging: matches!(self.state, KeyState::Purging { .. }) }))
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mirror, later): (KeyMirror<'_>, KeyLater) = decode_two(bytes)?;
        // Exactly sized, because it stays in the cache: collecting results would make room for four.
        let mut versions = Vec::with_capacity(mirror.versions.len());
        for version in mirror.versions {
            versions.push(version.into_core()?);
        }
        Ok(Self {
            vault: VaultName::parse(mirror.vault)?,
            name: KeyName::of_record(mirror.name)?,
            state: match mirror.deleted {
                Some((deleted_s, purge_s)) if later.purging => KeyState::Purging { deleted_s, purge_s },
                Some((deleted_s, purge_s)) => KeyState::Deleted { deleted_s, purge_s },
                None => KeyState::Live,
            },
            versions,
            revision: mirror.revision,
            rotation: mirror.rotation.map(PolicyMirror::into_core),
            delete_lock: mirror.delete_lock,
        })
    }
}

impl<'a> VersionMirror<'a> {
    fn of(version: &'a VersionRecord) -> Self {
        Self {
            version: version.version.0,
            spec: version.spec.word(),
            hsm: version.hsm,
            backend: version.backend.as_str(),
            enabled: version.enabled,
            not_before_s: version.not_before_s,
            expires_s: version.expires_s,
            created_s: version.created_s,
            updated_s: version.updated_s,
            operations: version.operations.iter().fold(0, |bits, operation| bits | operation_bit(operation)),
            tags: version.tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            notified: version.notified,
        }
    }

    fn into_core(self) -> Result<VersionRecord, DecodeError> {
        let operations = KeyOperation::ALL.iter().copied().filter(|one| self.operations & operation_bit(*one) != 0);
        Ok(VersionRecord {
            version: KeyVersion(self.version),
            spec: known("key spec", KeySpec::of_word, self.spec)?,
            hsm: self.hsm,
            backend: BackendName::parse(self.backend)?,
            enabled: self.enabled,
            not_before_s: self.not_before_s,
            expires_s: self.expires_s,
            created_s: self.created_s,
            updated_s: self.updated_s,
            operations: operations.collect::<KeyOperations>(),
            tags: self.tags.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            notified: self.notified,
        })
    }
}

/// The bit of an operation on disk; never reused for another.
const fn operation_bit(operation: KeyOperation) -> u8 {
    match operation {
        KeyOperation::Decrypt => 1,
        KeyOperation::Encrypt => 2,
        KeyOperation::Sign => 4,
        KeyOperation::UnwrapKey => 8,
        KeyOperation::Verify => 16,
        KeyOperation::WrapKey => 32,
    }
}

pub fn known<T>(what: &'static str, of_word: impl Fn(&str) -> Option<T>, word: &str) -> Result<T, DecodeError> {
    of_word(word).ok_or_else(|| DecodeError::Word { what, word: word.to_owned() })
}

#[derive(Serialize, Deserialize)]
struct MaterialMirror<'a> {
    opaque: &'a [u8],
    #[serde(borrow)]
    public: PublicMirror<'a>,
    origin_vault: Option<&'a str>,
}

/// The order of the variants is their number on disk: new ones go last.
#[derive(Serialize, Deserialize)]
enum PublicMirror<'a> {
    Ec(&'a [u8], &'a [u8]),
    None,
    Rsa(&'a [u8], &'a [u8]),
}

impl Record for Material {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        encode_mirror(&MaterialMirror {
            opaque: &self.opaque,
            public: match &self.public {
                PublicKey::Ec { x, y } => PublicMirror::Ec(x, y),
                PublicKey::None => PublicMirror::None,
                PublicKey::Rsa { n, e } => PublicMirror::Rsa(n, e),
            },
            origin_vault: self.origin_vault.as_ref().map(VaultName::as_str),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mirror: MaterialMirror<'_> = decode_mirror(bytes)?;
        Ok(Self {
            opaque: mirror.opaque.to_vec(),
            public: match mirror.public {
                PublicMirror::Ec(x, y) => PublicKey::Ec { x: x.to_vec(), y: y.to_vec() },
                PublicMirror::None => PublicKey::None,
                PublicMirror::Rsa(n, e) => PublicKey::Rsa { n: n.to_vec(), e: e.to_vec() },
            },
            origin_vault: mirror.origin_vault.map(VaultName::parse).transpose()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct GrantMirror<'a> {
    id: [u8; 16],
    principal: &'a str,
    #[serde(borrow)]
    granted: GrantedMirror<'a>,
    /// The broker: neither; a vault: the first; a key: both.
    scope: (Option<&'a str>, Option<&'a str>),
    not_before_s: Option<i64>,
    not_after_s: Option<i64>,
    justification: &'a str,
    granted_by: &'a str,
    created_s: i64,
}

#[derive(Serialize, Deserialize, Default)]
struct GrantLater {
    approved_by: Option<String>,
}

/// The order of the variants is their number on disk: new ones go last.
#[derive(Serialize, Deserialize)]
enum GrantedMirror<'a> {
    Permissions(#[serde(borrow)] Vec<&'a str>),
    Role(&'a str),
}

impl Record for Grant {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let mirror = GrantMirror {
            id: self.id.0,
            principal: self.principal.as_str(),
            granted: match &self.granted {
                Granted::Permissions(set) => GrantedMirror::Permissions(set.iter().map(Permission::word).collect()),
                Granted::Role(role) => GrantedMirror::Role(role.word()),
            },
            scope: (self.scope.vault().map(VaultName::as_str), self.scope.key().map(KeyName::as_str)),
            not_before_s: self.not_before_s,
            not_after_s: self.not_after_s,
            justification: &self.justification,
            granted_by: self.granted_by.as_str(),
            created_s: self.created_s,
        };
        encode_mirror(&(mirror, GrantLater { approved_by: self.approved_by.as_ref().map(ToString::to_string) }))
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mirror, later): (GrantMirror<'_>, GrantLater) = decode_two(bytes)?;
        Ok(Self {
            id: GrantId(mirror.id),
            principal: Principal::parse(mirror.principal)?,
            granted: match mirror.granted {
                GrantedMirror::Permissions(words) => Granted::Permissions(
                    words
                        .into_iter()
                        .map(|word| known("permission", Permission::of_word, word))
                        .collect::<Result<_, _>>()?,
                ),
                GrantedMirror::Role(word) => Granted::Role(known("role", Role::of_word, word)?),
            },
            scope: match mirror.scope {
                (None, _) => Scope::Broker,
                (Some(vault), None) => Scope::Vault(VaultName::parse(vault)?),
                (Some(vault), Some(key)) => Scope::Key(VaultName::parse(vault)?, KeyName::parse(key)?),
            },
            not_before_s: mirror.not_before_s,
            not_after_s: mirror.not_after_s,
            justification: mirror.justification.to_owned(),
            granted_by: Principal::parse(mirror.granted_by)?,
            approved_by: later.approved_by.as_deref().map(Principal::parse).transpose()?,
            created_s: mirror.created_s,
        })
    }
}

/// Written as the grant that it is to be.
impl Record for Elevation {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        self.grant.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { grant: Grant::decode(bytes)? })
    }
}

#[derive(Serialize, Deserialize)]
struct PinMirror<'a> {
    name: &'a str,
    sha256: [u8; 32],
    pinned_by: &'a str,
    created_s: i64,
}

impl Record for Pin {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        encode_mirror(&PinMirror {
            name: self.name.as_str(),
            sha256: self.sha256,
            pinned_by: self.pinned_by.as_str(),
            created_s: self.created_s,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mirror: PinMirror<'_> = decode_mirror(bytes)?;
        Ok(Self {
            name: AnchorName::parse(mirror.name)?,
            sha256: mirror.sha256,
            pinned_by: Principal::parse(mirror.pinned_by)?,
            created_s: mirror.created_s,
        })
    }
}

/// A few bytes under a name, for the broker itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    pub name: String,
    pub value: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct SettingMirror<'a> {
    name: &'a str,
    value: &'a [u8],
}

impl Record for Setting {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        encode_mirror(&SettingMirror { name: &self.name, value: &self.value })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mirror: SettingMirror<'_> = decode_mirror(bytes)?;
        Ok(Self { name: mirror.name.to_owned(), value: mirror.value.to_vec() })
    }
}

#[derive(Serialize, Deserialize)]
struct VaultMirror<'a> {
    name: &'a str,
    backend: &'a str,
    hsm_backend: Option<&'a str>,
    soft_delete_days: u16,
    purge_protection: bool,
    created_s: i64,
}

#[derive(Serialize, Deserialize, Default)]
struct VaultLater {
    networks: Vec<String>,
    tags: BTreeMap<String, String>,
    delete_lock: bool,
    /// (operations in 10 s, operations at once)
    rate: Option<(u32, u32)>,
    /// (deleted_s, purge_s, whether its purge has begun) of a vault that is not live.
    deleted: Option<(i64, i64, bool)>,
    elevation_approval: bool,
}

impl VaultLater {
    fn of(vault: &Vault) -> Self {
        Self {
            networks: vault.networks.iter().map(ToString::to_string).collect(),
            tags: vault.tags.clone(),
            delete_lock: vault.delete_lock,
            rate: vault.rate.map(|rate| (rate.operations_per_10s, rate.operations_burst)),
            deleted: match vault.state {
                VaultState::Live => None,
                VaultState::Deleted { deleted_s, purge_s } => Some((deleted_s, purge_s, false)),
                VaultState::Purging { deleted_s, purge_s } => Some((deleted_s, purge_s, true)),
            },
            elevation_approval: vault.elevation_approval,
        }
    }

    fn state(&self) -> VaultState {
        match self.deleted {
            None => VaultState::Live,
            Some((deleted_s, purge_s, false)) => VaultState::Deleted { deleted_s, purge_s },
            Some((deleted_s, purge_s, true)) => VaultState::Purging { deleted_s, purge_s },
        }
    }
}

impl Record for Vault {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let mirror = VaultMirror {
            name: self.name.as_str(),
            backend: self.backend.as_str(),
            hsm_backend: self.hsm_backend.as_ref().map(BackendName::as_str),
            soft_delete_days: self.soft_delete_days,
            purge_protection: self.purge_protection,
            created_s: self.created_s,
        };
        encode_mirror(&(mirror, VaultLater::of(self)))
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mirror, later): (VaultMirror<'_>, VaultLater) = decode_two(bytes)?;
        let networks = later.networks.iter().map(|text| Network::parse(text).map_err(DecodeError::Network));
        Ok(Self {
            name: VaultName::parse(mirror.name)?,
            backend: BackendName::parse(mirror.backend)?,
            hsm_backend: mirror.hsm_backend.map(BackendName::parse).transpose()?,
            soft_delete_days: mirror.soft_delete_days,
            purge_protection: mirror.purge_protection,
            networks: networks.collect::<Result<_, _>>()?,
            state: later.state(),
            tags: later.tags,
            delete_lock: later.delete_lock,
            elevation_approval: later.elevation_approval,
            rate: later
                .rate
                .map(|(operations_per_10s, operations_burst)| Rate { operations_per_10s, operations_burst }),
            created_s: mirror.created_s,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin() -> Pin {
        Pin {
            name: AnchorName::parse("esx1").unwrap(),
            sha256: [7; 32],
            pinned_by: Principal::parse("local/uid:0").unwrap(),
            created_s: 1,
        }
    }

    #[test]
    fn a_record_of_a_later_format_is_refused_by_its_number() {
        let mut bytes = pin().encode().unwrap();
        assert_eq!(Pin::decode(&bytes).unwrap(), pin());
        bytes[0] = 2;
        assert!(matches!(Pin::decode(&bytes), Err(DecodeError::Format(2))));
        assert!(matches!(Pin::decode(&[]), Err(DecodeError::Empty)));
        assert!(matches!(Pin::decode(&bytes[..1]), Err(DecodeError::Format(2))));
        assert!(matches!(Pin::decode(&[FORMAT, 1]), Err(DecodeError::Layout(_))));
    }

    #[test]
    fn every_key_operation_has_a_bit_of_its_own() {
        let all = KeyOperation::ALL.iter().fold(0, |bits, one| bits | operation_bit(*one));
        assert_eq!(all.count_ones() as usize, KeyOperation::ALL.len());
    }
}
