//! What plugins reach of the world, as far as the configuration lets each of them; and how they are loaded.

mod address;
mod asked;
mod credential;
mod delegates;
mod live;
mod loader;
mod network;
mod shelf;

pub use address::Cidr;
pub use asked::{Delegate, HttpLimits, LimitsAsked, Origin};
pub use credential::{Credential, CredentialSource};
pub use delegates::{BrokerCell, KeyDelegates};
pub use live::LivePlugins;
pub use loader::{Loader, network_of};
pub use network::HostNetwork;
pub use shelf::StoreShelf;
