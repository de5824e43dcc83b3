//! Runs a stranger's component in a locked room, one call at a time.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod backend;
mod budget;
mod call;
mod capability;
mod compiled_cache;
mod contract;
mod counters;
mod describe;
mod digits;
mod engine;
mod file;
mod frame;
mod inspect;
mod key_cache;
mod limits;
mod load;
mod load_compiled;
mod outside;
mod refuse;
mod room;
mod setting;
mod signature;
mod state;
mod ticker;
mod translate;
mod verb;

pub use backend::WasmBackend;
pub use capability::{Capability, Grants, Import};
pub use counters::{Counters, Counts};
pub use describe::{Described, Lie};
pub use inspect::{Inspection, inspect};
pub use limits::Limits;
pub use load::{LoadError, Origin, PluginKeys, PluginSpec};
pub use outside::{Answer, Ask, Delegates, Kept, Network, NoAnswer, Outside, Shelf, Step};
pub use room::Lines;
pub use setting::Setting;
pub use signature::{SignatureError, Trust, Vouched, signature_file, signature_line};
