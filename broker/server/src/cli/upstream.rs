//! The commands' way to a broker: HTTP/1.1 over mutual TLS.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use broker_core::secret::Secret;
use bytes::Bytes;
use clap::Args;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// How long connecting and the handshake may take together.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long the answer to one request may take, body and all. Making an RSA-4096 key takes seconds.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// How long a broken connection may take to say what broke it.
const CAUSE_MAX: Duration = Duration::from_secs(1);

/// Most bytes of an answer's body: a page of keys stays far below.
pub const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Most bytes of a file of certificates or of a key.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// Who we are, and whom we trust to be the broker.
#[derive(Args)]
pub struct Credentials {
    /// The CAs that the broker's certificate may come from (PEM)
    #[arg(long, env = "KEYBROKER_CA", value_name = "FILE")]
    ca: PathBuf,
    /// The client's certificate, leaf first (PEM)
    #[arg(long, env = "KEYBROKER_CERT", value_name = "FILE")]
    cert: PathBuf,
    /// Its key (PEM)
    #[arg(long, env = "KEYBROKER_KEY", value_name = "FILE")]
    key: PathBuf,
}

impl Credentials {
    /// What a handshake needs.
    ///
    /// # Errors
    /// A file that cannot be read or holds no such thing, a key that is not the certificate's.
    pub fn read(&self) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca)? {
            roots.add(certificate).with_context(|| self.ca.display().to_string())?;
        }
        let chain = certificates(&self.cert)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = builder.with_root_certificates(roots).with_client_auth_cert(chain, private_key(&self.key)?);
        let config = config.with_context(|| format!("{} and {}", self.cert.display(), self.key.display()))?;
        Ok(Arc::new(config))
    }
}

/// All certificates of a PEM file.
///
/// # Errors
/// The file cannot be read, or holds none.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let pem = read_pem(path)?;
    let found = CertificateDer::pem_slice_iter(pem.expose()).collect::<Result<Vec<_>, _>>();
    let found = found.with_context(|| path.display().to_string())?;
    ensure!(!found.is_empty(), "{}: no CERTIFICATE block", path.display());
    Ok(found)
}

/// The first private key of a PEM file.
///
/// # Errors
/// The file cannot be read, or holds none.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(read_pem(path)?.expose()).with_context(|| path.display().to_string())
}

fn read_pem(path: &Path) -> Result<Secret> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut bytes = Vec::with_capacity(usize::try_from(file.metadata()?.len().min(PEM_BYTES_MAX) + 1)?);
    let read = file.take(PEM_BYTES_MAX + 1).read_to_end(&mut bytes);
    let bytes = Secret::new(bytes);
    read.with_context(|| path.display().to_string())?;
    ensure!(bytes.len() as u64 <= PEM_BYTES_MAX, "{}: larger than {PEM_BYTES_MAX} bytes", path.display());
    Ok(bytes)
}

/// A vault's place: scheme, host name and port of its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// As the `Host` header says it: the port only where it was named.
    pub authority: String,
    pub host: String,
    pub port: u16,
}

impl Origin {
    /// From `https://HOST[:PORT]`; a slash may follow.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(url: &str) -> Result<Self> {
        let (origin, path) = Self::split(url)?;
        ensure!(path.is_empty() || path == "/", "{url:?} must be https://HOST[:PORT] and nothing more");
        Ok(origin)
    }

    /// From a URL with a path, which is given too, from its first slash on.
    ///
    /// # Errors
    /// It is no https URL.
    pub fn split(url: &str) -> Result<(Self, &str)> {
        let wanted = || format!("{url:?} is not a URL of the form https://HOST[:PORT]/...");
        let rest = url.strip_prefix("https://").with_context(wanted)?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let parsed: Uri = authority.parse().with_context(wanted)?;
        let parsed = parsed.authority().with_context(wanted)?;
        ensure!(!authority.contains('@') && !parsed.host().is_empty(), wanted());
        // What the parser makes of a port that is none is no port at all.
        let port = match authority[parsed.host().len()..].strip_prefix(':') {
            Some(port) => port.parse().with_context(wanted)?,
            None => 443,
        };
        let origin = Self { authority: authority.to_owned(), host: parsed.host().to_ascii_lowercase(), port };
        Ok((origin, path))
    }
}

/// A way to the broker that has not been gone yet.
#[derive(Clone)]
pub struct Upstream {
    pub tls: Arc<ClientConfig>,
    /// The name that the broker's certificate must hold, sent as SNI.
    pub server_name: String,
    /// `HOST:PORT` to connect to.
    pub target: String,
}

impl Upstream {
    /// Opens a connection.
    ///
    /// # Errors
    /// Nobody listens there, or the broker's certificate is not trusted. (What the broker thinks of ours is heard with the
    /// first answer, by the rules of TLS 1.3.)
    pub async fn open(&self) -> Result<Link> {
        let opened = tokio::time::timeout(CONNECT_MAX, self.connect()).await;
        let opened = opened.unwrap_or_else(|_| bail!("no connection within {CONNECT_MAX:?}"));
        opened.with_context(|| format!("cannot connect to {} ({})", self.server_name, self.target))
    }

    async fn connect(&self) -> Result<Link> {
        let name = ServerName::try_from(self.server_name.clone())?;
        let tcp = TcpStream::connect(&self.target).await?;
        tcp.set_nodelay(true)?;
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await?;
        Link::over(tls, ANSWER_BYTES_MAX).await
    }
}

/// An open connection, for one request after the other.
pub struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// Taken when the connection has said what broke it.
    connection: Option<JoinHandle<hyper::Result<()>>>,
    answer_bytes_max: usize,
}

/// No answer came.
#[derive(Debug)]
pub struct Lost {
    /// Not a byte of the request has left: it can be sent again, whatever it asks for.
    pub unsent: bool,
    pub cause: anyhow::Error,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer from the broker: {:#}", self.cause)
    }
}

impl std::error::Error for Lost {}

impl Link {
    /// HTTP/1.1 over a stream, with answers of at most so many bytes.
    ///
    /// # Errors
    /// The stream broke.
    pub async fn over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        stream: S,
        answer_bytes_max: usize,
    ) -> Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection: Some(tokio::spawn(connection)), answer_bytes_max })
    }

    /// Whether another request may be tried on it.
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and reads its answer. The body is wiped when dropped, as it may hold a secret.
    ///
    /// # Errors
    /// The connection broke, or the answer did not come in time or is too long.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Secret>, Lost> {
        match tokio::time::timeout(ANSWER_MAX, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_late) => Err(Lost { unsent: false, cause: anyhow::anyhow!("it did not come within {ANSWER_MAX:?}") }),
        }
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Secret>, Lost> {
        if let Err(error) = self.sender.ready().await {
            return Err(Lost { unsent: true, cause: self.cause_of(error).await });
        }
        let (head, body) = match self.sender.try_send_request(request).await {
            Ok(answer) => answer.into_parts(),
            Err(mut refused) => {
                let unsent = refused.take_message().is_some();
                return Err(Lost { unsent, cause: self.cause_of(refused.into_error()).await });
            }
        };
        match whole(body, self.answer_bytes_max).await {
            Ok(body) => Ok(Response::from_parts(head, body)),
            Err(fault) => Err(Lost { unsent: false, cause: fault.into() }),
        }
    }

    /// The connection's own error says more ("certificate revoked") than the request's ("closed before a response").
    async fn cause_of(&mut self, error: hyper::Error) -> anyhow::Error {
        if let Some(connection) = self.connection.take()
            && let Ok(Ok(Err(cause))) = tokio::time::timeout(CAUSE_MAX, connection).await
        {
            return cause.into();
        }
        error.into()
    }
}

/// Why a body is not whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyFault {
    #[error("the body broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the body is longer than {bytes_max} bytes")]
    TooLong { bytes_max: usize },
}

/// A body to its end, within a limit.
///
/// # Errors
/// It breaks off, or is too long.
pub async fn whole(mut body: Incoming, bytes_max: usize) -> Result<Secret, BodyFault> {
    let mut bytes = Secret::new(Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > bytes_max {
            return Err(BodyFault::TooLong { bytes_max });
        }
        bytes = joined(&bytes, data);
    }
    Ok(bytes)
}

/// Into a buffer of the exact size: one that grows leaves unwiped copies behind. Most bodies come in one piece.
fn joined(before: &Secret, data: &[u8]) -> Secret {
    let mut bytes = Vec::with_capacity(before.len() + data.len());
    bytes.extend_from_slice(before.expose());
    bytes.extend_from_slice(data);
    Secret::new(bytes)
}

/// A body that is wiped when the last holder lets go.
pub fn wiped(body: Secret) -> Bytes {
    struct Wiped(Secret);

    impl AsRef<[u8]> for Wiped {
        fn as_ref(&self) -> &[u8] {
            self.0.expose()
        }
    }

    Bytes::from_owner(Wiped(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_host_and_a_port_of_https() {
        let rows = [
            ("https://vault1.kv.test", "vault1.kv.test", 443),
            ("https://Vault1.kv.test:9443/", "vault1.kv.test", 9443),
            ("https://127.0.0.1:1", "127.0.0.1", 1),
        ];
        for (url, host, port) in rows {
            let origin = Origin::parse(url).unwrap();
            assert_eq!((origin.host.as_str(), origin.port), (host, port), "{url}");
        }
        for bad in [
            "",
            "vault1.kv.test",
            "http://vault1.kv.test",
            "https://",
            "https:///keys",
            "https://a@b",
            "https://vault1.kv.test:",
            "https://vault1.kv.test:99999",
            "https://vault1.kv.test/keys",
            "https://vault1 .kv.test",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }
}
