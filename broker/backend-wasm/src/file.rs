//! Files, read whole and never more of them than is wanted.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// A whole file, once, into memory.
///
/// # Errors
/// `FileTooLarge` above `most` bytes.
pub fn read_at_most(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells too large from just large enough, whatever the file's length says.
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}
