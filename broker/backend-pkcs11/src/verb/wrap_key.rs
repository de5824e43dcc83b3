//! wrap-key: a secret in, wrapped bytes out.

use broker_core::algorithm::{KeyFamily, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::port::{Candidate, Wrapping};
use broker_core::refusal::Failure;
use broker_core::secret::Secret;
use broker_crypto::CryptoError;
use broker_crypto::key::SECRET_BYTES_MAX;
use broker_crypto::wrap::wrap_with;

use crate::backend::Pkcs11Backend;
use crate::material::name_of;
use crate::refuse::faulty;
use crate::wire::{Reply, Request};

/// What RFC 3394 adds, and the size it works in, in bytes.
pub const SEMIBLOCK_BYTES: usize = 8;

impl Pkcs11Backend {
    /// RSA wraps here, with the public half; AES wraps in the token.
    ///
    /// # Errors
    /// `AlgorithmUnsupported`; `BadRequest` for a secret of a length the algorithm does not take; what became of the call.
    pub(crate) async fn wrap_under(
        &self,
        permit: Wrapping,
        under: &Candidate,
        algorithm: WrapAlgorithm,
        secret: Secret,
        extras: &WrapExtras,
    ) -> Result<Wrapped, Failure> {
        let (vault, key) = permit.key()?;
        self.check_wrap(algorithm, under.spec, extras)?;
        let key = name_of(vault, key, under)?;
        if under.spec.family() == KeyFamily::Rsa {
            let wrapped = wrap_with(under.spec, &under.material.public, algorithm, &secret);
            let value = wrapped.map_err(|error| match error {
                CryptoError::BadLength => wrong_length(algorithm),
                other => Failure::internal(format!("a stored public key could not be used: {other}")),
            })?;
            return Ok(Wrapped { value, ..Wrapped::default() });
        }
        let length = secret.len();
        let fits = (2 * SEMIBLOCK_BYTES..=SECRET_BYTES_MAX).contains(&length) && length.is_multiple_of(SEMIBLOCK_BYTES);
        if !fits {
            return Err(wrong_length(algorithm));
        }
        let request = Request::Wrap { key, spec: under.spec, algorithm, secret };
        match self.tokens.call(request, algorithm.word()).await? {
            Reply::Bytes(value) if value.len() == length + SEMIBLOCK_BYTES => {
                Ok(Wrapped { value, ..Wrapped::default() })
            }
            _ => Err(faulty(self.name(), "the token's wrapped value has a length that it cannot have")),
        }
    }
}

fn wrong_length(algorithm: WrapAlgorithm) -> Failure {
    Failure::bad_request(format!("the value has a length that {algorithm} does not take"))
}
