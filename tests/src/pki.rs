//! Certificates of every kind, made in the test: no key is ever kept in git.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};

/// The moment that many days from now; negative for the past.
#[must_use]
pub fn days_from_now(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::days(days)
}

/// The moment that many seconds from now.
#[must_use]
pub fn seconds_from_now(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::seconds(seconds)
}

/// A certificate authority whose key the test holds.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    subject: String,
}

impl Authority {
    /// A root with this common name.
    #[must_use]
    pub fn new(subject: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, subject);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = (days_from_now(-30), days_from_now(3650));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, subject: subject.to_owned() }
    }

    /// Another root with the same subject and a key of its own.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self::new(&self.subject)
    }

    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    #[must_use]
    pub fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// The root's own key, for a command that signs with it.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate under this root.
    #[must_use]
    pub fn issue(&self, leaf: Leaf) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = leaf.0.signed_by(&key, &self.issuer).unwrap();
        Identity { der: certificate.der().clone(), pem: certificate.pem(), key }
    }

    /// A revocation list (PEM) of these serial numbers that holds from a day ago until `next_update`.
    #[must_use]
    pub fn crl(&self, revoked_serials: &[u64], next_update: OffsetDateTime) -> String {
        let entry = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: days_from_now(-1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: next_update.min(OffsetDateTime::now_utc()) - Duration::days(1),
            next_update,
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked_serials.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// What a certificate is to say. Every change gives the leaf back.
pub struct Leaf(CertificateParams);

impl Leaf {
    /// For a client: it holds no name, is good from an hour ago for 30 days, and is meant for client authentication.
    #[must_use]
    pub fn client() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "client");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        (params.not_before, params.not_after) = (OffsetDateTime::now_utc() - Duration::hours(1), days_from_now(30));
        Self(params)
    }

    /// For a server with these host names.
    #[must_use]
    pub fn server(hosts: &[&str]) -> Self {
        let leaf = Self::client().usage(&[ExtendedKeyUsagePurpose::ServerAuth]).common_name("server");
        hosts.iter().fold(leaf, |leaf, host| leaf.dns(host))
    }

    #[must_use]
    pub fn uri(self, name: &str) -> Self {
        self.name(SanType::URI(name.try_into().unwrap()))
    }

    #[must_use]
    pub fn dns(self, name: &str) -> Self {
        self.name(SanType::DnsName(name.try_into().unwrap()))
    }

    #[must_use]
    pub fn email(self, name: &str) -> Self {
        self.name(SanType::Rfc822Name(name.try_into().unwrap()))
    }

    #[must_use]
    pub fn name(self, name: SanType) -> Self {
        self.with(|params| params.subject_alt_names.push(name))
    }

    #[must_use]
    pub fn common_name(self, name: &str) -> Self {
        self.with(|params| params.distinguished_name.push(DnType::CommonName, name))
    }

    #[must_use]
    pub fn between(self, not_before: OffsetDateTime, not_after: OffsetDateTime) -> Self {
        self.with(|params| (params.not_before, params.not_after) = (not_before, not_after))
    }

    #[must_use]
    pub fn usage(self, usages: &[ExtendedKeyUsagePurpose]) -> Self {
        self.with(|params| params.extended_key_usages = usages.to_vec())
    }

    #[must_use]
    pub fn serial(self, serial: u64) -> Self {
        self.with(|params| params.serial_number = Some(SerialNumber::from(serial)))
    }

    /// Anything else.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        change(&mut self.0);
        self
    }

    /// Signed with its own key, under no CA at all.
    #[must_use]
    pub fn self_signed(self) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = self.0.self_signed(&key).unwrap();
        Identity { der: certificate.der().clone(), pem: certificate.pem(), key }
    }
}

/// A certificate request, and the key that stays with whoever makes it.
pub struct CertificateRequest {
    pem: String,
    key: KeyPair,
}

impl CertificateRequest {
    /// Asks to be called so.
    #[must_use]
    pub fn new(common_name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let Leaf(mut params) = Leaf::client().common_name(common_name);
        // A request says nothing about dates.
        (params.not_before, params.not_after) = {
            let plain = CertificateParams::default();
            (plain.not_before, plain.not_after)
        };
        Self { pem: params.serialize_request(&key).unwrap().pem().unwrap(), key }
    }

    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// With the certificate (PEM) that was made of it.
    #[must_use]
    pub fn granted(self, certificate: &str) -> Identity {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        Identity { der, pem: certificate.to_owned(), key: self.key }
    }
}

/// A certificate with its key.
pub struct Identity {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Identity {
    #[must_use]
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.der.clone()]
    }

    #[must_use]
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// As `NAME.pem` and `NAME.key` in a folder.
    pub fn write(&self, folder: &Path, name: &str) {
        std::fs::write(folder.join(format!("{name}.pem")), &self.pem).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), self.key_pem()).unwrap();
    }
}
