//! Answers as HTTP responses, with the headers that every one carries.

use broker_core::name::RequestId;
use broker_core::secret::Secret;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::refuse::{Problem, shape_of};
use crate::wire::ProxyError;

/// Our id for the request, as it stands in our audit and log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

/// A response, and what metrics say of it.
#[derive(Debug)]
pub struct Answer {
    pub response: Response<Bytes>,
    pub label: Label,
}

/// Words from closed lists, fit for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// An operation's word, `info` or `unroutable`.
    pub operation: &'static str,
    pub outcome: Outcome,
    /// One of [`Problem::word`]; `none` when allowed.
    pub reason: &'static str,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered as asked.
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

/// The answer to one request, to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply {
    request: RequestId,
}

impl Reply {
    pub const fn to(request: RequestId) -> Self {
        Self { request }
    }

    pub fn allow(self, operation: &'static str, body: Bytes) -> Answer {
        let label = Label { operation, outcome: Outcome::Allowed, reason: "none" };
        Answer { response: self.response(StatusCode::OK, body), label }
    }

    pub fn refuse(self, operation: &'static str, problem: &Problem) -> Answer {
        let shape = shape_of(problem);
        let body = ProxyError { code: shape.code, message: &problem.message() };
        let mut response = self.response(shape.status, json(&body));
        if let Some(seconds) = shape.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if *problem == Problem::MethodNotAllowed {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        let outcome = if shape.status.is_server_error() { Outcome::Error } else { Outcome::Refused };
        Answer { response, label: Label { operation, outcome, reason: problem.word() } }
    }

    fn response(self, status: StatusCode, body: Bytes) -> Response<Bytes> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::from_str(&self.request.to_string()) {
            headers.insert(REQUEST_ID, id);
        }
        response
    }
}

/// A body without secrets.
pub(crate) fn json(body: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(body).expect("our bodies are structs of texts and numbers"))
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
