//! sign, verify, MAC and MAC verify under a managed key, inside the broker.

use super::super::Broker;
use super::super::deed::Deed;
use super::hash_data::check_data;
use super::{key_in_use, scope_of};
use crate::entry::Asker;
use crate::name::VaultName;
use crate::object::{ObjectAlgorithm, ObjectId, ObjectRecord, Usage};
use crate::object_crypto::CryptoParameters;
use crate::refusal::{Failure, Refusal};
use crate::secret::Secret;
use crate::verb::{self, Operation, Verb};

/// What Sign and MAC ask for.
#[derive(Debug, Clone)]
pub struct SignWithObject {
    pub vault: VaultName,
    pub id: ObjectId,
    pub with: CryptoParameters,
    /// At most 1 MiB.
    pub data: Vec<u8>,
    /// The data are the digest already; of no meaning to a MAC.
    pub digested: bool,
}

/// What Signature Verify and MAC Verify ask for.
#[derive(Debug, Clone)]
pub struct VerifyWithObject {
    pub of: SignWithObject,
    /// The signature, or the MAC.
    pub proof: Vec<u8>,
}

impl Broker {
    /// Signs under an active private key.
    ///
    /// # Errors
    /// As [`Broker::encrypt_with_object`].
    pub async fn sign_with_object(&self, asker: &Asker, ask: SignWithObject) -> Result<Vec<u8>, Refusal> {
        let mut deed = self.begin(asker, Operation::SignWithObject, scope_of(&ask.vault, ask.id));
        let result = match self.opened::<verb::SignWithObject>(&mut deed, &ask, Usage::Sign).await {
            Ok((record, key)) => {
                self.object_crypto.sign(&key_in_use(&record, &key), &ask.with, &ask.data, ask.digested)
            }
            Err(failure) => Err(failure),
        };
        self.finish(deed, result).await
    }

    /// Whether a signature is the key's.
    ///
    /// # Errors
    /// As [`Broker::encrypt_with_object`].
    pub async fn verify_with_object(&self, asker: &Asker, ask: VerifyWithObject) -> Result<bool, Refusal> {
        let of = &ask.of;
        let mut deed = self.begin(asker, Operation::VerifyWithObject, scope_of(&of.vault, of.id));
        let result = match self.opened::<verb::VerifyWithObject>(&mut deed, of, Usage::Verify).await {
            Ok((record, key)) => {
                let key = key_in_use(&record, &key);
                self.object_crypto.verify(&key, &of.with, &of.data, of.digested, &ask.proof)
            }
            Err(failure) => Err(failure),
        };
        self.finish(deed, result).await
    }

    /// The MAC of data under an active key.
    ///
    /// # Errors
    /// As [`Broker::encrypt_with_object`].
    pub async fn mac_with_object(&self, asker: &Asker, ask: SignWithObject) -> Result<Vec<u8>, Refusal> {
        let mut deed = self.begin(asker, Operation::MacWithObject, scope_of(&ask.vault, ask.id));
        let result = match self.opened::<verb::MacWithObject>(&mut deed, &ask, Usage::MacGenerate).await {
            Ok((record, key)) => self.object_crypto.mac(&key_in_use(&record, &key), &ask.with, &ask.data),
            Err(failure) => Err(failure),
        };
        self.finish(deed, result).await
    }

    /// Whether a MAC is the key's.
    ///
    /// # Errors
    /// As [`Broker::encrypt_with_object`].
    pub async fn mac_verify_with_object(&self, asker: &Asker, ask: VerifyWithObject) -> Result<bool, Refusal> {
        let of = &ask.of;
        let mut deed = self.begin(asker, Operation::MacVerifyWithObject, scope_of(&of.vault, of.id));
        let result = match self.opened::<verb::MacVerifyWithObject>(&mut deed, of, Usage::MacVerify).await {
            Ok((record, key)) => {
                self.object_crypto.mac_verify(&key_in_use(&record, &key), &of.with, &of.data, &ask.proof)
            }
            Err(failure) => Err(failure),
        };
        self.finish(deed, result).await
    }

    /// The object and its bytes, for who may use it so now.
    async fn opened<V: Verb>(
        &self,
        deed: &mut Deed<'_>,
        ask: &SignWithObject,
        usage: Usage,
    ) -> Result<(std::sync::Arc<ObjectRecord>, Secret), Failure> {
        let (_spent, _, record) = self.object_for::<V>(deed, &ask.vault, ask.id).await?;
        deed.algorithm = record.algorithm.map(ObjectAlgorithm::word);
        check_data(&ask.data)?;
        let key = self.object_key(deed, &record, usage, ask.data.len()).await?;
        Ok((record, key))
    }
}
