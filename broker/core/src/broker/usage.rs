//! usage: what each principal asked for; shown, noted in the audit, and kept over restarts.

use super::deed::Deed;
use super::{Broker, Task, task_asker};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::name::{Principal, RequestId};
use crate::port::{Change, Page};
use crate::refusal::{Failure, Refusal};
use crate::usage::{Usage, Used};
use crate::verb::{self, Operation};

/// Principals of one answer, at most.
const ROWS_MAX: usize = 100;

/// Settings that keep the counters are called so, with a number behind.
const SETTING: &str = "usage-";

/// The counters as the store kept them.
pub(super) fn kept(settings: &[(String, Vec<u8>)]) -> Usage {
    let usage = Usage::default();
    for (_, piece) in settings.iter().filter(|(name, _)| name.starts_with(SETTING)) {
        usage.restore(piece);
    }
    usage
}

impl Broker {
    /// What each principal asked for, or one of them, at most 100 from after the place an earlier page ended with. Needs
    /// `grantRead` on the broker.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn read_usage(
        &self,
        asker: &Asker,
        only: Option<Principal>,
        after: Option<u64>,
    ) -> Result<Page<Used>, Refusal> {
        let mut deed = self.begin(asker, Operation::ReadUsage, Scope::Broker);
        deed.detail = only.as_ref().map(|principal| format!("principal {principal}"));
        let result = self.read_usage_decided(&deed, only.as_ref(), after);
        self.finish(deed, result).await
    }

    fn read_usage_decided(
        &self,
        deed: &Deed<'_>,
        only: Option<&Principal>,
        after: Option<u64>,
    ) -> Result<Page<Used>, Failure> {
        let _spent: Permit<verb::ReadUsage> = deed.permit()?;
        let rows = self.usage.rows(only);
        let start = usize::try_from(after.unwrap_or(0)).unwrap_or(usize::MAX).min(rows.len());
        let end = (start + ROWS_MAX).min(rows.len());
        let next = (end < rows.len()).then_some(end as u64);
        Ok(Page { items: rows[start..end].to_vec(), next })
    }

    /// Writes down in the audit what each principal asked for since the last time, one entry each. Asked for by the broker
    /// itself; `request` makes the entries' ids.
    ///
    /// # Errors
    /// `AuditUnavailable`; what was not written down is not written down later, but stays counted.
    pub async fn note_usage(&self, request: impl Fn() -> RequestId) -> Result<(), Refusal> {
        for used in self.usage.not_noted() {
            self.note_used(&task_asker(Task::Upkeep, request()), &used).await?;
        }
        Ok(())
    }

    /// One principal's part of [`Broker::note_usage`]. Needs `vaultManage` on the broker.
    ///
    /// # Errors
    /// `Forbidden`, `AuditUnavailable`.
    pub async fn note_used(&self, asker: &Asker, used: &Used) -> Result<(), Refusal> {
        let mut deed = self.begin(asker, Operation::NoteUsage, Scope::Broker);
        let counts = used.counts.iter().map(|(operation, outcome, count)| format!("{operation} {outcome} {count}"));
        let who = used.principal.as_ref().map_or("all others", Principal::as_str);
        deed.detail = Some(format!("{who}: {}", counts.collect::<Vec<_>>().join(", ")));
        let result = deed.permit::<verb::NoteUsage>().map(drop);
        self.finish(deed, result).await
    }

    /// Keeps the counters in the store, when anything was counted since the last time. What is counted after that is lost
    /// when the broker is killed.
    ///
    /// # Errors
    /// The store's failure; the next time keeps it all.
    pub async fn keep_usage(&self) -> Result<(), Failure> {
        let Some(pieces) = self.usage.changed_pieces() else { return Ok(()) };
        let setting = |(number, value)| Change::PutSetting { name: format!("{SETTING}{number}"), value };
        let result = self.commit(pieces.into_iter().enumerate().map(setting).collect()).await;
        if result.is_err() {
            self.usage.not_kept();
        }
        result
    }
}
