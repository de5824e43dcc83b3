//! What is read of one certificate: its dates, its key, its fingerprint.

use std::sync::LazyLock;
use std::time::Duration;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use webpki::Error as PathError;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use crate::denial::Denial;

/// The signature algorithms of certificates, lists and handshakes: RSA of 2048 bits and more, ECDSA, Ed25519.
pub(crate) static VERIFICATION_ALGORITHMS: LazyLock<WebPkiSupportedAlgorithms> =
    LazyLock::new(|| aws_lc_rs::default_provider().signature_verification_algorithms);

/// The time in which certificates and lists hold; Unix seconds.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) not_before_s: u64,
    pub(crate) not_after_s: u64,
    pub(crate) crl_next_update_s: Option<u64>,
}

impl Span {
    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Self {
        let validity = certificate.validity();
        Self {
            not_before_s: unix_s(validity.not_before),
            not_after_s: unix_s(validity.not_after),
            crl_next_update_s: None,
        }
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            not_before_s: self.not_before_s.max(other.not_before_s),
            not_after_s: self.not_after_s.min(other.not_after_s),
            crl_next_update_s: None,
        }
    }

    pub(crate) fn check(&self, now: UnixTime) -> Result<(), PathError> {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        if now.as_secs() < self.not_before_s {
            Err(PathError::CertNotValidYet { time: now, not_before: at(self.not_before_s) })
        } else if now.as_secs() > self.not_after_s {
            Err(PathError::CertExpired { time: now, not_after: at(self.not_after_s) })
        } else {
            Ok(())
        }
    }

    pub(crate) fn containing(self, now: UnixTime) -> Result<Self, Denial> {
        self.check(now).map_err(|error| Denial::of_path(&error))?;
        Ok(self)
    }
}

/// Parses one certificate with nothing after it.
pub(crate) fn parse<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(der).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, certificate)| certificate)
}

/// The public key (SubjectPublicKeyInfo) in DER.
pub(crate) fn key_of(certificate: &X509Certificate<'_>) -> SubjectPublicKeyInfoDer<'static> {
    SubjectPublicKeyInfoDer::from(certificate.public_key().raw.to_vec())
}

/// Unix seconds; a time before 1970 counts as 1970.
pub(crate) fn unix_s(time: ASN1Time) -> u64 {
    u64::try_from(time.timestamp()).unwrap_or(0)
}

/// SHA-256 of public bytes, with the hash of the TLS suite that is defined by it.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0_u8; 32];
    let output = SHA256.hash(bytes);
    digest.copy_from_slice(output.as_ref());
    digest
}

static SHA256: LazyLock<&'static dyn rustls::crypto::hash::Hash> = LazyLock::new(|| {
    let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13();
    suite.expect("a TLS 1.3 suite is a TLS 1.3 suite").common.hash_provider
});
