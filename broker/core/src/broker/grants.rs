//! Standing rights: give, take back, show.

use std::sync::Arc;

use super::deed::Deed;
use super::{Broker, system};
use crate::elevation::{ELEVATIONS_MAX, Elevation};
use crate::entry::Asker;
use crate::grant::{Gift, Grant, GrantId, Granted, Permit, Policy, Scope, may_give};
use crate::name::{Principal, VaultName};
use crate::permission::Role;
use crate::port::{Change, CommitError};
use crate::refusal::{Failure, Refusal};
use crate::turn::Turn;
use crate::verb::{self, Operation, Verb};

/// Longest justification, in characters.
const JUSTIFICATION_CHARS_MAX: usize = 512;

/// How many must be able to grant in a vault that demands approval: who asks, and who approves.
pub(super) const APPROVERS_MIN: usize = 2;

/// What became of a right that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// It waits for approval.
    Elevation(Elevation),
    /// It is in force.
    Grant(Grant),
}

/// A right to be given.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// Chosen by the giver; none: a random one.
    pub id: Option<GrantId>,
    pub principal: Principal,
    pub granted: Granted,
    pub scope: Scope,
    pub not_before_s: Option<i64>,
    pub not_after_s: Option<i64>,
    pub justification: String,
}

impl Broker {
    /// Gives a right; in force when it answers.
    ///
    /// # Errors
    /// `Forbidden` (also to oneself, more than the giver holds, or for longer), `BadRequest`, `Conflict` (the id is taken).
    pub async fn create_grant(&self, asker: &Asker, ask: NewGrant) -> Result<Grant, Refusal> {
        let mut deed = self.begin(asker, Operation::CreateGrant, ask.scope.clone());
        deed.detail = Some(format!("{} to {}", describe(&ask.granted), ask.principal));
        let result = self.create_grant_decided(&mut deed, ask, false).await.and_then(|given| match given {
            Given::Grant(grant) => Ok(grant),
            Given::Elevation(_) => Err(Failure::internal("a grant was left waiting for who does not wait")),
        });
        self.finish(deed, result).await
    }

    /// Gives a right, or leaves it waiting for approval where a vault demands that.
    ///
    /// # Errors
    /// As [`Broker::create_grant`], and `Conflict` when too many wait.
    pub async fn ask_for_grant(&self, asker: &Asker, ask: NewGrant) -> Result<Given, Refusal> {
        let mut deed = self.begin(asker, Operation::CreateGrant, ask.scope.clone());
        deed.detail = Some(format!("{} to {}", describe(&ask.granted), ask.principal));
        let result = self.create_grant_decided(&mut deed, ask, true).await;
        self.finish(deed, result).await
    }

    async fn create_grant_decided(&self, deed: &mut Deed<'_>, ask: NewGrant, waits: bool) -> Result<Given, Failure> {
        let permit = deed.permit::<verb::CreateGrant>()?;
        let gift = Gift {
            giver: permit.principal(),
            receiver: &ask.principal,
            granted: &ask.granted,
            scope: &ask.scope,
            not_after_s: ask.not_after_s,
        };
        may_give(&deed.turn()?.policy, &gift, deed.now_s)?;
        check(&ask)?;
        let desk = self.desk.lock().await;
        let id = ask.id.unwrap_or_else(|| GrantId(self.random()));
        let standing = self.turns.begin();
        if standing.policy.grant(id).is_some() || standing.elevations.contains_key(&id) {
            return Err(Refusal::Conflict { problem: format!("there is a grant {id} already") }.into());
        }
        check_somebody(&standing, &ask.principal)?;
        let demanded = standing.demands_approval(&ask.scope).cloned();
        if let Some(vault) = &demanded {
            check_elevation(&standing, vault, &ask, waits)?;
        }
        drop(standing);
        if demanded.is_some() {
            deed.detail = deed.detail.take().map(|detail| format!("{detail}, once it is approved: elevation {id}"));
        }
        self.intend(deed).await?;
        let grant = Grant {
            id,
            principal: ask.principal,
            granted: ask.granted,
            scope: ask.scope,
            not_before_s: ask.not_before_s,
            not_after_s: ask.not_after_s,
            justification: ask.justification,
            granted_by: permit.principal().clone(),
            approved_by: None,
            created_s: deed.now_s,
        };
        if demanded.is_some() {
            let elevation = Elevation { grant };
            self.commit(vec![Change::PutElevation(elevation.clone())]).await?;
            let kept = Arc::new(elevation.clone());
            let ending = self.turns.change(|ruling| _ = ruling.elevations.insert(id, kept));
            drop(desk);
            self.settle(deed, ending).await;
            return Ok(Given::Elevation(elevation));
        }
        self.commit(vec![Change::PutGrant(grant.clone())]).await?;
        let ending = self.turns.change(|ruling| ruling.policy.add(grant.clone()));
        drop(desk);
        self.settle(deed, ending).await;
        Ok(Given::Grant(grant))
    }

    /// Takes a right back that lies within a scope. When it answers, no request that was decided under it is still under
    /// way. Needs `grantWrite` where the grant is; who lacks it hears the same of a grant that is there and of one that is
    /// not.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Conflict` for a built-in grant, and for the last one that lets anyone administer the
    /// broker: without it, no other would hold now and for as long.
    pub async fn remove_grant(&self, asker: &Asker, within: Scope, id: GrantId) -> Result<Arc<Grant>, Refusal> {
        let known = self.turns.begin().policy.grant(id).filter(|grant| within.covers(&grant.scope)).cloned();
        let scope = self.place_of::<verb::RemoveGrant>(asker, known.as_deref(), within);
        let mut deed = self.begin(asker, Operation::RemoveGrant, scope);
        deed.detail = Some(known.as_ref().map_or_else(
            || format!("grant {id}"),
            |grant| format!("grant {id}: {} to {}", describe(&grant.granted), grant.principal),
        ));
        let result = self.remove_grant_decided(&mut deed, id, known).await;
        self.finish(deed, result).await
    }

    async fn remove_grant_decided(
        &self,
        deed: &mut Deed<'_>,
        id: GrantId,
        known: Option<Arc<Grant>>,
    ) -> Result<Arc<Grant>, Failure> {
        let _spent: Permit<verb::RemoveGrant> = deed.permit()?;
        let missing = || Refusal::NotFound { what: format!("grant {id}") };
        known.ok_or_else(missing)?;
        if system::is_built_in(id) {
            let problem = format!("grant {id} is built in: it is what the broker's own tasks do their work by");
            return Err(Refusal::Conflict { problem }.into());
        }
        let desk = self.desk.lock().await;
        // Looked up again: another request may have taken it back while this one waited for the desk.
        let grant = self.turns.begin().policy.grant(id).cloned().ok_or_else(missing)?;
        let mut after = self.turns.begin().policy.clone();
        after.remove(id);
        self.check_ruled(&after, &format!("grant {id}"), deed.now_s)?;
        self.intend(deed).await?;
        self.commit(vec![Change::DropGrant(id)]).await?;
        let ending = self.turns.change(|ruling| ruling.policy.remove(id));
        drop(desk);
        self.settle(deed, ending).await;
        Ok(grant)
    }

    /// A grant at a place or below it.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn get_grant(&self, asker: &Asker, within: Scope, id: GrantId) -> Result<Arc<Grant>, Refusal> {
        let deed = self.begin(asker, Operation::GetGrant, within.clone());
        let decide = || -> Result<Arc<Grant>, Failure> {
            let _spent: Permit<verb::GetGrant> = deed.permit()?;
            let found = deed.turn()?.policy.grant(id).filter(|grant| within.covers(&grant.scope));
            found.cloned().ok_or_else(|| Refusal::NotFound { what: format!("grant {id}") }.into())
        };
        let result = decide();
        self.finish(deed, result).await
    }

    /// The grants at a place and below it.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn list_grants(&self, asker: &Asker, scope: Scope) -> Result<Vec<Arc<Grant>>, Refusal> {
        let deed = self.begin(asker, Operation::ListGrants, scope.clone());
        let decide = || -> Result<Vec<Arc<Grant>>, Failure> {
            let _spent: Permit<verb::ListGrants> = deed.permit()?;
            let shown = |grant: &&Arc<Grant>| scope.covers(&grant.scope);
            Ok(in_order(deed.turn()?.policy.grants().filter(shown).cloned().collect()))
        };
        let result = decide();
        self.finish(deed, result).await
    }

    /// Where a deed on a grant is asked for: at the grant, for who may do it there; else where it was looked for, so that
    /// the refusal is the same whether there is such a grant or not.
    pub(super) fn place_of<V: Verb>(&self, asker: &Asker, known: Option<&Grant>, within: Scope) -> Scope {
        let turn = self.turns.begin();
        let may =
            |grant: &&Grant| turn.policy.held(&asker.principal, &grant.scope, self.now_s()).contains(V::PERMISSION);
        known.filter(may).map_or(within, |grant| grant.scope.clone())
    }

    /// Refuses a policy that leaves the broker or a vault to nobody.
    pub(super) fn check_ruled(&self, after: &Policy, what: &str, now_s: i64) -> Result<(), Refusal> {
        let standing = self.turns.begin();
        if after.broker_is_ruled(now_s) < standing.policy.broker_is_ruled(now_s) {
            let problem = format!("{what} is the last Administrator of the broker; grant another first");
            return Err(Refusal::Conflict { problem });
        }
        for vault in standing.vaults.values().filter(|vault| vault.elevation_approval) {
            let place = Scope::Vault(vault.name.clone());
            let left = after.givers(&place, now_s);
            if left < APPROVERS_MIN && left < standing.policy.givers(&place, now_s) {
                let problem = format!(
                    "vault {} demands a second administrator's approval, and without {what} there would be none",
                    vault.name
                );
                return Err(Refusal::Conflict { problem });
            }
        }
        Ok(())
    }

    /// The grants at a place and above it, as far as the asker may read them there.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn list_grants_above(&self, asker: &Asker, scope: Scope) -> Result<Vec<Arc<Grant>>, Refusal> {
        let deed = self.begin(asker, Operation::ListGrants, scope.clone());
        let decide = || -> Result<Vec<Arc<Grant>>, Failure> {
            let _spent: Permit<verb::ListGrants> = deed.permit()?;
            let policy = &deed.turn()?.policy;
            let may_read =
                |place: &Scope| policy.held(&asker.principal, place, deed.now_s).contains(verb::ListGrants::PERMISSION);
            let shown = |grant: &&Arc<Grant>| grant.scope.covers(&scope) && may_read(&grant.scope);
            Ok(in_order(policy.grants().filter(shown).cloned().collect()))
        };
        let result = decide();
        self.finish(deed, result).await
    }

    /// Whether the asker may see which roles there are at a place; what they hold is no secret of the policy.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn list_roles(&self, asker: &Asker, scope: Scope) -> Result<&'static [Role], Refusal> {
        let deed = self.begin(asker, Operation::ListRoles, scope);
        let result = deed.permit::<verb::ListRoles>().map(|_spent| Role::ALL);
        self.finish(deed, result).await
    }

    /// What a role, or a list of permissions that stands for one, gives. `wanted` is what was asked for, and what it
    /// turned out to be.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn get_role(
        &self,
        asker: &Asker,
        scope: Scope,
        (name, wanted): (&str, Option<Granted>),
    ) -> Result<Granted, Refusal> {
        let deed = self.begin(asker, Operation::GetRole, scope);
        let decide = || -> Result<Granted, Failure> {
            let _spent: Permit<verb::GetRole> = deed.permit()?;
            wanted.ok_or_else(|| Refusal::NotFound { what: format!("role definition {name:?}") }.into())
        };
        let result = decide();
        self.finish(deed, result).await
    }

    /// Commits what no other request can have changed meanwhile.
    pub(super) async fn commit(&self, changes: Vec<Change>) -> Result<(), Failure> {
        self.store.commit(changes).await.map_err(|error| match error {
            CommitError::Stale => Failure::internal("a commit without a key's record was called stale"),
            CommitError::Failed(failure) => failure,
        })
    }
}

/// Nothing is given to an identity that does not exist: whoever made one of that name later would get it.
pub(super) fn check_somebody(standing: &Turn, principal: &Principal) -> Result<(), Refusal> {
    match principal.identity() {
        Some(name) if !standing.identities.contains_key(&name) => {
            Err(Refusal::NotFound { what: format!("identity {name}") })
        }
        _ => Ok(()),
    }
}

fn check_elevation(standing: &Turn, vault: &VaultName, ask: &NewGrant, waits: bool) -> Result<(), Failure> {
    if !waits {
        let problem = format!(
            "vault {vault} demands a second administrator's approval of each grant; ask for it with keybroker grant --justification"
        );
        return Err(Refusal::Conflict { problem }.into());
    }
    if ask.justification.trim().is_empty() {
        return Err(Failure::bad_request(format!("vault {vault} demands a justification of each grant")));
    }
    if standing.elevations.len() >= ELEVATIONS_MAX {
        let problem = format!("{ELEVATIONS_MAX} grants wait for approval, and no more may; approve or deny some first");
        return Err(Refusal::Conflict { problem }.into());
    }
    Ok(())
}

fn in_order(mut grants: Vec<Arc<Grant>>) -> Vec<Arc<Grant>> {
    grants.sort_by_key(|grant| (grant.created_s, grant.id));
    grants
}

pub(super) fn describe(granted: &Granted) -> String {
    match granted {
        Granted::Permissions(set) => set.iter().map(crate::permission::Permission::word).collect::<Vec<_>>().join(","),
        Granted::Role(role) => role.word().to_owned(),
    }
}

fn check(ask: &NewGrant) -> Result<(), Failure> {
    if ask.granted.permissions().is_empty() {
        return Err(Failure::bad_request("a grant must give at least one permission"));
    }
    if let (Some(first), Some(last)) = (ask.not_before_s, ask.not_after_s)
        && last < first
    {
        return Err(Failure::bad_request(format!("the grant would end at {last}, before it begins at {first}")));
    }
    if ask.justification.chars().count() > JUSTIFICATION_CHARS_MAX {
        return Err(Failure::bad_request(format!("a justification has at most {JUSTIFICATION_CHARS_MAX} characters")));
    }
    Ok(())
}
