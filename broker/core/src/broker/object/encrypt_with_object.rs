//! encrypt-with-object and decrypt-with-object: data under a managed key, inside the broker.

use super::super::Broker;
use super::super::deed::Deed;
use super::hash_data::check_data;
use super::{key_in_use, scope_of};
use crate::entry::Asker;
use crate::grant::Permit;
use crate::name::VaultName;
use crate::object::{ObjectAlgorithm, ObjectId, Usage};
use crate::object_crypto::{CipherExtras, Ciphered, CryptoParameters};
use crate::refusal::{Failure, Refusal};
use crate::secret::Secret;
use crate::verb::{self, Operation};

/// What Encrypt asks for.
#[derive(Debug)]
pub struct EncryptWithObject {
    pub vault: VaultName,
    pub id: ObjectId,
    pub with: CryptoParameters,
    /// At most 1 MiB.
    pub data: Secret,
    pub extras: CipherExtras,
    /// The data are a key: it takes the use Wrap Key instead of Encrypt.
    pub wraps: bool,
}

/// What Decrypt asks for.
#[derive(Debug)]
pub struct DecryptWithObject {
    pub vault: VaultName,
    pub id: ObjectId,
    pub with: CryptoParameters,
    pub data: Vec<u8>,
    pub extras: CipherExtras,
    /// The data are a key: it takes the use Unwrap Key instead of Decrypt.
    pub unwraps: bool,
}

impl Broker {
    /// Encrypts under an active object that is for it.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `ObjectNotFound`, `ObjectWrongState`, `ObjectUsageExcluded`, `AlgorithmUnsupported`,
    /// `BadRequest`, or what the KEK's backend refuses.
    pub async fn encrypt_with_object(&self, asker: &Asker, ask: EncryptWithObject) -> Result<Ciphered, Refusal> {
        let mut deed = self.begin(asker, Operation::EncryptWithObject, scope_of(&ask.vault, ask.id));
        let result = self.encrypt_decided(&mut deed, &ask).await;
        self.finish(deed, result).await
    }

    async fn encrypt_decided(&self, deed: &mut Deed<'_>, ask: &EncryptWithObject) -> Result<Ciphered, Failure> {
        let (_spent, _, record): (Permit<verb::EncryptWithObject>, _, _) =
            self.object_for(deed, &ask.vault, ask.id).await?;
        deed.algorithm = record.algorithm.map(ObjectAlgorithm::word);
        check_data(ask.data.expose())?;
        let usage = if ask.wraps { Usage::WrapKey } else { Usage::Encrypt };
        let key = self.object_key(deed, &record, usage, ask.data.len()).await?;
        self.object_crypto.encrypt(&key_in_use(&record, &key), &ask.with, &ask.data, &ask.extras)
    }

    /// Decrypts under an object that is for it: active, deactivated or compromised.
    ///
    /// # Errors
    /// As [`Broker::encrypt_with_object`], and `Unwrappable`.
    pub async fn decrypt_with_object(&self, asker: &Asker, ask: DecryptWithObject) -> Result<Secret, Refusal> {
        let mut deed = self.begin(asker, Operation::DecryptWithObject, scope_of(&ask.vault, ask.id));
        let result = self.decrypt_decided(&mut deed, &ask).await;
        self.finish(deed, result).await
    }

    async fn decrypt_decided(&self, deed: &mut Deed<'_>, ask: &DecryptWithObject) -> Result<Secret, Failure> {
        let (_spent, _, record): (Permit<verb::DecryptWithObject>, _, _) =
            self.object_for(deed, &ask.vault, ask.id).await?;
        deed.algorithm = record.algorithm.map(ObjectAlgorithm::word);
        check_data(&ask.data)?;
        let usage = if ask.unwraps { Usage::UnwrapKey } else { Usage::Decrypt };
        let key = self.object_key(deed, &record, usage, ask.data.len()).await?;
        self.object_crypto.decrypt(&key_in_use(&record, &key), &ask.with, &ask.data, &ask.extras)
    }
}
