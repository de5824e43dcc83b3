//! derive-object: a key or secret computed from one or two others, never seen outside.

use super::super::Broker;
use super::super::deed::Deed;
use super::create_object::{NewObject, Planned, check, only};
use super::{ObjectView, key_in_use, scope_of};
use crate::entry::Asker;
use crate::name::VaultName;
use crate::object::{Derivation, KeyFormat, LinkKind, ObjectAlgorithm, ObjectId, ObjectKind, Usage};
use crate::object_crypto::{DERIVED_BYTES_MAX, DerivationParameters};
use crate::port::Change;
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

/// What Derive Key asks for.
#[derive(Debug)]
pub struct DeriveObject {
    pub vault: VaultName,
    /// One or two; the asker needs `objectDerive` on the first, or own it, and own or be granted the second likewise.
    pub bases: Vec<ObjectId>,
    pub how: Derivation,
    pub with: DerivationParameters,
    /// A symmetric key or secret data.
    pub kind: ObjectKind,
    pub algorithm: Option<ObjectAlgorithm>,
    /// A multiple of 8, at most 32 768.
    pub bits: u32,
    pub new: NewObject,
}

impl Broker {
    /// Derives an object of the asker's own, linked to its bases and they to it.
    ///
    /// # Errors
    /// As [`Broker::encrypt_with_object`] on the bases, and as [`Broker::register_object`].
    pub async fn derive_object(&self, asker: &Asker, ask: DeriveObject) -> Result<ObjectView, Refusal> {
        let first = ask.bases.first().copied().unwrap_or(ObjectId([0; 16]));
        let mut deed = self.begin(asker, Operation::DeriveObject, scope_of(&ask.vault, first));
        let result = self.derive_object_decided(&mut deed, ask).await;
        self.finish(deed, result).await
    }

    async fn derive_object_decided(&self, deed: &mut Deed<'_>, mut ask: DeriveObject) -> Result<ObjectView, Failure> {
        let first = ask.bases.first().copied().unwrap_or(ObjectId([0; 16]));
        let (_spent, vault, base) = self.object_for::<verb::DeriveObject>(deed, &ask.vault, first).await?;
        let bytes = ask.bits as usize / 8;
        if !(1..=2).contains(&ask.bases.len())
            || !ask.bits.is_multiple_of(8)
            || !(1..=DERIVED_BYTES_MAX).contains(&bytes)
        {
            let problem = format!(
                "a key is derived from one or two objects and has 8 to {} bits, a multiple of 8",
                DERIVED_BYTES_MAX * 8
            );
            return Err(Failure::bad_request(problem));
        }
        let mut bases = vec![base];
        for id in ask.bases.iter().skip(1) {
            let missing = || Refusal::ObjectNotFound { object: *id };
            let base = self.store.object(&vault.name, *id).await?.ok_or_else(missing)?;
            // The deed's own permit is for the first base alone.
            let (policy, scope) = (&deed.turn()?.policy, scope_of(&vault.name, *id));
            let permit =
                policy.permit_on_object::<verb::DeriveObject>(&deed.asker.principal, scope, &base.owner, deed.now_s);
            let _spent = permit.map_err(|_| missing())?;
            bases.push(base);
        }
        for base in &bases {
            base.check_use(Usage::DeriveKey, deed.now_s)?;
        }
        deed.algorithm = Some(ask.how.word());
        let id = ObjectId(self.random());
        let mut changes = Vec::new();
        for base in &bases {
            ask.new.attributes.links.push((LinkKind::DerivationBaseObject, base.id));
            let mut attributes = base.attributes.clone();
            attributes.links.push((LinkKind::DerivedKey, id));
            // A base that has given as many keys as it can have links still gives more.
            if attributes.check().is_ok() {
                let mut next = base.with_attributes(attributes, deed.now_s)?;
                next.revision += 1;
                changes.push(Change::PutObject(std::sync::Arc::new(next)));
            }
        }
        let planned = Planned {
            id,
            owner: deed.asker.principal.clone(),
            kind: ask.kind,
            algorithm: ask.algorithm,
            bits: Some(ask.bits),
            format: KeyFormat::Raw,
            new: ask.new,
        };
        check(&planned, bytes)?;
        self.check_names(&vault.name, &planned, &changes).await?;
        self.intend_to_keep(deed, std::iter::once(&planned)).await?;
        let mut keys = Vec::with_capacity(bases.len());
        for base in &bases {
            keys.push(self.open_object(deed, base).await?);
        }
        let in_use: Vec<_> = bases.iter().zip(&keys).map(|(base, key)| key_in_use(base, key)).collect();
        let derived = self.object_crypto.derive(ask.how, &in_use, &ask.with, bytes)?;
        self.put_new(deed, &vault, vec![(planned, derived)], changes).await.and_then(only)
    }
}
