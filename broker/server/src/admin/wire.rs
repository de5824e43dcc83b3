//! What goes over the socket. Times are Unix seconds, scopes `/`, `/vault` or `/vault/key`, digests hexadecimal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Most bytes of a line in either direction.
pub const LINE_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    AcceptClock {},
    ApproveElevation {
        id: String,
    },
    AssignIdentity {
        name: String,
        principal: String,
    },
    BackUpBackend {
        backend: String,
        password: Password,
    },
    /// The reply's line is followed by the copy's bytes.
    BackupStore {},
    CreateGrant {
        principal: String,
        #[serde(default)]
        role: Option<String>,
        #[serde(default)]
        permissions: Vec<String>,
        scope: String,
        #[serde(default)]
        not_before: Option<i64>,
        #[serde(default)]
        not_after: Option<i64>,
        #[serde(default)]
        justification: String,
    },
    CreateIdentity {
        name: String,
        #[serde(default)]
        resource: Option<String>,
    },
    CreatePin {
        name: String,
        sha256: String,
    },
    CreateVault {
        name: String,
        backend: String,
        #[serde(default)]
        hsm_backend: Option<String>,
        #[serde(default)]
        soft_delete_days: Option<u16>,
        #[serde(default)]
        purge_protection: bool,
        #[serde(default)]
        networks: Vec<String>,
        #[serde(default)]
        tags: BTreeMap<String, String>,
        #[serde(default)]
        rate: Option<Rate>,
        #[serde(default)]
        elevation_approval: bool,
    },
    DeleteIdentity {
        name: String,
    },
    DenyElevation {
        id: String,
    },
    DeleteVault {
        name: String,
    },
    Examine {
        principal: String,
        vault: String,
        key: String,
    },
    KmipStatus {},
    ListElevations {
        scope: String,
    },
    ListGrants {
        scope: String,
    },
    ListIdentities {},
    ListPins {},
    ListVaults {},
    LockKey {
        vault: String,
        key: String,
        lock: bool,
    },
    LockVault {
        name: String,
        lock: bool,
    },
    PurgeVault {
        name: String,
    },
    ReadUsage {
        #[serde(default)]
        principal: Option<String>,
        #[serde(default)]
        after: Option<u64>,
    },
    RecoverVault {
        name: String,
    },
    ReloadPlugin {
        backend: String,
    },
    RemoveGrant {
        id: String,
    },
    RemovePin {
        name: String,
    },
    RestoreBackend {
        backend: String,
        /// Hexadecimal.
        backup: String,
        password: Password,
    },
    RotateKek {
        vault: String,
    },
    UnassignIdentity {
        name: String,
        principal: String,
    },
    UpdateVault {
        name: String,
        #[serde(default)]
        hsm_backend: Option<String>,
        #[serde(default)]
        purge_protection: Option<bool>,
        #[serde(default)]
        networks: Option<Vec<String>>,
        #[serde(default)]
        tags: Option<BTreeMap<String, String>>,
        #[serde(default)]
        rate: Option<Rate>,
        /// The broker's own rate again.
        #[serde(default)]
        no_rate: bool,
        #[serde(default)]
        elevation_approval: Option<bool>,
    },
}

/// A password on its way; never printed.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Hexadecimal.
    Backup(String),
    #[serde(rename_all = "kebab-case")]
    Clock {
        was_suspended: bool,
    },
    Done {},
    /// Grants that wait for approval.
    Elevations(Vec<Grant>),
    Findings(Vec<Finding>),
    Grants(Vec<Grant>),
    Identities(Vec<Identity>),
    #[serde(rename_all = "kebab-case")]
    StoreCopy {
        /// How many follow this line.
        bytes: u64,
        generation: u64,
        records: u64,
    },
    #[serde(rename_all = "kebab-case")]
    Kek {
        version: String,
    },
    Kmip(Kmip),
    Pins(Vec<Pin>),
    /// What it calls itself, and the digest of its file.
    Plugin(String),
    Refused {
        reason: String,
        message: String,
        request: String,
    },
    Usage {
        rows: Vec<Used>,
        /// Where the next page begins.
        next: Option<u64>,
    },
    Vaults(Vec<Vault>),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Grant {
    pub id: String,
    pub principal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    pub permissions: Vec<String>,
    pub scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<i64>,
    pub justification: String,
    pub granted_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    pub created: i64,
    /// Of one that waits for approval: the last second at which it can be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Identity {
    pub name: String,
    pub principal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    pub assigned: Vec<String>,
    pub created_by: String,
    pub created: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pin {
    pub name: String,
    pub sha256: String,
    pub pinned_by: String,
    pub created: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Vault {
    pub name: String,
    pub backend: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hsm_backend: Option<String>,
    pub soft_delete_days: u16,
    pub purge_protection: bool,
    pub networks: Vec<String>,
    pub tags: BTreeMap<String, String>,
    pub delete_lock: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// live, deleted or purging.
    pub state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purge: Option<i64>,
    pub elevation_approval: bool,
    pub created: i64,
}

/// Operations of one principal.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rate {
    #[serde(rename = "operations-per-10s")]
    pub operations_per_10s: u32,
    pub operations_burst: u32,
}

/// What one principal asked for; without a principal, those that are counted together.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Used {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    pub counts: Vec<Counted>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counted {
    pub operation: String,
    /// allowed, refused or error.
    pub outcome: String,
    pub count: u64,
}

/// Who is connected to the KMIP listener, and who may.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kmip {
    /// None: the configuration has no front.kmip.
    pub listens: Option<String>,
    pub connections: usize,
    /// The oldest of them, at most 1000.
    pub connected: Vec<KmipClient>,
    pub trusted: Vec<Pin>,
    pub vaults: Vec<KmipVault>,
    pub now: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct KmipClient {
    pub principal: String,
    pub sha256: String,
    pub peer: String,
    pub since: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message: Option<i64>,
    pub certificate_ends: i64,
}

/// A vault with managed objects under older versions of its KEK.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct KmipVault {
    pub name: String,
    pub objects_waiting_rewrap: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    pub step: String,
    pub good: bool,
    pub found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}
