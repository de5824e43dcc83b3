//! A vault that is deleted serves nothing and loses nothing; one that is purged has left nothing, and its name is free.
#![allow(clippy::unwrap_used)]

mod every_verb;

use broker_core::algorithm::KeySpec;
use broker_core::broker::{CreateKey, NewVault, Task, VaultPatch, task_asker};
use broker_core::entry::{Asker, Front, Peer, Phase};
use broker_core::grant::Scope;
use broker_core::name::{RequestId, VaultName};
use broker_core::network::Network;
use broker_core::permission::Permission;
use broker_core::refusal::Refusal;
use broker_core::vault::VaultState;
use broker_core::verb::Operation;
use broker_testkit::{Bench, asker, backend_name, key_name, run, vault_name};
use every_verb::{EXPECTED, Target, ask};

const DAY_S: u64 = 86_400;
const USER: &str = "corp/dns:host1";
/// Holds every permission on the broker.
const ALL: &str = "corp/dns:all";

/// Operations of the table that are not about `vault1` or a key in it.
const ELSEWHERE: [Operation; 31] = [
    Operation::AcceptClock,
    Operation::ApproveElevation,
    Operation::AssignIdentity,
    Operation::BackUpBackend,
    Operation::BackupStore,
    Operation::CreateGrant,
    Operation::CreateIdentity,
    Operation::CreatePin,
    Operation::CreateVault,
    Operation::DeleteIdentity,
    Operation::DeleteVault,
    Operation::DenyElevation,
    Operation::ExpireElevation,
    Operation::GetGrant,
    Operation::ListElevations,
    Operation::ListGrants,
    Operation::ListIdentities,
    Operation::ListPins,
    Operation::ListVaults,
    Operation::LoadBackend,
    Operation::NoteUsage,
    Operation::PurgeVault,
    Operation::ReadUsage,
    Operation::RecoverVault,
    Operation::ReloadTrust,
    Operation::RemovePin,
    Operation::RestoreBackend,
    Operation::RestoreStore,
    Operation::RotateRoot,
    Operation::SettleObjects,
    Operation::UnassignIdentity,
];

fn delete(bench: &Bench) -> Result<(), Refusal> {
    run(bench.broker.delete_vault(&bench.admin(), bench.vault())).map(drop)
}

fn recover(bench: &Bench) -> Result<(), Refusal> {
    run(bench.broker.recover_vault(&bench.admin(), bench.vault())).map(drop)
}

fn purge(bench: &Bench) -> Result<(), Refusal> {
    run(bench.broker.purge_vault(&bench.admin(), bench.vault()))
}

fn lock(bench: &Bench, on: bool) {
    run(bench.broker.lock_vault(&bench.admin(), bench.vault(), on)).unwrap();
}

fn update(bench: &Bench, patch: VaultPatch) -> Result<(), Refusal> {
    run(bench.broker.update_vault(&bench.admin(), bench.vault(), patch)).map(drop)
}

fn make(bench: &Bench, name: &str) -> Result<(), Refusal> {
    run(bench.broker.create_vault(&bench.admin(), NewVault::new(vault_name(name), backend_name("software")))).map(drop)
}

#[test]
fn every_operation_on_a_deleted_vault_is_refused_and_says_so() {
    let bench = Bench::new();
    let target = Target::prepared(&bench);
    bench.give(ALL, Permission::ALL, Scope::Broker);
    delete(&bench).unwrap();
    let purge_s = bench.clock.now_s() + 90 * 86_400;
    let calls = bench.software.calls().len();
    for (operation, ..) in EXPECTED {
        // Rights are shown and taken back, the doctor explains, and what is never served is refused as ever.
        let still = [
            Operation::Examine,
            Operation::GetRole,
            Operation::ListRoles,
            Operation::ReleaseKey,
            Operation::RemoveGrant,
            Operation::WriteRole,
        ]
        .contains(&operation);
        if still || ELSEWHERE.contains(&operation) {
            continue;
        }
        let refused = run(ask(operation, &bench, &target, &asker(ALL)));
        assert_eq!(refused, Err(Refusal::VaultDeleted { vault: bench.vault(), purge_s }), "{operation}");
        // To a stranger it is like any other vault.
        let refused = run(ask(operation, &bench, &target, &asker(USER)));
        assert!(matches!(refused, Err(Refusal::Forbidden(_))), "{operation}: {refused:?}");
    }
    assert_eq!(bench.software.calls().len(), calls, "a backend was asked about a deleted vault");
}

#[test]
fn a_recovered_vault_has_every_key_as_it_was() {
    let bench = Bench::new();
    let target = Target::prepared(&bench);
    update(&bench, VaultPatch { tags: Some([("team".into(), "storage".into())].into()), ..VaultPatch::default() })
        .unwrap();
    delete(&bench).unwrap();
    let shown = run(bench.broker.list_vaults(&bench.admin())).unwrap();
    let now_s = bench.clock.now_s();
    let state = VaultState::Deleted { deleted_s: now_s, purge_s: now_s + 90 * 86_400 };
    assert_eq!(shown.iter().find(|vault| vault.name == bench.vault()).unwrap().state, state);
    let refused = make(&bench, "vault1").unwrap_err();
    assert!(matches!(refused, Refusal::VaultDeleted { .. }), "{refused}");
    recover(&bench).unwrap();
    assert!(matches!(recover(&bench), Err(Refusal::Conflict { .. })), "a live vault");
    let opened = bench.unwrap(&bench.admin(), "k", &target.wrapped).unwrap();
    assert_eq!(opened.secret.expose(), b"a secret");
    let deleted = run(bench.broker.list_deleted_keys(&bench.admin(), bench.vault(), None, 25)).unwrap();
    assert_eq!(deleted.items.len(), 3);
    let vault = run(bench.broker.list_vaults(&bench.admin())).unwrap();
    assert_eq!(vault.iter().find(|vault| vault.name == bench.vault()).unwrap().tags["team"], "storage");
}

#[test]
fn a_locked_vault_is_not_deleted_until_the_lock_is_lifted() {
    let bench = Bench::new();
    lock(&bench, true);
    let refused = delete(&bench).unwrap_err();
    assert!(matches!(&refused, Refusal::Conflict { problem } if problem.contains("delete lock")), "{refused}");
    lock(&bench, false);
    delete(&bench).unwrap();
}

#[test]
fn a_purged_vault_has_left_no_key_no_object_and_no_grant() {
    let bench = Bench::new();
    for key in ["live", "binned"] {
        let ask = CreateKey { hsm: true, ..bench.create_ask(key, KeySpec::Rsa2048) };
        run(bench.broker.create_key(&bench.admin(), ask)).unwrap();
    }
    run(bench.broker.delete_key(&bench.admin(), bench.vault(), key_name("binned"))).unwrap();
    bench.make_key("soft", KeySpec::Oct256);
    bench.give(USER, &[Permission::Get], Scope::Vault(bench.vault()));
    bench.give(USER, &[Permission::WrapKey], bench.key_scope("live"));
    let elsewhere = bench.give(USER, &[Permission::List], Scope::Vault(vault_name("vault2")));
    assert!(matches!(purge(&bench), Err(Refusal::Conflict { .. })), "a live vault");
    delete(&bench).unwrap();
    purge(&bench).unwrap();
    assert_eq!(bench.audit.last().detail.unwrap(), "keys purged with it: 3; objects: 0; grants in it: 2");
    let destroyed = bench.hsm.calls().iter().filter(|call| call.verb == "destroy").count();
    assert_eq!(destroyed, 2);
    for key in ["live", "binned", "soft"] {
        assert_eq!(bench.store.peek(&bench.vault(), &key_name(key)), None, "{key}");
        let noted = |entry: &&broker_core::entry::Entry| {
            entry.operation == Operation::PurgeKey && entry.scope == format!("/vault1/{key}")
        };
        assert_eq!(bench.audit.entries().iter().filter(noted).count(), 2, "{key}: an intent and an outcome");
    }
    let left = run(bench.broker.list_grants(&bench.admin(), Scope::Broker)).unwrap();
    let left: Vec<_> = left.iter().filter(|grant| grant.principal.as_str() == USER).map(|grant| grant.id).collect();
    assert_eq!(left, [elsewhere.id]);
    // The name is free, and the new vault has nothing of the old one, after a restart neither.
    make(&bench, "vault1").unwrap();
    bench.make_key("live", KeySpec::Oct256);
    for broker in [&*bench.broker, &bench.reopened()] {
        let refused = run(broker.get_key(&asker(USER), bench.vault(), key_name("live"), None)).map(drop);
        assert!(matches!(refused, Err(Refusal::Forbidden(_))), "{refused:?}");
    }
}

#[test]
fn a_purge_that_is_interrupted_is_finished_later_and_cannot_be_recovered_from() {
    let bench = Bench::new();
    for key in ["a", "b", "c"] {
        bench.make_key(key, KeySpec::Oct256);
    }
    delete(&bench).unwrap();
    // The mark of the vault, the first key's two commits, and the second key's mark are durable; its end is not.
    bench.store.fail_commit_after(4);
    assert_eq!(purge(&bench), Err(Refusal::StoreUnavailable));
    assert!(matches!(recover(&bench), Err(Refusal::Conflict { .. })));
    assert_eq!(bench.store.peek(&bench.vault(), &key_name("a")), None);
    let again = bench.reopened();
    let due: Vec<_> = again.vaults_due(0).iter().map(|vault| vault.name.clone()).collect();
    assert_eq!(due, [bench.vault()]);
    run(again.purge_vault(&task_asker(Task::Purge, RequestId([0; 16])), bench.vault())).unwrap();
    assert!(again.vaults_due(i64::MAX).is_empty());
    for key in ["b", "c"] {
        assert_eq!(bench.store.peek(&bench.vault(), &key_name(key)), None, "{key}");
    }
}

#[test]
fn purge_protection_keeps_a_vault_until_its_time_and_then_it_is_due() {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Oct256);
    update(&bench, VaultPatch { purge_protection: Some(true), ..VaultPatch::default() }).unwrap();
    delete(&bench).unwrap();
    let purge_s = bench.clock.now_s() + 90 * 86_400;
    bench.clock.advance_s(90 * DAY_S - 1);
    assert_eq!(purge(&bench), Err(Refusal::VaultPurgeProtected { vault: bench.vault(), purge_s }));
    assert!(bench.broker.vaults_due(bench.clock.now_s()).is_empty());
    bench.clock.advance_s(1);
    assert_eq!(bench.broker.vaults_due(bench.clock.now_s()).len(), 1);
    // Its own principal needs nothing but what it was built with.
    run(bench.broker.purge_vault(&task_asker(Task::Purge, RequestId([0; 16])), bench.vault())).unwrap();
    assert_eq!(bench.audit.last().asker.principal.as_str(), "system/purge");
}

#[test]
fn keys_of_a_deleted_vault_wait_with_it_and_keep_no_others_waiting() {
    let bench = Bench::new();
    make(&bench, "vault2").unwrap();
    for number in 0..9 {
        let key = format!("k{number}");
        bench.make_key(&key, KeySpec::Oct256);
        run(bench.broker.delete_key(&bench.admin(), bench.vault(), key_name(&key))).unwrap();
    }
    bench.clock.advance_s(1);
    let other = CreateKey { vault: vault_name("vault2"), ..bench.create_ask("other", KeySpec::Oct256) };
    run(bench.broker.create_key(&bench.admin(), other)).unwrap();
    run(bench.broker.delete_key(&bench.admin(), vault_name("vault2"), key_name("other"))).unwrap();
    delete(&bench).unwrap();
    let due = |most| -> Vec<String> {
        run(bench.broker.due(i64::MAX, most)).unwrap().iter().map(|record| record.name.to_string()).collect()
    };
    assert_eq!(due(2), ["other"]);
    recover(&bench).unwrap();
    assert_eq!(due(2), ["k0", "k1"]);
}

fn from(who: &str, address: &str) -> Asker {
    Asker { peer: Peer::Network(format!("{address}:9").parse().unwrap()), ..asker(who) }
}

#[test]
fn a_vault_takes_requests_from_its_networks_alone_but_for_the_socket_and_the_broker_itself() {
    let open = Bench::new();
    let target = Target::prepared(&open);
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| Network::parse(text).unwrap()).to_vec();
    update(&open, VaultPatch { networks: Some(networks.clone()), ..VaultPatch::default() }).unwrap();
    open.give(ALL, Permission::ALL, Scope::Broker);
    let admin = ALL;
    for (operation, ..) in EXPECTED {
        let outside = from(admin, "[::ffff:192.0.2.1]");
        let refused = run(ask(operation, &open, &target, &outside));
        // The table's grant is within the vault: it is refused from outside, however deleted vaults are dealt with.
        let elsewhere = ELSEWHERE.contains(&operation) && operation != Operation::CreateGrant;
        if elsewhere || operation == Operation::RemoveGrant {
            assert!(!matches!(refused, Err(Refusal::NetworkForbidden { .. })), "{operation}");
            continue;
        }
        let address = "192.0.2.1".parse().unwrap();
        assert_eq!(refused, Err(Refusal::NetworkForbidden { vault: open.vault(), address }), "{operation}");
        let told = refused.unwrap_err().to_string();
        assert!(told.contains("vault vault1") && told.contains("192.0.2.1"), "{told}");
        assert_eq!(open.audit.last().phase, Phase::Done);
    }
    for inside in ["10.1.2.3", "[::ffff:10.1.2.3]", "[fd00::7]"] {
        open.unwrap(&from(admin, inside), "k", &target.wrapped).unwrap();
    }
    let socket = Asker { peer: Peer::Here("unix socket"), front: Front::Admin, ..asker(admin) };
    open.unwrap(&socket, "k", &target.wrapped).unwrap();
    // Who has no right here does not learn that there are networks.
    let refused = open.unwrap(&from(USER, "192.0.2.1"), "k", &target.wrapped);
    assert!(matches!(refused, Err(Refusal::Forbidden(_))));
    update(&open, VaultPatch { networks: Some(Vec::new()), ..VaultPatch::default() }).unwrap_err();
    run(open.broker.update_vault(
        &socket,
        open.vault(),
        VaultPatch { networks: Some(Vec::new()), ..VaultPatch::default() },
    ))
    .unwrap();
    open.unwrap(&from(admin, "192.0.2.1"), "k", &target.wrapped).unwrap();
}

#[test]
fn what_a_vault_may_have_is_bounded() {
    let bench = Bench::new();
    let tags =
        |count: usize, chars: usize| Some((0..count).map(|number| (number.to_string(), "x".repeat(chars))).collect());
    let networks =
        |count: u8| Some((0..count).map(|number| Network::parse(&format!("10.0.{number}.0/24")).unwrap()).collect());
    for (patch, good) in [
        (VaultPatch { tags: tags(15, 256), ..VaultPatch::default() }, true),
        (VaultPatch { tags: tags(16, 1), ..VaultPatch::default() }, false),
        (VaultPatch { tags: tags(1, 257), ..VaultPatch::default() }, false),
        (VaultPatch { networks: networks(129), ..VaultPatch::default() }, false),
    ] {
        let refused = update(&bench, patch);
        assert_eq!(refused.is_ok(), good, "{refused:?}");
    }
    let unknown = |name: &str| -> VaultName { vault_name(name) };
    let refused = run(bench.broker.delete_vault(&bench.admin(), unknown("nowhere"))).map(drop);
    assert_eq!(refused, Err(Refusal::VaultNotFound { vault: vault_name("nowhere") }));
}
