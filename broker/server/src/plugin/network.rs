//! A plugin's outgoing requests: to listed hosts, at addresses that may be theirs, within limits; nothing is followed.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use broker_backend_wasm::{Answer, Ask, Lines, Network, NoAnswer};
use broker_core::name::BackendName;
use broker_core::port::Later;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use super::address::{Cidr, may_have};
use super::asked::{HttpLimits, Origin};
use super::credential::{Credential, CredentialSource, SecretHeader};
use crate::cli::upstream::{self, BodyFault, Link, Lost};

/// As `http.wit` promises.
const HEADERS_MAX: usize = 32;
const HEADER_BYTES_MAX: usize = 8 << 10;
const BODY_BYTES_MAX: usize = 128 << 10;
/// Lines in the log about one plugin's requests: it can make as many fail as it likes.
const LINES_A_SECOND_MAX: u32 = 5;
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;
/// Connections kept open for the next request, and for how long.
const IDLE_MAX: usize = 8;
const IDLE_TIME_MAX: Duration = Duration::from_secs(20);
/// Headers that are the connection's and not the guest's.
const OURS: [HeaderName; 11] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::FORWARDED,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("x-forwarded-for"),
];

/// The hosts that one plugin may ask.
pub struct HostNetwork(Arc<Inner>);

struct Inner {
    plugin: BackendName,
    hosts: Vec<Origin>,
    addresses: Vec<Cidr>,
    credentials: BTreeMap<String, Credential>,
    /// Without a client's certificate under the empty name, with one under its credential's.
    tls: BTreeMap<String, Arc<ClientConfig>>,
    limits: HttpLimits,
    turns: Semaphore,
    idle: Mutex<Vec<Idle>>,
    lines: Lines,
}

/// A connection that waits for its next request.
struct Idle {
    to: Way,
    since: Instant,
    link: Link,
}

/// Where a connection goes, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    origin: Origin,
    certificate: String,
}

impl HostNetwork {
    /// # Errors
    /// A credential's certificate or key cannot be read, or does not fit.
    pub fn new(
        plugin: BackendName,
        hosts: Vec<Origin>,
        addresses: Vec<Cidr>,
        roots: Vec<CertificateDer<'static>>,
        credentials: BTreeMap<String, Credential>,
        limits: HttpLimits,
    ) -> Result<Self> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root).context("http.ca")?;
        }
        let store = Arc::new(store);
        let mut tls = BTreeMap::from([(String::new(), client(&store, None)?)]);
        for (name, credential) in &credentials {
            if let CredentialSource::Certificate { certificate, key } = &credential.source {
                let identity = (upstream::certificates(certificate)?, upstream::private_key(key)?);
                tls.insert(name.clone(), client(&store, Some(identity)).with_context(|| format!("credential {name}"))?);
            }
        }
        let (turns, idle) = (Semaphore::new(limits.requests_max), Mutex::default());
        let lines = Lines::of_a_second(LINES_A_SECOND_MAX);
        Ok(Self(Arc::new(Inner { plugin, hosts, addresses, credentials, tls, limits, turns, idle, lines })))
    }
}

type Identity = (Vec<CertificateDer<'static>>, rustls::pki_types::PrivateKeyDer<'static>);

fn client(roots: &Arc<RootCertStore>, identity: Option<Identity>) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(Arc::clone(roots));
    Ok(Arc::new(match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
    }))
}

impl Network for HostNetwork {
    fn credentials(&self) -> Vec<String> {
        self.0.credentials.keys().cloned().collect()
    }

    fn send(&self, ask: Ask) -> Later<'static, Result<Answer, NoAnswer>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let _turn = inner.turns.try_acquire().map_err(|_| NoAnswer::Busy)?;
            let time_max = inner.limits.time_max.min(ask.time_max);
            match tokio::time::timeout(time_max, inner.answer(ask)).await {
                Ok(answer) => answer,
                Err(_elapsed) => Err(NoAnswer::TimedOut),
            }
        })
    }
}

impl Inner {
    async fn answer(&self, ask: Ask) -> Result<Answer, NoAnswer> {
        let uri: Uri = ask.url.parse().map_err(|_| NoAnswer::BadRequest)?;
        let origin = Origin::of(&uri).ok_or(NoAnswer::BadRequest)?;
        if !self.hosts.contains(&origin) {
            self.tell(&origin, "a host that is not listed in http.hosts");
            return Err(NoAnswer::Denied);
        }
        let (certificate, secrets) = self.credentials_for(&origin, &ask.credentials).await?;
        let request = request_of(&uri, &origin, ask, &secrets)?;
        let way = Way { origin, certificate };
        let (link, answer) = self.exchange(&way, request).await?;
        let (head, body) = answer.into_parts();
        let headers: Vec<_> = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let shown = |secret: &SecretHeader| {
            secret.is_in(body.expose()) || headers.iter().any(|(_, value)| secret.is_in(value.as_bytes()))
        };
        if secrets.iter().any(shown) {
            self.tell(&way.origin, "the answer held a credential; it was withheld");
            return Err(NoAnswer::Denied);
        }
        self.keep(way, link);
        Ok(Answer { status: head.status.as_u16(), headers, body: body.expose().to_vec() })
    }

    /// The certificate to come with, by its credential's name, and the headers to add.
    async fn credentials_for(
        &self,
        origin: &Origin,
        names: &[String],
    ) -> Result<(String, Vec<SecretHeader>), NoAnswer> {
        let (mut certificate, mut headers) = (String::new(), Vec::new());
        for name in names {
            let meant = self.credentials.get(name).filter(|credential| credential.hosts.contains(origin));
            let Some(credential) = meant else {
                self.tell(origin, "a credential that is not there, or not for this host");
                return Err(NoAnswer::Denied);
            };
            match &credential.source {
                CredentialSource::Certificate { .. } if certificate.is_empty() => certificate.clone_from(name),
                CredentialSource::Certificate { .. } => return Err(NoAnswer::BadRequest),
                CredentialSource::Header { name, prefix, file } => {
                    headers.push(SecretHeader::read(name, prefix, file).await.ok_or(NoAnswer::Unreachable)?);
                }
            }
        }
        Ok((certificate, headers))
    }

    async fn exchange(
        &self,
        way: &Way,
        request: Request<Full<Bytes>>,
    ) -> Result<(Link, http::Response<broker_core::secret::Secret>), NoAnswer> {
        while let Some(mut link) = self.take(way) {
            match link.send(request.clone()).await {
                Ok(answer) => return Ok((link, answer)),
                // It was closed while it waited: another is tried, for not a byte has left.
                Err(Lost { unsent: true, .. }) => {}
                Err(lost) => return Err(self.lost(way, &lost.cause)),
            }
        }
        let mut link = self.open(way).await?;
        match link.send(request).await {
            Ok(answer) => Ok((link, answer)),
            Err(lost) => Err(self.lost(way, &lost.cause)),
        }
    }

    async fn open(&self, way: &Way) -> Result<Link, NoAnswer> {
        let tcp = self.connect(&way.origin).await?;
        let opened = if way.origin.tls {
            let name = ServerName::try_from(way.origin.name().to_owned()).map_err(|_| NoAnswer::BadRequest)?;
            let config = self.tls.get(&way.certificate).ok_or(NoAnswer::Denied)?;
            let tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await;
            let tls = tls.map_err(|error| {
                let told = error.get_ref().is_some_and(|cause| cause.is::<rustls::Error>());
                self.tell(&way.origin, format_args!("the handshake failed: {error}"));
                if told { NoAnswer::Untrusted } else { NoAnswer::Unreachable }
            })?;
            Link::over(tls, BODY_BYTES_MAX).await
        } else {
            Link::over(tcp, BODY_BYTES_MAX).await
        };
        opened.map_err(|error| self.lost(way, &error))
    }

    /// Resolves once, and connects to what was checked: a name that leads elsewhere the next time gains nothing.
    async fn connect(&self, origin: &Origin) -> Result<TcpStream, NoAnswer> {
        let resolved = tokio::net::lookup_host((origin.name(), origin.port)).await.map_err(|error| {
            self.tell(origin, format_args!("the name cannot be resolved: {error}"));
            NoAnswer::Unreachable
        })?;
        let (may, not): (Vec<SocketAddr>, Vec<_>) =
            resolved.partition(|address| may_have(address.ip(), &self.addresses));
        if may.is_empty() {
            let told = format_args!("no address that may be its own ({not:?}): list its range in http.networks");
            self.tell(origin, told);
            return Err(NoAnswer::Denied);
        }
        for address in may.into_iter().take(ADDRESSES_MAX) {
            match TcpStream::connect(address).await {
                Ok(tcp) => {
                    // Slower answers are no reason to give up.
                    let _ = tcp.set_nodelay(true);
                    return Ok(tcp);
                }
                Err(error) => tracing::debug!(plugin = %self.plugin, %address, %error, "no connection"),
            }
        }
        Err(NoAnswer::Unreachable)
    }

    fn lost(&self, way: &Way, cause: &anyhow::Error) -> NoAnswer {
        if let Some(BodyFault::TooLong { .. }) = cause.downcast_ref() {
            return NoAnswer::TooLarge;
        }
        self.tell(&way.origin, format_args!("the request was lost: {cause:#}"));
        NoAnswer::Unreachable
    }

    /// What the guest hears one word of, for the operator.
    fn tell(&self, origin: &Origin, problem: impl fmt::Display) {
        if self.lines.admit(Instant::now()) {
            tracing::warn!(plugin = %self.plugin, %origin, %problem, "a plugin's request was not answered");
        }
    }

    fn take(&self, way: &Way) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| idle.since.elapsed() < IDLE_TIME_MAX && idle.link.is_open());
        let at = idle.iter().position(|idle| idle.to == *way)?;
        Some(idle.swap_remove(at).link)
    }

    fn keep(&self, to: Way, link: Link) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(Idle { to, since: Instant::now(), link });
        }
    }
}

fn request_of(
    uri: &Uri,
    origin: &Origin,
    ask: Ask,
    secrets: &[SecretHeader],
) -> Result<Request<Full<Bytes>>, NoAnswer> {
    let header_bytes: usize = ask.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if ask.headers.len() > HEADERS_MAX || header_bytes > HEADER_BYTES_MAX || ask.body.len() > BODY_BYTES_MAX {
        return Err(NoAnswer::BadRequest);
    }
    let method = Method::from_bytes(ask.method.as_bytes()).map_err(|_| NoAnswer::BadRequest)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, origin.host_header())
        .body(Full::new(Bytes::from(ask.body)))
        .map_err(|_| NoAnswer::BadRequest)?;
    for (name, value) in ask.headers {
        let name = HeaderName::try_from(name).map_err(|_| NoAnswer::BadRequest)?;
        let value = HeaderValue::try_from(value).map_err(|_| NoAnswer::BadRequest)?;
        if OURS.contains(&name) || secrets.iter().any(|secret| secret.name == name) {
            return Err(NoAnswer::BadRequest);
        }
        request.headers_mut().append(name, value);
    }
    for secret in secrets {
        request.headers_mut().append(secret.name.clone(), secret.value.clone());
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(headers: &[(&str, &str)]) -> Ask {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Ask {
            method: "POST",
            url: String::new(),
            headers: headers.iter().map(own).collect(),
            body: Vec::new(),
            credentials: Vec::new(),
            time_max: Duration::from_secs(1),
        }
    }

    #[test]
    fn what_is_the_hosts_is_not_the_guests_to_write() {
        let uri: Uri = "https://bao.example:8200/v1/transit?x=1".parse().unwrap();
        let origin = Origin::of(&uri).unwrap();
        let made = request_of(&uri, &origin, ask(&[("content-type", "application/json")]), &[]).unwrap();
        assert_eq!(made.uri().to_string(), "/v1/transit?x=1");
        assert_eq!(made.headers()["host"], "bao.example:8200");
        for name in
            ["Host", "content-length", "Transfer-Encoding", "connection", "upgrade", "bad name", "x-forwarded-for"]
        {
            let refused = request_of(&uri, &origin, ask(&[(name, "1")]), &[]);
            assert_eq!(refused.unwrap_err(), NoAnswer::BadRequest, "{name}");
        }
        let refused = |ask: Ask| request_of(&uri, &origin, ask, &[]).unwrap_err();
        assert_eq!(refused(ask(&[("x", "a\r\nhost: b")])), NoAnswer::BadRequest);
        assert_eq!(refused(ask(&[("x", "y"); HEADERS_MAX + 1])), NoAnswer::BadRequest);
        assert_eq!(refused(ask(&[("x", &"y".repeat(HEADER_BYTES_MAX))])), NoAnswer::BadRequest);
        assert_eq!(refused(Ask { body: vec![0; BODY_BYTES_MAX + 1], ..ask(&[]) }), NoAnswer::BadRequest);
    }
}
