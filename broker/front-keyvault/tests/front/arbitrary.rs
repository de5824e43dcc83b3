//! Requests that went wrong on their way: no panic, and never a fault of ours.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::visitor::{Desk, EVERYTHING, HOST};

const VERSION: &str = "0123456789abcdef0123456789abcdef";

/// Requests that are right, to be bent.
const SEEDS: &[(&str, &str, &str)] = &[
    (
        "POST",
        "/keys/k/create?api-version=7.4",
        r#"{"kty":"oct","key_size":256,"attributes":{"enabled":true,"exp":4000000000},"tags":{"a":"b"}}"#,
    ),
    ("POST", "/keys/r/create?api-version=7.4", r#"{"kty":"RSA","key_size":2048,"key_ops":["wrapKey","unwrapKey"]}"#),
    ("POST", "/keys/e/create?api-version=7.4", r#"{"kty":"EC-HSM","crv":"P-384"}"#),
    ("GET", "/keys?api-version=7.4&maxresults=3&$skiptoken=AQAAAAAAAAAB", ""),
    ("GET", "/keys/k/versions?api-version=2025-07-01&maxresults=1&%24skiptoken=AgAAAAAAAAAB", ""),
    ("GET", "/keys/k/?api-version=7.6-preview.2", ""),
    ("GET", "/keys/k/0123456789abcdef0123456789abcdef?api-version=7.4", ""),
    (
        "PATCH",
        "/keys/k?api%2Dversion=7.4",
        r#"{"key_ops":["encrypt","decrypt","wrapKey","unwrapKey"],"attributes":{"nbf":1}}"#,
    ),
    ("POST", "/keys/k//wrapkey?api-version=7.4", r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw"}"#),
    (
        "POST",
        "/keys/k/unwrapkey?api-version=7.4",
        r#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODwAAECAwQFBgcICQoLDA0ODw"}"#,
    ),
    ("POST", "/keys/k/encrypt?api-version=7.4", r#"{"alg":"A256GCM","value":"c2VjcmV0","aad":"YWFk"}"#),
    (
        "POST",
        "/keys/k/decrypt?api-version=7.4",
        r#"{"alg":"A256GCM","value":"c2VjcmV0","iv":"AAAAAAAAAAAAAAAA","tag":"AAAAAAAAAAAAAAAAAAAAAA"}"#,
    ),
    ("POST", "/keys/k/rotate?api-version=7.4", ""),
    ("POST", "/rng?api-version=7.4", r#"{"count":16}"#),
    ("POST", "/keys/k/sign?api-version=7.4", r#"{"alg":"RS256","value":"AAAA"}"#),
    (
        "POST",
        "/keys/e//sign?api-version=7.4",
        r#"{"alg":"ES384","value":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAQIDBAUGBwgJCgsMDQ4P"}"#,
    ),
    (
        "POST",
        "/keys/e/verify?api-version=7.4",
        r#"{"alg":"ES384","digest":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAQIDBAUGBwgJCgsMDQ4P","value":"AAAA"}"#,
    ),
    (
        "PUT",
        "/keys/k?api-version=7.4",
        r#"{"Hsm":true,"key":{"kty":"oct-HSM","key_ops":["wrapKey"],"k":"AAECAwQFBgcICQoLDA0ODw"},"tags":{"a":"b"}}"#,
    ),
    (
        "PUT",
        "/keys/e?api-version=7.4",
        r#"{"key":{"kty":"EC","crv":"P-256","d":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","x":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","y":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"},"attributes":{"nbf":1}}"#,
    ),
    ("PUT", "/keys/r?api-version=7.4", RSA_IMPORT),
    ("GET", "/keys/k/rotationpolicy?api-version=7.4", ""),
    (
        "PUT",
        "/keys/k/rotationpolicy?api-version=7.4",
        r#"{"lifetimeActions":[{"trigger":{"timeBeforeExpiry":"P30D"},"action":{"type":"Notify"}},
            {"trigger":{"timeAfterCreate":"P1Y6M"},"action":{"type":"rotate"}}],"attributes":{"expiryTime":"P2Y"}}"#,
    ),
    ("POST", "/keys/k/backup?api-version=7.4", ""),
    ("POST", "/keys/restore?api-version=7.4", r#"{"value":"AAAA"}"#),
    ("DELETE", "/keys/k?api-version=7.4", ""),
    ("GET", "/deletedkeys?api-version=7.4&maxresults=1&$skiptoken=AwAAAAAAAAAB", ""),
    ("GET", "/deletedkeys/k?api-version=7.4", ""),
    ("POST", "/deletedkeys/k/recover?api-version=7.4", ""),
    ("DELETE", "/deletedkeys/k?api-version=7.4", ""),
    ("POST", "/common/oauth2/v2.0/token", "grant_type=client_credentials"),
];

/// Numbers of the right lengths.
const RSA_IMPORT: &str = concat!(
    r#"{"key":{"kty":"RSA","n":"8"#,
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    r#"","e":"AQAB","d":"AQ","p":"AQ","q":"AQ","dp":"AQ","dq":"AQ","qi":"AQ"}}"#
);

/// Pieces that once broke somebody.
const TRICKS: &[&str] = &[
    "..",
    ".",
    "/",
    "//",
    "\\",
    "%2f",
    "%2e%2e",
    "%00",
    "%",
    "?",
    "&",
    "=",
    "#",
    ":",
    "@",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    "null",
    "true",
    "-1",
    "1e400",
    "18446744073709551616",
    "api-version",
    "$skiptoken",
    "maxresults",
    "/keys",
    "/deletedkeys",
    VERSION,
    "k",
    "\\u0000",
    "\n",
    "\u{e9}",
    "\u{feff}",
    "\u{0}",
    "kty",
    "\"kty\":1,",
    "exportable",
    "P1D",
    "-HSM",
    "P99999999999Y",
    "AAAAAAAAAAAA",
    "====",
];

#[derive(Debug, Clone)]
enum Bend {
    Insert(Index, Index),
    Remove(Index, usize),
    Set(Index, u8),
    Swap(Index, Index),
}

fn bends() -> impl Strategy<Value = Vec<Bend>> {
    let bend = prop_oneof![
        (any::<Index>(), any::<Index>()).prop_map(|(place, trick)| Bend::Insert(place, trick)),
        (any::<Index>(), 0..40_usize).prop_map(|(place, count)| Bend::Remove(place, count)),
        (any::<Index>(), any::<u8>()).prop_map(|(place, byte)| Bend::Set(place, byte)),
        (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Bend::Swap(one, other)),
    ];
    prop::collection::vec(bend, 0..4)
}

fn bent(bytes: &[u8], bends: &[Bend]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for bend in bends {
        let place = |index: &Index, len: usize| index.index(len + 1).min(len.saturating_sub(1));
        let len = bytes.len();
        match bend {
            Bend::Insert(at, trick) => {
                let (at, trick) = (at.index(len + 1), TRICKS[trick.index(TRICKS.len())]);
                bytes.splice(at..at, trick.bytes());
            }
            Bend::Remove(at, count) => {
                let at = at.index(len + 1);
                bytes.drain(at..len.min(at + count));
            }
            Bend::Set(at, byte) if len > 0 => bytes[place(at, len)] = *byte,
            Bend::Swap(one, other) if len > 0 => bytes.swap(place(one, len), place(other, len)),
            Bend::Set(..) | Bend::Swap(..) => {}
        }
    }
    bytes
}

fn header() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let name = prop::sample::select(vec![
        "host",
        "authorization",
        "content-length",
        "user-agent",
        "x-ms-client-request-id",
        "content-type",
        "accept",
    ]);
    (
        name,
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            Just(HOST.as_bytes().to_vec()),
            Just(b"azsdk-python".to_vec())
        ],
    )
}

fn check(desk: &Desk, request: Request<Bytes>) -> Result<(), TestCaseError> {
    let heard = desk.send(EVERYTHING, request); // panics when the body is not JSON
    let status = heard.status.as_u16();
    prop_assert!(status < 500 || status == 501, "{heard:?}");
    prop_assert!(heard.header("x-ms-request-id").is_some());
    prop_assert_eq!(status == 401, heard.headers.contains_key("www-authenticate"));
    if !matches!(status, 200 | 204) {
        prop_assert!(heard.body["error"]["code"].is_string() && !heard.message().is_empty(), "{:?}", heard);
    }
    Ok(())
}

fn build(method: &str, target: &[u8], headers: &[(&str, Vec<u8>)], body: Vec<u8>) -> Option<Request<Bytes>> {
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = Uri::try_from(target).ok()?;
    request.headers_mut().insert("host", HeaderValue::from_static(HOST));
    request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer x"));
    for (index, (name, value)) in headers.iter().enumerate() {
        let (name, value) = (HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?);
        if index == 0 {
            request.headers_mut().insert(name, value);
        } else {
            request.headers_mut().append(name, value);
        }
    }
    Some(request)
}

#[test]
fn the_seeds_are_taken_as_they_are() {
    let desk = Desk::new();
    for (method, target, body) in SEEDS {
        let request = build(method, target.as_bytes(), &[], body.as_bytes().to_vec()).unwrap();
        let heard = desk.send(EVERYTHING, request);
        // Nobody but the broker itself can make a backup that it takes.
        let fit = heard.label.reason != "bad-request" || heard.label.operation == "restore-key";
        let reached = fit && heard.label.operation != "unroutable";
        assert!(reached, "{target}: {heard:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_bent_request_is_answered_and_never_a_fault_of_ours(
        requests in prop::collection::vec(
            (
                any::<Index>(),
                prop_oneof![4 => Just(None), 1 => "[A-Z]{1,8}".prop_map(Some)],
                bends(),
                bends(),
                prop::collection::vec(header(), 0..3),
            ),
            64,
        ),
    ) {
        let desk = Desk::new();
        for (seed, method, target_bends, body_bends, headers) in requests {
            let (seed_method, target, body) = SEEDS[seed.index(SEEDS.len())];
            let (target, body) = (bent(target.as_bytes(), &target_bends), bent(body.as_bytes(), &body_bends));
            let method = method.as_deref().unwrap_or(seed_method);
            // What is no HTTP at all is refused by the server's parser.
            if let Some(request) = build(method, &target, &headers, body) {
                check(&desk, request)?;
            }
        }
    }

    #[test]
    fn any_bytes_at_all_as_a_body_are_answered(
        seed in any::<Index>(),
        body in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let (method, target, _) = SEEDS[seed.index(SEEDS.len())];
        if let Some(request) = build(method, target.as_bytes(), &[], body) {
            check(&Desk::new(), request)?;
        }
    }
}
