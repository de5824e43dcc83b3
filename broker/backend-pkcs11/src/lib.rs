//! Talks to an HSM from a child process that may hang or die; the only room that loads C.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod attempt;
mod backend;
mod capability;
mod counters;
mod link;
mod material;
mod oaep;
mod quirk;
mod refuse;
mod root;
mod socket;
mod spec;
mod token;
mod verb;
pub mod wire;
mod worker;

pub use backend::{OpenError, Pkcs11Backend};
pub use counters::{Counters, Counts, TokenHealth, TokenState};
pub use root::RootToken;
pub use spec::{Limits, PinSource, PkcsSpec, Sandbox, TokenName, TokenSpec, WorkerCommand};
pub use worker::run as run_worker;
