//! Role assignments and role definitions.

use broker_core::grant::Grant;
use broker_core::name::VaultName;
use broker_core::refusal::Refusal;
use broker_core::verb;
use bytes::Bytes;

use super::Context;
use crate::query;
use crate::refuse::Problem;
use crate::reply;
use crate::route::{Place, RightsAction};
use crate::translate::{self, Filter};
use crate::wire;

impl Context<'_> {
    pub(super) async fn serve_rights(
        &self,
        action: RightsAction,
        (vault, place, name): (VaultName, Place, Option<String>),
        body: &[u8],
    ) -> Result<Bytes, Problem> {
        let (scope, name) = (place.scope(&vault), name.unwrap_or_default());
        match action {
            RightsAction::ApproveElevation => {
                let id = translate::to_grant_id(&name)?;
                assignment(&self.broker.approve_elevation(self.asker, scope, id).await?, &place)
            }
            RightsAction::CreateGrant => {
                let ask = translate::to_new_grant(translate::to_grant_id(&name)?, scope, wire::read(body)?)?;
                assignment(&self.broker.create_grant(self.asker, ask).await?, &place)
            }
            RightsAction::DenyElevation => {
                self.broker.deny_elevation(self.asker, scope, translate::to_grant_id(&name)?).await?;
                Ok(Bytes::new())
            }
            RightsAction::GetGrant => {
                let id = translate::to_grant_id(&name)?;
                assignment(&*self.broker.get_grant(self.asker, scope, id).await?, &place)
            }
            RightsAction::GetRole => {
                let wanted = translate::to_granted(&name);
                let role = self.broker.get_role(self.asker, scope, (&name, wanted)).await?;
                Ok(reply::json(&translate::of_role(&role)))
            }
            RightsAction::ListElevations => {
                let waiting = self.broker.list_elevations(self.asker, scope).await?;
                Ok(reply::json(&translate::of_elevations(waiting.iter().map(|one| &**one), &place)))
            }
            RightsAction::ListGrants => self.list_grants(&vault, &place).await,
            RightsAction::ListRoles => {
                // They are the same everywhere, so a filter by scope leaves nothing out.
                Ok(reply::json(&translate::of_roles(self.broker.list_roles(self.asker, scope).await?)))
            }
            RightsAction::RemoveGrant => {
                let id = translate::to_grant_id(&name)?;
                assignment(&*self.broker.remove_grant(self.asker, scope, id).await?, &place)
            }
            RightsAction::WriteRole => {
                match self.broker.refuse_unimplemented::<verb::WriteRole>(self.asker, scope).await {
                    Ok(()) => Err(Refusal::Internal.into()),
                    Err(refusal) => Err(refusal.into()),
                }
            }
        }
    }

    async fn list_grants(&self, vault: &VaultName, place: &Place) -> Result<Bytes, Problem> {
        let filter = translate::to_filter(self.query.filter.as_deref())?;
        let (after, rows, scope) = (self.query.after_grant()?, self.query.rows()?, place.scope(vault));
        let grants = match filter {
            Filter::AtScope => self.broker.list_grants_above(self.asker, scope).await?,
            Filter::All | Filter::Of(_) => self.broker.list_grants(self.asker, scope).await?,
        };
        let wanted = |grant: &&Grant| match &filter {
            Filter::All | Filter::AtScope => true,
            Filter::Of(principal) => grant.principal == *principal,
        };
        let later = |grant: &&Grant| after.is_none_or(|last| (grant.created_s, grant.id) > last);
        let shown = grants.iter().map(|grant| &**grant).filter(wanted).filter(later);
        let (value, last) = translate::of_grants(shown, place, rows);
        let next_link = last.map(|last| self.next_of_grants(place, last, rows));
        Ok(reply::json(&wire::RoleAssignmentList { value, next_link }))
    }

    fn next_of_grants(&self, place: &Place, last: &Grant, rows: usize) -> String {
        let (host, prefix, api_version) = (self.host.as_str(), place.prefix(), &self.query.api_version);
        let token = query::grant_token(last.created_s, last.id);
        let filter = self.query.filter.as_deref().map(query::encoded).map(|filter| format!("&$filter={filter}"));
        format!(
            "https://{host}{prefix}/providers/Microsoft.Authorization/roleAssignments?api-version={api_version}&$skiptoken={token}&maxresults={rows}{}",
            filter.unwrap_or_default()
        )
    }
}

fn assignment(grant: &Grant, place: &Place) -> Result<Bytes, Problem> {
    // What was looked for within a vault is within it.
    let shown = translate::of_grant(grant, place).ok_or(Refusal::Internal)?;
    Ok(reply::json(&shown))
}
