//! dev-pki: a CA, a server certificate and client certificates, for trying out.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

use super::say;

/// The trust domain of the SPIFFE IDs in client certificates.
const TRUST_DOMAIN: &str = "keybroker.test";

#[derive(Args)]
pub struct DevPki {
    /// Where to write ca.pem, server.pem, server.key, and NAME.pem and NAME.key for each client
    dir: PathBuf,
    /// A host name of the server certificate; may be given several times, wildcards allowed
    #[arg(long = "host", default_values_t = ["*.kv.test".to_owned(), "kv.test".to_owned(), "localhost".to_owned()])]
    hosts: Vec<String>,
    /// A client: its certificate names it spiffe://keybroker.test/NAME; may be given several times
    #[arg(long = "client", value_name = "NAME", default_values_t = ["admin".to_owned()])]
    clients: Vec<String>,
    /// How long the certificates hold
    #[arg(long, default_value_t = 30)]
    days: u16,
}

impl DevPki {
    pub fn run(self) -> Result<()> {
        ensure!(
            !self.dir.join("ca.pem").exists(),
            "{}: there is a ca.pem already; name another folder",
            self.dir.display()
        );
        std::fs::create_dir_all(&self.dir).with_context(|| self.dir.display().to_string())?;
        let (from, until) = (
            OffsetDateTime::now_utc() - Duration::hours(1),
            OffsetDateTime::now_utc() + Duration::days(self.days.into()),
        );
        let params = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            (params.not_before, params.not_after) = (from, until);
            params
        };
        let mut ca = params("keybroker dev CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
        public(&self.dir.join("ca.pem"), &ca.pem())?;
        private(&self.dir.join("ca.key"), &ca.key().serialize_pem())?;

        let mut server = params("keybroker dev server");
        for host in &self.hosts {
            server.subject_alt_names.push(SanType::DnsName(host.as_str().try_into()?));
        }
        server.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.leaf("server", server, &ca)?;

        for client in &self.clients {
            let plain =
                !client.is_empty() && client.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            ensure!(
                plain && client != "ca" && client != "server",
                "client {client:?} must be lower-case letters, digits and hyphens, and not ca or server"
            );
            let mut leaf = params(client);
            let id = format!("spiffe://{TRUST_DOMAIN}/{client}");
            leaf.subject_alt_names.push(SanType::URI(id.as_str().try_into()?));
            leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            self.leaf(client, leaf, &ca)?;
            say::line(format!(
                "client {client}: principal dev/uri:{id} (under client-ca \"dev\" with names-by = \"uri\")"
            ))?;
        }
        say::line(format!("written to {}: for trying out only, valid {} days", self.dir.display(), self.days))
    }

    fn leaf(&self, name: &str, params: CertificateParams, ca: &CertifiedIssuer<'_, KeyPair>) -> Result<()> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, ca)?;
        public(&self.dir.join(format!("{name}.pem")), &certificate.pem())?;
        private(&self.dir.join(format!("{name}.key")), &key.serialize_pem())
    }
}

fn public(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

fn private(path: &Path, text: &str) -> Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| path.display().to_string())?;
    Ok(file.write_all(text.as_bytes())?)
}
