//! A purge reaches every backend, spares what another key still opens with, and once begun is finished.
#![allow(clippy::unwrap_used)]

use std::pin::pin;

use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use broker_core::broker::{CreateKey, NewVault, UnwrapKey};
use broker_core::key::KeyState;
use broker_core::name::VaultName;
use broker_core::refusal::Refusal;
use broker_testkit::{Bench, backend_name, key_name, poll_once, run, vault_name};

/// A key `k` of the HSM in `vault1`, restored into `vault2`; and something wrapped under it.
fn shared() -> (Bench, VaultName, Vec<u8>) {
    let (bench, other) = (Bench::new(), vault_name("vault2"));
    make(&bench, true);
    let wrapped = bench.wrap(&bench.admin(), "k", b"secret").unwrap().wrapped.value;
    let vault =
        NewVault { hsm_backend: Some(backend_name("hsm")), ..NewVault::new(other.clone(), backend_name("software")) };
    run(bench.broker.create_vault(&bench.admin(), vault)).unwrap();
    let sealed = run(bench.broker.backup_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
    run(bench.broker.restore_key(&bench.admin(), other.clone(), &sealed)).unwrap();
    (bench, other, wrapped)
}

fn make(bench: &Bench, hsm: bool) {
    let ask = CreateKey { hsm, ..bench.create_ask("k", KeySpec::Rsa2048) };
    run(bench.broker.create_key(&bench.admin(), ask)).unwrap();
}

fn delete_and_purge(bench: &Bench, vault: &VaultName) -> Result<(), Refusal> {
    run(bench.broker.delete_key(&bench.admin(), vault.clone(), key_name("k"))).unwrap();
    run(bench.broker.purge_key(&bench.admin(), vault.clone(), key_name("k")))
}

fn opens(bench: &Bench, vault: &VaultName, wrapped: &[u8]) -> bool {
    let ask = bench.unwrap_ask("k", None, WrapAlgorithm::RsaOaep256, wrapped);
    run(bench.broker.unwrap_key(&bench.admin(), UnwrapKey { vault: vault.clone(), ..ask }))
        .is_ok_and(|opened| opened.secret.expose() == b"secret")
}

fn destroyed(backend: &broker_testkit::FakeBackend) -> Vec<usize> {
    backend.calls().iter().filter(|call| call.verb == "destroy").map(|call| call.versions.len()).collect()
}

#[test]
fn what_a_restored_key_shares_with_its_original_goes_with_the_last_of_them() {
    for original_first in [true, false] {
        let (bench, other, wrapped) = shared();
        let (first, last) = if original_first { (bench.vault(), other) } else { (other, bench.vault()) };
        delete_and_purge(&bench, &first).unwrap();
        assert!(destroyed(&bench.hsm).is_empty());
        assert!(opens(&bench, &last, &wrapped), "the purge of one destroyed both");
        delete_and_purge(&bench, &last).unwrap();
        assert_eq!(destroyed(&bench.hsm), [1]);
    }
}

#[test]
fn a_version_of_its_own_is_destroyed_beside_those_that_are_shared() {
    let (bench, other, wrapped) = shared();
    run(bench.broker.rotate_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
    delete_and_purge(&bench, &bench.vault()).unwrap();
    assert_eq!(destroyed(&bench.hsm), [1]);
    assert!(opens(&bench, &other, &wrapped));
}

#[test]
fn a_deleted_key_and_one_in_a_deleted_vault_still_share() {
    let (bench, other, wrapped) = shared();
    run(bench.broker.delete_vault(&bench.admin(), other.clone())).unwrap();
    delete_and_purge(&bench, &bench.vault()).unwrap();
    run(bench.broker.recover_vault(&bench.admin(), other.clone())).unwrap();
    assert!(opens(&bench, &other, &wrapped));
}

#[test]
fn a_purge_and_a_restore_of_the_same_key_do_not_pass_each_other() {
    let (bench, other, _) = shared();
    let sealed = run(bench.broker.backup_key(&bench.admin(), other.clone(), key_name("k"))).unwrap();
    delete_and_purge(&bench, &other).unwrap();
    run(bench.broker.delete_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
    bench.hsm.gate.close();
    let admin = bench.admin();
    let mut purge = pin!(bench.broker.purge_key(&admin, bench.vault(), key_name("k")));
    assert!(poll_once(purge.as_mut()).is_none());
    let refused = run(bench.broker.restore_key(&admin, other.clone(), &sealed)).map(drop);
    assert!(matches!(refused, Err(Refusal::Conflict { .. })), "{refused:?}");
    bench.hsm.gate.open();
    run(purge).unwrap();
}

#[test]
fn each_backend_destroys_its_own_versions() {
    let bench = Bench::new();
    make(&bench, false);
    make(&bench, true);
    make(&bench, false);
    delete_and_purge(&bench, &bench.vault()).unwrap();
    assert_eq!((destroyed(&bench.software), destroyed(&bench.hsm)), (vec![2], vec![1]));
}

#[test]
fn a_purge_that_begun_is_never_undone_and_finished_at_the_next_look() {
    let bench = Bench::new();
    make(&bench, true);
    run(bench.broker.delete_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
    let purge = || run(bench.broker.purge_key(&bench.admin(), bench.vault(), key_name("k")));
    // The mark is durable, the token has destroyed the key, and then the store fails.
    bench.store.fail_commit_after(1);
    assert_eq!(purge(), Err(Refusal::StoreUnavailable));
    assert_eq!(destroyed(&bench.hsm), [1]);
    let record = bench.store.peek(&bench.vault(), &key_name("k")).unwrap();
    assert!(matches!(record.state, KeyState::Purging { .. }));
    let refused = run(bench.broker.recover_key(&bench.admin(), bench.vault(), key_name("k"))).map(drop);
    assert!(matches!(&refused, Err(Refusal::Conflict { problem }) if problem.contains("being purged")), "{refused:?}");
    let taken = run(bench.broker.create_key(&bench.admin(), bench.create_ask("k", KeySpec::Oct256))).map(drop);
    assert_eq!(taken, Err(Refusal::KeyDeleted { key: key_name("k") }));
    run(bench.broker.get_deleted_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
    let due = run(bench.broker.due(bench.clock.now_s(), 10)).unwrap();
    assert_eq!(due.iter().map(|record| record.name.clone()).collect::<Vec<_>>(), [key_name("k")]);
    purge().unwrap();
    assert_eq!(bench.store.peek(&bench.vault(), &key_name("k")), None);
}

#[test]
fn nothing_is_destroyed_before_the_mark_is_durable() {
    let bench = Bench::new();
    make(&bench, true);
    run(bench.broker.delete_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
    bench.store.fail_commit_after(0);
    let refused = run(bench.broker.purge_key(&bench.admin(), bench.vault(), key_name("k")));
    assert_eq!(refused, Err(Refusal::StoreUnavailable));
    assert!(destroyed(&bench.hsm).is_empty());
    run(bench.broker.recover_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
}
