//! Opened records, as many as fit into a number of bytes.

use std::sync::Arc;
use std::time::Duration;

use broker_core::algorithm::PublicKey;
use broker_core::key::{KeyRecord, Material, VersionRecord};
use broker_core::object::{Kept, ObjectRecord};
use quick_cache::sync::{Cache, DefaultLifecycle, GuardResult, PlaceholderGuard};
use quick_cache::{OptionsBuilder, Weighter};

use crate::row::RecordId;

/// What an entry takes in the cache's own tables, and for the two counters of its `Arc`.
const ENTRY_BYTES: usize = 112;
/// A node of a `BTreeMap` of tags has room for eleven, used or not, and is on average two thirds full.
const TAG_NODE_BYTES: usize = 11 * 2 * size_of::<String>() + 16;
const TAGS_IN_NODE: usize = 7;

/// A record as it is handed out.
#[derive(Debug, Clone)]
pub enum Opened {
    Key(Arc<KeyRecord>),
    Material(Arc<Material>),
    Object(Arc<ObjectRecord>),
}

#[derive(Debug, Clone)]
struct Entry {
    opened: Opened,
    bytes: u64,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<RecordId, Entry> for ByBytes {
    fn weight(&self, _: &RecordId, entry: &Entry) -> u64 {
        entry.bytes
    }
}

type Inner = Cache<RecordId, Entry, ByBytes>;
type Guard<'a> =
    PlaceholderGuard<'a, RecordId, Entry, ByBytes, quick_cache::DefaultHashBuilder, DefaultLifecycle<RecordId, Entry>>;

/// A cache that never keeps a record older than the last commit that was answered.
///
/// A reader takes a [`Vacancy`] before it reads the disk. A commit takes away whatever stands at the record's place, a
/// vacancy too, so a reader that read before the commit finds its vacancy gone and what it read is not kept.
pub struct RecordCache(Inner);

/// A promise to fill one place of the cache, void once a commit wrote that record.
pub struct Vacancy<'a>(Guard<'a>);

/// A record that is cached, or the right to load it. Of several that miss at once, one loads and the others wait.
pub enum Found<'a> {
    Cached(Opened),
    Vacant(Vacancy<'a>),
}

impl RecordCache {
    /// `bytes_max` is an estimate of the heap that the records take.
    pub fn new(bytes_max: u64) -> Self {
        let items = usize::try_from(bytes_max / 1024).unwrap_or(usize::MAX).clamp(16, 1 << 20);
        let options = OptionsBuilder::new().estimated_items_capacity(items).weight_capacity(bytes_max).build();
        let options = options.expect("both capacities that the builder asks for are set");
        Self(Cache::with_options(options, ByBytes, Default::default(), DefaultLifecycle::default()))
    }

    pub fn get(&self, id: &RecordId) -> Option<Opened> {
        self.0.get(id).map(|entry| entry.opened)
    }

    /// Waits while another loads the same record.
    pub async fn find(&self, id: &RecordId) -> Found<'_> {
        match self.0.get_value_or_guard_async(id).await {
            Ok(entry) => Found::Cached(entry.opened),
            Err(guard) => Found::Vacant(Vacancy(guard)),
        }
    }

    /// The right to load a record that is not cached and that nobody is loading.
    pub fn vacancy(&self, id: &RecordId) -> Option<Vacancy<'_>> {
        match self.0.get_value_or_guard(id, Some(Duration::ZERO)) {
            GuardResult::Guard(guard) => Some(Vacancy(guard)),
            GuardResult::Value(_) | GuardResult::Timeout => None,
        }
    }

    /// Puts a record that was committed; called before the commit is answered.
    pub fn committed(&self, id: RecordId, opened: Opened) {
        // `insert` alone would leave a reader's vacancy in place when the record is too large to be kept.
        self.0.remove(&id);
        self.0.insert(id, Entry::of(opened));
    }

    /// Forgets a record that was dropped; called before the commit is answered.
    pub fn dropped(&self, id: &RecordId) {
        // Takes a reader's vacancy away too: what it read before the commit is not kept.
        self.0.remove(id);
    }

    /// (records, estimated bytes)
    pub fn size(&self) -> (usize, u64) {
        (self.0.len(), self.0.weight())
    }
}

impl Vacancy<'_> {
    /// Keeps what was read, unless a commit came in between.
    pub fn fill(self, opened: Opened) {
        // An error means that a commit took the place: what it wrote stays.
        let _superseded = self.0.insert(Entry::of(opened));
    }
}

impl Entry {
    fn of(opened: Opened) -> Self {
        let bytes = ENTRY_BYTES
            + match &opened {
                Opened::Key(key) => key_bytes(key),
                Opened::Material(material) => material_bytes(material),
                Opened::Object(object) => object_bytes(object),
            };
        Self { opened, bytes: bytes as u64 }
    }
}

fn key_bytes(key: &KeyRecord) -> usize {
    let versions = key.versions.iter().map(|version| {
        let nodes = version.tags.len().div_ceil(TAGS_IN_NODE) * allocated(TAG_NODE_BYTES);
        let texts = version.tags.iter().map(|(name, value)| allocated(name.len()) + allocated(value.len()));
        shared_text(version.backend.as_str()) + nodes + texts.sum::<usize>()
    });
    let actions = key.rotation.as_ref().map_or(0, |policy| size_of_val(policy.actions.as_slice()));
    allocated(size_of::<KeyRecord>())
        + allocated(actions)
        + shared_text(key.vault.as_str())
        + shared_text(key.name.as_str())
        + allocated(key.versions.capacity() * size_of::<VersionRecord>())
        + versions.sum::<usize>()
}

fn material_bytes(material: &Material) -> usize {
    let public = match &material.public {
        PublicKey::Ec { x: one, y: other } | PublicKey::Rsa { n: one, e: other } => {
            allocated(one.len()) + allocated(other.len())
        }
        PublicKey::None => 0,
    };
    let origin = material.origin_vault.as_ref().map_or(0, |vault| shared_text(vault.as_str()));
    allocated(size_of::<Material>()) + allocated(material.opaque.len()) + public + origin
}

fn object_bytes(object: &ObjectRecord) -> usize {
    let attributes = &object.attributes;
    let texts = attributes.names.iter().map(|name| &name.value.text);
    let texts = texts.chain(attributes.groups.iter().map(|group| &group.value));
    let custom = attributes.custom.iter().map(|custom| allocated(custom.name.len()) + allocated(custom.value.len()));
    let kept = match &object.kept {
        Kept::Gone => 0,
        Kept::Public(bytes) => allocated(bytes.len()),
        Kept::Secret(sealed) => {
            let key = &sealed.key;
            [&key.value, &key.iv, &key.tag, &sealed.bytes].iter().map(|bytes| allocated(bytes.len())).sum()
        }
    };
    allocated(size_of::<ObjectRecord>())
        + shared_text(object.vault.as_str())
        + shared_text(object.owner.as_str())
        + allocated(object.form.len())
        + allocated(size_of_val(attributes.names.as_slice()))
        + allocated(size_of_val(attributes.groups.as_slice()))
        + allocated(size_of_val(attributes.links.as_slice()))
        + allocated(size_of_val(attributes.custom.as_slice()))
        + texts.map(|text| allocated(text.len())).sum::<usize>()
        + custom.sum::<usize>()
        + kept
}

/// An `Arc<str>`: two counters before the text.
const fn shared_text(text: &str) -> usize {
    allocated(16 + text.len())
}

/// What an allocator takes for so many bytes: its own word, and sizes in steps of 16 from 32 on.
const fn allocated(bytes: usize) -> usize {
    let rounded = (bytes + 8).next_multiple_of(16);
    if rounded < 32 { 32 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: RecordId = RecordId([1; 16]);

    fn material(length: usize) -> Opened {
        Opened::Material(Arc::new(Material { opaque: vec![0; length], public: PublicKey::None, origin_vault: None }))
    }

    fn cached_length(cache: &RecordCache) -> Option<usize> {
        match cache.get(&ID) {
            Some(Opened::Material(material)) => Some(material.opaque.len()),
            Some(Opened::Key(_) | Opened::Object(_)) | None => None,
        }
    }

    #[tokio::test]
    async fn what_was_read_before_a_commit_is_not_kept_after_it() {
        let cache = RecordCache::new(1 << 20);
        let Found::Vacant(vacancy) = cache.find(&ID).await else { panic!("the cache is empty") };
        cache.committed(ID, material(2));
        vacancy.fill(material(1));
        assert_eq!(cached_length(&cache), Some(2));
    }

    #[tokio::test]
    async fn what_was_read_before_a_commit_too_large_to_keep_is_not_kept_either() {
        let cache = RecordCache::new(1 << 20);
        let Found::Vacant(vacancy) = cache.find(&ID).await else { panic!("the cache is empty") };
        cache.committed(ID, material(2 << 20));
        vacancy.fill(material(1));
        assert_eq!(cached_length(&cache), None);
        cache.committed(ID, material(3));
        cache.committed(ID, material(2 << 20));
        assert_eq!(cached_length(&cache), None);
    }

    #[tokio::test]
    async fn what_was_read_before_it_was_dropped_is_not_kept() {
        let cache = RecordCache::new(1 << 20);
        let Found::Vacant(vacancy) = cache.find(&ID).await else { panic!("the cache is empty") };
        cache.dropped(&ID);
        vacancy.fill(material(1));
        assert_eq!(cached_length(&cache), None);
        cache.committed(ID, material(2));
        cache.dropped(&ID);
        assert_eq!(cached_length(&cache), None);
    }

    #[tokio::test]
    async fn who_does_not_wait_loads_only_what_is_neither_cached_nor_being_loaded() {
        let cache = RecordCache::new(1 << 20);
        let Found::Vacant(loading) = cache.find(&ID).await else { panic!("the cache is empty") };
        assert!(cache.vacancy(&ID).is_none());
        drop(loading);
        let vacancy = cache.vacancy(&ID).unwrap();
        cache.committed(ID, material(2));
        vacancy.fill(material(1));
        assert_eq!(cached_length(&cache), Some(2));
        assert!(cache.vacancy(&ID).is_none());
    }

    #[test]
    fn the_cache_stays_within_its_bytes() {
        let cache = RecordCache::new(1 << 20);
        for number in 0..10_000_u32 {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            cache.committed(RecordId(id), material(1000));
        }
        let (records, bytes) = cache.size();
        assert!(bytes <= 1 << 20, "{bytes}");
        assert!(records > 500, "{records}");
    }
}
