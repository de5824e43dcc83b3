//! Who vouches for a plugin: an Ed25519 signature over its digest, in a file beside it.

use std::io;
use std::path::{Path, PathBuf};

use broker_crypto::CryptoError;
use broker_crypto::sign::{KEY_BYTES, SIGNATURE_BYTES, SigningKey, verify};

use crate::digits::{hex, unhex};
use crate::file::read_at_most;

/// What a signature file begins with; the layout's version is in it.
const HEADER: &str = "keybroker-plugin-1 ed25519";
/// A signature file is one line: header, public key and signature, both hexadecimal.
const FILE_BYTES_MAX: u64 = 512;
/// What is signed is this and the component's SHA-256, so that the same key's signature on anything else is none of a plugin.
const CONTEXT: &[u8] = b"keybroker plugin 1\0";

/// Whose signatures count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    pub keys: Vec<[u8; KEY_BYTES]>,
    /// A component without a signature by one of the keys is refused.
    pub required: bool,
}

/// What a component's signature says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vouched {
    /// There is none.
    Unsigned,
    /// A good one, by a key that is not trusted here.
    Stranger([u8; KEY_BYTES]),
    /// A good one by a trusted key.
    Trusted([u8; KEY_BYTES]),
}

/// Why a signature file is worth nothing; such a component is never loaded, whether signatures are required or not.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("it is not one line of `{HEADER} PUBLIC-KEY SIGNATURE` in hexadecimal digits")]
    Malformed,
    #[error(
        "it is of another file, or one of the two was changed: sign the component again, or put back the one that was signed"
    )]
    Wrong,
}

/// Where the signature of this component lies: `FILE.sig`.
#[must_use]
pub fn signature_file(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// The line that vouches for the component with this SHA-256.
///
/// # Errors
/// `Internal` when the cryptographic library fails.
pub fn signature_line(key: &SigningKey, sha256: &[u8; 32]) -> Result<String, CryptoError> {
    let signature = key.sign(&signed(sha256))?;
    Ok(format!("{HEADER} {} {}\n", hex(&key.public_key()), hex(&signature)))
}

/// What the file beside the component says of it.
pub fn vouched(component: &Path, sha256: &[u8; 32], trust: &Trust) -> Result<Vouched, SignatureError> {
    let line = match read_at_most(&signature_file(component), FILE_BYTES_MAX) {
        Ok(line) => line,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vouched::Unsigned),
        Err(error) => return Err(SignatureError::Unreadable(error)),
    };
    let (key, signature) = parse(&line).ok_or(SignatureError::Malformed)?;
    if !verify(&key, &signed(sha256), &signature) {
        return Err(SignatureError::Wrong);
    }
    Ok(if trust.keys.contains(&key) { Vouched::Trusted(key) } else { Vouched::Stranger(key) })
}

fn signed(sha256: &[u8; 32]) -> Vec<u8> {
    [CONTEXT, sha256].concat()
}

fn parse(line: &[u8]) -> Option<([u8; KEY_BYTES], [u8; SIGNATURE_BYTES])> {
    let rest = std::str::from_utf8(line).ok()?.trim_end().strip_prefix(HEADER)?.strip_prefix(' ')?;
    let (key, signature) = rest.split_once(' ')?;
    Some((unhex(key)?, unhex(signature)?))
}

#[cfg(test)]
mod tests {
    use broker_core::secret::Secret;

    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(Secret::new(vec![seed; 32])).unwrap()
    }

    #[test]
    fn a_signature_vouches_for_its_own_component_alone() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("a.wasm");
        let trust = Trust { keys: vec![key(1).public_key()], required: true };
        let look = |digest: u8| vouched(&component, &[digest; 32], &trust);
        assert_eq!(look(7).unwrap(), Vouched::Unsigned);
        for (seed, expected) in
            [(1, Vouched::Trusted(key(1).public_key())), (2, Vouched::Stranger(key(2).public_key()))]
        {
            std::fs::write(signature_file(&component), signature_line(&key(seed), &[7; 32]).unwrap()).unwrap();
            assert_eq!(look(7).unwrap(), expected);
            assert!(matches!(look(8), Err(SignatureError::Wrong)));
        }
    }

    #[test]
    fn half_a_signature_or_one_with_a_bit_turned_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("a.wasm");
        let line = signature_line(&key(1), &[7; 32]).unwrap().into_bytes();
        for length in 0..line.len() - 1 {
            std::fs::write(signature_file(&component), &line[..length]).unwrap();
            assert!(
                matches!(vouched(&component, &[7; 32], &Trust::default()), Err(SignatureError::Malformed)),
                "{length}"
            );
        }
        for place in 0..line.len() - 1 {
            let mut turned = line.clone();
            turned[place] ^= 1;
            std::fs::write(signature_file(&component), turned).unwrap();
            assert!(vouched(&component, &[7; 32], &Trust::default()).is_err(), "byte {place}");
        }
    }
}
