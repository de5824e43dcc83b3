//! Certificate revocation lists (RFC 5280 section 5), and which of them speaks for which root.

use std::sync::Arc;

use rustls::pki_types::SubjectPublicKeyInfoDer;
use webpki::{CertRevocationList, OwnedCertRevocationList, RawPublicKeyEntity};
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use crate::x509::{VERIFICATION_ALGORITHMS, unix_s};

/// Why a file's block is no revocation list we can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrlFault {
    #[error("not a revocation list")]
    Malformed,
    #[error("a revocation list without nextUpdate never expires")]
    NoNextUpdate,
    #[error("a revocation list of a kind that is not supported ({0})")]
    Unsupported(webpki::Error),
    #[error("a revocation list bears the CA's name, and was not signed with the CA's key")]
    WrongSigner,
}

/// A parsed list with the bytes its signature covers.
#[derive(Debug)]
pub(crate) struct Crl {
    pub(crate) list: CertRevocationList<'static>,
    pub(crate) next_update_s: u64,
    /// Of two lists with one scope the greater speaks: thisUpdate, then cRLNumber.
    age: (u64, Vec<u8>),
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl Crl {
    pub(crate) fn parse(der: &[u8]) -> Result<Self, CrlFault> {
        let (rest, parsed) = CertificateRevocationList::from_der(der).map_err(|_| CrlFault::Malformed)?;
        if !rest.is_empty() {
            return Err(CrlFault::Malformed);
        }
        let next_update_s = unix_s(parsed.next_update().ok_or(CrlFault::NoNextUpdate)?);
        let list = OwnedCertRevocationList::from_der(der).map_err(CrlFault::Unsupported)?;
        let mut number = parsed.crl_number().map(|number| number.to_bytes_be()).unwrap_or_default();
        let padding = NUMBER_BYTES_MAX.saturating_sub(number.len());
        number.splice(0..0, std::iter::repeat_n(0, padding));
        Ok(Self {
            list: list.into(),
            next_update_s,
            age: (unix_s(parsed.last_update()), number),
            signed: parsed.tbs_cert_list.as_ref().to_vec(),
            signature: parsed.signature_value.data.to_vec(),
        })
    }

    /// The issuer's name in DER, without the outer SEQUENCE.
    pub(crate) fn issuer(&self) -> &[u8] {
        self.list.issuer()
    }

    fn same_scope(&self, other: &Self) -> bool {
        self.issuer() == other.issuer()
            && self.list.issuing_distribution_point() == other.list.issuing_distribution_point()
    }

    /// Whether this key signed the list.
    pub(crate) fn signed_with(&self, key: &SubjectPublicKeyInfoDer<'_>) -> bool {
        let Ok(key) = RawPublicKeyEntity::try_from(key) else { return false };
        // Whether the key signed it, by whatever algorithm: each use of the list holds it to the one it declares.
        VERIFICATION_ALGORITHMS
            .all
            .iter()
            .any(|algorithm| key.verify_signature(*algorithm, &self.signed, &self.signature).is_ok())
    }
}

/// RFC 5280 section 5.2.3: a cRLNumber has at most 20 octets.
const NUMBER_BYTES_MAX: usize = 20;

/// The lists that speak for the certificates below one root: those with the root's name that its key signed, and those
/// with any other name (an intermediate CA's, whose signature is checked along the path). Of two with one scope the
/// newer; two keys under one name (a CA that renewed its key) each get their own.
pub(crate) fn below_root(crls: &[Arc<Crl>], subject: &[u8], key: &SubjectPublicKeyInfoDer<'_>) -> Vec<Arc<Crl>> {
    let mut chosen: Vec<Arc<Crl>> = Vec::new();
    for crl in crls.iter().filter(|crl| crl.issuer() != subject || crl.signed_with(key)) {
        match chosen.iter_mut().find(|other| other.same_scope(crl)) {
            Some(other) if other.age < crl.age => *other = Arc::clone(crl),
            Some(_) => {}
            None => chosen.push(Arc::clone(crl)),
        }
    }
    chosen
}
