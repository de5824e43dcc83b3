//! Bytes that must not be seen: wiped on drop, never printed, never copied by accident.

use std::fmt;

use zeroize::Zeroizing;

/// Secret bytes. No `Display`, no `Clone`, no serialisation; `Debug` tells the length alone. Wiped when dropped.
///
/// There is no `==`: compare secrets with the constant-time functions of the crypto room.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; the caller keeps no copy.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Copies the bytes, for when their owner wipes the original itself.
    #[must_use]
    pub fn copied_from(bytes: &[u8]) -> Self {
        // Exactly sized: a vector that grows leaves unwiped copies behind.
        let mut copy = Vec::with_capacity(bytes.len());
        copy.extend_from_slice(bytes);
        Self::new(copy)
    }

    /// The bytes in the clear. Every call is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_secret_tells_only_its_length() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter22".to_vec())), "Secret(8 bytes)");
    }
}
