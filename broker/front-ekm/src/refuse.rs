//! Refusals as the API puts them: a status, and a code in one flat object.

use broker_core::algorithm::KeySpec;
use broker_core::name::{KeyName, Principal};
use broker_core::refusal::Refusal;
use http::StatusCode;

use crate::{ANSWER_MS_MAX, API_VERSION};

/// Why a request gets no answer: what the core refused, or what was seen before the core was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The request speaks another version of the API.
    ApiVersionUnsupported,
    /// The body is larger than `bytes_max`.
    BodyTooLarge { bytes_max: usize },
    /// The API has no words for a key of this spec.
    KeyUnsupported { key: KeyName, spec: KeySpec },
    /// The answer was not there within [`ANSWER_MS_MAX`].
    Late,
    /// Bytes that never became a request; says which part and why.
    Malformed { problem: String },
    /// The path is known, with POST alone.
    MethodNotAllowed,
    /// The settings name who may come in by this front, and this principal is not among them.
    PrincipalUnlisted { principal: Principal },
    /// The core's own refusal.
    Refused(Refusal),
    /// No route has this path.
    RouteUnknown,
    /// The request did not arrive in time.
    Timeout,
}

impl Problem {
    pub(crate) fn malformed(problem: impl Into<String>) -> Self {
        Self::Malformed { problem: problem.into() }
    }

    /// One word for metrics, from a closed list.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::ApiVersionUnsupported => "api-version-unsupported",
            Self::BodyTooLarge { .. } => "body-too-large",
            Self::KeyUnsupported { .. } => "key-unsupported",
            Self::Late => "late",
            Self::Malformed { .. } => "bad-request",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::PrincipalUnlisted { .. } => "principal-unlisted",
            Self::Refused(refusal) => refusal.word(),
            Self::RouteUnknown => "route-unknown",
            Self::Timeout => "timeout",
        }
    }

    /// What the caller is told, for people.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::ApiVersionUnsupported => format!("this proxy speaks api-version {API_VERSION} alone"),
            Self::BodyTooLarge { bytes_max } => format!("the request's body may have at most {bytes_max} bytes"),
            Self::KeyUnsupported { key, spec } => {
                format!("key {key} is {spec}, but this API has oct256, rsa2048, rsa3072 and rsa4096 keys alone")
            }
            Self::Late => format!("the answer was not ready within {ANSWER_MS_MAX} ms; try again"),
            Self::Malformed { problem } => problem.clone(),
            Self::MethodNotAllowed => "this path takes POST alone".to_owned(),
            Self::PrincipalUnlisted { principal } => {
                format!("principal {principal} may not use this proxy; the operator lists those who may")
            }
            Self::Refused(refusal) => refusal.to_string(),
            Self::RouteUnknown => {
                "there is no operation at this path; paths are /[prefix/]info and /[prefix/]{key}/metadata, wrapkey or unwrapkey, with a prefix that the operator set"
                    .to_owned()
            }
            Self::Timeout => "the request did not arrive in time".to_owned(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// How a refusal looks on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub status: StatusCode,
    pub code: &'static str,
    /// For the `Retry-After` header.
    pub retry_after_s: Option<u32>,
}

const fn shape(status: StatusCode, code: &'static str) -> Shape {
    Shape { status, code, retry_after_s: None }
}

impl Shape {
    const fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }
}

const INVALID_REQUEST: Shape = shape(StatusCode::BAD_REQUEST, "InvalidRequest");
const LATE: Shape = shape(StatusCode::GATEWAY_TIMEOUT, "GatewayTimeout");
const UNAUTHORIZED: Shape = shape(StatusCode::UNAUTHORIZED, "Unauthorized");
const UNAVAILABLE: Shape = shape(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable");

/// The one place where a problem becomes a status.
pub(crate) const fn shape_of(problem: &Problem) -> Shape {
    match problem {
        Problem::ApiVersionUnsupported => shape(StatusCode::BAD_REQUEST, "UnsupportedApiVersion"),
        Problem::BodyTooLarge { .. } => shape(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLarge"),
        Problem::KeyUnsupported { .. } => shape(StatusCode::BAD_REQUEST, "UnsupportedKey"),
        Problem::Late => LATE,
        Problem::Malformed { .. } => INVALID_REQUEST,
        Problem::MethodNotAllowed => shape(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
        Problem::PrincipalUnlisted { .. } => UNAUTHORIZED,
        Problem::Refused(refusal) => shape_of_refusal(refusal),
        Problem::RouteUnknown => shape(StatusCode::NOT_FOUND, "NotFound"),
        Problem::Timeout => shape(StatusCode::REQUEST_TIMEOUT, "RequestTimeout"),
    }
}

const fn shape_of_refusal(refusal: &Refusal) -> Shape {
    match refusal {
        Refusal::AlgorithmUnsupported { .. } => shape(StatusCode::BAD_REQUEST, "UnsupportedAlgorithm"),
        Refusal::AuditUnavailable
        | Refusal::BackendNotReady { .. }
        | Refusal::BackendUnavailable { .. }
        | Refusal::StoreUnavailable => UNAVAILABLE,
        // No request of this front purges.
        Refusal::PurgeProtected { .. } | Refusal::VaultPurgeProtected { .. } => {
            shape(StatusCode::FORBIDDEN, "Forbidden")
        }
        Refusal::BackendBusy { .. } => UNAVAILABLE.retry_after(1),
        Refusal::BackendDeadline { .. } => LATE,
        Refusal::BackendFaulty { .. } => shape(StatusCode::BAD_GATEWAY, "BadGateway"),
        Refusal::BadRequest { .. } => INVALID_REQUEST,
        Refusal::Conflict { .. } => shape(StatusCode::CONFLICT, "Conflict"),
        Refusal::Forbidden(_) => shape(StatusCode::FORBIDDEN, "Forbidden"),
        Refusal::IdentityEnded { .. } => UNAUTHORIZED,
        Refusal::Internal => shape(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        // To this API a deleted key is one that is not there.
        Refusal::KeyDeleted { .. } | Refusal::KeyNotFound { .. } => shape(StatusCode::NOT_FOUND, "KeyNotFound"),
        Refusal::KeyDisabled { .. } => shape(StatusCode::FORBIDDEN, "KeyDisabled"),
        Refusal::KeyExpired { .. } => shape(StatusCode::FORBIDDEN, "KeyExpired"),
        Refusal::KeyNotYetValid { .. } => shape(StatusCode::FORBIDDEN, "KeyNotYetValid"),
        Refusal::KeyOperationExcluded { .. } => shape(StatusCode::FORBIDDEN, "OperationNotAllowed"),
        Refusal::NetworkForbidden { .. } => shape(StatusCode::FORBIDDEN, "Forbidden"),
        Refusal::NotFound { .. } => shape(StatusCode::NOT_FOUND, "NotFound"),
        Refusal::NotImplemented { .. } => shape(StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
        // No request of this front is about a managed object.
        Refusal::ObjectNotExtractable { .. }
        | Refusal::ObjectUsageExcluded { .. }
        | Refusal::ObjectWrongState { .. } => shape(StatusCode::FORBIDDEN, "Forbidden"),
        Refusal::ObjectNotFound { .. } => shape(StatusCode::NOT_FOUND, "NotFound"),
        Refusal::TooManyRequests { retry_after_s } => {
            shape(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests").retry_after(*retry_after_s)
        }
        Refusal::Unwrappable => shape(StatusCode::BAD_REQUEST, "InvalidCiphertext"),
        // To this API a deleted vault is one that is not there.
        Refusal::VaultDeleted { .. } | Refusal::VaultNotFound { .. } => shape(StatusCode::NOT_FOUND, "VaultNotFound"),
    }
}

#[cfg(test)]
mod tests {
    use broker_core::name::KeyVersion;

    use super::*;

    #[test]
    fn a_refusal_has_the_status_of_the_reference() {
        let (key, version) = (KeyName::parse("k").unwrap(), KeyVersion([0; 16]));
        let principal = Principal::parse("mhsm/cn:pool-a").unwrap();
        let algorithm = Refusal::AlgorithmUnsupported { algorithm: "A192KW".to_owned(), by: "x".to_owned() };
        let rows = [
            (algorithm, 400, "UnsupportedAlgorithm"),
            (Refusal::Unwrappable, 400, "InvalidCiphertext"),
            (Refusal::IdentityEnded { principal }, 401, "Unauthorized"),
            (Refusal::KeyDisabled { key: key.clone(), version }, 403, "KeyDisabled"),
            (Refusal::KeyExpired { key: key.clone(), version, exp_s: 1 }, 403, "KeyExpired"),
            (Refusal::KeyOperationExcluded { key: key.clone(), operation: "wrapKey" }, 403, "OperationNotAllowed"),
            (Refusal::KeyNotFound { key, version: None }, 404, "KeyNotFound"),
            (Refusal::AuditUnavailable, 503, "ServiceUnavailable"),
        ];
        for (refusal, status, code) in rows {
            let found = shape_of(&Problem::from(refusal.clone()));
            assert_eq!((found.status.as_u16(), found.code), (status, code), "{refusal:?}");
        }
    }

    #[test]
    fn a_throttled_caller_is_told_when_to_come_back() {
        let found = shape_of(&Problem::from(Refusal::TooManyRequests { retry_after_s: 7 }));
        assert_eq!((found.status.as_u16(), found.retry_after_s), (429, Some(7)));
    }
}
