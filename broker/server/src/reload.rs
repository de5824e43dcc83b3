//! Certificates, client CAs and CRLs, read again while the broker runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use broker_core::broker::{Broker, Task, task_asker};
use broker_core::vault::Pin;
use broker_identity::{CaFiles, CaSpec, LiveTrust, ServerCertificate, ServerIdentity, Standing, Trust, TrustSpec};
use rustls_pki_types::UnixTime;
use tokio::signal::unix::Signal;
use tokio::sync::watch;

use crate::assemble::request_id;
use crate::config::{Config, Tls};
use crate::metric::Metrics;

/// What is live, and where it is read from.
pub struct Reloader {
    pub trust: Arc<LiveTrust>,
    pub server: Arc<ServerIdentity>,
    files: Files,
    metrics: Arc<Metrics>,
    trust_changed: watch::Sender<u64>,
    /// Held to read, compare and put in force as one; never across an await.
    known: Mutex<Known>,
}

struct Files {
    client_cas: Vec<CaFiles>,
    tls: Tls,
}

/// What is in force, to tell a change from none.
struct Known {
    cas: Vec<CaSpec>,
    pins: Vec<Arc<Pin>>,
    digest: [u8; 32],
}

impl Reloader {
    /// Reads everything for the first time.
    ///
    /// # Errors
    /// A file that cannot be read or makes no sense, by name.
    pub fn start(
        config: &mut Config,
        pins: Vec<Arc<Pin>>,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, watch::Receiver<u64>)> {
        let files = Files {
            client_cas: std::mem::take(&mut config.client_cas),
            tls: Tls { certificate: config.tls.certificate.clone(), key: config.tls.key.clone() },
        };
        // Read before the contents: a file that changes in between is seen as changed at the next look.
        let digest = files.digest()?;
        let cas = TrustSpec::read(&files.client_cas, Vec::new())?.client_cas;
        let trust = trust_of(&cas, &pins)?;
        let certificate = files.certificate()?;
        let denied = Arc::clone(&metrics);
        let on_denial = Arc::new(move |denial: &broker_identity::Denial| {
            denied.client_denials.with_label_values(&[denial.word()]).inc();
        });
        let trust = LiveTrust::new(trust, on_denial);
        let (trust_changed, changes) = watch::channel(trust.generation());
        let this = Self {
            trust,
            server: ServerIdentity::new(certificate),
            files,
            metrics,
            trust_changed,
            known: Mutex::new(Known { cas, pins, digest }),
        };
        Ok((this, changes))
    }

    /// Puts a changed set of pins in force; when it returns, no connection of a removed one begins a request.
    pub fn pins_changed(&self, pins: &[Arc<Pin>]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.pins = pins.to_vec();
        match trust_of(&known.cas, &known.pins) {
            Ok(trust) => self.put(trust),
            Err(error) => tracing::error!(error = format!("{error:#}"), "the changed pins could not be put in force"),
        }
    }

    /// Whether a file changed since the last look, or can no longer be read.
    fn changed(&self) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.files.digest().unwrap_or(UNREADABLE) != known.digest
    }

    /// Reads the files again. What does not make sense changes nothing.
    fn look(&self) -> Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = self.files.digest();
        // Remembered even if the contents make no sense: it is said once, not at every look.
        known.digest = *digest.as_ref().unwrap_or(&UNREADABLE);
        let outcome = digest.and_then(|_| self.read(&mut known));
        let word = if outcome.is_ok() { "ok" } else { "failed" };
        self.metrics.reloads.with_label_values(&[word]).inc();
        if let Err(error) = &outcome {
            tracing::error!(error = format!("{error:#}"), "reload failed; what was in force stays in force");
        }
        outcome
    }

    fn read(&self, known: &mut Known) -> Result<()> {
        let cas = TrustSpec::read(&self.files.client_cas, Vec::new())?.client_cas;
        let trust = trust_of(&cas, &known.pins)?;
        let certificate = self.files.certificate()?;
        known.cas = cas;
        self.server.replace(certificate);
        self.put(trust);
        tracing::info!("certificates, client CAs and CRLs read again");
        Ok(())
    }

    fn put(&self, trust: Trust) {
        let generation = self.trust.replace(trust);
        self.trust_changed.send_replace(generation);
    }

    /// Looks at intervals and on SIGHUP (`hangup`) until the broker stops.
    pub async fn run(
        self: Arc<Self>,
        broker: Arc<Broker>,
        mut hangup: Signal,
        every: std::time::Duration,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<()> {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                _ = ticks.tick() => false,
                _ = hangup.recv() => true,
                () = crate::listen::stopped(&mut stopping) => return Ok(()),
            };
            let this = Arc::clone(&self);
            let changed = tokio::task::spawn_blocking(move || this.changed()).await?;
            if changed || asked {
                self.reload(&broker).await;
            }
        }
    }

    /// Between an intent and an outcome in the audit. When that cannot be written nothing is served anyway, and the next look
    /// tries again.
    async fn reload(self: &Arc<Self>, broker: &Broker) {
        let this = Arc::clone(self);
        let act = async move {
            let read = tokio::task::spawn_blocking(move || this.look()).await;
            read.map_err(anyhow::Error::from).and_then(|read| read).map_err(|error| format!("{error:#}"))
        };
        let asker = task_asker(Task::Upkeep, request_id());
        // What went wrong is in the log by now.
        let _said = broker.reload_trust(&asker, "server certificate, client CAs and CRLs".to_owned(), act).await;
    }
}

/// No file has this digest.
const UNREADABLE: [u8; 32] = [0; 32];

fn trust_of(cas: &[CaSpec], pins: &[Arc<Pin>]) -> Result<Trust> {
    let pins = pins.iter().map(|pin| broker_identity::Pin { name: pin.name.clone(), sha256: pin.sha256 }).collect();
    Ok(Trust::build(TrustSpec { client_cas: cas.to_vec(), pins })?)
}

impl Files {
    fn certificate(&self) -> Result<ServerCertificate> {
        let certificate = ServerCertificate::load(&self.tls.certificate, &self.tls.key)?;
        match certificate.standing(UnixTime::now()) {
            Standing::Valid => {}
            Standing::Expired => {
                tracing::warn!(file = %self.tls.certificate.display(), "the server certificate has expired; clients will refuse it")
            }
            Standing::NotYetValid => {
                tracing::warn!(file = %self.tls.certificate.display(), "the server certificate is not valid yet; clients will refuse it")
            }
        }
        Ok(certificate)
    }

    /// SHA-256 over every file, each with its length.
    fn digest(&self) -> Result<[u8; 32]> {
        let mut digest = broker_crypto::digest::Sha256::new();
        let cas =
            self.client_cas.iter().flat_map(|ca| std::iter::once(&ca.certificates).chain(ca.crls.iter().flatten()));
        let paths: Vec<&PathBuf> = [&self.tls.certificate, &self.tls.key].into_iter().chain(cas).collect();
        for path in paths {
            let bytes = zeroize::Zeroizing::new(std::fs::read(path).with_context(|| path.display().to_string())?);
            digest.update(&(bytes.len() as u64).to_be_bytes());
            digest.update(&bytes);
        }
        Ok(digest.finish())
    }
}
