//! A call on one token or the next, and again where that is safe.

use std::sync::Arc;
use std::time::Duration;

use broker_core::name::BackendName;
use broker_core::refusal::Failure;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::counters::TokenState;
use crate::link::{Link, NoAnswer};
use crate::refuse::{fault, no_answer, unavailable};
use crate::spec::Limits;
use crate::token::{Token, queue_until};
use crate::wire::{Fault, Reply, Request};

/// The tokens of a backend, in order of preference.
#[derive(Clone)]
pub struct Tokens {
    pub backend: BackendName,
    pub limits: Limits,
    pub all: Arc<[Arc<Token>]>,
    changes: watch::Receiver<u64>,
}

impl Tokens {
    pub fn new(backend: BackendName, limits: Limits, all: Arc<[Arc<Token>]>, changes: watch::Receiver<u64>) -> Self {
        Self { backend, limits, all, changes }
    }

    /// A call without effects on the token, so that it may be made again: on the first token that serves, and when that
    /// one is lost or lacks the key, on the next, or on the same when it is back.
    ///
    /// Runs to its end even if the caller goes away: a session is taken until the worker has answered.
    ///
    /// # Errors
    /// `BackendBusy`, `BackendDeadline`, `BackendUnavailable`, and what the token refused.
    pub async fn call(&self, request: Request, algorithm: &'static str) -> Result<Reply, Failure> {
        let tokens = self.clone();
        let call = tokio::spawn(async move { tokens.try_all(&request, algorithm).await });
        call.await.map_err(|end| Failure::internal(format!("a call to the HSM ended: {end}")))?
    }

    async fn try_all(&self, request: &Request, algorithm: &'static str) -> Result<Reply, Failure> {
        let most = Duration::from_millis(self.limits.call_ms_max);
        // A retry on a new worker must still fit into what the caller was promised.
        let until = queue_until(&self.limits);
        let mut missing = vec![false; self.all.len()];
        let mut lost = 0;
        loop {
            let (index, link) = self.serving(&missing, until).await?;
            let token = &self.all[index];
            token.counters.calls.add();
            match link.call(request, until, most).await {
                Ok(Reply::Failed { fault: Fault::KeyMissing, .. }) => {
                    token.counters.keys_missing.add();
                    tracing::warn!(backend = %self.backend, token = token.name(), "a key is not on this token; clone it");
                    missing[index] = true;
                }
                Ok(Reply::Failed { fault: Fault::SessionLost | Fault::TokenLost, cause }) => {
                    lost += 1;
                    if lost > self.all.len() {
                        return Err(unavailable(&self.backend, cause));
                    }
                    token.counters.retries.add();
                }
                Ok(Reply::Failed { fault: what, cause }) => return Err(fault(&self.backend, algorithm, what, cause)),
                Ok(reply) => return Ok(reply),
                Err(NoAnswer::Lost) => {
                    lost += 1;
                    if lost > self.all.len() {
                        return Err(no_answer(&self.backend, NoAnswer::Lost));
                    }
                    token.counters.retries.add();
                }
                Err(end @ (NoAnswer::Busy | NoAnswer::Deadline)) => {
                    if end == NoAnswer::Busy {
                        token.counters.busy.add();
                    }
                    return Err(no_answer(&self.backend, end));
                }
            }
        }
    }

    /// The first token that serves and is not known to lack the key; waits for one.
    async fn serving(&self, missing: &[bool], until: Instant) -> Result<(usize, Arc<Link>), Failure> {
        let mut changes = self.changes.clone();
        loop {
            changes.mark_unchanged();
            let mut hope = false;
            for (index, token) in self.all.iter().enumerate().filter(|(index, _)| !missing[*index]) {
                if let Some(link) = token.link() {
                    return Ok((index, link));
                }
                hope |= token.state() != TokenState::Refused;
            }
            if !hope {
                let cause = if missing.contains(&true) { "no token holds the key" } else { "every token was given up" };
                return Err(unavailable(&self.backend, cause));
            }
            if !matches!(timeout_at(until, changes.changed()).await, Ok(Ok(()))) {
                return Err(unavailable(&self.backend, "no token serves"));
            }
        }
    }

    /// One call on one token, once its worker serves.
    ///
    /// # Errors
    /// `Lost` when no worker serves until then.
    pub async fn call_on(
        &self,
        token: &Token,
        request: &Request,
        until: Instant,
        most: Duration,
    ) -> Result<Reply, NoAnswer> {
        let mut changes = self.changes.clone();
        let link = loop {
            changes.mark_unchanged();
            match token.link() {
                Some(link) => break link,
                None if token.state() == TokenState::Refused => return Err(NoAnswer::Lost),
                None => {}
            }
            if !matches!(timeout_at(until, changes.changed()).await, Ok(Ok(()))) {
                return Err(NoAnswer::Lost);
            }
        };
        token.counters.calls.add();
        link.call(request, until, most).await
    }
}
