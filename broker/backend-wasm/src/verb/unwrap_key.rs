//! unwrap-key: wrapped bytes in, the secret out.

use broker_core::algorithm::{WrapAlgorithm, WrapExtras};
use broker_core::port::{Candidate, Unwrapped, Unwrapping};
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;

use crate::backend::WasmBackend;
use crate::call::Call;
use crate::frame::{Frame, Place, Verb};
use crate::translate;

/// A wrapped value and how it was wrapped.
struct Parcel<'a> {
    algorithm: WrapAlgorithm,
    value: &'a [u8],
    extras: &'a WrapExtras,
}

impl WasmBackend {
    /// One turn and one deadline for all candidates; a fresh instance for each. Only `unwrappable` leads to the next one.
    pub(crate) async fn unwrap_with_any(
        &self,
        permit: Unwrapping,
        candidates: &[Candidate],
        algorithm: WrapAlgorithm,
        value: &[u8],
        extras: &WrapExtras,
    ) -> Result<Unwrapped, Failure> {
        let (vault, key) = permit.key()?;
        let parcel = Parcel { algorithm, value, extras };
        let call = self.guest.begin(self.guest.shared.limits.call_ms_max).await?;
        call.within(Verb::UnwrapKey, async {
            for (index, candidate) in candidates.iter().enumerate() {
                self.check_wrap(algorithm, candidate.spec)?;
                let place =
                    Place { vault: candidate.home(vault).clone(), key: key.clone(), version: candidate.version };
                match unwrap_with(&call, place, candidate, &parcel).await {
                    Ok(secret) => return Ok(Unwrapped { secret, candidate: index }),
                    Err(failure) if failure.refusal == Refusal::Unwrappable => {}
                    Err(failure) => return Err(failure),
                }
            }
            Err(Refusal::Unwrappable.into())
        })
        .await
    }
}

async fn unwrap_with(call: &Call<'_>, place: Place, with: &Candidate, parcel: &Parcel<'_>) -> Result<Secret, Failure> {
    let context = translate::context(&place);
    let mut instance = call.enter(Frame::about(Verb::UnwrapKey, place)).await?;
    let keys = instance.exports.keybroker_backend_keys();
    let algorithm = translate::wrap_to_guest(parcel.algorithm);
    let (material, extras) = (&with.material.opaque, translate::extras_to_guest(parcel.extras));
    let answer = keys.call_unwrap_key(&mut instance.store, material, algorithm, parcel.value, &extras, &context).await;
    let handle = instance.settle_result(parcel.algorithm.word(), answer)?;
    let taken = instance.store.data_mut().take(handle);
    instance.settle(taken)
}
