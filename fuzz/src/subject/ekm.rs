//! Any HTTP request to the external-key proxy, by one who may do anything, is answered in its one form and never by a fault of
//! ours.

use std::sync::Arc;

use broker_core::algorithm::KeySpec;
use broker_core::grant::Scope;
use broker_core::name::RequestId;
use broker_core::permission::Permission;
use broker_front_ekm::{AskerSeed, Front, PathPrefix, ProxyNames, Settings};
use broker_testkit::{Bench, principal, run, vault_name};
use serde_json::Value;

use crate::bound::Allowance;
use crate::renewed::Renewed;
use crate::request;

const EVERYTHING: &str = "mhsm/cn:everything";
const USUAL: [(&str, &str); 2] = [("host", "proxy.example"), ("content-type", "application/json")];
const ALLOWANCE: Allowance = Allowance { bytes: 1 << 20, each: 64 };

static DESK: Renewed<(Bench, Front)> = Renewed::new(desk);

/// The prefix `path-prefix` has a symmetric key `k` and an RSA key `r`; of `gone` there is no vault.
fn desk() -> (Bench, Front) {
    let bench = Bench::new();
    bench.give(EVERYTHING, Permission::ALL, Scope::Broker);
    bench.make_key("k", KeySpec::Oct256);
    bench.make_key("r", KeySpec::Rsa2048);
    let prefix = |text: &str| PathPrefix::parse(text).expect("a prefix");
    let own = "keybroker".to_owned();
    let settings = Settings {
        prefixes: [(prefix("path-prefix"), bench.vault()), (prefix("gone"), vault_name("vault9"))].into(),
        principals: Vec::new(),
        names: ProxyNames {
            proxy_vendor: own.clone(),
            proxy_name: own.clone(),
            ekm_vendor: own.clone(),
            ekm_product: own,
        },
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
    assert!(status < 500, "{status}: {:?}", answer.label);
    assert!(head.headers.contains_key("x-ms-request-id"));
    let body: Value = serde_json::from_slice(&body).expect("an answer's body is JSON");
    assert!(body.is_object(), "{body}");
    if status != 200 {
        assert!(body["code"].is_string() && body["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    }
}
