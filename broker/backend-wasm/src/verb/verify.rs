//! verify: is a signature the key's? Done by the host with the public part; the guest is not asked.

use broker_core::algorithm::SignAlgorithm;
use broker_core::grant::Permit;
use broker_core::port::Candidate;
use broker_core::refusal::Failure;
use broker_core::verb;
use broker_crypto::verify::verify_with;

use crate::backend::WasmBackend;
use crate::refuse::unsupported;

impl WasmBackend {
    pub(crate) fn verify_with(
        &self,
        _spent: &Permit<verb::Verify>,
        under: &Candidate,
        algorithm: SignAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, Failure> {
        if !self.described().capabilities.sign_algorithms.contains(&algorithm) || !algorithm.fits(under.spec) {
            return Err(unsupported(self.name(), algorithm.word()).into());
        }
        verify_with(under.spec, &under.material.public, algorithm, digest, signature)
            .map_err(|error| Failure::internal(format!("a stored public key could not be used: {error}")))
    }
}
