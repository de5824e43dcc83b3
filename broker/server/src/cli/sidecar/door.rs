//! The local side: a loopback address or a Unix socket, with TLS or without, never anything that others can reach.

use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::fs::Mode;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::proxy::Proxy;
use crate::cli::upstream;
use crate::listen::{self, stopped};

/// Most header lines of a request, and most bytes of its head.
const HEADERS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 64 << 10;

/// How long to wait after the system refused to accept (out of descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long requests under way may take when the sidecar stops.
const STOP_MAX: Duration = Duration::from_secs(10);

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        let address: SocketAddr = text.parse().map_err(|_| "must be ADDRESS:PORT or unix:PATH".to_owned())?;
        if address.ip().is_loopback() {
            Ok(Self::Tcp(address))
        } else {
            Err("is not a loopback address: whoever reaches the sidecar may act with its certificate".to_owned())
        }
    }
}

/// Limits of the local side.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub connections_max: usize,
    pub request_max: Duration,
}

/// What a local program is to be shown.
///
/// # Errors
/// A file that cannot be read, a key that is not the certificate's.
pub fn tls(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config =
        builder.with_no_client_auth().with_single_cert(upstream::certificates(cert)?, upstream::private_key(key)?);
    let mut config = config.with_context(|| format!("{} and {}", cert.display(), key.display()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A bound socket.
pub enum Door {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Door {
    /// # Errors
    /// The address is taken. A socket left behind by a process that is gone is replaced.
    pub fn bind(address: &Address) -> Result<Self> {
        match address {
            Address::Tcp(address) => Ok(Self::Tcp(listen::bind("sidecar", *address)?)),
            Address::Unix(path) => {
                if let Ok(there) = std::fs::symlink_metadata(path) {
                    let shown = path.display();
                    ensure!(there.file_type().is_socket(), "{shown}: there is something else than a socket");
                    ensure!(
                        std::os::unix::net::UnixStream::connect(path).is_err(),
                        "{shown}: another process answers there"
                    );
                    std::fs::remove_file(path).with_context(|| shown.to_string())?;
                }
                // Never open to others, not for a moment.
                let before = rustix::process::umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
                let bound = UnixListener::bind(path);
                rustix::process::umask(before);
                Ok(Self::Unix(bound.with_context(|| format!("{}: cannot bind", path.display()))?, path.clone()))
            }
        }
    }

    /// Where it listens, for people and scripts.
    pub fn address(&self) -> Result<String> {
        match self {
            Self::Tcp(listener) => Ok(listener.local_addr()?.to_string()),
            Self::Unix(_, path) => Ok(format!("unix:{}", path.display())),
        }
    }

    /// Serves until told to stop.
    pub async fn run(
        self,
        tls: Option<Arc<ServerConfig>>,
        bounds: Bounds,
        proxy: Arc<Proxy>,
        mut stopping: watch::Receiver<bool>,
    ) {
        let places = Arc::new(Semaphore::new(bounds.connections_max));
        let tls = tls.map(TlsAcceptor::from);
        let mut connections = JoinSet::new();
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                () = stopped(&mut stopping) => break,
            };
            while connections.try_join_next().is_some() {}
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (tls, proxy, stopping) = (tls.clone(), Arc::clone(&proxy), stopping.clone());
            connections.spawn(async move {
                if let Some(stream) = handshake(stream, tls, bounds.request_max).await {
                    converse(stream, bounds, proxy, stopping).await;
                }
                drop(place);
            });
        }
        while connections.join_next().await.is_some() {}
    }

    async fn accept(&self) -> std::io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Unix(listener, _) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // Best effort: what stays behind is replaced at the next start.
            let _gone = std::fs::remove_file(path);
        }
    }
}

async fn handshake(stream: Box<dyn Stream>, tls: Option<TlsAcceptor>, most: Duration) -> Option<Box<dyn Stream>> {
    let Some(tls) = tls else { return Some(stream) };
    match tokio::time::timeout(most, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(Box::new(stream)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
        Err(_late) => None,
    }
}

async fn converse(stream: Box<dyn Stream>, bounds: Bounds, proxy: Arc<Proxy>, mut stopping: watch::Receiver<bool>) {
    let service = service_fn(move |request| {
        let proxy = Arc::clone(&proxy);
        async move { Ok::<_, std::convert::Infallible>(proxy.answer(request, bounds.request_max).await) }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.request_max)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended early");
            }
        }
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            let _lost = tokio::time::timeout(STOP_MAX, connection.as_mut()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_machine_alone_reaches_is_listened_on() {
        for good in ["127.0.0.1:0", "127.8.9.1:8443", "[::1]:1", "unix:/run/x.sock"] {
            assert!(good.parse::<Address>().is_ok(), "{good}");
        }
        for bad in
            ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "192.168.1.1:443", "[::ffff:127.0.0.1]:1", "localhost:1", "", "1"]
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
