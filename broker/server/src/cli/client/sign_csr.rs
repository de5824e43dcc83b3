//! client sign-csr: a certificate for a client that made its own key, such as vCenter with "New certificate signing request".

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use rcgen::{
    CertificateSigningRequestParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// A certificate that nobody renews should not live for ever either.
const DAYS_MAX: u16 = 3650;

#[derive(Args)]
pub struct SignCsr {
    /// The request (PKCS#10), PEM
    csr: PathBuf,
    /// The CA's certificate, PEM: one that the broker's configuration names as client-ca
    #[arg(long)]
    ca: PathBuf,
    /// The CA's key, PEM
    #[arg(long)]
    ca_key: PathBuf,
    /// The name to certify, in place of the one that the request asks for: what a client-ca with names-by = "dns" sees
    #[arg(long, conflicts_with = "uri", required_unless_present = "uri")]
    dns: Option<String>,
    /// The same for names-by = "uri"
    #[arg(long)]
    uri: Option<String>,
    /// How long the certificate holds
    #[arg(long, default_value_t = 365)]
    days: u16,
    /// Where to write the certificate, PEM; never over another file
    #[arg(long)]
    out: PathBuf,
}

impl SignCsr {
    pub fn run(self) -> Result<()> {
        ensure!((1..=DAYS_MAX).contains(&self.days), "--days {} must be 1 to {DAYS_MAX}", self.days);
        let text = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| path.display().to_string());
        let mut request = CertificateSigningRequestParams::from_pem(&text(&self.csr)?)
            .with_context(|| format!("{}: no certificate request that can be signed", self.csr.display()))?;
        let key = Zeroizing::new(text(&self.ca_key)?);
        let key = KeyPair::from_pem(&key).with_context(|| format!("{}: no private key", self.ca_key.display()))?;
        let issuer = Issuer::from_ca_cert_pem(&text(&self.ca)?, key)
            .with_context(|| format!("{}: no CA's certificate", self.ca.display()))?;
        // What the client asks to be called is its wish; what it is called is ours to say.
        let (name, alternative) = match (&self.dns, &self.uri) {
            (Some(dns), _) => (dns, SanType::DnsName(dns.as_str().try_into().context("--dns")?)),
            (None, Some(uri)) => (uri, SanType::URI(uri.as_str().try_into().context("--uri")?)),
            (None, None) => anyhow::bail!("name the client with --dns or --uri"),
        };
        let params = &mut request.params;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name.as_str());
        params.subject_alt_names = vec![alternative];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.custom_extensions.clear();
        params.is_ca = rcgen::IsCa::ExplicitNoCa;
        params.not_before = OffsetDateTime::now_utc() - Duration::hours(1);
        params.not_after = OffsetDateTime::now_utc() + Duration::days(self.days.into());
        let certificate = request.signed_by(&issuer)?;
        let mut file = std::fs::OpenOptions::new();
        let file = file.write(true).create_new(true).mode(0o644).open(&self.out);
        file.and_then(|mut file| file.write_all(certificate.pem().as_bytes()))
            .with_context(|| self.out.display().to_string())?;
        crate::cli::say::line(format!("{}: {name}, valid {} days", self.out.display(), self.days))
    }
}
