//! Where notices go, and what signs them.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use broker_core::secret::Secret;
use http::Uri;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::raw;

/// Most bytes of the secret's file, and of the CAs'.
const SECRET_FILE_BYTES_MAX: usize = 4 << 10;
const CA_FILE_BYTES_MAX: usize = 1 << 20;

/// The web hook that is told of every change.
pub struct Webhook {
    pub url: Uri,
    /// At least 32 bytes.
    pub secret: Secret,
    /// Who vouches for an https URL's server.
    pub roots: Vec<CertificateDer<'static>>,
}

pub fn webhook_of(raw: raw::Webhook, folder: &Path) -> Result<Webhook> {
    let secret_file = folder.join(raw.secret_file);
    let secret = read_short(&secret_file, SECRET_FILE_BYTES_MAX)
        .with_context(|| format!("webhook.secret-file {}", secret_file.display()))?;
    let roots = match raw.ca.map(|ca| folder.join(ca)) {
        None => Vec::new(),
        Some(ca) => {
            let named = || format!("webhook.ca {}", ca.display());
            let pem = read_short(&ca, CA_FILE_BYTES_MAX).with_context(named)?;
            let roots = CertificateDer::pem_slice_iter(pem.expose()).collect::<Result<_, _>>();
            roots.map_err(|error| anyhow::anyhow!("{error}")).with_context(named)?
        }
    };
    let url = raw.url.parse().with_context(|| format!("webhook.url {:?}", raw.url))?;
    Ok(Webhook { url, secret, roots })
}

/// A whole file; whatever was read of it is wiped.
fn read_short(file: &Path, bytes_max: usize) -> io::Result<Secret> {
    // Sized once: a buffer that grew would leave copies behind.
    let mut bytes = Vec::with_capacity(bytes_max + 1);
    let read = File::open(file)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes);
    let bytes = Secret::new(bytes);
    read?;
    if bytes.len() > bytes_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_without_an_end_is_not_read_to_it() {
        let raw = |secret_file: &str, ca: Option<&str>| raw::Webhook {
            url: "https://hook.example/".to_owned(),
            secret_file: secret_file.into(),
            ca: ca.map(Into::into),
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), [7; 32]).unwrap();
        for bad in [raw("/dev/zero", None), raw("secret", Some("/dev/zero"))] {
            let error = format!("{:#}", webhook_of(bad, folder.path()).err().unwrap());
            assert!(error.contains("/dev/zero") && error.contains("too large"), "{error}");
        }
        assert_eq!(webhook_of(raw("secret", None), folder.path()).unwrap().secret.len(), 32);
    }
}
