//! unwrap-key: wrapped bytes in, the secret out.

use broker_core::algorithm::{KeyFamily, KeySpec, PublicKey, WrapAlgorithm, WrapExtras};
use broker_core::name::{KeyName, VaultName};
use broker_core::port::{Candidate, Unwrapped, Unwrapping};
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;
use broker_crypto::key::SECRET_BYTES_MAX;

use super::wrap_key::SEMIBLOCK_BYTES;
use crate::backend::Pkcs11Backend;
use crate::material::name_of;
use crate::refuse::faulty;
use crate::wire::{Reply, Request};

impl Pkcs11Backend {
    /// One candidate after the other; only `unwrappable` leads to the next one.
    pub(crate) async fn unwrap_with_any(
        &self,
        permit: Unwrapping,
        candidates: &[Candidate],
        algorithm: WrapAlgorithm,
        value: &[u8],
        extras: &WrapExtras,
    ) -> Result<Unwrapped, Failure> {
        let (vault, key) = permit.key()?;
        for (index, candidate) in candidates.iter().enumerate() {
            self.check_wrap(algorithm, candidate.spec, extras)?;
            match self.unwrap_under((vault, key), candidate, algorithm, value).await {
                Ok(secret) => return Ok(Unwrapped { secret, candidate: index }),
                Err(failure) if failure.refusal == Refusal::Unwrappable => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Refusal::Unwrappable.into())
    }

    async fn unwrap_under(
        &self,
        (vault, key): (&VaultName, &KeyName),
        under: &Candidate,
        algorithm: WrapAlgorithm,
        value: &[u8],
    ) -> Result<Secret, Failure> {
        if !could_be_wrapped(under.spec, &under.material.public, value) {
            return Err(Refusal::Unwrappable.into());
        }
        let key = name_of(vault, key, under)?;
        let request = Request::Unwrap { key, spec: under.spec, algorithm, value: value.to_vec() };
        let aes = under.spec.family() == KeyFamily::Oct;
        match self.tokens.call(request, algorithm.word()).await? {
            Reply::Secret(secret) if aes && secret.len() + SEMIBLOCK_BYTES == value.len() => Ok(secret),
            Reply::Secret(secret) if !aes && secret.len() < value.len() => Ok(secret),
            _ => Err(faulty(self.name(), "the token's secret has a length that it cannot have")),
        }
    }
}

/// Whether the value is of the right length and, to RSA, a number below the modulus (RFC 8017 section 7.1.2 step 1). What
/// a token says to others differs, and some of it sounds like a broken device.
fn could_be_wrapped(spec: KeySpec, public: &PublicKey, value: &[u8]) -> bool {
    match spec.family() {
        KeyFamily::Ec => false,
        KeyFamily::Oct => {
            let length = value.len();
            (3 * SEMIBLOCK_BYTES..=SECRET_BYTES_MAX + SEMIBLOCK_BYTES).contains(&length)
                && length.is_multiple_of(SEMIBLOCK_BYTES)
        }
        KeyFamily::Rsa => matches!(public, PublicKey::Rsa { n, .. } if value.len() == n.len() && value < &n[..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_key_could_have_wrapped_reaches_the_token() {
        let oct = |length| could_be_wrapped(KeySpec::Oct256, &PublicKey::None, &vec![0; length]);
        assert!(oct(24) && oct(40) && oct(SECRET_BYTES_MAX + 8));
        assert!(!oct(0) && !oct(8) && !oct(16) && !oct(25) && !oct(SECRET_BYTES_MAX + 16));
        let public = PublicKey::Rsa { n: vec![0xc0; 256], e: vec![1, 0, 1] };
        let rsa = |value: &[u8]| could_be_wrapped(KeySpec::Rsa2048, &public, value);
        assert!(rsa(&[0xbf; 256]) && rsa(&[0; 256]));
        assert!(!rsa(&[0xc0; 256]) && !rsa(&[0xff; 256]) && !rsa(&[0; 255]) && !rsa(&[0; 257]));
    }
}
