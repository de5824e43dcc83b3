//! A guest that ordinary tools made asks other hosts through `wasi:http`: it gets as far as one that asks through ours.

use keybroker_tests::{Asks as _, Broker, Setup, guest};
use toml::Table;

use crate::reach::{Host, TOKEN};
use crate::{LARGE, SECRET, of_vault, opens, table, wrapped};

fn config(allowed: &str, forbidden: &str, grants: &str) -> Table {
    table(&format!(
        r#"
grants = [{grants}]
settings = {{ allowed = "{allowed}", forbidden = "{forbidden}" }}
call-ms-max = 20000
{LARGE}
[http]
hosts = ["{allowed}"]
networks = ["127.0.0.1"]
request-ms-max = 2000
[[credential]]
name = "token"
header = "x-token"
file = "token"
"#
    ))
}

fn denied(broker: &Broker) -> f64 {
    broker.metrics().sum("keybroker_plugin_events_total", &[("backend", "fetch"), ("event", "http-denied")])
}

#[test]
fn a_guest_of_wasi_http_goes_where_it_may_and_nowhere_else() {
    let forbidden = Host::start(String::new());
    let forbidden_url = format!("http://127.0.0.1:{}", forbidden.port);
    let allowed = Host::start(forbidden_url.clone());
    let grants = r#""credentials", "crypto", "http", "log", "settings""#;
    let config = config(&format!("http://127.0.0.1:{}", allowed.port), &forbidden_url, grants);
    let mut broker = Setup::new().backend("fetch", guest("fetch-js"), config).init();
    std::fs::write(broker.home().join("token"), TOKEN).unwrap();
    broker.serve();
    broker.ask(&["vault", "create", "vault2", "--backend", "fetch"]);
    let client = of_vault(&broker, "vault2");
    for name in ["fetch-allowed", "fetch-body", "fetch-credential"] {
        let key = client.create(name, "oct", 256);
        opens(&client, &key, "A256KW", &wrapped(&client, &key, "A256KW"));
    }
    assert!(allowed.came() > 0);
    for (name, status, is_denied) in [
        ("fetch-forbidden", 503, true),
        ("fetch-redirect", 503, true),
        ("fetch-slow", 503, false),
        ("fetch-large", 503, false),
        // Its runtime gives up when it may not write on.
        ("fetch-flood", 502, false),
        ("fetch-credential-echo", 503, true),
        ("fetch-credential-stranger", 503, true),
        ("fetch-storm", 502, false),
    ] {
        let before = denied(&broker);
        let key = client.create(name, "oct", 256);
        let answer = client.wrap(&key, "A256KW", &SECRET);
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        assert_eq!(denied(&broker) > before, is_denied, "{name}");
    }
    assert_eq!(forbidden.came(), 0, "somebody went there");
    let log = broker.log();
    for told in ["a host that is not listed", "it was withheld"] {
        assert!(log.contains(told), "{told}: {log}");
    }
    // Whichever limit its garbage collector lets it reach first.
    assert!(log.contains("held more than 64 handles") || log.contains("called the host more than 1000 times"), "{log}");
    assert!(!log.contains(TOKEN));
}

#[test]
fn wasi_http_is_granted_by_http_and_refused_without_by_name() {
    let refused = |grants: &str| {
        let config = config("http://127.0.0.1:1", "http://127.0.0.1:1", grants);
        let mut broker = Setup::new().backend("fetch", guest("fetch-js"), config).init();
        std::fs::write(broker.home().join("token"), TOKEN).unwrap();
        broker.try_serve().unwrap_err()
    };
    // Credentials make a section with hosts; what the component imports is another matter.
    let told = refused(r#""credentials", "crypto", "log", "settings""#);
    for expected in
        ["wasi:http/outgoing-handler", "wasi:io/poll", "which its configuration does not grant: add \"http\" to"]
    {
        assert!(told.contains(expected), "{expected}: {told}");
    }
}
