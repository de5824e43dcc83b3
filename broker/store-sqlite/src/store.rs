//! The store as the core sees it, and what the rest of the broker may ask of it beside.

use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use broker_core::key::{KeyRecord, Material};
use broker_core::name::{KeyName, KeyVersion, VaultName};
use broker_core::object::{ObjectId, ObjectRecord, Term};
use broker_core::port::{Change, CommitError, Later, Page, Standing, Store};
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;
use broker_crypto::CryptoError;
use broker_crypto::mac::MacKey;
use broker_crypto::seal::SealKey;
use tokio::sync::{mpsc, oneshot};

use crate::backup;
use crate::cache::{Found, Opened, RecordCache};
use crate::claim::Claim;
use crate::copy::{self, CopyError, StoreCopy};
use crate::file::{self, OpenFile};
use crate::keyring::Keyring;
use crate::object::{self, TermsCheck};
use crate::read::{self, Readers};
use crate::record::{Record, Setting};
use crate::refuse::{OpenError, StoreError};
use crate::root::Root;
use crate::row::{Kind, RecordId};
use crate::state::{Counts, Published};
use crate::write::{Commit, QUEUE_COMMITS_MAX, Write, Writer};

/// Bytes of opened records that are kept in memory, unless the configuration says otherwise.
pub const CACHE_BYTES_DEFAULT: u64 = 256 << 20;

/// What the operator may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// An estimate of the heap that opened records may take; SQLite's own page caches (48 MiB) come on top.
    pub cache_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes_max: CACHE_BYTES_DEFAULT }
    }
}

/// How full the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    pub cached_bytes: u64,
    pub cached_records: u64,
    pub counts: Counts,
    /// The file and its write-ahead log.
    pub file_bytes: u64,
    pub generation: u64,
}

/// One file of sealed records, open in this process alone. A hot read touches no disk; a commit is on disk when it
/// answers. Dropping it waits for commits that were begun, and closes the file.
pub struct SqliteStore {
    cache: Arc<RecordCache>,
    /// Held while a copy is being made.
    copying: std::sync::Mutex<()>,
    commits: Option<mpsc::Sender<Commit>>,
    keyring: Arc<Keyring>,
    lock: std::fs::File,
    path: PathBuf,
    published: Arc<Published>,
    readers: Option<Readers>,
    store_id: [u8; 16],
    terms_check: TermsCheck,
    writer: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Whether a new store can be made there.
    ///
    /// # Errors
    /// `Exists`; `LogAlone`.
    pub fn check_vacant(path: &Path) -> Result<(), OpenError> {
        file::check_vacant(path)
    }

    /// Makes a new store, of mode 0600, and opens it. Blocks, with a passphrase for about a tenth of a second.
    ///
    /// # Errors
    /// `Exists`, `LogAlone`, `InUse`, `Io`, `Sql`; `WrongKey` or `WrongPassphrase` when the root has no valid length.
    pub fn create(path: &Path, root: &Root, options: Options) -> Result<Self, OpenError> {
        Self::start(path, file::create(path, root)?, options)
    }

    /// Opens a store and checks every row's mark. Blocks: about a second for a million keys.
    ///
    /// # Errors
    /// Every [`OpenError`] but `Exists` and `LogAlone`; its text says what to do.
    pub fn open(path: &Path, root: &Root, options: Options) -> Result<Self, OpenError> {
        Self::start(path, file::open(path, root)?, options)
    }

    fn start(path: &Path, file: OpenFile, options: Options) -> Result<Self, OpenError> {
        let cache = Arc::new(RecordCache::new(options.cache_bytes_max));
        let keyring = Arc::new(file.keyring);
        let published = Arc::new(Published::new(&file.state));
        let readers = Readers::start(path)?;
        let terms_check = TermsCheck::start(path, Arc::clone(&keyring))?;
        let writer = Writer {
            connection: file.connection,
            keyring: Arc::clone(&keyring),
            cache: Arc::clone(&cache),
            state: file.state,
            published: Arc::clone(&published),
        };
        let (commits, queue) = mpsc::channel(QUEUE_COMMITS_MAX);
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || writer.run(queue));
        let thread = thread.map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
        Ok(Self {
            cache,
            commits: Some(commits),
            copying: std::sync::Mutex::new(()),
            keyring,
            lock: file.lock,
            path: path.to_owned(),
            published,
            readers: Some(readers),
            store_id: file.store_id,
            terms_check,
            writer: Some(thread),
        })
    }

    /// Random, given once at the creation.
    #[must_use]
    pub const fn id(&self) -> [u8; 16] {
        self.store_id
    }

    /// Counts the transactions; grows with every commit that is answered. A store whose generation is less than one that
    /// was seen before is an old copy that was put back as a whole.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.published.get().0
    }

    /// Cheap: looks at no record.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (generation, counts) = self.published.get();
        let (cached_records, cached_bytes) = self.cache.size();
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        Stats {
            cached_bytes,
            cached_records: cached_records as u64,
            counts,
            file_bytes: length(&self.path) + length(&file::beside(&self.path, "-wal")),
            generation,
        }
    }

    /// A copy of all of it at this moment, verified by opening every record. Blocks for as long as the disk takes, on the
    /// caller's thread alone: reads and commits go on. One at a time.
    ///
    /// # Errors
    /// `Busy`, `Io`, `Open`.
    pub fn copy(&self, made_s: i64) -> Result<StoreCopy, CopyError> {
        let _one = self.copying.try_lock().map_err(|_| CopyError::Busy)?;
        copy::make(&self.path, &self.keyring, made_s)
    }

    /// A sealing key for something outside the store, the same at every opening, and in every store that began with the
    /// same root key. Purposes are told apart by their text,
    /// at most 1000 bytes.
    ///
    /// # Errors
    /// `BadLength` for a longer purpose.
    pub fn purpose_seal_key(&self, purpose: &str) -> Result<SealKey, CryptoError> {
        self.keyring.purpose_seal_key(purpose)
    }

    /// A MAC key for something outside the store, this store's alone.
    ///
    /// # Errors
    /// `BadLength` for a longer purpose.
    pub fn purpose_mac_key(&self, purpose: &str) -> Result<MacKey, CryptoError> {
        self.keyring.purpose_mac_key(purpose)
    }

    /// 32 secret bytes for something outside the store, the seed of a signing key for one; unrelated to the keys of the
    /// same purpose.
    #[must_use]
    pub fn purpose_secret(&self, purpose: &str) -> Secret {
        self.keyring.purpose_secret(purpose)
    }

    /// # Errors
    /// `StoreUnavailable` once the rows by which objects are found were seen to be others than those that were written.
    fn check_terms_stand(&self) -> Result<(), Failure> {
        self.terms_check.stands()
    }

    fn readers(&self) -> Result<&Readers, Failure> {
        self.readers.as_ref().ok_or_else(|| Failure::caused(Refusal::StoreUnavailable, "the store is closed"))
    }

    /// A record from the cache, or from the disk into the cache.
    async fn load<T>(&self, kind: Kind, id: RecordId, wrap: fn(Arc<T>) -> Opened) -> Result<Option<Opened>, Failure>
    where
        T: Record + Send + Sync + 'static,
    {
        self.load_by(id, wrap, move |connection, keyring, _| read::record::<T>(connection, keyring, kind, id)).await
    }

    /// A key, and with it its latest version's material: whoever asks for a key that nobody used for long mostly uses it, and a
    /// second way to a reader would cost more than the read.
    async fn load_key(&self, id: RecordId) -> Result<Option<Opened>, Failure> {
        let read = move |connection: &rusqlite::Connection, keyring: &Keyring, cache: &Arc<RecordCache>| {
            let record = read::record::<KeyRecord>(connection, keyring, Kind::Key, id)?;
            // Not one transaction for both: the place in the cache has to be held before the moment that is read.
            if let Some(key) = &record
                && let material = keyring.material_id(&key.vault, &key.name, key.latest().version)
                && let Some(vacancy) = cache.vacancy(&material)
                // Whoever asks for it is told what is wrong with it.
                && let Ok(Some(found)) = read::record::<Material>(connection, keyring, Kind::Material, material)
            {
                vacancy.fill(Opened::Material(Arc::new(found)));
            }
            Ok(record)
        };
        self.load_by(id, Opened::Key, read).await
    }

    /// What the cache has, or else what `read` finds on a reader's thread.
    async fn load_by<T, F>(&self, id: RecordId, wrap: fn(Arc<T>) -> Opened, read: F) -> Result<Option<Opened>, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection, &Keyring, &Arc<RecordCache>) -> Result<Option<T>, StoreError> + Send + 'static,
    {
        let vacancy = match self.cache.find(&id).await {
            Found::Cached(opened) => return Ok(Some(opened)),
            Found::Vacant(vacancy) => vacancy,
        };
        let (keyring, cache) = (Arc::clone(&self.keyring), Arc::clone(&self.cache));
        let found = self.readers()?.read(move |connection| read(connection, &keyring, &cache)).await?;
        let opened = found.map(|record| wrap(Arc::new(record)));
        if let Some(opened) = &opened {
            vacancy.fill(opened.clone());
        }
        Ok(opened)
    }

    async fn commit_all(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let writes = Write::of_changes(&changes, &self.keyring).map_err(|error| CommitError::Failed(error.into()))?;
        if writes.is_empty() {
            return Ok(());
        }
        let gone = || CommitError::Failed(Failure::caused(Refusal::StoreUnavailable, "the store's writer has ended"));
        let (answer, answered) = oneshot::channel();
        let commit = Commit { writes, claims: Claim::of_changes(&changes, &self.keyring), answer };
        self.commits.as_ref().ok_or_else(gone)?.send(commit).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

fn misplaced(what: &str) -> Failure {
    Failure::internal(format!("the place of {what} in the cache holds something else"))
}

impl Store for SqliteStore {
    fn standing(&self) -> Later<'_, Result<Standing, Failure>> {
        Box::pin(async move {
            let keyring = Arc::clone(&self.keyring);
            let read = move |connection: &rusqlite::Connection| {
                // One transaction: all kinds of the same moment.
                let snapshot = connection.unchecked_transaction()?;
                let settings = read::all::<Setting>(&snapshot, &keyring, Kind::Setting)?;
                Ok(Standing {
                    elevations: read::all(&snapshot, &keyring, Kind::Elevation)?,
                    grants: read::all(&snapshot, &keyring, Kind::Grant)?,
                    identities: read::all(&snapshot, &keyring, Kind::Identity)?,
                    pins: read::all(&snapshot, &keyring, Kind::Pin)?,
                    settings: settings.into_iter().map(|setting| (setting.name, setting.value)).collect(),
                    vaults: read::all(&snapshot, &keyring, Kind::Vault)?,
                })
            };
            self.readers()?.read(read).await
        })
    }

    fn key<'a>(&'a self, vault: &'a VaultName, key: &'a KeyName) -> Later<'a, Result<Option<Arc<KeyRecord>>, Failure>> {
        let id = self.keyring.key_id(vault, key);
        let key_of = |opened| match opened {
            Opened::Key(key) => Ok(key),
            Opened::Material(_) | Opened::Object(_) => Err(misplaced("a key")),
        };
        match self.cache.get(&id) {
            Some(opened) => Box::pin(ready(key_of(opened).map(Some))),
            None => Box::pin(async move { self.load_key(id).await?.map(key_of).transpose() }),
        }
    }

    fn material<'a>(
        &'a self,
        vault: &'a VaultName,
        key: &'a KeyName,
        version: KeyVersion,
    ) -> Later<'a, Result<Arc<Material>, Failure>> {
        let id = self.keyring.material_id(vault, key, version);
        let material_of = |opened| match opened {
            Opened::Material(material) => Ok(material),
            Opened::Key(_) | Opened::Object(_) => Err(misplaced("a material")),
        };
        match self.cache.get(&id) {
            Some(opened) => Box::pin(ready(material_of(opened))),
            None => Box::pin(async move {
                let missing =
                    || Failure::internal(format!("version {version} of key {key} in {vault} has no material"));
                material_of(self.load::<Material>(Kind::Material, id, Opened::Material).await?.ok_or_else(missing)?)
            }),
        }
    }

    fn keys<'a>(
        &'a self,
        vault: &'a VaultName,
        deleted: bool,
        after: Option<u64>,
        most: usize,
    ) -> Later<'a, Result<Page<Arc<KeyRecord>>, Failure>> {
        Box::pin(async move {
            let Ok(after) = i64::try_from(after.unwrap_or(0)) else {
                return Ok(Page { items: Vec::new(), next: None });
            };
            let (keyring, vault) = (Arc::clone(&self.keyring), self.keyring.vault_id(vault));
            let read = move |connection: &rusqlite::Connection| {
                read::keys::<KeyRecord>(connection, &keyring, (vault, !deleted), after, most)
            };
            let (keys, more) = self.readers()?.read(read).await?;
            let last = keys.last().map(|(seq, _)| seq.cast_unsigned());
            Ok(Page {
                items: keys.into_iter().map(|(_, key)| Arc::new(key)).collect(),
                next: if more { last } else { None },
            })
        })
    }

    fn due(&self, until_s: i64, most: usize) -> Later<'_, Result<Vec<Arc<KeyRecord>>, Failure>> {
        Box::pin(async move {
            let keyring = Arc::clone(&self.keyring);
            let read =
                move |connection: &rusqlite::Connection| read::due::<KeyRecord>(connection, &keyring, until_s, most);
            Ok(self.readers()?.read(read).await?.into_iter().map(Arc::new).collect())
        })
    }

    fn object<'a>(
        &'a self,
        vault: &'a VaultName,
        id: ObjectId,
    ) -> Later<'a, Result<Option<Arc<ObjectRecord>>, Failure>> {
        let id = self.keyring.object_id(vault, id);
        let object_of = |opened| match opened {
            Opened::Object(object) => Ok(object),
            Opened::Key(_) | Opened::Material(_) => Err(misplaced("an object")),
        };
        match self.cache.get(&id) {
            Some(opened) => Box::pin(ready(object_of(opened).map(Some))),
            None => Box::pin(async move {
                self.load::<ObjectRecord>(Kind::Object, id, Opened::Object).await?.map(object_of).transpose()
            }),
        }
    }

    fn objects<'a>(
        &'a self,
        vault: &'a VaultName,
        terms: &'a [Term],
        before: Option<u64>,
        most: usize,
    ) -> Later<'a, Result<Page<Arc<ObjectRecord>>, Failure>> {
        Box::pin(async move {
            self.check_terms_stand()?;
            let keyring = Arc::clone(&self.keyring);
            let asked = object::Asked {
                terms: object::ids_of(vault, terms, &keyring),
                before: before.and_then(|before| i64::try_from(before).ok()),
                most,
            };
            let read = move |connection: &rusqlite::Connection| object::find(connection, &keyring, &asked);
            let found = self.readers()?.read(read).await?;
            found.ok_or_else(|| {
                Failure::bad_request(
                    "too many objects are some of what was asked for; ask for something more particular",
                )
            })
        })
    }

    fn count_objects<'a>(&'a self, vault: &'a VaultName, term: &'a Term) -> Later<'a, Result<u64, Failure>> {
        Box::pin(async move {
            self.check_terms_stand()?;
            let id = self.keyring.term_id(vault, Some(term));
            self.readers()?.read(move |connection| object::count(connection, id)).await
        })
    }

    fn objects_due(&self, until_s: i64, most: usize) -> Later<'_, Result<Vec<Arc<ObjectRecord>>, Failure>> {
        Box::pin(async move {
            let keyring = Arc::clone(&self.keyring);
            let read = move |connection: &rusqlite::Connection| object::due(connection, &keyring, until_s, most);
            self.readers()?.read(read).await
        })
    }

    fn seal_backup(&self, record: &KeyRecord, materials: &[Arc<Material>]) -> Result<Vec<u8>, Failure> {
        backup::seal(&self.keyring, record, materials)
    }

    fn open_backup(&self, sealed: &[u8]) -> Result<(KeyRecord, Vec<Material>), Failure> {
        backup::open(&self.keyring, &self.store_id, sealed)
    }

    fn commit(&self, changes: Vec<Change>) -> Later<'_, Result<(), CommitError>> {
        Box::pin(self.commit_all(changes))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // The writer's connection goes last: only it can fold the log into the file.
        self.readers = None;
        self.terms_check.end();
        self.commits = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked said so when it did.
            let _panicked = writer.join();
        }
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the store's lock was not given back; it ends with the process");
        }
    }
}
