//! What the configuration says of plugins, from the server's own sources: `crate::plugin` as `config` knows it.
#![allow(dead_code)] // what only a running plugin's requests ask for

#[path = "../../broker/server/src/plugin/address.rs"]
mod address;
#[path = "../../broker/server/src/plugin/asked.rs"]
mod asked;
#[path = "../../broker/server/src/plugin/credential.rs"]
mod credential;

pub use address::{Cidr, may_have};
pub use asked::{Delegate, HttpLimits, LimitsAsked, Origin};
pub use credential::{Credential, CredentialSource};
