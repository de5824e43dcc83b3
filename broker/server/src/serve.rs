//! serve: opens the doors of an assembled broker, and closes them in order.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use broker_backend_pkcs11::{Pkcs11Backend, TokenState};
use broker_backend_wasm::WasmBackend;
use broker_core::broker::{Task, task_asker};
use broker_core::name::BackendName;
use broker_core::port::{Backend, Store as _};
use broker_front_ekm as ekm;
use broker_front_keyvault as keyvault;
use broker_front_kmip as kmip;
use broker_identity::{LiveTls, Offer};
use broker_store_sqlite::DEEDS_SETTING;
use rustls::time_provider::DefaultTimeProvider;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::admin::{Desk, Door};
use crate::assemble::{Assembly, Noting, assemble, request_id};
use crate::config::{Bounds, Config, Ekm, Keyvault, Kmip, Log};
use crate::front::HttpFront;
use crate::http::Serving;
use crate::kmip::{KmipServing, PasswordFile, Roll};
use crate::listen::{Listener, Signals, bind};
use crate::memory;
use crate::objects::ObjectKeeper;
use crate::ops::{self, Pages};
use crate::plugin::LivePlugins;
use crate::sighting::Proofs;
use crate::task::Scheduler;
use crate::usage::{self, Bookkeeper};

/// How often backends are asked whether they can serve.
const HEALTH_EVERY: std::time::Duration = std::time::Duration::from_secs(10);

/// One line on stdout once every door is open.
#[derive(Serialize)]
struct Ready {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ekm: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keyvault: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kmip: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<SocketAddr>,
    pid: u32,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// Anything that keeps it from starting.
pub fn run(path: &Path) -> Result<()> {
    let mut config = Config::read(path)?;
    log_to_stderr(&config.log)?;
    memory::tell_of_swap();
    // Guests that compute for long yield at each tick; sockets must be looked at between a few such turns.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().event_interval(7).build()?.block_on(serve(&mut config))
}

async fn serve(config: &mut Config) -> Result<()> {
    let client_cas = config.client_cas.iter().map(|ca| ca.name.to_string()).collect();
    let mut assembly = assemble(config, Noting::Loads).await?;
    note_hsms(&assembly).await?;
    note_offline_deeds(&assembly).await?;
    let (stop, stopping) = watch::channel(false);
    let signals = Signals { trust_changed: assembly.trust_changes.clone(), stopping: stopping.clone() };
    // Every door is bound before the first one opens.
    let ekm = match config.ekm.take() {
        Some(ekm) => Some((bind("front.ekm", ekm.listen)?, ekm)),
        None => None,
    };
    let keyvault = match config.keyvault.take() {
        Some(keyvault) => Some((bind("front.keyvault", keyvault.listen)?, keyvault)),
        None => None,
    };
    let kmip = match config.kmip.take() {
        Some(kmip) => Some((bind("front.kmip", kmip.listen)?, kmip)),
        None => None,
    };
    let metrics = config.metrics_listen.map(|address| bind("metrics", address)).transpose()?;
    let door = Door::bind(&config.admin_socket)?;
    let ready = Ready {
        ready: true,
        ekm: ekm.as_ref().map(|(tcp, _)| tcp.local_addr()).transpose()?,
        keyvault: keyvault.as_ref().map(|(tcp, _)| tcp.local_addr()).transpose()?,
        kmip: kmip.as_ref().map(|(tcp, _)| tcp.local_addr()).transpose()?,
        metrics: metrics.as_ref().map(TcpListener::local_addr).transpose()?,
        pid: std::process::id(),
    };
    let mut tasks = tokio::task::JoinSet::new();
    let proofs =
        Proofs { trust: Arc::clone(&assembly.reloader.trust), sightings: Arc::clone(&assembly.sightings), client_cas };
    let roll = Arc::new(Roll::default());
    let desk = Desk {
        broker: Arc::clone(&assembly.broker),
        guard: Arc::clone(&assembly.guard),
        plugins: Arc::clone(&assembly.plugins),
        proofs,
        store: Arc::clone(&assembly.store),
        kmip: ready.kmip.map(|address| (address, Arc::clone(&roll))),
    };
    tasks.spawn(door.run(Arc::new(desk), stopping.clone()));
    tasks.spawn(watch_health(Health::of(&assembly), stopping.clone()));
    if let Some(tcp) = metrics {
        tasks.spawn(ops::run(tcp, Arc::new(OpsPages::of(&assembly)), stopping.clone()));
    }
    if let Some((tcp, ekm)) = ekm {
        tasks.spawn(open_ekm(&assembly, tcp, ekm, signals.clone())?);
    }
    if let Some((tcp, keyvault)) = keyvault {
        tasks.spawn(open_keyvault(&assembly, tcp, keyvault, signals.clone())?);
    }
    if let Some((tcp, kmip)) = kmip {
        tasks.spawn(open_kmip(&assembly, tcp, kmip, signals, roll)?);
    }
    if let Some((hook, notices)) = assembly.hook.take() {
        tasks.spawn(hook.run(notices, stopping.clone()));
    }
    let scheduler = Scheduler {
        broker: Arc::clone(&assembly.broker),
        clock: Arc::clone(&assembly.clock),
        guard: Arc::clone(&assembly.guard),
        metrics: Arc::clone(&assembly.metrics),
        every: config.scheduler_every,
    };
    tasks.spawn(scheduler.run(stopping.clone()));
    let bookkeeper = Bookkeeper {
        broker: Arc::clone(&assembly.broker),
        keep_every: config.usage_keep_every,
        note_every: config.usage_note_every,
    };
    tasks.spawn(bookkeeper.run(stopping.clone()));
    let keeper = ObjectKeeper {
        broker: Arc::clone(&assembly.broker),
        metrics: Arc::clone(&assembly.metrics),
        every: config.scheduler_every,
    };
    tasks.spawn(keeper.run(stopping.clone()));
    // Signals are heard before anyone is told that we serve: whoever starts us may send one at once.
    let hangup = || signal(SignalKind::hangup()).context("SIGHUP");
    tasks.spawn(Arc::clone(&assembly.plugins).run(
        Arc::clone(&assembly.broker),
        hangup()?,
        config.reload_check,
        stopping.clone(),
    ));
    let hangup = hangup()?;
    let mut stops = Stops::hear()?;
    let reload = tokio::spawn(Arc::clone(&assembly.reloader).run(
        Arc::clone(&assembly.broker),
        hangup,
        config.reload_check,
        stopping,
    ));
    announce(&ready)?;
    stops.one().await;
    tracing::info!("stopping");
    stop.send_replace(true);
    while tasks.join_next().await.is_some() {}
    usage::keep(&assembly.broker).await;
    reload.await??;
    Ok(())
}

fn open_ekm(
    assembly: &Assembly,
    tcp: TcpListener,
    ekm: Ekm,
    signals: Signals,
) -> Result<impl Future<Output = ()> + Send + use<>> {
    let settings = ekm::Settings {
        prefixes: ekm.prefixes,
        principals: ekm.principals,
        names: ekm.names,
        body_bytes_max: ekm.bounds.body_bytes_max,
    };
    let front = ekm::Front::new(Arc::clone(&assembly.broker), settings);
    open(assembly, tcp, Offer::Tls13AesGcm, ekm.bounds, front, signals)
}

fn open_keyvault(
    assembly: &Assembly,
    tcp: TcpListener,
    keyvault: Keyvault,
    signals: Signals,
) -> Result<impl Future<Output = ()> + Send + use<>> {
    let settings = keyvault::Settings {
        host_suffixes: keyvault.host_suffixes,
        default_vault: keyvault.default_vault,
        tenant: keyvault.tenant,
        body_bytes_max: keyvault.bounds.body_bytes_max,
    };
    let front = keyvault::Front::new(Arc::clone(&assembly.broker), settings);
    open(assembly, tcp, Offer::Broad, keyvault.bounds, front, signals)
}

fn open_kmip(
    assembly: &Assembly,
    tcp: TcpListener,
    kmip: Kmip,
    signals: Signals,
    roll: Arc<Roll>,
) -> Result<impl Future<Output = ()> + Send + use<>> {
    let known = assembly.broker.ruling().vaults.contains_key(&kmip.vault);
    if !known {
        tracing::warn!(vault = %kmip.vault, "front.kmip serves a vault that there is not yet; make it with `keybroker vault create`");
    }
    let passwords = kmip.passwords_file.map(PasswordFile::open).transpose()?;
    let settings = kmip::Settings {
        message_bytes_max: kmip.bounds.body_bytes_max,
        batch_items_max: kmip.batch_items_max,
        passwords: passwords.map(|file| Arc::new(file) as Arc<dyn kmip::Passwords>),
        ..kmip::Settings::default()
    };
    let operations: Vec<&str> = kmip::table::Operation::ALL.iter().map(|operation| operation.name()).collect();
    assembly.metrics.begin_front("kmip", &[operations.as_slice(), &["none"]].concat());
    let serving = Arc::new(KmipServing {
        front: Arc::new(kmip::Front::new(Arc::clone(&assembly.broker), settings)),
        vault: kmip.vault,
        read_max: kmip.read_max,
        idle_max: kmip.bounds.idle_max,
        messages: Arc::new(tokio::sync::Semaphore::new(kmip.messages_max)),
        clock: Arc::clone(&assembly.clock),
        metrics: Arc::clone(&assembly.metrics),
        roll,
    });
    let listener = listener(assembly, ("kmip", &[]), tcp, Offer::Broad, kmip.bounds, signals)?;
    Ok(listener.run(move |known| Arc::clone(&serving).connection(known)))
}

/// A front behind its listener.
fn open<F: HttpFront>(
    assembly: &Assembly,
    tcp: TcpListener,
    offer: Offer,
    bounds: Bounds,
    front: F,
    signals: Signals,
) -> Result<impl Future<Output = ()> + Send + use<F>> {
    assembly.metrics.begin_front(F::FRONT.word(), &F::operations());
    let listener = listener(assembly, (F::FRONT.word(), &[b"http/1.1"]), tcp, offer, bounds, signals)?;
    let serving = Arc::new(Serving { front: Arc::new(front), bounds, metrics: Arc::clone(&assembly.metrics) });
    Ok(listener.run(move |known| Arc::clone(&serving).connection(known)))
}

/// What accepts connections for a front, with the protocols that clients may name in the handshake.
fn listener(
    assembly: &Assembly,
    (front, protocols): (&'static str, &'static [&'static [u8]]),
    tcp: TcpListener,
    offer: Offer,
    bounds: Bounds,
    signals: Signals,
) -> Result<Listener> {
    let reloader = &assembly.reloader;
    let tls = LiveTls::new(
        Arc::clone(&reloader.trust),
        Arc::clone(&reloader.server),
        protocols,
        offer,
        Arc::new(DefaultTimeProvider),
    )?;
    Ok(Listener {
        front,
        tcp,
        tls: Arc::new(tls),
        trust: Arc::clone(&reloader.trust),
        bounds,
        crowd: Arc::clone(&assembly.crowd),
        metrics: Arc::clone(&assembly.metrics),
        sightings: Arc::clone(&assembly.sightings),
        signals,
    })
}

fn announce(ready: &Ready) -> Result<()> {
    tracing::info!(ekm = ?ready.ekm, keyvault = ?ready.keyvault, kmip = ?ready.kmip, metrics = ?ready.metrics, "ready");
    let mut line = serde_json::to_string(ready)?;
    line.push('\n');
    let mut stdout = std::io::stdout();
    // Whoever started us may have closed its end; that is no reason not to serve.
    let _gone = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
    Ok(())
}

/// The signals that end the broker in order.
struct Stops {
    interrupt: Signal,
    terminate: Signal,
}

impl Stops {
    fn hear() -> Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate()).context("SIGTERM")? })
    }

    async fn one(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn log_to_stderr(log: &Log) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&log.filter)
        .with_context(|| format!("log.level {:?} is not a level or a filter", log.filter))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if log.json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}

/// The backends, asked at intervals.
struct Health {
    plugins: Arc<LivePlugins>,
    hsms: Vec<(String, Arc<dyn Backend>)>,
    metrics: Arc<crate::metric::Metrics>,
}

impl Health {
    fn of(assembly: &Assembly) -> Self {
        let hsms = assembly.hsms.iter().map(|(name, hsm)| (name.to_string(), Arc::clone(hsm) as Arc<dyn Backend>));
        let (plugins, hsms) = (Arc::clone(&assembly.plugins), hsms.collect());
        Self { plugins, hsms, metrics: Arc::clone(&assembly.metrics) }
    }

    /// Those in force now.
    fn backends(&self) -> Vec<(String, Arc<dyn Backend>)> {
        let plugin = |(name, plugin): (BackendName, Arc<WasmBackend>)| (name.to_string(), plugin as Arc<dyn Backend>);
        self.plugins.all().into_iter().map(plugin).chain(self.hsms.iter().cloned()).collect()
    }
}

/// Each HSM that was taken in stands in the audit before anything is served, as the plugins do by now.
async fn note_hsms(assembly: &Assembly) -> Result<()> {
    for name in assembly.hsms.keys() {
        let detail = format!("backend {name}: PKCS#11");
        let asker = task_asker(Task::Upkeep, request_id());
        let noted = assembly.broker.load_backend(&asker, detail, std::future::ready(Ok(()))).await;
        noted.map_err(|refusal| anyhow::anyhow!("the broker cannot start: {refusal}"))?;
    }
    Ok(())
}

/// What was done to the store while no broker ran stands in the audit before anything is served.
async fn note_offline_deeds(assembly: &Assembly) -> Result<()> {
    let standing = assembly.store.standing().await.map_err(|failure| anyhow::anyhow!("the store: {failure}"))?;
    let Some((_, deeds)) = standing.settings.into_iter().find(|(name, _)| name == DEEDS_SETTING) else {
        return Ok(());
    };
    if deeds.is_empty() {
        return Ok(());
    }
    for deed in String::from_utf8_lossy(&deeds).lines() {
        tracing::warn!(deed, "done to the store while no broker ran");
        let asker = task_asker(Task::Upkeep, request_id());
        let (broker, done) = (&assembly.broker, std::future::ready(Ok(())));
        let noted = match deed.split_once(' ') {
            Some(("restore-store", detail)) => broker.restore_store(&asker, detail.to_owned(), done).await,
            _ => broker.rotate_root(&asker, deed.trim_start_matches("rotate-root ").to_owned(), done).await,
        };
        noted.map_err(|refusal| anyhow::anyhow!("the broker cannot start: {refusal}"))?;
    }
    // Once more in the audit if we end here: better twice than never.
    let emptied = assembly.broker.put_setting(DEEDS_SETTING, Vec::new()).await;
    emptied.map_err(|failure| anyhow::anyhow!("the broker cannot start: {failure}"))
}

async fn watch_health(health: Health, mut stopping: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(HEALTH_EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = crate::listen::stopped(&mut stopping) => return,
        }
        for (name, backend) in health.backends() {
            let gauge = health.metrics.backend_healthy.with_label_values(&[&name]);
            match backend.self_test().await {
                Ok(()) => gauge.set(1),
                Err(failure) => {
                    gauge.set(0);
                    tracing::warn!(backend = name, %failure, "self test failed");
                }
            }
        }
    }
}

/// What /metrics and /readyz are made of.
struct OpsPages {
    /// One scrape at a time: two would raise a counter by the same events, or see a gauge that the other is replacing.
    gathering: std::sync::Mutex<()>,
    audit: Arc<broker_audit::FileAudit>,
    metrics: Arc<crate::metric::Metrics>,
    hsms: Vec<(String, Arc<Pkcs11Backend>)>,
    plugins: Arc<LivePlugins>,
    reloader: Arc<crate::reload::Reloader>,
    store: Arc<broker_store_sqlite::SqliteStore>,
}

impl OpsPages {
    fn of(assembly: &Assembly) -> Self {
        Self {
            gathering: std::sync::Mutex::new(()),
            audit: Arc::clone(&assembly.audit),
            metrics: Arc::clone(&assembly.metrics),
            hsms: assembly.hsms.iter().map(|(name, hsm)| (name.to_string(), Arc::clone(hsm))).collect(),
            plugins: Arc::clone(&assembly.plugins),
            reloader: Arc::clone(&assembly.reloader),
            store: Arc::clone(&assembly.store),
        }
    }

    /// Copies the figures that others keep into the metrics, at the moment they are asked for.
    fn gather(&self) {
        let audit = self.audit.counters();
        let raise = |counter: &prometheus::IntCounter, to: u64| counter.inc_by(to.saturating_sub(counter.get()));
        raise(&self.metrics.audit_entries, audit.entries);
        raise(&self.metrics.audit_syncs, audit.syncs);
        raise(&self.metrics.audit_failures, audit.failures);
        self.metrics.audit_failing.set(i64::from(audit.failing));
        self.metrics.audit_waiting.set(i64::try_from(audit.waiting).unwrap_or(i64::MAX));
        self.metrics.audit_unvouched.set(i64::try_from(audit.unvouched).unwrap_or(i64::MAX));
        self.metrics.audit_checkpoint_age_seconds.set(audit.unvouched_for.as_secs_f64());
        for sink in &audit.sinks {
            let name = sink.name.as_str();
            raise(&self.metrics.audit_sink_entries.with_label_values(&[name, "dropped"]), sink.dropped);
            raise(&self.metrics.audit_sink_entries.with_label_values(&[name, "sent"]), sink.sent);
            self.metrics.audit_sink_connected.with_label_values(&[name]).set(i64::from(sink.connected));
            self.metrics
                .audit_sink_waiting
                .with_label_values(&[name])
                .set(i64::try_from(sink.waiting).unwrap_or(i64::MAX));
        }
        for (name, plugin) in self.plugins.all() {
            let name = name.as_str();
            let counts = plugin.counters().read();
            let under_way = i64::try_from(counts.in_flight).unwrap_or(i64::MAX);
            self.metrics.plugin_calls_in_flight.with_label_values(&[name]).set(under_way);
            let peak = i64::try_from(counts.memory_bytes_peak).unwrap_or(i64::MAX);
            self.metrics.plugin_memory_peak_bytes.with_label_values(&[name]).set(peak);
            for (event, count) in [
                ("busy", counts.busy),
                ("call", counts.calls),
                ("deadline-kill", counts.deadline_kills),
                ("http-denied", counts.http_denied),
                ("key-cache-hit", counts.key_cache_hits),
                ("key-cache-miss", counts.key_cache_misses),
                ("log-line-dropped", counts.log_lines_dropped),
                ("memory-kill", counts.memory_kills),
                ("output-kill", counts.output_kills),
                ("slowed", counts.slowed),
                ("state-over-quota", counts.state_over_quota),
                ("trap", counts.traps),
            ] {
                raise(&self.metrics.plugin_events.with_label_values(&[name, event]), count);
            }
        }
        for (name, hsm) in &self.hsms {
            self.gather_hsm(name, hsm);
        }
        #[allow(clippy::cast_precision_loss)] // Unix seconds fit a double's 53 bits for a long while
        let instant = |seconds: u64| seconds as f64;
        let expiry = &self.metrics.certificate_expiry_seconds;
        expiry.reset();
        expiry.with_label_values(&["server", "server"]).set(instant(self.reloader.server.server_not_after_s()));
        for row in self.reloader.trust.current().trust().expiries() {
            expiry.with_label_values(&[row.kind.word(), row.name.as_str()]).set(instant(row.not_after_s));
        }
        let stats = self.store.stats();
        self.count_records(&stats.counts);
        self.metrics.store_bytes.set(i64::try_from(stats.file_bytes).unwrap_or(i64::MAX));
    }
}

impl OpsPages {
    /// The tokens of an HSM, by their place in the configuration.
    fn gather_hsm(&self, name: &str, hsm: &Pkcs11Backend) {
        let raise = |counter: &prometheus::IntCounter, to: u64| counter.inc_by(to.saturating_sub(counter.get()));
        for (place, token) in hsm.health().into_iter().enumerate() {
            let place = (place + 1).to_string();
            let serving = token.state == TokenState::Serving;
            self.metrics.hsm_token_serving.with_label_values(&[name, &place]).set(i64::from(serving));
            let sessions = if serving { i64::from(token.sessions) } else { 0 };
            self.metrics.hsm_sessions.with_label_values(&[name, &place]).set(sessions);
            let counts = token.counts;
            for (event, count) in [
                ("busy", counts.busy),
                ("call", counts.calls),
                ("deadline-kill", counts.deadline_kills),
                ("key-missing", counts.keys_missing),
                ("retry", counts.retries),
                ("version-to-clone", counts.versions_to_clone),
                ("worker-start", counts.starts),
            ] {
                raise(&self.metrics.hsm_events.with_label_values(&[name, &place, event]), count);
            }
        }
    }

    fn count_records(&self, counts: &broker_store_sqlite::Counts) {
        let set = |gauge: &prometheus::IntGaugeVec, word, count| {
            gauge.with_label_values(&[word]).set(i64::try_from(count).unwrap_or(i64::MAX));
        };
        for (state, count) in [("deleted", counts.deleted_keys), ("live", counts.live_keys)] {
            set(&self.metrics.keys, state, count);
        }
        for (kind, count) in [
            ("destroyed-object", counts.destroyed_objects),
            ("elevation", counts.elevations),
            ("grant", counts.grants),
            ("identity", counts.identities),
            ("material", counts.materials),
            ("object", counts.objects),
            ("pin", counts.pins),
            ("vault", counts.vaults),
        ] {
            set(&self.metrics.store_records, kind, count);
        }
    }
}

impl Pages for OpsPages {
    fn metrics(&self) -> String {
        let _alone = self.gathering.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.gather();
        self.metrics.text().unwrap_or_else(|error| {
            tracing::error!(%error, "the metrics could not be written");
            String::new()
        })
    }

    fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.audit.counters().failing {
            reasons.push("the audit log cannot be written".to_owned());
        }
        reasons
    }
}
