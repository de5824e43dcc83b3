//! Requests that nobody thought of. The seeds are fixed: what failed once fails again.

use std::cell::RefCell;

use keybroker_tests::{Answer, Connection, Request, Setup};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::target::{Target, asked, head_of, is_clear, quick};

/// Requests of right form and odd content.
const REQUESTS: u32 = 3_000;
/// Requests with bytes changed, each on a connection of its own: as many as this by each of the threads.
const BENT: u32 = 60;
const THREADS: u8 = 6;

/// Pieces that once broke somebody.
const PIECES: &[&str] = &[
    "keys",
    "deletedkeys",
    "k",
    "K",
    "none",
    "versions",
    "create",
    "wrapkey",
    "unwrapkey",
    "rotate",
    "rotationpolicy",
    "backup",
    "restore",
    "recover",
    "rng",
    "sign",
    "0123456789abcdef0123456789abcdef",
    "",
    ".",
    "..",
    "%2f",
    "%00",
    "%",
    "k.",
    "k;x",
    "k%20",
    "*",
    "~",
    ":",
    "@",
    "secrets",
];
const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "FOO"];
const QUERIES: &[&str] = &[
    "api-version=7.4",
    "api-version=7.4&maxresults=3",
    "api-version=7.4&maxresults=0",
    "api-version=",
    "",
    "&&&",
    "=",
    "api-version=7.4&$skiptoken=AQAAAAAAAAAB",
    "api-version=7.4&%24skiptoken=zzzz",
    "api-version=7.4&api-version=7.4",
    "api-version=2025-07-01",
    "api%2Dversion=7.6-preview.2",
];
const FIELDS: &[&str] = &[
    "kty",
    "key_size",
    "key_ops",
    "crv",
    "attributes",
    "enabled",
    "exp",
    "nbf",
    "exportable",
    "tags",
    "alg",
    "value",
    "iv",
    "aad",
    "tag",
    "count",
    "release_policy",
    "x",
];
// No RSA: making such keys would take the time that other requests need.
const TEXTS: &[&str] = &[
    "oct",
    "oct-HSM",
    "EC",
    "A256KW",
    "A256GCM",
    "RSA-OAEP-256",
    "none",
    "AAECAwQFBgcICQoLDA0ODw",
    "AAAA",
    "A",
    "=",
    "",
    "P-256",
    "wrapKey",
    "unwrapKey",
    "\u{0}",
    "\u{e9}",
    "\u{1F511}",
    "'; DROP TABLE key; --",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => select(TEXTS).prop_map(Value::from),
        2 => any::<i64>().prop_map(Value::from),
        2 => select(vec![json!(128), json!(256), json!(8), json!(0), json!(-1), json!(1e300), json!(u64::MAX)]),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => ".{0,40}".prop_map(Value::from),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let field = |value: BoxedStrategy<Value>| (select(FIELDS), value);
    let nested = leaf().prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((select(FIELDS), inner), 0..5)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    });
    let object = prop::collection::vec(field(nested.boxed()), 0..6).prop_map(|fields| {
        let members: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    });
    let likely = prop_oneof![
        Just(br#"{"kty":"oct"}"#.to_vec()),
        Just(br#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw"}"#.to_vec()),
        Just(br#"{"tags":{}}"#.to_vec()),
    ];
    prop_oneof![4 => object, 2 => likely, 1 => prop::collection::vec(any::<u8>(), 0..200), 1 => Just(Vec::new())]
}

fn path() -> impl Strategy<Value = String> {
    let odd = prop::collection::vec(select(PIECES), 0..5).prop_map(|pieces| format!("/{}", pieces.join("/")));
    let likely =
        (select(&["wrapkey", "unwrapkey", "encrypt", "decrypt", "create", "rotate", "versions", "sign", "verify"][..]))
            .prop_map(|verb| format!("/keys/k/{verb}"));
    let plain =
        select(&["/keys", "/keys/k", "/keys/k/", "/rng", "/deletedkeys", "/deletedkeys/k", "/keys/restore"][..]);
    prop_oneof![2 => odd, 3 => likely, 2 => plain.prop_map(str::to_owned)]
}

fn header() -> impl Strategy<Value = (&'static str, String)> {
    let name = select(
        &["host", "authorization", "content-type", "accept", "x-ms-client-request-id", "user-agent", "te", "range"][..],
    );
    (name, "[ -~]{0,60}")
}

fn request() -> impl Strategy<Value = Request> {
    let headers = prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(header(), 1..4)];
    (select(METHODS), path(), select(QUERIES), headers, body()).prop_map(|(method, path, query, headers, body)| {
        let request = asked(method, &format!("{path}?{query}")).bytes(body);
        headers.into_iter().fold(request, |request, (name, value)| request.header(name, &value))
    })
}

fn runner(cases: u32, seed: u8) -> TestRunner {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

/// Served, clearly refused, or known and not implemented.
fn is_expected(answer: &Answer, what: &str) {
    match answer.status {
        // 204: a purge, of a key that an earlier request deleted.
        100 | 200 | 204 => {}
        501 => assert_eq!(answer.code(), "NotImplemented", "{what}"),
        _ => is_clear(answer, what),
    }
}

#[test]
fn thousands_of_odd_requests_get_clear_answers() {
    let target = Target::new(Setup::new());
    let client = target.broker.admin();
    let open: RefCell<Option<Connection>> = RefCell::new(None);
    let send = |request: &Request| -> Option<Answer> {
        let connection = open.borrow_mut().take().unwrap_or_else(|| client.connect().unwrap());
        let answer = connection.send(request).ok()?;
        if answer.header("connection") != Some("close") {
            *open.borrow_mut() = Some(connection);
        }
        Some(answer)
    };
    let outcome = runner(REQUESTS, 7).run(&request(), |request| {
        let what = format!("{} {} {:?}", request.method, request.target, request.headers);
        // One that was kept open may have been closed since; a fresh one must answer.
        let answer = send(&request).or_else(|| send(&request));
        let answer = answer.unwrap_or_else(|| panic!("{what}: no answer"));
        if request.method == "HEAD" {
            assert!(answer.status < 500 || answer.status == 501, "{what}: {answer:?}");
        } else {
            is_expected(&answer, &what);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    target.is_sound();
}

/// A change of some bytes.
#[derive(Debug, Clone)]
enum Bend {
    Cut(Index),
    Insert(Index, Vec<u8>),
    Set(Index, u8),
}

fn bends() -> impl Strategy<Value = Vec<Bend>> {
    let bend = prop_oneof![
        1 => any::<Index>().prop_map(Bend::Cut),
        3 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Bend::Insert(at, bytes)),
        2 => (any::<Index>(), select(&["\r\n", "\r\n\r\n", "\0", ": "][..]))
            .prop_map(|(at, text)| Bend::Insert(at, text.into())),
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Bend::Set(at, byte)),
    ];
    prop::collection::vec(bend, 1..4)
}

fn bent(mut bytes: Vec<u8>, bends: &[Bend]) -> Vec<u8> {
    for bend in bends {
        match bend {
            Bend::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Bend::Insert(at, more) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, more.iter().copied());
            }
            Bend::Set(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Bend::Set(..) => {}
        }
    }
    bytes
}

#[test]
fn requests_with_bytes_changed_are_answered_or_closed() {
    let target = Target::new(Setup::new().edit(quick));
    let client = target.broker.admin();
    let wrap = br#"{"alg":"A256KW","value":"AAECAwQFBgcICQoLDA0ODw"}"#;
    let head = head_of("POST", "/keys/k/wrapkey?api-version=7.4", &[&format!("content-length: {}", wrap.len())]);
    let whole = [&head[..], wrap].concat();
    let throw = |seed: u8| {
        runner(BENT, seed).run(&bends(), |bends| {
            let connection = client.connect().unwrap();
            // It may close before all is sent; what it answered counts.
            let _closed = connection.write(&bent(whole.clone(), &bends));
            while let Ok(answer) = connection.read_answer() {
                assert!(answer.status < 500 || answer.status == 501, "{bends:?}: {answer:?}");
            }
            Ok(())
        })
    };
    std::thread::scope(|scope| {
        let throwers: Vec<_> = (0..THREADS).map(|seed| scope.spawn(move || throw(seed))).collect();
        for thrower in throwers {
            thrower.join().unwrap().unwrap_or_else(|error| panic!("{error}"));
        }
    });
    target.is_sound();
}
