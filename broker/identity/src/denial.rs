//! Why a chain names no one: the word for the metric, the text for the log, the alert for the client.

use rustls::CertificateError;
use webpki::Error as PathError;

/// Why a client's certificate was not accepted. Says nothing the client chose, so it stands in any log line as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    #[error("the chain ends in more than one client CA, so the principal would have two names")]
    AmbiguousCa,
    #[error("the certificate holds more than one name of the configured type")]
    AmbiguousName,
    /// What is wrong with it, from a closed list.
    #[error("the certificate cannot be used: {0}")]
    BadCertificate(&'static str),
    #[error("the certificate's name is not in its canonical form")]
    BadName,
    #[error("the handshake was not signed with the certificate's key")]
    BadSignature,
    #[error("the chain is too long or too large")]
    ChainTooLong,
    #[error("the certificate now names another principal than when the connection began")]
    Changed,
    #[error("the revocation list has expired")]
    CrlExpired,
    #[error("a certificate of the chain has expired")]
    Expired,
    #[error("a CA of the chain may not issue this name")]
    NameConstraint,
    #[error("no certificate was sent")]
    NoCertificate,
    #[error("the certificate holds no name of the configured type")]
    NoName,
    #[error("a certificate of the chain is not valid yet")]
    NotYetValid,
    #[error("no usable revocation list covers a certificate of the chain")]
    RevocationUnknown,
    #[error("a certificate of the chain is revoked")]
    Revoked,
    #[error("the chain ends in no configured client CA, and the certificate is not pinned")]
    UnknownCa,
    #[error("a certificate of the chain is not meant for this use")]
    WrongUsage,
}

impl Denial {
    /// Every word `word` can give, for a metric that must exist before its first event.
    pub const WORDS: [&'static str; 17] = [
        "ambiguous-ca",
        "ambiguous-name",
        "bad-certificate",
        "bad-name",
        "bad-signature",
        "chain-too-long",
        "changed",
        "crl-expired",
        "expired",
        "name-constraint",
        "no-certificate",
        "no-name",
        "not-yet-valid",
        "revocation-unknown",
        "revoked",
        "unknown-ca",
        "wrong-usage",
    ];

    /// The label of the metric; one of `WORDS`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::AmbiguousCa => "ambiguous-ca",
            Self::AmbiguousName => "ambiguous-name",
            Self::BadCertificate(_) => "bad-certificate",
            Self::BadName => "bad-name",
            Self::BadSignature => "bad-signature",
            Self::ChainTooLong => "chain-too-long",
            Self::Changed => "changed",
            Self::CrlExpired => "crl-expired",
            Self::Expired => "expired",
            Self::NameConstraint => "name-constraint",
            Self::NoCertificate => "no-certificate",
            Self::NoName => "no-name",
            Self::NotYetValid => "not-yet-valid",
            Self::RevocationUnknown => "revocation-unknown",
            Self::Revoked => "revoked",
            Self::UnknownCa => "unknown-ca",
            Self::WrongUsage => "wrong-usage",
        }
    }

    /// The more telling of two reasons: a CA that knows the chain says more than one that does not.
    pub(crate) fn or_clearer(self, other: Self) -> Self {
        if self == Self::UnknownCa { other } else { self }
    }

    /// What webpki's path building (RFC 5280 section 6) found wrong.
    pub(crate) fn of_path(error: &PathError) -> Self {
        #[allow(deprecated)] // older webpki releases of this series still give the variants without context
        match error {
            PathError::CertExpired { .. } | PathError::InvalidCertValidity => Self::Expired,
            PathError::CertNotValidYet { .. } => Self::NotYetValid,
            PathError::CertRevoked => Self::Revoked,
            PathError::CrlExpired { .. } => Self::CrlExpired,
            PathError::UnknownRevocationStatus
            | PathError::InvalidCrlNumber
            | PathError::InvalidCrlSignatureForPublicKey
            | PathError::IssuerNotCrlSigner
            | PathError::UnsupportedCrlIssuingDistributionPoint
            | PathError::UnsupportedCrlSignatureAlgorithm
            | PathError::UnsupportedCrlSignatureAlgorithmContext(_)
            | PathError::UnsupportedCrlSignatureAlgorithmForPublicKey
            | PathError::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_)
            | PathError::UnsupportedCrlVersion
            | PathError::UnsupportedDeltaCrl
            | PathError::UnsupportedIndirectCrl
            | PathError::UnsupportedRevocationReason
            | PathError::UnsupportedRevocationReasonsPartitioning => Self::RevocationUnknown,
            PathError::NameConstraintViolation
            | PathError::InvalidNetworkMaskConstraint
            | PathError::MalformedNameConstraint => Self::NameConstraint,
            PathError::CaUsedAsEndEntity
            | PathError::EmptyEkuExtension
            | PathError::EndEntityUsedAsCa
            | PathError::PathLenConstraintViolated
            | PathError::RequiredEkuNotFound
            | PathError::RequiredEkuNotFoundContext(_) => Self::WrongUsage,
            // A twin of a configured CA (same subject, another key, perhaps of another type) is an unknown CA.
            PathError::UnknownIssuer
            | PathError::InvalidSignatureForPublicKey
            | PathError::UnsupportedSignatureAlgorithmForPublicKey
            | PathError::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Self::UnknownCa,
            PathError::UnsupportedSignatureAlgorithm | PathError::UnsupportedSignatureAlgorithmContext(_) => {
                Self::BadCertificate("signed with an unsupported algorithm")
            }
            PathError::UnsupportedCriticalExtension => Self::BadCertificate("an unsupported critical extension"),
            PathError::UnsupportedCertVersion => Self::BadCertificate("not of X.509 version 3"),
            PathError::MaximumNameConstraintComparisonsExceeded
            | PathError::MaximumPathBuildCallsExceeded
            | PathError::MaximumPathDepthExceeded
            | PathError::MaximumSignatureChecksExceeded => Self::BadCertificate("the path is too complex"),
            // The enum is open; whatever is new there is a refusal here.
            _ => Self::BadCertificate("malformed"),
        }
    }
}

impl From<Denial> for rustls::Error {
    /// Chooses the alert the client gets (RFC 8446 section 6.2): certificate_expired, certificate_revoked, unknown_ca,
    /// unsupported_certificate, bad_certificate, decrypt_error, or access_denied where the chain is sound but names
    /// no principal.
    fn from(denial: Denial) -> Self {
        let error = match denial {
            Denial::AmbiguousCa | Denial::AmbiguousName | Denial::BadName | Denial::Changed | Denial::NoName => {
                CertificateError::ApplicationVerificationFailure
            }
            Denial::BadCertificate(_) | Denial::ChainTooLong => CertificateError::BadEncoding,
            Denial::BadSignature => CertificateError::BadSignature,
            Denial::CrlExpired => CertificateError::ExpiredRevocationList,
            Denial::Expired => CertificateError::Expired,
            Denial::NameConstraint => CertificateError::NotValidForName,
            Denial::NoCertificate => return Self::NoCertificatesPresented,
            Denial::NotYetValid => CertificateError::NotValidYet,
            Denial::RevocationUnknown => CertificateError::UnknownRevocationStatus,
            Denial::Revoked => CertificateError::Revoked,
            Denial::UnknownCa => CertificateError::UnknownIssuer,
            Denial::WrongUsage => CertificateError::InvalidPurpose,
        };
        Self::InvalidCertificate(error)
    }
}
