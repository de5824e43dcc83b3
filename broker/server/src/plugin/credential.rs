//! Secrets that the host adds to a plugin's requests: header values and client certificates, read where they lie.

use std::path::{Path, PathBuf};

use broker_core::secret::Secret;
use http::{HeaderName, HeaderValue};
use tokio::io::AsyncReadExt as _;

use super::asked::Origin;

/// Most bytes of a secret header's value.
const VALUE_BYTES_MAX: u64 = 8 << 10;
/// Fewer are found in any answer by chance.
const SOUGHT_BYTES_MIN: usize = 8;

/// One credential of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The hosts that it is meant for.
    pub hosts: Vec<Origin>,
    pub source: CredentialSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// PEM files: the certificate chain, leaf first, and its key. Read at start.
    Certificate { certificate: PathBuf, key: PathBuf },
    /// A header; what stands before the secret, and the file that holds it, read for each request: tokens are renewed.
    Header { name: HeaderName, prefix: String, file: PathBuf },
}

/// A header value that must not be seen: sent as sensitive, and looked for in the answer.
pub struct SecretHeader {
    pub name: HeaderName,
    pub value: HeaderValue,
    secret: Secret,
}

impl SecretHeader {
    /// Reads the secret now. None when it cannot be read or is no header's value; the log says why.
    pub async fn read(name: &HeaderName, prefix: &str, file: &Path) -> Option<Self> {
        let secret = read_short(file)
            .await
            .map_err(|error| tracing::warn!(file = %file.display(), %error, "a plugin's credential cannot be read"))
            .ok()?;
        let secret = Secret::copied_from(secret.expose().trim_ascii());
        let whole = Secret::new([prefix.as_bytes(), secret.expose()].concat());
        let Ok(mut value) = HeaderValue::from_bytes(whole.expose()) else {
            tracing::warn!(file = %file.display(), "a plugin's credential is no header's value");
            return None;
        };
        value.set_sensitive(true);
        Some(Self { name: name.clone(), value, secret })
    }

    /// Whether these bytes hold the secret: an answer that shows it to the guest is no answer.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        let sought = self.secret.expose();
        sought.len() >= SOUGHT_BYTES_MIN && bytes.windows(sought.len()).any(|window| window == sought)
    }
}

async fn read_short(file: &Path) -> std::io::Result<Secret> {
    let mut bytes = Vec::with_capacity(VALUE_BYTES_MAX as usize + 1);
    let opened = tokio::fs::File::open(file).await?;
    let read = opened.take(VALUE_BYTES_MAX + 1).read_to_end(&mut bytes).await;
    let bytes = Secret::new(bytes);
    read?;
    if bytes.len() as u64 > VALUE_BYTES_MAX { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}
