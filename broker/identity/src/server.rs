//! The server's own certificate and key, replaced while connections run.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use zeroize::Zeroize;

use crate::pem::{self, FileFault};
use crate::x509::{parse, unix_s};

/// Why a server certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("server certificate: {}: {fault}", path.display())]
    CertificateFile { path: PathBuf, fault: FileFault },
    #[error("server certificate: certificate {position} cannot be parsed")]
    BadCertificate { position: usize },
    #[error("server key: {}: {fault}", path.display())]
    KeyFile { path: PathBuf, fault: FileFault },
    #[error("server key: of a kind that is not supported")]
    UnsupportedKey,
    #[error("server key: does not belong to the first certificate of the chain")]
    WrongKey,
    #[error("server certificate: the chain is empty")]
    EmptyChain,
}

/// Where a certificate stands in time. A server may start with one that is `Expired` and say so; clients will refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Expired,
    NotYetValid,
    Valid,
}

/// A certificate chain with its key.
pub struct ServerCertificate {
    certified: Arc<CertifiedKey>,
    not_before_s: u64,
    not_after_s: u64,
}

impl ServerCertificate {
    /// Reads a chain (PEM, leaf first; or one certificate in DER) and its key (PEM, not encrypted).
    ///
    /// # Errors
    /// A file that cannot be read, a block that cannot be parsed, a key of another certificate.
    pub fn load(chain: &Path, key: &Path) -> Result<Self, ServerError> {
        let in_chain = |fault| ServerError::CertificateFile { path: chain.to_owned(), fault };
        let in_key = |fault| ServerError::KeyFile { path: key.to_owned(), fault };
        Self::new(pem::certificates(chain).map_err(in_chain)?, pem::private_key(key).map_err(in_key)?)
    }

    /// The same from DER, leaf first. The key's bytes are wiped; what signs is held by the cryptographic library.
    ///
    /// # Errors
    /// As `load`.
    pub fn new(chain: Vec<CertificateDer<'static>>, mut key: PrivateKeyDer<'static>) -> Result<Self, ServerError> {
        let signer = any_supported_type(&key);
        key.zeroize();
        let signer = signer.map_err(|_| ServerError::UnsupportedKey)?;
        // The time in which all of the chain holds: an intermediate that runs out takes the leaf with it.
        let (mut not_before_s, mut not_after_s) = (0, u64::MAX);
        for (index, der) in chain.iter().enumerate() {
            let parsed = parse(der).ok_or(ServerError::BadCertificate { position: index + 1 })?;
            not_before_s = not_before_s.max(unix_s(parsed.validity().not_before));
            not_after_s = not_after_s.min(unix_s(parsed.validity().not_after));
        }
        if chain.is_empty() {
            return Err(ServerError::EmptyChain);
        }
        let certified = CertifiedKey::new(chain, signer);
        certified.keys_match().map_err(|error| match error {
            rustls::Error::InvalidCertificate(_) => ServerError::BadCertificate { position: 1 },
            _ => ServerError::WrongKey,
        })?;
        Ok(Self { certified: Arc::new(certified), not_before_s, not_after_s })
    }

    #[must_use]
    pub fn standing(&self, now: UnixTime) -> Standing {
        match now.as_secs() {
            now_s if now_s < self.not_before_s => Standing::NotYetValid,
            now_s if now_s > self.not_after_s => Standing::Expired,
            _ => Standing::Valid,
        }
    }

    /// The earliest notAfter of the chain; Unix seconds.
    #[must_use]
    pub fn not_after_s(&self) -> u64 {
        self.not_after_s
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate").field("not_after_s", &self.not_after_s).finish_non_exhaustive()
    }
}

/// The server certificate in force. Each new handshake gets it; connections already made keep running.
#[derive(Debug)]
pub struct ServerIdentity {
    current: ArcSwap<ServerCertificate>,
}

impl ServerIdentity {
    #[must_use]
    pub fn new(certificate: ServerCertificate) -> Arc<Self> {
        Arc::new(Self { current: ArcSwap::from_pointee(certificate) })
    }

    pub fn replace(&self, certificate: ServerCertificate) {
        tracing::info!(not_after_s = certificate.not_after_s, "server certificate replaced");
        self.current.store(Arc::new(certificate));
    }

    #[must_use]
    pub fn current(&self) -> Arc<ServerCertificate> {
        self.current.load_full()
    }

    /// For the metric that warns before it runs out; Unix seconds.
    #[must_use]
    pub fn server_not_after_s(&self) -> u64 {
        self.current.load().not_after_s
    }
}

impl ResolvesServerCert for ServerIdentity {
    /// One certificate, whatever name the client asks for.
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().certified))
    }
}
