//! Names and askers as tests write them: a bad one is the test's own mistake and panics.

use broker_core::entry::{Asker, Front, Peer};
use broker_core::name::{AnchorName, BackendName, KeyName, Principal, RequestId, VaultName};

#[must_use]
pub fn anchor_name(text: &str) -> AnchorName {
    AnchorName::parse(text).unwrap()
}

#[must_use]
pub fn backend_name(text: &str) -> BackendName {
    BackendName::parse(text).unwrap()
}

#[must_use]
pub fn key_name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

#[must_use]
pub fn principal(text: &str) -> Principal {
    Principal::parse(text).unwrap()
}

#[must_use]
pub fn vault_name(text: &str) -> VaultName {
    VaultName::parse(text).unwrap()
}

/// A request by this principal.
#[must_use]
pub fn asker(who: &str) -> Asker {
    Asker {
        request: RequestId::from_random([7; 16]),
        client_request_id: None,
        principal: principal(who),
        fingerprint_sha256: None,
        peer: Peer::Network(([127, 0, 0, 1], 1).into()),
        front: Front::Keyvault,
        proof: None,
        journal: None,
    }
}
