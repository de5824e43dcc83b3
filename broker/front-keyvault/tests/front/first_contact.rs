//! The challenge, the token stub, hosts, headers, and requests that never become one.

use broker_core::broker::Limits;
use broker_core::name::RequestId;
use broker_core::refusal::Refusal;
use broker_front_keyvault::{Front, Outcome, Problem};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};

use crate::visitor::{ADMIN, BODY_BYTES_MAX, Desk, HOST, heard, request};

fn bare(method: &str, target: &str, host: &str) -> Request<Bytes> {
    Request::builder().method(method).uri(target).header("host", host).body(Bytes::new()).unwrap()
}

#[test]
fn a_request_without_a_token_is_challenged_whatever_it_asks() {
    let desk = Desk::new();
    for (method, target) in [
        ("POST", "/keys/k/create?api-version=7.4"),
        ("GET", "/keys"),
        ("PUT", "/no/such/path"),
        ("GET", "/keys/%2e%2e?api-version=x"),
    ] {
        let heard = desk.send(ADMIN, bare(method, target, HOST));
        assert_eq!(heard.error(), (401, "Unauthorized", None), "{target}");
        assert_eq!(
            heard.header("www-authenticate").unwrap(),
            "Bearer authorization=\"https://vault1.kv.test:9440/00000000-0000-4000-8000-000000000000\", resource=\"https://kv.test:9440\""
        );
        assert_eq!((heard.label.operation, heard.label.outcome), ("challenge", Outcome::Allowed));
    }
    assert!(desk.entries().is_empty());
}

#[test]
fn the_token_stub_needs_no_token_and_no_vault() {
    let desk = Desk::new();
    let heard = desk.send("pin/nobody", bare("POST", "/common/oauth2/v2.0/token?x=1", "login.example"));
    assert_eq!(heard.status, 200);
    assert_eq!((heard.body["token_type"].as_str(), heard.body["expires_in"].as_u64()), (Some("Bearer"), Some(3599)));
    assert!(heard.body["access_token"].is_string());
    assert_eq!(heard.label.operation, "token");
}

#[test]
fn an_unknown_host_is_named_unless_there_is_a_default_vault() {
    let mut other = request("GET", "/keys?api-version=7.4", "");
    other.headers_mut().insert("host", HeaderValue::from_static("127.0.0.1:9440"));
    let heard = Desk::new().send(ADMIN, other.clone());
    assert_eq!(heard.error(), (404, "VaultNotFound", None));
    assert!(heard.message().contains("127.0.0.1"), "{}", heard.message());
    assert_eq!((heard.label.operation, heard.label.reason), ("unroutable", "host-unknown"));
    assert_eq!(Desk::with(Limits::default(), Some("vault1")).send(ADMIN, other).status, 200);
}

#[test]
fn a_vault_that_is_not_there_is_forbidden_before_it_is_not_found() {
    let desk = Desk::new();
    let mut other = request("GET", "/keys?api-version=7.4", "");
    other.headers_mut().insert("host", HeaderValue::from_static("vault2.kv.test"));
    assert_eq!(desk.send("pin/nobody", other.clone()).error(), (403, "Forbidden", Some("ForbiddenByRbac")));
    assert_eq!(desk.send(ADMIN, other).error(), (404, "VaultNotFound", None));
}

#[test]
fn a_header_that_matters_stands_once() {
    let desk = Desk::new();
    for name in ["authorization", "content-length", "host"] {
        let mut twice = request("GET", "/keys?api-version=7.4", "");
        twice.headers_mut().insert(name, HeaderValue::from_static("1"));
        twice.headers_mut().append(name, HeaderValue::from_static("1"));
        let heard = desk.send(ADMIN, twice);
        assert_eq!(heard.error(), (400, "BadParameter", None), "{name}");
        assert!(heard.message().contains(name), "{name}");
    }
    let mut none = request("GET", "/keys?api-version=7.4", "");
    none.headers_mut().remove("host");
    assert_eq!(desk.send(ADMIN, none).status, 400);
}

#[test]
fn every_answer_carries_both_ids() {
    let desk = Desk::new();
    let long = "x".repeat(129);
    let rows = [
        ("abc-1", Some("abc-1")),
        ("a b", Some("a b")),
        ("", None),
        ("caf\u{e9}", None),
        ("a\tb", None),
        (&long, None),
    ];
    for (sent, echoed) in rows {
        for target in ["/keys?api-version=7.4", "/keys", "/nowhere", "/keys/k?api-version=7.4"] {
            let mut request = request("GET", target, "");
            request.headers_mut().insert("x-ms-client-request-id", HeaderValue::from_bytes(sent.as_bytes()).unwrap());
            let heard = desk.send(ADMIN, request);
            assert_eq!(heard.header("x-ms-request-id"), Some("09090909-0909-4909-8909-090909090909"));
            assert_eq!(heard.header("x-ms-client-request-id"), echoed, "{sent}");
            assert_eq!(heard.header("content-type"), Some("application/json; charset=utf-8"));
            assert_eq!(heard.header("cache-control"), Some("no-store"));
        }
    }
    let entries = desk.entries();
    assert_eq!(entries[0].asker.client_request_id.as_deref(), Some("abc-1"));
}

#[test]
fn what_does_not_parse_is_answered_without_the_core() {
    let desk = Desk::new();
    let long_name = format!("/keys/{}/create?api-version=7.4", "x".repeat(128));
    let rows = [
        ("POST", "/keys/k/create", r#"{"kty":"RSA"}"#, 400, "create-key"),
        ("POST", "/keys/k/create?api-version=seven", r#"{"kty":"RSA"}"#, 400, "create-key"),
        ("POST", "/keys/k/create?api-version=7.4&api-version=7.4", r#"{"kty":"RSA"}"#, 400, "create-key"),
        ("POST", "/keys/k/create?api-version=7.4", "", 400, "create-key"),
        ("POST", "/keys/k/create?api-version=7.4", "[]", 400, "create-key"),
        ("POST", "/keys/k/wrapkey?api-version=7.4", r#"{"alg":"A192KW","value":"AAAA"}"#, 400, "wrap-key"),
        ("POST", "/keys/k/wrapkey?api-version=7.4", r#"{"alg":"A256KW","value":"A+/="}"#, 400, "wrap-key"),
        ("POST", "/rng?api-version=7.4", r#"{"count":-1}"#, 400, "random-bytes"),
        ("POST", "/rng?api-version=7.4", r#"{"count":65536}"#, 400, "random-bytes"),
        ("GET", "/keys?api-version=7.4&maxresults=26", "", 400, "list-keys"),
        ("GET", "/keys?api-version=7.4&$skiptoken=AAAA", "", 400, "list-keys"),
        ("GET", "/keys/k/versions?api-version=7.4&%24skiptoken=AQAAAAAAAAAB", "", 400, "list-versions"),
        ("POST", &long_name, r#"{"kty":"RSA"}"#, 400, "unroutable"),
        ("GET", "/keys/%6b?api-version=7.4", "", 400, "unroutable"),
        ("GET", "/secrets?api-version=7.4", "", 404, "unroutable"),
        ("GET", "/keys/k/create?api-version=7.4", "", 405, "unroutable"),
    ];
    for (method, target, body, status, operation) in rows {
        let heard = desk.send(ADMIN, request(method, target, body));
        assert_eq!((heard.status.as_u16(), heard.label.operation), (status, operation), "{target} {body} {heard:?}");
        assert_eq!(heard.label.outcome, Outcome::Refused);
    }
    assert!(desk.entries().is_empty(), "none of it became a request");
}

#[test]
fn a_method_that_is_not_taken_is_told_which_are() {
    let heard = Desk::new().admin("OPTIONS", "/keys/k", "");
    assert_eq!(heard.error(), (405, "MethodNotAllowed", None));
    assert_eq!(heard.header("allow"), Some("DELETE, GET, PATCH, PUT"));
}

#[test]
fn a_body_over_the_limit_is_too_large() {
    let desk = Desk::new();
    let heard_here = desk.admin("POST", "/keys/k/wrapkey", &"x".repeat(BODY_BYTES_MAX + 1));
    assert_eq!(heard_here.error(), (413, "RequestEntityTooLarge", None));
    let mut headers = HeaderMap::new();
    headers.insert("x-ms-client-request-id", HeaderValue::from_static("abc"));
    let heard_early = heard(desk.front.too_large(RequestId([0; 16]), &headers));
    assert_eq!(heard_early.error(), heard_here.error());
    assert_eq!(
        (heard_early.header("x-ms-client-request-id"), heard_early.label.operation),
        (Some("abc"), "unroutable")
    );
}

#[test]
fn a_server_can_refuse_in_the_protocols_own_form() {
    let problem = Problem::Refused(Refusal::TooManyRequests { retry_after_s: 3 });
    let heard = heard(Front::refuse(RequestId([0; 16]), &HeaderMap::new(), &problem));
    assert_eq!(heard.error(), (429, "Throttled", None));
    assert_eq!((heard.header("retry-after"), heard.label.reason), (Some("3"), "too-many-requests"));
}

#[test]
fn nothing_is_answered_when_the_audit_cannot_be_written() {
    let desk = Desk::new();
    desk.make("k", r#"{"kty":"oct"}"#);
    desk.bench.audit.fail_after(0);
    for (method, path, body) in [
        ("GET", "/keys/k", ""),
        ("GET", "/keys", ""),
        ("POST", "/rng", r#"{"count":8}"#),
        ("POST", "/keys/k/backup", ""),
    ] {
        let heard = desk.admin(method, path, body);
        assert_eq!(heard.error(), (503, "ServiceUnavailable", None), "{path}");
        assert_eq!((heard.label.outcome, heard.label.reason), (Outcome::Error, "audit-unavailable"));
    }
}
