//! One verb, one file.

mod destroy_key;
mod generate_key;
mod self_test;
mod sign;
mod unwrap_key;
mod verify;
mod wrap_key;

use broker_core::grant::Scope;
use broker_core::name::{KeyName, VaultName};
use broker_core::refusal::Failure;

/// The one key a permit is for.
fn key_of(scope: &Scope) -> Result<(&VaultName, &KeyName), Failure> {
    let key = scope.vault().zip(scope.key());
    key.ok_or_else(|| Failure::internal(format!("permit for {scope}, which is no key")))
}
