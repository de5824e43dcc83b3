//! Secrets wrapped with the public half alone.

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents,
};
use broker_core::algorithm::{KeySpec, PublicKey, WrapAlgorithm};
use broker_core::secret::Secret;

use crate::rsa::modulus_bits;
use crate::{CryptoError, der};

/// Wraps 1 byte up to modulus - 42 (RSA-OAEP) or modulus - 66 (RSA-OAEP-256) for the holder of this key
/// (RFC 8017 section 7.1.1, empty label).
///
/// # Errors
/// `Unsupported` for any other algorithm; `BadLength` beyond the limits; `BadKey` when the public half is not of the
/// spec or not a sound key; `Internal` when the library fails.
pub fn wrap_with(
    spec: KeySpec,
    public: &PublicKey,
    algorithm: WrapAlgorithm,
    secret: &Secret,
) -> Result<Vec<u8>, CryptoError> {
    let oaep = match algorithm {
        WrapAlgorithm::RsaOaep => &OAEP_SHA1_MGF1SHA1,
        WrapAlgorithm::RsaOaep256 => &OAEP_SHA256_MGF1SHA256,
        WrapAlgorithm::Rsa1V5
        | WrapAlgorithm::A128Kw
        | WrapAlgorithm::A256Kw
        | WrapAlgorithm::A128Kwp
        | WrapAlgorithm::A256Kwp
        | WrapAlgorithm::A256Gcm => return Err(CryptoError::Unsupported),
    };
    let PublicKey::Rsa { n, e } = public else { return Err(CryptoError::BadKey) };
    let (n, e) = (der::without_leading_zeros(n), der::without_leading_zeros(e));
    if modulus_bits(n) != u64::from(spec.bits()) {
        return Err(CryptoError::BadKey);
    }
    let key: PublicEncryptingKey = PublicKeyComponents { n, e }.try_into().map_err(|_| CryptoError::BadKey)?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| CryptoError::BadKey)?;
    if secret.is_empty() || secret.len() > key.max_plaintext_size(oaep) {
        return Err(CryptoError::BadLength);
    }
    let mut wrapped = vec![0; key.ciphertext_size()];
    key.encrypt(oaep, secret.expose(), &mut wrapped, None).map_err(|_| CryptoError::Internal)?;
    Ok(wrapped)
}

#[cfg(test)]
mod tests {
    use broker_core::algorithm::WrapExtras;

    use super::*;
    use crate::key::CryptoKey;

    #[test]
    fn what_the_public_half_wrapped_the_private_half_opens() {
        let key = CryptoKey::generate(KeySpec::Rsa2048).unwrap();
        let public = key.public_key();
        for (algorithm, room) in [(WrapAlgorithm::RsaOaep, 214), (WrapAlgorithm::RsaOaep256, 190)] {
            for length in [1, 32, room] {
                let secret = Secret::new(vec![0xa5; length]);
                let wrapped = wrap_with(KeySpec::Rsa2048, &public, algorithm, &secret).unwrap();
                let opened = key.unwrap_secret(algorithm, &wrapped, &WrapExtras::default()).unwrap();
                assert_eq!(opened.expose(), secret.expose(), "{algorithm} {length}");
            }
            for length in [0, room + 1] {
                let result = wrap_with(KeySpec::Rsa2048, &public, algorithm, &Secret::new(vec![1; length]));
                assert_eq!(result, Err(CryptoError::BadLength), "{algorithm} {length}");
            }
        }
    }

    #[test]
    fn a_key_of_another_size_or_kind_is_refused() {
        let public = CryptoKey::generate(KeySpec::Rsa2048).unwrap().public_key();
        let secret = Secret::new(vec![1; 16]);
        let wrap = |spec, public: &PublicKey, algorithm| wrap_with(spec, public, algorithm, &secret).unwrap_err();
        assert_eq!(wrap(KeySpec::Rsa3072, &public, WrapAlgorithm::RsaOaep), CryptoError::BadKey);
        assert_eq!(wrap(KeySpec::Rsa2048, &PublicKey::None, WrapAlgorithm::RsaOaep), CryptoError::BadKey);
        assert_eq!(wrap(KeySpec::Rsa2048, &public, WrapAlgorithm::Rsa1V5), CryptoError::Unsupported);
        assert_eq!(wrap(KeySpec::Rsa2048, &public, WrapAlgorithm::A256Kw), CryptoError::Unsupported);
        let even = PublicKey::Rsa { n: vec![0xff; 256], e: vec![2] };
        assert_eq!(wrap(KeySpec::Rsa2048, &even, WrapAlgorithm::RsaOaep), CryptoError::BadKey);
    }
}
