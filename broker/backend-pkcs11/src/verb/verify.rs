//! verify: is a signature the key's? Done here with the public part; no token is asked.

use broker_core::algorithm::SignAlgorithm;
use broker_core::grant::Permit;
use broker_core::port::Candidate;
use broker_core::refusal::Failure;
use broker_core::verb;
use broker_crypto::verify::verify_with;

use crate::backend::Pkcs11Backend;

impl Pkcs11Backend {
    pub(crate) fn verify_with(
        &self,
        _spent: &Permit<verb::Verify>,
        under: &Candidate,
        algorithm: SignAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, Failure> {
        self.check_sign(algorithm, under.spec)?;
        verify_with(under.spec, &under.material.public, algorithm, digest, signature)
            .map_err(|error| Failure::internal(format!("a stored public key could not be used: {error}")))
    }
}
