//! Tells a web hook of every change and of every policy's notice: signed, retried, and never in anyone's way.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use broker_core::entry::{Decision, Entry, Phase};
use broker_core::port::{AuditLog, AuditUnavailable, Later};
use broker_crypto::mac::MacKey;
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use crate::config::Webhook;
use crate::listen::stopped;
use crate::metric::Metrics;

/// Notices that wait; one more is dropped and counted.
const QUEUE_MAX: usize = 1024;
/// How often one notice is tried, and how long between, doubling.
const TRIES_MAX: u32 = 8;
const PAUSE_MIN: Duration = Duration::from_millis(500);
const TRY_MAX: Duration = Duration::from_secs(10);
/// Hex of HMAC-SHA256 over the body, under the configured secret.
const SIGNATURE: &str = "x-keybroker-signature";

/// The audit log, with a copy of each change's outcome put in the hook's queue once it is durable.
pub struct Announced {
    pub log: Arc<dyn AuditLog>,
    pub notices: mpsc::Sender<Bytes>,
    pub metrics: Arc<Metrics>,
}

/// The queue between the log and the hook.
#[must_use]
pub fn queue() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(QUEUE_MAX)
}

#[derive(Serialize)]
struct Notice<'a> {
    event: &'static str,
    time_ms: u64,
    request: String,
    principal: &'a str,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl AuditLog for Announced {
    fn record(&self, entry: Entry) -> Later<'_, Result<(), AuditUnavailable>> {
        Box::pin(async move {
            // Outcomes are of changes alone, and every change is an administrator's or the broker's own.
            let notice = (entry.phase == Phase::Outcome).then(|| notice_of(&entry)).flatten();
            self.log.record(entry).await?;
            if let Some(notice) = notice
                && self.notices.try_send(notice).is_err()
            {
                self.metrics.webhook_notices.with_label_values(&["dropped"]).inc();
            }
            Ok(())
        })
    }
}

fn notice_of(entry: &Entry) -> Option<Bytes> {
    let notice = Notice {
        event: entry.operation.word(),
        time_ms: entry.time_ms,
        request: entry.asker.request.to_string(),
        principal: entry.asker.principal.as_str(),
        scope: &entry.scope,
        version: entry.version.map(|version| version.to_string()),
        outcome: match &entry.decision {
            Some(Decision::Refused { reason, .. }) => reason,
            _ => "done",
        },
        detail: entry.detail.as_deref(),
    };
    serde_json::to_vec(&notice).ok().map(Bytes::from)
}

/// Sends what waits, one after another.
pub struct Hook {
    key: MacKey,
    metrics: Arc<Metrics>,
    tls: tokio_rustls::TlsConnector,
    url: Uri,
}

impl Hook {
    /// # Errors
    /// The URL is neither https nor http to this machine, the secret is short, or the roots make no sense.
    pub fn new(settings: &Webhook, metrics: Arc<Metrics>) -> Result<Self> {
        let host = settings.url.host().context("webhook.url has no host")?;
        let local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let fit = match settings.url.scheme_str() {
            Some("https") => true,
            Some("http") => local,
            _ => false,
        };
        ensure!(fit, "webhook.url must be https, or http to this machine");
        let mut roots = rustls::RootCertStore::empty();
        for root in &settings.roots {
            roots.add(root.clone()).context("webhook.ca")?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            key: MacKey::from_secret(&settings.secret).context("webhook.secret-file must hold 32 bytes or more")?,
            metrics,
            tls: Arc::new(config).into(),
            url: settings.url.clone(),
        })
    }

    /// Until the broker stops.
    pub async fn run(self, mut notices: mpsc::Receiver<Bytes>, mut stopping: watch::Receiver<bool>) {
        loop {
            let notice = tokio::select! {
                notice = notices.recv() => notice,
                () = stopped(&mut stopping) => return,
            };
            let Some(notice) = notice else { return };
            tokio::select! {
                () = self.deliver(&notice) => {}
                () = stopped(&mut stopping) => return,
            }
        }
    }

    async fn deliver(&self, notice: &Bytes) {
        let mut pause = PAUSE_MIN;
        for left in (0..TRIES_MAX).rev() {
            let error = match tokio::time::timeout(TRY_MAX, self.post(notice)).await {
                Ok(Ok(())) => return self.metrics.webhook_notices.with_label_values(&["delivered"]).inc(),
                Ok(Err(error)) => error,
                Err(late) => late.into(),
            };
            tracing::debug!(error = format!("{error:#}"), left, "a notice was not delivered");
            if left > 0 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        self.metrics.webhook_notices.with_label_values(&["failed"]).inc();
        tracing::warn!(url = %self.url, tries = TRIES_MAX, "a notice was given up");
    }

    async fn post(&self, notice: &Bytes) -> Result<()> {
        let host = self.url.host().context("no host")?;
        let plain = self.url.scheme_str() == Some("http");
        let port = self.url.port_u16().unwrap_or(if plain { 80 } else { 443 });
        let tcp = TcpStream::connect((host, port)).await?;
        tcp.set_nodelay(true)?;
        if plain {
            return self.send(tcp, notice).await;
        }
        let name = ServerName::try_from(host.to_owned())?;
        self.send(self.tls.connect(name, tcp).await?, notice).await
    }

    async fn send<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S, notice: &Bytes) -> Result<()> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let request = Request::post(self.url.path_and_query().map_or("/", |path| path.as_str()))
            .header("host", self.url.authority().map_or("", |authority| authority.as_str()))
            .header("content-type", "application/json")
            .header(SIGNATURE, crate::hex(&self.key.tag(notice)))
            .body(Full::new(notice.clone()))?;
        let answer = sender.send_request(request).await;
        driver.abort();
        let status = answer?.status();
        ensure!(status.is_success(), "the hook answered {status}");
        Ok(())
    }
}
