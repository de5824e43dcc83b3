//! What the core asks of the world.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::algorithm::{KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use crate::elevation::Elevation;
use crate::entry::Entry;
use crate::grant::{Grant, GrantId, Permit};
use crate::identity::Identity;
use crate::imported::ImportedKey;
use crate::key::{KeyRecord, Material};
use crate::name::{AnchorName, KeyName, KeyVersion, Principal, VaultName};
use crate::object::{ObjectId, ObjectRecord, Term};
use crate::refusal::Failure;
use crate::secret::Secret;
use crate::vault::{Pin as CertificatePin, Vault};
use crate::verb;

/// An answer that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a backend serves. Fixed while the backend is loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    pub key_specs: Vec<KeySpec>,
    pub wrap_algorithms: Vec<WrapAlgorithm>,
    pub sign_algorithms: Vec<SignAlgorithm>,
}

/// Leave to make a key's version, from one of the verbs that do.
#[derive(Debug)]
pub enum Making {
    Create(Permit<verb::CreateKey>),
    Rotate(Permit<verb::RotateKey>),
}

/// Leave to wrap under a key.
#[derive(Debug)]
pub enum Wrapping {
    Encrypt(Permit<verb::Encrypt>),
    Wrap(Permit<verb::WrapKey>),
}

/// Leave to unwrap under a key.
#[derive(Debug)]
pub enum Unwrapping {
    Decrypt(Permit<verb::Decrypt>),
    Unwrap(Permit<verb::UnwrapKey>),
}

macro_rules! permit_place {
    ($($name:ident { $($pattern:pat),+ } => $permit:ident;)+) => { $(
        impl $name {
            /// The one key the permit was given for.
            ///
            /// # Errors
            /// `Internal` when the permit is not for a key: a bug of ours, caught before the backend acts.
            pub fn key(&self) -> Result<(&VaultName, &KeyName), Failure> {
                let scope = match self { $($pattern => $permit.scope(),)+ };
                scope.vault().zip(scope.key()).ok_or_else(|| Failure::internal(format!("permit for {scope}, which is no key")))
            }
        }
    )+ };
}
permit_place! {
    Making { Making::Create(permit), Making::Rotate(permit) } => permit;
    Unwrapping { Unwrapping::Decrypt(permit), Unwrapping::Unwrap(permit) } => permit;
    Wrapping { Wrapping::Encrypt(permit), Wrapping::Wrap(permit) } => permit;
}

/// One version that an unwrap may try.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub version: KeyVersion,
    pub spec: KeySpec,
    pub material: Arc<Material>,
}

impl Candidate {
    /// The vault that the backend bound the material to: the permit's own, unless a backup brought it from another.
    #[must_use]
    pub fn home<'a>(&'a self, permitted: &'a VaultName) -> &'a VaultName {
        self.material.origin_vault.as_ref().unwrap_or(permitted)
    }
}

/// A secret, and which of the candidates opened it.
#[derive(Debug)]
pub struct Unwrapped {
    pub secret: Secret,
    pub candidate: usize,
}

/// A new key version as the backend made it.
#[derive(Debug)]
pub struct Generated {
    /// Opaque, at most 64 KiB.
    pub opaque: Vec<u8>,
    pub public: PublicKey,
}

/// Where keys live. Each call consumes the permit it acts on; which key it acts on is read from the permit alone.
pub trait Backend: Send + Sync {
    fn capabilities(&self) -> &Capabilities;

    /// Makes a new version.
    fn generate_key(&self, permit: Making, version: KeyVersion, spec: KeySpec)
    -> Later<'_, Result<Generated, Failure>>;

    /// Takes a version over, of the spec's own family. `BadRequest` when its numbers are no such key.
    fn import_key(
        &self,
        permit: Permit<verb::ImportKey>,
        version: KeyVersion,
        spec: KeySpec,
        key: ImportedKey,
    ) -> Later<'_, Result<Generated, Failure>>;

    /// Signs a digest of the algorithm's own size. ECDSA signatures are r || s, each of the field's size.
    fn sign<'a>(
        &'a self,
        permit: Permit<verb::Sign>,
        under: &'a Candidate,
        algorithm: SignAlgorithm,
        digest: &'a [u8],
    ) -> Later<'a, Result<Vec<u8>, Failure>>;

    /// Whether a signature is the key's. Needs the public part alone.
    fn verify<'a>(
        &'a self,
        permit: Permit<verb::Verify>,
        under: &'a Candidate,
        algorithm: SignAlgorithm,
        digest: &'a [u8],
        signature: &'a [u8],
    ) -> Later<'a, Result<bool, Failure>>;

    /// Destroys what is kept of these versions outside their material. A version that is gone already is no failure.
    fn destroy_key<'a>(
        &'a self,
        permit: Permit<verb::PurgeKey>,
        versions: &'a [Candidate],
    ) -> Later<'a, Result<(), Failure>>;

    /// Wraps 1 to 65 536 bytes under one version.
    fn wrap_key<'a>(
        &'a self,
        permit: Wrapping,
        under: &'a Candidate,
        algorithm: WrapAlgorithm,
        secret: Secret,
        extras: &'a WrapExtras,
    ) -> Later<'a, Result<Wrapped, Failure>>;

    /// Opens a value with the first candidate that can; `Unwrappable` when none does.
    fn unwrap_key<'a>(
        &'a self,
        permit: Unwrapping,
        candidates: &'a [Candidate],
        algorithm: WrapAlgorithm,
        value: &'a [u8],
        extras: &'a WrapExtras,
    ) -> Later<'a, Result<Unwrapped, Failure>>;

    /// Quick, without side effects: is it able to serve?
    fn self_test(&self) -> Later<'_, Result<(), Failure>>;
}

/// One change of the store; a commit carries several, all or none.
#[derive(Debug, Clone)]
pub enum Change {
    /// Writes nothing: once the other changes are made, no object of the vault but this one may have the owner and one of
    /// the names, destroyed ones aside, or the commit is stale.
    ClaimNames {
        vault: VaultName,
        owner: Principal,
        object: ObjectId,
        names: Vec<String>,
    },
    DropElevation(GrantId),
    DropGrant(GrantId),
    DropIdentity(AnchorName),
    /// Removes an object; the record must be of this very revision.
    DropObject(Arc<ObjectRecord>),
    DropPin(AnchorName),
    /// By its name; one that is not there is no failure.
    DropSetting(String),
    /// The vault alone: its keys must be gone already.
    DropVault(VaultName),
    PutElevation(Elevation),
    PutGrant(Grant),
    PutIdentity(Identity),
    /// Removes a key with all materials of its versions; the record must be of this very revision.
    DropKey(Arc<KeyRecord>),
    /// Replaces the record whose revision is one less; revision 1 is a new key.
    PutKey(Arc<KeyRecord>),
    /// Written once, never replaced.
    PutMaterial {
        vault: VaultName,
        key: KeyName,
        version: KeyVersion,
        material: Arc<Material>,
    },
    /// Replaces the record whose revision is one less; revision 1 is a new object.
    PutObject(Arc<ObjectRecord>),
    PutPin(CertificatePin),
    /// At most 64 KiB, under a name of at most 64 bytes.
    PutSetting {
        name: String,
        value: Vec<u8>,
    },
    PutVault(Vault),
}

/// Why a commit did not happen.
#[derive(Debug)]
pub enum CommitError {
    /// The key or object was changed by another since it was read, or a claimed name is another's: look again.
    Stale,
    Failed(Failure),
}

/// A stretch of a listing. `next` is where the next page begins; none at the end.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<u64>,
}

/// All that is small enough to be kept in memory.
#[derive(Debug, Default)]
pub struct Standing {
    pub elevations: Vec<Elevation>,
    pub grants: Vec<Grant>,
    pub identities: Vec<Identity>,
    pub pins: Vec<CertificatePin>,
    pub settings: Vec<(String, Vec<u8>)>,
    pub vaults: Vec<Vault>,
}

/// Where records are kept. Every read sees every commit that was answered before.
pub trait Store: Send + Sync {
    fn standing(&self) -> Later<'_, Result<Standing, Failure>>;

    fn key<'a>(&'a self, vault: &'a VaultName, key: &'a KeyName) -> Later<'a, Result<Option<Arc<KeyRecord>>, Failure>>;

    /// `Internal` when a version that a record names has no material.
    fn material<'a>(
        &'a self,
        vault: &'a VaultName,
        key: &'a KeyName,
        version: KeyVersion,
    ) -> Later<'a, Result<Arc<Material>, Failure>>;

    /// Keys of one vault, live or deleted, in a fixed order, from `after` (exclusive) on.
    fn keys<'a>(
        &'a self,
        vault: &'a VaultName,
        deleted: bool,
        after: Option<u64>,
        most: usize,
    ) -> Later<'a, Result<Page<Arc<KeyRecord>>, Failure>>;

    /// Keys whose next due time ([`KeyRecord::next_due`]) is at or before this one, the longest due first.
    fn due(&self, until_s: i64, most: usize) -> Later<'_, Result<Vec<Arc<KeyRecord>>, Failure>>;

    fn object<'a>(
        &'a self,
        vault: &'a VaultName,
        id: ObjectId,
    ) -> Later<'a, Result<Option<Arc<ObjectRecord>>, Failure>>;

    /// Objects of one vault that have all of these terms, destroyed ones too, the newest first, from `before` (exclusive)
    /// on: the time it takes depends on how many there are to give, not on how many there are.
    ///
    /// # Errors
    /// `BadRequest` when the terms have too much in common with too many objects that do not have all of them.
    fn objects<'a>(
        &'a self,
        vault: &'a VaultName,
        terms: &'a [Term],
        before: Option<u64>,
        most: usize,
    ) -> Later<'a, Result<Page<Arc<ObjectRecord>>, Failure>>;

    /// How many objects of a vault have this term; takes as long as there are.
    fn count_objects<'a>(&'a self, vault: &'a VaultName, term: &'a Term) -> Later<'a, Result<u64, Failure>>;

    /// Objects whose state a date changes ([`ObjectRecord::next_due_s`]) at or before this time, the longest due first.
    fn objects_due(&self, until_s: i64, most: usize) -> Later<'_, Result<Vec<Arc<ObjectRecord>>, Failure>>;

    /// A key with its materials (in the order of its versions) as bytes that only this store opens again.
    ///
    /// # Errors
    /// The sealing fails; a bug.
    fn seal_backup(&self, record: &KeyRecord, materials: &[Arc<Material>]) -> Result<Vec<u8>, Failure>;

    /// What `seal_backup` sealed.
    ///
    /// # Errors
    /// `BadRequest` for anything else, whatever is wrong with it.
    fn open_backup(&self, sealed: &[u8]) -> Result<(KeyRecord, Vec<Material>), Failure>;

    /// All of the changes or none; durable when it answers.
    fn commit(&self, changes: Vec<Change>) -> Later<'_, Result<(), CommitError>>;
}

/// The audit could not be written; the cause is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditUnavailable;

/// Where decisions are written down.
pub trait AuditLog: Send + Sync {
    /// Durable when it answers.
    fn record(&self, entry: Entry) -> Later<'_, Result<(), AuditUnavailable>>;
}

/// What time it is.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;
    /// Microseconds since some fixed moment; never goes back.
    fn monotonic_us(&self) -> u64;
}

/// Where randomness comes from.
pub trait Chance: Send + Sync {
    /// Fills the buffer with cryptographically strong random bytes.
    fn fill(&self, buffer: &mut [u8]);
}
