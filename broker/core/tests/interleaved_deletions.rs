//! Keys made, rotated, used, deleted, recovered, purged and restored at once, interleaved by chance: nobody hears of a bug of
//! ours, and what is acknowledged holds until the next change of the same key begins.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;

use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use broker_core::broker::CreateKey;
use broker_core::entry::Asker;
use broker_core::key::KeyState;
use broker_core::name::KeyVersion;
use broker_core::port::Store;
use broker_core::refusal::Refusal;
use broker_testkit::{Bench, SeededChance, key_name, poll_once, run};

const HISTORIES: u64 = 1500;
const REQUESTS: usize = 50;
const AT_ONCE_MAX: usize = 5;
const POLLS_MAX: usize = 100_000;
const KEYS: [&str; 2] = ["k", "kk"];
/// For keys of the token.
const KW: WrapAlgorithm = WrapAlgorithm::A256Kw;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Deed {
    Create,
    Delete,
    Purge,
    Recover,
    Rotate,
    Show,
    Use,
}

const DEEDS: [Deed; 8] =
    [Deed::Create, Deed::Create, Deed::Delete, Deed::Purge, Deed::Recover, Deed::Rotate, Deed::Show, Deed::Use];

/// What is known of a key for certain while no change of it is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    Absent,
    Deleted,
    Live,
}

/// A request under way: what it is about, and what was known of the key when it began, if anything.
struct Asked<'a> {
    deed: Deed,
    key: &'static str,
    known: Option<Fact>,
    /// Whether no change of the key was under way when it began.
    alone: bool,
    /// How many changes of the key had begun by then, itself among them, and how many purges had been acknowledged.
    changes: usize,
    purges: usize,
    answer: Pin<Box<dyn Future<Output = Result<Option<KeyVersion>, Refusal>> + 'a>>,
}

struct Known {
    /// None after changes that met: which of them came last is anyone's guess.
    facts: BTreeMap<&'static str, Option<Fact>>,
    /// Changes of a key: begun, and under way.
    begun: HashMap<&'static str, usize>,
    under_way: HashMap<&'static str, usize>,
    purges: HashMap<&'static str, usize>,
    /// Acknowledged since the key's last purge.
    versions: HashMap<&'static str, Vec<KeyVersion>>,
    /// How often an answer was certain beforehand: served and refused.
    certain: BTreeMap<Deed, [usize; 2]>,
}

impl Known {
    fn new() -> Self {
        Self {
            facts: KEYS.iter().map(|key| (*key, Some(Fact::Absent))).collect(),
            begun: HashMap::new(),
            under_way: HashMap::new(),
            purges: HashMap::new(),
            versions: HashMap::new(),
            certain: BTreeMap::new(),
        }
    }

    fn learn(&mut self, asked: &Asked<'_>, result: &Result<Option<KeyVersion>, Refusal>, seed: u64) {
        let case = format!("seed {seed}: {:?} of {} when {:?}: {result:?}", asked.deed, asked.key, asked.known);
        let expected = match result {
            Ok(_) => None,
            Err(Refusal::Conflict { .. }) => Some("conflict"),
            Err(Refusal::KeyDeleted { .. }) => Some("key-deleted"),
            Err(Refusal::KeyNotFound { .. }) => Some("key-not-found"),
            Err(refusal) => panic!("{case}: {refusal}"),
        };
        let changes = !matches!(asked.deed, Deed::Show | Deed::Use);
        if changes {
            *self.under_way.get_mut(asked.key).unwrap() -= 1;
        }
        let alone = asked.alone && self.begun_of(asked.key) == asked.changes;
        if let Some(fact) = asked.known.filter(|_| alone) {
            assert_eq!(expected, refusal_when(asked.deed, fact), "{case}");
            self.certain.entry(asked.deed).or_default()[usize::from(expected.is_some())] += 1;
        }
        if let Ok(Some(version)) = result
            && asked.purges == self.purges_of(asked.key)
        {
            self.versions.entry(asked.key).or_default().push(*version);
        }
        let becomes = match (asked.deed, result) {
            (_, Err(_)) | (Deed::Show | Deed::Use, Ok(_)) => return,
            (Deed::Create | Deed::Recover | Deed::Rotate, Ok(_)) => Fact::Live,
            (Deed::Delete, Ok(_)) => Fact::Deleted,
            (Deed::Purge, Ok(_)) => {
                self.versions.remove(asked.key);
                *self.purges.entry(asked.key).or_default() += 1;
                Fact::Absent
            }
        };
        self.facts.insert(asked.key, alone.then_some(becomes));
    }

    fn begun_of(&self, key: &str) -> usize {
        self.begun.get(key).copied().unwrap_or(0)
    }

    fn purges_of(&self, key: &str) -> usize {
        self.purges.get(key).copied().unwrap_or(0)
    }

    fn is_quiet(&self, key: &str) -> bool {
        self.under_way.get(key).is_none_or(|count| *count == 0)
    }

    /// What holds of a key now; none while it is being changed.
    fn fact(&self, key: &str) -> Option<Fact> {
        self.facts[key].filter(|_| self.is_quiet(key))
    }
}

/// The refusal that a deed deserves when nothing else happens.
fn refusal_when(deed: Deed, fact: Fact) -> Option<&'static str> {
    match (deed, fact) {
        (Deed::Create, Fact::Absent | Fact::Live) => None,
        (Deed::Create, Fact::Deleted) => Some("key-deleted"),
        (Deed::Delete | Deed::Rotate | Deed::Use, Fact::Live) => None,
        (Deed::Purge | Deed::Recover | Deed::Show, Fact::Deleted) => None,
        _ => Some("key-not-found"),
    }
}

fn next_request<'a>(bench: &'a Bench, admin: &'a Asker, chance: &SeededChance, known: &mut Known) -> Option<Asked<'a>> {
    let (broker, deed, key) = (&bench.broker, *chance.one_of(&DEEDS), *chance.one_of(&KEYS));
    // Two that make or end the same key at once would leave anyone guessing which came last; the rest may meet.
    let ends = matches!(deed, Deed::Create | Deed::Delete | Deed::Purge | Deed::Recover);
    if ends && !known.is_quiet(key) && !chance.once_in(8) {
        return None;
    }
    let (fact, alone) = (known.fact(key), known.is_quiet(key));
    // Most deeds of chance would be refused, and most of those teach nothing.
    if fact.is_some_and(|fact| refusal_when(deed, fact).is_some()) && !chance.once_in(5) {
        return None;
    }
    if !matches!(deed, Deed::Show | Deed::Use) {
        *known.begun.entry(key).or_default() += 1;
        *known.under_way.entry(key).or_default() += 1;
    }
    let (vault, name) = (bench.vault(), key_name(key));
    let answer: Pin<Box<dyn Future<Output = _> + 'a>> = match deed {
        Deed::Create => {
            let ask = CreateKey { hsm: true, ..bench.create_ask(key, KeySpec::Oct256) };
            Box::pin(async move { broker.create_key(admin, ask).await.map(|view| Some(view.version.version)) })
        }
        Deed::Delete => Box::pin(async move { broker.delete_key(admin, vault, name).await.map(|_| None) }),
        Deed::Purge => Box::pin(async move { broker.purge_key(admin, vault, name).await.map(|()| None) }),
        Deed::Recover => Box::pin(async move { broker.recover_key(admin, vault, name).await.map(|_| None) }),
        Deed::Rotate => {
            Box::pin(async move { broker.rotate_key(admin, vault, name).await.map(|view| Some(view.version.version)) })
        }
        Deed::Show => Box::pin(async move { broker.get_deleted_key(admin, vault, name).await.map(|_| None) }),
        Deed::Use => {
            let ask = bench.wrap_ask(key, None, KW, b"x");
            Box::pin(async move { broker.wrap_key(admin, ask).await.map(|_| None) })
        }
    };
    let (changes, purges) = (known.begun_of(key), known.purges_of(key));
    Some(Asked { deed, key, known: fact, alone, changes, purges, answer })
}

fn history(seed: u64) -> BTreeMap<Deed, [usize; 2]> {
    let (bench, chance) = (Bench::new(), SeededChance::new(seed));
    bench.audit.gate.dither(seed);
    bench.hsm.gate.dither(seed + 1);
    bench.store.commit_gate.dither(seed + 2);
    bench.store.read_gate.dither(seed + 3);
    let (admin, mut known, mut begun) = (bench.admin(), Known::new(), 0);
    let mut asked: Vec<Asked<'_>> = Vec::new();
    for _ in 0..POLLS_MAX {
        let place = if begun < REQUESTS && asked.len() < AT_ONCE_MAX && chance.once_in(3) {
            let Some(request) = next_request(&bench, &admin, &chance, &mut known) else { continue };
            begun += 1;
            asked.push(request);
            asked.len() - 1
        } else if !asked.is_empty() {
            chance.below(asked.len())
        } else if begun == REQUESTS {
            check_end(&bench, &known, seed);
            return known.certain;
        } else {
            continue;
        };
        if let Some(result) = poll_once(asked[place].answer.as_mut()) {
            let request = asked.swap_remove(place);
            known.learn(&request, &result, seed);
        }
    }
    panic!("seed {seed}: {} requests wait for ever", asked.len());
}

/// A live key serves with every version it names, a deleted one can be recovered, and a purged one has left nothing.
fn check_end(bench: &Bench, known: &Known, seed: u64) {
    for key in KEYS {
        let Some(record) = bench.store.peek(&bench.vault(), &key_name(key)) else { continue };
        if matches!(record.state, KeyState::Deleted { .. }) {
            run(bench.broker.recover_key(&bench.admin(), bench.vault(), key_name(key))).unwrap();
        }
        for version in &record.versions {
            run(bench.store.material(&bench.vault(), &key_name(key), version.version)).unwrap();
            let ask = bench.wrap_ask(key, Some(version.version), KW, b"x");
            let wrapped = run(bench.broker.wrap_key(&bench.admin(), ask));
            assert!(wrapped.is_ok(), "seed {seed}: {key} {wrapped:?}");
        }
        for version in known.versions.get(key).into_iter().flatten() {
            assert!(record.versions.iter().any(|kept| kept.version == *version), "seed {seed}: {key} lost {version}");
        }
    }
}

#[test]
fn keys_that_come_and_go_in_any_order_are_whole_or_gone() {
    let mut certain: BTreeMap<Deed, [usize; 2]> = BTreeMap::new();
    for seed in 0..HISTORIES {
        for (deed, counts) in history(seed) {
            certain.entry(deed).or_default().iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }
    let enough = certain.values().flatten().all(|count| *count > 50);
    assert!(certain.len() == 7 && enough, "the histories of chance are lopsided: {certain:?}");
}
