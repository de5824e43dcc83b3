//! One who asks, and what came back.

use std::sync::Arc;

use broker_core::broker::Limits;
use broker_core::entry::Entry;
use broker_core::grant::Scope;
use broker_core::name::RequestId;
use broker_core::permission::Permission;
use broker_front_keyvault::{Answer, AskerSeed, Front, Label, Settings};
use broker_testkit::{Bench, principal, run, vault_name};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;

pub const ADMIN: &str = "local/uid:0";
/// Holds every permission there is, also those that are in no role.
pub const EVERYTHING: &str = "pin/everything";
pub const HOST: &str = "vault1.kv.test:9440";
pub const BODY_BYTES_MAX: usize = 128 * 1024;

/// A front on a bench.
pub struct Desk {
    pub bench: Bench,
    pub front: Front,
    entries_before: usize,
}

/// What came back, its JSON read; an empty body is null.
#[derive(Debug)]
pub struct Heard {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub label: Label,
}

impl Desk {
    pub fn new() -> Self {
        Self::with(Limits::default(), None)
    }

    pub fn with(limits: Limits, default_vault: Option<&str>) -> Self {
        let bench = Bench::with_limits(limits);
        bench.give(EVERYTHING, Permission::ALL, Scope::Broker);
        let settings = Settings {
            host_suffixes: vec!["kv.test".to_owned()],
            default_vault: default_vault.map(vault_name),
            tenant: "00000000-0000-4000-8000-000000000000".to_owned(),
            body_bytes_max: BODY_BYTES_MAX,
        };
        let entries_before = bench.audit.len();
        Self { front: Front::new(Arc::clone(&bench.broker), settings), bench, entries_before }
    }

    /// What was audited since the desk opened.
    pub fn entries(&self) -> Vec<Entry> {
        self.bench.audit.entries().split_off(self.entries_before)
    }

    /// Sends a request as it is.
    pub fn send(&self, who: &str, request: Request<Bytes>) -> Heard {
        let seed = AskerSeed {
            request: RequestId::from_random([9; 16]),
            principal: principal(who),
            fingerprint_sha256: Some([3; 32]),
            peer: ([127, 0, 0, 1], 5).into(),
            proof: None,
        };
        heard(run(self.front.answer(seed, request)))
    }

    /// Asks with the headers of an ordinary client; `path` is without the api-version.
    pub fn ask(&self, who: &str, method: &str, path: &str, body: &str) -> Heard {
        self.send(who, request(method, &format!("{path}?api-version=7.4"), body))
    }

    /// Asks as the administrator.
    pub fn admin(&self, method: &str, path: &str, body: &str) -> Heard {
        self.ask(ADMIN, method, path, body)
    }

    /// Makes a key through the front and gives its version.
    pub fn make(&self, key: &str, body: &str) -> String {
        let heard = self.admin("POST", &format!("/keys/{key}/create"), body);
        assert_eq!(heard.status, 200, "{heard:?}");
        let kid = heard.body["key"]["kid"].as_str().unwrap();
        kid.rsplit('/').next().unwrap().to_owned()
    }
}

/// A request with the headers of an ordinary client.
pub fn request(method: &str, target: &str, body: &str) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(target)
        .header("host", HOST)
        .header("authorization", "Bearer x")
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

pub fn heard(answer: Answer) -> Heard {
    let (head, body) = answer.response.into_parts();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Heard { status: head.status, headers: head.headers, body, label: answer.label }
}

impl Heard {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status, code and inner code of an error.
    pub fn error(&self) -> (u16, &str, Option<&str>) {
        let error = &self.body["error"];
        (self.status.as_u16(), error["code"].as_str().unwrap_or("none"), error["innererror"]["code"].as_str())
    }

    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap()
    }
}
