//! Who asks too often is told when to come back, and everyone's use is counted.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use broker_core::broker::{Limits, VaultPatch};
use broker_core::entry::{Asker, Decision, Front, Outcome, Peer};
use broker_core::grant::Scope;
use broker_core::name::RequestId;
use broker_core::permission::{Permission, Role};
use broker_core::rate::{Rate, Rates};
use broker_core::refusal::Refusal;
use broker_core::usage::{Usage, Used};
use broker_core::verb::Operation;
use broker_testkit::{Bench, asker, key_name, principal, run};

const USER: &str = "corp/dns:host1";

fn bench(operations_per_10s: u32, operations_burst: u32) -> Bench {
    let bench = Bench::with_limits(Limits { rate: Rate { operations_per_10s, operations_burst }, ..Limits::default() });
    // What is prepared must not count.
    let make = |spec| run(bench.broker.create_key(&operator(), bench.create_ask("k", spec))).unwrap();
    make(KeySpec::Rsa2048);
    let user = broker_core::broker::NewGrant {
        id: None,
        principal: principal(USER),
        granted: broker_core::grant::Granted::Role(Role::CryptoUser),
        scope: Scope::Broker,
        not_before_s: None,
        not_after_s: None,
        justification: String::new(),
    };
    run(bench.broker.create_grant(&operator(), user)).unwrap();
    bench
}

/// The administrator at the socket.
fn operator() -> Asker {
    Asker { front: Front::Admin, peer: Peer::Here("unix socket"), ..asker("local/uid:0") }
}

fn get(bench: &Bench, who: &Asker) -> Result<(), Refusal> {
    run(bench.broker.get_key(who, bench.vault(), key_name("k"), None)).map(drop)
}

/// How many `get`s are served before one is refused for being too many.
fn served(bench: &Bench, who: &Asker) -> usize {
    (0..1000).take_while(|_| !matches!(get(bench, who), Err(Refusal::TooManyRequests { .. }))).count()
}

#[test]
fn a_principal_is_served_at_its_rate_and_others_do_not_feel_it() {
    let bench = bench(10, 5);
    assert_eq!(served(&bench, &asker(USER)), 5);
    assert_eq!(get(&bench, &asker(USER)), Err(Refusal::TooManyRequests { retry_after_s: 1 }));
    let refused = Decision::Refused { reason: "too-many-requests", missing: None };
    assert_eq!(bench.audit.last().decision, Some(refused));
    assert_eq!(served(&bench, &asker("local/uid:0")), 5);
    bench.clock.advance_s(2);
    assert_eq!(served(&bench, &asker(USER)), 2);
    // What is refused counts too: asking for what one may not have is no way past the limit.
    assert_eq!(served(&bench, &asker("corp/dns:nobody")), 5);
}

#[test]
fn the_operator_and_the_broker_itself_are_not_held_up() {
    let bench = bench(1, 1);
    assert_eq!(served(&bench, &operator()), 1000);
}

#[test]
fn a_vault_with_a_rate_of_its_own_counts_by_itself() {
    let bench = bench(10, 5);
    let rate = |rate| {
        let patch = VaultPatch { rate: Some(rate), ..VaultPatch::default() };
        run(bench.broker.update_vault(&operator(), bench.vault(), patch)).map(drop)
    };
    rate(Some(Rate { operations_per_10s: 10, operations_burst: 2 })).unwrap();
    assert_eq!(served(&bench, &asker(USER)), 2);
    assert!(matches!(rate(Some(Rate { operations_per_10s: 0, operations_burst: 1 })), Err(Refusal::BadRequest { .. })));
    rate(None).unwrap();
    assert_eq!(served(&bench, &asker(USER)), 5);
    // A vault that is not there is none with a bucket of its own.
    let elsewhere = broker_testkit::vault_name("nowhere");
    let refused = run(bench.broker.get_key(&asker(USER), elsewhere, key_name("k"), None)).map(drop);
    assert!(matches!(refused, Err(Refusal::TooManyRequests { .. })), "{refused:?}");
}

#[test]
fn each_version_that_an_unwrap_tries_counts() {
    let bench = bench(10, 12);
    let unwrap = |value: &[u8]| {
        let ask = bench.unwrap_ask("k", None, WrapAlgorithm::RsaOaep256, value);
        run(bench.broker.unwrap_key(&asker(USER), ask)).map(drop)
    };
    let oldest = bench.wrap(&operator(), "k", b"secret").unwrap().wrapped.value;
    for _ in 0..3 {
        run(bench.broker.rotate_key(&operator(), bench.vault(), key_name("k"))).unwrap();
    }
    // The fourth that is tried opens: 4 of 12.
    unwrap(&oldest).unwrap();
    // None opens: 4 more.
    assert_eq!(unwrap(&[9; 40]), Err(Refusal::Unwrappable));
    assert_eq!(served(&bench, &asker(USER)), 4);
    bench.clock.advance_s(1);
    // One is left; what goes beyond it is owed, and paid back before the next is served.
    unwrap(&oldest).unwrap();
    assert_eq!(unwrap(&oldest), Err(Refusal::TooManyRequests { retry_after_s: 4 }));
    // With the version named, one try is one.
    bench.clock.advance_s(12 + 4);
    let latest = bench.wrap(&operator(), "k", b"secret").unwrap();
    let opens = |_: &i32| {
        let ask = bench.unwrap_ask("k", Some(latest.version), WrapAlgorithm::RsaOaep256, &latest.wrapped.value);
        run(bench.broker.unwrap_key(&asker(USER), ask)).is_ok()
    };
    assert_eq!((0..20).take_while(opens).count(), 12);
}

fn used(bench: &Bench, who: &str) -> Vec<(Operation, Outcome, u64)> {
    let page = run(bench.broker.read_usage(&operator(), Some(principal(who)), None)).unwrap();
    page.items.into_iter().flat_map(|used| used.counts).collect()
}

#[test]
fn use_is_counted_by_principal_operation_and_outcome_kept_and_noted() {
    let bench = bench(1_000_000, 1_000_000);
    for _ in 0..3 {
        get(&bench, &asker(USER)).unwrap();
    }
    let create = run(bench.broker.create_key(&asker(USER), bench.create_ask("x", KeySpec::Oct256))).map(drop);
    assert!(matches!(create, Err(Refusal::Forbidden(_))));
    bench.software.fail_next(Refusal::Internal);
    bench.wrap(&asker(USER), "k", b"x").unwrap_err();
    let expected = [
        (Operation::CreateKey, Outcome::Refused, 1),
        (Operation::GetKey, Outcome::Allowed, 3),
        (Operation::WrapKey, Outcome::Error, 1),
    ];
    assert_eq!(used(&bench, USER), expected);
    run(bench.broker.note_usage(|| RequestId([1; 16]))).unwrap();
    let noted = bench
        .audit
        .entries()
        .into_iter()
        .find(|entry| entry.operation == Operation::NoteUsage && entry.detail.as_ref().unwrap().starts_with(USER));
    let expected_note = format!("{USER}: create-key refused 1, get-key allowed 3, wrap-key error 1");
    assert_eq!(noted.unwrap().detail.unwrap(), expected_note);
    run(bench.broker.keep_usage()).unwrap();
    let again = bench.reopened();
    let page = run(again.read_usage(&operator(), Some(principal(USER)), None)).unwrap();
    assert_eq!(page.items, [Used { principal: Some(principal(USER)), counts: expected.to_vec() }]);
    let before = bench.audit.len();
    run(again.note_usage(|| RequestId([2; 16]))).unwrap();
    let about_user =
        |entry: &broker_core::entry::Entry| entry.detail.as_ref().is_some_and(|text| text.starts_with(USER));
    assert!(!bench.audit.entries()[before..].iter().any(about_user), "noted twice");
    let refused = run(bench.broker.read_usage(&asker(USER), None, None)).map(drop);
    assert!(matches!(refused, Err(Refusal::Forbidden(missing)) if missing.permission == Permission::GrantRead));
}

#[test]
fn pages_of_usage_hold_everyone_once() {
    let bench = bench(1_000_000, 1_000_000);
    for number in 0..250 {
        get(&bench, &asker(&format!("corp/dns:h{number}"))).unwrap_err();
    }
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = run(bench.broker.read_usage(&operator(), None, after)).unwrap();
        names.extend(page.items.into_iter().map(|used| used.principal.unwrap().to_string()));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((names.len(), names.iter().filter(|name| name.starts_with("corp/dns:h")).count()), (sorted.len(), 250));
}

/// `cargo test --release -p broker-core --test throttling -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn the_cost_of_a_charge_and_of_a_count() {
    const ROUNDS: u64 = 2_000_000;
    for threads in [1_u64, 2] {
        let (rates, usage, rate) = (Rates::default(), Usage::default(), Rate::default());
        let names: Vec<_> = (0..64).map(|number| principal(&format!("corp/dns:host{number}.example"))).collect();
        let each = |what: &str, act: &(dyn Fn(usize, u64) + Sync)| {
            let began = Instant::now();
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    scope.spawn(move || {
                        (0..ROUNDS).for_each(|round| act(usize::try_from((round * 7 + thread) % 64).unwrap(), round))
                    });
                }
            });
            let nanos = began.elapsed().as_nanos() / u128::from(ROUNDS);
            eprintln!("{what}, {threads} threads: {nanos} ns each");
        };
        each("charge", &|who, round| drop(rates.charge(&names[who], None, rate, round)));
        each("count", &|who, _| usage.count(&names[who], Operation::WrapKey, Outcome::Allowed));
        each("both, one principal", &|_, round| {
            drop(rates.charge(&names[0], None, rate, round));
            usage.count(&names[0], Operation::WrapKey, Outcome::Allowed);
        });
    }
}
