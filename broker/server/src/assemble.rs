//! Builds a broker from its configuration: the one place where adapters are chosen.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result};
use broker_audit::FileAudit;
use broker_backend_pkcs11::Pkcs11Backend;
use broker_core::broker::{Backends, Broker, Parts};
use broker_core::name::{BackendName, RequestId};
use broker_core::port::{AuditLog, Backend, Chance, Clock, Store};
use broker_store_sqlite::SqliteStore;

use crate::config::Config;
use crate::crowd::Crowd;
use crate::layer::{Metered, MeteredAudit};
use crate::metric::Metrics;
use crate::plugin::{BrokerCell, LivePlugins, Loader};
use crate::reload::Reloader;
use crate::root;
use crate::sighting::Sightings;
use crate::task::{CLOCK_MARK, ClockGuard};
use crate::under_way::UnderWay;
use crate::webhook::{self, Announced, Hook};

/// A broker with all that was built for it.
pub struct Assembly {
    pub audit: Arc<FileAudit>,
    pub broker: Arc<Broker>,
    pub clock: Arc<dyn Clock>,
    pub crowd: Arc<Crowd>,
    pub guard: Arc<ClockGuard>,
    pub hsms: HashMap<BackendName, Arc<Pkcs11Backend>>,
    pub hook: Option<(Hook, tokio::sync::mpsc::Receiver<bytes::Bytes>)>,
    pub metrics: Arc<Metrics>,
    pub plugins: Arc<LivePlugins>,
    pub reloader: Arc<Reloader>,
    pub sightings: Arc<Sightings>,
    pub store: Arc<SqliteStore>,
    pub trust_changes: tokio::sync::watch::Receiver<u64>,
}

/// Whether the backends that are loaded stand in the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noting {
    /// They are to serve.
    Loads,
    /// Somebody wants to know whether they could.
    Nothing,
}

/// Reads, checks and builds everything; binds no port and serves nothing.
///
/// # Errors
/// The first thing that is missing or makes no sense, by name.
pub async fn assemble(config: &mut Config, noting: Noting) -> Result<Assembly> {
    let metrics = Arc::new(Metrics::new()?);
    let store = Arc::new(root::open_store(&config.store).await?);
    let hsms = open_hsms(config).await?;
    let standing = store.standing().await.map_err(|failure| anyhow::anyhow!("the store cannot be read: {failure}"))?;
    let mark = standing.settings.iter().find(|(name, _)| name == CLOCK_MARK).map(|(_, value)| value.as_slice());
    let guard = Arc::new(ClockGuard::new(config.clock_jump_s_max, mark));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock { started: Instant::now(), floor_ms: guard.floor_ms() });
    let cell = BrokerCell::default();
    let loader = Loader {
        broker: Arc::clone(&cell),
        cache_dir: config.cache_dir.clone(),
        clock: Arc::clone(&clock),
        store: Arc::clone(&store),
    };
    let under_way = {
        let metrics = Arc::clone(&metrics);
        Arc::new(move || UnderWay::young(&metrics))
    };
    let (settings, copies) = (config.audit.clone(), &config.checkpoint_copies_dir);
    let audit = crate::audit::open(settings, copies, &store, Arc::clone(&clock), under_way).await?;
    let audit = Arc::new(audit);
    let mut log = Arc::clone(&audit) as Arc<dyn AuditLog>;
    let mut hook = None;
    if let Some(settings) = &config.webhook {
        let (notices, waiting) = webhook::queue();
        hook = Some((Hook::new(settings, Arc::clone(&metrics))?, waiting));
        log = Arc::new(Announced { log, notices, metrics: Arc::clone(&metrics) });
    }
    let broker = Broker::open(Parts {
        audit: Arc::new(MeteredAudit { log, metrics: Arc::clone(&metrics) }),
        // They come when there is someone to write down how.
        backends: Backends::new(),
        chance: Arc::new(SystemChance),
        clock: Arc::clone(&clock),
        limits: config.limits,
        object_crypto: Arc::new(broker_crypto::object::port::HostCrypto),
        store: Arc::clone(&store) as Arc<dyn Store>,
    })
    .await
    .map_err(|failure| anyhow::anyhow!("the store's grants and vaults cannot be read: {failure}"))?;
    let broker = Arc::new(broker);
    let noted = (noting == Noting::Loads).then_some(&*broker);
    let plugins = LivePlugins::start(config, loader, Arc::clone(&metrics), noted).await?;
    broker.replace_backends(backends_of(&plugins, &hsms, &metrics));
    // Set once, here.
    let _ = cell.set(Arc::downgrade(&broker));
    check_vaults(&broker)?;
    let pins = broker.ruling().pins.values().cloned().collect();
    let (reloader, trust_changes) = Reloader::start(config, pins, Arc::clone(&metrics))?;
    let reloader = Arc::new(reloader);
    broker.watch_pins(Box::new({
        let reloader = Arc::clone(&reloader);
        move |pins| reloader.pins_changed(pins)
    }));
    Ok(Assembly {
        audit,
        broker,
        clock,
        crowd: Crowd::new(config.connections_per_principal_max),
        guard,
        hsms,
        hook,
        metrics,
        plugins: Arc::new(plugins),
        reloader,
        sightings: Arc::default(),
        store,
        trust_changes,
    })
}

fn backends_of(
    plugins: &LivePlugins,
    hsms: &HashMap<BackendName, Arc<Pkcs11Backend>>,
    metrics: &Arc<Metrics>,
) -> Backends {
    let mut backends = Backends::new();
    for (name, plugin) in plugins.all() {
        let metered = Metered::new(name.clone(), plugin, Arc::clone(metrics));
        backends.insert(name, Arc::new(metered) as Arc<dyn Backend>);
    }
    for (name, hsm) in hsms {
        let metered = Metered::new(name.clone(), Arc::clone(hsm), Arc::clone(metrics));
        backends.insert(name.clone(), Arc::new(metered) as Arc<dyn Backend>);
    }
    backends
}

/// An HSM that does not answer yet is no reason not to start: it is taken in when it comes.
async fn open_hsms(config: &mut Config) -> Result<HashMap<BackendName, Arc<Pkcs11Backend>>> {
    let mut hsms = HashMap::new();
    for spec in config.hsms.drain(..) {
        let name = spec.name.clone();
        hsms.insert(name, Arc::new(Pkcs11Backend::open(spec).await?));
    }
    Ok(hsms)
}

fn check_vaults(broker: &Broker) -> Result<()> {
    let backends = broker.backends();
    for vault in broker.ruling().vaults.values() {
        for name in [Some(&vault.backend), vault.hsm_backend.as_ref()].into_iter().flatten() {
            backends.get(name).with_context(|| {
                format!(
                    "vault {} keeps keys in backend {name}, but the configuration has no [[backend]] of that name",
                    vault.name
                )
            })?;
        }
    }
    Ok(())
}

/// The system's clock.
pub struct SystemClock {
    started: Instant,
    /// The latest time that the store remembers: a clock set back must not revive what has ended.
    floor_ms: Arc<AtomicU64>,
}

impl SystemClock {
    /// With nothing to remember: for what is no broker.
    #[must_use]
    pub fn now() -> Self {
        Self { started: Instant::now(), floor_ms: Arc::default() }
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let now = u64::try_from(since).unwrap_or(u64::MAX);
        now.max(self.floor_ms.load(Ordering::Relaxed))
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// The cryptographic library's generator.
struct SystemChance;

impl Chance for SystemChance {
    fn fill(&self, buffer: &mut [u8]) {
        // Without randomness no key, version or id can be made: the request's task ends, and the caller hears Internal.
        broker_crypto::random::fill(buffer).expect("the system's random source fails only when the machine is broken");
    }
}

/// An id for a request that begins.
#[must_use]
pub fn request_id() -> RequestId {
    let mut bytes = [0; 16];
    SystemChance.fill(&mut bytes);
    RequestId::from_random(bytes)
}
