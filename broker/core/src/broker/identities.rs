//! Identities: make, let act, end, show.

use std::sync::Arc;

use super::Broker;
use super::deed::Deed;
use crate::entry::Asker;
use crate::grant::{Gift, Permit, Policy, Scope, may_give};
use crate::identity::{ASSIGNED_MAX, IDENTITIES_MAX, Identity, Resource, identity_principal};
use crate::name::{AnchorName, Principal};
use crate::port::Change;
use crate::refusal::{Failure, Refusal};
use crate::turn::{Ruling, Turn};
use crate::verb::{self, Operation};

/// What the ends of some identities do to the store, and to the ruling.
pub(super) struct Ends {
    pub changes: Vec<Change>,
    identities: Vec<AnchorName>,
}

impl Ends {
    /// Of these identities, with their grants and what waits to be one.
    pub(super) fn of<'a>(standing: &Turn, ended: impl Iterator<Item = &'a AnchorName>) -> Self {
        let (mut changes, mut identities) = (Vec::new(), Vec::new());
        for name in ended {
            let principal = identity_principal(name);
            changes.push(Change::DropIdentity(name.clone()));
            changes.extend(standing.policy.own_grants(&principal).map(|grant| Change::DropGrant(grant.id)));
            let waiting = standing.elevations.values().filter(|one| one.grant.principal == principal);
            changes.extend(waiting.map(|one| Change::DropElevation(one.grant.id)));
            identities.push(name.clone());
        }
        Self { changes, identities }
    }

    /// Of the identities that end with a resource.
    pub(super) fn with(standing: &Turn, resource: &Resource) -> Self {
        let bound = standing.identities.values().filter(|one| one.resource.as_ref() == Some(resource));
        Self::of(standing, bound.map(|one| &one.name))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.identities.is_empty()
    }

    pub(super) fn end_in(&self, policy: &mut Policy) {
        self.identities.iter().for_each(|name| policy.end(&identity_principal(name)));
    }

    pub(super) fn put_in_force(&self, ruling: &mut Ruling) {
        self.end_in(&mut ruling.policy);
        for name in &self.identities {
            let principal = identity_principal(name);
            ruling.elevations.retain(|_, one| one.grant.principal != principal);
            ruling.identities.remove(name);
        }
    }
}

impl Broker {
    /// Makes an identity; with a resource, one that ends with it. Needs `vaultManage` on the broker.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound` (the resource), `Conflict` (the name is taken, or there are too many).
    pub async fn create_identity(
        &self,
        asker: &Asker,
        name: AnchorName,
        resource: Option<Resource>,
    ) -> Result<Arc<Identity>, Refusal> {
        let mut deed = self.begin(asker, Operation::CreateIdentity, Scope::Broker);
        deed.detail = Some(match &resource {
            None => format!("identity {name}"),
            Some(resource) => format!("identity {name} of {resource}"),
        });
        let result = self.create_identity_decided(&mut deed, name, resource).await;
        self.finish(deed, result).await
    }

    async fn create_identity_decided(
        &self,
        deed: &mut Deed<'_>,
        name: AnchorName,
        resource: Option<Resource>,
    ) -> Result<Arc<Identity>, Failure> {
        let permit = deed.permit::<verb::CreateIdentity>()?;
        let desk = self.desk.lock().await;
        let standing = self.turns.begin();
        if standing.identities.contains_key(&name) {
            return Err(Refusal::Conflict { problem: format!("identity {name} exists already") }.into());
        }
        if standing.identities.len() >= IDENTITIES_MAX {
            return Err(Refusal::Conflict {
                problem: format!("there are {IDENTITIES_MAX} identities, and no more may be"),
            }
            .into());
        }
        let assigned = match &resource {
            Some(Resource::Pin(pin)) if !standing.pins.contains_key(pin) => {
                return Err(Refusal::NotFound { what: format!("pin {pin}") }.into());
            }
            Some(Resource::Pin(pin)) => {
                let principal = Principal::parse(&format!("pin/{pin}"));
                vec![principal.map_err(|error| Failure::internal(error.to_string()))?]
            }
            Some(Resource::Key(..)) | None => Vec::new(),
        };
        drop(standing);
        if let Some(Resource::Key(vault, key)) = &resource
            && self.store.key(vault, key).await?.is_none()
        {
            return Err(Refusal::NotFound { what: format!("key /{vault}/{key}") }.into());
        }
        self.intend(deed).await?;
        let created_by = permit.principal().clone();
        let identity = Identity { name, resource, assigned, created_by, created_s: deed.now_s };
        self.put_identity(deed, identity, desk).await
    }

    /// Lets a principal act as an identity: it gets all that the identity was granted. Needs `grantWrite` on the broker, and
    /// the right to give it each of those grants.
    ///
    /// # Errors
    /// `Forbidden` (also to oneself), `BadRequest`, `NotFound`, `Conflict` (a pin's own identity, too many, or a grant in a
    /// vault that demands approval).
    pub async fn assign_identity(
        &self,
        asker: &Asker,
        name: AnchorName,
        principal: Principal,
    ) -> Result<Arc<Identity>, Refusal> {
        let mut deed = self.begin(asker, Operation::AssignIdentity, Scope::Broker);
        deed.detail = Some(format!("identity {name} to {principal}"));
        let result = self.assign_decided(&mut deed, &name, principal).await;
        self.finish(deed, result).await
    }

    async fn assign_decided(
        &self,
        deed: &mut Deed<'_>,
        name: &AnchorName,
        principal: Principal,
    ) -> Result<Arc<Identity>, Failure> {
        let permit = deed.permit::<verb::AssignIdentity>()?;
        if principal.identity().is_some() || principal.as_str().starts_with("system/") {
            return Err(Failure::bad_request(format!(
                "{principal} cannot act as an identity; a certificate's principal can"
            )));
        }
        let desk = self.desk.lock().await;
        let standing = self.turns.begin();
        let mut identity = Identity::clone(&*identity_of(&standing, name)?);
        refuse_pinned(&identity)?;
        if identity.assigned.contains(&principal) || identity.assigned.len() >= ASSIGNED_MAX {
            let problem =
                format!("{principal} acts as identity {name} already, or {ASSIGNED_MAX} do, which is the most");
            return Err(Refusal::Conflict { problem }.into());
        }
        check_handing_over(&standing, permit.principal(), &principal, &identity, deed.now_s)?;
        drop(standing);
        self.intend(deed).await?;
        identity.assigned.push(principal);
        self.put_identity(deed, identity, desk).await
    }

    /// Ends that a principal acts as an identity. When it answers, nothing is under way that was decided so.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Conflict` (a pin's own identity, or the last Administrator).
    pub async fn unassign_identity(
        &self,
        asker: &Asker,
        name: AnchorName,
        principal: Principal,
    ) -> Result<Arc<Identity>, Refusal> {
        let mut deed = self.begin(asker, Operation::UnassignIdentity, Scope::Broker);
        deed.detail = Some(format!("identity {name} from {principal}"));
        let result = self.unassign_decided(&mut deed, &name, &principal).await;
        self.finish(deed, result).await
    }

    async fn unassign_decided(
        &self,
        deed: &mut Deed<'_>,
        name: &AnchorName,
        principal: &Principal,
    ) -> Result<Arc<Identity>, Failure> {
        let _spent: Permit<verb::UnassignIdentity> = deed.permit()?;
        let desk = self.desk.lock().await;
        let standing = self.turns.begin();
        let mut identity = Identity::clone(&*identity_of(&standing, name)?);
        refuse_pinned(&identity)?;
        if !identity.assigned.contains(principal) {
            return Err(Refusal::NotFound { what: format!("an assignment of identity {name} to {principal}") }.into());
        }
        let mut after = standing.policy.clone();
        drop(standing);
        after.unassign(principal, &identity.principal());
        self.check_ruled(&after, &format!("{principal} as identity {name}"), deed.now_s)?;
        self.intend(deed).await?;
        identity.assigned.retain(|one| one != principal);
        self.put_identity(deed, identity, desk).await
    }

    async fn put_identity(
        &self,
        deed: &mut Deed<'_>,
        identity: Identity,
        desk: async_lock::MutexGuard<'_, ()>,
    ) -> Result<Arc<Identity>, Failure> {
        self.commit(vec![Change::PutIdentity(identity.clone())]).await?;
        let identity = Arc::new(identity);
        let ending = self.turns.change(|ruling| ruling.put_identity(Arc::clone(&identity)));
        drop(desk);
        self.settle(deed, ending).await;
        Ok(identity)
    }

    /// Ends an identity with all its grants. When it answers, nothing is under way that was decided under them; another
    /// identity of the same name gets none of them. Needs `vaultManage` on the broker.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Conflict` (the last Administrator).
    pub async fn delete_identity(&self, asker: &Asker, name: AnchorName) -> Result<(), Refusal> {
        let mut deed = self.begin(asker, Operation::DeleteIdentity, Scope::Broker);
        deed.detail = Some(format!("identity {name}"));
        let result = self.delete_identity_decided(&mut deed, &name).await;
        self.finish(deed, result).await
    }

    async fn delete_identity_decided(&self, deed: &mut Deed<'_>, name: &AnchorName) -> Result<(), Failure> {
        let _spent: Permit<verb::DeleteIdentity> = deed.permit()?;
        let desk = self.desk.lock().await;
        let standing = self.turns.begin();
        identity_of(&standing, name)?;
        let ends = Ends::of(&standing, [name].into_iter());
        let mut after = standing.policy.clone();
        drop(standing);
        ends.end_in(&mut after);
        self.check_ruled(&after, &format!("identity {name}"), deed.now_s)?;
        self.intend(deed).await?;
        self.commit(ends.changes.clone()).await?;
        let ending = self.turns.change(|ruling| ends.put_in_force(ruling));
        drop(desk);
        self.settle(deed, ending).await;
        Ok(())
    }

    /// Every identity, by name. Needs `vaultManage` on the broker.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn list_identities(&self, asker: &Asker) -> Result<Vec<Arc<Identity>>, Refusal> {
        let deed = self.begin(asker, Operation::ListIdentities, Scope::Broker);
        let decide = || -> Result<Vec<Arc<Identity>>, Failure> {
            let _spent: Permit<verb::ListIdentities> = deed.permit()?;
            let mut all: Vec<_> = deed.turn()?.identities.values().cloned().collect();
            all.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(all)
        };
        let result = decide();
        self.finish(deed, result).await
    }
}

fn identity_of(standing: &Turn, name: &AnchorName) -> Result<Arc<Identity>, Refusal> {
    let found = standing.identities.get(name).cloned();
    found.ok_or_else(|| Refusal::NotFound { what: format!("identity {name}") })
}

/// A pin's own identity is its certificate's alone.
fn refuse_pinned(identity: &Identity) -> Result<(), Refusal> {
    match &identity.resource {
        Some(Resource::Pin(pin)) => {
            let problem =
                format!("identity {} belongs to pin {pin}, whose certificate alone acts as it", identity.name);
            Err(Refusal::Conflict { problem })
        }
        Some(Resource::Key(..)) | None => Ok(()),
    }
}

/// To let someone act as an identity is to give all that it was given.
fn check_handing_over(
    standing: &Turn,
    giver: &Principal,
    receiver: &Principal,
    identity: &Identity,
    now_s: i64,
) -> Result<(), Refusal> {
    let lasting = |not_after_s: Option<i64>| not_after_s.is_none_or(|last| last >= now_s);
    for grant in standing.policy.own_grants(&identity.principal()).filter(|grant| lasting(grant.not_after_s)) {
        let (granted, scope, not_after_s) = (&grant.granted, &grant.scope, grant.not_after_s);
        may_give(&standing.policy, &Gift { giver, receiver, granted, scope, not_after_s }, now_s)?;
        if let Some(vault) = standing.demands_approval(scope) {
            let problem = format!(
                "identity {} was granted rights in vault {vault}, which demands approval; let {receiver} act as an identity without grants there, and ask for them then",
                identity.name
            );
            return Err(Refusal::Conflict { problem });
        }
    }
    Ok(())
}
