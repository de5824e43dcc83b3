//! rekey-object: another key in an object's place; the one it replaces stays for what it protected.

use std::sync::Arc;

use super::super::Broker;
use super::super::deed::Deed;
use super::create_object::{NewObject, Planned, both, only};
use super::{Edit, ObjectView, scope_of};
use crate::entry::Asker;
use crate::name::VaultName;
use crate::object::{Attributes, LinkKind, ObjectId, ObjectKind, ObjectRecord, ObjectState, UsageLimits};
use crate::object_crypto::PairSpec;
use crate::port::Change;
use crate::refusal::{Failure, Refusal};
use crate::secret::Secret;
use crate::vault::Vault;
use crate::verb::{self, Operation};

/// What Re-key asks for.
#[derive(Debug, Clone)]
pub struct RekeyObject {
    pub vault: VaultName,
    /// A symmetric key; of a pair, the private key.
    pub id: ObjectId,
    /// Seconds from now until the new one becomes active (KMIP 1.4 section 4.4).
    pub offset_s: Option<i64>,
}

impl Broker {
    /// Generates a symmetric key in place of another, with its attributes (section 4.4): it takes the names over, and each is
    /// linked to the other. `edit` is what the client wants different.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `ObjectNotFound`, `ObjectWrongState`, `BadRequest`, `Conflict`, `AlgorithmUnsupported`.
    pub async fn rekey_object(&self, asker: &Asker, ask: RekeyObject, edit: Edit<'_>) -> Result<ObjectView, Refusal> {
        let mut deed = self.begin(asker, Operation::RekeyObject, scope_of(&ask.vault, ask.id));
        let result = self.rekey_object_decided(&mut deed, &ask, edit).await;
        self.finish(deed, result).await
    }

    async fn rekey_object_decided(
        &self,
        deed: &mut Deed<'_>,
        ask: &RekeyObject,
        edit: Edit<'_>,
    ) -> Result<ObjectView, Failure> {
        let (_spent, vault, old) = self.object_for::<verb::RekeyObject>(deed, &ask.vault, ask.id).await?;
        let (Some(algorithm), Some(bits), ObjectKind::SymmetricKey) = (old.algorithm, old.bits, old.kind) else {
            return Err(Failure::bad_request(format!("object {} is no symmetric key that can be made again", old.id)));
        };
        self.object_crypto.check_symmetric(algorithm, bits)?;
        deed.algorithm = Some(algorithm.word());
        let mut bytes = vec![0; bits as usize / 8];
        self.chance.fill(&mut bytes);
        let (planned, change) = self.successor(deed, &old, ask.offset_s, edit)?;
        self.keep_new(deed, &vault, vec![(planned, Secret::new(bytes))], vec![change]).await.and_then(only)
    }

    /// The same for a pair, by its private key: (private, public). `spec` is what the old one was made as.
    ///
    /// # Errors
    /// As [`Broker::rekey_object`].
    pub async fn rekey_object_pair(
        &self,
        asker: &Asker,
        ask: RekeyObject,
        spec: PairSpec,
        edits: (Edit<'_>, Edit<'_>),
    ) -> Result<(ObjectView, ObjectView), Refusal> {
        let mut deed = self.begin(asker, Operation::RekeyObject, scope_of(&ask.vault, ask.id));
        let result = self.rekey_pair_decided(&mut deed, &ask, spec, edits).await;
        self.finish(deed, result).await
    }

    async fn rekey_pair_decided(
        &self,
        deed: &mut Deed<'_>,
        ask: &RekeyObject,
        spec: PairSpec,
        (edit_private, edit_public): (Edit<'_>, Edit<'_>),
    ) -> Result<(ObjectView, ObjectView), Failure> {
        let (_spent, vault, private) = self.object_for::<verb::RekeyObject>(deed, &ask.vault, ask.id).await?;
        let public = self.public_half(&vault, &private).await?;
        let (new_private, change_private) = self.successor(deed, &private, ask.offset_s, edit_private)?;
        let (new_public, change_public) = self.successor(deed, &public, ask.offset_s, edit_public)?;
        let owner = private.owner.clone();
        let mut pair = self.planned_pair(deed, owner, spec, new_private.new, new_public.new).await?;
        let mut changes = vec![change_private, change_public];
        // The halves were given ids of their own when they were made: those that the old ones are linked to.
        for ((planned, _), (change, id)) in pair.iter_mut().zip(changes.iter_mut().zip([new_private.id, new_public.id]))
        {
            relink(change, id, planned.id);
        }
        self.keep_new(deed, &vault, pair, changes).await.and_then(both)
    }

    async fn public_half(&self, vault: &Vault, private: &ObjectRecord) -> Result<Arc<ObjectRecord>, Failure> {
        let linked = private.attributes.links.iter().find(|(kind, _)| *kind == LinkKind::PublicKey);
        let alone = || Failure::bad_request(format!("object {} is no private key with its public half", private.id));
        let (_, id) = linked.filter(|_| private.kind == ObjectKind::PrivateKey).ok_or_else(alone)?;
        let public = self.store.object(&vault.name, *id).await?.ok_or_else(alone)?;
        if public.owner == private.owner && public.kind == ObjectKind::PublicKey { Ok(public) } else { Err(alone()) }
    }

    /// What comes in an object's place, and the change of the one that it replaces.
    fn successor(
        &self,
        deed: &Deed<'_>,
        old: &ObjectRecord,
        offset_s: Option<i64>,
        edit: Edit<'_>,
    ) -> Result<(Planned, Change), Failure> {
        let id = ObjectId(self.random());
        let state = old.state_at(deed.now_s);
        if matches!(state, ObjectState::Destroyed | ObjectState::DestroyedCompromised) {
            return Ok(old.wrong_state(state, "re-keyed")?);
        }
        if old.attributes.links.iter().any(|(kind, _)| *kind == LinkKind::ReplacementObject) {
            let problem = format!("object {} was replaced already; re-key the one that replaced it", old.id);
            return Err(Refusal::Conflict { problem }.into());
        }
        let mut attributes = inherited(old, offset_s, deed.now_s);
        edit(&mut attributes)?;
        attributes.links.push((LinkKind::ReplacedObject, old.id));
        let mut left = old.attributes.clone();
        left.names = Vec::new();
        left.links.push((LinkKind::ReplacementObject, id));
        let mut next = old.with_attributes(left, deed.now_s)?;
        next.revision += 1;
        let planned = Planned {
            id,
            owner: old.owner.clone(),
            kind: old.kind,
            algorithm: old.algorithm,
            bits: old.bits,
            format: old.format,
            new: NewObject { attributes, form: old.form.clone() },
        };
        Ok((planned, Change::PutObject(Arc::new(next))))
    }
}

/// Section 4.4, tables 142 and 143: dates move along with the offset; without one, the new key has none.
fn inherited(old: &ObjectRecord, offset_s: Option<i64>, now_s: i64) -> Attributes {
    let before = &old.attributes;
    let activation_s = offset_s.map(|offset_s| now_s.saturating_add(offset_s));
    let moved = |date: Option<i64>| match (date, before.activation_s, activation_s) {
        (Some(date), Some(from), Some(to)) => Some(date.saturating_add(to.saturating_sub(from))),
        _ => None,
    };
    let kept = |kind: LinkKind| {
        !matches!(
            kind,
            LinkKind::ReplacedObject | LinkKind::ReplacementObject | LinkKind::PublicKey | LinkKind::PrivateKey
        )
    };
    Attributes {
        names: before.names.clone(),
        groups: before.groups.clone(),
        links: before.links.iter().copied().filter(|(kind, _)| kept(*kind)).collect(),
        usage: before.usage,
        activation_s,
        process_start_s: moved(before.process_start_s),
        protect_stop_s: moved(before.protect_stop_s),
        deactivation_s: moved(before.deactivation_s),
        usage_limits: before.usage_limits.map(|limits| UsageLimits::whole(limits.total, limits.by_bytes)),
        sensitive: before.sensitive,
        unextractable: before.unextractable,
        custom: before.custom.clone(),
    }
}

fn relink(change: &mut Change, from: ObjectId, to: ObjectId) {
    if let Change::PutObject(record) = change {
        let mut next = ObjectRecord::clone(record);
        for (_, link) in next.attributes.links.iter_mut().filter(|(_, link)| *link == from) {
            *link = to;
        }
        *record = Arc::new(next);
    }
}
