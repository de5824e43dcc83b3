//! unwrapkey and decrypt: a wrapped value in, the secret out.

use super::deed::Deed;
use super::{Broker, vault_of};
use crate::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use crate::entry::Asker;
use crate::grant::Scope;
use crate::key::{KeyOperation, KeyRecord, Use, VersionRecord};
use crate::name::{BackendName, KeyName, KeyVersion, VaultName};
use crate::port::{Backend, Candidate, Unwrapping};
use crate::refusal::{Failure, Refusal};
use crate::secret::Secret;
use crate::verb::{self, Operation};

/// What unwrapkey and decrypt ask for.
#[derive(Debug)]
pub struct UnwrapKey {
    pub vault: VaultName,
    pub key: KeyName,
    /// None: the enabled versions, newest first, so that a rotation strands nothing.
    pub version: Option<KeyVersion>,
    pub algorithm: WrapAlgorithm,
    pub value: Vec<u8>,
    pub extras: WrapExtras,
}

/// The secret, and the version that opened it.
#[derive(Debug)]
pub struct UnwrappedKey {
    pub version: KeyVersion,
    pub secret: Secret,
}

impl Broker {
    /// Opens a wrapped value with the version named, or with the first of the candidates that can.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`, `KeyDisabled`, `KeyOperationExcluded`, `AlgorithmUnsupported`,
    /// `Unwrappable`, or what the backend refuses.
    pub async fn unwrap_key(&self, asker: &Asker, ask: UnwrapKey) -> Result<UnwrappedKey, Refusal> {
        let mut deed = self.begin(asker, Operation::UnwrapKey, Scope::Key(ask.vault.clone(), ask.key.clone()));
        let result = match deed.permit::<verb::UnwrapKey>() {
            Ok(permit) => {
                self.unwrap_decided(&mut deed, Unwrapping::Unwrap(permit), KeyOperation::UnwrapKey, ask).await
            }
            Err(failure) => Err(failure),
        };
        self.finish(deed, result).await
    }

    /// The same deed under the permission and key operation `decrypt`.
    ///
    /// # Errors
    /// As [`Broker::unwrap_key`].
    pub async fn decrypt(&self, asker: &Asker, ask: UnwrapKey) -> Result<UnwrappedKey, Refusal> {
        let mut deed = self.begin(asker, Operation::Decrypt, Scope::Key(ask.vault.clone(), ask.key.clone()));
        let result = match deed.permit::<verb::Decrypt>() {
            Ok(permit) => self.unwrap_decided(&mut deed, Unwrapping::Decrypt(permit), KeyOperation::Decrypt, ask).await,
            Err(failure) => Err(failure),
        };
        self.finish(deed, result).await
    }

    async fn unwrap_decided(
        &self,
        deed: &mut Deed<'_>,
        permit: Unwrapping,
        operation: KeyOperation,
        ask: UnwrapKey,
    ) -> Result<UnwrappedKey, Failure> {
        deed.algorithm = Some(ask.algorithm.word());
        deed.version = ask.version;
        let vault = vault_of(deed.turn()?, &ask.vault)?;
        let record = self.record(&vault, &ask.key).await?;
        let tried = self.versions_to_try(deed, &record, &ask, operation)?;
        let home = tried[0].backend.clone();
        deed.backend = Some(home.clone());
        let backend = self.backend(&home)?;
        self.check_served(&*backend, ask.algorithm, &home)?;
        let mut candidates = Vec::with_capacity(tried.len());
        for version in tried {
            let material = self.store.material(&vault.name, &ask.key, version.version).await?;
            candidates.push(Candidate { version: version.version, spec: version.spec, material });
        }
        let unwrapped = backend.unwrap_key(permit, &candidates, ask.algorithm, &ask.value, &ask.extras).await;
        // Each try counts against the caller's rate; the permit took the first one out.
        deed.owe(match &unwrapped {
            Ok(unwrapped) => unwrapped.candidate.min(candidates.len()),
            Err(failure) if failure.refusal == Refusal::Unwrappable => candidates.len() - 1,
            Err(_) => 0,
        });
        let unwrapped = unwrapped?;
        let opened = candidates.get(unwrapped.candidate);
        let version =
            opened.ok_or_else(|| Failure::internal("the backend opened with no candidate it was given"))?.version;
        deed.version = Some(version);
        Ok(UnwrappedKey { version, secret: unwrapped.secret })
    }

    /// The version named; or the latest and those older ones that live in the same backend and fit the algorithm. At
    /// least one, or the refusal that the only (or the newest) one deserves.
    fn versions_to_try<'a>(
        &self,
        deed: &Deed<'_>,
        record: &'a KeyRecord,
        ask: &UnwrapKey,
        operation: KeyOperation,
    ) -> Result<Vec<&'a VersionRecord>, Failure> {
        let usable = |version: &VersionRecord| -> Result<(), Refusal> {
            version.check_use(&ask.key, Use::Open, deed.now_s)?;
            version.check_operation(&ask.key, operation)?;
            self.check_algorithm(ask.algorithm, version.spec, &ask.key)
        };
        let first = record.pick(ask.version)?;
        // RSA1_5's padding check lets one in some 30 000 random values pass, so it is never tried on a guess.
        if ask.version.is_some() || ask.algorithm == WrapAlgorithm::Rsa1V5 {
            usable(first)?;
            return Ok(vec![first]);
        }
        let mut tried: Vec<_> =
            record.candidates(self.limits.versions_tried_max).filter(|version| usable(version).is_ok()).collect();
        let Some(home) = tried.first().map(|version| version.backend.clone()) else {
            usable(first)?;
            return Err(Refusal::Unwrappable.into());
        };
        tried.retain(|version| version.backend == home);
        Ok(tried)
    }

    pub(super) fn check_algorithm(
        &self,
        algorithm: WrapAlgorithm,
        spec: KeySpec,
        key: &KeyName,
    ) -> Result<(), Refusal> {
        if algorithm == WrapAlgorithm::Rsa1V5 && !self.limits.rsa1_5 {
            let by = "this broker unless its configuration sets rsa1-5 = true (its padding leaks)".to_owned();
            return Err(Refusal::AlgorithmUnsupported { algorithm: algorithm.to_string(), by });
        }
        if algorithm.fits(spec) {
            return Ok(());
        }
        let by = format!("key {key}, which is {spec}");
        Err(Refusal::AlgorithmUnsupported { algorithm: algorithm.to_string(), by })
    }

    pub(super) fn check_served(
        &self,
        backend: &dyn Backend,
        algorithm: WrapAlgorithm,
        name: &BackendName,
    ) -> Result<(), Refusal> {
        if backend.capabilities().wrap_algorithms.contains(&algorithm) {
            return Ok(());
        }
        Err(Refusal::AlgorithmUnsupported { algorithm: algorithm.to_string(), by: format!("backend {name}") })
    }
}
