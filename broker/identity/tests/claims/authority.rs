//! Makes certificate authorities, leaves and revocation lists.

use std::time::Duration;

use broker_core::name::AnchorName;
use broker_identity::{CaSpec, Denial, Identity, NameSource, Pin, Trust, TrustSpec};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, CustomExtension, DnType,
    DnValue, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints,
    RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use time::OffsetDateTime;

/// 2030-01-01; nothing in these tests asks the machine for the time.
pub const NOW_S: u64 = 1_893_456_000;
pub const DAY_S: u64 = 86_400;
/// How long a made certificate holds, from a day before now on.
pub const LEAF_UNTIL_S: u64 = NOW_S + 30 * DAY_S;
pub const CA_UNTIL_S: u64 = NOW_S + 3650 * DAY_S;
/// nextUpdate of a made list.
pub const CRL_UNTIL_S: u64 = NOW_S + 7 * DAY_S;

pub fn now() -> UnixTime {
    at(NOW_S)
}

pub fn at(unix_s: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(unix_s))
}

pub fn date(unix_s: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(i64::try_from(unix_s).unwrap()).unwrap()
}

pub fn anchor(name: &str) -> AnchorName {
    AnchorName::parse(name).unwrap()
}

/// A leaf (or a pinned certificate) with its key and what stands above it.
pub struct Leaf {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: KeyPair,
    /// The first certificate of the chain, as a file would hold it.
    pub pem: String,
}

impl Leaf {
    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.chain[0].clone()
    }
}

/// A CA whose key these tests hold. `path` is what a client sends above its leaf (nothing for a root).
pub struct Authority {
    pub issuer: CertifiedIssuer<'static, KeyPair>,
    pub path: Vec<CertificateDer<'static>>,
}

/// What a test wants other than the usual in a certificate.
pub type Change<'a> = &'a dyn Fn(&mut CertificateParams);

pub const AS_USUAL: Change<'static> = &|_| {};

fn ca_params(subject: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date(NOW_S - DAY_S);
    params.not_after = date(CA_UNTIL_S);
    params
}

pub fn leaf_params(names: &[SanType]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "client");
    params.subject_alt_names = names.to_vec();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = date(NOW_S - DAY_S);
    params.not_after = date(LEAF_UNTIL_S);
    params.serial_number = Some(SerialNumber::from(7));
    params
}

impl Authority {
    pub fn root(subject: &str) -> Self {
        Self::root_with(subject, AS_USUAL)
    }

    pub fn root_with(subject: &str, change: Change<'_>) -> Self {
        let mut params = ca_params(subject);
        change(&mut params);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, path: Vec::new() }
    }

    /// The same CA (subject and key) with another certificate.
    pub fn renewed(&self, subject: &str, change: Change<'_>) -> Self {
        let mut params = ca_params(subject);
        change(&mut params);
        let key = KeyPair::try_from(self.issuer.key().serialize_der()).unwrap();
        Self { issuer: CertifiedIssuer::self_signed(params, key).unwrap(), path: Vec::new() }
    }

    pub fn intermediate(&self, subject: &str, change: Change<'_>) -> Self {
        self.intermediate_with_key(subject, KeyPair::generate().unwrap(), change)
    }

    /// With a key of the caller's: two roots that sign one key are a cross-signature.
    pub fn intermediate_with_key(&self, subject: &str, key: KeyPair, change: Change<'_>) -> Self {
        let mut params = ca_params(subject);
        change(&mut params);
        let issuer = CertifiedIssuer::signed_by(params, key, &self.issuer).unwrap();
        let path = [vec![issuer.der().clone()], self.path.clone()].concat();
        Self { issuer, path }
    }

    pub fn leaf(&self, names: &[SanType]) -> Leaf {
        self.leaf_with(names, AS_USUAL)
    }

    pub fn leaf_with(&self, names: &[SanType], change: Change<'_>) -> Leaf {
        let mut params = leaf_params(names);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { chain: [vec![certificate.der().clone()], self.path.clone()].concat(), key, pem: certificate.pem() }
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// A revocation list of this CA, made a day before now.
    pub fn crl(&self, revoked_serials: &[u64]) -> CertificateRevocationListDer<'static> {
        self.crl_between(revoked_serials, NOW_S - DAY_S, CRL_UNTIL_S)
    }

    pub fn crl_between(&self, revoked: &[u64], this_s: u64, next_s: u64) -> CertificateRevocationListDer<'static> {
        let entry = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date(NOW_S - DAY_S),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date(this_s),
            next_update: date(next_s),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().clone()
    }

    /// This CA as a client CA named `name`.
    pub fn spec(&self, name: &str, names_by: NameSource) -> CaSpec {
        CaSpec { name: anchor(name), ca_certificates: vec![self.certificate()], names_by, crls: None }
    }
}

/// A certificate signed with its own key, with nothing that says what it is for.
pub fn self_signed(change: Change<'_>) -> Leaf {
    let mut params = leaf_params(&[dns("vcenter.example")]);
    params.key_usages.clear();
    params.extended_key_usages.clear();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Leaf { chain: vec![certificate.der().clone()], key, pem: certificate.pem() }
}

pub fn pin(name: &str, leaf: &Leaf) -> Pin {
    Pin::of_certificate(anchor(name), &leaf.chain[0])
}

pub fn trust(client_cas: Vec<CaSpec>, pins: Vec<Pin>) -> Trust {
    Trust::build(TrustSpec { client_cas, pins }).unwrap()
}

/// The principal's text, or the denial.
pub fn named(outcome: Result<Identity, Denial>) -> Result<String, Denial> {
    outcome.map(|identity| identity.principal.to_string())
}

pub fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

pub fn email(name: &str) -> SanType {
    SanType::Rfc822Name(name.try_into().unwrap())
}

pub fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

pub fn permit_dns(params: &mut CertificateParams, subtree: &str) {
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(subtree.to_owned())],
        excluded_subtrees: Vec::new(),
    });
}

/// A subjectAltName of these identifier octets and bytes, however wrong.
pub fn raw_names(names: &[(u8, &[u8])]) -> CustomExtension {
    let all: Vec<u8> = names.iter().flat_map(|(tag, bytes)| der(*tag, bytes)).collect();
    CustomExtension::from_oid_content(&[2, 5, 29, 17], der(0x30, &all))
}

/// One DER value.
pub fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=127 => vec![tag, u8::try_from(length).unwrap()],
        128..=255 => vec![tag, 0x81, u8::try_from(length).unwrap()],
        _ => [vec![tag, 0x82], u16::try_from(length).unwrap().to_be_bytes().to_vec()].concat(),
    };
    [head, content.to_vec()].concat()
}

pub fn set_common_name(params: &mut CertificateParams, name: impl Into<DnValue>) {
    params.distinguished_name.push(DnType::CommonName, name);
}
