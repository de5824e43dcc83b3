//! The trusted CAs and pins, checked once and immutable after; and the one question they answer: whose chain is this?

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use broker_core::name::{AnchorName, Principal, RESERVED_ANCHORS};
use rustls::DistinguishedName;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;
use x509_parser::prelude::X509Certificate;

use crate::ca::{Ca, CaFault, Root};
use crate::crl::CrlFault;
use crate::denial::Denial;
use crate::name_of;
use crate::pem::FileFault;
use crate::spec::{Pin, TrustSpec};
use crate::x509::{Span, parse, sha256};

/// Certificates a client may send: the leaf and four more. Path building tries every order of what fits, and a
/// stranger's four fit in 65 ways; with ten it would be ten million.
pub const CHAIN_CERTIFICATES_MAX: usize = 5;
/// Bytes of all certificates a client sends.
pub const CHAIN_BYTES_MAX: usize = 64 << 10;

/// Who a chain stands for, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub principal: Principal,
    /// SHA-256 of the leaf in DER.
    pub fingerprint_sha256: [u8; 32],
    /// The latest notBefore of the path, root included; Unix seconds.
    pub not_before_s: u64,
    /// The earliest notAfter of the path, root included; Unix seconds, this second included.
    pub not_after_s: u64,
    /// The earliest nextUpdate of the revocation lists that speak for the path, if revocation is checked; Unix seconds.
    /// From this second on the path must be verified anew.
    pub crl_next_update_s: Option<u64>,
}

impl Identity {
    /// Whether nothing that was verified has run out: the cheap check before each request.
    #[must_use]
    pub fn holds_at(&self, now: UnixTime) -> bool {
        let now_s = now.as_secs();
        (self.not_before_s..=self.not_after_s).contains(&now_s)
            && self.crl_next_update_s.is_none_or(|next_update_s| now_s < next_update_s)
    }
}

/// What runs out, for a metric that warns before it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    pub kind: ExpiryKind,
    /// The client CA under whose name it was configured.
    pub name: AnchorName,
    /// Unix seconds.
    pub not_after_s: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryKind {
    /// A root's notAfter.
    ClientCa,
    /// A revocation list's nextUpdate.
    Crl,
}

impl ExpiryKind {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ClientCa => "client-ca",
            Self::Crl => "crl",
        }
    }
}

/// The trusted CAs and pins.
#[derive(Debug)]
pub struct Trust {
    cas: Vec<Ca>,
    pins: HashMap<[u8; 32], AnchorName>,
    hints: Vec<DistinguishedName>,
}

impl Trust {
    /// Checks what the operator listed.
    ///
    /// # Errors
    /// A name that stands twice or is reserved, a CA without certificates, a certificate that is not a CA's, one CA
    /// (subject and key) under two names, required revocation without a list, a list that bears a root's name and is
    /// not the root's, a fingerprint pinned twice.
    pub fn build(spec: TrustSpec) -> Result<Self, TrustError> {
        let mut names = HashSet::new();
        let mut owners: HashMap<(Vec<u8>, Vec<u8>), AnchorName> = HashMap::new();
        let mut cas = Vec::new();
        for ca_spec in spec.client_cas {
            let name = ca_spec.name.clone();
            refuse_reserved(&name)?;
            if !names.insert(name.clone()) {
                return Err(TrustError::DuplicateCa(name));
            }
            let ca = Ca::build(ca_spec)?;
            for root in &ca.roots {
                let identity = (root.certificate.anchor.subject.to_vec(), root.certificate.key.to_vec());
                match owners.insert(identity, name.clone()) {
                    Some(first) if first != name => return Err(TrustError::SharedCa { first, second: name }),
                    _ => {}
                }
            }
            cas.push(ca);
        }
        let mut pins = HashMap::new();
        for Pin { name, sha256 } in spec.pins {
            refuse_reserved(&name)?;
            if let Some(first) = pins.insert(sha256, name.clone()) {
                return Err(TrustError::DuplicatePin { first, second: name });
            }
        }
        let hints = hints(&cas, &pins);
        Ok(Self { cas, pins, hints })
    }

    /// Says who a chain (leaf first) stands for at a moment. The handshake's signature is the caller's matter.
    ///
    /// A pin is looked at first: it is the more specific, and a pinned certificate that has run out is refused even
    /// where a CA would still take it. Otherwise each client CA verifies alone, with its own roots and its own
    /// lists, and exactly one may succeed (RFC 5280 section 6; the extended key usage, if there, must hold clientAuth).
    /// No issuer string is ever compared by itself.
    ///
    /// # Errors
    /// See `Denial`.
    pub fn identify(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<Identity, Denial> {
        let (leaf, above) = chain.split_first().ok_or(Denial::NoCertificate)?;
        let bytes: usize = chain.iter().map(|certificate| certificate.len()).sum();
        if chain.len() > CHAIN_CERTIFICATES_MAX || bytes > CHAIN_BYTES_MAX {
            return Err(Denial::ChainTooLong);
        }
        let fingerprint = sha256(leaf);
        let parsed = parse(leaf).ok_or(Denial::BadCertificate("malformed"))?;
        let (principal, span) = match self.pins.get(&fingerprint) {
            Some(name) => (pinned(name)?, Span::of(&parsed).containing(now)?),
            None => self.identify_by_ca(leaf, &parsed, above, now)?,
        };
        Ok(Identity {
            principal,
            fingerprint_sha256: fingerprint,
            not_before_s: span.not_before_s,
            not_after_s: span.not_after_s,
            crl_next_update_s: span.crl_next_update_s,
        })
    }

    fn identify_by_ca(
        &self,
        leaf: &CertificateDer<'_>,
        parsed: &X509Certificate<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(Principal, Span), Denial> {
        let end_entity = EndEntityCert::try_from(leaf).map_err(|error| Denial::of_path(&error))?;
        let mut found = None;
        let mut denial = Denial::UnknownCa;
        for ca in &self.cas {
            match ca.verify(&end_entity, parsed, above, now) {
                Ok(span) if found.is_none() => found = Some((ca, span)),
                Ok(_) => return Err(Denial::AmbiguousCa),
                Err(reason) => denial = denial.or_clearer(reason),
            }
        }
        let (ca, span) = found.ok_or(denial)?;
        Ok((name_of::principal(parsed, &ca.name, ca.names_by)?, span))
    }

    /// Whether this very certificate is pinned.
    pub(crate) fn is_pinned(&self, certificate: &CertificateDer<'_>) -> bool {
        self.pins.contains_key(&sha256(certificate))
    }

    /// The subjects a server names in its CertificateRequest. Empty as soon as there are pins: a client whose
    /// self-signed certificate is pinned would see no issuer of its own among them and send nothing.
    #[must_use]
    pub fn hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    /// When each root and each revocation list runs out.
    #[must_use]
    pub fn expiries(&self) -> Vec<Expiry> {
        let expiry = |kind, name: &AnchorName, not_after_s| Expiry { kind, name: name.clone(), not_after_s };
        let roots = |ca: &Ca| -> Vec<Expiry> {
            let of_root = |root: &Root| expiry(ExpiryKind::ClientCa, &ca.name, root.certificate.span.not_after_s);
            ca.roots.iter().map(of_root).collect()
        };
        let lists = |ca: &Ca| -> Vec<Expiry> {
            let crls = ca.crls.iter().flatten();
            crls.map(|crl| expiry(ExpiryKind::Crl, &ca.name, crl.next_update_s)).collect()
        };
        self.cas.iter().flat_map(|ca| [roots(ca), lists(ca)].concat()).collect()
    }
}

/// Why what the operator listed cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("client-ca `{ca}`: certificate {position}: {fault}")]
    CaCertificate { ca: AnchorName, position: usize, fault: CaFault },
    #[error("client-ca `{ca}`: revocation list {position}: {fault}")]
    CrlBlock { ca: AnchorName, position: usize, fault: CrlFault },
    #[error("client-ca `{0}` stands twice")]
    DuplicateCa(AnchorName),
    #[error("pins `{first}` and `{second}` have one fingerprint")]
    DuplicatePin { first: AnchorName, second: AnchorName },
    #[error("client-ca `{ca}`: {}: {fault}", path.display())]
    File { ca: AnchorName, path: PathBuf, fault: FileFault },
    #[error("client-ca `{0}`: no CA certificate")]
    NoCaCertificate(AnchorName),
    #[error("client-ca `{0}`: revocation is required and there is no revocation list")]
    NoCrl(AnchorName),
    #[error("`{0}` is reserved and cannot name a client CA or a pin")]
    ReservedName(AnchorName),
    #[error("client-ca `{first}` and client-ca `{second}` hold the same CA; a principal must have one name")]
    SharedCa { first: AnchorName, second: AnchorName },
}

fn refuse_reserved(name: &AnchorName) -> Result<(), TrustError> {
    if RESERVED_ANCHORS.contains(&name.as_str()) { Err(TrustError::ReservedName(name.clone())) } else { Ok(()) }
}

fn hints(cas: &[Ca], pins: &HashMap<[u8; 32], AnchorName>) -> Vec<DistinguishedName> {
    if !pins.is_empty() {
        return Vec::new();
    }
    let roots = cas.iter().flat_map(|ca| &ca.roots);
    roots.map(|root| DistinguishedName::in_sequence(&root.certificate.anchor.subject)).collect()
}

fn pinned(name: &AnchorName) -> Result<Principal, Denial> {
    Principal::parse(&format!("pin/{name}")).map_err(|_| Denial::BadName)
}
