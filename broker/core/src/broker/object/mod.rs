//! Managed objects: one method a verb, as for keys. An object is its owner's; grants on its vault or on the object widen
//! that. Its bytes are opened for one call and wiped after it.

mod activate_object;
mod create_object;
mod derive_object;
mod destroy_object;
mod encrypt_with_object;
mod get_object;
mod hash_data;
mod kek;
mod locate_objects;
mod names;
mod register_object;
mod rekey_object;
mod revoke_object;
mod rewrap_objects;
mod rotate_kek;
mod settle_objects;
mod sign_with_object;
mod undo_objects;
mod update_object;

use std::sync::Arc;

pub use create_object::{CreateObject, CreateObjectPair, NewObject};
pub use derive_object::DeriveObject;
pub use encrypt_with_object::{DecryptWithObject, EncryptWithObject};
pub use get_object::RevealedObject;
pub use locate_objects::{LOCATED_MAX, LocateObjects};
pub use register_object::RegisterObject;
pub use rekey_object::RekeyObject;
pub use rewrap_objects::{REWRAPPED_MAX, Rewrapped};
pub use sign_with_object::{SignWithObject, VerifyWithObject};
pub use undo_objects::Journal;
pub use update_object::Edit;

use self::names::Naming;
use super::create_key::STALE_TRIES_MAX;
use super::deed::Deed;
use super::{Broker, vault_of};
use crate::grant::{Permit, Scope};
use crate::name::VaultName;
use crate::object::{
    Attributes, Kept, KeyFormat, Life, ObjectAlgorithm, ObjectId, ObjectKind, ObjectRecord, ObjectState, Usage,
};
use crate::object_crypto::KeyInUse;
use crate::permission::Permission;
use crate::port::{Change, CommitError};
use crate::refusal::{Failure, Refusal};
use crate::secret::Secret;
use crate::vault::Vault;
use crate::verb::Verb;

/// An object as a caller may see it: everything but its secret bytes.
#[derive(Debug, Clone)]
pub struct ObjectView {
    record: Arc<ObjectRecord>,
    now_s: i64,
}

impl ObjectView {
    #[must_use]
    pub fn id(&self) -> ObjectId {
        self.record.id
    }

    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        self.record.kind
    }

    /// Where it stands now.
    #[must_use]
    pub fn state(&self) -> ObjectState {
        self.record.state_at(self.now_s)
    }

    #[must_use]
    pub fn algorithm(&self) -> Option<ObjectAlgorithm> {
        self.record.algorithm
    }

    #[must_use]
    pub fn bits(&self) -> Option<u32> {
        self.record.bits
    }

    #[must_use]
    pub fn format(&self) -> KeyFormat {
        self.record.format
    }

    #[must_use]
    pub fn form(&self) -> &[u8] {
        &self.record.form
    }

    #[must_use]
    pub fn digest_sha256(&self) -> &[u8; 32] {
        &self.record.digest_sha256
    }

    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.record.attributes
    }

    #[must_use]
    pub fn life(&self) -> &Life {
        &self.record.life
    }

    #[must_use]
    pub fn date(&self, field: crate::object::DateField) -> Option<i64> {
        self.record.date(field)
    }

    /// The bytes of a public key or a certificate.
    #[must_use]
    pub fn public_bytes(&self) -> Option<&[u8]> {
        match &self.record.kept {
            Kept::Public(bytes) => Some(bytes),
            Kept::Gone | Kept::Secret(_) => None,
        }
    }
}

fn scope_of(vault: &VaultName, id: ObjectId) -> Scope {
    Scope::Key(vault.clone(), id.key_name())
}

fn key_in_use<'a>(record: &ObjectRecord, bytes: &'a Secret) -> KeyInUse<'a> {
    KeyInUse {
        kind: record.kind,
        algorithm: record.algorithm,
        bits: record.bits,
        format: record.format,
        bytes: bytes.expose(),
    }
}

impl Broker {
    /// Leave for a deed on an object, and the object. Whoever may see its own objects alone hears of another's what it
    /// hears of one that does not exist.
    async fn object_for<V: Verb>(
        &self,
        deed: &Deed<'_>,
        vault: &VaultName,
        id: ObjectId,
    ) -> Result<(Permit<V>, Arc<Vault>, Arc<ObjectRecord>), Failure> {
        let principal = &deed.asker.principal;
        let missing = || Refusal::ObjectNotFound { object: id };
        let may_own = deed.turn()?.policy.missing(principal, &scope_of(vault, id), Permission::ObjectOwn, deed.now_s);
        if may_own.is_some() {
            let permit = deed.permit::<V>()?;
            let vault = vault_of(deed.turn()?, vault)?;
            let record = self.store.object(&vault.name, id).await?.ok_or_else(missing)?;
            return Ok((permit, vault, record));
        }
        let record = self.store.object(vault, id).await?;
        // One that is not there is asked for like another's: it counts in the rate, and the network is looked at.
        let owner = record.as_ref().map_or(principal, |record| &record.owner);
        let permit = match deed.permit_on_object::<V>(owner) {
            Err(failure) if matches!(failure.refusal, Refusal::Forbidden(_)) => return Err(missing().into()),
            permit => permit?,
        };
        let vault = vault_of(deed.turn()?, vault)?;
        Ok((permit, vault, record.ok_or_else(missing)?))
    }

    /// Changes an object by a pure transition, again when another change came first. With `ends_use`, waits until no
    /// request that may have seen it as it was is left.
    async fn change_object(
        &self,
        deed: &mut Deed<'_>,
        vault: &VaultName,
        id: ObjectId,
        ends_use: bool,
        transition: impl Fn(&ObjectRecord) -> Result<ObjectRecord, Refusal>,
    ) -> Result<ObjectView, Failure> {
        for _ in 0..STALE_TRIES_MAX {
            let missing = || Refusal::ObjectNotFound { object: id };
            let current = self.store.object(vault, id).await?.ok_or_else(missing)?;
            let mut next = transition(&current)?;
            next.revision += 1;
            let record = Arc::new(next);
            let mut changes = vec![Change::PutObject(Arc::clone(&record))];
            let (owner, names) = (&record.owner, names::added(&current.attributes, &record.attributes));
            changes.extend(Naming { vault, owner, object: id, names }.claim());
            match self.store.commit(changes).await {
                Ok(()) => {
                    if let Some(journal) = &deed.asker.journal {
                        journal.note(Some(current), Arc::clone(&record));
                    }
                    if ends_use {
                        let ending = self.turns.advance();
                        self.settle(deed, ending).await;
                    }
                    return Ok(ObjectView { record, now_s: deed.now_s });
                }
                Err(CommitError::Stale) => {}
                Err(CommitError::Failed(failure)) => return Err(failure),
            }
        }
        let problem = format!("object {id} is being changed by others at the same time; try again");
        Err(Refusal::Conflict { problem }.into())
    }

    /// The bytes of an object that may be used so now, on so many bytes. What is used up by it is durable before it is done.
    async fn object_key(
        &self,
        deed: &mut Deed<'_>,
        record: &ObjectRecord,
        usage: Usage,
        used_bytes: usize,
    ) -> Result<Secret, Failure> {
        record.check_use(usage, deed.now_s)?;
        if record.counts(usage) {
            self.change_object(deed, &record.vault, record.id, false, |record| record.used(used_bytes)).await?;
        }
        self.open_object(deed, record).await
    }
}
