//! One client CA: its roots, the revocation lists that speak below them, and the verification of a chain under it alone.

use std::cell::Cell;
use std::sync::Arc;

use broker_core::name::AnchorName;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error as PathError, ExpirationPolicy, KeyUsage, RevocationOptionsBuilder, VerifiedPath};
use x509_parser::extensions::KeyUsage as KeyUsageBits;
use x509_parser::oid_registry::OID_X509_EXT_NAME_CONSTRAINTS;
use x509_parser::prelude::X509Certificate;

use crate::crl::{self, Crl, CrlFault};
use crate::denial::Denial;
use crate::spec::{CaSpec, NameSource};
use crate::trust::TrustError;
use crate::x509::{Span, VERIFICATION_ALGORITHMS, key_of, parse};

#[derive(Debug)]
pub(crate) struct Ca {
    pub(crate) name: AnchorName,
    pub(crate) names_by: NameSource,
    pub(crate) roots: Vec<Root>,
    pub(crate) crls: Option<Vec<Arc<Crl>>>,
}

#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) certificate: CaCertificate,
    /// `None`: revocation is not checked. Empty: nothing is known of any certificate, so none is accepted.
    crls: Option<Vec<Arc<Crl>>>,
}

impl Ca {
    pub(crate) fn build(spec: CaSpec) -> Result<Self, TrustError> {
        let CaSpec { name, ca_certificates, names_by, crls } = spec;
        let crls = crls.map(|lists| parse_crls(&name, &lists)).transpose()?;
        let mut certificates = Vec::new();
        for (index, der) in ca_certificates.iter().enumerate() {
            let certificate = CaCertificate::parse(der);
            certificates.push(certificate.map_err(|fault| TrustError::CaCertificate {
                ca: name.clone(),
                position: index + 1,
                fault,
            })?);
        }
        if certificates.is_empty() {
            return Err(TrustError::NoCaCertificate(name));
        }
        for (index, crl) in crls.iter().flatten().enumerate() {
            let mut namesakes = certificates.iter().filter(|c| crl.issuer() == c.anchor.subject.as_ref()).peekable();
            if namesakes.peek().is_some() && !namesakes.any(|c| crl.signed_with(&c.key)) {
                return Err(TrustError::CrlBlock { ca: name, position: index + 1, fault: CrlFault::WrongSigner });
            }
        }
        let root = |certificate: CaCertificate| {
            let below = |crls: &Vec<Arc<Crl>>| crl::below_root(crls, &certificate.anchor.subject, &certificate.key);
            Root { crls: crls.as_ref().map(below), certificate }
        };
        Ok(Self { name, names_by, roots: certificates.into_iter().map(root).collect(), crls })
    }

    /// Verifies a chain under this CA alone. Of several roots that would do, the one that lasts longest.
    pub(crate) fn verify(
        &self,
        end_entity: &EndEntityCert<'_>,
        leaf: &X509Certificate<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Span, Denial> {
        let mut best: Option<Span> = None;
        let mut denial = Denial::UnknownCa;
        for root in &self.roots {
            match self.verify_under(root, end_entity, leaf, above, now) {
                Ok(span) if best.as_ref().is_none_or(|other| other.not_after_s < span.not_after_s) => best = Some(span),
                Ok(_) => {}
                Err(reason) => denial = denial.or_clearer(reason),
            }
        }
        best.ok_or(denial)
    }

    fn verify_under(
        &self,
        root: &Root,
        end_entity: &EndEntityCert<'_>,
        leaf: &X509Certificate<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Span, Denial> {
        let lists: Option<Vec<_>> = root.crls.as_ref().map(|crls| crls.iter().map(|crl| &crl.list).collect());
        // The builder's defaults check the whole path and refuse what no list covers. It takes no empty slice of lists;
        // `check_path` refuses that case, once it is known that the path ends here at all.
        let revocation = lists.as_deref().and_then(|lists| RevocationOptionsBuilder::new(lists).ok());
        let revocation = revocation.map(|it| it.with_expiration_policy(ExpirationPolicy::Enforce).build());
        let above = passing_once_through(&root.certificate.anchor, above);
        let span = Cell::new(None);
        let rules = |path: &VerifiedPath<'_>| {
            span.set(Some(self.check_path(root, path, leaf, now)?));
            Ok(())
        };
        end_entity
            .verify_for_usage(
                VERIFICATION_ALGORITHMS.all,
                std::slice::from_ref(&root.certificate.anchor),
                &above,
                now,
                KeyUsage::client_auth(),
                revocation,
                Some(&rules),
            )
            .map_err(|error| Denial::of_path(&error))?;
        span.take().ok_or(Denial::UnknownCa)
    }

    /// What webpki leaves out: required revocation without a list, the root's own dates, key usages (RFC 5280 section
    /// 6.1.4 n; RFC 8446 section 4.4.2.4), and name constraints where the name is one they cannot bind. Gives the time in
    /// which all of the path holds.
    fn check_path(
        &self,
        root: &Root,
        path: &VerifiedPath<'_>,
        leaf: &X509Certificate<'_>,
        now: UnixTime,
    ) -> Result<Span, PathError> {
        if root.crls.as_ref().is_some_and(Vec::is_empty) {
            return Err(PathError::UnknownRevocationStatus);
        }
        root.certificate.span.check(now)?;
        let may_sign = |usage: &KeyUsageBits| usage.digital_signature();
        require_key_usage(leaf, may_sign, PathError::CaUsedAsEndEntity)?;

        let mut span = root.certificate.span.and(&Span::of(leaf));
        let mut issuers = vec![path.end_entity().issuer()];
        let mut constrained = root.certificate.anchor.name_constraints.is_some();
        for intermediate in path.intermediate_certificates() {
            let der = intermediate.der();
            let parsed = parse(&der).ok_or(PathError::BadDer)?;
            require_key_usage(&parsed, |usage| usage.key_cert_sign(), PathError::EndEntityUsedAsCa)?;
            let constraints = parsed.get_extension_unique(&OID_X509_EXT_NAME_CONSTRAINTS);
            constrained |= constraints.map_err(|_| PathError::MalformedExtensions)?.is_some();
            issuers.push(intermediate.issuer());
            span = span.and(&Span::of(&parsed));
        }
        if constrained && self.names_by == NameSource::CommonName {
            return Err(PathError::NameConstraintViolation);
        }
        let speaking = root.crls.iter().flatten().filter(|crl| issuers.contains(&crl.issuer()));
        span.crl_next_update_s = speaking.map(|crl| crl.next_update_s).min();
        Ok(span)
    }
}

/// Of the certificates a client sent, those a path to this root may use: all but a second one with the root's own name.
/// One is a renewed key, signed with the older one. Several are how a stranger, who can make them all, would have every
/// order of them tried, a signature each.
fn passing_once_through<'a>(root: &TrustAnchor<'_>, above: &'a [CertificateDer<'_>]) -> Vec<CertificateDer<'a>> {
    let mut namesakes = 0;
    let mut kept = Vec::with_capacity(above.len());
    for certificate in above {
        let Ok(parsed) = EndEntityCert::try_from(certificate) else { continue };
        namesakes += usize::from(parsed.subject() == root.subject.as_ref());
        if namesakes < 2 || parsed.subject() != root.subject.as_ref() {
            kept.push(CertificateDer::from(certificate.as_ref()));
        }
    }
    kept
}

fn parse_crls(ca: &AnchorName, lists: &[CertificateRevocationListDer<'_>]) -> Result<Vec<Arc<Crl>>, TrustError> {
    if lists.is_empty() {
        return Err(TrustError::NoCrl(ca.clone()));
    }
    let numbered = lists.iter().enumerate();
    numbered
        .map(|(index, der)| match Crl::parse(der) {
            Ok(crl) => Ok(Arc::new(crl)),
            Err(fault) => Err(TrustError::CrlBlock { ca: ca.clone(), position: index + 1, fault }),
        })
        .collect()
}

fn require_key_usage(
    certificate: &X509Certificate<'_>,
    allows: impl Fn(&KeyUsageBits) -> bool,
    otherwise: PathError,
) -> Result<(), PathError> {
    match certificate.key_usage() {
        Ok(Some(usage)) if !allows(usage.value) => Err(otherwise),
        Ok(_) => Ok(()),
        Err(_) => Err(PathError::MalformedExtensions),
    }
}

/// Why a certificate cannot stand as a client CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaFault {
    #[error("not a certificate")]
    Malformed,
    #[error("not a CA certificate (basicConstraints CA is missing)")]
    NotACa,
    #[error("its key may not sign certificates (keyUsage lacks keyCertSign)")]
    NotASigner,
}

/// A CA certificate as a trust anchor.
#[derive(Debug)]
pub(crate) struct CaCertificate {
    pub(crate) anchor: TrustAnchor<'static>,
    pub(crate) key: SubjectPublicKeyInfoDer<'static>,
    pub(crate) span: Span,
}

impl CaCertificate {
    pub(crate) fn parse(der: &CertificateDer<'_>) -> Result<Self, CaFault> {
        let parsed = parse(der).ok_or(CaFault::Malformed)?;
        let constraints = parsed.basic_constraints().map_err(|_| CaFault::Malformed)?;
        if !constraints.is_some_and(|constraints| constraints.value.ca) {
            return Err(CaFault::NotACa);
        }
        let usage = parsed.key_usage().map_err(|_| CaFault::Malformed)?;
        if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
            return Err(CaFault::NotASigner);
        }
        let anchor = webpki::anchor_from_trusted_cert(der).map_err(|_| CaFault::Malformed)?.to_owned();
        Ok(Self { anchor, key: key_of(&parsed), span: Span::of(&parsed) })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

    use super::*;

    fn ca_named(subject: &str) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, subject);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn a_path_passes_the_roots_name_once() {
        let root = CaCertificate::parse(&ca_named("Root")).unwrap();
        let sent = [ca_named("Sub"), ca_named("Root"), vec![0x30, 0x00].into(), ca_named("Root"), ca_named("Sub")];
        let kept = passing_once_through(&root.anchor, &sent);
        assert_eq!(kept, [sent[0].clone(), sent[1].clone(), sent[4].clone()]);
    }
}
