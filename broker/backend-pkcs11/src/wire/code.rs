//! Fields to bytes and back.

use broker_core::secret::Secret;
use zeroize::Zeroizing;

use super::{FRAME_BYTES_MAX, LENGTH_BYTES};

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("a field has a value it cannot have")]
    Invalid,
    #[error("a field is longer than it may be")]
    TooLong,
    #[error("the frame ends before its last field")]
    TooShort,
    #[error("something follows the last field")]
    Trailing,
}

/// A frame being written. Sized once, so that no secret is left behind in a buffer that grew.
pub struct Encoder(Zeroizing<Vec<u8>>);

impl Encoder {
    /// `variable`: how many bytes the fields of variable length have together.
    pub fn new(call: u64, tag: u8, variable: usize) -> Self {
        let mut bytes = Vec::with_capacity(variable + 512);
        bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        bytes.extend_from_slice(&call.to_be_bytes());
        bytes.push(tag);
        Self(Zeroizing::new(bytes))
    }

    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub fn array(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        // A length that does not fit makes a frame that is too long, which `finish` refuses.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// The frame with its length.
    pub fn finish(mut self) -> Result<Secret, WireError> {
        let length = self.0.len() - LENGTH_BYTES;
        if length > FRAME_BYTES_MAX {
            return Err(WireError::TooLong);
        }
        let length = u32::try_from(length).map_err(|_| WireError::TooLong)?;
        self.0[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        Ok(Secret::new(std::mem::take(&mut *self.0)))
    }
}

/// A frame being read.
pub struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    /// The call's number, the tag, and what reads the fields.
    pub fn new(payload: &'a [u8]) -> Result<(u64, u8, Self), WireError> {
        let mut decoder = Self(payload);
        let call = decoder.number()?;
        let tag = decoder.byte()?;
        Ok((call, tag, decoder))
    }

    pub fn byte(&mut self) -> Result<u8, WireError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub fn flag(&mut self) -> Result<bool, WireError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::Invalid),
        }
    }

    pub fn number(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or(WireError::TooShort)?;
        self.0 = rest;
        Ok(*array)
    }

    /// At most so many bytes.
    pub fn bytes(&mut self, most: usize) -> Result<&'a [u8], WireError> {
        let length = u32::from_be_bytes(self.array()?) as usize;
        if length > most {
            return Err(WireError::TooLong);
        }
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(WireError::TooShort)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// At most so many bytes of UTF-8.
    pub fn text(&mut self, most: usize) -> Result<String, WireError> {
        let bytes = self.bytes(most)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| WireError::Invalid)
    }

    /// One of a closed list, by its place in it.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> Result<T, WireError> {
        let place = usize::from(self.byte()?);
        all.get(place).copied().ok_or(WireError::Invalid)
    }

    pub fn finish(self) -> Result<(), WireError> {
        if self.0.is_empty() { Ok(()) } else { Err(WireError::Trailing) }
    }
}
