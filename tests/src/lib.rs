//! Drives the real binary from outside, with other people's clients, and breaks things.
#![allow(clippy::unwrap_used)] // whatever goes wrong in here is a failed test

mod artefact;
mod broker;
pub mod crash;
pub mod desk;
mod disk;
pub mod faulty;
mod fuzz;
mod https;
mod keyvault;
pub mod kmip;
mod metrics;
mod pki;
mod process;
mod prometheus;
mod setup;
mod token;
mod wait;

pub use artefact::{
    componentize, deploy_folder, disk_shim, guest, guests_target, keybroker, node, python, python_samples,
    schemathesis, tests_folder,
};
pub use broker::Broker;
pub use disk::{Fault, FaultyDisk};
pub use fuzz::{FuzzRun, fuzz, fuzz_folder, fuzz_targets};
pub use https::{Answer, Client, Connection, Request};
pub use keyvault::{AUTHORIZATION, Asks, b64, unb64};
pub use metrics::Metrics;
pub use pki::{Authority, CertificateRequest, Identity, Leaf, days_from_now, seconds_from_now};
pub use process::cpu_s;
pub use prometheus::{Prometheus, promtool};
pub use setup::{ADMIN, ClientCa, SUFFIX, Setup, TRUST_DOMAIN};
pub use token::SoftToken;
pub use wait::{WAIT_MAX, eventually, finished, now_s, run};
