//! What the caller hears (`Refusal`) and what we know beside it (`Failure`).

use std::fmt;
use std::net::IpAddr;

use crate::entry::Outcome;
use crate::grant::Scope;
use crate::name::{BackendName, KeyName, KeyVersion, Principal, VaultName};
use crate::object::{ObjectId, ObjectState, Usage};
use crate::permission::Permission;

/// Why a request was not served: a closed list that crosses the wire. The `Display` text is for the caller, and says
/// what happened, to what, and what would mend it; it never holds a cause from inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The key's kind cannot carry out this algorithm, or the backend does not serve it.
    AlgorithmUnsupported {
        algorithm: String,
        by: String,
    },
    /// The decision could not be written down, so nothing is served.
    AuditUnavailable,
    /// As many calls as the backend may have are under way.
    BackendBusy {
        backend: BackendName,
    },
    /// The backend did not answer in time, and its call was ended.
    BackendDeadline {
        backend: BackendName,
    },
    /// The backend broke its limits or its contract, and its call was ended.
    BackendFaulty {
        backend: BackendName,
    },
    /// The backend must be set up or backed up first.
    BackendNotReady {
        backend: BackendName,
    },
    /// The backend cannot serve now.
    BackendUnavailable {
        backend: BackendName,
    },
    /// The request makes no sense; says which part and why.
    BadRequest {
        problem: String,
    },
    /// The thing changed, or exists already, in a way that rules this request out.
    Conflict {
        problem: String,
    },
    /// No grant allows it.
    Forbidden(Box<Missing>),
    /// What proved the principal was revoked, replaced or ran out since the connection began.
    IdentityEnded {
        principal: Principal,
    },
    /// A bug on our side; the log has the rest under the request's id.
    Internal,
    /// `enabled` is false.
    KeyDisabled {
        key: KeyName,
        version: KeyVersion,
    },
    /// The name belongs to a soft-deleted key.
    KeyDeleted {
        key: KeyName,
    },
    /// Past `exp` (Unix seconds).
    KeyExpired {
        key: KeyName,
        version: KeyVersion,
        exp_s: i64,
    },
    KeyNotFound {
        key: KeyName,
        version: Option<KeyVersion>,
    },
    /// Before `nbf` (Unix seconds).
    KeyNotYetValid {
        key: KeyName,
        version: KeyVersion,
        nbf_s: i64,
    },
    /// The key's own `key_ops` leave the operation out.
    KeyOperationExcluded {
        key: KeyName,
        operation: &'static str,
    },
    /// Known, and not served.
    NotImplemented {
        operation: String,
    },
    /// The vault takes no requests from the network that this one came from.
    NetworkForbidden {
        vault: VaultName,
        address: IpAddr,
    },
    /// Something named in an administrative request does not exist.
    NotFound {
        what: String,
    },
    /// Its own attributes keep it inside.
    ObjectNotExtractable {
        object: ObjectId,
        why: &'static str,
    },
    /// There is none, or it is another's and the principal may see its own alone.
    ObjectNotFound {
        object: ObjectId,
    },
    /// Its usage mask leaves the use out.
    ObjectUsageExcluded {
        object: ObjectId,
        usage: Usage,
    },
    /// Its state does not allow it (KMIP 1.4 section 3.22).
    ObjectWrongState {
        object: ObjectId,
        state: ObjectState,
        operation: &'static str,
    },
    /// Purge protection keeps it until this time (Unix seconds).
    PurgeProtected {
        key: KeyName,
        purge_s: i64,
    },
    StoreUnavailable,
    TooManyRequests {
        retry_after_s: u32,
    },
    /// The wrapped value does not open under this key: one word for every cryptographic reason.
    Unwrappable,
    /// The vault is soft-deleted; nothing in it can be reached unless it is recovered before that time (Unix seconds).
    VaultDeleted {
        vault: VaultName,
        purge_s: i64,
    },
    VaultNotFound {
        vault: VaultName,
    },
    /// Purge protection keeps the whole vault until this time (Unix seconds).
    VaultPurgeProtected {
        vault: VaultName,
        purge_s: i64,
    },
}

/// What is missing for a request to be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub principal: Principal,
    pub permission: Permission,
    pub scope: Scope,
    pub why: MissingWhy,
}

/// How close the principal is to what it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingWhy {
    /// A grant of it ended at this time (Unix seconds).
    Ended { not_after_s: i64 },
    /// There is no grant of it.
    NoGrant,
    /// A grant of it begins at this time (Unix seconds).
    NotBegun { not_before_s: i64 },
    /// Rights cannot be given to oneself.
    Oneself,
    /// What was asked for cannot be decided by who asked, nor by who is to get it.
    OwnElevation,
    /// The grant would hand out what its giver does not hold.
    NotHeld,
    /// The grant would last beyond the giver's own right, which ends at this time (Unix seconds).
    Outlives { not_after_s: i64 },
}

impl Refusal {
    /// One word for the audit and for metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::AlgorithmUnsupported { .. } => "algorithm-unsupported",
            Self::AuditUnavailable => "audit-unavailable",
            Self::BackendBusy { .. } => "backend-busy",
            Self::BackendDeadline { .. } => "backend-deadline",
            Self::BackendFaulty { .. } => "backend-faulty",
            Self::BackendNotReady { .. } => "backend-not-ready",
            Self::BackendUnavailable { .. } => "backend-unavailable",
            Self::BadRequest { .. } => "bad-request",
            Self::Conflict { .. } => "conflict",
            Self::Forbidden(_) => "forbidden",
            Self::IdentityEnded { .. } => "identity-ended",
            Self::Internal => "internal",
            Self::KeyDeleted { .. } => "key-deleted",
            Self::KeyDisabled { .. } => "key-disabled",
            Self::KeyExpired { .. } => "key-expired",
            Self::KeyNotFound { .. } => "key-not-found",
            Self::KeyNotYetValid { .. } => "key-not-yet-valid",
            Self::KeyOperationExcluded { .. } => "key-operation-excluded",
            Self::NetworkForbidden { .. } => "network-forbidden",
            Self::NotFound { .. } => "not-found",
            Self::NotImplemented { .. } => "not-implemented",
            Self::ObjectNotExtractable { .. } => "object-not-extractable",
            Self::ObjectNotFound { .. } => "object-not-found",
            Self::ObjectUsageExcluded { .. } => "object-usage-excluded",
            Self::ObjectWrongState { .. } => "object-wrong-state",
            Self::PurgeProtected { .. } => "purge-protected",
            Self::StoreUnavailable => "store-unavailable",
            Self::TooManyRequests { .. } => "too-many-requests",
            Self::Unwrappable => "unwrappable",
            Self::VaultDeleted { .. } => "vault-deleted",
            Self::VaultNotFound { .. } => "vault-not-found",
            Self::VaultPurgeProtected { .. } => "vault-purge-protected",
        }
    }

    /// Which kind of ending it is: whether something is wrong on the broker's side.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::AuditUnavailable
            | Self::BackendBusy { .. }
            | Self::BackendDeadline { .. }
            | Self::BackendFaulty { .. }
            | Self::BackendNotReady { .. }
            | Self::BackendUnavailable { .. }
            | Self::Internal
            | Self::NotImplemented { .. }
            | Self::StoreUnavailable => Outcome::Error,
            Self::AlgorithmUnsupported { .. }
            | Self::BadRequest { .. }
            | Self::Conflict { .. }
            | Self::Forbidden(_)
            | Self::IdentityEnded { .. }
            | Self::KeyDeleted { .. }
            | Self::KeyDisabled { .. }
            | Self::KeyExpired { .. }
            | Self::KeyNotFound { .. }
            | Self::KeyNotYetValid { .. }
            | Self::KeyOperationExcluded { .. }
            | Self::NetworkForbidden { .. }
            | Self::NotFound { .. }
            | Self::ObjectNotExtractable { .. }
            | Self::ObjectNotFound { .. }
            | Self::ObjectUsageExcluded { .. }
            | Self::ObjectWrongState { .. }
            | Self::PurgeProtected { .. }
            | Self::TooManyRequests { .. }
            | Self::Unwrappable
            | Self::VaultDeleted { .. }
            | Self::VaultNotFound { .. }
            | Self::VaultPurgeProtected { .. } => Outcome::Refused,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlgorithmUnsupported { algorithm, by } => write!(f, "algorithm {algorithm} is not supported by {by}"),
            Self::AuditUnavailable => f.write_str(
                "the audit log cannot be written, so nothing is served until it can; ask the operator to look at its disk",
            ),
            Self::BackendBusy { backend } => {
                write!(f, "backend {backend} has as many calls under way as it may; try again shortly")
            }
            Self::BackendDeadline { backend } => write!(f, "backend {backend} did not answer in time; try again"),
            Self::BackendFaulty { backend } => {
                write!(f, "backend {backend} broke its limits and the call was ended; the operator's log has the details")
            }
            Self::BackendNotReady { backend } => {
                write!(f, "backend {backend} must be set up or backed up before it serves; the operator's log says which (keybroker backend backup)")
            }
            Self::BackendUnavailable { backend } => write!(f, "backend {backend} cannot serve now; try again"),
            Self::BadRequest { problem } | Self::Conflict { problem } => f.write_str(problem),
            Self::Forbidden(missing) => missing.fmt(f),
            Self::IdentityEnded { principal } => {
                write!(f, "the certificate that proved principal {principal} is not trusted any more; connect again with one that is")
            }
            Self::Internal => f.write_str("an error on the broker's side; the operator's log has it under this request id"),
            Self::KeyDeleted { key } => {
                write!(f, "key {key} is deleted but recoverable: recover it, purge it, or use another name")
            }
            Self::KeyDisabled { key, version } => {
                write!(f, "key {key} version {version} is disabled; enable it to use it")
            }
            Self::KeyExpired { key, version, exp_s } => {
                write!(f, "key {key} version {version} expired at {exp_s} (exp, Unix seconds); set a later exp, or rotate the key")
            }
            Self::KeyNotFound { key, version: None } => write!(f, "key {key} does not exist in this vault"),
            Self::KeyNotFound { key, version: Some(version) } => {
                write!(f, "key {key} has no version {version} in this vault")
            }
            Self::KeyNotYetValid { key, version, nbf_s } => {
                write!(f, "key {key} version {version} is not valid before {nbf_s} (nbf, Unix seconds)")
            }
            Self::KeyOperationExcluded { key, operation } => {
                write!(f, "key {key} does not list {operation} among its key_ops; update the key to allow it")
            }
            Self::NetworkForbidden { vault, address } => write!(
                f,
                "vault {vault} takes no requests from address {address}; ask from one of its allowed networks, or have its manager allow this one"
            ),
            Self::NotFound { what } => write!(f, "{what} does not exist"),
            Self::NotImplemented { operation } => write!(f, "operation {operation} is not implemented by this broker"),
            Self::ObjectNotExtractable { object, why } => write!(f, "object {object} is not given out: {why}"),
            Self::ObjectNotFound { object } => write!(
                f,
                "object {object} does not exist in this vault, or belongs to another principal, which takes a grant on the vault or the object"
            ),
            Self::ObjectUsageExcluded { object, usage } => {
                write!(f, "the usage mask of object {object} does not allow {usage}")
            }
            Self::ObjectWrongState { object, state, operation } => {
                write!(f, "object {object} is {state} and cannot be used for this now: {operation}")
            }
            Self::PurgeProtected { key, purge_s } => write!(
                f,
                "the vault's purge protection keeps key {key} recoverable until {purge_s} (Unix seconds); nobody can purge it earlier"
            ),
            Self::StoreUnavailable => f.write_str("the broker's store does not answer; try again"),
            Self::TooManyRequests { retry_after_s } => {
                write!(f, "too many requests from this principal; try again in {retry_after_s} s")
            }
            Self::Unwrappable => f.write_str("the value does not open under this key with this algorithm"),
            Self::VaultDeleted { vault, purge_s } => write!(
                f,
                "vault {vault} is deleted and will be purged at {purge_s} (Unix seconds); until then its manager can recover it with all its keys"
            ),
            Self::VaultNotFound { vault } => write!(f, "vault {vault} does not exist on this broker"),
            Self::VaultPurgeProtected { vault, purge_s } => write!(
                f,
                "purge protection keeps vault {vault} recoverable until {purge_s} (Unix seconds); nobody can purge it earlier"
            ),
        }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { principal, permission, scope, why } = self;
        // A consumer may be pointed at a key before it is authorised, and then asks again and again.
        let consumes = matches!(permission, Permission::Get | Permission::UnwrapKey | Permission::WrapKey);
        if let (true, Some(key), MissingWhy::NoGrant | MissingWhy::NotBegun { .. }) = (consumes, scope.key(), why) {
            write!(f, "waiting for key {key}: ")?;
        }
        match why {
            MissingWhy::NoGrant => write!(
                f,
                "principal {principal} lacks permission {permission} on {scope}; an administrator can grant it with a role or permission list that holds {permission}"
            ),
            MissingWhy::Ended { not_after_s } => write!(
                f,
                "principal {principal} lacks permission {permission} on {scope}: its grant ended at {not_after_s} (Unix seconds)"
            ),
            MissingWhy::NotBegun { not_before_s } => write!(
                f,
                "principal {principal} lacks permission {permission} on {scope}: its grant begins at {not_before_s} (Unix seconds)"
            ),
            MissingWhy::Oneself => {
                write!(
                    f,
                    "principal {principal} cannot grant {permission} on {scope} to itself; another administrator must"
                )
            }
            MissingWhy::OwnElevation => write!(
                f,
                "principal {principal} cannot decide over a grant of {permission} on {scope} that it asked for or is to get; another administrator must"
            ),
            MissingWhy::NotHeld => write!(
                f,
                "principal {principal} cannot grant {permission} on {scope}, because it does not hold that permission there"
            ),
            MissingWhy::Outlives { not_after_s } => write!(
                f,
                "principal {principal} cannot grant {permission} on {scope} for longer than its own right lasts, until {not_after_s} (Unix seconds); give the grant a not-after at most as late"
            ),
        }
    }
}

/// A refusal and its cause; the cause stays in the log.
#[derive(Debug)]
pub struct Failure {
    pub refusal: Refusal,
    /// For the log alone; never holds secret bytes or a caller's body.
    pub cause: Option<String>,
}

impl Failure {
    #[must_use]
    pub fn caused(refusal: Refusal, cause: impl fmt::Display) -> Self {
        Self { refusal, cause: Some(cause.to_string()) }
    }

    /// A bug of ours; the caller hears `Internal`.
    #[must_use]
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::caused(Refusal::Internal, cause)
    }

    #[must_use]
    pub fn bad_request(problem: impl Into<String>) -> Self {
        Refusal::BadRequest { problem: problem.into() }.into()
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, cause: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "{}: {cause}", self.refusal.word()),
            None => f.write_str(self.refusal.word()),
        }
    }
}
