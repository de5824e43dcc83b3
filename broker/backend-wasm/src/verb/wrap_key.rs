//! wrap-key: a secret in, wrapped bytes out.

use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::port::{Candidate, Wrapping};
use broker_core::refusal::Failure;
use broker_core::secret::Secret;

use crate::backend::WasmBackend;
use crate::frame::{Frame, Place, Verb};
use crate::refuse::unsupported;
use crate::translate;

impl WasmBackend {
    pub(crate) async fn wrap_under(
        &self,
        permit: Wrapping,
        under: &Candidate,
        algorithm: WrapAlgorithm,
        secret: Secret,
        extras: &WrapExtras,
    ) -> Result<Wrapped, Failure> {
        let (vault, key) = permit.key()?;
        let place = Place { vault: under.home(vault).clone(), key: key.clone(), version: under.version };
        self.check_wrap(algorithm, under.spec)?;
        let call = self.guest.begin(self.guest.shared.limits.call_ms_max).await?;
        call.within(Verb::WrapKey, async {
            let context = translate::context(&place);
            let mut instance = call.enter(Frame::about(Verb::WrapKey, place)).await?;
            let lent = instance.lend(secret)?;
            let keys = instance.exports.keybroker_backend_keys();
            let (material, extras) = (&under.material.opaque, translate::extras_to_guest(extras));
            let answer = keys
                .call_wrap_key(
                    &mut instance.store,
                    material,
                    translate::wrap_to_guest(algorithm),
                    lent,
                    &extras,
                    &context,
                )
                .await;
            let wrapped = translate::wrapped_of_guest(instance.settle_result(algorithm.word(), answer)?);
            instance.check_output(&[&wrapped.value, &wrapped.iv, &wrapped.tag])?;
            Ok(wrapped)
        })
        .await
    }

    pub(crate) fn check_wrap(&self, algorithm: WrapAlgorithm, spec: KeySpec) -> Result<(), Failure> {
        match self.described().capabilities.wrap_algorithms.contains(&algorithm) && algorithm.fits(spec) {
            true => Ok(()),
            false => Err(unsupported(self.name(), algorithm.word()).into()),
        }
    }
}
