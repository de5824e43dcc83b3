//! Requests that went wrong on their way: no panic, and never a fault of ours.

use broker_core::algorithm::KeySpec;
use broker_core::entry::{Entry, Front};
use bytes::Bytes;
use http::{Method, Request, Uri};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::visitor::{Desk, EVERYTHING, context, operation};

/// Requests that are right, to be bent.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let wrap = operation("A256KW", "AAECAwQFBgcICQoLDA0ODw");
    [
        ("/path-prefix/info?api-version=0.1-preview", context()),
        ("/path-prefix/k/metadata?api-version=0.1-preview", context()),
        ("/path-prefix/r/metadata?api%2Dversion=0.1-preview", context()),
        ("/path-prefix/k/wrapkey?api-version=0.1-preview", wrap.clone()),
        ("/path-prefix/k/unwrapkey?api-version=0.1-preview&x=1", wrap),
        ("/path-prefix/r/wrapkey?api-version=0.1-preview", operation("RSA-OAEP-256", "AAECAwQFBgcICQoLDA0ODw")),
        ("/pool-b/k/unwrapkey?api-version=0.1-preview", operation("RSA-OAEP", "AAECAwQF")),
    ]
    .map(|(target, body)| (target, body.to_string().into_bytes()))
    .into()
}

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
    "api-version",
    "info",
    "wrapkey",
    "/k",
    "\\u0000",
    "\n",
    "\u{e9}",
    "\u{feff}",
    "\u{0}",
    "\"alg\":1,",
    "A192KW",
    "RSA1_5",
    "AAAAAAAAAAAA",
    "====",
];

#[derive(Debug, Clone)]
enum Bend {
    Insert(Index, Index),
    Remove(Index, usize),
    Set(Index, u8),
}

fn bends() -> impl Strategy<Value = Vec<Bend>> {
    let bend = prop_oneof![
        (any::<Index>(), any::<Index>()).prop_map(|(place, trick)| Bend::Insert(place, trick)),
        (any::<Index>(), 0..40_usize).prop_map(|(place, count)| Bend::Remove(place, count)),
        (any::<Index>(), any::<u8>()).prop_map(|(place, byte)| Bend::Set(place, byte)),
    ];
    prop::collection::vec(bend, 0..4)
}

fn bent(bytes: &[u8], bends: &[Bend]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for bend in bends {
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
            Bend::Set(at, byte) if len > 0 => bytes[at.index(len)] = *byte,
            Bend::Set(..) => {}
        }
    }
    bytes
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.bench.make_key("k", KeySpec::Oct256);
    desk.bench.make_key("r", KeySpec::Rsa2048);
    desk
}

/// What this front was asked; the desk made its keys another way.
fn audited(desk: &Desk) -> Vec<Entry> {
    desk.entries().into_iter().filter(|entry| entry.asker.front == Front::Ekm).collect()
}

fn check(desk: &Desk, request: Request<Bytes>) -> Result<(), TestCaseError> {
    let heard = desk.send(EVERYTHING, request); // panics when the body is not JSON
    prop_assert!(heard.status.as_u16() < 500, "{heard:?}");
    prop_assert!(heard.header("x-ms-request-id").is_some());
    if heard.status != 200 {
        prop_assert!(heard.body["code"].is_string() && !heard.message().is_empty(), "{:?}", heard);
    }
    for entry in audited(desk) {
        let id = entry.asker.client_request_id.unwrap();
        prop_assert!(id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic()), "{id:?}");
    }
    Ok(())
}

fn build(method: &str, target: &[u8], body: Vec<u8>) -> Option<Request<Bytes>> {
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = Uri::try_from(target).ok()?;
    Some(request)
}

#[test]
fn the_seeds_are_taken_as_they_are() {
    let desk = desk();
    for (target, body) in seeds() {
        let heard = desk.send(EVERYTHING, build("POST", target.as_bytes(), body).unwrap());
        let reached = heard.label.reason != "bad-request" && heard.label.operation != "unroutable";
        assert!(reached, "{target}: {heard:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_bent_request_is_answered_and_never_a_fault_of_ours(
        requests in prop::collection::vec(
            (any::<Index>(), prop_oneof![8 => Just("POST".to_owned()), 1 => "[A-Z]{1,8}"], bends(), bends()),
            64,
        ),
    ) {
        let desk = desk();
        for (seed, method, target_bends, body_bends) in requests {
            let (target, body) = seeds().swap_remove(seed.index(seeds().len()));
            let (target, body) = (bent(target.as_bytes(), &target_bends), bent(&body, &body_bends));
            // What is no HTTP at all is refused by the server's parser.
            if let Some(request) = build(&method, &target, body) {
                check(&desk, request)?;
            }
        }
    }

    #[test]
    fn any_bytes_at_all_as_a_body_are_answered(
        seed in any::<Index>(),
        body in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let (target, _) = seeds().swap_remove(seed.index(seeds().len()));
        check(&desk(), build("POST", target.as_bytes(), body).unwrap())?;
    }

    #[test]
    fn any_text_at_all_as_a_request_context_is_one_printable_word_in_the_audit(
        texts in prop::array::uniform3(any::<String>()),
        long in 1..40_usize,
    ) {
        let desk = desk();
        let [request_id, correlation_id, pool_name] = texts.map(|text| text.repeat(long));
        let mut body = context();
        body["request_context"]["request_id"] = request_id.into();
        body["request_context"]["correlation_id"] = correlation_id.into();
        body["request_context"]["pool_name"] = pool_name.into();
        let target = "/path-prefix/k/metadata?api-version=0.1-preview";
        check(&desk, build("POST", target.as_bytes(), body.to_string().into_bytes()).unwrap())?;
        prop_assert_eq!(audited(&desk).len(), 1);
    }
}
