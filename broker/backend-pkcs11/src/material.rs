//! How a key version is found in a token: by CKA_ID and CKA_LABEL. The broker's material holds no more than that.

use broker_core::name::{KeyName, KeyVersion, VaultName};
use broker_core::port::Candidate;
use broker_core::refusal::Failure;

use crate::wire::ObjectName;

/// First byte of the material: what follows is a CKA_ID of 16 bytes, the version.
const FORMAT: u8 = 1;

/// The name under which a version lies in the token. The label binds it to its vault and key: material moved to another
/// vault's record opens nothing.
pub fn object_name(vault: &VaultName, key: &KeyName, version: KeyVersion) -> ObjectName {
    ObjectName { id: version.0, label: format!("{vault}/{key}/{version}") }
}

/// The opaque bytes the store keeps for a version.
pub fn opaque(version: KeyVersion) -> Vec<u8> {
    [&[FORMAT], &version.0[..]].concat()
}

/// The name of a version that exists.
///
/// # Errors
/// `Internal` when the material is not of this backend, or of another version.
pub fn name_of(vault: &VaultName, key: &KeyName, candidate: &Candidate) -> Result<ObjectName, Failure> {
    if candidate.material.opaque != opaque(candidate.version) {
        return Err(Failure::internal(format!("the material of version {} is not of an HSM", candidate.version)));
    }
    Ok(object_name(candidate.home(vault), key, candidate.version))
}
