//! What plugins may reach, through the real binary: each of those that ship does its work, and a hostile one gains nothing.
#![allow(clippy::unwrap_used)]

mod bao;
mod derive;
mod double;
mod examples;
mod fetch;
mod forward;
mod reach;

use keybroker_tests::{Asks as _, Broker, Client, SUFFIX, unb64};
use toml::Table;

const SECRET: [u8; 32] = [0x5E; 32];
/// What a guest that carries an interpreter needs.
const LARGE: &str = "memory-mib-max = 256\ntable-elements-max = 40000\ncore-instances-max = 48\ncalls-max = 8";

fn table(text: &str) -> Table {
    text.parse().unwrap()
}

fn of_vault(broker: &Broker, vault: &str) -> Client {
    broker.admin().of_host(&format!("{vault}.{SUFFIX}"))
}

/// Wraps [`SECRET`]; the wrapped value.
#[track_caller]
fn wrapped(client: &Client, key: &str, algorithm: &str) -> Vec<u8> {
    unb64(&client.wrap(key, algorithm, &SECRET).with_status(200).json()["value"])
}

#[track_caller]
fn opens(client: &Client, key: &str, algorithm: &str, value: &[u8]) {
    let opened = client.unwrap(key, algorithm, value).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), SECRET, "{key}");
}
