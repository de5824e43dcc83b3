//! Standing rights: give, take back, show.

use std::sync::Arc;

use super::deed::Deed;
use super::{Broker, system};
use crate::entry::Asker;
use crate::grant::{Gift, Grant, GrantId, Granted, Permit, Scope, may_give};
use crate::name::Principal;
use crate::permission::Role;
use crate::port::{Change, CommitError};
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation, Verb as _};

/// Longest justification, in characters.
const JUSTIFICATION_CHARS_MAX: usize = 512;

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
        let result = self.create_grant_decided(&mut deed, ask).await;
        self.finish(deed, result).await
    }

    async fn create_grant_decided(&self, deed: &mut Deed<'_>, ask: NewGrant) -> Result<Grant, Failure> {
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
        if self.turns.begin().policy.grant(id).is_some() {
            return Err(Refusal::Conflict { problem: format!("there is a grant {id} already") }.into());
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
            created_s: deed.now_s,
        };
        self.commit(vec![Change::PutGrant(grant.clone())]).await?;
        let ending = self.turns.change(|ruling| ruling.policy.add(grant.clone()));
        drop(desk);
        self.settle(deed, ending).await;
        Ok(grant)
    }

    /// Takes a right back that lies within a scope. When it answers, no request that was decided under it is still under
    /// way. Needs `grantWrite` where the grant is; who lacks it hears the same of a grant that is there and of one that is
    /// not.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Conflict` for a built-in grant, and for the last one that lets anyone administer the
    /// broker: without it, no other would hold now and for as long.
    pub async fn remove_grant(&self, asker: &Asker, within: Scope, id: GrantId) -> Result<Arc<Grant>, Refusal> {
        let turn = self.turns.begin();
        let known = turn.policy.grant(id).filter(|grant| within.covers(&grant.scope)).cloned();
        let may_remove = |grant: &&Arc<Grant>| {
            let held = turn.policy.held(&asker.principal, &grant.scope, self.now_s());
            held.contains(verb::RemoveGrant::PERMISSION)
        };
        let scope = known.as_ref().filter(may_remove).map_or(within, |grant| grant.scope.clone());
        drop(turn);
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
        let rules_broker = |grant: &Grant| {
            grant.granted == Granted::Role(Role::Administrator)
                && grant.scope == Scope::Broker
                && grant.holds_at(deed.now_s)
        };
        let lasts_as_long = |other: &Grant| {
            other.not_after_s.is_none_or(|last| grant.not_after_s.is_some_and(|its_last| last >= its_last))
        };
        let others = self
            .turns
            .begin()
            .policy
            .grants()
            .filter(|other| other.id != id && rules_broker(other) && lasts_as_long(other))
            .count();
        if rules_broker(&grant) && others == 0 {
            let problem = format!("grant {id} is the last Administrator of the broker; grant another first");
            return Err(Refusal::Conflict { problem }.into());
        }
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

fn in_order(mut grants: Vec<Arc<Grant>>) -> Vec<Arc<Grant>> {
    grants.sort_by_key(|grant| (grant.created_s, grant.id));
    grants
}

fn describe(granted: &Granted) -> String {
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
