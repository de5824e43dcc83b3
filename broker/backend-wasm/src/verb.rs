//! What is done for each exported function, one file each.

mod backup;
mod describe;
mod destroy_key;
mod generate_key;
mod import_key;
mod self_test;
mod sign;
mod unwrap_key;
mod verify;
mod wrap_key;

use broker_core::grant::Scope;
use broker_core::name::KeyVersion;
use broker_core::port::Candidate;
use broker_core::refusal::Failure;
use broker_core::secret::Secret;
use wasmtime::component::Resource;

use crate::call::Instance;
use crate::frame::Place;

/// The one key a permit was given for, in one version.
fn place_of(scope: &Scope, version: KeyVersion) -> Result<Place, Failure> {
    match scope {
        Scope::Key(vault, key) => Ok(Place { vault: vault.clone(), key: key.clone(), version }),
        Scope::Broker | Scope::Vault(_) => Err(Failure::internal(format!("permit for {scope}, which is no key"))),
    }
}

/// The same, where the material was made: a backup may have brought it from another vault.
fn home_of(scope: &Scope, candidate: &Candidate) -> Result<Place, Failure> {
    let place = place_of(scope, candidate.version)?;
    Ok(Place { vault: candidate.home(&place.vault).clone(), ..place })
}

impl<E> Instance<E> {
    /// Puts a secret in the guest's reach.
    fn lend(&mut self, secret: Secret) -> Result<Resource<Secret>, Failure> {
        let lent = self.store.data_mut().lend(secret);
        self.settle(lent)
    }
}
