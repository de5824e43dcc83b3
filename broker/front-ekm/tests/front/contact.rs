//! Who may come in, and requests that never become one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use broker_core::algorithm::KeySpec;
use broker_core::entry::Proof;
use broker_core::name::RequestId;
use broker_core::refusal::Refusal;
use broker_front_ekm::{ANSWER_MS_MAX, AskerSeed, Outcome, Problem};
use broker_testkit::run;
use http::Method;
use serde_json::{Value, json};

use crate::visitor::{BODY_BYTES_MAX, Desk, EVERYTHING, OTHER_POOL, POOL, context, heard, operation, request, seed};

const WRAP: &str = "/path-prefix/k/wrapkey?api-version=0.1-preview";

#[test]
fn one_whose_name_is_not_listed_is_unauthorized_whatever_it_asks() {
    let desk = Desk::letting_in(&[POOL, OTHER_POOL]);
    desk.bench.make_key("k", KeySpec::Oct256);
    let rows = [
        ("POST", WRAP, operation("A256KW", "AAECAwQFBgcICQoLDA0ODw").to_string()),
        ("POST", "/path-prefix/info?api-version=0.1-preview", context().to_string()),
        ("POST", "/nowhere", String::new()),
        ("GET", "/%2e%2e", "{".to_owned()),
    ];
    for (method, target, body) in rows {
        // It holds every permission there is, and an almost right name does not help either.
        for who in [EVERYTHING, "mhsm/cn:pool-a.", "mhsm/cn:Pool-A", "other/cn:pool-a", "mhsm/dns:pool-a"] {
            let heard = desk.send(who, request(method, target, body.as_bytes()));
            assert_eq!(heard.error(), (401, "Unauthorized"), "{who} {target}");
            assert!(heard.message().contains(who), "{}", heard.message());
            assert_eq!((heard.label.operation, heard.label.reason), ("unroutable", "principal-unlisted"));
        }
    }
    assert!(desk.bench.software.calls().iter().all(|call| call.verb == "create"));
    assert_eq!(desk.ask(POOL, "/path-prefix/info", &context()).status, 200);
    assert_eq!(desk.ask(OTHER_POOL, "/pool-b/info", &context()).status, 200);
}

#[test]
fn an_identity_that_ended_is_unauthorized() {
    struct Ends(AtomicBool);
    impl Proof for Ends {
        fn holds(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }
    let desk = Desk::new();
    desk.bench.make_key("k", KeySpec::Oct256);
    let proof = Arc::new(Ends(AtomicBool::new(true)));
    let ask = || {
        let body = operation("A256KW", "AAECAwQFBgcICQoLDA0ODw").to_string();
        let seed = AskerSeed { proof: Some(proof.clone()), ..seed(POOL) };
        heard(run(desk.front.answer(seed, request("POST", WRAP, body.as_bytes()))))
    };
    assert_eq!(ask().status, 200);
    proof.0.store(false, Ordering::SeqCst);
    let ended = ask();
    assert_eq!((ended.error(), ended.label.reason), ((401, "Unauthorized"), "identity-ended"));
}

#[test]
fn info_needs_no_grant_and_leaves_no_entry() {
    let desk = Desk::new();
    let heard = desk.ask("pin/nobody", "/path-prefix/info", &context());
    assert_eq!((heard.status.as_u16(), heard.label.operation, heard.label.outcome), (200, "info", Outcome::Allowed));
    assert!(desk.entries().is_empty());
}

/// Method, target and body; the refusal's status and code; the operation in metrics.
type Row<'a> = (&'a str, &'a str, &'a str, (u16, &'a str), &'a str);

#[test]
fn what_does_not_parse_is_answered_without_the_core() {
    let desk = Desk::new();
    let good = operation("A256KW", "AAECAwQFBgcICQoLDA0ODw");
    let without = |field: &str| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        body.to_string()
    };
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body.to_string()
    };
    let no_pool = json!({"request_context": {"correlation_id": "c"}});
    let long_name = format!("/path-prefix/{}/wrapkey?api-version=0.1-preview", "x".repeat(65));
    let good_text = good.to_string();
    let rows: &[Row<'_>] = &[
        ("POST", "/path-prefix/k/wrapkey", &good_text, (400, "InvalidRequest"), "wrap-key"),
        ("POST", "/path-prefix/info", &good_text, (400, "InvalidRequest"), "info"),
        ("POST", "/path-prefix/k/wrapkey?api-version=7.4", &good_text, (400, "UnsupportedApiVersion"), "wrap-key"),
        ("POST", WRAP, "", (400, "InvalidRequest"), "wrap-key"),
        ("POST", WRAP, "[]", (400, "InvalidRequest"), "wrap-key"),
        ("POST", WRAP, &without("request_context"), (400, "InvalidRequest"), "wrap-key"),
        ("POST", WRAP, &without("alg"), (400, "InvalidRequest"), "wrap-key"),
        ("POST", WRAP, &without("value"), (400, "InvalidRequest"), "wrap-key"),
        (
            "POST",
            WRAP,
            &with("request_context", no_pool["request_context"].clone()),
            (400, "InvalidRequest"),
            "wrap-key",
        ),
        ("POST", WRAP, &with("value", "A+/=".into()), (400, "InvalidRequest"), "wrap-key"),
        ("POST", WRAP, &with("value", Value::Null), (400, "InvalidRequest"), "wrap-key"),
        ("POST", WRAP, &with("alg", "A192KW".into()), (400, "UnsupportedAlgorithm"), "wrap-key"),
        ("POST", WRAP, &with("alg", "A256GCM".into()), (400, "UnsupportedAlgorithm"), "wrap-key"),
        ("POST", WRAP, &with("alg", "RSA1_5".into()), (400, "UnsupportedAlgorithm"), "wrap-key"),
        ("POST", "/path-prefix/k/metadata?api-version=0.1-preview", "{}", (400, "InvalidRequest"), "get-key"),
        ("POST", "/path-prefix/info?api-version=0.1-preview", &no_pool.to_string(), (400, "InvalidRequest"), "info"),
        ("POST", &long_name, &good_text, (400, "InvalidRequest"), "unroutable"),
        ("POST", "/path-prefix/%6b/wrapkey?api-version=0.1-preview", &good_text, (400, "InvalidRequest"), "unroutable"),
        (
            "POST",
            "/path-prefix/../k/wrapkey?api-version=0.1-preview",
            &good_text,
            (400, "InvalidRequest"),
            "unroutable",
        ),
        ("POST", "/path-prefix/k/create?api-version=0.1-preview", &good_text, (404, "NotFound"), "unroutable"),
        ("POST", "/k/wrapkey?api-version=0.1-preview", &good_text, (404, "NotFound"), "unroutable"),
        ("POST", "/Path-Prefix/k/wrapkey?api-version=0.1-preview", &good_text, (404, "NotFound"), "unroutable"),
        ("GET", WRAP, &good_text, (405, "MethodNotAllowed"), "unroutable"),
    ];
    for (method, target, body, error, operation) in rows {
        let heard = desk.send(EVERYTHING, request(method, target, body.as_bytes()));
        assert_eq!((heard.error(), heard.label.operation), (*error, *operation), "{target} {body}");
        assert_eq!(heard.label.outcome, Outcome::Refused);
        assert_eq!(heard.headers.contains_key("allow"), error.0 == 405);
    }
    assert!(desk.entries().is_empty(), "none of it became a request");
}

#[test]
fn every_answer_is_json_and_carries_our_id() {
    let desk = Desk::new();
    for path in ["/path-prefix/info", "/path-prefix/k/metadata", "/nowhere"] {
        let heard = desk.ask(POOL, path, &context());
        assert_eq!(heard.header("content-type"), Some("application/json"), "{path}");
        assert_eq!(heard.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(heard.header("x-ms-request-id"), Some("09090909-0909-4909-8909-090909090909"), "{path}");
    }
}

#[test]
fn a_body_over_the_limit_is_too_large() {
    let desk = Desk::new();
    let heard_here = desk.send(POOL, request("POST", WRAP, &vec![b' '; BODY_BYTES_MAX + 1]));
    assert_eq!(heard_here.error(), (413, "RequestTooLarge"));
    let problem = Problem::BodyTooLarge { bytes_max: BODY_BYTES_MAX };
    let early = heard(desk.front.refuse(RequestId([0; 16]), &Method::POST, "/path-prefix/k/wrapkey", &problem));
    assert_eq!((early.error(), &early.body), (heard_here.error(), &heard_here.body));
}

#[test]
fn a_server_can_refuse_in_the_protocols_own_form() {
    let desk = Desk::new();
    let rows = [
        (Problem::Late, "/path-prefix/k/wrapkey", (504, "GatewayTimeout"), "wrap-key", "late"),
        (Problem::Timeout, "/path-prefix/info", (408, "RequestTimeout"), "info", "timeout"),
        (
            Problem::Refused(Refusal::TooManyRequests { retry_after_s: 3 }),
            "/nowhere",
            (429, "TooManyRequests"),
            "unroutable",
            "too-many-requests",
        ),
    ];
    for (problem, path, error, operation, reason) in rows {
        let heard = heard(desk.front.refuse(RequestId([0; 16]), &Method::POST, path, &problem));
        assert_eq!((heard.error(), heard.label.operation, heard.label.reason), (error, operation, reason));
        assert_eq!(heard.header("retry-after"), (error.0 == 429).then_some("3"));
    }
    assert_eq!(ANSWER_MS_MAX, 250, "the reference's deadline");
}

#[test]
fn nothing_is_answered_when_the_audit_cannot_be_written() {
    let desk = Desk::new();
    desk.bench.make_key("k", KeySpec::Oct256);
    desk.bench.audit.fail_after(0);
    let wrap = operation("A256KW", "AAECAwQFBgcICQoLDA0ODw");
    for (path, body) in [("k/metadata", context()), ("k/wrapkey", wrap.clone()), ("k/unwrapkey", wrap)] {
        let heard = desk.ask(POOL, &format!("/path-prefix/{path}"), &body);
        assert_eq!(heard.error(), (503, "ServiceUnavailable"), "{path}");
        assert_eq!((heard.label.outcome, heard.label.reason), (Outcome::Error, "audit-unavailable"));
    }
}
