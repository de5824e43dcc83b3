//! JSON over HTTP with credentials that the host adds; for plugins whose keys live elsewhere.

use base64::Engine as _;
pub use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keybroker_sdk::crypto::Secret;
use keybroker_sdk::http::{Failure, Header, Method, Request, Response};
use keybroker_sdk::settings::{self, Value as Setting};
use keybroker_sdk::types::{Error, PublicKey, RsaPublic};
use keybroker_sdk::{credentials, http, reveal};
use serde_json::Value;

/// Where the keys are, and how to come there: settings `url` (`https://host:port`) and `credentials` (a list of names).
pub struct Remote {
    url: String,
    credentials: Vec<String>,
}

/// What the other side said.
pub struct Said {
    pub status: u16,
    /// Null where it was no JSON.
    pub body: Value,
}

impl Remote {
    /// `not-ready` when a setting is missing or of another type.
    pub fn of_settings() -> Result<Self, Error> {
        let credentials = match settings::get("credentials") {
            None => Vec::new(),
            Some(Setting::Texts(names)) => names,
            Some(_) => return Err(Error::NotReady),
        };
        Ok(Self { url: text_setting("url")?.ok_or(Error::NotReady)?, credentials })
    }

    /// Asks with the credentials. `not-ready` where the configuration does not let it, `unavailable` where nobody answers.
    pub fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Said, Error> {
        let request = self.request(method, path, body);
        let sent = match self.credentials.is_empty() {
            true => http::send(&request),
            false => credentials::send(&request, &self.credentials),
        };
        said(sent)
    }

    /// Asks without credentials.
    pub fn ask_plainly(&self, path: &str) -> Result<Said, Error> {
        said(http::send(&self.request(Method::Get, path, None)))
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Request {
        let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
        Request {
            method,
            url: format!("{}{path}", self.url.trim_end_matches('/')),
            headers: body.iter().map(|_| header("content-type", "application/json")).collect(),
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        }
    }
}

fn said(sent: Result<Response, Failure>) -> Result<Said, Error> {
    match sent {
        Ok(response) => {
            let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
            Ok(Said { status: response.status, body })
        }
        Err(Failure::BadRequest | Failure::Denied | Failure::Untrusted) => Err(Error::NotReady),
        Err(Failure::Busy | Failure::TimedOut | Failure::Unreachable) => Err(Error::Unavailable),
        Err(Failure::TooLarge) => Err(Error::Internal),
    }
}

impl Said {
    /// The answer to something that must succeed for a key that is there: what else came is the setting-up's fault (a right or a
    /// key that is missing), the other side's, or ours.
    pub fn good(self) -> Result<Value, Error> {
        match self.status {
            200..=299 => Ok(self.body),
            400 | 422 => Err(Error::BadRequest),
            401 | 403 | 404 => Err(Error::NotReady),
            _ => Err(Error::Unavailable),
        }
    }

    /// The same for unwrapping, where a bad request is a value that does not open.
    pub fn opened(self) -> Result<Value, Error> {
        self.good().map_err(|error| if error == Error::BadRequest { Error::Unwrappable } else { error })
    }
}

/// A setting that is a text; none where it is not there.
pub fn text_setting(name: &str) -> Result<Option<String>, Error> {
    match settings::get(name) {
        None => Ok(None),
        Some(Setting::Text(text)) => Ok(Some(text)),
        Some(_) => Err(Error::NotReady),
    }
}

/// A text inside an answer; `internal` where it is not there.
pub fn text<'a>(body: &'a Value, pointer: &str) -> Result<&'a str, Error> {
    body.pointer(pointer).and_then(Value::as_str).ok_or(Error::Internal)
}

/// Bytes inside an answer, base64url.
pub fn bytes(body: &Value, pointer: &str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(text(body, pointer)?).map_err(|_| Error::Internal)
}

/// The secret's bytes in standard base64 with padding, or base64url without.
pub fn told(secret: &Secret, engine: &base64::engine::GeneralPurpose) -> String {
    engine.encode(reveal::expose(secret))
}

/// An RSA key's public half.
pub fn rsa(n: Vec<u8>, e: Vec<u8>) -> PublicKey {
    PublicKey::Rsa(RsaPublic { n, e })
}
