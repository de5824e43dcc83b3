//! Refusals as KMIP puts them: a result reason and a message (KMIP 1.4 section 11).

use broker_core::refusal::Refusal;

use crate::table::{Operation, ResultReason};
use crate::ttlv::Malformed;
use crate::wire::MINOR_MAX;

/// Why an operation is not carried out: what the core refused, or what was seen before the core was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Seen in the message itself.
    Message { reason: ResultReason, message: String },
    /// The core's own refusal.
    Refused(Refusal),
}

impl Problem {
    pub(crate) fn new(reason: ResultReason, message: impl Into<String>) -> Self {
        Self::Message { reason, message: message.into() }
    }

    pub(crate) fn invalid_field(message: impl Into<String>) -> Self {
        Self::new(ResultReason::InvalidField, message)
    }

    pub(crate) fn invalid_message(message: impl Into<String>) -> Self {
        Self::new(ResultReason::InvalidMessage, message)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ResultReason::FeatureNotSupported, message)
    }

    /// One word for metrics, from a closed list.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Message { reason, .. } => reason.name(),
            Self::Refused(refusal) => refusal.word(),
        }
    }

    /// The same reason, and one thing more to be told.
    pub(crate) fn but(&self, operation: Option<Operation>, more: &str) -> Self {
        Self::Message { reason: reason_of(self, operation, MINOR_MAX), message: format!("{}; {more}", self.message()) }
    }

    /// What the caller is told, for people.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Message { message, .. } => message.clone(),
            Self::Refused(refusal) => refusal.to_string(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        Self::invalid_message(malformed.to_string())
    }
}

/// The one place where a problem becomes a result reason; reasons that a version does not know become those that it does.
pub(crate) fn reason_of(problem: &Problem, operation: Option<Operation>, minor: u8) -> ResultReason {
    let reason = match problem {
        Problem::Message { reason, .. } => *reason,
        Problem::Refused(refusal) => reason_of_refusal(refusal, operation.is_some_and(is_cryptographic)),
    };
    match reason {
        ResultReason::Sensitive | ResultReason::NotExtractable if minor < 4 => ResultReason::PermissionDenied,
        ResultReason::ObjectAlreadyExists if minor < 4 => ResultReason::IllegalOperation,
        reason => reason,
    }
}

/// Operations whose own data can be wrong in a way that is none of their fields' (the profiles' CS-BC-M cases).
const fn is_cryptographic(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Decrypt
            | Operation::Encrypt
            | Operation::Hash
            | Operation::MAC
            | Operation::MACVerify
            | Operation::Sign
            | Operation::SignatureVerify
    )
}

fn reason_of_refusal(refusal: &Refusal, cryptographic: bool) -> ResultReason {
    match refusal {
        Refusal::AlgorithmUnsupported { .. } if cryptographic => ResultReason::GeneralFailure,
        Refusal::BadRequest { .. } if cryptographic => ResultReason::InvalidMessage,
        Refusal::AlgorithmUnsupported { .. } | Refusal::BadRequest { .. } => ResultReason::InvalidField,
        Refusal::AuditUnavailable
        | Refusal::BackendBusy { .. }
        | Refusal::BackendDeadline { .. }
        | Refusal::BackendFaulty { .. }
        | Refusal::BackendNotReady { .. }
        | Refusal::BackendUnavailable { .. }
        | Refusal::Internal
        | Refusal::StoreUnavailable
        | Refusal::TooManyRequests { .. } => ResultReason::GeneralFailure,
        Refusal::Conflict { .. } => ResultReason::IllegalOperation,
        Refusal::Forbidden(_)
        | Refusal::NetworkForbidden { .. }
        | Refusal::KeyDeleted { .. }
        | Refusal::KeyDisabled { .. }
        | Refusal::KeyExpired { .. }
        | Refusal::KeyNotYetValid { .. }
        | Refusal::KeyOperationExcluded { .. }
        | Refusal::ObjectUsageExcluded { .. }
        | Refusal::ObjectWrongState { .. }
        | Refusal::PurgeProtected { .. }
        | Refusal::VaultPurgeProtected { .. } => ResultReason::PermissionDenied,
        Refusal::IdentityEnded { .. } => ResultReason::AuthenticationNotSuccessful,
        Refusal::KeyNotFound { .. }
        | Refusal::NotFound { .. }
        | Refusal::ObjectNotFound { .. }
        | Refusal::VaultDeleted { .. }
        | Refusal::VaultNotFound { .. } => ResultReason::ItemNotFound,
        Refusal::NotImplemented { .. } => ResultReason::OperationNotSupported,
        Refusal::ObjectNotExtractable { why, .. } if why.contains("sensitive") => ResultReason::Sensitive,
        Refusal::ObjectNotExtractable { .. } => ResultReason::NotExtractable,
        Refusal::Unwrappable => ResultReason::CryptographicFailure,
    }
}
