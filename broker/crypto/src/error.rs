//! The closed list of what can go wrong.

/// Why an operation was not carried out.
///
/// Every way in which an unwrap or an opening can fail on account of its input is `Unwrappable`: wrong key, wrong
/// padding, wrong length, wrong tag. Two words there would be an oracle (RFC 8017 section 7.1.2, note of step 3.g).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CryptoError {
    #[error("the key material is not a sound key of the kind it is said to be")]
    BadKey,
    #[error("the input has a length this algorithm does not take")]
    BadLength,
    #[error("the cryptographic library refused what it should have done")]
    Internal,
    #[error("the key or the request does not go with this algorithm")]
    Unsupported,
    #[error("the wrapped value cannot be unwrapped with this key")]
    Unwrappable,
}
