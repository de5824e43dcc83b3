//! Backends in JavaScript and Python, as `keybroker plugin new` begins them, serve like any other.

use keybroker_tests::{Asks as _, Setup, guest};

use crate::{LARGE, of_vault, opens, table, wrapped};

#[track_caller]
fn serves(name: &str) {
    // An interpreter takes its time on a machine that does other work.
    let config = table(&format!("grants = [\"crypto\", \"log\"]\ncall-ms-max = 20000\n{LARGE}"));
    let mut broker = Setup::new().backend("example", guest(name), config).start();
    broker.ask(&["vault", "create", "vault2", "--backend", "example"]);
    let client = of_vault(&broker, "vault2");
    let first = client.create("k", "oct", 256);
    let (kw, kwp) = (wrapped(&client, &first, "A256KW"), wrapped(&client, &first, "A256KWP"));
    let second = client.rotate("k");
    assert_ne!(first, second);
    let of_second = wrapped(&client, &second, "A256KW");
    broker.restart();
    let client = of_vault(&broker, "vault2");
    opens(&client, &first, "A256KW", &kw);
    opens(&client, &first, "A256KWP", &kwp);
    opens(&client, &second, "A256KW", &of_second);
    // No version named: the broker finds the one that opens it.
    opens(&client, "/keys/k", "A256KW", &kw);
    client.unwrap(&second, "A256KW", &kw).with_status(400);
    client.post("/keys/r/create", &serde_json::json!({ "kty": "RSA", "key_size": 2048 })).with_status(400);
    assert_eq!(client.call("DELETE", "/keys/k", None).status, 200);
    client.unwrap(&second, "A256KW", &of_second).with_status(404);
    let calls = broker.metrics().sum("keybroker_plugin_events_total", &[("backend", "example"), ("event", "call")]);
    assert!(calls >= 5.0, "{calls} calls");
}

#[test]
fn a_backend_in_javascript_serves() {
    serves("example-js");
}

#[test]
fn a_backend_in_python_serves() {
    serves("example-python");
}
