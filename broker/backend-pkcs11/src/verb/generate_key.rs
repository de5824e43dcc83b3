//! generate-key: a new version, made inside the first token.

use std::time::Duration;

use broker_core::algorithm::{KeySpec, PublicKey};
use broker_core::name::KeyVersion;
use broker_core::port::{self, Generated};
use broker_core::refusal::Failure;
use tokio::time::Instant;

use crate::attempt::Tokens;
use crate::backend::Pkcs11Backend;
use crate::link::NoAnswer;
use crate::material::{object_name, opaque};
use crate::refuse::{fault, faulty, no_answer};
use crate::wire::{Fault, Found, ObjectName, Reply, Request};

/// How long what is left of a version that nobody got is looked for.
const CLEANING_MAX: Duration = Duration::from_secs(60);

impl Pkcs11Backend {
    /// # Errors
    /// `AlgorithmUnsupported` for a spec that the token cannot make; what became of the call. No key is left behind then,
    /// unless the token stays away for a minute.
    pub(crate) async fn make_key(
        &self,
        permit: port::Making,
        version: KeyVersion,
        spec: KeySpec,
    ) -> Result<Generated, Failure> {
        let (vault, key) = permit.key()?;
        self.check_spec(spec)?;
        let name = object_name(vault, key, version);
        let tokens = self.tokens.clone();
        // Runs to its end even if the caller goes away: a key that nobody waits for must be cleaned up.
        let made = tokio::spawn(async move {
            let making = Making { tokens: &tokens, name: &name, spec };
            let made = making.make().await;
            if made.is_err() {
                tokio::spawn(clean(tokens.clone(), name));
            }
            made
        });
        let public = made.await.map_err(|end| Failure::internal(format!("a call to the HSM ended: {end}")))??;
        if self.tokens.all.len() > 1 {
            for clone in &self.tokens.all[1..] {
                clone.counters.versions_to_clone.add();
            }
            tracing::warn!(backend = %self.name(), %version, "a new version is on the first token alone; clone it to the others");
        }
        Ok(Generated { opaque: opaque(version), public })
    }
}

/// One generation. It is never blindly repeated: whether the token made the key before it was cut off, is found out first.
struct Making<'a> {
    tokens: &'a Tokens,
    name: &'a ObjectName,
    spec: KeySpec,
}

impl Making<'_> {
    async fn make(&self) -> Result<PublicKey, Failure> {
        let until = Instant::now() + Duration::from_millis(self.tokens.limits.generate_ms_max);
        match self.generate(until).await {
            Ok(Some(public)) => return Ok(public),
            Ok(None) => {}
            Err(failure) => return Err(failure),
        }
        let find = Request::Find { key: self.name.clone(), spec: self.spec };
        // Should the worker be lost once more while it looks, it looks once more.
        let found = match self.ask(&find, until).await? {
            Some(reply) => Some(reply),
            None => self.ask(&find, until).await?,
        };
        match found {
            Some(Reply::Found(Found::Complete(public))) => return Ok(public),
            Some(Reply::Found(Found::Absent)) => {}
            Some(Reply::Found(Found::Half)) => {
                let destroy = Request::Destroy { key: self.name.clone() };
                match self.ask(&destroy, until).await? {
                    Some(Reply::Done) => {}
                    Some(_) => return Err(self.nonsense()),
                    None => return Err(no_answer(&self.tokens.backend, NoAnswer::Lost)),
                }
            }
            Some(_) => return Err(self.nonsense()),
            None => return Err(no_answer(&self.tokens.backend, NoAnswer::Lost)),
        }
        let again = self.generate(until).await?;
        again.ok_or_else(|| no_answer(&self.tokens.backend, NoAnswer::Lost))
    }

    /// `None` when nobody knows whether a key was made.
    async fn generate(&self, until: Instant) -> Result<Option<PublicKey>, Failure> {
        let request = Request::Generate { key: self.name.clone(), spec: self.spec };
        match self.ask(&request, until).await? {
            Some(Reply::Generated(public)) => Ok(Some(public)),
            Some(_) => Err(self.nonsense()),
            None => Ok(None),
        }
    }

    /// `None` when the worker or its session was lost.
    async fn ask(&self, request: &Request, until: Instant) -> Result<Option<Reply>, Failure> {
        let Tokens { backend, all, .. } = self.tokens;
        let most = until.saturating_duration_since(Instant::now());
        match self.tokens.call_on(&all[0], request, until, most).await {
            Ok(Reply::Failed { fault: Fault::SessionLost | Fault::TokenLost, .. }) | Err(NoAnswer::Lost) => {
                all[0].counters.retries.add();
                Ok(None)
            }
            Ok(Reply::Failed { fault: what, cause }) => Err(fault(backend, self.spec.word(), what, cause)),
            Ok(reply) => Ok(Some(reply)),
            Err(end) => Err(no_answer(backend, end)),
        }
    }

    fn nonsense(&self) -> Failure {
        faulty(&self.tokens.backend, "the worker answered something else than was asked")
    }
}

/// Removes what a generation that failed may have left in the token.
async fn clean(tokens: Tokens, name: ObjectName) {
    let until = Instant::now() + CLEANING_MAX;
    let most = Duration::from_millis(tokens.limits.call_ms_max);
    let label = name.label.clone();
    let request = Request::Destroy { key: name };
    while Instant::now() < until {
        match tokens.call_on(&tokens.all[0], &request, until, most).await {
            Ok(Reply::Done) => return,
            Ok(_) | Err(NoAnswer::Busy) => tokio::time::sleep(most).await,
            Err(NoAnswer::Deadline | NoAnswer::Lost) => {}
        }
    }
    tracing::error!(backend = %tokens.backend, key = label, "what is left of a key that was not made could not be removed");
}
