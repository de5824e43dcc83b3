//! Any HTTP request to Key Vault's API, by one who may do anything, is answered in its one form and never by a fault of ours.

use std::sync::Arc;

use broker_core::grant::Scope;
use broker_core::name::RequestId;
use broker_core::permission::Permission;
use broker_front_keyvault::{AskerSeed, Front, Settings};
use broker_testkit::{Bench, principal, run};
use serde_json::Value;

use crate::bound::Allowance;
use crate::renewed::Renewed;
use crate::request;

const EVERYTHING: &str = "pin/everything";
const USUAL: [(&str, &str); 2] = [("host", "vault1.kv.test:9440"), ("authorization", "Bearer x")];
/// An answer lists keys that earlier inputs made, at most 25 a page.
const ALLOWANCE: Allowance = Allowance { bytes: 4 << 20, each: 256 };

static DESK: Renewed<(Bench, Front)> = Renewed::new(desk);

fn desk() -> (Bench, Front) {
    let bench = Bench::new();
    bench.give(EVERYTHING, Permission::ALL, Scope::Broker);
    let settings = Settings {
        host_suffixes: vec!["kv.test".to_owned()],
        default_vault: None,
        tenant: "00000000-0000-4000-8000-000000000000".to_owned(),
        body_bytes_max: 128 << 10,
    };
    let front = Front::new(Arc::clone(&bench.broker), settings);
    (bench, front)
}

/// # Panics
/// Something of this does not hold.
pub fn check(bytes: &[u8]) {
    let Some(request) = request::read(bytes, &USUAL) else { return };
    let seed = AskerSeed {
        request: RequestId::from_random([9; 16]),
        principal: principal(EVERYTHING),
        fingerprint_sha256: Some([3; 32]),
        peer: ([127, 0, 0, 1], 5).into(),
        proof: None,
    };
    let answer = DESK.with(|(_, front)| ALLOWANCE.hold(bytes.len(), || run(front.answer(seed, request))));
    let (head, body) = answer.response.into_parts();
    let status = head.status.as_u16();
    assert!(status < 500 || status == 501, "{status}: {:?}", answer.label);
    assert!(head.headers.contains_key("x-ms-request-id"));
    assert_eq!(status == 401, head.headers.contains_key("www-authenticate"));
    if status == 204 {
        assert!(body.is_empty());
        return;
    }
    let body: Value = serde_json::from_slice(&body).expect("an answer's body is JSON");
    if !matches!(status, 200 | 201) {
        let error = &body["error"];
        assert!(error["code"].is_string() && error["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    }
}
