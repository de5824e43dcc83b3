//! Identities: who acts as one holds its grants; when it ends, they end, and no later one of its name gets them.
#![allow(clippy::unwrap_used)]

use std::pin::pin;

use broker_core::algorithm::KeySpec;
use broker_core::broker::NewGrant;
use broker_core::grant::{Granted, Scope};
use broker_core::identity::{ASSIGNED_MAX, Resource};
use broker_core::permission::{Permission, Role};
use broker_core::refusal::{MissingWhy, Refusal};
use broker_testkit::{Bench, anchor_name, asker, key_name, poll_once, principal, run};

const HOST: &str = "corp/dns:host1";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Rsa2048);
    bench
}

fn make(bench: &Bench, name: &str, resource: Option<Resource>) -> Result<(), Refusal> {
    run(bench.broker.create_identity(&bench.admin(), anchor_name(name), resource)).map(drop)
}

fn assign(bench: &Bench, name: &str, who: &str) -> Result<(), Refusal> {
    run(bench.broker.assign_identity(&bench.admin(), anchor_name(name), principal(who))).map(drop)
}

fn end(bench: &Bench, name: &str) -> Result<(), Refusal> {
    run(bench.broker.delete_identity(&bench.admin(), anchor_name(name)))
}

fn wraps(bench: &Bench) -> bool {
    bench.wrap(&asker(HOST), "k", b"x").is_ok()
}

#[test]
fn an_identity_is_authorised_before_anyone_acts_as_it() {
    let bench = bench();
    make(&bench, "disks", None).unwrap();
    bench.give("identity/disks", &[Permission::WrapKey], bench.key_scope("k"));
    assert!(!wraps(&bench));
    assign(&bench, "disks", HOST).unwrap();
    assert!(wraps(&bench));
    // In the audit it stands under its own name.
    assert_eq!(bench.audit.entries().pop().unwrap().asker.principal.as_str(), HOST);
    run(bench.broker.unassign_identity(&bench.admin(), anchor_name("disks"), principal(HOST))).unwrap();
    assert!(!wraps(&bench));
}

#[test]
fn a_recreated_identity_does_not_get_the_old_grants_back() {
    let bench = bench();
    make(&bench, "disks", None).unwrap();
    assign(&bench, "disks", HOST).unwrap();
    bench.give("identity/disks", &[Permission::WrapKey], bench.key_scope("k"));
    end(&bench, "disks").unwrap();
    assert!(!wraps(&bench));
    make(&bench, "disks", None).unwrap();
    assign(&bench, "disks", HOST).unwrap();
    assert!(!wraps(&bench));
    assert!(run(bench.broker.list_grants(&bench.admin(), bench.key_scope("k"))).unwrap().is_empty());
    // Nor can a grant wait for an identity that is to come.
    let ask = NewGrant {
        id: None,
        principal: principal("identity/later"),
        granted: Granted::Role(Role::CryptoUser),
        scope: Scope::Broker,
        not_before_s: None,
        not_after_s: None,
        justification: String::new(),
    };
    let refused = run(bench.broker.create_grant(&bench.admin(), ask));
    assert!(matches!(refused, Err(Refusal::NotFound { .. })), "{refused:?}");
}

#[test]
fn an_end_is_acknowledged_when_no_older_request_is_under_way() {
    let bench = bench();
    make(&bench, "disks", None).unwrap();
    assign(&bench, "disks", HOST).unwrap();
    bench.give("identity/disks", &[Permission::WrapKey], bench.key_scope("k"));
    bench.store.read_gate.close();
    let host = asker(HOST);
    let ask = bench.wrap_ask("k", None, broker_core::algorithm::WrapAlgorithm::RsaOaep256, b"x");
    let mut wrap = pin!(bench.broker.wrap_key(&host, ask));
    assert!(poll_once(wrap.as_mut()).is_none());
    let admin = bench.admin();
    let mut ending = pin!(bench.broker.delete_identity(&admin, anchor_name("disks")));
    assert!(poll_once(ending.as_mut()).is_none(), "acknowledged while a request decided under it is under way");
    bench.store.read_gate.open();
    assert!(poll_once(wrap.as_mut()).is_some());
    assert_eq!(poll_once(ending.as_mut()), Some(Ok(())));
    assert!(!wraps(&bench));
}

#[test]
fn a_system_assigned_identity_ends_with_its_resource() {
    let bench = bench();
    run(bench.broker.create_pin(&bench.admin(), anchor_name("array"), [4; 32])).unwrap();
    make(&bench, "of-pin", Some(Resource::Pin(anchor_name("array")))).unwrap();
    make(&bench, "of-key", Some(Resource::Key(bench.vault(), key_name("k")))).unwrap();
    for missing in ["pin/none", "/vault1/none", "/none/k"] {
        let refused = make(&bench, "of-none", Some(Resource::parse(missing).unwrap()));
        assert!(matches!(refused, Err(Refusal::NotFound { .. })), "{missing}: {refused:?}");
    }
    bench.give("identity/of-pin", &[Permission::WrapKey], bench.key_scope("k"));
    bench.give("identity/of-key", &[Permission::WrapKey], bench.key_scope("k"));
    bench.wrap(&asker("pin/array"), "k", b"x").unwrap();
    // A pin's identity is its certificate's alone.
    assert!(matches!(assign(&bench, "of-pin", HOST), Err(Refusal::Conflict { .. })));
    let names = || -> Vec<String> {
        let all = run(bench.broker.list_identities(&bench.admin())).unwrap();
        all.iter().map(|one| one.name.to_string()).collect()
    };
    run(bench.broker.remove_pin(&bench.admin(), anchor_name("array"))).unwrap();
    assert_eq!(names(), ["of-key"]);
    run(bench.broker.delete_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
    assert_eq!(names(), ["of-key"], "a deleted key can be recovered");
    run(bench.broker.purge_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
    assert!(names().is_empty());
    assert!(run(bench.broker.list_grants(&bench.admin(), Scope::Vault(bench.vault()))).unwrap().is_empty());
}

#[test]
fn nobody_gets_through_an_identity_what_it_could_not_be_given() {
    let bench = bench();
    make(&bench, "strong", None).unwrap();
    bench.give_role("identity/strong", Role::CryptoOfficer, Scope::Broker);
    bench.give("corp/dns:clerk", &[Permission::GrantWrite], Scope::Broker);
    let clerk = asker("corp/dns:clerk");
    let why = |who: &str| match run(bench.broker.assign_identity(&clerk, anchor_name("strong"), principal(who))) {
        Err(Refusal::Forbidden(missing)) => missing.why,
        other => panic!("{other:?}"),
    };
    assert_eq!((why("corp/dns:clerk"), why(HOST)), (MissingWhy::Oneself, MissingWhy::NotHeld));
    // Whoever acts as an identity cannot grant to it.
    make(&bench, "clerks", None).unwrap();
    assign(&bench, "clerks", "corp/dns:clerk").unwrap();
    let ask = NewGrant {
        id: None,
        principal: principal("identity/clerks"),
        granted: Granted::Permissions([Permission::GrantWrite].into_iter().collect()),
        scope: Scope::Broker,
        not_before_s: None,
        not_after_s: None,
        justification: String::new(),
    };
    let refused = run(bench.broker.create_grant(&clerk, ask));
    assert!(matches!(refused, Err(Refusal::Forbidden(missing)) if missing.why == MissingWhy::Oneself));
    for nobody in ["identity/strong", "system/purge"] {
        assert!(matches!(assign(&bench, "clerks", nobody), Err(Refusal::BadRequest { .. })), "{nobody}");
    }
    for number in 1..ASSIGNED_MAX {
        assign(&bench, "clerks", &format!("corp/dns:host-{number}")).unwrap();
    }
    assert!(matches!(assign(&bench, "clerks", "corp/dns:one-more"), Err(Refusal::Conflict { .. })));
}

#[test]
fn the_last_administrator_is_somebody() {
    let bench = bench();
    make(&bench, "admins", None).unwrap();
    bench.give_role("identity/admins", Role::Administrator, Scope::Broker);
    let first = broker_core::grant::GrantId([1; 16]);
    let remove = || run(bench.broker.remove_grant(&bench.admin(), Scope::Broker, first)).map(drop);
    assert!(matches!(remove(), Err(Refusal::Conflict { .. })), "nobody acts as the other administrator");
    assign(&bench, "admins", HOST).unwrap();
    remove().unwrap();
    let host = asker(HOST);
    let gone = run(bench.broker.unassign_identity(&host, anchor_name("admins"), principal(HOST)));
    assert!(matches!(gone, Err(Refusal::Conflict { .. })), "{gone:?}");
    let ended = run(bench.broker.delete_identity(&host, anchor_name("admins")));
    assert!(matches!(ended, Err(Refusal::Conflict { .. })), "{ended:?}");
}
