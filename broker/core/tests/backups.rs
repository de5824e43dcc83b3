//! backup and restore: a key moves between vaults with all that was wrapped under it, and over no other key.
#![allow(clippy::unwrap_used)]

use std::pin::pin;

use broker_core::algorithm::KeySpec;
use broker_core::broker::{NewVault, UnwrapKey};
use broker_core::name::VaultName;
use broker_core::permission::Permission;
use broker_core::refusal::Refusal;
use broker_testkit::store_questions::policy;
use broker_testkit::{Bench, asker, backend_name, key_name, poll_once, run, vault_name};

/// With a key `k` of two versions and a second vault.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Rsa2048);
    let vault = NewVault { soft_delete_days: Some(7), ..NewVault::new(vault_name("vault2"), backend_name("software")) };
    run(bench.broker.create_vault(&bench.admin(), vault)).unwrap();
    bench
}

fn backup(bench: &Bench, vault: VaultName) -> Vec<u8> {
    run(bench.broker.backup_key(&bench.admin(), vault, key_name("k"))).unwrap()
}

fn restore(bench: &Bench, vault: VaultName, sealed: &[u8]) -> Result<(), Refusal> {
    run(bench.broker.restore_key(&bench.admin(), vault, sealed)).map(drop)
}

fn unwrap_in(bench: &Bench, vault: VaultName, value: &[u8]) -> Result<Vec<u8>, Refusal> {
    let ask = bench.unwrap_ask("k", None, broker_core::algorithm::WrapAlgorithm::RsaOaep256, value);
    run(bench.broker.unwrap_key(&bench.admin(), UnwrapKey { vault, ..ask }))
        .map(|opened| opened.secret.expose().to_vec())
}

#[test]
fn a_key_restored_into_another_vault_opens_what_the_original_wrapped_before_and_after_its_rotation() {
    let (bench, other) = (bench(), vault_name("vault2"));
    let admin = bench.admin();
    let rotate = |vault| run(bench.broker.rotate_key(&admin, vault, key_name("k"))).unwrap();
    let first = bench.wrap(&admin, "k", b"first").unwrap().wrapped.value;
    rotate(bench.vault());
    let second = bench.wrap(&admin, "k", b"second").unwrap().wrapped.value;
    run(bench.broker.set_rotation_policy(&admin, bench.vault(), key_name("k"), policy())).unwrap();
    run(bench.broker.lock_key(&admin, bench.vault(), key_name("k"), true)).unwrap();
    let sealed = backup(&bench, bench.vault());
    let later = {
        rotate(bench.vault());
        bench.wrap(&admin, "k", b"later").unwrap().wrapped.value
    };
    restore(&bench, other.clone(), &sealed).unwrap();
    assert_eq!(bench.audit.last().detail.unwrap(), "key k");
    rotate(other.clone());
    assert_eq!(unwrap_in(&bench, other.clone(), &first).unwrap(), b"first");
    assert_eq!(unwrap_in(&bench, other.clone(), &second).unwrap(), b"second");
    assert_eq!(unwrap_in(&bench, other.clone(), &later), Err(Refusal::Unwrappable), "made after the backup");
    let original = bench.store.peek(&bench.vault(), &key_name("k")).unwrap();
    let restored = bench.store.peek(&other, &key_name("k")).unwrap();
    assert_eq!(restored.versions[..2], original.versions[..2], "attributes, tags and dates too");
    assert_eq!((&restored.rotation, restored.delete_lock), (&original.rotation, true));
    // And home again: a backup of the copy is bound to where each version was made.
    let copy = backup(&bench, other.clone());
    run(bench.broker.lock_key(&admin, bench.vault(), key_name("k"), false)).unwrap();
    run(bench.broker.delete_key(&admin, bench.vault(), key_name("k"))).unwrap();
    run(bench.broker.purge_key(&admin, bench.vault(), key_name("k"))).unwrap();
    restore(&bench, bench.vault(), &copy).unwrap();
    assert_eq!(unwrap_in(&bench, bench.vault(), &first).unwrap(), b"first");
    assert_eq!(unwrap_in(&bench, bench.vault(), &later), Err(Refusal::Unwrappable), "purged for good");
}

#[test]
fn nothing_is_restored_over_a_live_name() {
    let bench = bench();
    let sealed = backup(&bench, bench.vault());
    let before = bench.store.peek(&bench.vault(), &key_name("k"));
    assert!(matches!(restore(&bench, bench.vault(), &sealed), Err(Refusal::Conflict { .. })));
    assert_eq!(bench.store.peek(&bench.vault(), &key_name("k")), before);
    restore(&bench, vault_name("vault2"), &sealed).unwrap();
    assert!(matches!(restore(&bench, vault_name("vault2"), &sealed), Err(Refusal::Conflict { .. })));
}

#[test]
fn of_two_restorations_of_one_backup_at_the_same_time_one_wins_and_the_other_hears_why() {
    let (bench, other) = (bench(), vault_name("vault2"));
    let (admin, sealed) = (bench.admin(), backup(&bench, bench.vault()));
    bench.store.commit_gate.close();
    let mut one = pin!(bench.broker.restore_key(&admin, other.clone(), &sealed));
    let mut two = pin!(bench.broker.restore_key(&admin, other.clone(), &sealed));
    assert!(poll_once(one.as_mut()).is_none() && poll_once(two.as_mut()).is_none());
    bench.store.commit_gate.open();
    assert!(poll_once(one.as_mut()).unwrap().is_ok());
    assert!(matches!(poll_once(two.as_mut()), Some(Err(Refusal::Conflict { .. }))));
}

#[test]
fn what_is_no_backup_of_this_broker_is_refused_in_the_same_words_and_written_down() {
    let (bench, stranger) = (bench(), Bench::new());
    stranger.make_key("k", KeySpec::Rsa2048);
    let own = backup(&bench, bench.vault());
    let foreign = backup(&stranger, stranger.vault());
    let mut words = Vec::new();
    for value in [&foreign[..], b"", b"k", &own[1..], &own[..own.len() - 1]] {
        match restore(&bench, vault_name("vault2"), value) {
            Err(Refusal::BadRequest { problem }) => words.push(problem),
            other => panic!("{other:?}"),
        }
        assert_eq!(bench.audit.last().operation, broker_core::verb::Operation::RestoreKey);
    }
    words.dedup();
    assert_eq!(words.len(), 1);
}

#[test]
fn a_backup_needs_a_backend_that_its_versions_live_in() {
    let bench = bench();
    let sealed = backup(&bench, bench.vault());
    let without = [(backend_name("hsm"), bench.hsm.clone() as _)];
    bench.broker.replace_backends(without.into());
    let refused = restore(&bench, vault_name("vault2"), &sealed);
    assert_eq!(refused, Err(Refusal::BackendUnavailable { backend: backend_name("software") }));
    assert_eq!(bench.store.peek(&vault_name("vault2"), &key_name("k")), None);
}

#[test]
fn to_back_up_is_a_right_on_the_key_and_to_restore_one_on_the_vault() {
    let bench = bench();
    let who = asker("corp/dns:host1");
    bench.give("corp/dns:host1", &[Permission::Backup, Permission::Restore], bench.key_scope("k"));
    let sealed = run(bench.broker.backup_key(&who, bench.vault(), key_name("k"))).unwrap();
    let refused = run(bench.broker.restore_key(&who, vault_name("vault2"), &sealed)).map(drop);
    assert!(matches!(refused, Err(Refusal::Forbidden(_))));
    let scope = broker_core::grant::Scope::Vault(vault_name("vault2"));
    bench.give("corp/dns:host1", &[Permission::Restore], scope);
    run(bench.broker.restore_key(&who, vault_name("vault2"), &sealed)).unwrap();
}
