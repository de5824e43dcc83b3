//! Rotation policies: what they set, what becomes due when, and who may carry it out.
#![allow(clippy::unwrap_used)]

use broker_core::algorithm::KeySpec;
use broker_core::broker::{Task, task_asker};
use broker_core::entry::Asker;
use broker_core::grant::Scope;
use broker_core::key::VersionPatch;
use broker_core::name::RequestId;
use broker_core::permission::Permission;
use broker_core::refusal::Refusal;
use broker_core::rotation::{Due, LifetimeAction, Period, RotationPolicy, Trigger};
use broker_testkit::{Bench, asker, key_name, run};

const DAY_S: u64 = 86_400;

fn days(days: u32) -> Period {
    Period { months: 0, days }
}

fn policy(actions: &[(Trigger, LifetimeAction)], expiry: Option<Period>) -> RotationPolicy {
    RotationPolicy { actions: actions.to_vec(), expiry, created_s: -1, updated_s: -1 }
}

fn rotates_after(after: u32) -> RotationPolicy {
    policy(&[(Trigger::AfterCreate(days(after)), LifetimeAction::Rotate)], None)
}

fn set(bench: &Bench, key: &str, policy: RotationPolicy) -> Result<RotationPolicy, Refusal> {
    run(bench.broker.set_rotation_policy(&bench.admin(), bench.vault(), key_name(key), policy))
}

fn task(task: Task) -> Asker {
    task_asker(task, RequestId::from_random([9; 16]))
}

/// The names of what is due now, with what for.
fn due(bench: &Bench) -> Vec<(String, Due)> {
    let records = run(bench.broker.due(bench.clock.now_s(), 100)).unwrap();
    records.iter().map(|record| (record.name.to_string(), record.next_due().unwrap().1)).collect()
}

#[test]
fn a_policy_is_kept_as_it_was_set_with_the_times_of_the_broker() {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Oct256);
    let read = || run(bench.broker.rotation_policy(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
    assert_eq!(read(), None);
    let first_s = bench.clock.now_s();
    let first = set(&bench, "k", rotates_after(30)).unwrap();
    assert_eq!((first.created_s, first.updated_s), (first_s, first_s));
    bench.clock.advance_s(5);
    let second = set(&bench, "k", rotates_after(40)).unwrap();
    assert_eq!((second.created_s, second.updated_s), (first_s, first_s + 5));
    assert_eq!(second.actions, rotates_after(40).actions);
    assert_eq!(read(), Some(second));
    let nobody = set(&bench, "nobody", rotates_after(30));
    assert_eq!(nobody, Err(Refusal::KeyNotFound { key: key_name("nobody"), version: None }));
}

#[test]
fn a_policy_within_its_limits_is_taken_and_just_beyond_refused() {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Oct256);
    let (rotate, notify) = (LifetimeAction::Rotate, LifetimeAction::Notify);
    let month = |months| Period { months, days: 0 };
    let rows = [
        ("nothing at all", true, policy(&[], None)),
        ("the shortest life", true, policy(&[], Some(days(28)))),
        ("a life too short", false, policy(&[], Some(days(27)))),
        ("a month of life", true, policy(&[], Some(month(1)))),
        ("the shortest trigger", true, rotates_after(7)),
        ("a trigger too short", false, rotates_after(6)),
        ("a notice too short", false, policy(&[(Trigger::BeforeExpiry(days(6)), notify)], Some(days(90)))),
        ("rotated before its end", true, policy(&[(Trigger::AfterCreate(days(89)), rotate)], Some(days(90)))),
        ("rotated at its end", false, policy(&[(Trigger::AfterCreate(days(90)), rotate)], Some(days(90)))),
        ("two rotations", false, policy(&[(Trigger::AfterCreate(days(30)), rotate); 2], None)),
        ("eight notices", true, policy(&[(Trigger::AfterCreate(days(30)), notify); 8], None)),
        ("nine notices", false, policy(&[(Trigger::AfterCreate(days(30)), notify); 9], None)),
    ];
    for (what, taken, policy) in rows {
        let before = bench.store.peek(&bench.vault(), &key_name("k"));
        match set(&bench, "k", policy) {
            Ok(_) => assert!(taken, "{what}"),
            Err(refusal) => {
                assert!(!taken && matches!(refusal, Refusal::BadRequest { .. }), "{what}: {refusal}");
                assert_eq!(bench.store.peek(&bench.vault(), &key_name("k")), before, "{what}");
            }
        }
    }
}

#[test]
fn a_rotation_gives_the_new_version_the_life_of_the_policy_and_no_other_version_one() {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Oct256);
    set(&bench, "k", policy(&[], Some(Period { months: 24, days: 0 }))).unwrap();
    let rotate = || run(bench.broker.rotate_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap().version;
    let second = rotate();
    // From 15 January 2027 to 15 January 2029: 2028 is a leap year.
    assert_eq!(second.expires_s, Some(second.created_s + 731 * i64::try_from(DAY_S).unwrap()));
    let record = bench.store.peek(&bench.vault(), &key_name("k")).unwrap();
    assert_eq!(record.versions[0].expires_s, None);
    set(&bench, "k", policy(&[], None)).unwrap();
    assert_eq!(rotate().expires_s, None);
}

#[test]
fn what_is_due_comes_in_its_order_and_is_over_when_it_is_done() {
    let bench = Bench::new();
    for key in ["rotated", "noticed", "deleted", "idle"] {
        bench.make_key(key, KeySpec::Oct256);
    }
    let start_s = bench.clock.now_s();
    set(&bench, "rotated", rotates_after(30)).unwrap();
    let notice = [(Trigger::BeforeExpiry(days(10)), LifetimeAction::Notify)];
    set(&bench, "noticed", policy(&notice, None)).unwrap();
    run(bench.broker.delete_key(&bench.admin(), bench.vault(), key_name("deleted"))).unwrap();
    assert_eq!(due(&bench), []);
    bench.clock.advance_s(40 * DAY_S);
    assert_eq!(due(&bench), [("rotated".to_owned(), Due::Rotate)], "a version without an end is not noticed");
    let expires_s = start_s + 45 * i64::try_from(DAY_S).unwrap();
    let patch = VersionPatch { expires_s: Some(expires_s), ..VersionPatch::default() };
    run(bench.broker.update_key(&bench.admin(), bench.vault(), key_name("noticed"), None, patch)).unwrap();
    bench.clock.advance_s(50 * DAY_S);
    let all = [("rotated", Due::Rotate), ("noticed", Due::Notify), ("deleted", Due::Purge)];
    assert_eq!(due(&bench), all.map(|(key, due)| (key.to_owned(), due)));
    // The broker's own tasks carry it out, each with what it was granted.
    let (rotation, purge) = (task(Task::Rotation), task(Task::Purge));
    run(bench.broker.rotate_key(&rotation, bench.vault(), key_name("rotated"))).unwrap();
    run(bench.broker.notify_key(&rotation, bench.vault(), key_name("noticed"))).unwrap();
    assert_eq!(bench.audit.last().detail.unwrap(), format!("expires at {expires_s}"));
    run(bench.broker.purge_key(&purge, bench.vault(), key_name("deleted"))).unwrap();
    assert_eq!(due(&bench), []);
    bench.clock.advance_s(30 * DAY_S);
    assert_eq!(due(&bench), [("rotated".to_owned(), Due::Rotate)], "it counts from the newest version");
}

#[test]
fn a_version_is_noticed_once_and_the_next_one_again() {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Oct256);
    let actions = [
        (Trigger::AfterCreate(days(10)), LifetimeAction::Notify),
        (Trigger::AfterCreate(days(20)), LifetimeAction::Rotate),
    ];
    set(&bench, "k", policy(&actions, None)).unwrap();
    let rotation = task(Task::Rotation);
    for _ in 0..2 {
        bench.clock.advance_s(10 * DAY_S - 1);
        assert_eq!(due(&bench), []);
        bench.clock.advance_s(1);
        assert_eq!(due(&bench), [("k".to_owned(), Due::Notify)]);
        run(bench.broker.notify_key(&rotation, bench.vault(), key_name("k"))).unwrap();
        assert_eq!(due(&bench), []);
        bench.clock.advance_s(10 * DAY_S);
        assert_eq!(due(&bench), [("k".to_owned(), Due::Rotate)]);
        run(bench.broker.rotate_key(&rotation, bench.vault(), key_name("k"))).unwrap();
    }
}

#[test]
fn a_deleted_key_waits_for_its_purge_alone_and_recovered_for_its_policy_again() {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Oct256);
    set(&bench, "k", rotates_after(7)).unwrap();
    run(bench.broker.delete_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
    bench.clock.advance_s(60 * DAY_S);
    assert_eq!(due(&bench), []);
    bench.clock.advance_s(30 * DAY_S);
    assert_eq!(due(&bench), [("k".to_owned(), Due::Purge)]);
    run(bench.broker.recover_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
    assert_eq!(due(&bench), [("k".to_owned(), Due::Rotate)]);
}

#[test]
fn the_tasks_grants_are_built_in_listed_enough_for_their_work_and_no_more() {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Oct256);
    let admin = bench.admin();
    let grants = run(bench.broker.list_grants(&admin, Scope::Broker)).unwrap();
    let own: Vec<_> = grants.iter().filter(|grant| grant.principal.as_str().starts_with("system/")).collect();
    let named: Vec<_> = own.iter().map(|grant| grant.principal.as_str()).collect();
    assert_eq!(named, ["system/objects", "system/purge", "system/rotation", "system/upkeep"]);
    for grant in &own {
        let refused = run(bench.broker.remove_grant(&admin, Scope::Broker, grant.id));
        assert!(
            matches!(refused, Err(Refusal::Conflict { .. })),
            "a built-in grant was taken back until the next start"
        );
    }
    let (rotation, purge, upkeep) = (task(Task::Rotation), task(Task::Purge), task(Task::Upkeep));
    let forbidden = |result: Result<(), Refusal>| matches!(result, Err(Refusal::Forbidden(_)));
    assert!(forbidden(run(bench.broker.rotate_key(&purge, bench.vault(), key_name("k"))).map(drop)));
    assert!(forbidden(run(bench.broker.purge_key(&rotation, bench.vault(), key_name("k")))));
    for who in [&rotation, &purge, &upkeep] {
        assert!(forbidden(run(bench.broker.get_key(who, bench.vault(), key_name("k"), None)).map(drop)));
        assert!(forbidden(bench.wrap(who, "k", b"x").map(drop)));
        assert!(forbidden(run(bench.broker.delete_key(who, bench.vault(), key_name("k"))).map(drop)));
    }
    run(bench.broker.rotate_key(&rotation, bench.vault(), key_name("k"))).unwrap();
}

#[test]
fn to_read_a_policy_to_set_it_and_to_rotate_are_three_rights() {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Oct256);
    let held = [Permission::GetRotationPolicy, Permission::SetRotationPolicy, Permission::Rotate];
    for (number, permission) in held.into_iter().enumerate() {
        let name = format!("corp/dns:host{number}");
        bench.give(&name, &[permission], bench.key_scope("k"));
        let (who, vault, key) = (asker(&name), bench.vault(), key_name("k"));
        let served = [
            run(bench.broker.rotation_policy(&who, vault.clone(), key.clone())).is_ok(),
            run(bench.broker.set_rotation_policy(&who, vault.clone(), key.clone(), rotates_after(9))).is_ok(),
            run(bench.broker.rotate_key(&who, vault, key)).is_ok(),
        ];
        assert_eq!(served, std::array::from_fn(|place| place == number), "{permission}");
    }
}
