//! Who may do what: a naive model and the policy agree on sets of grants and requests of chance.
#![allow(clippy::unwrap_used)]

use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use broker_core::broker::{NewGrant, WrapKey};
use broker_core::grant::{Gift, Grant, GrantId, Granted, Policy, Scope, may_give};
use broker_core::permission::{Permission, PermissionSet, Role};
use broker_core::refusal::{Missing, MissingWhy, Refusal};
use broker_core::secret::Secret;
use broker_core::verb;
use broker_testkit::{Bench, SeededChance, asker, key_name, principal, run, vault_name};

const SETS: u64 = 10_000;
const PEOPLE: [&str; 3] = ["local/uid:0", "corp/dns:host1", "corp/dns:host2"];
const PLACES: [&str; 7] = ["/", "/vault1", "/vault2", "/vault1/k", "/vault1/other", "/vault2/k", "/vault1/kk"];

/// A grant in the model: plain texts and lists, nothing of the code under test.
#[derive(Clone, Debug)]
struct Row {
    who: &'static str,
    role: Option<Role>,
    permissions: Vec<Permission>,
    place: &'static str,
    from: i64,
    until: i64,
}

impl Row {
    fn random(chance: &SeededChance) -> Self {
        let role = chance.once_in(2).then(|| *chance.one_of(Role::ALL));
        let permissions = match role {
            Some(role) => Permission::ALL.iter().copied().filter(|p| role.permissions().contains(*p)).collect(),
            None => Permission::ALL.iter().copied().filter(|_| chance.once_in(3)).collect(),
        };
        let time = |otherwise| if chance.once_in(3) { i64::try_from(chance.below(10)).unwrap() } else { otherwise };
        Self {
            who: *chance.one_of(&PEOPLE),
            role,
            permissions,
            place: *chance.one_of(&PLACES),
            from: time(i64::MIN),
            until: time(i64::MAX),
        }
    }

    fn grant(&self, id: u8) -> Grant {
        Grant {
            id: GrantId([id; 16]),
            principal: principal(self.who),
            granted: self.granted(),
            scope: Scope::parse(self.place).unwrap(),
            not_before_s: (self.from != i64::MIN).then_some(self.from),
            not_after_s: (self.until != i64::MAX).then_some(self.until),
            justification: String::new(),
            granted_by: principal("local/uid:0"),
            approved_by: None,
            created_s: 0,
        }
    }

    fn granted(&self) -> Granted {
        match self.role {
            Some(role) => Granted::Role(role),
            None => Granted::Permissions(self.permissions.iter().copied().collect()),
        }
    }

    fn reaches(&self, who: &str, place: &str) -> bool {
        let inside = self.place == "/" || self.place == place || place.starts_with(&format!("{}/", self.place));
        self.who == who && inside
    }

    fn counts(&self, who: &str, place: &str, now: i64) -> bool {
        self.reaches(who, place) && self.from <= now && now <= self.until
    }
}

fn allowed(rows: &[Row], who: &str, permission: Permission, place: &str, now: i64) -> bool {
    rows.iter().any(|row| row.counts(who, place, now) && row.permissions.contains(&permission))
}

fn permit<V: verb::Verb>(policy: &Policy, who: &str, place: &str, now: i64) -> Result<(), Refusal> {
    let scope = Scope::parse(place).unwrap();
    let permit = policy.permit::<V>(&principal(who), scope.clone(), now)?;
    assert_eq!((permit.principal(), permit.scope()), (&principal(who), &scope), "a permit for another deed");
    Ok(())
}

#[test]
fn the_policy_permits_what_the_model_permits_and_nothing_else() {
    let (mut permitted, mut refused) = (0, 0);
    for seed in 0..SETS {
        let chance = SeededChance::new(seed);
        let rows: Vec<Row> = (0..chance.below(12)).map(|_| Row::random(&chance)).collect();
        let policy = Policy::of((0..).zip(&rows).map(|(id, row)| row.grant(id)));
        for _ in 0..5 {
            let (who, place) = (*chance.one_of(&PEOPLE), *chance.one_of(&PLACES));
            let now = i64::try_from(chance.below(10)).unwrap();
            let (permission, answer) = match chance.below(6) {
                0 => (Permission::Get, permit::<verb::GetKey>(&policy, who, place, now)),
                1 => (Permission::WrapKey, permit::<verb::WrapKey>(&policy, who, place, now)),
                2 => (Permission::UnwrapKey, permit::<verb::UnwrapKey>(&policy, who, place, now)),
                3 => (Permission::Create, permit::<verb::CreateKey>(&policy, who, place, now)),
                4 => (Permission::VaultManage, permit::<verb::UpdateVault>(&policy, who, place, now)),
                _ => (Permission::Rng, permit::<verb::RandomBytes>(&policy, who, place, now)),
            };
            let expected = allowed(&rows, who, permission, place, now);
            let case = format!("seed {seed}: {who} {permission} {place} at {now}: {rows:?}");
            assert_eq!(answer.is_ok(), expected, "{case}");
            let (scope, of) = (Scope::parse(place).unwrap(), principal(who));
            assert_eq!(policy.held(&of, &scope, now).contains(permission), expected, "{case}");
            match answer {
                Ok(()) => permitted += 1,
                Err(Refusal::Forbidden(missing)) => {
                    refused += 1;
                    assert_eq!(
                        (missing.permission, &missing.scope, &missing.principal),
                        (permission, &scope, &of),
                        "{case}"
                    );
                    let near = rows.iter().any(|row| row.reaches(who, place) && row.permissions.contains(&permission));
                    assert_eq!(missing.why != MissingWhy::NoGrant, near, "{case}");
                }
                Err(other) => panic!("{case}: {other}"),
            }
        }
    }
    assert!(permitted > 2000 && refused > 2000, "the cases of chance are lopsided: {permitted} to {refused}");
}

#[test]
fn nobody_gives_to_oneself_nor_more_than_held_unless_an_administrator() {
    let (mut given, mut withheld) = (0, 0);
    for seed in 0..SETS {
        let chance = SeededChance::new(seed);
        let mut rows: Vec<Row> = (0..chance.below(6)).map(|_| Row::random(&chance)).collect();
        let (who, place) = (*chance.one_of(&PEOPLE), *chance.one_of(&PLACES));
        let now = i64::try_from(chance.below(10)).unwrap();
        let asked = Row::random(&chance);
        // Most of the time the giver may give at all, and holds some of what it gives.
        if chance.below(4) > 0 {
            let held = [vec![Permission::GrantWrite], asked.permissions.clone()].concat();
            let kept = held.into_iter().filter(|p| *p == Permission::GrantWrite || !chance.once_in(12)).collect();
            rows.push(Row { who, role: None, permissions: kept, place: "/", from: i64::MIN, until: i64::MAX });
        }
        let policy = Policy::of((0..).zip(&rows).map(|(id, row)| row.grant(id)));
        let scope = Scope::parse(place).unwrap();
        let Ok(permit) = policy.permit::<verb::CreateGrant>(&principal(who), scope, now) else {
            assert!(!allowed(&rows, who, Permission::GrantWrite, place, now), "seed {seed}");
            continue;
        };
        let administrator = rows.iter().any(|row| row.role == Some(Role::Administrator) && row.counts(who, place, now));
        let holds_all = asked.permissions.iter().all(|permission| allowed(&rows, who, *permission, place, now));
        let expected = asked.who != who && (administrator || holds_all);
        let (giver, receiver, granted) = (permit.principal(), principal(asked.who), asked.granted());
        // To the last second of the giver's longest right, whichever that is.
        let gift =
            Gift { giver, receiver: &receiver, granted: &granted, scope: permit.scope(), not_after_s: Some(now) };
        let answer = may_give(&policy, &gift, now);
        assert_eq!(answer.is_ok(), expected, "seed {seed}: {who} gives {asked:?} at {place}: {rows:?}");
        if let Err(refusal) = answer {
            withheld += 1;
            let why = if asked.who == who { MissingWhy::Oneself } else { MissingWhy::NotHeld };
            assert!(matches!(refusal, Refusal::Forbidden(missing) if missing.why == why), "seed {seed}");
        } else {
            given += 1;
        }
    }
    assert!(given > 1000 && withheld > 1000, "the cases of chance are lopsided: {given} to {withheld}");
}

/// A standing right in the model of a whole broker.
struct Held {
    id: GrantId,
    row: Row,
}

#[test]
fn a_broker_serves_what_its_grants_allow_at_every_moment_of_its_history() {
    let mut served = [0_usize; 2];
    for seed in 0..60 {
        let bench = Bench::new();
        bench.make_key("k", KeySpec::Rsa2048);
        bench.make_key("kk", KeySpec::Rsa2048);
        let sealed = bench.wrap(&bench.admin(), "k", b"secret").unwrap().wrapped.value;
        let (chance, began) = (SeededChance::new(seed), bench.clock.now_s());
        let administrator = Role::Administrator.permissions().iter().collect();
        let first = Row {
            who: PEOPLE[0],
            role: Some(Role::Administrator),
            permissions: administrator,
            place: "/",
            from: i64::MIN,
            until: i64::MAX,
        };
        let mut held = vec![Held { id: GrantId([1; 16]), row: first }];
        for step in 0..80 {
            let (who, now) = (*chance.one_of(&PEOPLE), bench.clock.now_s());
            let rows: Vec<Row> = held.iter().map(|held| held.row.clone()).collect();
            let may = |permission, place: &str| allowed(&rows, who, permission, place, now);
            let case = format!("seed {seed} step {step}: {who} at {}", now - began);
            let (answer, expected) = match chance.below(6) {
                0 | 1 => {
                    let mut row = Row::random(&chance);
                    row.from = if row.from == i64::MIN { row.from } else { began + row.from };
                    row.until = if row.until == i64::MAX { row.until } else { began + 10 + row.until };
                    let lasting: Vec<_> = rows.iter().filter(|held| held.until >= row.until).cloned().collect();
                    let master = lasting
                        .iter()
                        .any(|held| held.role == Some(Role::Administrator) && held.counts(who, row.place, now));
                    let mut given = row.permissions.iter().chain([&Permission::GrantWrite]);
                    let holds = given.all(|permission| allowed(&lasting, who, *permission, row.place, now));
                    let expected = may(Permission::GrantWrite, row.place) && row.who != who && (master || holds);
                    let answer = give(&bench, who, &row).map(|id| held.push(Held { id, row: row.clone() }));
                    match answer {
                        Err(Refusal::BadRequest { .. }) if row.permissions.is_empty() => continue,
                        answer => (answer, expected),
                    }
                }
                2 => {
                    let place = chance.below(held.len());
                    let (id, at) = (held[place].id, held[place].row.place);
                    let expected = may(Permission::GrantWrite, at);
                    let answer = run(bench.broker.remove_grant(&asker(who), Scope::Broker, id));
                    if expected && matches!(answer, Err(Refusal::Conflict { .. })) {
                        continue;
                    }
                    if answer.is_ok() {
                        held.remove(place);
                    }
                    (answer.map(drop), expected)
                }
                3 => {
                    let place = *chance.one_of(&["/vault1/k", "/vault1/kk"]);
                    let ask = WrapKey {
                        vault: vault_name("vault1"),
                        key: key_name(&place[8..]),
                        version: None,
                        algorithm: WrapAlgorithm::RsaOaep,
                        secret: Secret::copied_from(b"x"),
                        extras: WrapExtras::default(),
                    };
                    (run(bench.broker.wrap_key(&asker(who), ask)).map(drop), may(Permission::WrapKey, place))
                }
                4 => (bench.unwrap(&asker(who), "k", &sealed).map(drop), may(Permission::UnwrapKey, "/vault1/k")),
                _ => {
                    bench.clock.advance_s(1);
                    continue;
                }
            };
            assert_eq!(answer.is_ok(), expected, "{case}: {answer:?}");
            assert!(expected || matches!(answer, Err(Refusal::Forbidden(_))), "{case}: {answer:?}");
            served[usize::from(expected)] += 1;
        }
    }
    assert!(served.iter().all(|count| *count > 300), "the histories of chance are lopsided: {served:?}");
}

fn give(bench: &Bench, who: &str, row: &Row) -> Result<GrantId, Refusal> {
    let ask = NewGrant {
        id: None,
        principal: principal(row.who),
        granted: row.granted(),
        scope: Scope::parse(row.place).unwrap(),
        not_before_s: (row.from != i64::MIN).then_some(row.from),
        not_after_s: (row.until != i64::MAX).then_some(row.until),
        justification: "for the history".to_owned(),
    };
    run(bench.broker.create_grant(&asker(who), ask)).map(|grant| grant.id)
}

#[test]
fn a_refusal_says_how_near_the_right_is() {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Rsa2048);
    let now = bench.clock.now_s();
    let give = |who: &str, from: Option<i64>, until: Option<i64>| {
        let ask = NewGrant {
            id: None,
            principal: principal(who),
            granted: Granted::Role(Role::CryptoUser),
            scope: Scope::Broker,
            not_before_s: from,
            not_after_s: until,
            justification: String::new(),
        };
        run(bench.broker.create_grant(&bench.admin(), ask)).unwrap();
    };
    give("corp/dns:early", Some(now + 10), None);
    give("corp/dns:late", None, Some(now - 1));
    give("corp/dns:brief", Some(now), Some(now));
    let why = |who: &str| match bench.wrap(&asker(who), "k", b"x") {
        Ok(_) => None,
        Err(Refusal::Forbidden(missing)) => Some(Missing::clone(&missing).why),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(why("corp/dns:early"), Some(MissingWhy::NotBegun { not_before_s: now + 10 }));
    assert_eq!(why("corp/dns:late"), Some(MissingWhy::Ended { not_after_s: now - 1 }));
    assert_eq!(why("corp/dns:none"), Some(MissingWhy::NoGrant));
    assert_eq!(why("corp/dns:brief"), None);
    bench.clock.advance_s(1);
    assert_eq!(why("corp/dns:brief"), Some(MissingWhy::Ended { not_after_s: now }));
    bench.clock.advance_s(9);
    assert_eq!(why("corp/dns:early"), None);
}

#[test]
fn a_grant_that_makes_no_sense_is_refused() {
    let bench = Bench::new();
    let ask = |granted, from, until, justification: &str| {
        let ask = NewGrant {
            id: None,
            principal: principal("corp/dns:host1"),
            granted,
            scope: Scope::Broker,
            not_before_s: from,
            not_after_s: until,
            justification: justification.to_owned(),
        };
        run(bench.broker.create_grant(&bench.admin(), ask)).map(drop)
    };
    let role = Granted::Role(Role::Reader);
    for refused in [
        ask(Granted::Permissions(PermissionSet::EMPTY), None, None, ""),
        ask(role.clone(), Some(2), Some(1), ""),
        ask(role.clone(), None, None, &"ü".repeat(513)),
    ] {
        assert!(matches!(refused, Err(Refusal::BadRequest { .. })), "{refused:?}");
    }
    ask(role.clone(), Some(1), Some(1), &"ü".repeat(512)).unwrap();
}
