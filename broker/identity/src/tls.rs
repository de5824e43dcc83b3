//! The TLS configuration of every listener: mutual, and with nothing that outlives a revocation.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs::{self, cipher_suite};
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig, SupportedProtocolVersion};

use crate::live::LiveTrust;
use crate::server::ServerIdentity;
use crate::verifier::ClientVerifier;

/// Which versions and cipher suites a listener takes part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// TLS 1.3, and TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305.
    Broad,
    /// TLS 1.3 with TLS_AES_256_GCM_SHA384 and TLS_AES_128_GCM_SHA256, and nothing else.
    Tls13AesGcm,
}

/// The versions and suites of `offer`, X25519MLKEM768 before the classical groups, a client certificate always. Every handshake is a full one: no session is stored, no ticket is sent, no early data is
/// taken, so nothing a client keeps lets it in after its certificate was revoked.
///
/// `time` is what certificates' dates are held against (`rustls::time_provider::DefaultTimeProvider` for the system's
/// clock). Prefer `LiveTls`, which also renews the hint of acceptable CAs.
///
/// # Errors
/// None for the suites and groups listed here; rustls says so only at run time.
pub fn tls_config(
    live: &Arc<LiveTrust>,
    server: &Arc<ServerIdentity>,
    alpn: &[&[u8]],
    offer: Offer,
    time: &Arc<dyn TimeProvider>,
) -> Result<Arc<ServerConfig>, Error> {
    let mut provider = aws_lc_rs::default_provider();
    let versions: &[&SupportedProtocolVersion] = match offer {
        Offer::Broad => &[&TLS13, &TLS12],
        Offer::Tls13AesGcm => {
            provider.cipher_suites =
                vec![cipher_suite::TLS13_AES_256_GCM_SHA384, cipher_suite::TLS13_AES_128_GCM_SHA256];
            &[&TLS13]
        }
    };
    provider.kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
        aws_lc_rs::kx_group::SECP256R1,
        aws_lc_rs::kx_group::SECP384R1,
    ];
    let mut config = ServerConfig::builder_with_details(Arc::new(provider), Arc::clone(time))
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(Arc::new(ClientVerifier::new(Arc::clone(live))))
        .with_cert_resolver(Arc::clone(server) as Arc<_>);
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config.ignore_client_order = true;
    config.max_early_data_size = 0;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// The configuration for the next handshake. Ask for it at each accept.
///
/// Trust and server certificate are live in any case; what is renewed here is the list of CAs named to clients, since a
/// client with a certificate of a CA added since would find nothing to send.
pub struct LiveTls {
    live: Arc<LiveTrust>,
    server: Arc<ServerIdentity>,
    alpn: Vec<&'static [u8]>,
    offer: Offer,
    time: Arc<dyn TimeProvider>,
    made: ArcSwap<Made>,
}

struct Made {
    generation: u64,
    config: Arc<ServerConfig>,
}

impl LiveTls {
    /// # Errors
    /// As `tls_config`.
    pub fn new(
        live: Arc<LiveTrust>,
        server: Arc<ServerIdentity>,
        alpn: &[&'static [u8]],
        offer: Offer,
        time: Arc<dyn TimeProvider>,
    ) -> Result<Self, Error> {
        let generation = live.generation();
        let config = tls_config(&live, &server, alpn, offer, &time)?;
        let made = ArcSwap::from_pointee(Made { generation, config });
        Ok(Self { live, server, alpn: alpn.to_vec(), offer, time, made })
    }

    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        let made = self.made.load();
        // Read before the hints are: if the trust moves in between, the next accept makes the configuration again.
        let generation = self.live.generation();
        if made.generation == generation {
            return Arc::clone(&made.config);
        }
        match tls_config(&self.live, &self.server, &self.alpn, self.offer, &self.time) {
            Ok(config) => {
                self.made.store(Arc::new(Made { generation, config: Arc::clone(&config) }));
                config
            }
            // The older one differs in the hint alone; its verifier asks the live trust all the same.
            Err(_) => Arc::clone(&made.config),
        }
    }
}

impl fmt::Debug for LiveTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveTls").field("alpn", &self.alpn).field("offer", &self.offer).finish_non_exhaustive()
    }
}
