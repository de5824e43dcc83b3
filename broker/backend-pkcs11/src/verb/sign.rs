//! sign: a digest in, a signature out.

use broker_core::algorithm::SignAlgorithm;
use broker_core::grant::Permit;
use broker_core::port::Candidate;
use broker_core::refusal::Failure;
use broker_core::verb;
use broker_crypto::verify::verify_with;

use super::key_of;
use crate::backend::Pkcs11Backend;
use crate::material::name_of;
use crate::refuse::faulty;
use crate::wire::{Reply, Request};

impl Pkcs11Backend {
    /// Signs a digest of [`SignAlgorithm::digest_bytes`]; ECDSA signatures are r || s (RFC 7518 section 3.4). The
    /// signature is checked before it leaves: a faulty RSA signature gives the key away (Boneh, DeMillo, Lipton).
    ///
    /// # Errors
    /// `AlgorithmUnsupported`; `BadRequest` for a digest of another size; what became of the call.
    pub(crate) async fn sign_under(
        &self,
        permit: Permit<verb::Sign>,
        under: &Candidate,
        algorithm: SignAlgorithm,
        digest: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let (vault, key) = key_of(permit.scope())?;
        self.check_sign(algorithm, under.spec)?;
        if digest.len() != algorithm.digest_bytes() {
            return Err(Failure::bad_request(format!(
                "{algorithm} signs digests of {} bytes",
                algorithm.digest_bytes()
            )));
        }
        let key = name_of(vault, key, under)?;
        let request = Request::Sign { key, spec: under.spec, algorithm, digest: digest.to_vec() };
        match self.tokens.call(request, algorithm.word()).await? {
            Reply::Bytes(signature)
                if verify_with(under.spec, &under.material.public, algorithm, digest, &signature) == Ok(true) =>
            {
                Ok(signature)
            }
            _ => Err(faulty(self.name(), "the token's signature is not the key's")),
        }
    }
}
