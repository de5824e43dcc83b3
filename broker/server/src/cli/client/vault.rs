//! A vault, asked over the wire: get, rotate, wrap, unwrap.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use broker_core::grant::GrantId;
use broker_core::secret::Secret;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::{Document, KeyRef};
use crate::cli::upstream::{Link, Lost, Origin, Upstream, wiped};

const API_VERSION: &str = "7.4";

/// The broker asks for a token as Azure does, and goes by the certificate.
const TOKEN: &str = "Bearer the-client-certificate-says-who-asks";

/// How often a request is tried while the broker says that it is busy.
const BUSY_TRIES_MAX: u32 = 5;

/// The longest pause between two tries, whatever `Retry-After` says.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The pause after the first lost connection; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// Connections kept open between requests.
const IDLE_MAX: usize = 64;

/// Why the broker did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum Unserved {
    /// No answer, or none that makes sense.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The broker's own word.
    #[error("the broker refused ({} {code}): {message}{request}", .status.as_u16())]
    Refused { status: StatusCode, code: String, message: String, request: String },
    #[error("the broker's answer makes no sense: {0}")]
    Senseless(String),
}

impl Unserved {
    /// Whether the same request may be served later: the broker is away or busy, and has said nothing about the request.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Lost(_) => true,
            Self::Refused { status, .. } => passing(*status) || matches!(status.as_u16(), 408 | 502 | 504),
            Self::Senseless(_) => false,
        }
    }

    fn of(answer: &Response<Secret>) -> Self {
        let body: Value = serde_json::from_slice(answer.body().expose()).unwrap_or_default();
        let error = &body["error"];
        let words = [&error["code"], &error["innererror"]["code"]];
        let code = words.iter().filter_map(|word| word.as_str()).collect::<Vec<_>>().join("/");
        let id = answer.headers().get("x-ms-request-id").and_then(|id| id.to_str().ok());
        Self::Refused {
            status: answer.status(),
            code,
            message: error["message"].as_str().unwrap_or("it did not say why").to_owned(),
            request: id.map(|id| format!(" (request {id})")).unwrap_or_default(),
        }
    }
}

fn passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE
}

/// What an unwrap gives.
pub struct Opened {
    pub kid: String,
    /// In unpadded base64url.
    pub secret: Secret,
}

/// Where they are that wait for approval; a path of our own.
const ELEVATIONS: &str = "/providers/keybroker/elevations";

/// A vault and the connections to it.
pub struct Vault {
    pub origin: Origin,
    upstream: Upstream,
    idle: Mutex<Vec<Link>>,
    lost_tries_max: u32,
}

impl Vault {
    pub fn new(upstream: Upstream, origin: Origin) -> Self {
        Self { origin, upstream, idle: Mutex::default(), lost_tries_max: 1 }
    }

    /// Tries this often when connections break. For work that can be done twice.
    pub fn patient(self, tries_max: u32) -> Self {
        Self { lost_tries_max: tries_max, ..self }
    }

    /// `GET /keys/NAME[/VERSION]`: the key bundle.
    pub async fn get_key(&self, key: &KeyRef) -> Result<Value, Unserved> {
        parsed(&self.ask(Method::GET, &path(key, ""), Bytes::new()).await?)
    }

    /// The grants of the vault that wait for a second administrator.
    pub async fn elevations(&self) -> Result<Value, Unserved> {
        parsed(&self.ask(Method::GET, ELEVATIONS, Bytes::new()).await?)
    }

    /// Decides over one of them: `approve` or `deny`.
    pub async fn decide(&self, id: GrantId, word: &str) -> Result<(), Unserved> {
        self.ask(Method::POST, &format!("{ELEVATIONS}/{id}/{word}"), Bytes::new()).await.map(drop)
    }

    /// `POST /keys/NAME/rotate`: the new version's bundle.
    pub async fn rotate_key(&self, key: &KeyRef) -> Result<Value, Unserved> {
        parsed(&self.ask(Method::POST, &path(key, "/rotate"), Bytes::from_static(b"{}")).await?)
    }

    /// `POST .../wrapkey` of a secret in unpadded base64url.
    pub async fn wrap_key(&self, key: &KeyRef, algorithm: &str, secret: &Secret) -> Result<Document, Unserved> {
        #[derive(Deserialize)]
        struct Wrapped {
            kid: String,
            value: String,
            iv: Option<String>,
            tag: Option<String>,
        }

        let body = wiped(wrap_body(algorithm, secret));
        let Wrapped { kid, value, iv, tag } = parsed(&self.ask(Method::POST, &path(key, "/wrapkey"), body).await?)?;
        Ok(Document { kid, alg: algorithm.to_owned(), value, iv, tag })
    }

    /// `POST .../unwrapkey`.
    pub async fn unwrap_key(&self, key: &KeyRef, wrapped: &Document) -> Result<Opened, Unserved> {
        #[derive(Serialize)]
        struct Ask<'a> {
            alg: &'a str,
            value: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            iv: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tag: Option<&'a str>,
        }

        /// Borrowed, so that no copy of the secret is left behind unwiped.
        #[derive(Deserialize)]
        struct Answer<'a> {
            kid: &'a str,
            value: &'a str,
        }

        let Document { alg, value, iv, tag, .. } = wrapped;
        let body = serde_json::to_vec(&Ask { alg, value, iv: iv.as_deref(), tag: tag.as_deref() });
        let body = Bytes::from(body.map_err(|error| Unserved::Senseless(error.to_string()))?);
        let answer = self.ask(Method::POST, &path(key, "/unwrapkey"), body).await?;
        let Answer { kid, value } = parsed(&answer)?;
        Ok(Opened { kid: kid.to_owned(), secret: Secret::copied_from(value.as_bytes()) })
    }

    /// Asks until there is an answer worth hearing.
    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Secret, Unserved> {
        let (mut busy, mut lost) = (0, 0);
        loop {
            let pause = match self.once(&method, path, body.clone()).await {
                Ok(answer) if answer.status().is_success() => return Ok(answer.into_body()),
                Ok(answer) => {
                    busy += 1;
                    if busy >= BUSY_TRIES_MAX || !passing(answer.status()) {
                        return Err(Unserved::of(&answer));
                    }
                    let named =
                        answer.headers().get(header::RETRY_AFTER).and_then(|text| text.to_str().ok()?.parse().ok());
                    Duration::from_secs(named.unwrap_or(1))
                }
                Err(error) => {
                    lost += 1;
                    if lost >= self.lost_tries_max {
                        return Err(error.into());
                    }
                    PAUSE_FIRST * 2_u32.saturating_pow(lost - 1)
                }
            };
            tokio::time::sleep(pause.min(PAUSE_MAX)).await;
        }
    }

    /// One request, on a connection that is open already if there is one. Such a one may have been closed at the other end:
    /// what never left is sent again on a new one.
    async fn once(&self, method: &Method, path: &str, body: Bytes) -> Result<Response<Secret>, Lost> {
        loop {
            let idle = self.take_idle();
            let fresh = idle.is_none();
            let mut link = match idle {
                Some(link) => link,
                None => self.upstream.open().await.map_err(|cause| Lost { unsent: true, cause })?,
            };
            match link.send(self.request(method, path, body.clone())?).await {
                Ok(answer) => {
                    self.keep(link);
                    return Ok(answer);
                }
                Err(lost) if lost.unsent && !fresh => {}
                Err(lost) => return Err(lost),
            }
        }
    }

    fn request(&self, method: &Method, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, Lost> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}?api-version={API_VERSION}"))
            .header(header::HOST, &self.origin.authority)
            .header(header::AUTHORIZATION, TOKEN)
            .header(header::USER_AGENT, concat!("keybroker/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body));
        request.map_err(|error| Lost { unsent: true, cause: error.into() })
    }

    fn take_idle(&self) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(Link::is_open);
        idle.pop()
    }

    fn keep(&self, link: Link) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(link);
        }
    }
}

fn path(key: &KeyRef, action: &str) -> String {
    format!("/keys/{key}{action}")
}

fn parsed<'a, T: Deserialize<'a>>(body: &'a Secret) -> Result<T, Unserved> {
    // The error quotes nothing of the body but a field's type.
    serde_json::from_slice(body.expose()).map_err(|error| Unserved::Senseless(error.to_string()))
}

/// Written by hand into one buffer of the right size, which is wiped.
fn wrap_body(algorithm: &str, secret: &Secret) -> Secret {
    let algorithm = Value::from(algorithm).to_string();
    let parts: [&[u8]; 5] = [br#"{"alg":"#, algorithm.as_bytes(), br#","value":""#, secret.expose(), br#""}"#];
    let mut body = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| body.extend_from_slice(part));
    Secret::new(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_of_a_wrap_is_json_whatever_the_algorithm_says() {
        let secret = Secret::copied_from(b"AAAA");
        for algorithm in ["A256KW", "\"", "x\",\"value\":\"BBBB"] {
            let body: Value = serde_json::from_slice(wrap_body(algorithm, &secret).expose()).unwrap();
            assert_eq!(body, serde_json::json!({ "alg": algorithm, "value": "AAAA" }));
        }
    }
}
