//! register-object: an object that its owner brings along.

use super::super::Broker;
use super::super::deed::Deed;
use super::ObjectView;
use super::create_object::{NewObject, Planned, only};
use crate::entry::Asker;
use crate::grant::Scope;
use crate::name::VaultName;
use crate::object::{KeyFormat, ObjectAlgorithm, ObjectId, ObjectKind};
use crate::refusal::{Failure, Refusal};
use crate::secret::Secret;
use crate::verb::{self, Operation};

/// An object to be taken in.
#[derive(Debug)]
pub struct RegisterObject {
    pub vault: VaultName,
    pub kind: ObjectKind,
    pub algorithm: Option<ObjectAlgorithm>,
    pub bits: Option<u32>,
    pub format: KeyFormat,
    pub new: NewObject,
    /// At most 256 KiB.
    pub bytes: Secret,
}

impl Broker {
    /// Takes an object in as the asker's own. Durable when it answers.
    ///
    /// # Errors
    /// `Forbidden` (it takes `import` or `objectOwn` on the vault), `VaultNotFound`, `BadRequest`, or what the KEK's backend
    /// refuses.
    pub async fn register_object(&self, asker: &Asker, ask: RegisterObject) -> Result<ObjectView, Refusal> {
        let mut deed = self.begin(asker, Operation::RegisterObject, Scope::Vault(ask.vault.clone()));
        let result = self.register_object_decided(&mut deed, ask).await;
        self.finish(deed, result).await
    }

    async fn register_object_decided(&self, deed: &mut Deed<'_>, ask: RegisterObject) -> Result<ObjectView, Failure> {
        let vault = self.vault_to_keep_in::<verb::RegisterObject>(deed, &ask.vault)?;
        deed.algorithm = ask.algorithm.map(ObjectAlgorithm::word);
        let planned = Planned {
            id: ObjectId(self.random()),
            owner: deed.asker.principal.clone(),
            kind: ask.kind,
            algorithm: ask.algorithm,
            bits: ask.bits,
            format: ask.format,
            new: ask.new,
        };
        self.keep_new(deed, &vault, vec![(planned, ask.bytes)], Vec::new()).await.and_then(only)
    }
}
