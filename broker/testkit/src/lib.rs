//! Fakes that can fail, and the questions every adapter must answer; for tests only.
#![allow(clippy::unwrap_used)] // a test that cannot go on should panic

mod audit;
mod backend;
mod bench;
mod chance;
mod clock;
pub mod forge;
mod gate;
mod name;
pub mod object_questions;
mod run;
mod store;
pub mod store_questions;
pub mod timing;

pub use audit::RecordingAudit;
pub use backend::{Call, FakeBackend};
pub use bench::{Bench, SECOND};
pub use chance::SeededChance;
pub use clock::FixedClock;
pub use gate::Gate;
pub use name::{anchor_name, asker, backend_name, key_name, principal, vault_name};
pub use run::{poll_once, run};
pub use store::MemoryStore;
