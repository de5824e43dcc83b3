//! Layers around ports: the same port, with something measured on the way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_core::algorithm::{KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::entry::Entry;
use broker_core::grant::Permit;
use broker_core::imported::ImportedKey;
use broker_core::name::{BackendName, KeyVersion};
use broker_core::port::{
    AuditLog, AuditUnavailable, Backend, Candidate, Capabilities, Generated, Later, Making, Unwrapped, Unwrapping,
    Wrapping,
};
use broker_core::refusal::Failure;
use broker_core::secret::Secret;
use broker_core::verb;

use crate::metric::{Metrics, seconds, stage};

/// Counts and times what passes through.
pub struct Metered<P: ?Sized> {
    name: BackendName,
    metrics: Arc<Metrics>,
    port: Arc<P>,
}

impl<P: ?Sized> Metered<P> {
    pub fn new(name: BackendName, port: Arc<P>, metrics: Arc<Metrics>) -> Self {
        metrics.begin_backend(name.as_str());
        Self { name, metrics, port }
    }

    fn note<T>(&self, operation: &str, began: Instant, result: Result<T, Failure>) -> Result<T, Failure> {
        let outcome = result.as_ref().err().map_or("ok", |failure| failure.refusal.word());
        let (name, spent) = (self.name.as_str(), began.elapsed());
        stage::add_backend(spent);
        self.metrics.backend_seconds.with_label_values(&[name, operation]).observe(seconds(spent));
        self.metrics.backend_calls.with_label_values(&[name, operation, outcome]).inc();
        result
    }
}

impl<P: Backend + ?Sized> Backend for Metered<P> {
    fn capabilities(&self) -> &Capabilities {
        self.port.capabilities()
    }

    fn generate_key(
        &self,
        permit: Making,
        version: KeyVersion,
        spec: KeySpec,
    ) -> Later<'_, Result<Generated, Failure>> {
        Box::pin(async move {
            let began = Instant::now();
            self.note("generate-key", began, self.port.generate_key(permit, version, spec).await)
        })
    }

    fn wrap_key<'a>(
        &'a self,
        permit: Wrapping,
        under: &'a Candidate,
        algorithm: WrapAlgorithm,
        secret: Secret,
        extras: &'a WrapExtras,
    ) -> Later<'a, Result<Wrapped, Failure>> {
        Box::pin(async move {
            let began = Instant::now();
            self.note("wrap-key", began, self.port.wrap_key(permit, under, algorithm, secret, extras).await)
        })
    }

    fn unwrap_key<'a>(
        &'a self,
        permit: Unwrapping,
        candidates: &'a [Candidate],
        algorithm: WrapAlgorithm,
        value: &'a [u8],
        extras: &'a WrapExtras,
    ) -> Later<'a, Result<Unwrapped, Failure>> {
        Box::pin(async move {
            let began = Instant::now();
            self.note("unwrap-key", began, self.port.unwrap_key(permit, candidates, algorithm, value, extras).await)
        })
    }

    fn import_key(
        &self,
        permit: Permit<verb::ImportKey>,
        version: KeyVersion,
        spec: KeySpec,
        key: ImportedKey,
    ) -> Later<'_, Result<Generated, Failure>> {
        Box::pin(async move {
            let began = Instant::now();
            self.note("import-key", began, self.port.import_key(permit, version, spec, key).await)
        })
    }

    fn sign<'a>(
        &'a self,
        permit: Permit<verb::Sign>,
        under: &'a Candidate,
        algorithm: SignAlgorithm,
        digest: &'a [u8],
    ) -> Later<'a, Result<Vec<u8>, Failure>> {
        Box::pin(async move {
            let began = Instant::now();
            self.note("sign", began, self.port.sign(permit, under, algorithm, digest).await)
        })
    }

    fn verify<'a>(
        &'a self,
        permit: Permit<verb::Verify>,
        under: &'a Candidate,
        algorithm: SignAlgorithm,
        digest: &'a [u8],
        signature: &'a [u8],
    ) -> Later<'a, Result<bool, Failure>> {
        Box::pin(async move {
            let began = Instant::now();
            self.note("verify", began, self.port.verify(permit, under, algorithm, digest, signature).await)
        })
    }

    fn destroy_key<'a>(
        &'a self,
        permit: Permit<verb::PurgeKey>,
        versions: &'a [Candidate],
    ) -> Later<'a, Result<(), Failure>> {
        Box::pin(async move {
            let began = Instant::now();
            self.note("destroy-key", began, self.port.destroy_key(permit, versions).await)
        })
    }

    fn self_test(&self) -> Later<'_, Result<(), Failure>> {
        self.port.self_test()
    }
}

/// The audit log, timed.
pub struct MeteredAudit {
    pub log: Arc<dyn AuditLog>,
    pub metrics: Arc<Metrics>,
}

impl AuditLog for MeteredAudit {
    fn record(&self, entry: Entry) -> Later<'_, Result<(), AuditUnavailable>> {
        Box::pin(async move {
            if let Some(decision) = stage::take_decision(Duration::from_micros(entry.duration_us)) {
                let front = entry.asker.front.word();
                self.metrics.authorise_seconds.with_label_values(&[front]).observe(seconds(decision));
            }
            let began = Instant::now();
            let result = self.log.record(entry).await;
            self.metrics.audit_seconds.with_label_values::<&str>(&[]).observe(seconds(began.elapsed()));
            result
        })
    }
}
