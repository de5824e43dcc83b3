//! The operations as data: from which version on, and which verbs of the core each may ask for.

use broker_core::verb::Operation as Verb;

use crate::table::Operation;

/// One operation that is served.
#[derive(Debug)]
pub struct Route {
    pub operation: Operation,
    /// The minor version of KMIP 1 that brought it.
    pub since: u8,
    /// Every verb that serving it may ask for; none for what is answered without the core.
    pub verbs: &'static [Verb],
}

const fn route(operation: Operation, since: u8, verbs: &'static [Verb]) -> Route {
    Route { operation, since, verbs }
}

/// Every operation that is served, in the standard's order (section 9.1.3.2.27).
pub const ROUTES: &[Route] = &[
    route(Operation::Create, 0, &[Verb::CreateObject, Verb::LocateObjects, Verb::GetObject]),
    route(Operation::CreateKeyPair, 0, &[Verb::CreateObject, Verb::LocateObjects, Verb::GetObject]),
    route(Operation::Register, 0, &[Verb::RegisterObject, Verb::LocateObjects, Verb::GetObject]),
    route(Operation::ReKey, 0, &[Verb::RekeyObject]),
    route(Operation::DeriveKey, 0, &[Verb::DeriveObject, Verb::GetObject]),
    route(Operation::Locate, 0, &[Verb::LocateObjects]),
    route(Operation::Check, 0, &[Verb::GetObject]),
    route(Operation::Get, 0, &[Verb::GetObject, Verb::RevealObject, Verb::EncryptWithObject]),
    route(Operation::GetAttributes, 0, &[Verb::GetObject]),
    route(Operation::GetAttributeList, 0, &[Verb::GetObject]),
    route(Operation::AddAttribute, 0, &[Verb::UpdateObject]),
    route(Operation::ModifyAttribute, 0, &[Verb::UpdateObject]),
    route(Operation::DeleteAttribute, 0, &[Verb::UpdateObject]),
    route(Operation::Activate, 0, &[Verb::ActivateObject]),
    route(Operation::Revoke, 0, &[Verb::RevokeObject]),
    route(Operation::Destroy, 0, &[Verb::DestroyObject]),
    route(Operation::Query, 0, &[]),
    route(Operation::ReKeyKeyPair, 1, &[Verb::RekeyObject, Verb::GetObject]),
    route(Operation::DiscoverVersions, 1, &[]),
    route(Operation::Encrypt, 2, &[Verb::EncryptWithObject, Verb::GetObject]),
    route(Operation::Decrypt, 2, &[Verb::DecryptWithObject, Verb::GetObject]),
    route(Operation::Sign, 2, &[Verb::SignWithObject, Verb::GetObject]),
    route(Operation::SignatureVerify, 2, &[Verb::VerifyWithObject, Verb::GetObject]),
    route(Operation::MAC, 2, &[Verb::MacWithObject, Verb::GetObject]),
    route(Operation::MACVerify, 2, &[Verb::MacVerifyWithObject, Verb::GetObject]),
    route(Operation::RNGRetrieve, 2, &[Verb::RandomBytes]),
    route(Operation::Hash, 2, &[Verb::HashData]),
];

/// The route of an operation.
#[must_use]
pub fn find(operation: Operation) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.operation == operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_stand_in_the_standards_order_and_once() {
        assert!(ROUTES.is_sorted_by(|one, other| one.operation.value() < other.operation.value()));
    }
}
