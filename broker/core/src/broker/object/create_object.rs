//! create-object: symmetric keys and pairs that the broker generates.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::deed::Deed;
use super::super::{Broker, vault_of};
use super::ObjectView;
use super::names::{self, Naming};
use crate::entry::Asker;
use crate::grant::Scope;
use crate::name::{Principal, VaultName};
use crate::object::{
    Attributes, FORM_BYTES_MAX, KeyFormat, Life, LinkKind, OBJECT_BYTES_MAX, ObjectAlgorithm, ObjectId, ObjectKind,
    ObjectRecord,
};
use crate::object_crypto::PairSpec;
use crate::permission::Permission;
use crate::port::{Change, CommitError};
use crate::refusal::{Failure, Refusal};
use crate::secret::Secret;
use crate::vault::Vault;
use crate::verb::{self, Operation, Verb};

/// What a client says of an object that is to be.
#[derive(Debug, Clone, Default)]
pub struct NewObject {
    pub attributes: Attributes,
    /// For the front itself, at most 1024 bytes.
    pub form: Vec<u8>,
}

/// A symmetric key to be generated.
#[derive(Debug, Clone)]
pub struct CreateObject {
    pub vault: VaultName,
    pub algorithm: ObjectAlgorithm,
    pub bits: u32,
    pub new: NewObject,
}

/// A pair to be generated.
#[derive(Debug, Clone)]
pub struct CreateObjectPair {
    pub vault: VaultName,
    pub spec: PairSpec,
    pub private: NewObject,
    pub public: NewObject,
}

/// An object that is about to be kept.
pub(super) struct Planned {
    pub id: ObjectId,
    pub owner: Principal,
    pub kind: ObjectKind,
    pub algorithm: Option<ObjectAlgorithm>,
    pub bits: Option<u32>,
    pub format: KeyFormat,
    pub new: NewObject,
}

impl Planned {
    fn naming<'a>(&'a self, vault: &'a VaultName) -> Naming<'a> {
        let names = names::added(&Attributes::default(), &self.new.attributes);
        Naming { vault, owner: &self.owner, object: self.id, names }
    }
}

impl Broker {
    /// Generates a symmetric key of the asker's own. Durable when it answers.
    ///
    /// # Errors
    /// `Forbidden` (it takes `create` or `objectOwn` on the vault), `VaultNotFound`, `BadRequest`, `AlgorithmUnsupported`, or
    /// what the KEK's backend refuses.
    pub async fn create_object(&self, asker: &Asker, ask: CreateObject) -> Result<ObjectView, Refusal> {
        let mut deed = self.begin(asker, Operation::CreateObject, Scope::Vault(ask.vault.clone()));
        let result = self.create_object_decided(&mut deed, ask).await;
        self.finish(deed, result).await
    }

    async fn create_object_decided(&self, deed: &mut Deed<'_>, ask: CreateObject) -> Result<ObjectView, Failure> {
        let vault = self.vault_to_keep_in::<verb::CreateObject>(deed, &ask.vault)?;
        deed.algorithm = Some(ask.algorithm.word());
        self.object_crypto.check_symmetric(ask.algorithm, ask.bits)?;
        let mut bytes = vec![0; ask.bits as usize / 8];
        self.chance.fill(&mut bytes);
        let planned = Planned {
            id: ObjectId(self.random()),
            owner: deed.asker.principal.clone(),
            kind: ObjectKind::SymmetricKey,
            algorithm: Some(ask.algorithm),
            bits: Some(ask.bits),
            format: KeyFormat::Raw,
            new: ask.new,
        };
        let planned = vec![(planned, Secret::new(bytes))];
        self.keep_new(deed, &vault, planned, Vec::new()).await.and_then(only)
    }

    /// Generates a pair of the asker's own: (private, public), linked to each other.
    ///
    /// # Errors
    /// As [`Broker::create_object`].
    pub async fn create_object_pair(
        &self,
        asker: &Asker,
        ask: CreateObjectPair,
    ) -> Result<(ObjectView, ObjectView), Refusal> {
        let mut deed = self.begin(asker, Operation::CreateObject, Scope::Vault(ask.vault.clone()));
        let result = self.create_pair_decided(&mut deed, ask).await;
        self.finish(deed, result).await
    }

    async fn create_pair_decided(
        &self,
        deed: &mut Deed<'_>,
        ask: CreateObjectPair,
    ) -> Result<(ObjectView, ObjectView), Failure> {
        let vault = self.vault_to_keep_in::<verb::CreateObject>(deed, &ask.vault)?;
        let owner = deed.asker.principal.clone();
        let pair = self.planned_pair(deed, owner, ask.spec, ask.private, ask.public).await?;
        self.keep_new(deed, &vault, pair, Vec::new()).await.and_then(both)
    }

    /// A generated pair, each half linked to the other; the private one first.
    pub(super) async fn planned_pair(
        &self,
        deed: &mut Deed<'_>,
        owner: Principal,
        spec: PairSpec,
        mut private: NewObject,
        mut public: NewObject,
    ) -> Result<Vec<(Planned, Secret)>, Failure> {
        let algorithm = match spec {
            PairSpec::Ec { algorithm, .. } => algorithm,
            PairSpec::Rsa { .. } => ObjectAlgorithm::Rsa,
        };
        deed.algorithm = Some(algorithm.word());
        let pair = self.object_crypto.generate_pair(spec).await?;
        let (private_id, public_id) = (ObjectId(self.random()), ObjectId(self.random()));
        private.attributes.links.push((LinkKind::PublicKey, public_id));
        public.attributes.links.push((LinkKind::PrivateKey, private_id));
        let half = |id, kind, format, new| Planned {
            id,
            owner: owner.clone(),
            kind,
            algorithm: Some(algorithm),
            bits: Some(pair.bits),
            format,
            new,
        };
        Ok(vec![
            (half(private_id, ObjectKind::PrivateKey, pair.private_format, private), pair.private),
            (half(public_id, ObjectKind::PublicKey, pair.public_format, public), Secret::new(pair.public)),
        ])
    }

    /// The vault, for who may make objects of its own in it: by the verb's permission or by `objectOwn`.
    pub(super) fn vault_to_keep_in<V: Verb>(&self, deed: &Deed<'_>, vault: &VaultName) -> Result<Arc<Vault>, Failure> {
        let owner = &deed.asker.principal;
        let _spent = deed.permit_on_object::<V>(owner)?;
        Ok(vault_of(deed.turn()?, vault)?)
    }

    /// Keeps new objects, together with other changes: all or none, the intent durable first.
    pub(super) async fn keep_new(
        &self,
        deed: &mut Deed<'_>,
        vault: &Arc<Vault>,
        planned: Vec<(Planned, Secret)>,
        changes: Vec<Change>,
    ) -> Result<Vec<ObjectView>, Failure> {
        let mut given = HashSet::new();
        for (plan, bytes) in &planned {
            check(plan, bytes.len())?;
            self.check_names(&vault.name, plan, &changes).await?;
            for name in plan.naming(&vault.name).names {
                if !given.insert(name.clone()) {
                    return Err(Failure::bad_request(format!("both halves of the pair would have the name {name:?}")));
                }
            }
        }
        self.intend_to_keep(deed, planned.iter().map(|(plan, _)| plan)).await?;
        self.put_new(deed, vault, planned, changes).await
    }

    /// Whether an object may have the names that it is to have (section 11: an invalid field if not).
    pub(super) async fn check_names(
        &self,
        vault: &VaultName,
        plan: &Planned,
        changes: &[Change],
    ) -> Result<(), Failure> {
        match self.taken_name(&plan.naming(vault), changes).await? {
            None => Ok(()),
            Some(name) => Err(Failure::bad_request(names::taken(&name))),
        }
    }

    /// Writes down which objects are about to be kept.
    pub(super) async fn intend_to_keep<'a>(
        &self,
        deed: &mut Deed<'_>,
        planned: impl Iterator<Item = &'a Planned>,
    ) -> Result<(), Failure> {
        let ids: Vec<String> = planned.map(|plan| format!("{} {}", plan.kind, plan.id)).collect();
        deed.detail = Some(ids.join(", "));
        self.intend(deed).await
    }

    /// Keeps what was checked and is intended.
    pub(super) async fn put_new(
        &self,
        deed: &mut Deed<'_>,
        vault: &Arc<Vault>,
        planned: Vec<(Planned, Secret)>,
        mut changes: Vec<Change>,
    ) -> Result<Vec<ObjectView>, Failure> {
        let mut steps = Vec::new();
        if deed.asker.journal.is_some() {
            for change in &changes {
                let Change::PutObject(after) = change else { continue };
                steps.push((self.store.object(&after.vault, after.id).await?, Arc::clone(after)));
            }
        }
        let mut views = Vec::with_capacity(planned.len());
        for (plan, bytes) in planned {
            changes.extend(plan.naming(&vault.name).claim());
            let kept = self.keep(deed, vault, (plan.id, plan.kind), &bytes).await?;
            let record = ObjectRecord {
                vault: vault.name.clone(),
                id: plan.id,
                owner: plan.owner,
                kind: plan.kind,
                algorithm: plan.algorithm,
                bits: plan.bits,
                format: plan.format,
                form: plan.new.form,
                digest_sha256: self.object_crypto.sha256(bytes.expose()),
                life: Life::beginning(deed.now_s, &plan.new.attributes),
                attributes: plan.new.attributes,
                kept,
                revision: 1,
            };
            let record = Arc::new(record.settled(deed.now_s));
            changes.push(Change::PutObject(Arc::clone(&record)));
            views.push(ObjectView { record, now_s: deed.now_s });
        }
        match self.store.commit(changes).await {
            Ok(()) => {
                if let Some(journal) = &deed.asker.journal {
                    steps.into_iter().for_each(|(before, after)| journal.note(before, after));
                    views.iter().for_each(|view| journal.note(None, Arc::clone(&view.record)));
                }
                Ok(views)
            }
            Err(CommitError::Stale) => {
                let problem =
                    "another request changed the object or took its name at the same time; try again".to_owned();
                Err(Refusal::Conflict { problem }.into())
            }
            Err(CommitError::Failed(failure)) => Err(failure),
        }
    }

    /// Whether a principal may do what takes a permission at a place; only to show what it asked for itself.
    pub(super) fn holds(deed: &Deed<'_>, permission: Permission, scope: &Scope) -> Result<bool, Failure> {
        Ok(deed.turn()?.policy.missing(&deed.asker.principal, scope, permission, deed.now_s).is_none())
    }
}

/// Whether an object of so many bytes may be kept so.
pub(super) fn check(plan: &Planned, bytes: usize) -> Result<(), Failure> {
    plan.new.attributes.check()?;
    if plan.new.form.len() > FORM_BYTES_MAX {
        return Err(Failure::internal(format!("a form of {} bytes", plan.new.form.len())));
    }
    if bytes > OBJECT_BYTES_MAX {
        let problem = format!("the object has {bytes} bytes, but at most {OBJECT_BYTES_MAX} are kept");
        return Err(Failure::bad_request(problem));
    }
    Ok(())
}

pub(super) fn only(views: Vec<ObjectView>) -> Result<ObjectView, Failure> {
    views.into_iter().next().ok_or_else(|| Failure::internal("an object was kept and is not there"))
}

pub(super) fn both(views: Vec<ObjectView>) -> Result<(ObjectView, ObjectView), Failure> {
    let mut views = views.into_iter();
    views.next().zip(views.next()).ok_or_else(|| Failure::internal("a pair was kept and is not there"))
}
