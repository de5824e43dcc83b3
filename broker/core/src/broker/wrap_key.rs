//! wrapkey and encrypt: a secret in, its wrapped form out.

use super::deed::Deed;
use super::{Broker, SECRET_BYTES_MAX, vault_of};
use crate::algorithm::{WrapAlgorithm, WrapExtras, Wrapped};
use crate::entry::Asker;
use crate::grant::Scope;
use crate::key::{KeyOperation, Use};
use crate::name::{KeyName, KeyVersion, VaultName};
use crate::port::{Candidate, Wrapping};
use crate::refusal::{Failure, Refusal};
use crate::secret::Secret;
use crate::verb::{self, Operation};

/// What wrapkey and encrypt ask for.
#[derive(Debug)]
pub struct WrapKey {
    pub vault: VaultName,
    pub key: KeyName,
    /// None: the latest.
    pub version: Option<KeyVersion>,
    pub algorithm: WrapAlgorithm,
    /// 1 to 65 536 bytes; what the algorithm takes is less.
    pub secret: Secret,
    pub extras: WrapExtras,
}

/// The wrapped form, and the version that opens it.
#[derive(Debug)]
pub struct WrappedKey {
    pub version: KeyVersion,
    pub wrapped: Wrapped,
}

impl Broker {
    /// Wraps a secret under a version, or the latest when none is named.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `KeyNotFound`, `KeyDisabled`, `KeyExpired`, `KeyNotYetValid`, `KeyOperationExcluded`,
    /// `AlgorithmUnsupported`, `BadRequest`, or what the backend refuses.
    pub async fn wrap_key(&self, asker: &Asker, ask: WrapKey) -> Result<WrappedKey, Refusal> {
        let mut deed = self.begin(asker, Operation::WrapKey, Scope::Key(ask.vault.clone(), ask.key.clone()));
        let result = match deed.permit::<verb::WrapKey>() {
            Ok(permit) => self.wrap_decided(&mut deed, Wrapping::Wrap(permit), KeyOperation::WrapKey, ask).await,
            Err(failure) => Err(failure),
        };
        self.finish(deed, result).await
    }

    /// The same deed under the permission and key operation `encrypt`.
    ///
    /// # Errors
    /// As [`Broker::wrap_key`].
    pub async fn encrypt(&self, asker: &Asker, ask: WrapKey) -> Result<WrappedKey, Refusal> {
        let mut deed = self.begin(asker, Operation::Encrypt, Scope::Key(ask.vault.clone(), ask.key.clone()));
        let result = match deed.permit::<verb::Encrypt>() {
            Ok(permit) => self.wrap_decided(&mut deed, Wrapping::Encrypt(permit), KeyOperation::Encrypt, ask).await,
            Err(failure) => Err(failure),
        };
        self.finish(deed, result).await
    }

    async fn wrap_decided(
        &self,
        deed: &mut Deed<'_>,
        permit: Wrapping,
        operation: KeyOperation,
        ask: WrapKey,
    ) -> Result<WrappedKey, Failure> {
        deed.algorithm = Some(ask.algorithm.word());
        deed.version = ask.version;
        let vault = vault_of(deed.turn()?, &ask.vault)?;
        let record = self.record(&vault, &ask.key).await?;
        let version = record.pick(ask.version)?;
        deed.version = Some(version.version);
        deed.backend = Some(version.backend.clone());
        version.check_use(&ask.key, Use::Protect, deed.now_s)?;
        version.check_operation(&ask.key, operation)?;
        self.check_algorithm(ask.algorithm, version.spec, &ask.key)?;
        if ask.secret.is_empty() || ask.secret.len() > SECRET_BYTES_MAX {
            return Err(Failure::bad_request(format!(
                "value has {} bytes, but 1 to {SECRET_BYTES_MAX} can be wrapped",
                ask.secret.len()
            )));
        }
        let backend = self.backend(&version.backend)?;
        self.check_served(&*backend, ask.algorithm, &version.backend)?;
        let material = self.store.material(&vault.name, &ask.key, version.version).await?;
        let under = Candidate { version: version.version, spec: version.spec, material };
        let wrapped = backend.wrap_key(permit, &under, ask.algorithm, ask.secret, &ask.extras).await?;
        Ok(WrappedKey { version: under.version, wrapped })
    }
}
