//! The door of a handshake: asks the live trust who a client is, and checks that the client holds the key.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use webpki::RawPublicKeyEntity;

use crate::denial::Denial;
use crate::live::LiveTrust;
use crate::x509::{self, VERIFICATION_ALGORITHMS};

/// Demands a certificate and lets in those whose chain names a principal at this moment.
///
/// The trust is the live one. Only the hint (the CAs named in the CertificateRequest) is that of the moment the
/// verifier was made, since rustls borrows it; `LiveTls` makes a new verifier after each change.
pub struct ClientVerifier {
    live: Arc<LiveTrust>,
    hints: Vec<DistinguishedName>,
}

impl ClientVerifier {
    #[must_use]
    pub fn new(live: Arc<LiveTrust>) -> Self {
        let hints = live.current().trust().hint_subjects().to_vec();
        Self { live, hints }
    }

    fn denied(&self, denial: Denial) -> Error {
        self.live.count(&denial);
        denial.into()
    }

    /// The key of a pinned certificate, which may be one that webpki would not parse (version 1, or with a critical
    /// extension it does not know): its bytes are what the operator trusts, so only its key matters here.
    fn pinned_key(&self, certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
        let pinned = self.live.current().trust().is_pinned(certificate);
        pinned.then(|| x509::parse(certificate).map(|parsed| x509::key_of(&parsed))).flatten()
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let mut chain = vec![CertificateDer::from(end_entity.as_ref())];
        chain.extend(intermediates.iter().map(|certificate| CertificateDer::from(certificate.as_ref())));
        let identity = self.live.current().trust().identify(&chain, now);
        identity.map(|_| ClientCertVerified::assertion()).map_err(|denial| self.denied(denial))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.pinned_key(cert) {
            Some(key) => verify_tls12_with_key(message, &key, dss),
            None => verify_tls12_signature(message, cert, dss, &VERIFICATION_ALGORITHMS),
        }
        .map_err(|error| self.signature_refused(error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.pinned_key(cert) {
            Some(key) => verify_tls13_signature_with_raw_key(message, &key, dss, &VERIFICATION_ALGORITHMS),
            None => verify_tls13_signature(message, cert, dss, &VERIFICATION_ALGORITHMS),
        }
        .map_err(|error| self.signature_refused(error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        VERIFICATION_ALGORITHMS.supported_schemes()
    }
}

impl ClientVerifier {
    fn signature_refused(&self, error: Error) -> Error {
        self.live.count(&Denial::BadSignature);
        error
    }
}

impl fmt::Debug for ClientVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientVerifier").field("hints", &self.hints.len()).finish_non_exhaustive()
    }
}

/// RFC 5246 section 7.4.8: one scheme of TLS 1.2 does not fix the curve, so each algorithm it may mean is tried.
fn verify_tls12_with_key(
    message: &[u8],
    key: &SubjectPublicKeyInfoDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let key = RawPublicKeyEntity::try_from(key).map_err(|_| Denial::BadCertificate("malformed"))?;
    VERIFICATION_ALGORITHMS
        .mapping
        .iter()
        .filter(|(scheme, _)| *scheme == dss.scheme)
        .flat_map(|(_, algorithms)| algorithms.iter())
        .find(|algorithm| key.verify_signature(**algorithm, message, dss.signature()).is_ok())
        .map(|_| HandshakeSignatureValid::assertion())
        .ok_or_else(|| Denial::BadSignature.into())
}
