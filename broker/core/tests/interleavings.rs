//! Many requests at once, interleaved by chance: nothing waits for ever, nothing is lost, and no answer comes from under a
//! policy or a key that was changed before the question.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use broker_core::broker::{NewGrant, NewVault, Task, VaultPatch};
use broker_core::entry::Asker;
use broker_core::grant::{Grant, GrantId, Granted, Scope};
use broker_core::key::VersionPatch;
use broker_core::name::KeyVersion;
use broker_core::permission::Role;
use broker_core::port::Store;
use broker_core::refusal::Refusal;
use broker_testkit::{
    Bench, SeededChance, anchor_name, asker, backend_name, key_name, poll_once, principal, run, vault_name,
};

const HISTORIES: u64 = 400;
const REQUESTS: usize = 60;
const AT_ONCE_MAX: usize = 6;
/// Far more polls than any request of these needs when it gets on at all.
const POLLS_MAX: usize = 200_000;
const USERS: [&str; 2] = ["corp/dns:host1", "corp/dns:host2"];
const KEYS: [&str; 2] = ["k", "kk"];

/// What came of a request.
#[derive(Debug)]
enum Answer {
    Enabled(&'static str, bool, Result<(), Refusal>),
    Given(&'static str, Result<GrantId, Refusal>),
    Other(Result<(), Refusal>),
    Rotated(&'static str, Result<KeyVersion, Refusal>),
    Taken(GrantId, Result<(), Refusal>),
    Wrapped(Result<(), Refusal>),
}

type Asked<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

/// What a wrap that begins now may count on; `None` where a change under way leaves it open.
#[derive(Debug, Clone, Copy)]
struct Expected {
    permitted: Option<bool>,
    enabled: Option<bool>,
    key: &'static str,
    /// How many changes of the key had begun by then; one that begins later may come first.
    changes: usize,
}

/// What is known for certain from the answers alone. A grant or a key that a change under way is about is uncertain.
#[derive(Default)]
struct Known {
    /// Acknowledged and not being taken back, by user.
    grants: BTreeMap<GrantId, &'static str>,
    giving: BTreeMap<&'static str, usize>,
    taking: BTreeMap<GrantId, &'static str>,
    disabled: BTreeSet<&'static str>,
    /// Keys whose latest version is being changed.
    changing: BTreeSet<&'static str>,
    /// Changes begun, by key.
    changes: BTreeMap<&'static str, usize>,
    versions: BTreeMap<&'static str, HashSet<KeyVersion>>,
}

impl Known {
    fn wrap_by(&self, user: &str, key: &'static str) -> Expected {
        let held = self.grants.values().any(|holder| *holder == user);
        let unsure =
            self.giving.get(user).is_some_and(|count| *count > 0) || self.taking.values().any(|holder| *holder == user);
        Expected {
            permitted: if held { Some(true) } else { (!unsure).then_some(false) },
            enabled: (!self.changing.contains(key)).then(|| !self.disabled.contains(key)),
            key,
            changes: self.changes_of(key),
        }
    }

    fn changes_of(&self, key: &str) -> usize {
        self.changes.get(key).copied().unwrap_or(0)
    }

    fn begin_change(&mut self, key: &'static str) {
        self.changing.insert(key);
        *self.changes.entry(key).or_default() += 1;
    }

    /// Whether a wrap came out as it had to; gives how many things were certain about it.
    fn check_wrap(&self, expected: Expected, result: &Result<(), Refusal>, seed: u64) -> [usize; 4] {
        let forbidden = matches!(result, Err(Refusal::Forbidden(_)));
        if let Some(permitted) = expected.permitted {
            assert_eq!(permitted, !forbidden, "seed {seed}: {result:?} against the grants it began under");
        }
        let enabled = expected.enabled.filter(|_| !forbidden && self.changes_of(expected.key) == expected.changes);
        if let Some(enabled) = enabled {
            assert_eq!(enabled, result.is_ok(), "seed {seed}: {result:?} against the key as it was");
        }
        [
            expected.permitted == Some(false),
            expected.permitted == Some(true),
            enabled == Some(false),
            enabled == Some(true),
        ]
        .map(usize::from)
    }

    fn learn(&mut self, answer: Answer) {
        match answer {
            Answer::Given(user, result) => {
                *self.giving.get_mut(user).unwrap() -= 1;
                self.grants.insert(result.unwrap(), user);
            }
            Answer::Taken(id, result) => {
                result.unwrap();
                self.taking.remove(&id).unwrap();
            }
            Answer::Rotated(key, result) => {
                assert!(self.changing.remove(key));
                self.versions.entry(key).or_default().insert(result.unwrap());
                self.disabled.remove(key); // the new latest version is enabled
            }
            Answer::Enabled(key, enabled, result) => {
                assert!(self.changing.remove(key));
                result.unwrap();
                if enabled {
                    self.disabled.remove(key)
                } else {
                    self.disabled.insert(key)
                };
            }
            Answer::Wrapped(_) => {}
            Answer::Other(Ok(()) | Err(Refusal::Conflict { .. } | Refusal::NotFound { .. })) => {}
            Answer::Other(Err(refusal)) => panic!("{refusal}"),
        }
    }
}

/// The next request of chance, and what must come of it if it is a wrap.
fn next_request<'a>(
    bench: &'a Bench,
    admin: &'a Asker,
    users: &'a [Asker],
    chance: &SeededChance,
    known: &mut Known,
) -> (Asked<'a>, Option<Expected>) {
    let broker = &bench.broker;
    let (place, key) = (chance.below(USERS.len()), *chance.one_of(&KEYS));
    let (user, who) = (USERS[place], &users[place]);
    let busy = known.changing.contains(key);
    let asked: Asked<'a> = match chance.below(12) {
        0 | 1 => {
            *known.giving.entry(user).or_default() += 1;
            let ask = NewGrant {
                id: None,
                principal: principal(user),
                granted: Granted::Role(Role::CryptoUser),
                scope: Scope::Broker,
                not_before_s: None,
                not_after_s: None,
                justification: String::new(),
            };
            Box::pin(async move { Answer::Given(user, broker.create_grant(admin, ask).await.map(|grant| grant.id)) })
        }
        2 | 3 if !known.grants.is_empty() => {
            let ids: Vec<_> = known.grants.keys().copied().collect();
            let id = *chance.one_of(&ids);
            known.taking.insert(id, known.grants.remove(&id).unwrap());
            Box::pin(async move { Answer::Taken(id, broker.remove_grant(admin, Scope::Broker, id).await.map(drop)) })
        }
        // One change of `enabled` or one rotation of a key at a time, or its end would be anyone's guess.
        4 | 5 if !busy => {
            known.begin_change(key);
            let enabled = chance.once_in(2);
            let patch = VersionPatch { enabled: Some(enabled), ..VersionPatch::default() };
            Box::pin(async move {
                let result = broker.update_key(admin, vault_name("vault1"), key_name(key), None, patch).await;
                Answer::Enabled(key, enabled, result.map(drop))
            })
        }
        6 if !busy => {
            known.begin_change(key);
            Box::pin(async move {
                let made = broker.rotate_key(admin, vault_name("vault1"), key_name(key)).await;
                Answer::Rotated(key, made.map(|view| view.version.version))
            })
        }
        7 => standing_change(bench, admin, chance),
        _ => {
            let ask = bench.wrap_ask(key, None, WrapAlgorithm::RsaOaep, b"x");
            let wrap = Box::pin(async move { Answer::Wrapped(broker.wrap_key(who, ask).await.map(drop)) });
            return (wrap, Some(known.wrap_by(user, key)));
        }
    };
    (asked, None)
}

/// A change of vaults or pins, of few names, so that they meet.
fn standing_change<'a>(bench: &'a Bench, admin: &'a Asker, chance: &SeededChance) -> Asked<'a> {
    let (broker, number) = (&bench.broker, chance.below(3));
    match chance.below(4) {
        0 => {
            let ask = NewVault::new(vault_name(&format!("made-{number}")), backend_name("software"));
            Box::pin(async move { Answer::Other(broker.create_vault(admin, ask).await.map(drop)) })
        }
        1 => {
            let patch = VaultPatch { hsm_backend: Some(backend_name("hsm")), ..VaultPatch::default() };
            let ask = broker.update_vault(admin, vault_name("vault1"), patch);
            Box::pin(async move { Answer::Other(ask.await.map(drop)) })
        }
        2 => {
            let ask = broker.create_pin(admin, anchor_name(&format!("pin-{number}")), [7; 32]);
            Box::pin(async move { Answer::Other(ask.await.map(drop)) })
        }
        _ => {
            let ask = broker.remove_pin(admin, anchor_name(&format!("pin-{number}")));
            Box::pin(async move { Answer::Other(ask.await) })
        }
    }
}

fn dithering(seed: u64) -> Bench {
    let bench = Bench::new();
    for key in KEYS {
        bench.make_key(key, KeySpec::Rsa2048);
    }
    bench.audit.gate.dither(seed);
    bench.software.gate.dither(seed + 1);
    bench.store.commit_gate.dither(seed + 2);
    bench.store.read_gate.dither(seed + 3);
    bench
}

/// One history; gives how often a wrap was certain to be forbidden, permitted, disabled and enabled.
fn history(seed: u64) -> [usize; 4] {
    let (bench, chance) = (dithering(seed), SeededChance::new(seed));
    let (admin, users) = (bench.admin(), USERS.map(asker));
    let (mut known, mut certain, mut begun) = (Known::default(), [0; 4], 0);
    let mut asked: Vec<(Asked<'_>, Option<Expected>)> = Vec::new();
    for _ in 0..POLLS_MAX {
        let place = if begun < REQUESTS && asked.len() < AT_ONCE_MAX && chance.once_in(3) {
            // It begins when it is first polled: at once, since what is expected of it speaks of this moment.
            begun += 1;
            asked.push(next_request(&bench, &admin, &users, &chance, &mut known));
            asked.len() - 1
        } else if !asked.is_empty() {
            chance.below(asked.len())
        } else if begun == REQUESTS {
            check_end(&bench, &known, seed);
            return certain;
        } else {
            continue;
        };
        let Some(answer) = poll_once(asked[place].0.as_mut()) else { continue };
        let (_, expected) = asked.swap_remove(place);
        if let (Some(expected), Answer::Wrapped(result)) = (expected, &answer) {
            let counted = known.check_wrap(expected, result, seed);
            certain.iter_mut().zip(counted).for_each(|(sum, one)| *sum += one);
        }
        known.learn(answer);
    }
    panic!("seed {seed}: {} requests wait for ever", asked.len());
}

/// What the broker has in force is what the store keeps, and every acknowledged version is there with its material.
fn check_end(bench: &Bench, known: &Known, seed: u64) {
    let (ruling, standing) = (bench.broker.ruling(), run(bench.store.standing()).unwrap());
    // Those of the broker's own tasks are in no store.
    let own = |grant: &&Arc<Grant>| grant.principal.as_str().starts_with("system/");
    assert_eq!(ruling.policy.grants().filter(own).count(), Task::ALL.len(), "seed {seed}");
    let in_force: BTreeSet<_> = ruling.policy.grants().filter(|grant| !own(grant)).map(|grant| grant.id).collect();
    let wanted: BTreeSet<_> = known.grants.keys().copied().chain([GrantId([1; 16])]).collect();
    assert_eq!(in_force, wanted, "seed {seed}");
    assert_eq!(standing.grants.iter().map(|grant| grant.id).collect::<BTreeSet<_>>(), wanted, "seed {seed}");
    assert_eq!(standing.vaults.len(), ruling.vaults.len(), "seed {seed}");
    assert!(standing.vaults.iter().all(|vault| *ruling.vaults[&vault.name] == *vault), "seed {seed}");
    assert_eq!(standing.pins.len(), ruling.pins.len(), "seed {seed}");
    assert!(standing.pins.iter().all(|pin| *ruling.pins[&pin.name] == *pin), "seed {seed}");
    assert!(standing.pins.len() <= 1, "seed {seed}: one certificate is pinned under two names");
    for (key, versions) in &known.versions {
        let record = bench.store.peek(&bench.vault(), &key_name(key)).unwrap();
        assert_eq!(record.versions.len(), versions.len() + 1, "seed {seed}");
        for version in versions {
            run(bench.broker.get_key(&bench.admin(), bench.vault(), key_name(key), Some(*version))).unwrap();
        }
    }
}

#[test]
fn requests_in_any_order_never_wait_for_ever_nor_outlive_a_revocation() {
    let mut certain = [0; 4];
    for seed in 0..HISTORIES {
        certain.iter_mut().zip(history(seed)).for_each(|(sum, one)| *sum += one);
    }
    assert!(certain.iter().all(|count| *count > 500), "the histories of chance are lopsided: {certain:?}");
}

#[test]
fn threads_that_change_everything_at_once_come_to_an_end() {
    const THREADS: u64 = 4;
    let bench = std::sync::Arc::new(Bench::new());
    bench.make_key("k", KeySpec::Oct256);
    let (ended, all_ended) = mpsc::channel();
    for seed in 0..THREADS {
        let (bench, ended) = (std::sync::Arc::clone(&bench), ended.clone());
        std::thread::spawn(move || {
            let (chance, admin) = (SeededChance::new(seed), bench.admin());
            for _ in 0..150 {
                run(async {
                    match chance.below(4) {
                        0 => drop(bench.broker.rotate_key(&admin, bench.vault(), key_name("k")).await.unwrap()),
                        1 => {
                            let given = bench.give_role(USERS[0], Role::Reader, Scope::Broker).id;
                            bench.broker.remove_grant(&admin, Scope::Broker, given).await.unwrap();
                        }
                        2 => drop(standing_change(&bench, &admin, &chance).await),
                        _ => {
                            let ask = bench.wrap_ask("k", None, WrapAlgorithm::A256Kw, b"x");
                            drop(bench.broker.wrap_key(&admin, ask).await.unwrap());
                        }
                    }
                });
            }
            ended.send(()).unwrap();
        });
    }
    for _ in 0..THREADS {
        all_ended.recv_timeout(Duration::from_secs(60)).expect("a thread waits for ever, or panicked");
    }
    let rotations = bench
        .audit
        .entries()
        .iter()
        .filter(|entry| entry.operation == broker_core::verb::Operation::RotateKey && entry.decision.is_some())
        .count();
    let record = bench.store.peek(&bench.vault(), &key_name("k")).unwrap();
    assert_eq!(record.versions.len(), rotations + 1, "a rotation was lost");
    check_end(&bench, &Known::default(), 0);
}
