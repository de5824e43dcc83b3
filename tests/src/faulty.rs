//! A broker with a backend whose guest misbehaves as the name of the key says (`plugins/faulty`).

use toml::{Table, Value};

use crate::{Broker, Client, SUFFIX, Setup, guest};

/// A broker with `vault1` on `software` and `vault2` on `faulty`, each call of which may last so long.
#[must_use]
pub fn broker(call_ms_max: i64) -> Broker {
    let short: Table = [("call-ms-max".to_owned(), Value::from(call_ms_max))].into_iter().collect();
    let broker = Setup::new().backend("faulty", guest("faulty"), short).start();
    broker.ask(&["vault", "create", "vault2", "--backend", "faulty"]);
    broker
}

/// A client of its vault.
#[must_use]
pub fn client(broker: &Broker) -> Client {
    broker.admin().of_host(&format!("vault2.{SUFFIX}"))
}

/// How often this happened to it.
#[must_use]
pub fn events(broker: &Broker, event: &str) -> f64 {
    broker.metrics().sum("keybroker_plugin_events_total", &[("backend", "faulty"), ("event", event)])
}
