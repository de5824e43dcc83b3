//! Refusals as Key Vault puts them: status, code, inner code.

use broker_core::refusal::Refusal;
use http::{HeaderValue, StatusCode};

/// Why a request gets no answer: what the core refused, or what the front saw before the core was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The body is larger than `bytes_max`.
    BodyTooLarge { bytes_max: usize },
    /// No vault answers to this host name.
    HostUnknown { host: String, suffixes: Vec<String> },
    /// Bytes that never became a request; says which part and why.
    Malformed { problem: String },
    /// The path is known, with other methods.
    MethodNotAllowed { allowed: Vec<&'static str> },
    /// The core's own refusal.
    Refused(Refusal),
    /// No route has this path.
    RouteUnknown,
    /// The request did not arrive, or was not carried out, in time.
    Timeout,
    /// The request carries no token. The value is the challenge (RFC 9110 section 11.6.1).
    Unauthorized { challenge: HeaderValue },
}

impl Problem {
    pub(crate) fn malformed(problem: impl Into<String>) -> Self {
        Self::Malformed { problem: problem.into() }
    }

    /// One word for metrics, from a closed list.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::BodyTooLarge { .. } => "body-too-large",
            Self::HostUnknown { .. } => "host-unknown",
            Self::Malformed { .. } => "bad-request",
            Self::MethodNotAllowed { .. } => "method-not-allowed",
            Self::Refused(refusal) => refusal.word(),
            Self::RouteUnknown => "route-unknown",
            Self::Timeout => "timeout",
            Self::Unauthorized { .. } => "unauthorized",
        }
    }

    /// What the caller is told, for people.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::BodyTooLarge { bytes_max } => format!("the request's body may have at most {bytes_max} bytes"),
            Self::HostUnknown { host, suffixes } => {
                let forms: Vec<_> = suffixes.iter().map(|suffix| format!("<vault>.{suffix}")).collect();
                format!("no vault of this broker has the host name {host}; a vault's host name is {}", forms.join(" or "))
            }
            Self::Malformed { problem } => problem.clone(),
            Self::MethodNotAllowed { allowed } => format!("this path takes {} alone", allowed.join(", ")),
            Self::Refused(refusal) => refusal.to_string(),
            Self::RouteUnknown => "there is no operation at this path; paths are in lower case, without a slash at the end, and a key version has 32 hexadecimal digits".to_owned(),
            Self::Timeout => "the request did not arrive, or was not carried out, in time".to_owned(),
            Self::Unauthorized { .. } => {
                "the request carries no bearer token; send one (its value is ignored: the client certificate says who asks)"
                    .to_owned()
            }
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
    pub inner: Option<&'static str>,
    /// For the `Retry-After` header.
    pub retry_after_s: Option<u32>,
}

const fn shape(status: StatusCode, code: &'static str) -> Shape {
    Shape { status, code, inner: None, retry_after_s: None }
}

impl Shape {
    const fn inner(self, code: &'static str) -> Self {
        Self { inner: Some(code), ..self }
    }

    const fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }
}

const BAD_PARAMETER: Shape = shape(StatusCode::BAD_REQUEST, "BadParameter");
const CONFLICT: Shape = shape(StatusCode::CONFLICT, "Conflict");
const FORBIDDEN: Shape = shape(StatusCode::FORBIDDEN, "Forbidden");
const UNAVAILABLE: Shape = shape(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable");
const VAULT_NOT_FOUND: Shape = shape(StatusCode::NOT_FOUND, "VaultNotFound");

/// The one place where a problem becomes a status.
pub(crate) const fn shape_of(problem: &Problem) -> Shape {
    match problem {
        Problem::BodyTooLarge { .. } => shape(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
        Problem::HostUnknown { .. } => VAULT_NOT_FOUND,
        Problem::Malformed { .. } => BAD_PARAMETER,
        Problem::MethodNotAllowed { .. } => shape(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
        Problem::Refused(refusal) => shape_of_refusal(refusal),
        Problem::RouteUnknown => shape(StatusCode::NOT_FOUND, "NotFound"),
        Problem::Timeout => shape(StatusCode::REQUEST_TIMEOUT, "RequestTimeout"),
        Problem::Unauthorized { .. } => shape(StatusCode::UNAUTHORIZED, "Unauthorized"),
    }
}

const fn shape_of_refusal(refusal: &Refusal) -> Shape {
    match refusal {
        Refusal::AlgorithmUnsupported { .. } | Refusal::BadRequest { .. } | Refusal::Unwrappable => BAD_PARAMETER,
        Refusal::AuditUnavailable
        | Refusal::BackendNotReady { .. }
        | Refusal::BackendUnavailable { .. }
        | Refusal::StoreUnavailable => UNAVAILABLE,
        Refusal::BackendBusy { .. } => UNAVAILABLE.retry_after(1),
        Refusal::BackendDeadline { .. } => shape(StatusCode::GATEWAY_TIMEOUT, "GatewayTimeout"),
        Refusal::BackendFaulty { .. } => shape(StatusCode::BAD_GATEWAY, "BadGateway"),
        Refusal::Conflict { .. } => CONFLICT,
        Refusal::Forbidden(_) => FORBIDDEN.inner("ForbiddenByRbac"),
        Refusal::IdentityEnded { .. } => FORBIDDEN.inner("IdentityEnded"),
        Refusal::Internal => shape(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
        Refusal::KeyDeleted { .. } => CONFLICT.inner("ObjectIsDeletedButRecoverable"),
        Refusal::KeyDisabled { .. } => FORBIDDEN.inner("KeyDisabled"),
        Refusal::KeyExpired { .. } => FORBIDDEN.inner("KeyExpired"),
        Refusal::KeyNotFound { .. } => shape(StatusCode::NOT_FOUND, "KeyNotFound"),
        Refusal::KeyNotYetValid { .. } => FORBIDDEN.inner("KeyNotYetValid"),
        Refusal::KeyOperationExcluded { .. } => FORBIDDEN.inner("KeyOperationForbidden"),
        Refusal::NetworkForbidden { .. } => FORBIDDEN.inner("ForbiddenByFirewall"),
        Refusal::NotFound { .. } => shape(StatusCode::NOT_FOUND, "NotFound"),
        Refusal::NotImplemented { .. } => shape(StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
        // No request of this front is about a managed object.
        Refusal::ObjectNotExtractable { .. }
        | Refusal::ObjectUsageExcluded { .. }
        | Refusal::ObjectWrongState { .. } => FORBIDDEN,
        Refusal::ObjectNotFound { .. } => shape(StatusCode::NOT_FOUND, "NotFound"),
        Refusal::PurgeProtected { .. } | Refusal::VaultPurgeProtected { .. } => FORBIDDEN.inner("PurgeProtected"),
        Refusal::TooManyRequests { retry_after_s } => {
            shape(StatusCode::TOO_MANY_REQUESTS, "Throttled").retry_after(*retry_after_s)
        }
        Refusal::VaultDeleted { .. } => VAULT_NOT_FOUND.inner("ObjectIsDeletedButRecoverable"),
        Refusal::VaultNotFound { .. } => VAULT_NOT_FOUND,
    }
}

#[cfg(test)]
mod tests {
    use broker_core::name::{KeyName, KeyVersion};

    use super::*;

    #[test]
    fn clients_find_the_codes_they_look_for() {
        let key = KeyName::parse("k").unwrap();
        let version = KeyVersion([0; 16]);
        let rows = [
            (Refusal::KeyNotFound { key: key.clone(), version: None }, 404, "KeyNotFound", None),
            (Refusal::KeyDeleted { key: key.clone() }, 409, "Conflict", Some("ObjectIsDeletedButRecoverable")),
            (Refusal::KeyDisabled { key: key.clone(), version }, 403, "Forbidden", Some("KeyDisabled")),
            (Refusal::KeyExpired { key: key.clone(), version, exp_s: 1 }, 403, "Forbidden", Some("KeyExpired")),
            (Refusal::KeyNotYetValid { key: key.clone(), version, nbf_s: 1 }, 403, "Forbidden", Some("KeyNotYetValid")),
            (Refusal::PurgeProtected { key, purge_s: 1 }, 403, "Forbidden", Some("PurgeProtected")),
            (Refusal::Unwrappable, 400, "BadParameter", None),
        ];
        for (refusal, status, code, inner) in rows {
            let found = shape_of(&Problem::from(refusal.clone()));
            assert_eq!((found.status.as_u16(), found.code, found.inner), (status, code, inner), "{refusal:?}");
        }
    }

    #[test]
    fn a_throttled_caller_is_told_when_to_come_back() {
        let found = shape_of(&Problem::from(Refusal::TooManyRequests { retry_after_s: 7 }));
        assert_eq!((found.status.as_u16(), found.retry_after_s), (429, Some(7)));
    }
}
