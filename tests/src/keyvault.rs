//! Key Vault's keys API, as calls of one line.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::https::{Answer, Client, Connection, Request};

/// The header that keeps the challenge away; its value means nothing.
pub const AUTHORIZATION: (&str, &str) = ("authorization", "Bearer the-client-certificate-says-who-asks");

#[must_use]
pub fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// # Panics
/// It is not unpadded base64url.
#[must_use]
pub fn unb64(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap()
}

/// Who can ask: a client (each request on a connection of its own) or a connection.
pub trait Asks {
    /// # Errors
    /// No answer comes.
    fn try_send(&self, request: &Request) -> io::Result<Answer>;

    /// # Panics
    /// No answer comes.
    #[track_caller]
    fn answer(&self, request: &Request) -> Answer {
        match self.try_send(request) {
            Ok(answer) => answer,
            Err(error) => panic!("{} {}: no answer: {error:?}", request.method, request.target),
        }
    }

    /// With a token and api-version 7.4, like an SDK's second request.
    ///
    /// # Panics
    /// No answer comes.
    #[track_caller]
    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.answer(&request(method, path, body))
    }

    #[track_caller]
    fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None)
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, Some(body))
    }

    #[track_caller]
    fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call("PATCH", path, Some(body))
    }

    /// Creates a key (or a version of it); gives its id without the host: `/keys/NAME/VERSION`.
    ///
    /// # Panics
    /// It is refused.
    #[track_caller]
    fn create(&self, name: &str, kty: &str, bits: u32) -> String {
        let body = json!({ "kty": kty, "key_size": bits });
        path_of(&self.post(&format!("/keys/{name}/create"), &body).with_status(200))
    }

    #[track_caller]
    fn rotate(&self, name: &str) -> String {
        path_of(&self.post(&format!("/keys/{name}/rotate"), &json!({})).with_status(200))
    }

    /// `path` is `/keys/NAME` or `/keys/NAME/VERSION`.
    #[track_caller]
    fn wrap(&self, path: &str, algorithm: &str, secret: &[u8]) -> Answer {
        self.post(&format!("{path}/wrapkey"), &json!({ "alg": algorithm, "value": b64(secret) }))
    }

    #[track_caller]
    fn unwrap(&self, path: &str, algorithm: &str, wrapped: &[u8]) -> Answer {
        self.post(&format!("{path}/unwrapkey"), &json!({ "alg": algorithm, "value": b64(wrapped) }))
    }
}

impl Asks for Client {
    fn try_send(&self, request: &Request) -> io::Result<Answer> {
        self.connect()?.send(request)
    }
}

impl Asks for Connection {
    fn try_send(&self, request: &Request) -> io::Result<Answer> {
        self.send(request)
    }
}

/// A request of the API as SDKs send it: with a token and an api-version.
pub(crate) fn request(method: &str, path: &str, body: Option<&Value>) -> Request {
    let joint = if path.contains('?') { '&' } else { '?' };
    let request =
        Request::new(method, &format!("{path}{joint}api-version=7.4")).header(AUTHORIZATION.0, AUTHORIZATION.1);
    match body {
        Some(body) => request.json(body),
        None => request,
    }
}

/// The path of the key that an answer shows: its `kid` without scheme and host.
///
/// # Panics
/// It shows none.
#[track_caller]
fn path_of(answer: &Answer) -> String {
    let shown = answer.json();
    let kid = shown["key"]["kid"].as_str().expect("an answer with a key");
    kid[kid.find("/keys/").expect("a kid holds /keys/")..].to_owned()
}
