//! Paths, queries and headers that make no sense.

use keybroker_tests::{Asks as _, Request, Setup};

use crate::target::{Target, asked, check};

/// A version that no key has.
const VERSION: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn a_path_has_one_form_and_no_other() {
    let target = Target::new(Setup::new());
    let admin = target.broker.admin();
    let (malformed, unknown) = ((400, "BadParameter"), (404, "NotFound"));
    let long_name = format!("/keys/{}", "k".repeat(128));
    let long_path = format!("/keys/{}", "k".repeat(400));
    let very_long_path = format!("/keys/{}", "k".repeat(20_000));
    let rows = [
        ("/keys/../keys/k", malformed),
        ("/keys/..", malformed),
        ("/keys/.", malformed),
        ("/../../etc/passwd", malformed),
        ("/keys/k.", malformed),
        ("/keys/k..", malformed),
        ("/keys%2fk", malformed),
        ("/keys/k%2Fversions", malformed),
        ("/keys/%6b", malformed),
        ("/keys/%2e%2e/k", malformed),
        ("/keys/k%00", malformed),
        ("/keys/k%0d%0ax:y", malformed),
        ("/keys/%", malformed),
        ("/keys/%zz", malformed),
        ("/keys/k;v=1", malformed),
        ("/keys/k\\..\\k", malformed),
        ("/keys/k*", malformed),
        ("/keys/k_1", malformed),
        ("/keys/k~1", malformed),
        ("/keys/k:1", malformed),
        (&long_name, malformed),
        (&long_path, malformed),
        (&very_long_path, malformed),
        ("/Keys/k", unknown),
        ("/KEYS", unknown),
        ("/keys/", unknown),
        ("//keys/k", unknown),
        ("/keys//k", unknown),
        ("/keys//", unknown),
        ("/keys/k//", unknown),
        ("/keys/k/Versions", unknown),
        ("/keys/k/versions/", unknown),
        ("/keys/k/versions/1", unknown),
        ("/keys/k/0123", unknown),
        ("/", unknown),
        ("/metrics", unknown),
        ("/secrets/k", unknown),
        ("/certificates", unknown),
    ];
    for (path, (status, code)) in rows {
        check(&admin, &asked("GET", &format!("{path}?api-version=7.4")), status, code);
    }
    check(&admin, &asked("GET", &format!("/keys/k/{VERSION}?api-version=7.4")), 404, "KeyNotFound");
    for method in ["DELETE", "HEAD", "OPTIONS", "POST", "PUT", "TRACE", "get", "MKCOL"] {
        let request = asked(method, "/keys?api-version=7.4").bytes(Vec::new());
        let answer = admin.try_send(&request).unwrap();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")), "{method}: {answer:?}");
    }
    target.is_sound();
}

#[test]
fn a_query_or_a_header_that_makes_no_sense_is_refused() {
    let target = Target::new(Setup::new());
    let admin = target.broker.admin();
    let long = format!("/keys?api-version=7.4&x={}", "y".repeat(5_000));
    let queries = [
        "/keys",
        "/keys?",
        "/keys?api-version",
        "/keys?api-version=",
        "/keys?api-version=latest",
        "/keys?api-version=7",
        "/keys?api-version=7.4%00",
        "/keys?api-version=7.4%0d%0aset-cookie:x",
        "/keys?API-VERSION=7.4",
        "/keys?api-version=7.4&api-version=7.5",
        "/keys?api-version=7.4&maxresults=0",
        "/keys?api-version=7.4&maxresults=26",
        "/keys?api-version=7.4&maxresults=-1",
        "/keys?api-version=7.4&maxresults=1e1",
        "/keys?api-version=7.4&maxresults=99999999999999999999",
        "/keys?api-version=7.4&$skiptoken=x",
        "/keys?api-version=7.4&$skiptoken=AgAAAAAAAAAB",
        "/keys?api-version=7.4&$skiptoken=AQAAAAAAAAAB&$skiptoken=AQAAAAAAAAAB",
        &long,
    ];
    for query in queries {
        check(&admin, &asked("GET", query), 400, "BadParameter");
    }
    let listing = || asked("GET", "/keys?api-version=7.4");
    let twice = [("host", "vault1.kv.test"), ("authorization", "Bearer x")];
    for (name, value) in twice {
        check(&admin, &listing().header(name, value).header(name, value), 400, "BadParameter");
    }
    let hosts = [
        "",
        " ",
        "vault1.kv.test.",
        "vault1..kv.test",
        ".kv.test",
        "vault1.kv.test:",
        "vault1.kv.test:0",
        "vault1.kv.test:99999",
        "vault1.kv.test:1:2",
        "vault1.kv.test/x",
        "user@vault1.kv.test",
        "vault1.kv.test#",
        "vault1\".kv.test",
        "v\u{e4}ult1.kv.test",
        "[::1",
        "-vault1.kv.test",
    ];
    for host in hosts {
        check(&admin, &listing().header("host", host), 400, "BadParameter");
    }
    for host in ["kv.test", "127.0.0.1", "a.vault1.kv.test", "vault1.kv.test.evil.example", "[::1]", "va--ult.kv.test"]
    {
        check(&admin, &listing().header("host", host), 404, "VaultNotFound");
    }
    check(&admin, &asked("GET", "https://other.kv.test/keys?api-version=7.4"), 400, "BadParameter");
    check(&admin, &Request::new("GET", "/keys?api-version=7.4"), 401, "Unauthorized");
    // An id of the caller's that could break a line is dropped, not echoed.
    for id in ["", "a\tb", "\u{fc}", &"x".repeat(129)] {
        let answer = admin.answer(&listing().header("x-ms-client-request-id", id)).with_status(200);
        assert_eq!(answer.header("x-ms-client-request-id"), None, "{id:?}");
    }
    target.is_sound();
}
