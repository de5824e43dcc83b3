//! Those sources of `broker-backend-wasm` that need no engine; never a copy of them.
#![allow(dead_code)] // what only the engine's side asks for

#[path = "../../../broker/backend-wasm/src/capability.rs"]
mod capability;
#[path = "../../../broker/backend-wasm/src/digits.rs"]
mod digits;
#[path = "../../../broker/backend-wasm/src/file.rs"]
mod file;
#[path = "../../../broker/backend-wasm/src/limits.rs"]
mod limits;
#[path = "../../../broker/backend-wasm/src/setting.rs"]
mod setting;
#[path = "../../../broker/backend-wasm/src/signature.rs"]
mod signature;

pub use capability::{Capability, Grants, Import};
pub use limits::Limits;
pub use setting::Setting;
pub use signature::{SignatureError, Trust, Vouched, signature_file, signature_line, vouched};
