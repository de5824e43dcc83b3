//! Grants that wait for a second administrator, and rights that never outlive their giver's.
#![allow(clippy::unwrap_used)]

use broker_core::algorithm::KeySpec;
use broker_core::broker::{Given, NewGrant, NewVault, VaultPatch};
use broker_core::elevation::{ELEVATION_WAITS_S_MAX, ELEVATIONS_MAX};
use broker_core::entry::{Decision, Phase};
use broker_core::grant::{GrantId, Granted, Scope};
use broker_core::permission::{Permission, Role};
use broker_core::refusal::{MissingWhy, Refusal};
use broker_core::verb::Operation;
use broker_testkit::{Bench, asker, backend_name, principal, run, vault_name};

const SECOND: &str = "corp/dns:second";
const JO: &str = "corp/dns:jo";

/// `vault1` demands approval; `local/uid:0` and [`SECOND`] administer the broker.
fn strict() -> Bench {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Rsa2048);
    bench.give_role(SECOND, Role::Administrator, Scope::Broker);
    let patch = VaultPatch { elevation_approval: Some(true), ..VaultPatch::default() };
    run(bench.broker.update_vault(&bench.admin(), bench.vault(), patch)).unwrap();
    bench
}

fn get_for(who: &str, scope: Scope) -> NewGrant {
    NewGrant {
        id: None,
        principal: principal(who),
        granted: Granted::Permissions([Permission::WrapKey].into_iter().collect()),
        scope,
        not_before_s: None,
        not_after_s: None,
        justification: "an incident".to_owned(),
    }
}

fn asked(bench: &Bench, by: &str, ask: NewGrant) -> GrantId {
    match run(bench.broker.ask_for_grant(&asker(by), ask)).unwrap() {
        Given::Elevation(elevation) => elevation.grant.id,
        Given::Grant(grant) => panic!("not left waiting: {grant:?}"),
    }
}

fn approve(bench: &Bench, who: &str, id: GrantId) -> Result<(), Refusal> {
    run(bench.broker.approve_elevation(&asker(who), Scope::Broker, id)).map(drop)
}

fn why(refused: Result<(), Refusal>) -> MissingWhy {
    match refused {
        Err(Refusal::Forbidden(missing)) => missing.why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_waits_gives_nothing_until_another_approves_it() {
    let bench = strict();
    for scope in [Scope::Broker, Scope::Vault(bench.vault()), bench.key_scope("k")] {
        let id = asked(&bench, "local/uid:0", get_for(JO, scope.clone()));
        assert!(bench.wrap(&asker(JO), "k", b"x").is_err(), "{scope}");
        assert_eq!(why(approve(&bench, "local/uid:0", id)), MissingWhy::OwnElevation);
        let denied = run(bench.broker.deny_elevation(&bench.admin(), Scope::Broker, id));
        assert_eq!(why(denied), MissingWhy::OwnElevation);
        approve(&bench, SECOND, id).unwrap();
        bench.wrap(&asker(JO), "k", b"x").unwrap();
        let grant = run(bench.broker.get_grant(&bench.admin(), Scope::Broker, id)).unwrap();
        assert_eq!((grant.granted_by.as_str(), grant.approved_by.clone()), ("local/uid:0", Some(principal(SECOND))));
        assert!(matches!(approve(&bench, SECOND, id), Err(Refusal::NotFound { .. })), "once is enough");
        run(bench.broker.remove_grant(&bench.admin(), Scope::Broker, id)).unwrap();
    }
    // Elsewhere nothing waits.
    let other = NewVault::new(vault_name("other"), backend_name("software"));
    run(bench.broker.create_vault(&bench.admin(), other)).unwrap();
    run(bench.broker.create_grant(&bench.admin(), get_for(JO, Scope::Vault(vault_name("other"))))).unwrap();
}

#[test]
fn neither_who_gets_it_nor_who_may_not_give_it_approves() {
    let bench = strict();
    let scope = Scope::Vault(bench.vault());
    let id = asked(&bench, "local/uid:0", get_for(SECOND, scope.clone()));
    assert_eq!(why(approve(&bench, SECOND, id)), MissingWhy::OwnElevation);
    // Holds the right to grant, but not what is granted.
    let clerk = NewGrant {
        granted: Granted::Permissions([Permission::GrantWrite].into_iter().collect()),
        ..get_for("corp/dns:clerk", scope.clone())
    };
    let of_clerk = asked(&bench, "local/uid:0", clerk);
    approve(&bench, SECOND, of_clerk).unwrap();
    assert_eq!(why(approve(&bench, "corp/dns:clerk", id)), MissingWhy::NotHeld);
    assert_eq!(why(approve(&bench, JO, id)), MissingWhy::NoGrant);
    // To a stranger, what waits and what does not are the same.
    let told = |id| approve(&bench, JO, id).unwrap_err().to_string();
    assert_eq!(told(id), told(GrantId([9; 16])));
    let entry = bench.audit.entries().pop().unwrap();
    assert_eq!((entry.operation, entry.phase), (Operation::ApproveElevation, Phase::Done));
    assert!(matches!(entry.decision, Some(Decision::Refused { .. })));
}

#[test]
fn who_asked_must_still_be_able_to_give_it() {
    let bench = strict();
    let scope = Scope::Vault(bench.vault());
    let third = asked(
        &bench,
        "local/uid:0",
        NewGrant { granted: Granted::Role(Role::Administrator), ..get_for("corp/dns:third", Scope::Broker) },
    );
    approve(&bench, SECOND, third).unwrap();
    let id = asked(&bench, "corp/dns:third", get_for(JO, scope));
    run(bench.broker.remove_grant(&bench.admin(), Scope::Broker, third)).unwrap();
    assert_eq!(why(approve(&bench, SECOND, id)), MissingWhy::NotHeld);
    run(bench.broker.deny_elevation(&asker(SECOND), Scope::Broker, id)).unwrap();
    assert!(run(bench.broker.list_elevations(&bench.admin(), Scope::Broker)).unwrap().is_empty());
}

#[test]
fn one_that_waited_too_long_is_ended_by_the_broker_itself() {
    let bench = strict();
    let id = asked(&bench, "local/uid:0", get_for(JO, bench.key_scope("k")));
    let upkeep = broker_core::broker::task_asker(broker_core::broker::Task::Upkeep, bench.admin().request);
    bench.clock.advance_s(u64::try_from(ELEVATION_WAITS_S_MAX).unwrap());
    assert!(bench.broker.lapsed_elevations().is_empty());
    assert!(matches!(run(bench.broker.expire_elevation(&upkeep, id)), Err(Refusal::Conflict { .. })));
    bench.clock.advance_s(1);
    assert!(matches!(approve(&bench, SECOND, id), Err(Refusal::Conflict { .. })));
    assert_eq!(bench.broker.lapsed_elevations(), [id]);
    run(bench.broker.expire_elevation(&upkeep, id)).unwrap();
    assert!(bench.broker.lapsed_elevations().is_empty());
    assert!(matches!(approve(&bench, SECOND, id), Err(Refusal::NotFound { .. })));
}

#[test]
fn what_makes_no_sense_does_not_wait() {
    let bench = strict();
    let key = bench.key_scope("k");
    let ask = |ask: NewGrant| run(bench.broker.ask_for_grant(&bench.admin(), ask)).map(drop);
    let silent = NewGrant { justification: " ".to_owned(), ..get_for(JO, key.clone()) };
    assert!(matches!(ask(silent), Err(Refusal::BadRequest { .. })), "no justification");
    let own = run(bench.broker.create_grant(&bench.admin(), get_for(JO, key.clone())));
    assert!(matches!(own, Err(Refusal::Conflict { .. })), "who does not wait");
    let id = asked(&bench, "local/uid:0", get_for(JO, key.clone()));
    let again = NewGrant { id: Some(id), ..get_for(JO, key.clone()) };
    assert!(matches!(ask(again), Err(Refusal::Conflict { .. })), "an id that waits");
    for _ in 1..ELEVATIONS_MAX {
        asked(&bench, "local/uid:0", get_for(JO, key.clone()));
    }
    assert!(matches!(ask(get_for(JO, key)), Err(Refusal::Conflict { .. })), "too many");
}

#[test]
fn a_vault_that_demands_approval_keeps_two_who_can_give_it() {
    let bench = Bench::new();
    let demand = |on| {
        let patch = VaultPatch { elevation_approval: Some(on), ..VaultPatch::default() };
        run(bench.broker.update_vault(&bench.admin(), bench.vault(), patch)).map(drop)
    };
    assert!(matches!(demand(true), Err(Refusal::Conflict { .. })), "one alone");
    let now = bench.clock.now_s();
    let brief = NewGrant {
        not_after_s: Some(now + 10),
        granted: Granted::Role(Role::Administrator),
        ..get_for(JO, Scope::Broker)
    };
    run(bench.broker.create_grant(&bench.admin(), brief)).unwrap();
    assert!(matches!(demand(true), Err(Refusal::Conflict { .. })), "one of them for ten seconds");
    let second = bench.give_role(SECOND, Role::Administrator, Scope::Broker).id;
    demand(true).unwrap();
    assert!(matches!(demand(false), Err(Refusal::Conflict { .. })), "it is not taken back");
    let left = run(bench.broker.remove_grant(&bench.admin(), Scope::Broker, second));
    assert!(matches!(left, Err(Refusal::Conflict { .. })), "one would be left");
}

#[test]
fn a_grant_never_outlives_its_givers_own_right() {
    let bench = Bench::new();
    let now = bench.clock.now_s();
    let brief = NewGrant {
        not_after_s: Some(now + 100),
        granted: Granted::Role(Role::Administrator),
        ..get_for(SECOND, Scope::Broker)
    };
    run(bench.broker.create_grant(&bench.admin(), brief)).unwrap();
    let give = |until| {
        let ask = NewGrant { not_after_s: until, ..get_for(JO, Scope::Vault(bench.vault())) };
        run(bench.broker.create_grant(&asker(SECOND), ask)).map(drop)
    };
    for too_long in [None, Some(now + 101)] {
        let refused = give(too_long);
        assert!(refused.as_ref().unwrap_err().to_string().contains(&(now + 100).to_string()), "names the date");
        assert_eq!(why(refused), MissingWhy::Outlives { not_after_s: now + 100 });
    }
    give(Some(now + 100)).unwrap();
}
