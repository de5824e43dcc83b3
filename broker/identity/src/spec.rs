//! What the operator listed: client CAs, the name each one speaks in, revocation lists, pinned certificates.

use std::path::PathBuf;

use broker_core::name::AnchorName;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use crate::ca::CaCertificate;
use crate::crl::Crl;
use crate::pem;
use crate::trust::TrustError;
use crate::x509::sha256;

/// Everything that is trusted. Plain input; `Trust::build` checks it.
#[derive(Debug, Clone, Default)]
pub struct TrustSpec {
    /// Each name once.
    pub client_cas: Vec<CaSpec>,
    /// A name may stand twice, for the weeks in which a client changes its certificate; a fingerprint may not.
    pub pins: Vec<Pin>,
}

/// A client CA: roots that stand under one name.
#[derive(Debug, Clone)]
pub struct CaSpec {
    /// The first part of the principals: `corp` in `corp/dns:host1.example`.
    pub name: AnchorName,
    /// One or more certificates with basicConstraints CA. They may be intermediate CAs: then the path ends in them.
    pub ca_certificates: Vec<CertificateDer<'static>>,
    /// Which name of the leaf becomes the principal.
    pub names_by: NameSource,
    /// `None`: revocation is not checked. `Some`: every certificate below the root must be covered by one of these
    /// lists, signed by its issuer and not past nextUpdate; whatever is not covered is refused.
    pub crls: Option<Vec<CertificateRevocationListDer<'static>>>,
}

/// Which name of a certificate becomes the principal. Exactly one of that type must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameSource {
    /// The subject's CN. No name constraint binds it, so a chain that carries name constraints is refused.
    CommonName,
    /// A dNSName: host name labels, no wildcard; kept in lower case.
    Dns,
    /// An rfc822Name: kept as it is, with its domain in lower case.
    Email,
    /// A URI that is a SPIFFE ID.
    Uri,
}

/// A leaf certificate trusted by itself, whoever signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The principal becomes `pin/<name>`.
    pub name: AnchorName,
    /// SHA-256 of the whole certificate in DER.
    pub sha256: [u8; 32],
}

/// The text is not a SHA-256 fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 64 hexadecimal digits, in pairs with or without colons between them")]
pub struct PinError;

impl Pin {
    /// Takes a fingerprint as `openssl x509 -fingerprint -sha256` prints it, with or without colons, in either case.
    ///
    /// # Errors
    /// Anything but 64 hexadecimal digits.
    pub fn parse(name: AnchorName, fingerprint: &str) -> Result<Self, PinError> {
        let digits: Vec<u8> = match fingerprint.len() {
            64 => fingerprint.bytes().collect(),
            95 if fingerprint.bytes().skip(2).step_by(3).all(|b| b == b':') => {
                fingerprint.bytes().enumerate().filter(|(at, _)| at % 3 != 2).map(|(_, b)| b).collect()
            }
            _ => return Err(PinError),
        };
        let mut sha256 = [0_u8; 32];
        for (byte, pair) in sha256.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or(PinError);
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self { name, sha256 })
    }

    /// Pins this very certificate.
    #[must_use]
    pub fn of_certificate(name: AnchorName, certificate: &CertificateDer<'_>) -> Self {
        Self { name, sha256: sha256(certificate) }
    }
}

/// A client CA as the configuration names it: by its files, each PEM (any number of blocks) or DER (one).
#[derive(Debug, Clone)]
pub struct CaFiles {
    pub name: AnchorName,
    pub certificates: PathBuf,
    pub names_by: NameSource,
    /// As in `CaSpec`; one file or several.
    pub crls: Option<Vec<PathBuf>>,
}

impl TrustSpec {
    /// Reads the files. Each block is looked at here, so that an error names its file.
    ///
    /// # Errors
    /// A file that cannot be read, is too large, holds no block of its kind, or one that is no CA certificate or no
    /// revocation list.
    pub fn read(client_cas: &[CaFiles], pins: Vec<Pin>) -> Result<Self, TrustError> {
        let client_cas = client_cas.iter().map(CaSpec::read).collect::<Result<_, _>>()?;
        Ok(Self { client_cas, pins })
    }
}

impl CaSpec {
    fn read(files: &CaFiles) -> Result<Self, TrustError> {
        let in_file = |path: &PathBuf, fault| TrustError::File { ca: files.name.clone(), path: path.clone(), fault };

        let ca_certificates = pem::certificates(&files.certificates).map_err(|f| in_file(&files.certificates, f))?;
        for der in &ca_certificates {
            CaCertificate::parse(der).map_err(|fault| in_file(&files.certificates, fault.into()))?;
        }
        let mut crls = files.crls.as_ref().map(|_| Vec::new());
        if let (Some(lists), Some(paths)) = (&mut crls, &files.crls) {
            for path in paths {
                for der in pem::revocation_lists(path).map_err(|f| in_file(path, f))? {
                    Crl::parse(&der).map_err(|fault| in_file(path, fault.into()))?;
                    lists.push(der);
                }
            }
        }
        Ok(Self { name: files.name.clone(), ca_certificates, names_by: files.names_by, crls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_openssl_prints_it() {
        let name = || AnchorName::parse("vcenter").unwrap();
        let plain = "0f".repeat(32);
        let colons = vec!["0F"; 32].join(":");
        assert_eq!(Pin::parse(name(), &plain).unwrap().sha256, [0x0f; 32]);
        assert_eq!(Pin::parse(name(), &colons).unwrap().sha256, [0x0f; 32]);
        for bad in ["", "0f", &"0g".repeat(32), &"é".repeat(32), &colons.replace(':', "-"), &format!("{plain}00")] {
            assert_eq!(Pin::parse(name(), bad), Err(PinError), "{bad}");
        }
    }
}
