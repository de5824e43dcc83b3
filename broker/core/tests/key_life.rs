//! The life of a key: a naive model and `KeyRecord` agree on ten thousand histories of chance.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashSet};

use broker_core::algorithm::KeySpec;
use broker_core::key::{
    KeyOperation, KeyOperations, KeyRecord, KeyState, TAG_CHARS_MAX, TAGS_MAX, Use, VERSIONS_MAX, VersionPatch,
    VersionRecord,
};
use broker_core::name::KeyVersion;
use broker_core::refusal::Refusal;
use broker_core::rotation::{Due, LifetimeAction, Period, RotationPolicy, Trigger};
use broker_testkit::{SeededChance, backend_name, key_name, vault_name};

const HISTORIES: u64 = 10_000;
const STEPS_MAX: usize = 40;
const DAY_S: i64 = 86_400;

/// What the specification says of a key, in the plainest words: facts by number of version, and a flag.
#[derive(Default)]
struct Model {
    bin: Option<(i64, i64)>,
    ids: Vec<KeyVersion>,
    disabled: HashSet<usize>,
    nbf: BTreeMap<usize, i64>,
    exp: BTreeMap<usize, i64>,
    ops: BTreeMap<usize, Vec<KeyOperation>>,
    tags: BTreeMap<usize, usize>,
    made: Vec<i64>,
    locked: bool,
    /// Of each action: whether it counts from the creation, its days, and whether it rotates.
    policy: Option<Vec<(bool, i64, bool)>>,
    noticed: HashSet<usize>,
}

impl Model {
    fn find(&self, version: Option<KeyVersion>) -> Result<usize, &'static str> {
        if self.bin.is_some() {
            return Err("key-not-found");
        }
        let Some(version) = version else { return Ok(self.ids.len() - 1) };
        self.ids.iter().position(|id| *id == version).ok_or("key-not-found")
    }

    fn patch(&mut self, version: Option<KeyVersion>, patch: &VersionPatch) -> Result<(), &'static str> {
        let number = self.find(version)?;
        let nbf = patch.not_before_s.or(self.nbf.get(&number).copied());
        let exp = patch.expires_s.or(self.exp.get(&number).copied());
        if patch.tags.as_ref().is_some_and(|tags| tags.len() > 15) || matches!((nbf, exp), (Some(n), Some(e)) if n >= e)
        {
            return Err("bad-request");
        }
        nbf.map(|nbf| self.nbf.insert(number, nbf));
        exp.map(|exp| self.exp.insert(number, exp));
        match patch.enabled {
            Some(true) => drop(self.disabled.remove(&number)),
            Some(false) => drop(self.disabled.insert(number)),
            None => {}
        }
        if let Some(operations) = patch.operations {
            self.ops.insert(number, operations.iter().collect());
        }
        if let Some(tags) = &patch.tags {
            self.tags.insert(number, tags.len());
        }
        Ok(())
    }

    fn may_use(&self, number: usize, what: Use, now_s: i64) -> Result<(), &'static str> {
        let early = self.nbf.get(&number).is_some_and(|nbf| now_s < *nbf);
        let late = self.exp.get(&number).is_some_and(|exp| now_s >= *exp);
        match what {
            _ if self.disabled.contains(&number) => Err("key-disabled"),
            Use::Protect if early => Err("key-not-yet-valid"),
            Use::Protect if late => Err("key-expired"),
            Use::Open | Use::Protect => Ok(()),
        }
    }

    fn candidates(&self, most: usize) -> Vec<KeyVersion> {
        let mut found = Vec::new();
        for number in (0..self.ids.len()).rev() {
            if !self.disabled.contains(&number) && found.len() < most {
                found.push(self.ids[number]);
            }
        }
        found
    }

    /// The earliest of what the policy wants, the first in its list when two want the same second.
    fn due(&self) -> Option<(i64, Due)> {
        if let Some((_, purge_s)) = self.bin {
            return Some((purge_s, Due::Purge));
        }
        let latest = self.ids.len() - 1;
        let mut found = None;
        for (from_creation, days, rotates) in self.policy.as_ref()? {
            let when_s = if *from_creation {
                self.made[latest] + days * DAY_S
            } else if let Some(exp) = self.exp.get(&latest) {
                exp - days * DAY_S
            } else {
                continue;
            };
            let spent = !rotates && self.noticed.contains(&latest);
            if !spent && found.is_none_or(|(earliest_s, _)| when_s < earliest_s) {
                found = Some((when_s, if *rotates { Due::Rotate } else { Due::Notify }));
            }
        }
        found
    }

    /// Everything that can be seen of the record is as the model says.
    fn check(&self, record: &KeyRecord, now_s: i64) {
        let state = self.bin.map_or(KeyState::Live, |(deleted_s, purge_s)| KeyState::Deleted { deleted_s, purge_s });
        assert_eq!(record.state, state);
        assert_eq!(record.next_due(), self.due());
        assert_eq!(record.versions.iter().map(|version| version.version).collect::<Vec<_>>(), self.ids);
        let most = 1 + usize::try_from(now_s).unwrap() % 9;
        assert_eq!(record.candidates(most).map(|version| version.version).collect::<Vec<_>>(), self.candidates(most));
        for (number, version) in record.versions.iter().enumerate() {
            assert_eq!(version.enabled, !self.disabled.contains(&number));
            assert_eq!(version.not_before_s, self.nbf.get(&number).copied());
            assert_eq!(version.expires_s, self.exp.get(&number).copied());
            assert_eq!(version.tags.len(), self.tags.get(&number).copied().unwrap_or(0));
            for what in [Use::Open, Use::Protect] {
                let used = version.check_use(&record.name, what, now_s);
                assert_eq!(word_of(&used), self.may_use(number, what, now_s), "{what:?} version {number} at {now_s}");
            }
            for operation in KeyOperation::ALL {
                let allowed = self.ops.get(&number).is_none_or(|only| only.contains(operation));
                assert_eq!(version.check_operation(&record.name, *operation).is_ok(), allowed);
            }
        }
    }
}

fn word_of<T>(result: &Result<T, Refusal>) -> Result<(), &'static str> {
    result.as_ref().map(drop).map_err(Refusal::word)
}

fn version(id: u64) -> VersionRecord {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&id.to_le_bytes());
    VersionRecord {
        version: KeyVersion(bytes),
        spec: KeySpec::Rsa2048,
        hsm: false,
        backend: backend_name("software"),
        enabled: true,
        not_before_s: None,
        expires_s: None,
        created_s: 0,
        updated_s: 0,
        operations: KeyOperations::all_of(KeySpec::Rsa2048),
        tags: BTreeMap::new(),
        notified: false,
    }
}

fn tags(count: usize) -> BTreeMap<String, String> {
    (0..count).map(|number| (format!("tag{number}"), String::new())).collect()
}

fn random_patch(chance: &SeededChance) -> VersionPatch {
    let time = || chance.once_in(3).then(|| i64::try_from(chance.below(50)).unwrap());
    VersionPatch {
        enabled: chance.once_in(2).then(|| chance.once_in(2)),
        not_before_s: time(),
        expires_s: time(),
        operations: chance
            .once_in(4)
            .then(|| KeyOperation::ALL.iter().copied().filter(|_| chance.once_in(2)).collect()),
        tags: chance.once_in(4).then(|| tags(chance.below(18))),
    }
}

fn random_version(chance: &SeededChance, model: &Model) -> Option<KeyVersion> {
    match chance.below(5) {
        0 | 1 => None,
        2 => Some(KeyVersion([0xff; 16])),
        _ => Some(*chance.one_of(&model.ids)),
    }
}

fn random_policy(chance: &SeededChance) -> Vec<(bool, i64, bool)> {
    let days = || i64::try_from(7 + chance.below(3)).unwrap();
    (0..chance.below(4)).map(|_| (chance.once_in(2), days(), chance.once_in(2))).collect()
}

fn core_policy(actions: &[(bool, i64, bool)]) -> RotationPolicy {
    let action = |(from_creation, days, rotates): &(bool, i64, bool)| {
        let period = Period { months: 0, days: u32::try_from(*days).unwrap() };
        let trigger = if *from_creation { Trigger::AfterCreate(period) } else { Trigger::BeforeExpiry(period) };
        (trigger, if *rotates { LifetimeAction::Rotate } else { LifetimeAction::Notify })
    };
    RotationPolicy { actions: actions.iter().map(action).collect(), expiry: None, created_s: 0, updated_s: 0 }
}

/// One step on both: the model's word and the record's must be the same, and a refusal changes nothing.
fn step(chance: &SeededChance, model: &mut Model, record: &mut KeyRecord, now_s: i64) {
    let (told, result) = match chance.below(9) {
        0 | 1 => {
            let next = VersionRecord { created_s: now_s, ..version(chance.next()) };
            let told = if model.bin.is_some() { Err("key-deleted") } else { Ok(()) };
            model.ids.extend(told.is_ok().then_some(next.version));
            model.made.extend(told.is_ok().then_some(now_s));
            (told, record.with_version(next))
        }
        2 => {
            let days = *chance.one_of(&[7, 30, 90]);
            let told = if model.bin.is_some() {
                Err("key-not-found")
            } else if model.locked {
                Err("conflict")
            } else {
                model.bin = Some((now_s, now_s + i64::from(days) * 24 * 60 * 60));
                Ok(())
            };
            (told, record.deleted(now_s, days))
        }
        // These three the broker makes of a live record itself.
        3 if model.bin.is_none() => {
            model.locked = chance.once_in(2);
            (Ok(()), Ok(KeyRecord { delete_lock: model.locked, ..record.clone() }))
        }
        4 if model.bin.is_none() => {
            let policy = random_policy(chance);
            model.policy = Some(policy.clone());
            (Ok(()), Ok(KeyRecord { rotation: Some(core_policy(&policy)), ..record.clone() }))
        }
        5 if model.bin.is_none() => {
            model.noticed.insert(model.ids.len() - 1);
            let mut next = record.clone();
            next.versions.last_mut().unwrap().notified = true;
            (Ok(()), Ok(next))
        }
        3..=5 => (model.bin.take().map(drop).ok_or("key-not-found"), record.recovered()),
        _ => {
            let (which, patch) = (random_version(chance, model), random_patch(chance));
            let result = record.with_patch(which, &patch, now_s);
            (model.patch(which, &patch), result)
        }
    };
    assert_eq!(word_of(&result), told);
    if let Ok(next) = result {
        *record = next;
    }
}

#[test]
fn a_key_lives_as_the_model_says() {
    for seed in 0..HISTORIES {
        let chance = SeededChance::new(seed);
        let first = version(chance.next());
        let mut model = Model { ids: vec![first.version], made: vec![0], ..Model::default() };
        let mut record = KeyRecord::new(vault_name("vault1"), key_name("k"), first);
        let history = std::panic::AssertUnwindSafe(|| {
            for _ in 0..chance.below(STEPS_MAX) {
                let now_s = i64::try_from(chance.below(60)).unwrap();
                step(&chance, &mut model, &mut record, now_s);
                model.check(&record, now_s);
                let which = random_version(&chance, &model);
                let picked = record.pick(which).map(|version| version.version).map_err(|refusal| refusal.word());
                assert_eq!(picked, model.find(which).map(|number| model.ids[number]));
            }
        });
        assert!(std::panic::catch_unwind(history).is_ok(), "the history of seed {seed} differs from the model");
    }
}

#[test]
fn a_key_has_no_more_than_a_thousand_versions() {
    let mut record = KeyRecord::new(vault_name("vault1"), key_name("k"), version(0));
    for id in 1..VERSIONS_MAX as u64 {
        record = record.with_version(version(id)).unwrap();
    }
    assert_eq!(record.versions.len(), 1000);
    assert!(matches!(record.with_version(version(9999)), Err(Refusal::Conflict { .. })));
}

#[test]
fn tags_are_limited_in_number_and_in_characters_not_bytes() {
    let check = |tags: BTreeMap<String, String>| {
        VersionPatch { tags: Some(tags), ..VersionPatch::default() }.apply_to(&version(0), 1).is_ok()
    };
    let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    assert!(check(tags(TAGS_MAX)) && !check(tags(TAGS_MAX + 1)));
    let (full, over) = ("ü".repeat(TAG_CHARS_MAX), "ü".repeat(TAG_CHARS_MAX + 1));
    assert!(check(one(&full, &full)));
    assert!(!check(one(&over, "")) && !check(one("", &over)));
}
