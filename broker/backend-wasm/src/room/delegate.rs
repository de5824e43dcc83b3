//! Other keys of the broker: each step is a request of its own, permitted and written down like any other.

use std::future::Future;
use std::time::Instant;

use broker_core::name::KeyName;
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use wasmtime::component::Resource;

use super::crypto::{Answer, or_answer};
use super::{Breach, Room, one_line};
use crate::contract::{delegate, types};
use crate::frame::Act;
use crate::outside::Step;
use crate::translate;

/// Steps of one call.
const STEPS_MAX: usize = 4;
/// Plugins that delegate to each other, one below the other.
const DEPTH_MAX: u8 = 3;

tokio::task_local! {
    /// How many plugins stand above the request that runs in this task.
    static DEPTH: u8;
}

/// How deep a call that begins now is.
pub fn depth() -> u8 {
    DEPTH.try_with(|depth| *depth).unwrap_or(0)
}

impl delegate::Host for Room {
    async fn wrap(&mut self, through: Vec<delegate::Step>, secret: Resource<Secret>) -> Answer<delegate::Layered> {
        or_answer!(self.admit(Act::DelegateWrap)?);
        let steps = or_answer!(self.steps(through)?);
        let mut inner = Secret::copied_from(self.secret(&secret)?.expose());
        let (mut value, mut versions) = (Vec::new(), Vec::new());
        for step in steps {
            let to = step.to.clone();
            let wrapping = self.shared.outside.delegates.wrap(step, inner);
            let wrapped = self.below(wrapping).await?;
            let (layer, version) = or_answer!(wrapped.map_err(|refusal| self.told(&to, &refusal)));
            inner = Secret::copied_from(&layer);
            value = layer;
            versions.push(version);
        }
        Ok(Ok(delegate::Layered { value, versions }))
    }

    async fn unwrap(&mut self, through: Vec<delegate::Step>, value: Vec<u8>) -> Answer<Resource<Secret>> {
        or_answer!(self.admit(Act::DelegateUnwrap)?);
        let steps = or_answer!(self.steps(through)?);
        if steps.iter().any(|step| step.version.is_none()) {
            return Ok(Err(types::Error::BadRequest));
        }
        let mut outer = Secret::new(value);
        for step in steps.into_iter().rev() {
            let to = step.to.clone();
            let opened = self.shared.outside.delegates.unwrap(step, outer.expose().to_vec());
            outer = or_answer!(self.below(opened).await?.map_err(|refusal| self.told(&to, &refusal)));
        }
        Ok(Ok(self.put(outer)?))
    }

    async fn check(&mut self, to: String) -> Answer<()> {
        self.count_call()?;
        let key = self.frame.place.as_ref().map(|place| place.key.clone());
        let checking = self.shared.outside.delegates.check(to.clone(), key);
        let checked = self.below(checking).await?;
        Ok(checked.map_err(|refusal| self.told(&to, &refusal)))
    }
}

impl Room {
    fn steps(&self, through: Vec<delegate::Step>) -> wasmtime::Result<Result<Vec<Step>, types::Error>> {
        let Some(place) = &self.frame.place else { return Ok(Err(types::Error::BadRequest)) };
        if !(1..=STEPS_MAX).contains(&through.len()) {
            return Ok(Err(types::Error::BadRequest));
        }
        if self.depth >= DEPTH_MAX {
            return Err(Breach::Depth(DEPTH_MAX).into());
        }
        let key: &KeyName = &place.key;
        let step = |step: delegate::Step| Step {
            to: step.to,
            key: key.clone(),
            algorithm: translate::wrap_of_guest(step.algorithm),
            version: step.version,
        };
        Ok(Ok(through.into_iter().map(step).collect()))
    }

    /// Runs a request one plugin deeper, to its end: a deed that was begun is finished and written down.
    async fn below<T: Send + 'static>(
        &mut self,
        request: impl Future<Output = T> + Send + 'static,
    ) -> wasmtime::Result<T> {
        Ok(self.shared.host.spawn(DEPTH.scope(self.depth + 1, request)).await?)
    }

    /// The refusal for the operator, and its kind for the guest.
    fn told(&self, to: &str, refusal: &Refusal) -> types::Error {
        let error = kind_of(refusal);
        if error != types::Error::Unwrappable && self.shared.lines.admit(Instant::now()) {
            let (plugin, to) = (&self.shared.plugin, one_line(to));
            tracing::warn!(%plugin, to, refusal = %refusal, "a plugin's delegate refused");
        }
        error
    }
}

fn kind_of(refusal: &Refusal) -> types::Error {
    match refusal {
        Refusal::AlgorithmUnsupported { .. } => types::Error::Unsupported,
        Refusal::AuditUnavailable
        | Refusal::BackendBusy { .. }
        | Refusal::BackendDeadline { .. }
        | Refusal::BackendFaulty { .. }
        | Refusal::BackendUnavailable { .. }
        | Refusal::Internal
        | Refusal::StoreUnavailable
        | Refusal::TooManyRequests { .. } => types::Error::Unavailable,
        Refusal::BadRequest { .. } => types::Error::BadRequest,
        Refusal::BackendNotReady { .. }
        | Refusal::Conflict { .. }
        | Refusal::Forbidden(_)
        | Refusal::IdentityEnded { .. }
        | Refusal::KeyDeleted { .. }
        | Refusal::KeyDisabled { .. }
        | Refusal::KeyExpired { .. }
        | Refusal::KeyNotFound { .. }
        | Refusal::KeyNotYetValid { .. }
        | Refusal::KeyOperationExcluded { .. }
        | Refusal::NetworkForbidden { .. }
        | Refusal::NotFound { .. }
        | Refusal::NotImplemented { .. }
        | Refusal::ObjectNotExtractable { .. }
        | Refusal::ObjectNotFound { .. }
        | Refusal::ObjectUsageExcluded { .. }
        | Refusal::ObjectWrongState { .. }
        | Refusal::PurgeProtected { .. }
        | Refusal::VaultDeleted { .. }
        | Refusal::VaultNotFound { .. }
        | Refusal::VaultPurgeProtected { .. } => types::Error::NotReady,
        Refusal::Unwrappable => types::Error::Unwrappable,
    }
}
