//! What plugins reach of the world, as far as the configuration lets each of them; and how they are loaded.

mod address;
mod credential;
mod delegates;
mod live;
mod loader;
mod network;
mod shelf;

pub use address::Cidr;
pub use credential::{Credential, CredentialSource};
pub use delegates::{BrokerCell, Delegate, KeyDelegates};
pub use live::LivePlugins;
pub use loader::{LimitsAsked, Loader, network_of};
pub use network::{HostNetwork, HttpLimits, Origin};
pub use shelf::StoreShelf;
