//! After a revocation is acknowledged, nothing that was decided before it is still under way, and nothing after it is
//! served; and no two of these waits wait for each other.
#![allow(clippy::unwrap_used)]

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use broker_core::broker::{NewGrant, NewVault};
use broker_core::entry::{Asker, Phase, Proof};
use broker_core::grant::{GrantId, Granted, Scope};
use broker_core::key::VersionPatch;
use broker_core::permission::{Permission, Role};
use broker_core::refusal::Refusal;
use broker_core::verb::Operation;
use broker_testkit::{Bench, anchor_name, asker, backend_name, key_name, poll_once, principal, run, vault_name};

const USER: &str = "corp/dns:host1";

fn bench() -> (Bench, GrantId) {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Rsa2048);
    let grant = bench.give_role(USER, Role::CryptoUser, Scope::Broker).id;
    (bench, grant)
}

fn disabling() -> VersionPatch {
    VersionPatch { enabled: Some(false), ..VersionPatch::default() }
}

fn a_vault(name: &str) -> NewVault {
    NewVault::new(vault_name(name), backend_name("software"))
}

async fn revoke(bench: &Bench, who: &Asker, grant: GrantId) -> Result<(), Refusal> {
    bench.broker.remove_grant(who, Scope::Broker, grant).await.map(drop)
}

#[test]
fn a_grant_is_not_taken_back_while_a_wrap_decided_under_it_is_under_way() {
    let (bench, grant) = bench();
    let (user, admin) = (asker(USER), bench.admin());
    bench.software.gate.close();
    let ask = || bench.wrap_ask("k", None, WrapAlgorithm::RsaOaep, b"x");
    let mut wrap = pin!(bench.broker.wrap_key(&user, ask()));
    assert!(poll_once(wrap.as_mut()).is_none());
    let mut removal = pin!(revoke(&bench, &admin, grant));
    assert!(poll_once(removal.as_mut()).is_none(), "acknowledged although the wrap is under way");
    assert_eq!(bench.audit.last().phase, Phase::Intent);
    let late = poll_once(pin!(bench.broker.wrap_key(&user, ask())));
    assert!(matches!(late, Some(Err(Refusal::Forbidden(_)))), "served after the revocation's commit: {late:?}");
    assert!(poll_once(removal.as_mut()).is_none(), "a refusal ended the wait for another's wrap");
    bench.software.gate.open();
    bench.audit.gate.close();
    assert!(poll_once(wrap.as_mut()).is_none() && poll_once(removal.as_mut()).is_none(), "before the wrap's entry");
    bench.audit.gate.open();
    assert!(poll_once(removal.as_mut()).is_none(), "before the wrap was answered");
    assert!(matches!(poll_once(wrap.as_mut()), Some(Ok(_))));
    assert_eq!(poll_once(removal.as_mut()), Some(Ok(())));
    let order: Vec<_> = bench.audit.entries().iter().rev().take(2).map(|entry| entry.operation).collect();
    assert_eq!(
        order,
        [Operation::RemoveGrant, Operation::WrapKey],
        "the wrap is written down before the revocation ends"
    );
}

#[test]
fn a_key_is_not_disabled_while_a_wrap_or_unwrap_under_it_is_under_way() {
    let (bench, _) = bench();
    let (user, admin) = (asker(USER), bench.admin());
    let sealed = bench.wrap(&user, "k", b"x").unwrap().wrapped.value;
    bench.software.gate.close();
    let ask = || bench.wrap_ask("k", None, WrapAlgorithm::RsaOaep256, b"x");
    let mut wrap = pin!(bench.broker.wrap_key(&user, ask()));
    let mut unwrap =
        pin!(bench.broker.unwrap_key(&user, bench.unwrap_ask("k", None, WrapAlgorithm::RsaOaep256, &sealed)));
    assert!(poll_once(wrap.as_mut()).is_none() && poll_once(unwrap.as_mut()).is_none());
    let mut change = pin!(bench.broker.update_key(&admin, bench.vault(), key_name("k"), None, disabling()));
    assert!(poll_once(change.as_mut()).is_none(), "acknowledged although two deeds are under way");
    let late = poll_once(pin!(bench.broker.wrap_key(&user, ask())));
    assert!(matches!(late, Some(Err(Refusal::KeyDisabled { .. }))), "served after the disabling's commit: {late:?}");
    bench.software.gate.open();
    assert!(matches!(poll_once(wrap.as_mut()), Some(Ok(_))));
    assert!(poll_once(change.as_mut()).is_none(), "acknowledged although the unwrap is under way");
    assert!(matches!(poll_once(unwrap.as_mut()), Some(Ok(_))));
    assert!(!poll_once(change.as_mut()).unwrap().unwrap().version.enabled);
}

#[test]
fn a_wrap_that_read_the_key_before_the_disabling_is_waited_for_too() {
    let (bench, _) = bench();
    let (user, admin) = (asker(USER), bench.admin());
    bench.store.read_gate.close();
    let mut wrap = pin!(bench.broker.wrap_key(&user, bench.wrap_ask("k", None, WrapAlgorithm::RsaOaep, b"x")));
    assert!(poll_once(wrap.as_mut()).is_none());
    bench.store.read_gate.admit(2); // the two reads of the update alone
    bench.software.gate.close();
    let mut change = pin!(bench.broker.update_key(&admin, bench.vault(), key_name("k"), None, disabling()));
    assert!(poll_once(change.as_mut()).is_none(), "a request that has yet to read the key is under way");
    bench.store.read_gate.open();
    assert!(matches!(poll_once(wrap.as_mut()), Some(Err(Refusal::KeyDisabled { .. }))), "it reads what was committed");
    assert!(matches!(poll_once(change.as_mut()), Some(Ok(_))));
}

#[test]
fn a_request_that_begins_after_the_change_is_not_waited_for() {
    let (bench, grant) = bench();
    bench.give_role("corp/dns:host2", Role::CryptoUser, Scope::Broker);
    let (user, other, admin) = (asker(USER), asker("corp/dns:host2"), bench.admin());
    let ask = || bench.wrap_ask("k", None, WrapAlgorithm::RsaOaep, b"x");
    bench.software.gate.close();
    let mut before = pin!(bench.broker.wrap_key(&user, ask()));
    assert!(poll_once(before.as_mut()).is_none());
    let mut removal = pin!(revoke(&bench, &admin, grant));
    assert!(poll_once(removal.as_mut()).is_none());
    let mut after = pin!(bench.broker.wrap_key(&other, ask()));
    assert!(poll_once(after.as_mut()).is_none());
    bench.software.gate.admit(1);
    let first = poll_once(before.as_mut());
    assert!(matches!(first, Some(Ok(_))));
    assert_eq!(poll_once(removal.as_mut()), Some(Ok(())), "it waits for a request that began after it");
    bench.software.gate.open();
    assert!(matches!(poll_once(after.as_mut()), Some(Ok(_))));
}

#[test]
fn a_wrap_whose_caller_is_gone_does_not_hold_a_revocation_up() {
    let (bench, grant) = bench();
    let (user, admin) = (asker(USER), bench.admin());
    bench.software.gate.close();
    let mut wrap = Box::pin(bench.broker.wrap_key(&user, bench.wrap_ask("k", None, WrapAlgorithm::RsaOaep, b"x")));
    assert!(poll_once(wrap.as_mut()).is_none());
    let mut removal = pin!(revoke(&bench, &admin, grant));
    assert!(poll_once(removal.as_mut()).is_none());
    drop(wrap);
    assert_eq!(poll_once(removal.as_mut()), Some(Ok(())));
}

#[test]
fn of_two_creations_of_one_vault_exactly_one_wins() {
    let bench = Bench::new();
    let admin = bench.admin();
    bench.audit.gate.close();
    let mut one = pin!(bench.broker.create_vault(&admin, a_vault("vault2")));
    let mut other = pin!(bench.broker.create_vault(&admin, a_vault("vault2")));
    assert!(poll_once(one.as_mut()).is_none() && poll_once(other.as_mut()).is_none());
    bench.audit.gate.open();
    assert!(poll_once(one.as_mut()).is_none(), "it is in force and waits for the other, which began before");
    assert!(matches!(poll_once(other.as_mut()), Some(Err(Refusal::Conflict { .. }))));
    assert!(matches!(poll_once(one.as_mut()), Some(Ok(_))));
    let vaults = run(bench.broker.list_vaults(&admin)).unwrap();
    assert_eq!(vaults.len(), 2);
}

#[test]
fn revocations_at_the_same_time_do_not_wait_for_each_other() {
    let (bench, first) = bench();
    let admin = bench.admin();
    let second = bench.give(USER, &[Permission::Rng], Scope::Broker).id;
    bench.audit.gate.close();
    let mut one = pin!(revoke(&bench, &admin, first));
    let mut other = pin!(revoke(&bench, &admin, second));
    let mut again = pin!(revoke(&bench, &admin, second));
    assert!(poll_once(one.as_mut()).is_none() && poll_once(other.as_mut()).is_none());
    assert!(poll_once(again.as_mut()).is_none());
    bench.audit.gate.open();
    assert!(poll_once(one.as_mut()).is_none(), "the two others began before it");
    assert!(poll_once(other.as_mut()).is_none(), "the third began before it");
    let third = poll_once(again.as_mut());
    assert!(matches!(third, Some(Err(Refusal::NotFound { .. }))), "taken back twice: {third:?}");
    assert_eq!((poll_once(one.as_mut()), poll_once(other.as_mut())), (Some(Ok(())), Some(Ok(()))));
}

#[test]
fn the_last_administrator_cannot_be_revoked() {
    let bench = Bench::new();
    let (admin, first) = (bench.admin(), GrantId([1; 16]));
    let remove = |id| run(revoke(&bench, &admin, id));
    assert!(matches!(remove(first), Err(Refusal::Conflict { .. })));
    bench.give_role(USER, Role::Administrator, Scope::Vault(bench.vault()));
    assert!(
        matches!(remove(first), Err(Refusal::Conflict { .. })),
        "an Administrator of one vault is none of the broker"
    );
    let now = bench.clock.now_s();
    let timed = |from, until| {
        let ask = NewGrant {
            id: None,
            principal: principal(USER),
            granted: Granted::Role(Role::Administrator),
            scope: Scope::Broker,
            not_before_s: from,
            not_after_s: until,
            justification: String::new(),
        };
        run(bench.broker.create_grant(&admin, ask)).unwrap().id
    };
    timed(None, Some(now - 1));
    let brief = timed(None, Some(now + 10));
    timed(Some(now + 10), None);
    assert!(matches!(remove(first), Err(Refusal::Conflict { .. })), "those left ended, end soon, or have not begun");
    remove(brief).unwrap();
    let lasting = timed(None, None);
    remove(first).unwrap();
    let left = run(revoke(&bench, &asker(USER), lasting));
    assert!(matches!(left, Err(Refusal::Conflict { .. })));
    assert!(matches!(remove(lasting), Err(Refusal::Forbidden(_))), "the revoked administrator still rules");
}

#[test]
fn two_administrators_cannot_revoke_each_other_at_the_same_time() {
    let bench = Bench::new();
    let second = bench.give_role(USER, Role::Administrator, Scope::Broker).id;
    let (admin, user) = (bench.admin(), asker(USER));
    bench.audit.gate.close();
    let mut one = pin!(revoke(&bench, &admin, second));
    let mut other = pin!(revoke(&bench, &user, GrantId([1; 16])));
    assert!(poll_once(one.as_mut()).is_none() && poll_once(other.as_mut()).is_none());
    bench.audit.gate.open();
    assert!(poll_once(one.as_mut()).is_none());
    assert!(matches!(poll_once(other.as_mut()), Some(Err(Refusal::Conflict { .. }))));
    assert_eq!(poll_once(one.as_mut()), Some(Ok(())));
}

#[test]
fn a_pin_is_one_name_and_one_certificate() {
    let bench = Bench::new();
    let create =
        |name: &str, byte: u8| run(bench.broker.create_pin(&bench.admin(), anchor_name(name), [byte; 32])).map(drop);
    create("one", 1).unwrap();
    assert!(matches!(create("one", 2), Err(Refusal::Conflict { .. })));
    assert!(matches!(create("two", 1), Err(Refusal::Conflict { .. })));
    run(bench.broker.remove_pin(&bench.admin(), anchor_name("one"))).unwrap();
    let again = run(bench.broker.remove_pin(&bench.admin(), anchor_name("one")));
    assert!(matches!(again, Err(Refusal::NotFound { .. })));
    create("two", 1).unwrap();
}

/// Holds until the pin it stands for is removed.
struct PinProof(Arc<AtomicBool>);

impl Proof for PinProof {
    fn holds(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn a_pin_is_not_removed_while_a_wrap_of_its_certificate_is_under_way() {
    let (bench, _) = bench();
    let admin = bench.admin();
    run(bench.broker.create_pin(&admin, anchor_name("one"), [1; 32])).unwrap();
    bench.give_role("pin/one", Role::CryptoUser, Scope::Broker);
    let pinned = Arc::new(AtomicBool::new(true));
    let told = Arc::clone(&pinned);
    bench.broker.watch_pins(Box::new(move |pins| {
        told.store(pins.iter().any(|pin| pin.name == anchor_name("one")), Ordering::SeqCst);
    }));
    let user = Asker { proof: Some(Arc::new(PinProof(pinned))), ..asker("pin/one") };
    let ask = || bench.wrap_ask("k", None, WrapAlgorithm::RsaOaep, b"x");
    bench.software.gate.close();
    let mut wrap = pin!(bench.broker.wrap_key(&user, ask()));
    assert!(poll_once(wrap.as_mut()).is_none());
    let mut removal = pin!(bench.broker.remove_pin(&admin, anchor_name("one")));
    assert!(poll_once(removal.as_mut()).is_none(), "acknowledged although the wrap is under way");
    let late = poll_once(pin!(bench.broker.wrap_key(&user, ask())));
    assert!(matches!(late, Some(Err(Refusal::IdentityEnded { .. }))), "{late:?}");
    bench.software.gate.open();
    assert!(matches!(poll_once(wrap.as_mut()), Some(Ok(_))));
    assert_eq!(poll_once(removal.as_mut()), Some(Ok(())));
}
