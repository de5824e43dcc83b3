//! Answers as HTTP responses, with the headers that every one carries.

use broker_core::name::RequestId;
use broker_core::secret::Secret;
use broker_core::verb::Operation;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::refuse::{Problem, shape_of};
use crate::wire::{ErrorBody, ErrorPart, InnerError};

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const SERVICE_VERSION: HeaderName = HeaderName::from_static("x-ms-keyvault-service-version");

/// What clients that look at the service's version are told.
const SERVICE_VERSION_VALUE: HeaderValue = HeaderValue::from_static("1.9.0.0");

/// Longest request id of a caller's that is echoed.
pub const CLIENT_REQUEST_ID_BYTES_MAX: usize = 128;

/// A response, and what metrics say of it.
#[derive(Debug)]
pub struct Answer {
    pub response: Response<Bytes>,
    pub label: Label,
}

/// Words from closed lists, fit for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// An operation's word, or `challenge`, `token`, `unroutable`.
    pub operation: &'static str,
    pub outcome: Outcome,
    /// The refusal's word, or one of [`Problem::word`]; `none` when allowed.
    pub reason: &'static str,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered as asked; also the challenge, which is the protocol's first step.
    Allowed,
    /// Not served, and the fault is not the caller's (a status of 500 or more).
    Error,
    /// Not served, and rightly so.
    Refused,
}

impl Outcome {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Error => "error",
            Self::Refused => "refused",
        }
    }
}

/// The ids that tie an answer to its request.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    request: RequestId,
    client_request_id: Option<HeaderValue>,
}

impl Trace {
    /// The caller's id is kept when it is there once, with 1 to 128 bytes of printable ASCII; else it is dropped.
    pub fn of(request: RequestId, headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(CLIENT_REQUEST_ID).iter();
        let only = values.next().filter(|_| values.next().is_none());
        let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        let fit = |value: &&HeaderValue| {
            (1..=CLIENT_REQUEST_ID_BYTES_MAX).contains(&value.len()) && value.as_bytes().iter().all(printable)
        };
        Self { request, client_request_id: only.filter(fit).cloned() }
    }

    pub fn client_request_id(&self) -> Option<String> {
        self.client_request_id.as_ref().and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// An empty body is 204: what is answered in JSON is never empty. A new role assignment is 201, and nothing else is.
    pub fn allow(self, operation: &'static str, body: Bytes) -> Answer {
        let label = Label { operation, outcome: Outcome::Allowed, reason: "none" };
        let status = match operation {
            _ if body.is_empty() => StatusCode::NO_CONTENT,
            _ if operation == Operation::CreateGrant.word() => StatusCode::CREATED,
            _ => StatusCode::OK,
        };
        Answer { response: self.response(status, body), label }
    }

    pub fn refuse(self, operation: &'static str, problem: &Problem) -> Answer {
        let shape = shape_of(problem);
        let error = ErrorPart {
            code: shape.code,
            message: &problem.message(),
            innererror: shape.inner.map(|code| InnerError { code }),
        };
        let mut response = self.response(shape.status, json(&ErrorBody { error }));
        let headers = response.headers_mut();
        if let Some(seconds) = shape.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        match problem {
            Problem::Unauthorized { challenge } => {
                headers.insert(header::WWW_AUTHENTICATE, challenge.clone());
                let label = Label { operation: "challenge", outcome: Outcome::Allowed, reason: "none" };
                return Answer { response, label };
            }
            Problem::MethodNotAllowed { allowed } => {
                if let Ok(value) = HeaderValue::from_str(&allowed.join(", ")) {
                    headers.insert(header::ALLOW, value);
                }
            }
            Problem::BodyTooLarge { .. }
            | Problem::HostUnknown { .. }
            | Problem::Malformed { .. }
            | Problem::Refused(_)
            | Problem::RouteUnknown
            | Problem::Timeout => {}
        }
        let outcome = if shape.status.is_server_error() { Outcome::Error } else { Outcome::Refused };
        Answer { response, label: Label { operation, outcome, reason: problem.word() } }
    }

    fn response(self, status: StatusCode, body: Bytes) -> Response<Bytes> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(SERVICE_VERSION, SERVICE_VERSION_VALUE);
        if let Ok(id) = HeaderValue::from_str(&self.request.to_string()) {
            headers.insert(REQUEST_ID, id);
        }
        if let Some(id) = self.client_request_id {
            headers.insert(CLIENT_REQUEST_ID, id);
        }
        response
    }
}

/// A body without secrets.
pub(crate) fn json(body: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(body).expect("our bodies are structs of texts, numbers and maps from text to text"))
}

/// A body with a secret in it, wiped when the last holder lets go.
pub(crate) fn secret(body: Secret) -> Bytes {
    struct Wiped(Secret);

    impl AsRef<[u8]> for Wiped {
        fn as_ref(&self) -> &[u8] {
            self.0.expose()
        }
    }

    Bytes::from_owner(Wiped(body))
}
