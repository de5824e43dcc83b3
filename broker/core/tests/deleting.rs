//! delete, recover, purge: what is deleted serves nothing and can come back, what is purged cannot.
#![allow(clippy::unwrap_used)]

use std::pin::pin;

use broker_core::algorithm::KeySpec;
use broker_core::broker::{CreateKey, DeletedView, VaultPatch};
use broker_core::imported::ImportedKey;
use broker_core::key::{KeyState, VersionPatch};
use broker_core::permission::{Permission, Role};
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use broker_testkit::{Bench, asker, backend_name, key_name, poll_once, run};

const DAY_S: i64 = 86_400;

fn with_key() -> Bench {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Rsa2048);
    bench
}

/// A bench whose key `k` lives in the HSM, which keeps its keys itself.
fn with_hsm_key() -> Bench {
    let bench = Bench::new();
    let ask = CreateKey { hsm: true, ..bench.create_ask("k", KeySpec::Rsa2048) };
    run(bench.broker.create_key(&bench.admin(), ask)).unwrap();
    bench
}

fn delete(bench: &Bench) -> Result<DeletedView, Refusal> {
    run(bench.broker.delete_key(&bench.admin(), bench.vault(), key_name("k")))
}

fn recover(bench: &Bench) -> Result<(), Refusal> {
    run(bench.broker.recover_key(&bench.admin(), bench.vault(), key_name("k"))).map(drop)
}

fn purge(bench: &Bench) -> Result<(), Refusal> {
    run(bench.broker.purge_key(&bench.admin(), bench.vault(), key_name("k")))
}

fn lock(bench: &Bench, on: bool) -> Result<(), Refusal> {
    run(bench.broker.lock_key(&bench.admin(), bench.vault(), key_name("k"), on))
}

fn not_found() -> Refusal {
    Refusal::KeyNotFound { key: key_name("k"), version: None }
}

#[test]
fn a_deleted_key_serves_nothing_is_shown_as_deleted_and_comes_back_whole() {
    let bench = with_key();
    let (admin, vault) = (bench.admin(), bench.vault());
    let sealed = bench.wrap(&admin, "k", b"secret").unwrap();
    run(bench.broker.rotate_key(&admin, bench.vault(), key_name("k"))).unwrap();
    let before = bench.store.peek(&vault, &key_name("k")).unwrap();
    let now_s = bench.clock.now_s();
    let view = delete(&bench).unwrap();
    assert_eq!((view.deleted_s, view.purge_s), (now_s, now_s + 90 * DAY_S));
    assert_eq!(view.key.version, *before.latest());
    let calls = bench.software.calls().len();
    let patch = VersionPatch { enabled: Some(true), ..VersionPatch::default() };
    for (what, refused) in [
        ("get", run(bench.broker.get_key(&admin, bench.vault(), key_name("k"), None)).map(drop)),
        ("backup", run(bench.broker.backup_key(&admin, bench.vault(), key_name("k"))).map(drop)),
        ("delete", delete(&bench).map(drop)),
        ("lock", lock(&bench, true)),
        ("notify", run(bench.broker.notify_key(&admin, bench.vault(), key_name("k")))),
        ("policy", run(bench.broker.rotation_policy(&admin, bench.vault(), key_name("k"))).map(drop)),
        ("rotate", run(bench.broker.rotate_key(&admin, bench.vault(), key_name("k"))).map(drop)),
        ("unwrap", bench.unwrap(&admin, "k", &sealed.wrapped.value).map(drop)),
        ("update", run(bench.broker.update_key(&admin, bench.vault(), key_name("k"), None, patch)).map(drop)),
        ("wrap", bench.wrap(&admin, "k", b"x").map(drop)),
    ] {
        assert_eq!(refused, Err(not_found()), "{what}");
    }
    assert_eq!(bench.software.calls().len(), calls, "the backend was asked about a deleted key");
    assert!(run(bench.broker.list_keys(&admin, bench.vault(), None, 25)).unwrap().items.is_empty());
    let shown = run(bench.broker.get_deleted_key(&admin, bench.vault(), key_name("k"))).unwrap();
    assert_eq!((shown.deleted_s, shown.purge_s), (view.deleted_s, view.purge_s));
    let listed = run(bench.broker.list_deleted_keys(&admin, bench.vault(), None, 25)).unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].key.key.clone(), listed[0].purge_s), (key_name("k"), view.purge_s));
    recover(&bench).unwrap();
    let after = bench.store.peek(&vault, &key_name("k")).unwrap();
    assert_eq!((after.state, &after.versions), (KeyState::Live, &before.versions));
    assert_eq!(bench.unwrap(&admin, "k", &sealed.wrapped.value).unwrap().secret.expose(), b"secret");
    assert_eq!(recover(&bench), Err(not_found()), "a live key");
    let deleted = run(bench.broker.get_deleted_key(&admin, bench.vault(), key_name("k"))).map(drop);
    assert_eq!(deleted, Err(not_found()));
    assert!(run(bench.broker.list_deleted_keys(&admin, bench.vault(), None, 25)).unwrap().items.is_empty());
}

#[test]
fn a_purged_key_is_gone_from_store_and_backend_and_its_name_is_free() {
    let bench = with_hsm_key();
    let (admin, vault) = (bench.admin(), bench.vault());
    run(bench.broker.rotate_key(&admin, bench.vault(), key_name("k"))).unwrap();
    assert_eq!(purge(&bench), Err(not_found()), "a live key");
    let versions: Vec<_> =
        bench.store.peek(&vault, &key_name("k")).unwrap().versions.iter().map(|version| version.version).collect();
    delete(&bench).unwrap();
    purge(&bench).unwrap();
    let call = bench.hsm.calls().pop().unwrap();
    assert_eq!((call.verb, call.versions), ("destroy", versions.clone()));
    assert_eq!(bench.store.peek(&vault, &key_name("k")), None);
    for version in versions {
        let material = run(broker_core::port::Store::material(&*bench.store, &vault, &key_name("k"), version));
        assert!(material.is_err());
    }
    assert_eq!(recover(&bench), Err(not_found()));
    assert_eq!(purge(&bench), Err(not_found()));
    let deleted = run(bench.broker.get_deleted_key(&admin, bench.vault(), key_name("k"))).map(drop);
    assert_eq!(deleted, Err(not_found()));
    bench.make_key("k", KeySpec::Rsa2048);
    bench.wrap(&admin, "k", b"x").unwrap();
}

#[test]
fn whoever_may_delete_may_not_purge_and_the_other_way_round() {
    let bench = with_key();
    let (remover, operator) = (asker("corp/dns:remover"), asker("corp/dns:operator"));
    bench.give("corp/dns:remover", &[Permission::Delete, Permission::Recover], bench.key_scope("k"));
    bench.give_role("corp/dns:operator", Role::PurgeOperator, bench.key_scope("k"));
    let forbidden = |result: Result<(), Refusal>| matches!(result, Err(Refusal::Forbidden(_)));
    let (vault, key) = (bench.vault(), key_name("k"));
    assert!(forbidden(run(bench.broker.delete_key(&operator, vault.clone(), key.clone())).map(drop)));
    run(bench.broker.delete_key(&remover, vault.clone(), key.clone())).unwrap();
    assert!(forbidden(run(bench.broker.purge_key(&remover, vault.clone(), key.clone()))));
    assert!(forbidden(run(bench.broker.recover_key(&operator, vault.clone(), key.clone())).map(drop)));
    run(bench.broker.purge_key(&operator, vault, key)).unwrap();
}

#[test]
fn purge_protection_keeps_a_key_to_the_second_from_everybody() {
    let bench = with_key();
    let patch = VaultPatch { purge_protection: Some(true), ..VaultPatch::default() };
    run(bench.broker.update_vault(&bench.admin(), bench.vault(), patch)).unwrap();
    let purge_s = delete(&bench).unwrap().purge_s;
    let protected = Refusal::PurgeProtected { key: key_name("k"), purge_s };
    assert_eq!(purge(&bench), Err(protected.clone()));
    bench.clock.set_s(u64::try_from(purge_s).unwrap() - 1);
    assert_eq!(purge(&bench), Err(protected));
    assert_eq!(bench.software.calls().last().unwrap().verb, "create", "the backend was told to destroy it");
    bench.clock.advance_s(1);
    purge(&bench).unwrap();
}

#[test]
fn a_delete_lock_must_be_lifted_first_and_outlives_a_rotation() {
    let bench = with_key();
    lock(&bench, true).unwrap();
    assert_eq!(bench.audit.last().detail.unwrap(), "delete lock set");
    run(bench.broker.rotate_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap();
    assert!(matches!(delete(&bench), Err(Refusal::Conflict { .. })));
    bench.wrap(&bench.admin(), "k", b"x").unwrap();
    lock(&bench, false).unwrap();
    delete(&bench).unwrap();
}

#[test]
fn a_deleted_name_can_be_neither_created_nor_imported_nor_restored() {
    let bench = with_key();
    let admin = bench.admin();
    let backup = run(bench.broker.backup_key(&admin, bench.vault(), key_name("k"))).unwrap();
    delete(&bench).unwrap();
    let deleted = Refusal::KeyDeleted { key: key_name("k") };
    let calls = bench.software.calls().len();
    let before = bench.store.peek(&bench.vault(), &key_name("k"));
    let create = run(bench.broker.create_key(&admin, bench.create_ask("k", KeySpec::Oct256))).map(drop);
    assert_eq!(create, Err(deleted.clone()));
    let imported = ImportedKey::Oct(Secret::copied_from(&[1; 32]));
    let import = run(bench.broker.import_key(&admin, bench.create_ask("k", KeySpec::Oct256), imported)).map(drop);
    assert_eq!(import, Err(deleted.clone()));
    let restore = run(bench.broker.restore_key(&admin, bench.vault(), &backup)).map(drop);
    assert_eq!(restore, Err(deleted));
    assert_eq!(bench.software.calls().len(), calls);
    assert_eq!(bench.store.peek(&bench.vault(), &key_name("k")), before);
}

#[test]
fn a_deletion_waits_for_requests_that_found_the_key_live_and_is_not_purged_before() {
    let bench = with_hsm_key();
    let admin = bench.admin();
    bench.hsm.gate.close();
    let mut wrap = pin!(
        bench
            .broker
            .wrap_key(&admin, bench.wrap_ask("k", None, broker_core::algorithm::WrapAlgorithm::RsaOaep256, b"x"))
    );
    assert!(poll_once(wrap.as_mut()).is_none());
    let mut deletion = pin!(bench.broker.delete_key(&admin, bench.vault(), key_name("k")));
    assert!(poll_once(deletion.as_mut()).is_none(), "a deletion was acknowledged while the key was in use");
    assert!(matches!(purge(&bench), Err(Refusal::Conflict { .. })), "a purge under a wrap");
    assert!(matches!(recover(&bench), Err(Refusal::Conflict { .. })));
    bench.hsm.gate.open();
    assert!(poll_once(wrap.as_mut()).unwrap().is_ok());
    assert!(poll_once(deletion.as_mut()).unwrap().is_ok());
    purge(&bench).unwrap();
}

#[test]
fn a_key_is_not_recovered_while_it_is_being_destroyed() {
    let bench = with_hsm_key();
    let admin = bench.admin();
    delete(&bench).unwrap();
    bench.hsm.gate.close();
    let mut purging = pin!(bench.broker.purge_key(&admin, bench.vault(), key_name("k")));
    assert!(poll_once(purging.as_mut()).is_none());
    assert!(matches!(recover(&bench), Err(Refusal::Conflict { .. })));
    assert!(matches!(purge(&bench), Err(Refusal::Conflict { .. })));
    bench.hsm.gate.open();
    poll_once(purging.as_mut()).unwrap().unwrap();
    assert_eq!(recover(&bench), Err(not_found()));
}

#[test]
fn a_purge_that_the_backend_or_the_store_refuses_can_be_asked_for_again() {
    let bench = with_hsm_key();
    delete(&bench).unwrap();
    let busy = Refusal::BackendBusy { backend: backend_name("hsm") };
    bench.hsm.fail_next(busy.clone());
    assert_eq!(purge(&bench), Err(busy));
    // Whether the token destroyed anything is not known, so nobody may take it for a key that opens.
    assert!(matches!(recover(&bench), Err(Refusal::Conflict { .. })));
    purge(&bench).unwrap();
    assert_eq!(recover(&bench), Err(not_found()));
}
