//! sign and verify: a digest in, a signature or a verdict out.

use std::sync::Arc;

use super::deed::Deed;
use super::{Broker, vault_of};
use crate::algorithm::SignAlgorithm;
use crate::entry::Asker;
use crate::grant::Scope;
use crate::key::{KeyOperation, Use, VersionRecord};
use crate::name::{KeyName, KeyVersion, VaultName};
use crate::port::{Backend, Candidate};
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

/// What sign and verify ask for.
#[derive(Debug)]
pub struct Sign {
    pub vault: VaultName,
    pub key: KeyName,
    /// None: the latest.
    pub version: Option<KeyVersion>,
    pub algorithm: SignAlgorithm,
    /// As many bytes as the algorithm's hash gives.
    pub digest: Vec<u8>,
}

/// A signature, and the version that made it.
#[derive(Debug)]
pub struct Signed {
    pub version: KeyVersion,
    pub signature: Vec<u8>,
}

impl Broker {
    /// Signs a digest with a version, or the latest when none is named.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`, `KeyDisabled`, `KeyExpired`, `KeyNotYetValid`, `KeyOperationExcluded`,
    /// `AlgorithmUnsupported`, `BadRequest`, or what the backend refuses.
    pub async fn sign(&self, asker: &Asker, ask: Sign) -> Result<Signed, Refusal> {
        let mut deed = self.begin(asker, Operation::Sign, Scope::Key(ask.vault.clone(), ask.key.clone()));
        let result = self.sign_decided(&mut deed, ask).await;
        self.finish(deed, result).await
    }

    async fn sign_decided(&self, deed: &mut Deed<'_>, ask: Sign) -> Result<Signed, Failure> {
        let permit = deed.permit::<verb::Sign>()?;
        let (backend, under) = self.signer(deed, &ask, Use::Protect, KeyOperation::Sign).await?;
        let signature = backend.sign(permit, &under, ask.algorithm, &ask.digest).await?;
        Ok(Signed { version: under.version, signature })
    }

    /// Whether a signature over a digest is the version's. A wrong one is an answer, not a refusal.
    ///
    /// # Errors
    /// As [`Broker::sign`], the dates excepted: they do not rule verifying out.
    pub async fn verify(&self, asker: &Asker, ask: Sign, signature: Vec<u8>) -> Result<bool, Refusal> {
        let mut deed = self.begin(asker, Operation::Verify, Scope::Key(ask.vault.clone(), ask.key.clone()));
        let result = self.verify_decided(&mut deed, ask, &signature).await;
        self.finish(deed, result).await
    }

    async fn verify_decided(&self, deed: &mut Deed<'_>, ask: Sign, signature: &[u8]) -> Result<bool, Failure> {
        let permit = deed.permit::<verb::Verify>()?;
        let (backend, under) = self.signer(deed, &ask, Use::Open, KeyOperation::Verify).await?;
        backend.verify(permit, &under, ask.algorithm, &ask.digest, signature).await
    }

    async fn signer(
        &self,
        deed: &mut Deed<'_>,
        ask: &Sign,
        what: Use,
        operation: KeyOperation,
    ) -> Result<(Arc<dyn Backend>, Candidate), Failure> {
        deed.algorithm = Some(ask.algorithm.word());
        deed.version = ask.version;
        let vault = vault_of(deed.turn()?, &ask.vault)?;
        let record = self.record(&vault, &ask.key).await?;
        let version = record.pick(ask.version)?;
        deed.version = Some(version.version);
        deed.backend = Some(version.backend.clone());
        version.check_use(&ask.key, what, deed.now_s)?;
        version.check_operation(&ask.key, operation)?;
        check_digest(ask, version)?;
        let backend = self.backend(&version.backend)?;
        if !backend.capabilities().sign_algorithms.contains(&ask.algorithm) {
            let by = format!("backend {}", version.backend);
            return Err(Refusal::AlgorithmUnsupported { algorithm: ask.algorithm.to_string(), by }.into());
        }
        let material = self.store.material(&vault.name, &ask.key, version.version).await?;
        Ok((backend, Candidate { version: version.version, spec: version.spec, material }))
    }
}

fn check_digest(ask: &Sign, version: &VersionRecord) -> Result<(), Failure> {
    if !ask.algorithm.fits(version.spec) {
        let by = format!("key {}, which is {}", ask.key, version.spec);
        return Err(Refusal::AlgorithmUnsupported { algorithm: ask.algorithm.to_string(), by }.into());
    }
    let (given, wanted) = (ask.digest.len(), ask.algorithm.digest_bytes());
    if given == wanted {
        return Ok(());
    }
    Err(Failure::bad_request(format!("{} signs a digest of {wanted} bytes, but this one has {given}", ask.algorithm)))
}
