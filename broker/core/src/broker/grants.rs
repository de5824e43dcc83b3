//! Standing rights: give, take back, show.

use std::sync::Arc;

use super::deed::Deed;
use super::{Broker, system};
use crate::entry::Asker;
use crate::grant::{Grant, GrantId, Granted, Permit, Scope, may_give};
use crate::name::Principal;
use crate::permission::Role;
use crate::port::{Change, CommitError};
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

/// Longest justification, in characters.
const JUSTIFICATION_CHARS_MAX: usize = 512;

/// A right to be given.
#[derive(Debug, Clone)]
pub struct NewGrant {
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
    /// `Forbidden` (also to oneself, or more than the giver holds), `BadRequest`.
    pub async fn create_grant(&self, asker: &Asker, ask: NewGrant) -> Result<Grant, Refusal> {
        let mut deed = self.begin(asker, Operation::CreateGrant, ask.scope.clone());
        deed.detail = Some(format!("{} to {}", describe(&ask.granted), ask.principal));
        let result = self.create_grant_decided(&mut deed, ask).await;
        self.finish(deed, result).await
    }

    async fn create_grant_decided(&self, deed: &mut Deed<'_>, ask: NewGrant) -> Result<Grant, Failure> {
        let permit = deed.permit::<verb::CreateGrant>()?;
        may_give(&deed.turn()?.policy, &permit, &ask.principal, &ask.granted, deed.now_s)?;
        check(&ask)?;
        self.intend(deed).await?;
        let grant = Grant {
            id: GrantId(self.random()),
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
        self.settle(deed, ending).await;
        Ok(grant)
    }

    /// Takes a right back. When it answers, no request that was decided under it is still under way.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Conflict` for a built-in grant, and for the last one that lets anyone administer the
    /// broker: without it, no other would hold now and for as long.
    pub async fn remove_grant(&self, asker: &Asker, id: GrantId) -> Result<(), Refusal> {
        let known = self.turns.begin().policy.grant(id).cloned();
        let scope = known.as_ref().map_or(Scope::Broker, |grant| grant.scope.clone());
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
    ) -> Result<(), Failure> {
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
        Ok(())
    }

    /// The grants at a place and below it.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn list_grants(&self, asker: &Asker, scope: Scope) -> Result<Vec<Arc<Grant>>, Refusal> {
        let deed = self.begin(asker, Operation::ListGrants, scope.clone());
        let decide = || -> Result<Vec<Arc<Grant>>, Failure> {
            let _spent: Permit<verb::ListGrants> = deed.permit()?;
            let mut grants: Vec<_> =
                deed.turn()?.policy.grants().filter(|grant| scope.covers(&grant.scope)).cloned().collect();
            grants.sort_by_key(|grant| (grant.created_s, grant.id));
            Ok(grants)
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
