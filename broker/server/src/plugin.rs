//! What plugins reach of the world, as far as the configuration lets each of them.

mod address;
mod credential;
mod delegates;
mod network;
mod shelf;

pub use address::Cidr;
pub use credential::{Credential, CredentialSource};
pub use delegates::{BrokerCell, Delegate, KeyDelegates};
pub use network::{HostNetwork, HttpLimits, Origin};
pub use shelf::StoreShelf;
