//! Reads certificate, revocation list and key files, PEM or DER, each within a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use broker_core::secret::Secret;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use crate::ca::CaFault;
use crate::crl::CrlFault;

/// A bundle of CA certificates, or a server's chain.
const CERTIFICATE_FILE_BYTES_MAX: usize = 1 << 20;
/// About a million revoked certificates.
const CRL_FILE_BYTES_MAX: usize = 64 << 20;
const KEY_FILE_BYTES_MAX: usize = 64 << 10;

/// What is wrong with a file. The caller says which file.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    #[error("a PEM block is broken")]
    BrokenPem,
    #[error(transparent)]
    Ca(#[from] CaFault),
    #[error(transparent)]
    Crl(#[from] CrlFault),
    #[error("no {0} block")]
    NoBlock(&'static str),
    #[error("larger than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    #[error("{0}")]
    Unreadable(#[from] io::Error),
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    blocks(read(path, CERTIFICATE_FILE_BYTES_MAX)?, "CERTIFICATE")
}

pub(crate) fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, FileFault> {
    blocks(read(path, CRL_FILE_BYTES_MAX)?, "X509 CRL")
}

/// The first private key of a PEM file (PKCS#8, PKCS#1 or SEC1, not encrypted). The file's bytes are wiped.
pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, FileFault> {
    let bytes = Secret::new(read(path, KEY_FILE_BYTES_MAX)?);
    PrivateKeyDer::from_pem_slice(bytes.expose()).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => FileFault::NoBlock("PRIVATE KEY"),
        _ => FileFault::BrokenPem,
    })
}

/// All PEM blocks of one kind, or the whole file as one DER value.
fn blocks<T: PemObject + From<Vec<u8>>>(bytes: Vec<u8>, kind: &'static str) -> Result<Vec<T>, FileFault> {
    const DER_SEQUENCE: u8 = 0x30;
    if bytes.first() == Some(&DER_SEQUENCE) {
        return Ok(vec![T::from(bytes)]);
    }
    let blocks: Vec<T> = T::pem_slice_iter(&bytes).collect::<Result<_, _>>().map_err(|_| FileFault::BrokenPem)?;
    if blocks.is_empty() { Err(FileFault::NoBlock(kind)) } else { Ok(blocks) }
}

fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, FileFault> {
    let file = File::open(path)?;
    // Sized at once, so that a key's bytes are not left behind in smaller buffers.
    let expected = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if expected > bytes_max {
        return Err(FileFault::TooLarge { bytes_max });
    }
    let mut bytes = Vec::with_capacity(expected + 1);
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max { Err(FileFault::TooLarge { bytes_max }) } else { Ok(bytes) }
}
