//! sign: a digest in, a signature out.

use broker_core::algorithm::SignAlgorithm;
use broker_core::grant::Permit;
use broker_core::port::Candidate;
use broker_core::refusal::Failure;
use broker_core::verb;

use super::home_of;
use crate::backend::WasmBackend;
use crate::frame::{Frame, Verb};
use crate::refuse::unsupported;
use crate::translate;

impl WasmBackend {
    /// Signs a digest of [`SignAlgorithm::digest_bytes`]; ECDSA signatures are r || s (RFC 7518 section 3.4).
    ///
    /// # Errors
    /// `AlgorithmUnsupported` for what it does not serve, `BadRequest` for a digest of another size, and what a guest's
    /// end brings.
    pub(crate) async fn sign_under(
        &self,
        permit: Permit<verb::Sign>,
        with: &Candidate,
        algorithm: SignAlgorithm,
        digest: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let place = home_of(permit.scope(), with)?;
        if !self.described().capabilities.sign_algorithms.contains(&algorithm) || !algorithm.fits(with.spec) {
            return Err(unsupported(self.name(), algorithm.word()).into());
        }
        let call = self.guest.begin(self.guest.shared.limits.call_ms_max).await?;
        call.within(Verb::Sign, async {
            let context = translate::context(&place);
            let mut instance = call.enter(Frame::about(Verb::Sign, place)).await?;
            let keys = instance.exports.keybroker_backend_keys();
            let (material, theirs) = (&with.material.opaque, translate::sign_to_guest(algorithm));
            let answer = keys.call_sign(&mut instance.store, material, theirs, digest, &context).await;
            let signature = instance.settle_result(algorithm.word(), answer)?;
            instance.check_output(&[&signature])?;
            Ok(signature)
        })
        .await
    }
}
