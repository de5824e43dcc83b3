//! One who asks, and what came back.

use std::sync::Arc;

use broker_core::broker::NewVault;
use broker_core::entry::Entry;
use broker_core::grant::Scope;
use broker_core::name::RequestId;
use broker_core::permission::{Permission, Role};
use broker_front_ekm::{Answer, AskerSeed, Front, Label, PathPrefix, ProxyNames, Settings};
use broker_testkit::{Bench, backend_name, principal, run, vault_name};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};

/// The pool whose keys are in `vault1`.
pub const POOL: &str = "mhsm/cn:pool-a";
/// The pool whose keys are in `vault2`.
pub const OTHER_POOL: &str = "mhsm/cn:pool-b";
/// Holds every permission there is, also those that are in no role.
pub const EVERYTHING: &str = "mhsm/cn:everything";
pub const BODY_BYTES_MAX: usize = 128 * 1024;

/// A front on a bench: prefix `path-prefix` is `vault1`, `pool-b` is `vault2`, `gone` a vault that does not exist.
pub struct Desk {
    pub bench: Bench,
    pub front: Front,
    entries_before: usize,
}

/// What came back, its JSON read.
#[derive(Debug)]
pub struct Heard {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub label: Label,
}

impl Desk {
    pub fn new() -> Self {
        Self::letting_in(&[])
    }

    /// With a list of who may come in.
    pub fn letting_in(principals: &[&str]) -> Self {
        let bench = Bench::new();
        let vault = NewVault::new(vault_name("vault2"), backend_name("software"));
        run(bench.broker.create_vault(&bench.admin(), vault)).unwrap();
        bench.give(EVERYTHING, Permission::ALL, Scope::Broker);
        bench.give_role(POOL, Role::CryptoServiceEncryptionUser, Scope::Vault(bench.vault()));
        bench.give_role(OTHER_POOL, Role::CryptoServiceEncryptionUser, Scope::Vault(vault_name("vault2")));
        let prefixes = [("path-prefix", "vault1"), ("pool-b", "vault2"), ("gone", "vault9")];
        let settings = Settings {
            prefixes: prefixes.map(|(prefix, vault)| (PathPrefix::parse(prefix).unwrap(), vault_name(vault))).into(),
            principals: principals.iter().map(|name| principal(name)).collect(),
            names: ProxyNames {
                proxy_vendor: "Vendor \"V\"".to_owned(),
                proxy_name: "proxy 1".to_owned(),
                ekm_vendor: "vendor".to_owned(),
                ekm_product: "product 2".to_owned(),
            },
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
        heard(run(self.front.answer(seed(who), request)))
    }

    /// Asks as a pool does; `path` is without the api-version.
    pub fn ask(&self, who: &str, path: &str, body: &Value) -> Heard {
        self.send(who, request("POST", &format!("{path}?api-version=0.1-preview"), body.to_string().as_bytes()))
    }

    pub fn wrap(&self, who: &str, key: &str, alg: &str, value: &str) -> Heard {
        self.ask(who, &format!("/path-prefix/{key}/wrapkey"), &operation(alg, value))
    }

    pub fn unwrap(&self, who: &str, key: &str, alg: &str, value: &str) -> Heard {
        self.ask(who, &format!("/path-prefix/{key}/unwrapkey"), &operation(alg, value))
    }

    pub fn metadata(&self, who: &str, key: &str) -> Heard {
        self.ask(who, &format!("/path-prefix/{key}/metadata"), &context())
    }
}

pub fn seed(who: &str) -> AskerSeed {
    AskerSeed {
        request: RequestId::from_random([9; 16]),
        principal: principal(who),
        fingerprint_sha256: Some([3; 32]),
        peer: ([127, 0, 0, 1], 5).into(),
        proof: None,
    }
}

/// The request context of the reference's examples, alone in a body.
pub fn context() -> Value {
    json!({"request_context": {
        "request_id": "6476b291-7c15-4d0b-aef9-03688390cb8e",
        "correlation_id": "aa9a3cb4-82b4-11f0-afc6-5ffd3bdade85",
        "pool_name": "mhsm-pool-name"
    }})
}

/// The same with what wrapkey and unwrapkey take.
pub fn operation(alg: &str, value: &str) -> Value {
    let mut body = context();
    body["alg"] = alg.into();
    body["value"] = value.into();
    body
}

pub fn request(method: &str, target: &str, body: &[u8]) -> Request<Bytes> {
    let request = Request::builder().method(method).uri(target).header("host", "proxy.example");
    request.header("content-type", "application/json").body(Bytes::copy_from_slice(body)).unwrap()
}

pub fn heard(answer: Answer) -> Heard {
    let (head, body) = answer.response.into_parts();
    let body = serde_json::from_slice(&body).unwrap();
    Heard { status: head.status, headers: head.headers, body, label: answer.label }
}

impl Heard {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and code of an error, or 200 and `none`.
    pub fn error(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or("none"))
    }

    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap()
    }

    pub fn value(&self) -> &str {
        assert_eq!(self.status, 200, "{self:?}");
        self.body["value"].as_str().unwrap()
    }
}
