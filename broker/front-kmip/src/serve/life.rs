//! Activate, Revoke, Destroy, Check: an object's life (KMIP 1.4 sections 4.10 and 4.19 to 4.21).

use broker_core::broker::ObjectView;
use broker_core::object::{Revocation, RevocationReason, UsageMask};

use super::{Desk, id_item};
use crate::attribute::LEASE_S;
use crate::name::Tag;
use crate::read::{self, Fields};
use crate::refuse::Problem;
use crate::table::ResultReason;
use crate::translate::OnWire;
use crate::wire::Outcome;

impl Desk<'_> {
    pub(super) async fn activate(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        self.broker.activate_object(&self.asker, self.vault.clone(), id).await?;
        Ok(vec![id_item(id)])
    }

    pub(super) async fn revoke(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        let reason = payload.need(Tag::RevocationReason, read::structure)?;
        let why = Revocation {
            reason: reason.need(Tag::RevocationReasonCode, RevocationReason::read)?,
            message: reason.get(Tag::RevocationMessage, read::text)?.map(str::to_owned),
        };
        let occurred_s = payload.get(Tag::CompromiseOccurrenceDate, read::date_time)?;
        self.broker.revoke_object(&self.asker, self.vault.clone(), id, why, occurred_s).await?;
        Ok(vec![id_item(id)])
    }

    pub(super) async fn destroy(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        self.broker.destroy_object(&self.asker, self.vault.clone(), id).await?;
        Ok(vec![id_item(id)])
    }

    /// Whether an object allows what the client is about to do; what it does not allow is named in the refusal.
    pub(super) async fn check(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        let view = self.broker.get_object(&self.asker, self.vault.clone(), id).await?;
        let usage = payload.get(Tag::CryptographicUsageMask, read::count)?.map(UsageMask);
        let lease_s = payload.get(Tag::LeaseTime, read::interval)?;
        let units = payload.get(Tag::UsageLimitsCount, read::long_integer)?;
        if let Some(what) = denied(&view, usage, lease_s, units) {
            self.placeholder = None;
            return Err(Problem::new(ResultReason::IllegalOperation, format!("object {id} does not allow {what}")));
        }
        Ok(vec![id_item(id)])
    }
}

fn denied(
    view: &ObjectView,
    usage: Option<UsageMask>,
    lease_s: Option<u32>,
    units: Option<i64>,
) -> Option<&'static str> {
    let allowed = view.attributes().usage.0;
    if usage.is_some_and(|wanted| allowed & wanted.0 != wanted.0) {
        return Some("all of this Cryptographic Usage Mask");
    }
    if lease_s.is_some_and(|lease_s| lease_s > LEASE_S) {
        return Some("so long a Lease Time");
    }
    let left = view.attributes().usage_limits.as_ref().map(|limits| limits.left);
    let enough = left.zip(units).is_none_or(|(left, units)| u64::try_from(units).is_ok_and(|units| units <= left));
    (!enough).then_some("so many Usage Limits units")
}
