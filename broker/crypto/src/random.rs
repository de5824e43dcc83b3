//! Chance, from the generator of the library (NIST SP 800-90A CTR-DRBG, seeded by the system and by jitter).

use broker_core::secret::Secret;
use zeroize::Zeroizing;

use crate::CryptoError;

/// Fills the slice with random bytes.
///
/// # Errors
/// `Internal` when the generator fails; the slice must not be used then.
pub fn fill(bytes: &mut [u8]) -> Result<(), CryptoError> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| CryptoError::Internal)
}

/// `N` random bytes, for identifiers, nonces and salts.
///
/// # Errors
/// `Internal` when the generator fails.
pub fn random<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// A random secret of this many bytes.
///
/// # Errors
/// `Internal` when the generator fails.
pub fn secret(bytes: usize) -> Result<Secret, CryptoError> {
    let mut buffer = Zeroizing::new(vec![0; bytes]);
    fill(&mut buffer)?;
    Ok(Secret::new(std::mem::take(&mut *buffer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ_and_have_the_asked_length() {
        assert_ne!(random::<16>().unwrap(), random::<16>().unwrap());
        assert_eq!(secret(128).unwrap().len(), 128);
        assert_ne!(secret(32).unwrap().expose(), secret(32).unwrap().expose());
    }
}
