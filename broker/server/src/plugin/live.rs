//! The plugins in force, and how another version takes one's place while requests are served.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use broker_backend_wasm::{LoadError, Trust, WasmBackend, signature_file};
use broker_core::broker::{Broker, Task, task_asker};
use broker_core::entry::Asker;
use broker_core::name::BackendName;
use broker_core::port::Backend;
use broker_core::refusal::Refusal;
use tokio::signal::unix::Signal;
use tokio::sync::watch;

use super::loader::Loader;
use crate::assemble::request_id;
use crate::config::{Config, WasmPlugin};
use crate::hex;
use crate::layer::Metered;
use crate::metric::Metrics;

/// How a reload ended whose configuration made no sense; all else is [`LoadError::word`] or `ok`.
const BAD_CONFIGURATION: &str = "configuration";

/// The plugins that serve, each with the next one's way in.
pub struct LivePlugins {
    config_file: PathBuf,
    loader: Loader,
    metrics: Arc<Metrics>,
    /// Read for a moment by whoever shows or asks them; the broker has its own list.
    current: RwLock<HashMap<BackendName, Arc<WasmBackend>>>,
    /// One reload at a time, so that none takes the place of one it has not seen.
    reloading: tokio::sync::Mutex<()>,
    /// What each was when it was last tried, whether that went well or not: a bad file is tried once, not at every look.
    tried: Mutex<BTreeMap<BackendName, Stamp>>,
}

/// What tells one state of a plugin's files and settings from another, without reading megabytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    plugin: WasmPlugin,
    trust: Trust,
    files: [Option<FileStamp>; 2],
}

/// Which file, and when it was last written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    inode: (u64, u64),
    bytes: u64,
    changed_ns: (i64, i64),
}

impl LivePlugins {
    /// Loads all of them for the first time, each between its intent and its outcome in the audit, if there is a broker to
    /// write them.
    ///
    /// # Errors
    /// The first that does not load; `AuditUnavailable`.
    pub async fn start(
        config: &Config,
        loader: Loader,
        metrics: Arc<Metrics>,
        broker: Option<&Broker>,
    ) -> Result<Self> {
        let (mut current, mut tried) = (HashMap::new(), BTreeMap::new());
        for plugin in &config.backends {
            let name = &plugin.name;
            // Before it is read: a file that changes in between is seen as changed at the next look.
            tried.insert(name.clone(), Stamp::of(plugin, &config.plugin_trust));
            metrics.begin_plugin(name.as_str());
            let loading = loader.load(plugin, &config.plugin_trust);
            let loaded = match broker {
                Some(broker) => noted(broker, plugin, loading).await?,
                None => loading.await?,
            };
            metrics.plugin_loads.with_label_values(&[name.as_str(), "ok"]).inc();
            tracing::info!(backend = %name, plugin = described(&loaded), "plugin loaded");
            current.insert(name.clone(), Arc::new(loaded));
        }
        Ok(Self {
            config_file: config.file.clone(),
            loader,
            metrics,
            current: RwLock::new(current),
            reloading: tokio::sync::Mutex::default(),
            tried: Mutex::new(tried),
        })
    }

    #[must_use]
    pub fn get(&self, name: &BackendName) -> Option<Arc<WasmBackend>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> BTreeMap<BackendName, Arc<WasmBackend>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.iter().map(|(name, plugin)| (name.clone(), Arc::clone(plugin))).collect()
    }

    /// Reads the configuration and the plugin's file again, and puts it in force if all of it is good: digest, signature,
    /// imports, description and self test. Calls under way end on the old one; when anything is wrong it stays in force.
    ///
    /// # Errors
    /// `Forbidden`, `AuditUnavailable`, or `Conflict` with what is wrong.
    pub async fn reload(&self, broker: &Broker, asker: &Asker, name: &BackendName) -> Result<String, Refusal> {
        let _alone = self.reloading.lock().await;
        let section = self.section(name).await;
        let detail = match &section {
            Ok((plugin, _)) => detail_of(plugin).await,
            Err(_) => format!("backend {name}: plugin"),
        };
        let act = async {
            let made = match section {
                Ok((plugin, trust)) => self.replacement(name, &plugin, &trust).await,
                Err(error) => Err((BAD_CONFIGURATION, format!("{error:#}"))),
            };
            let outcome = made.as_ref().map_or_else(|(word, _)| *word, |_| "ok");
            self.metrics.plugin_loads.with_label_values(&[name.as_str(), outcome]).inc();
            match made {
                Ok(plugin) => Ok(self.put(broker, name, plugin)),
                Err((_, problem)) => {
                    tracing::error!(backend = %name, problem, "plugin not loaded; the one in force stays in force");
                    Err(problem)
                }
            }
        };
        broker.load_backend(asker, detail, act).await
    }

    /// Looks at intervals and on SIGHUP (`hangup`) until the broker stops.
    pub async fn run(
        self: Arc<Self>,
        broker: Arc<Broker>,
        mut hangup: Signal,
        every: Duration,
        mut stopping: watch::Receiver<bool>,
    ) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = hangup.recv() => {}
                () = crate::listen::stopped(&mut stopping) => return,
            }
            let this = Arc::clone(&self);
            let changed = tokio::task::spawn_blocking(move || this.changed()).await.unwrap_or_default();
            for name in changed {
                let asker = task_asker(Task::Upkeep, request_id());
                // What went wrong is in the log and the audit by now.
                let _told = self.reload(&broker, &asker, &name).await;
            }
        }
    }

    /// Those whose section or files are not as they were when they were last tried.
    fn changed(&self) -> Vec<BackendName> {
        let config = match Config::read(&self.config_file) {
            Ok(config) => config,
            Err(error) => {
                // Half a file, perhaps; who asks for a reload by name is told.
                tracing::debug!(
                    error = format!("{error:#}"),
                    "the configuration cannot be read; no plugin is looked at"
                );
                return Vec::new();
            }
        };
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |plugin: &&WasmPlugin| {
            tried.get(&plugin.name).is_some_and(|stamp| *stamp != Stamp::of(plugin, &config.plugin_trust))
        };
        config.backends.iter().filter(is_new).map(|plugin| plugin.name.clone()).collect()
    }

    async fn section(&self, name: &BackendName) -> Result<(WasmPlugin, Trust)> {
        let (file, name) = (self.config_file.clone(), name.clone());
        tokio::task::spawn_blocking(move || {
            let config = Config::read(&file)?;
            let plugin = config.backends.into_iter().find(|plugin| plugin.name == name);
            let plugin = plugin.with_context(|| format!("the configuration has no plugin {name}"))?;
            Ok((plugin, config.plugin_trust))
        })
        .await?
    }

    async fn replacement(
        &self,
        name: &BackendName,
        plugin: &WasmPlugin,
        trust: &Trust,
    ) -> Result<WasmBackend, (&'static str, String)> {
        let Some(old) = self.get(name) else {
            return Err((BAD_CONFIGURATION, format!("backend {name} is new: it is taken in when the broker starts")));
        };
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), Stamp::of(plugin, trust));
        self.loader.successor(&old, plugin, trust).await.map_err(|error| {
            let word = error.downcast_ref::<LoadError>().map_or(BAD_CONFIGURATION, LoadError::word);
            (word, format!("{error:#}"))
        })
    }

    /// From here on new calls go to this one.
    fn put(&self, broker: &Broker, name: &BackendName, plugin: WasmBackend) -> String {
        let plugin = Arc::new(plugin);
        let metered = Metered::new(name.clone(), Arc::clone(&plugin), Arc::clone(&self.metrics));
        let mut backends = (*broker.backends()).clone();
        backends.insert(name.clone(), Arc::new(metered) as Arc<dyn Backend>);
        broker.replace_backends(backends);
        let told = described(&plugin);
        let old = self.current.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), plugin);
        let was = old.map(|old| described(&old)).unwrap_or_default();
        tracing::info!(backend = %name, plugin = told, was, "plugin loaded in place of another");
        told
    }
}

/// A load at the start, written down like every other, also one that keeps the broker from starting.
async fn noted(
    broker: &Broker,
    plugin: &WasmPlugin,
    loading: impl Future<Output = Result<WasmBackend>> + Send,
) -> Result<WasmBackend> {
    let detail = detail_of(plugin).await;
    let mut problem = None;
    let act = async {
        loading.await.map_err(|error| {
            let told = format!("{error:#}");
            problem = Some(error);
            told
        })
    };
    let loaded = broker.load_backend(&task_asker(Task::Upkeep, request_id()), detail, act).await;
    // What is wrong with the plugin says more than that it was refused.
    loaded.map_err(|refusal| problem.unwrap_or_else(|| anyhow::anyhow!("the broker cannot start: {refusal}")))
}

async fn detail_of(plugin: &WasmPlugin) -> String {
    format!("backend {}: plugin from {}", plugin.name, told_file(&plugin.file).await)
}

/// A plugin in one line: what it calls itself, and which file it is.
fn described(plugin: &WasmBackend) -> String {
    let said = plugin.described();
    format!("{} {} sha256 {}", said.name, said.version, hex(&plugin.origin().sha256))
}

impl Stamp {
    fn of(plugin: &WasmPlugin, trust: &Trust) -> Self {
        let files = [FileStamp::of(&plugin.file), FileStamp::of(&signature_file(&plugin.file))];
        Self { plugin: plugin.clone(), trust: trust.clone(), files }
    }
}

impl FileStamp {
    /// None: it is not there.
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let found = std::fs::metadata(path).ok()?;
        Some(Self {
            inode: (found.dev(), found.ino()),
            bytes: found.len(),
            changed_ns: (found.ctime(), found.ctime_nsec()),
        })
    }
}

/// The file and its digest, for the audit; what is loaded is read and digested anew.
async fn told_file(path: &Path) -> String {
    let file = path.to_owned();
    let bytes_max = broker_backend_wasm::Limits::default().component_bytes_max;
    let digest = tokio::task::spawn_blocking(move || {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        std::fs::File::open(file)?.take(bytes_max).read_to_end(&mut bytes)?;
        std::io::Result::Ok(broker_crypto::digest::sha256(&bytes))
    });
    match digest.await {
        Ok(Ok(digest)) => format!("{} sha256 {}", path.display(), hex(&digest)),
        _ => format!("{}, which cannot be read", path.display()),
    }
}
