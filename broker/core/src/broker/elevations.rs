//! Grants that wait: approve, deny, let lapse, show.

use std::sync::Arc;

use super::Broker;
use super::deed::Deed;
use super::grants::{check_somebody, describe};
use crate::elevation::Elevation;
use crate::entry::Asker;
use crate::grant::{Gift, Grant, GrantId, Permit, Scope, may_give};
use crate::name::Principal;
use crate::permission::Permission;
use crate::port::Change;
use crate::refusal::{Failure, Missing, MissingWhy, Refusal};
use crate::turn::Turn;
use crate::verb::{self, Operation, Verb};

impl Broker {
    /// Puts a grant within a scope in force that waits for a second administrator. Whoever asked for it must still be able to give it, and
    /// whoever approves must be able to give it too.
    ///
    /// # Errors
    /// `Forbidden` (also to who asked and to who is to get it), `NotFound`, `Conflict` (it waited too long, or would have
    /// ended by now).
    pub async fn approve_elevation(&self, asker: &Asker, within: Scope, id: GrantId) -> Result<Grant, Refusal> {
        let mut deed = self.begin_on_elevation::<verb::ApproveElevation>(asker, within.clone(), id);
        let result = self.approve_decided(&mut deed, &within, id).await;
        self.finish(deed, result).await
    }

    async fn approve_decided(&self, deed: &mut Deed<'_>, within: &Scope, id: GrantId) -> Result<Grant, Failure> {
        let permit = deed.permit::<verb::ApproveElevation>()?;
        let approver = permit.principal().clone();
        let desk = self.desk.lock().await;
        let standing = self.turns.begin();
        let grant = waiting(&standing, (within, id), deed.now_s)?.grant.clone();
        check_other(&standing, &approver, &grant)?;
        if grant.not_after_s.is_some_and(|last| last < deed.now_s) {
            let problem = format!("elevation {id} would have ended already; deny it, and ask for another");
            return Err(Refusal::Conflict { problem }.into());
        }
        check_somebody(&standing, &grant.principal)?;
        for giver in [&grant.granted_by, &approver] {
            let gift = Gift {
                giver,
                receiver: &grant.principal,
                granted: &grant.granted,
                scope: &grant.scope,
                not_after_s: grant.not_after_s,
            };
            may_give(&standing.policy, &gift, deed.now_s)?;
        }
        drop(standing);
        self.intend(deed).await?;
        let grant = Grant { approved_by: Some(approver), ..grant };
        self.commit(vec![Change::DropElevation(id), Change::PutGrant(grant.clone())]).await?;
        let ending = self.turns.change(|ruling| {
            ruling.elevations.remove(&id);
            ruling.policy.add(grant.clone());
        });
        drop(desk);
        self.settle(deed, ending).await;
        Ok(grant)
    }

    /// Ends a grant that waits, without its having been in force.
    ///
    /// # Errors
    /// `Forbidden` (also to who asked and to who is to get it), `NotFound`.
    pub async fn deny_elevation(&self, asker: &Asker, within: Scope, id: GrantId) -> Result<(), Refusal> {
        let mut deed = self.begin_on_elevation::<verb::DenyElevation>(asker, within.clone(), id);
        let result = self.deny_decided(&mut deed, &within, id).await;
        self.finish(deed, result).await
    }

    async fn deny_decided(&self, deed: &mut Deed<'_>, within: &Scope, id: GrantId) -> Result<(), Failure> {
        let permit = deed.permit::<verb::DenyElevation>()?;
        let desk = self.desk.lock().await;
        let standing = self.turns.begin();
        check_other(&standing, permit.principal(), &waiting(&standing, (within, id), deed.now_s)?.grant)?;
        drop(standing);
        self.intend(deed).await?;
        self.drop_elevation(id).await?;
        drop(desk);
        Ok(())
    }

    /// Ends a grant that waited too long; for the broker itself.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Conflict` (it may wait still).
    pub async fn expire_elevation(&self, asker: &Asker, id: GrantId) -> Result<(), Refusal> {
        let mut deed = self.begin(asker, Operation::ExpireElevation, Scope::Broker);
        deed.detail = Some(format!("elevation {id}"));
        let result = self.expire_decided(&mut deed, id).await;
        self.finish(deed, result).await
    }

    async fn expire_decided(&self, deed: &mut Deed<'_>, id: GrantId) -> Result<(), Failure> {
        let _spent: Permit<verb::ExpireElevation> = deed.permit()?;
        let desk = self.desk.lock().await;
        let elevation = self.turns.begin().elevations.get(&id).cloned().ok_or_else(|| missing(id))?;
        if elevation.waits_at(deed.now_s) {
            let problem = format!("elevation {id} may wait until {}", elevation.waits_until_s());
            return Err(Refusal::Conflict { problem }.into());
        }
        self.intend(deed).await?;
        self.drop_elevation(id).await?;
        drop(desk);
        Ok(())
    }

    /// The grants that waited too long; for the broker itself, which then asks for each.
    #[must_use]
    pub fn lapsed_elevations(&self) -> Vec<GrantId> {
        let (standing, now_s) = (self.turns.begin(), self.now_s());
        standing.elevations.values().filter(|one| !one.waits_at(now_s)).map(|one| one.grant.id).collect()
    }

    /// The grants at a place and below it that wait for approval.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn list_elevations(&self, asker: &Asker, scope: Scope) -> Result<Vec<Arc<Elevation>>, Refusal> {
        let deed = self.begin(asker, Operation::ListElevations, scope.clone());
        let decide = || -> Result<Vec<Arc<Elevation>>, Failure> {
            let _spent: Permit<verb::ListElevations> = deed.permit()?;
            let shown = |one: &&Arc<Elevation>| scope.covers(&one.grant.scope) && one.waits_at(deed.now_s);
            let mut all: Vec<_> = deed.turn()?.elevations.values().filter(shown).cloned().collect();
            all.sort_by_key(|one| (one.grant.created_s, one.grant.id));
            Ok(all)
        };
        let result = decide();
        self.finish(deed, result).await
    }

    fn begin_on_elevation<'a, V: Verb>(&'a self, asker: &'a Asker, within: Scope, id: GrantId) -> Deed<'a> {
        let known = self.turns.begin().elevations.get(&id).filter(|one| within.covers(&one.grant.scope)).cloned();
        let grant = known.as_ref().map(|elevation| &elevation.grant);
        let mut deed = self.begin(asker, V::OPERATION, self.place_of::<V>(asker, grant, within));
        deed.detail = Some(grant.map_or_else(
            || format!("elevation {id}"),
            |grant| format!("elevation {id}: {} to {}", describe(&grant.granted), grant.principal),
        ));
        deed
    }

    async fn drop_elevation(&self, id: GrantId) -> Result<(), Failure> {
        self.commit(vec![Change::DropElevation(id)]).await?;
        // It gave nothing, so there is nobody to wait for.
        let _nothing_ends = self.turns.change(|ruling| _ = ruling.elevations.remove(&id));
        Ok(())
    }
}

fn missing(id: GrantId) -> Refusal {
    Refusal::NotFound { what: format!("elevation {id}") }
}

fn waiting<'a>(standing: &'a Turn, (within, id): (&Scope, GrantId), now_s: i64) -> Result<&'a Elevation, Refusal> {
    let found = standing.elevations.get(&id).filter(|one| within.covers(&one.grant.scope));
    let elevation = found.ok_or_else(|| missing(id))?;
    if elevation.waits_at(now_s) {
        return Ok(elevation);
    }
    let until = elevation.waits_until_s();
    Err(Refusal::Conflict { problem: format!("elevation {id} waited until {until} (Unix seconds); ask for it again") })
}

/// Neither who asked nor who is to get it decides.
fn check_other(standing: &Turn, who: &Principal, grant: &Grant) -> Result<(), Refusal> {
    let concerned = *who == grant.granted_by || standing.policy.is_or_acts_as(who, &grant.principal);
    if !concerned {
        return Ok(());
    }
    let permission = grant.granted.permissions().iter().next().unwrap_or(Permission::GrantWrite);
    let (principal, scope) = (who.clone(), grant.scope.clone());
    Err(Refusal::Forbidden(Box::new(Missing { principal, permission, scope, why: MissingWhy::OwnElevation })))
}
