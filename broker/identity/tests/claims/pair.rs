//! A client and a server that talk over buffers.

use std::sync::{Arc, Mutex};

use broker_identity::{Denial, LiveTls, LiveTrust, Offer, ServerCertificate, ServerIdentity, Trust};
use rustls::client::{ClientConfig, ClientConnection, ResolvesClientCert};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ServerConnection;
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, SignatureScheme, SupportedProtocolVersion};

use crate::authority::*;

pub const SERVER_NAME: &str = "keybroker.example";

/// The tests' clock: always `now()`.
#[derive(Debug)]
pub struct Stopped;

impl TimeProvider for Stopped {
    fn current_time(&self) -> Option<UnixTime> {
        Some(now())
    }
}

/// A server with a certificate of its own CA.
pub struct Server {
    pub live: Arc<LiveTrust>,
    pub identity: Arc<ServerIdentity>,
    pub tls: LiveTls,
    pub ca: Authority,
    /// Every denial that was counted, in order.
    pub denials: Arc<Mutex<Vec<&'static str>>>,
}

impl Server {
    pub fn trusting(trust: Trust) -> Self {
        Self::offering(Offer::Broad, trust)
    }

    pub fn offering(offer: Offer, trust: Trust) -> Self {
        let denials: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let counted = Arc::clone(&denials);
        let live = LiveTrust::new(trust, Arc::new(move |denial: &Denial| counted.lock().unwrap().push(denial.word())));
        let ca = Authority::root("Server CA");
        let identity = ServerIdentity::new(server_certificate(&ca));
        let tls = LiveTls::new(live.clone(), identity.clone(), &[b"http/1.1"], offer, Arc::new(Stopped)).unwrap();
        Self { live, identity, tls, ca, denials }
    }

    pub fn denials(&self) -> Vec<&'static str> {
        self.denials.lock().unwrap().clone()
    }
}

pub fn server_certificate(ca: &Authority) -> ServerCertificate {
    let leaf = ca.leaf_with(&[dns(SERVER_NAME)], &|p| {
        p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    ServerCertificate::new(leaf.chain.clone(), leaf.key_der()).unwrap()
}

/// Sends a certificate whatever the server asked for, and notes what it asked for.
#[derive(Debug)]
pub struct Sends {
    certificate: Option<Arc<CertifiedKey>>,
    pub hinted: Mutex<Vec<Vec<u8>>>,
}

impl ResolvesClientCert for Sends {
    fn resolve(&self, hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        *self.hinted.lock().unwrap() = hints.iter().map(|hint| hint.to_vec()).collect();
        self.certificate.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

pub fn sends(leaf: &Leaf) -> Arc<Sends> {
    sends_with_key(&leaf.chain, leaf)
}

/// A chain with the key of another leaf: what a thief of certificates can do.
pub fn sends_with_key(chain: &[CertificateDer<'static>], key_of: &Leaf) -> Arc<Sends> {
    let signer = aws_lc_rs::sign::any_supported_type(&key_of.key_der()).unwrap();
    let certificate = Some(Arc::new(CertifiedKey::new(chain.to_vec(), signer)));
    Arc::new(Sends { certificate, hinted: Mutex::default() })
}

pub fn sends_nothing() -> Arc<Sends> {
    Arc::new(Sends { certificate: None, hinted: Mutex::default() })
}

/// A client's configuration; kept for two connections, it keeps what the server gave it to resume with.
pub fn client(
    server: &Server,
    version: &'static SupportedProtocolVersion,
    certificate: Arc<Sends>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(server.ca.certificate()).unwrap();
    let mut config = ClientConfig::builder_with_details(Arc::new(aws_lc_rs::default_provider()), Arc::new(Stopped))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// How a handshake ended on each side.
pub struct Meeting {
    pub client: ClientConnection,
    pub server: ServerConnection,
    pub client_error: Option<rustls::Error>,
    pub server_error: Option<rustls::Error>,
}

impl Meeting {
    pub fn agreed(&self) -> bool {
        self.client_error.is_none() && self.server_error.is_none() && !self.server.is_handshaking()
    }

    /// The chain the server saw.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        self.server.peer_certificates().unwrap()
    }
}

/// Lets both sides talk until neither has more to say.
pub fn meet(server: &Server, client: &Arc<ClientConfig>) -> Meeting {
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    let mut meeting = Meeting {
        client: ClientConnection::new(Arc::clone(client), name).unwrap(),
        server: ServerConnection::new(server.tls.config()).unwrap(),
        client_error: None,
        server_error: None,
    };
    while meeting.client.wants_write() || meeting.server.wants_write() {
        let mut wire = Vec::new();
        while meeting.client.wants_write() {
            meeting.client.write_tls(&mut wire).unwrap();
        }
        let mut unread = wire.as_slice();
        while !unread.is_empty() && meeting.server_error.is_none() {
            meeting.server.read_tls(&mut unread).unwrap();
            meeting.server_error = meeting.server.process_new_packets().err();
        }
        let mut wire = Vec::new();
        while meeting.server.wants_write() {
            meeting.server.write_tls(&mut wire).unwrap();
        }
        let mut unread = wire.as_slice();
        while !unread.is_empty() && meeting.client_error.is_none() {
            meeting.client.read_tls(&mut unread).unwrap();
            meeting.client_error = meeting.client.process_new_packets().err();
        }
    }
    meeting
}
