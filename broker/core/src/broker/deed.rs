//! A deed under way: what the audit will say of it, from its beginning to its entry.

use std::sync::Arc;

use super::Broker;
use crate::entry::{Asker, Decision, Entry, Front, Outcome, Phase};
use crate::grant::{Permit, Scope};
use crate::name::{BackendName, KeyVersion, Principal, VaultName};
use crate::port::AuditUnavailable;
use crate::rate::{Rate, Rates};
use crate::refusal::{Failure, Refusal};
use crate::turn::{Ending, Turn};
use crate::verb::{Operation, Verb};

/// Seconds since the Unix epoch at which the deed began, and all that its audit entry will say.
pub(super) struct Deed<'a> {
    pub asker: &'a Asker,
    pub now_s: i64,
    pub version: Option<KeyVersion>,
    pub algorithm: Option<&'static str>,
    pub backend: Option<BackendName>,
    pub detail: Option<String>,
    operation: Operation,
    scope: Scope,
    began_us: u64,
    turn: Option<Arc<Turn>>,
    changes: bool,
    rates: &'a Rates,
    /// For where a vault has none of its own.
    rate: Rate,
}

impl Deed<'_> {
    /// What the deed is decided under. Kept until the entry is durable, unless the deed gives it up to wait.
    pub fn turn(&self) -> Result<&Arc<Turn>, Failure> {
        self.turn.as_ref().ok_or_else(|| Failure::internal("a deed asked for its turn after giving it up"))
    }

    /// Leave to do the deed, or the refusal that names what is missing. Takes one operation out of the asker's rate.
    pub fn permit<V: Verb>(&self) -> Result<Permit<V>, Failure> {
        self.charged(self.another_permit())
    }

    /// One more permit for the same deed, where several backends have their part in it.
    pub fn another_permit<V: Verb>(&self) -> Result<Permit<V>, Failure> {
        debug_assert_eq!(V::OPERATION, self.operation, "a deed asks for the permit of its own operation");
        let turn = self.proven()?;
        let permit = turn.policy.permit(&self.asker.principal, self.scope.clone(), self.now_s)?;
        self.check_peer(turn)?;
        Ok(permit)
    }

    /// Leave to do the deed on an object of this owner's; as [`Deed::permit`].
    pub fn permit_on_object<V: Verb>(&self, owner: &Principal) -> Result<Permit<V>, Failure> {
        debug_assert_eq!(V::OPERATION, self.operation, "a deed asks for the permit of its own operation");
        let on_object = || -> Result<Permit<V>, Failure> {
            let turn = self.proven()?;
            let permit = turn.policy.permit_on_object(&self.asker.principal, self.scope.clone(), owner, self.now_s)?;
            self.check_peer(turn)?;
            Ok(permit)
        };
        self.charged(on_object())
    }

    fn check_peer(&self, turn: &Turn) -> Result<(), Refusal> {
        match self.scope.vault().and_then(|name| turn.vaults.get(name)) {
            Some(vault) => vault.check_peer(self.asker.peer),
            None => Ok(()),
        }
    }

    fn charged<T>(&self, permit: Result<T, Failure>) -> Result<T, Failure> {
        // Which bucket it comes out of says that a vault is there: not to those who have no right there.
        let scope = permit.as_ref().map_or(&Scope::Broker, |_| &self.scope);
        if let Some((vault, rate)) = self.bucket(scope) {
            self.rates.charge(&self.asker.principal, vault, rate, self.began_us)?;
        }
        permit
    }

    fn proven(&self) -> Result<&Arc<Turn>, Failure> {
        let turn = self.turn()?;
        // After the turn was taken: whoever ends the proof first and then waits for older turns misses no request.
        if self.asker.proof.as_ref().is_some_and(|proof| !proof.holds()) {
            return Err(Refusal::IdentityEnded { principal: self.asker.principal.clone() }.into());
        }
        Ok(turn)
    }

    /// Counts operations that were carried out beyond the one that the permit took out of the asker's rate.
    pub fn owe(&self, operations: usize) {
        if operations > 0
            && let Some((vault, rate)) = self.bucket(&self.scope)
        {
            self.rates.owe(&self.asker.principal, vault, (rate, operations), self.began_us);
        }
    }

    /// Where the asker's operations are counted: with the vault when it has a rate of its own, else together. None for the
    /// operator at the socket and the broker itself, who must be able to act when everyone else asks too often.
    fn bucket(&self, scope: &Scope) -> Option<(Option<&VaultName>, Rate)> {
        if matches!(self.asker.front, Front::Admin | Front::System) {
            return None;
        }
        let vault = scope.vault().and_then(|name| self.turn.as_ref()?.vaults.get(name));
        Some(vault.and_then(|vault| Some((Some(&vault.name), vault.rate?))).unwrap_or((None, self.rate)))
    }
}

impl Broker {
    /// Begins a deed: from here to `finish`, it counts as decided under the ruling in force now.
    pub(super) fn begin<'a>(&'a self, asker: &'a Asker, operation: Operation, scope: Scope) -> Deed<'a> {
        Deed {
            asker,
            now_s: self.now_s(),
            version: None,
            algorithm: None,
            backend: None,
            detail: None,
            operation,
            scope,
            began_us: self.clock.monotonic_us(),
            turn: Some(self.turns.begin()),
            changes: false,
            rates: &self.rates,
            rate: self.limits.rate,
        }
    }

    pub(super) fn now_s(&self) -> i64 {
        i64::try_from(self.clock.now_ms() / 1000).unwrap_or(i64::MAX)
    }

    /// Writes down that a permitted change is about to be made. Nothing may be changed before this answers.
    pub(super) async fn intend(&self, deed: &mut Deed<'_>) -> Result<(), Failure> {
        self.write(deed, Phase::Intent, None).await?;
        deed.changes = true;
        Ok(())
    }

    /// Waits for the requests that began before a change, this deed's own turn given up.
    pub(super) async fn settle(&self, deed: &mut Deed<'_>, ending: Ending) {
        deed.turn = None;
        ending.wait().await;
    }

    /// Writes the decision down and only then lets the answer go.
    pub(super) async fn finish<T>(&self, deed: Deed<'_>, result: Result<T, Failure>) -> Result<T, Refusal> {
        let (principal, operation) = (&deed.asker.principal, deed.operation);
        let result = self.write_down(deed, result).await;
        // A summary of what was counted is no use by itself: counted, it would be the subject of the next one.
        if operation != Operation::NoteUsage {
            let outcome = result.as_ref().err().map_or(Outcome::Allowed, Refusal::outcome);
            self.usage.count(principal, operation, outcome);
        }
        result
    }

    async fn write_down<T>(&self, mut deed: Deed<'_>, result: Result<T, Failure>) -> Result<T, Refusal> {
        let (decision, result) = match result {
            Ok(answer) => (Decision::Allowed, Ok(answer)),
            Err(failure) => {
                log(&deed, &failure);
                let missing = match &failure.refusal {
                    Refusal::Forbidden(missing) => Some(format!("{} on {}", missing.permission, missing.scope)),
                    _ => None,
                };
                (Decision::Refused { reason: failure.refusal.word(), missing }, Err(failure.refusal))
            }
        };
        if matches!(result, Err(Refusal::AuditUnavailable)) {
            return result;
        }
        let phase = if deed.changes { Phase::Outcome } else { Phase::Done };
        self.write(&mut deed, phase, Some(decision)).await?;
        result
    }

    async fn write(&self, deed: &mut Deed<'_>, phase: Phase, decision: Option<Decision>) -> Result<(), Refusal> {
        let entry = Entry {
            asker: deed.asker.clone(),
            time_ms: self.clock.now_ms(),
            phase,
            operation: deed.operation,
            scope: deed.scope.to_string(),
            version: deed.version,
            algorithm: deed.algorithm,
            backend: deed.backend.clone(),
            decision,
            detail: deed.detail.clone(),
            duration_us: self.clock.monotonic_us().saturating_sub(deed.began_us),
        };
        self.audit.record(entry).await.map_err(|AuditUnavailable| Refusal::AuditUnavailable)
    }
}

fn log(deed: &Deed<'_>, failure: &Failure) {
    let (request, operation, reason) = (deed.asker.request, deed.operation.word(), failure.refusal.word());
    match (&failure.cause, &failure.refusal) {
        (cause, Refusal::Internal) => {
            tracing::error!(%request, operation, cause = cause.as_deref().unwrap_or("none given"), "a bug on our side");
        }
        (Some(cause), _) => tracing::warn!(%request, operation, reason, cause, "refused"),
        (None, _) => tracing::debug!(%request, operation, reason, "refused"),
    }
}
