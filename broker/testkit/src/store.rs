//! A store in memory that keeps every promise of the port, and breaks the one it is told to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker_core::elevation::Elevation;
use broker_core::grant::{Grant, GrantId};
use broker_core::identity::Identity;
use broker_core::key::{KeyRecord, KeyState, Material};
use broker_core::name::{AnchorName, KeyName, KeyVersion, VaultName};
use broker_core::object::{ObjectId, ObjectRecord, Term};
use broker_core::port::{Change, CommitError, Later, Page, Standing, Store};
use broker_core::refusal::{Failure, Refusal};
use broker_core::vault::{Pin, Vault};

use crate::Gate;
use crate::chance::mix;

/// Longest name and value of a setting, in bytes (the port's own limits).
const SETTING_NAME_BYTES_MAX: usize = 64;
const SETTING_BYTES_MAX: usize = 64 * 1024;

/// Records in memory.
#[derive(Debug)]
pub struct MemoryStore {
    /// Close it to hold commits before they happen.
    pub commit_gate: Gate,
    /// Close it to hold reads of records before they look.
    pub read_gate: Gate,
    kept: Mutex<Kept>,
    fails_all: AtomicBool,
    /// Tells this store's backups from every other's.
    id: u64,
    /// What each backup's bytes stand for.
    backups: Mutex<BTreeMap<Vec<u8>, BackedUp>>,
}

type BackedUp = (KeyRecord, Vec<Material>);

impl Default for MemoryStore {
    fn default() -> Self {
        static STORES: AtomicU64 = AtomicU64::new(1);
        Self {
            commit_gate: Gate::default(),
            read_gate: Gate::default(),
            kept: Mutex::default(),
            fails_all: AtomicBool::default(),
            id: mix(STORES.fetch_add(1, Ordering::SeqCst)),
            backups: Mutex::default(),
        }
    }
}

#[derive(Debug, Default, Clone)]
struct Kept {
    elevations: BTreeMap<GrantId, Elevation>,
    grants: BTreeMap<GrantId, Grant>,
    identities: BTreeMap<AnchorName, Identity>,
    pins: BTreeMap<AnchorName, Pin>,
    settings: BTreeMap<String, Vec<u8>>,
    vaults: BTreeMap<VaultName, Vault>,
    /// Each with its place in listings: the order in which keys were first made.
    keys: BTreeMap<(VaultName, KeyName), (u64, Arc<KeyRecord>)>,
    materials: BTreeMap<(VaultName, KeyName, KeyVersion), Arc<Material>>,
    objects: BTreeMap<(VaultName, ObjectId), (u64, Arc<ObjectRecord>)>,
    places: u64,
    commits: usize,
    /// Counted as `commits` is.
    fails_at: Option<usize>,
}

impl MemoryStore {
    /// The commit after `skip` more fails (0: the next one), and changes nothing; those after it succeed.
    pub fn fail_commit_after(&self, skip: usize) {
        let mut kept = self.kept();
        kept.fails_at = Some(kept.commits + skip);
    }

    /// Whether every call fails from now on.
    pub fn fail_all(&self, fails: bool) {
        self.fails_all.store(fails, Ordering::SeqCst);
    }

    /// How many commits were tried, those that failed or were stale among them.
    #[must_use]
    pub fn commits_tried(&self) -> usize {
        self.kept().commits
    }

    /// A key's record as it is kept now.
    #[must_use]
    pub fn peek(&self, vault: &VaultName, key: &KeyName) -> Option<Arc<KeyRecord>> {
        self.kept().keys.get(&(vault.clone(), key.clone())).map(|(_, record)| Arc::clone(record))
    }

    /// Puts a record there behind the broker's back, as another broker on the same store would: a state no verb of this
    /// broker leads to yet.
    pub fn overwrite(&self, record: KeyRecord) {
        let mut kept = self.kept();
        let id = (record.vault.clone(), record.name.clone());
        let place = kept.place_of(&id);
        kept.keys.insert(id, (place, Arc::new(record)));
    }

    /// The same with an object's record.
    pub fn overwrite_object(&self, record: ObjectRecord) {
        let mut kept = self.kept();
        let id = (record.vault.clone(), record.id);
        if let Some((_, place)) = kept.objects.get_mut(&id) {
            *place = Arc::new(record);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) -> Result<MutexGuard<'_, Kept>, Failure> {
        if self.fails_all.load(Ordering::SeqCst) {
            return Err(broken());
        }
        Ok(self.kept())
    }
}

fn broken() -> Failure {
    Failure::caused(Refusal::StoreUnavailable, "the memory store was told to fail")
}

impl Kept {
    fn place_of(&mut self, id: &(VaultName, KeyName)) -> u64 {
        if let Some((place, _)) = self.keys.get(id) {
            return *place;
        }
        self.places += 1;
        self.places
    }

    /// True of what claims nothing.
    fn claim_stands(&self, change: &Change) -> bool {
        let Change::ClaimNames { vault, owner, object, names } = change else { return true };
        let holds = |record: &ObjectRecord| {
            record.vault == *vault
                && record.id != *object
                && record.owner == *owner
                && !record.life.state.is_destroyed()
                && record.attributes.names.iter().any(|has| names.contains(&has.value.text))
        };
        !self.objects.values().any(|(_, record)| holds(record))
    }

    fn apply(&mut self, change: Change) -> Result<(), CommitError> {
        match change {
            // Looked at once the others are made.
            Change::ClaimNames { .. } => {}
            Change::DropElevation(id) => drop(self.elevations.remove(&id)),
            Change::DropIdentity(name) => drop(self.identities.remove(&name)),
            Change::DropGrant(id) => drop(self.grants.remove(&id)),
            Change::DropPin(name) => drop(self.pins.remove(&name)),
            Change::DropSetting(name) => drop(self.settings.remove(&name)),
            Change::DropVault(name) => drop(self.vaults.remove(&name)),
            Change::DropKey(record) => {
                let id = (record.vault.clone(), record.name.clone());
                if self.keys.get(&id).is_none_or(|(_, kept)| kept.revision != record.revision) {
                    return Err(CommitError::Stale);
                }
                self.keys.remove(&id);
                self.materials.retain(|(vault, key, _), _| (vault, key) != (&id.0, &id.1));
            }
            Change::PutElevation(one) => drop(self.elevations.insert(one.grant.id, one)),
            Change::PutIdentity(identity) => drop(self.identities.insert(identity.name.clone(), identity)),
            Change::PutGrant(grant) => drop(self.grants.insert(grant.id, grant)),
            Change::PutKey(record) => {
                let id = (record.vault.clone(), record.name.clone());
                let before = self.keys.get(&id).map_or(0, |(_, kept)| kept.revision);
                if record.revision != before + 1 {
                    return Err(CommitError::Stale);
                }
                let place = self.place_of(&id);
                self.keys.insert(id, (place, record));
            }
            Change::PutMaterial { vault, key, version, material } => {
                if self.materials.insert((vault, key, version), material).is_some() {
                    return Err(CommitError::Failed(Failure::internal("material is written once")));
                }
            }
            Change::DropObject(record) => {
                let id = (record.vault.clone(), record.id);
                if self.objects.get(&id).is_none_or(|(_, kept)| kept.revision != record.revision) {
                    return Err(CommitError::Stale);
                }
                self.objects.remove(&id);
            }
            Change::PutObject(record) => {
                let id = (record.vault.clone(), record.id);
                let before = self.objects.get(&id).map(|(place, kept)| (*place, kept.revision));
                if record.revision != before.map_or(0, |(_, revision)| revision) + 1 {
                    return Err(CommitError::Stale);
                }
                let place = before.map_or_else(
                    || {
                        self.places += 1;
                        self.places
                    },
                    |(place, _)| place,
                );
                self.objects.insert(id, (place, record));
            }
            Change::PutPin(pin) => drop(self.pins.insert(pin.name.clone(), pin)),
            Change::PutSetting { name, value } => {
                if name.len() > SETTING_NAME_BYTES_MAX || value.len() > SETTING_BYTES_MAX {
                    return Err(CommitError::Failed(Failure::internal("a setting is too long")));
                }
                self.settings.insert(name, value);
            }
            Change::PutVault(vault) => drop(self.vaults.insert(vault.name.clone(), vault)),
        }
        Ok(())
    }
}

impl Store for MemoryStore {
    fn standing(&self) -> Later<'_, Result<Standing, Failure>> {
        Box::pin(async {
            let kept = self.look()?;
            Ok(Standing {
                elevations: kept.elevations.values().cloned().collect(),
                identities: kept.identities.values().cloned().collect(),
                grants: kept.grants.values().cloned().collect(),
                pins: kept.pins.values().cloned().collect(),
                settings: kept.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
                vaults: kept.vaults.values().cloned().collect(),
            })
        })
    }

    fn key<'a>(&'a self, vault: &'a VaultName, key: &'a KeyName) -> Later<'a, Result<Option<Arc<KeyRecord>>, Failure>> {
        Box::pin(async {
            self.read_gate.pass().await;
            Ok(self.look()?.keys.get(&(vault.clone(), key.clone())).map(|(_, record)| Arc::clone(record)))
        })
    }

    fn material<'a>(
        &'a self,
        vault: &'a VaultName,
        key: &'a KeyName,
        version: KeyVersion,
    ) -> Later<'a, Result<Arc<Material>, Failure>> {
        Box::pin(async move {
            let material = self.look()?.materials.get(&(vault.clone(), key.clone(), version)).cloned();
            material.ok_or_else(|| Failure::internal(format!("no material for version {version} of /{vault}/{key}")))
        })
    }

    fn keys<'a>(
        &'a self,
        vault: &'a VaultName,
        deleted: bool,
        after: Option<u64>,
        most: usize,
    ) -> Later<'a, Result<Page<Arc<KeyRecord>>, Failure>> {
        Box::pin(async move {
            let mut rows: Vec<(u64, Arc<KeyRecord>)> = self
                .look()?
                .keys
                .values()
                .filter(|(place, record)| {
                    record.vault == *vault
                        && (record.state != KeyState::Live) == deleted
                        && after.is_none_or(|after| *place > after)
                })
                .cloned()
                .collect();
            rows.sort_by_key(|(place, _)| *place);
            let more = rows.len() > most;
            rows.truncate(most);
            let next = rows.last().filter(|_| more).map(|(place, _)| *place);
            Ok(Page { items: rows.into_iter().map(|(_, record)| record).collect(), next })
        })
    }

    fn due(&self, until_s: i64, most: usize) -> Later<'_, Result<Vec<Arc<KeyRecord>>, Failure>> {
        Box::pin(async move {
            self.read_gate.pass().await;
            let mut rows: Vec<_> = self
                .look()?
                .keys
                .values()
                .filter_map(|(place, record)| Some((record.next_due()?.0, *place, Arc::clone(record))))
                .filter(|(due_s, ..)| *due_s <= until_s)
                .collect();
            rows.sort_by_key(|(due_s, place, _)| (*due_s, *place));
            rows.truncate(most);
            Ok(rows.into_iter().map(|(_, _, record)| record).collect())
        })
    }

    fn object<'a>(
        &'a self,
        vault: &'a VaultName,
        id: ObjectId,
    ) -> Later<'a, Result<Option<Arc<ObjectRecord>>, Failure>> {
        Box::pin(async move {
            self.read_gate.pass().await;
            Ok(self.look()?.objects.get(&(vault.clone(), id)).map(|(_, record)| Arc::clone(record)))
        })
    }

    fn objects<'a>(
        &'a self,
        vault: &'a VaultName,
        terms: &'a [Term],
        before: Option<u64>,
        most: usize,
    ) -> Later<'a, Result<Page<Arc<ObjectRecord>>, Failure>> {
        Box::pin(async move {
            let has_all = |record: &ObjectRecord| {
                let has = record.terms();
                terms.iter().all(|term| has.contains(term))
            };
            let mut rows: Vec<_> = self
                .look()?
                .objects
                .values()
                .filter(|(place, record)| {
                    record.vault == *vault && before.is_none_or(|before| *place < before) && has_all(record)
                })
                .cloned()
                .collect();
            rows.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
            let more = rows.len() > most;
            rows.truncate(most);
            let next = rows.last().filter(|_| more).map(|(place, _)| *place);
            Ok(Page { items: rows.into_iter().map(|(_, record)| record).collect(), next })
        })
    }

    fn count_objects<'a>(&'a self, vault: &'a VaultName, term: &'a Term) -> Later<'a, Result<u64, Failure>> {
        Box::pin(async move {
            let kept = self.look()?;
            let has = |record: &&ObjectRecord| record.vault == *vault && record.terms().contains(term);
            Ok(kept.objects.values().map(|(_, record)| &**record).filter(has).count() as u64)
        })
    }

    fn objects_due(&self, until_s: i64, most: usize) -> Later<'_, Result<Vec<Arc<ObjectRecord>>, Failure>> {
        Box::pin(async move {
            let mut rows: Vec<_> = self
                .look()?
                .objects
                .values()
                .filter_map(|(place, record)| Some((record.next_due_s()?, *place, Arc::clone(record))))
                .filter(|(due_s, ..)| *due_s <= until_s)
                .collect();
            rows.sort_by_key(|(due_s, place, _)| (*due_s, *place));
            rows.truncate(most);
            Ok(rows.into_iter().map(|(_, _, record)| record).collect())
        })
    }

    /// Bytes that stand for what was handed over, and say nothing about it: any other bytes stand for nothing.
    fn seal_backup(&self, record: &KeyRecord, materials: &[Arc<Material>]) -> Result<Vec<u8>, Failure> {
        if self.fails_all.load(Ordering::SeqCst) {
            return Err(broken());
        }
        let mut backups = self.backups.lock().unwrap_or_else(PoisonError::into_inner);
        let number = backups.len() as u64;
        let sealed: Vec<u8> = (0..6).flat_map(|word| mix(self.id ^ mix(number * 8 + word)).to_be_bytes()).collect();
        let materials = materials.iter().map(|material| Material::clone(material)).collect();
        backups.insert(sealed.clone(), (record.clone(), materials));
        Ok(sealed)
    }

    fn open_backup(&self, sealed: &[u8]) -> Result<(KeyRecord, Vec<Material>), Failure> {
        if self.fails_all.load(Ordering::SeqCst) {
            return Err(broken());
        }
        let backups = self.backups.lock().unwrap_or_else(PoisonError::into_inner);
        backups.get(sealed).cloned().ok_or_else(|| Failure::bad_request("the value is no backup made by this broker"))
    }

    fn commit(&self, changes: Vec<Change>) -> Later<'_, Result<(), CommitError>> {
        Box::pin(async {
            self.commit_gate.pass().await;
            let mut kept = self.look().map_err(CommitError::Failed)?;
            let number = kept.commits;
            kept.commits += 1;
            if kept.fails_at == Some(number) {
                return Err(CommitError::Failed(broken()));
            }
            // On a copy, so that a change that fails takes those before it along.
            let mut next = kept.clone();
            let claims = changes.clone();
            changes.into_iter().try_for_each(|change| next.apply(change))?;
            if claims.iter().any(|claim| !next.claim_stands(claim)) {
                return Err(CommitError::Stale);
            }
            *kept = next;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store_questions::{self, QUESTIONS};

    #[test]
    fn the_memory_store_answers_every_question_rightly() {
        for (name, question) in QUESTIONS {
            let answered = std::panic::catch_unwind(|| question(Arc::new(MemoryStore::default())));
            assert!(answered.is_ok(), "{name}");
        }
    }

    #[test]
    fn a_commit_told_to_fail_changes_nothing_and_the_next_succeeds() {
        let store = MemoryStore::default();
        store.fail_commit_after(1);
        let commit = |text: &str| crate::run(store.commit(vec![Change::PutVault(store_questions::vault(text))]));
        commit("vault1").unwrap();
        assert!(matches!(commit("vault2"), Err(CommitError::Failed(_))));
        commit("vault3").unwrap();
        let names: Vec<_> = crate::run(store.standing()).unwrap().vaults.into_iter().map(|vault| vault.name).collect();
        assert_eq!(names, [crate::vault_name("vault1"), crate::vault_name("vault3")]);
    }
}
