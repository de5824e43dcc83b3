//! Accepts connections, does the TLS handshake of each in its own task, and turns the certificate into a session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use broker_identity::{LiveTls, LiveTrust, Session};
use rustls_pki_types::UnixTime;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::Bounds;
use crate::crowd::Crowd;
use crate::metric::Metrics;
use crate::newcomer::{Newcomer, Newcomers};
use crate::sighting::Sightings;

/// How long to wait after the system refused to accept (out of descriptors, say) before trying again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Tells every connection that trust changed, or that the broker is stopping.
#[derive(Clone)]
pub struct Signals {
    pub trust_changed: watch::Receiver<u64>,
    pub stopping: watch::Receiver<bool>,
}

/// Ends when the broker stops.
pub async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // The sender lives as long as the broker; one that is gone has stopped too.
    let _gone = stopping.wait_for(|stop| *stop).await;
}

/// A connection whose client is known.
pub struct Known {
    pub stream: TlsStream<TcpStream>,
    pub peer: SocketAddr,
    pub session: Arc<Session>,
    pub signals: Signals,
}

/// One listening socket with what it needs for a handshake.
pub struct Listener {
    pub front: &'static str,
    pub tcp: TcpListener,
    pub tls: Arc<LiveTls>,
    pub trust: Arc<LiveTrust>,
    pub bounds: Bounds,
    pub crowd: Arc<Crowd>,
    pub metrics: Arc<Metrics>,
    pub sightings: Arc<Sightings>,
    pub signals: Signals,
}

/// Binds a listening socket.
///
/// # Errors
/// The address is taken, or not ours.
pub fn bind(what: &str, address: SocketAddr) -> Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into()).with_context(|| format!("{what}: cannot listen on {address}"))?;
    socket.listen(1024)?;
    Ok(TcpListener::from_std(socket.into())?)
}

impl Listener {
    /// Accepts until the broker stops; `serve` is run for each known client, in a task of its own.
    pub async fn run<S, F>(self, serve: S)
    where
        S: Fn(Known) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(self.bounds.connections_max));
        let newcomers = Newcomers::new(self.bounds.handshakes_max);
        let mut stopping = self.signals.stopping.clone();
        let this = Arc::new(self);
        loop {
            let accepted = tokio::select! {
                accepted = this.tcp.accept() => accepted,
                () = stopped(&mut stopping) => return,
            };
            let (tcp, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(front = this.front, %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (this, serve) = (Arc::clone(&this), serve.clone());
            let (newcomer, places) = (newcomers.enter(peer.ip()), Arc::clone(&places));
            tokio::spawn(async move {
                this.metrics.connections.inc();
                if let Some(known) = this.handshake(tcp, peer, newcomer).await {
                    let principal = &known.session.identity().principal;
                    // Both are held to the connection's end.
                    match (places.try_acquire(), this.crowd.enter(principal)) {
                        (Ok(_place), Some(_entrance)) => serve(known).await,
                        (Err(_full), _) => this.turn_away(&known, "full"),
                        (Ok(_), None) => this.turn_away(&known, "too-many-connections"),
                    }
                }
                this.metrics.connections.dec();
            });
        }
    }

    /// `full`: connections-max; `too-many-connections`: the principal's own limit.
    fn turn_away(&self, known: &Known, why: &'static str) {
        self.metrics.handshakes.with_label_values(&[self.front, why]).inc();
        let (peer, principal) = (known.peer, &known.session.identity().principal);
        tracing::warn!(front = self.front, %peer, %principal, why, "refused: no more connections are taken");
    }

    async fn handshake(&self, tcp: TcpStream, peer: SocketAddr, mut newcomer: Newcomer) -> Option<Known> {
        let count = |outcome| self.metrics.handshakes.with_label_values(&[self.front, outcome]).inc();
        // Small answers must leave at once; a socket that refuses the option is already gone.
        let _gone = tcp.set_nodelay(true);
        let acceptor = TlsAcceptor::from(self.tls.config());
        let shaken = tokio::select! {
            biased; // one that must go is not computed for any more
            () = newcomer.displaced() => {
                count("displaced");
                return None;
            }
            shaken = tokio::time::timeout(self.bounds.handshake_max, acceptor.accept(tcp)) => shaken,
        };
        let stream = match shaken {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                count(outcome_of(&error));
                tracing::debug!(front = self.front, %peer, %error, "TLS handshake refused");
                return None;
            }
            Err(_late) => {
                count("timeout");
                return None;
            }
        };
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let now = UnixTime::now();
        match self.trust.open(chain, now) {
            Ok(session) => {
                count("ok");
                self.sightings.note(&session.identity().principal, chain, now);
                Some(Known { stream, peer, session: Arc::new(session), signals: self.signals.clone() })
            }
            Err(denial) => {
                // Trust changed between the handshake and here.
                count("late-denial");
                tracing::info!(front = self.front, %peer, %denial, "client refused after its handshake");
                None
            }
        }
    }
}

/// The handshake's outcome in a word; why a certificate was refused is counted by the verifier itself.
fn outcome_of(error: &std::io::Error) -> &'static str {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return "connection-lost";
    };
    match tls {
        rustls::Error::NoCertificatesPresented => "no-certificate",
        rustls::Error::InvalidCertificate(_) => "bad-certificate",
        rustls::Error::PeerIncompatible(_) => "incompatible",
        rustls::Error::AlertReceived(_) => "refused-by-client",
        _ => "protocol-error",
    }
}
