//! Each permission allows its own operations and no other; a refusal tells nothing but what is missing.
#![allow(clippy::unwrap_used)]

mod every_verb;

use std::sync::Arc;

use broker_core::broker::NewVault;
use broker_core::entry::{Asker, Decision, Proof};
use broker_core::grant::Scope;
use broker_core::permission::{Permission, Role};
use broker_core::refusal::{MissingWhy, Refusal};
use broker_core::verb::Operation;
use broker_testkit::{Bench, asker, backend_name, key_name, run, vault_name};
use every_verb::{EXPECTED, Target, ask};

const USER: &str = "corp/dns:host1";

/// What `objectOwn` allows without an object of one's own.
const ON_ONES_OWN: [Operation; 3] = [Operation::CreateObject, Operation::LocateObjects, Operation::RegisterObject];

#[test]
fn the_table_names_every_operation_once() {
    let mut named: Vec<_> = EXPECTED.iter().map(|row| row.0).collect();
    named.sort();
    assert_eq!(named, Operation::ALL);
}

#[test]
fn each_permission_alone_allows_exactly_its_operations() {
    for held in Permission::ALL {
        let bench = Bench::new();
        let target = Target::prepared(&bench);
        bench.give(USER, &[*held], Scope::Broker);
        for (operation, needed, _) in EXPECTED {
            match run(ask(operation, &bench, &target, &asker(USER))) {
                // Who may have objects of its own makes and finds them; those that there are belong to another.
                Ok(()) if *held == Permission::ObjectOwn => assert!(ON_ONES_OWN.contains(&operation), "{operation}"),
                Err(Refusal::ObjectNotFound { .. }) => assert_eq!(*held, Permission::ObjectOwn, "{operation}"),
                Ok(()) => assert_eq!(needed, *held, "{operation} was served to a holder of {held}"),
                Err(Refusal::Forbidden(missing)) => {
                    assert_ne!(needed, *held, "{operation} was refused to a holder of {held}");
                    assert_eq!((missing.permission, missing.why), (needed, MissingWhy::NoGrant), "{operation}");
                    assert_eq!(missing.principal.as_str(), USER);
                }
                Err(other) => panic!("{operation} for a holder of {held}: {other}"),
            }
        }
    }
}

#[test]
fn each_role_allows_exactly_what_the_sheet_says() {
    use Permission as P;
    let keys: Vec<_> = Permission::ALL
        .iter()
        .copied()
        .filter(|p| {
            !matches!(
                p,
                P::AuditRead
                    | P::GrantRead
                    | P::GrantWrite
                    | P::ObjectDerive
                    | P::ObjectOwn
                    | P::ObjectReveal
                    | P::Rng
                    | P::StoreManage
                    | P::VaultManage
            )
        })
        .collect();
    let administrator = [keys.clone(), vec![P::GrantRead, P::GrantWrite, P::StoreManage, P::VaultManage]].concat();
    let user = vec![
        P::Get,
        P::List,
        P::Update,
        P::Backup,
        P::Encrypt,
        P::Decrypt,
        P::WrapKey,
        P::UnwrapKey,
        P::Sign,
        P::Verify,
    ];
    let rows: [(Role, Vec<Permission>); 8] = [
        (Role::Administrator, administrator),
        (Role::Contributor, vec![P::VaultManage]),
        (Role::CryptoOfficer, keys),
        (Role::CryptoServiceEncryptionUser, vec![P::Get, P::WrapKey, P::UnwrapKey]),
        (Role::CryptoServiceReleaseUser, vec![P::Release]),
        (Role::CryptoUser, user),
        (Role::PurgeOperator, vec![P::Purge]),
        (Role::Reader, vec![P::Get, P::List]),
    ];
    for (role, held) in rows {
        let bench = Bench::new();
        let target = Target::prepared(&bench);
        bench.give_role(USER, role, Scope::Broker);
        for (operation, needed, _) in EXPECTED {
            let served = run(ask(operation, &bench, &target, &asker(USER))).is_ok();
            assert_eq!(served, held.contains(&needed), "{operation} for {role}");
        }
    }
}

#[test]
fn a_right_on_one_key_is_no_right_on_another_nor_on_the_vault() {
    let bench = Bench::new();
    let target = Target::prepared(&bench);
    bench.give_role(USER, Role::Administrator, bench.key_scope("k"));
    let elsewhere = Target { key: key_name("other"), ..target.clone() };
    let on_keys = [
        Operation::BackupKey,
        Operation::Decrypt,
        Operation::Encrypt,
        Operation::Examine,
        Operation::GetKey,
        Operation::GetRotationPolicy,
        Operation::ListVersions,
        Operation::LockKey,
        Operation::NotifyKey,
        Operation::RotateKey,
        Operation::SetRotationPolicy,
        Operation::Sign,
        Operation::UnwrapKey,
        Operation::UpdateKey,
        Operation::Verify,
        Operation::WrapKey,
    ];
    for operation in on_keys {
        assert!(
            matches!(run(ask(operation, &bench, &elsewhere, &asker(USER))), Err(Refusal::Forbidden(_))),
            "{operation}"
        );
        run(ask(operation, &bench, &target, &asker(USER))).unwrap();
    }
    let elsewhere = [
        Operation::AcceptClock,
        Operation::BackUpBackend,
        Operation::BackupStore,
        Operation::CreateKey,
        Operation::CreateVault,
        Operation::DeleteKey,
        Operation::GetDeletedKey,
        Operation::ImportKey,
        Operation::ListDeletedKeys,
        Operation::ListKeys,
        Operation::LoadBackend,
        Operation::PurgeKey,
        Operation::RecoverKey,
        Operation::ReloadTrust,
        Operation::RestoreBackend,
        Operation::RestoreKey,
        Operation::RestoreStore,
        Operation::RotateRoot,
        Operation::UpdateVault,
    ];
    for operation in elsewhere {
        assert!(
            matches!(run(ask(operation, &bench, &target, &asker(USER))), Err(Refusal::Forbidden(_))),
            "{operation}"
        );
    }
}

/// A certificate that was trusted when its connection began, and is not any more.
struct Ended;

impl Proof for Ended {
    fn holds(&self) -> bool {
        false
    }
}

#[test]
fn whoever_lost_the_proof_of_its_name_is_served_nothing() {
    let bench = Bench::new();
    let target = Target::prepared(&bench);
    bench.give_role(USER, Role::Administrator, Scope::Broker);
    let ended = Asker { proof: Some(Arc::new(Ended)), ..asker(USER) };
    for (operation, ..) in EXPECTED {
        let answer = run(ask(operation, &bench, &target, &ended));
        assert_eq!(answer, Err(Refusal::IdentityEnded { principal: ended.principal.clone() }), "{operation}");
        let decision = Decision::Refused { reason: "identity-ended", missing: None };
        assert_eq!(bench.audit.last().decision, Some(decision), "{operation}");
    }
}

#[test]
fn a_refusal_says_the_same_whether_or_not_the_vault_and_key_exist() {
    let (with, without) = (Bench::new(), Bench::new());
    let vault = NewVault::new(vault_name("vault2"), backend_name("software"));
    run(with.broker.create_vault(&with.admin(), vault)).unwrap();
    let mut made = with.create_ask("k", broker_core::algorithm::KeySpec::Rsa2048);
    made.vault = vault_name("vault2");
    run(with.broker.create_key(&with.admin(), made)).unwrap();
    let target = Target { vault: vault_name("vault2"), ..Target::prepared(&with) };
    for (operation, needed, _) in EXPECTED {
        let one = run(ask(operation, &with, &target, &asker(USER))).unwrap_err();
        let other = run(ask(operation, &without, &target, &asker(USER))).unwrap_err();
        assert_eq!(one, other, "{operation}");
        let (one, other) = (with.audit.last(), without.audit.last());
        let scope = one.scope.clone();
        let decision = Decision::Refused { reason: "forbidden", missing: Some(format!("{needed} on {scope}")) };
        assert_eq!(one.decision, Some(decision), "{operation}");
        assert_eq!((one.decision, one.scope), (other.decision, other.scope), "{operation}");
        assert_eq!((one.operation, one.asker.principal.as_str()), (operation, USER));
    }
}
