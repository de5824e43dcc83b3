//! The metrics. Labels come from closed lists only; never a principal, a vault or a key name.

pub mod stage;
mod zero;

use std::time::Duration;

use anyhow::Result;
use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::under_way::Spells;

/// From a cached wrap (tens of microseconds) to a 4096-bit generation (seconds).
const SECONDS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

pub struct Metrics {
    registry: Registry,
    pub requests: IntCounterVec,
    pub request_seconds: HistogramVec,
    pub requests_in_flight: IntGauge,
    /// When those began; not shown.
    pub spells: Spells,
    pub authorise_seconds: HistogramVec,
    pub backend_calls: IntCounterVec,
    pub backend_seconds: HistogramVec,
    pub backend_healthy: IntGaugeVec,
    pub plugin_events: IntCounterVec,
    pub plugin_calls_in_flight: IntGaugeVec,
    pub plugin_loads: IntCounterVec,
    pub plugin_memory_peak_bytes: IntGaugeVec,
    pub handshakes: IntCounterVec,
    pub client_denials: IntCounterVec,
    pub connections: IntGauge,
    pub connections_broken: IntCounterVec,
    pub panics: IntCounter,
    pub reloads: IntCounterVec,
    pub keys: IntGaugeVec,
    pub store_records: IntGaugeVec,
    pub certificate_expiry_seconds: GaugeVec,
    pub audit_failing: IntGauge,
    pub audit_entries: IntCounter,
    pub audit_syncs: IntCounter,
    pub audit_failures: IntCounter,
    pub audit_waiting: IntGauge,
    pub audit_unvouched: IntGauge,
    pub audit_checkpoint_age_seconds: Gauge,
    pub audit_sink_connected: IntGaugeVec,
    pub audit_sink_entries: IntCounterVec,
    pub audit_sink_waiting: IntGaugeVec,
    pub audit_seconds: HistogramVec,
    pub clock_suspended: IntGauge,
    pub deeds: IntCounterVec,
    pub deeds_due: IntGauge,
    pub deeds_next: IntGaugeVec,
    pub objects_rewrapped: IntCounter,
    pub objects_waiting: IntGauge,
    pub hsm_events: IntCounterVec,
    pub hsm_sessions: IntGaugeVec,
    pub hsm_token_serving: IntGaugeVec,
    pub store_bytes: IntGauge,
    pub webhook_notices: IntCounterVec,
}

impl Metrics {
    /// # Errors
    /// None but for a metric registered twice, a bug that the first start shows.
    pub fn new() -> Result<Self> {
        let registry = Registry::new();
        let make = Make { registry: &registry };
        let metrics = Self {
            requests: make.counters(
                "requests_total",
                "requests answered",
                &["front", "operation", "outcome", "reason"],
            )?,
            request_seconds: make.histograms(
                "request_seconds",
                "from the request's last byte to its answer",
                &["front", "operation"],
            )?,
            requests_in_flight: make.gauge("requests_in_flight", "requests under way")?,
            spells: Spells::default(),
            authorise_seconds: make.histograms(
                "authorise_seconds",
                "from a request's beginning to its decision: permit, key, checks; without the backend",
                &["front"],
            )?,
            backend_calls: make.counters(
                "backend_calls_total",
                "calls of backends",
                &["backend", "operation", "outcome"],
            )?,
            backend_seconds: make.histograms("backend_seconds", "time in a backend", &["backend", "operation"])?,
            backend_healthy: make.gauges("backend_healthy", "1 when the last self test passed", &["backend"])?,
            plugin_events: make.counters(
                "plugin_events_total",
                "what plugins were stopped for, and how often they were called",
                &["backend", "event"],
            )?,
            plugin_calls_in_flight: make.gauges(
                "plugin_calls_in_flight",
                "calls of a plugin under way",
                &["backend"],
            )?,
            plugin_loads: make.counters(
                "plugin_loads_total",
                "plugins loaded, at the start or again; any outcome but ok leaves the one before in force",
                &["backend", "outcome"],
            )?,
            plugin_memory_peak_bytes: make.gauges(
                "plugin_memory_peak_bytes",
                "the largest memory that one call of a plugin ever had",
                &["backend"],
            )?,
            handshakes: make.counters("tls_handshakes_total", "TLS handshakes by outcome", &["front", "outcome"])?,
            client_denials: make.counters(
                "client_denials_total",
                "client certificates refused, by reason",
                &["reason"],
            )?,
            connections: make.gauge("connections", "open TLS connections")?,
            connections_broken: make.counters(
                "connections_broken_total",
                "HTTP connections that we ended, or that were lost within a request",
                &["front", "reason"],
            )?,
            panics: make.counter("panics_total", "bugs caught at a task's edge")?,
            reloads: make.counters("reloads_total", "reloads of certificates, CAs and CRLs", &["outcome"])?,
            keys: make.gauges("keys", "keys by state; a deleted one can still be recovered", &["state"])?,
            store_records: make.gauges("store_records", "records in the store that are no keys", &["kind"])?,
            certificate_expiry_seconds: make.instants(
                "certificate_expiry_timestamp_seconds",
                "when a certificate or CRL runs out",
                &["kind", "name"],
            )?,
            audit_failing: make
                .gauge("audit_failing", "1 while the audit log cannot be written, and nothing is served")?,
            audit_entries: make.counter("audit_entries_total", "audit entries made durable")?,
            audit_syncs: make.counter("audit_syncs_total", "syncs that made them durable")?,
            audit_failures: make.counter("audit_failures_total", "batches of entries that could not be written")?,
            audit_waiting: make.gauge("audit_waiting_entries", "entries waiting to be durable")?,
            audit_unvouched: make
                .gauge("audit_unvouched_entries", "entries that no signed checkpoint vouches for yet")?,
            audit_checkpoint_age_seconds: make.instant(
                "audit_checkpoint_age_seconds",
                "for how long there have been such entries; 0 while there are none",
            )?,
            audit_sink_connected: make.gauges("audit_sink_connected", "1 while a sink is connected", &["sink"])?,
            audit_sink_entries: make.counters(
                "audit_sink_entries_total",
                "copies of audit entries for a sink",
                &["sink", "outcome"],
            )?,
            audit_sink_waiting: make.gauges("audit_sink_waiting_entries", "how far a sink lags behind", &["sink"])?,
            audit_seconds: make.histograms("audit_seconds", "from an entry's hand-over to its being durable", &[])?,
            clock_suspended: make
                .gauge("clock_suspended", "1 while a jump of the clock suspends purge and rotation")?,
            deeds: make.counters(
                "scheduled_deeds_total",
                "rotations, purges and notices carried out by policy",
                &["deed", "outcome"],
            )?,
            deeds_due: make.gauge(
                "scheduled_deeds_due",
                "keys and vaults whose policy or soft deletion wants something done now",
            )?,
            deeds_next: make.gauges(
                "scheduled_next_timestamp_seconds",
                "when the next deed of a kind is due; 0: none is planned",
                &["deed"],
            )?,
            objects_rewrapped: make
                .counter("objects_rewrapped_total", "managed objects moved to a newer version of their vault's KEK")?,
            objects_waiting: make.gauge(
                "objects_waiting_rewrap",
                "managed objects that are still under an older version of their vault's KEK",
            )?,
            webhook_notices: make.counters(
                "webhook_notices_total",
                "notices to the web hook, by what became of them",
                &["outcome"],
            )?,
            hsm_events: make.counters(
                "hsm_events_total",
                "what a token was asked, and what happened to its worker; token is its place in the configuration",
                &["backend", "token", "event"],
            )?,
            hsm_sessions: make.gauges("hsm_sessions", "sessions logged in to a token", &["backend", "token"])?,
            hsm_token_serving: make.gauges("hsm_token_serving", "1 while a token serves", &["backend", "token"])?,
            store_bytes: make.gauge("store_bytes", "the store's file and its write-ahead log")?,
            registry: registry.clone(),
        };
        let build = make.gauges("build_info", "always 1; the version is a label", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        metrics.begin();
        Ok(metrics)
    }

    /// The text format of Prometheus.
    ///
    /// # Errors
    /// None that can happen with registered metrics; the encoder's signature has one.
    pub fn text(&self) -> Result<String> {
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}

/// Seconds as Prometheus wants them.
#[must_use]
pub fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// Makes metrics with our prefix, and registers each.
struct Make<'a> {
    registry: &'a Registry,
}

macro_rules! make {
    ($name:ident, $type:ty) => {
        fn $name(&self, name: &str, help: &str, labels: &[&str]) -> Result<$type> {
            let made = <$type>::new(Opts::new(format!("keybroker_{name}"), help), labels)?;
            self.registry.register(Box::new(made.clone()))?;
            Ok(made)
        }
    };
}

impl Make<'_> {
    make!(counters, IntCounterVec);
    make!(gauges, IntGaugeVec);
    make!(instants, GaugeVec);

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> Result<HistogramVec> {
        let options = HistogramOpts::new(format!("keybroker_{name}"), help).buckets(SECONDS.to_vec());
        let made = HistogramVec::new(options, labels)?;
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        let made = IntCounter::new(format!("keybroker_{name}"), help)?;
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn instant(&self, name: &str, help: &str) -> Result<Gauge> {
        let made = Gauge::new(format!("keybroker_{name}"), help)?;
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge> {
        let made = IntGauge::new(format!("keybroker_{name}"), help)?;
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }
}
