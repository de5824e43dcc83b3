//! Managed objects: their life, whose they are, and the key they are kept under.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use broker_core::broker::{
    CreateObject, CreateObjectPair, LocateObjects, NewObject, ObjectView, RekeyObject, Task, task_asker,
};
use broker_core::entry::{Asker, Phase};
use broker_core::grant::Scope;
use broker_core::name::{KeyName, RequestId};
use broker_core::object::{
    Attributes, Curve, Filter, Indexed, LinkKind, ObjectAlgorithm, ObjectId, ObjectName, ObjectRecord,
    ObjectState as State, Revocation, RevocationReason as Reason, Usage, UsageMask,
};
use broker_core::object_crypto::PairSpec;
use broker_core::permission::{Permission, Role};
use broker_core::port::Store;
use broker_core::refusal::Refusal;
use broker_core::verb::Operation;
use broker_testkit::object_questions::{next_of, object};
use broker_testkit::{Bench, asker, run};

const OWNER: &str = "corp/dns:esx1";

fn owner_on(bench: &Bench) -> Asker {
    bench.give(OWNER, &[Permission::ObjectOwn], Scope::Vault(bench.vault()));
    asker(OWNER)
}

fn make(bench: &Bench, who: &Asker, attributes: Attributes) -> Result<ObjectView, Refusal> {
    let new = NewObject { attributes, form: Vec::new() };
    let ask = CreateObject { vault: bench.vault(), algorithm: ObjectAlgorithm::Aes, bits: 256, new };
    run(bench.broker.create_object(who, ask))
}

fn reveal(bench: &Bench, who: &Asker, id: ObjectId) -> Result<Vec<u8>, Refusal> {
    run(bench.broker.reveal_object(who, bench.vault(), id)).map(|revealed| revealed.bytes.expose().to_vec())
}

fn named(name: &str) -> Attributes {
    let name = ObjectName { text: name.to_owned(), uri: false };
    Attributes { names: vec![Indexed { index: 0, value: name }], usage: UsageMask(12), ..Attributes::default() }
}

fn why(reason: Reason) -> Revocation {
    Revocation { reason, message: None }
}

/// An object in this state, without dates.
fn in_state(state: State) -> ObjectRecord {
    let mut record = object(1);
    record.attributes = Attributes { usage: UsageMask(0x3bf), ..Attributes::default() };
    record.life.state = state;
    record
}

#[test]
fn only_the_transitions_of_the_standard_are_possible() {
    // (from, Activate, Revoke, Revoke as compromised, Destroy): KMIP 1.4 section 3.22.
    let rows = [
        (State::PreActive, Some(State::Active), None, Some(State::Compromised), Some(State::Destroyed)),
        (State::Active, None, Some(State::Deactivated), Some(State::Compromised), None),
        (State::Deactivated, None, None, Some(State::Compromised), Some(State::Destroyed)),
        (State::Compromised, None, None, None, Some(State::DestroyedCompromised)),
        (State::Destroyed, None, None, Some(State::DestroyedCompromised), None),
        (State::DestroyedCompromised, None, None, None, None),
    ];
    for (from, activated, revoked, compromised, destroyed) in rows {
        let record = in_state(from);
        let state = |next: Result<ObjectRecord, Refusal>| next.ok().map(|next| next.life.state);
        assert_eq!(state(record.activated(50)), activated, "{from} activated");
        assert_eq!(state(record.revoked(50, why(Reason::Superseded), None)), revoked, "{from} revoked");
        for reason in [Reason::KeyCompromise, Reason::CaCompromise] {
            assert_eq!(state(record.revoked(50, why(reason), None)), compromised, "{from} {reason}");
        }
        assert_eq!(state(record.destroyed(50)), destroyed, "{from} destroyed");
    }
    // A compromise of no known beginning began with the object.
    let compromised = in_state(State::Active).revoked(50, why(Reason::KeyCompromise), None).unwrap().life;
    assert_eq!((compromised.compromise_s, compromised.compromise_occurrence_s), (Some(50), Some(7)));
}

#[test]
fn each_use_ends_with_the_state_and_the_dates_it_must_end_with() {
    let may = |record: &ObjectRecord, usage, now_s| record.check_use(usage, now_s).is_ok();
    for (state, protects, processes) in [
        (State::PreActive, false, false),
        (State::Active, true, true),
        (State::Deactivated, false, true),
        (State::Compromised, false, true),
        (State::Destroyed, false, false),
        (State::DestroyedCompromised, false, false),
    ] {
        for usage in Usage::ALL.iter().copied() {
            let expected = if usage.protects() { protects } else { processes };
            assert_eq!(may(&in_state(state), usage, 50), expected, "{usage} of an object that is {state}");
        }
    }
    let mut dated = in_state(State::PreActive);
    dated.attributes = Attributes {
        activation_s: Some(10),
        process_start_s: Some(20),
        protect_stop_s: Some(30),
        deactivation_s: Some(40),
        ..dated.attributes
    };
    for (now_s, state, encrypts, decrypts) in [
        (9, State::PreActive, false, false),
        (10, State::Active, false, false),
        (20, State::Active, true, true),
        (30, State::Active, false, true),
        (40, State::Deactivated, false, true),
    ] {
        assert_eq!(dated.state_at(now_s), state, "{now_s}");
        assert_eq!((may(&dated, Usage::Encrypt, now_s), may(&dated, Usage::Decrypt, now_s)), (encrypts, decrypts));
    }
    let mut unused = in_state(State::Active);
    unused.attributes.usage = UsageMask(Usage::Decrypt.bit());
    assert!(matches!(unused.check_use(Usage::Encrypt, 50), Err(Refusal::ObjectUsageExcluded { .. })));
}

#[test]
fn an_object_is_its_owners_alone_until_a_grant_widens_that() {
    let bench = Bench::new();
    let owner = owner_on(&bench);
    let id = make(&bench, &owner, named("disk")).unwrap().id();
    assert_eq!(reveal(&bench, &owner, id).unwrap().len(), 32);
    bench.give("corp/dns:esx2", &[Permission::ObjectOwn], Scope::Broker);
    bench.give_role("corp/dns:reader", Role::Reader, Scope::Broker);
    bench.give_role("corp/dns:chief", Role::Administrator, Scope::Broker);
    type Told = fn(&Refusal) -> bool;
    let rows: [(&str, Told); 4] = [
        // Nothing tells another's object from one that there is not.
        ("corp/dns:esx2", |refusal| matches!(refusal, Refusal::ObjectNotFound { .. })),
        ("corp/dns:stranger", |refusal| matches!(refusal, Refusal::Forbidden(_))),
        ("corp/dns:reader", |refusal| matches!(refusal, Refusal::Forbidden(_))),
        ("corp/dns:chief", |refusal| matches!(refusal, Refusal::Forbidden(_))),
    ];
    for (who, refused) in rows {
        for id in [id, ObjectId([3; 16])] {
            assert!(refused(&reveal(&bench, &asker(who), id).unwrap_err()), "{who}");
        }
    }
    let find = |who: &str| {
        let ask = LocateObjects { vault: bench.vault(), filter: Filter::default(), skip: 0, most: None };
        run(bench.broker.locate_objects(&asker(who), ask)).map(|found| found.len())
    };
    assert_eq!((find(OWNER), find("corp/dns:esx2"), find("corp/dns:reader")), (Ok(1), Ok(0), Ok(1)));
    assert!(matches!(find("corp/dns:stranger"), Err(Refusal::Forbidden(_))));
    bench.give("corp/dns:esx2", &[Permission::ObjectReveal], Scope::Key(bench.vault(), id.key_name()));
    assert_eq!(reveal(&bench, &asker("corp/dns:esx2"), id), reveal(&bench, &owner, id));
}

#[test]
fn the_keks_name_is_no_name_to_a_front_and_its_key_is_in_no_list() {
    let bench = Bench::new();
    let owner = owner_on(&bench);
    make(&bench, &owner, named("disk")).unwrap();
    let name = KeyName::object_kek();
    assert!(KeyName::parse(name.as_str()).is_err() && KeyName::parse_any_case(name.as_str()).is_err());
    let kek = run(bench.store.key(&bench.vault(), &name)).unwrap().unwrap();
    assert!(kek.delete_lock && kek.name.is_reserved());
    assert_eq!(run(bench.broker.list_keys(&bench.admin(), bench.vault(), None, 25)).unwrap().items.len(), 0);
    // Even by who could name it: it is locked.
    let deleted = run(bench.broker.delete_key(&bench.admin(), bench.vault(), name));
    assert!(matches!(deleted, Err(Refusal::Conflict { .. })), "{deleted:?}");
}

#[test]
fn sensitive_and_unextractable_objects_stay_inside() {
    let bench = Bench::new();
    let owner = owner_on(&bench);
    let sensitive = make(&bench, &owner, Attributes { sensitive: true, ..named("a") }).unwrap().id();
    let inner = make(&bench, &owner, Attributes { unextractable: true, ..named("b") }).unwrap().id();
    assert!(matches!(reveal(&bench, &owner, sensitive), Err(Refusal::ObjectNotExtractable { .. })));
    assert!(matches!(reveal(&bench, &owner, inner), Err(Refusal::ObjectNotExtractable { .. })));
    let wrapped = |id| run(bench.broker.reveal_object_to_wrap(&owner, bench.vault(), id)).map(drop);
    assert_eq!(wrapped(sensitive), Ok(()));
    assert!(matches!(wrapped(inner), Err(Refusal::ObjectNotExtractable { .. })));
}

#[test]
fn a_destroyed_object_keeps_no_bytes() {
    let bench = Bench::new();
    let owner = owner_on(&bench);
    let id = make(&bench, &owner, named("disk")).unwrap().id();
    run(bench.broker.destroy_object(&owner, bench.vault(), id)).unwrap();
    assert!(matches!(reveal(&bench, &owner, id), Err(Refusal::ObjectWrongState { .. })));
    let view = run(bench.broker.get_object(&owner, bench.vault(), id)).unwrap();
    assert_eq!(view.state(), State::Destroyed);
    let kept = run(bench.store.object(&bench.vault(), id)).unwrap().unwrap();
    assert_eq!(kept.kept, broker_core::object::Kept::Gone);
}

#[test]
fn a_rekeyed_object_gives_its_names_to_the_one_that_replaces_it() {
    let bench = Bench::new();
    let owner = owner_on(&bench);
    let old = make(&bench, &owner, named("disk")).unwrap().id();
    let ask = || RekeyObject { vault: bench.vault(), id: old, offset_s: Some(0) };
    let new = run(bench.broker.rekey_object(&owner, ask(), &|_| Ok(()))).unwrap();
    assert_eq!((new.attributes().names.len(), new.state()), (1, State::Active));
    assert!(new.attributes().links.contains(&(LinkKind::ReplacedObject, old)));
    let before = run(bench.broker.get_object(&owner, bench.vault(), old)).unwrap();
    assert!(before.attributes().names.is_empty());
    assert!(before.attributes().links.contains(&(LinkKind::ReplacementObject, new.id())));
    assert_ne!(reveal(&bench, &owner, old).unwrap(), reveal(&bench, &owner, new.id()).unwrap());
    assert!(matches!(run(bench.broker.rekey_object(&owner, ask(), &|_| Ok(()))), Err(Refusal::Conflict { .. })));
}

#[test]
fn the_halves_of_a_pair_have_names_of_their_own() {
    let bench = Bench::new();
    let owner = owner_on(&bench);
    let pair = |private: &str, public: &str| {
        let half = |name: &str| NewObject { attributes: named(name), form: Vec::new() };
        let spec = PairSpec::Ec { algorithm: ObjectAlgorithm::Ecdsa, curve: Curve::P256 };
        let ask = CreateObjectPair { vault: bench.vault(), spec, private: half(private), public: half(public) };
        run(bench.broker.create_object_pair(&owner, ask))
    };
    assert!(matches!(pair("key", "key"), Err(Refusal::BadRequest { .. })));
    pair("private", "public").unwrap();
    assert!(matches!(pair("other", "public"), Err(Refusal::BadRequest { .. })));
}

#[test]
fn nothing_is_undone_once_another_request_has_changed_one_of_the_objects() {
    let bench = Bench::new();
    let owner = owner_on(&bench);
    let noted = Asker { journal: Some(Arc::default()), ..owner.clone() };
    let [new, changed] =
        [make(&bench, &noted, named("new")), make(&bench, &owner, named("changed"))].map(Result::unwrap);
    run(bench.broker.activate_object(&noted, bench.vault(), changed.id())).unwrap();
    let keeper = task_asker(Task::Objects, RequestId::from_random([1; 16]));
    let undo = || run(bench.broker.undo_objects(&keeper, bench.vault(), noted.journal.as_ref().unwrap()));
    // The other request comes first; then the same journal, without one, is undone.
    run(bench.broker.revoke_object(&owner, bench.vault(), changed.id(), why(Reason::Superseded), None)).unwrap();
    assert!(matches!(undo(), Err(Refusal::Conflict { .. })));
    let state = |id| run(bench.broker.get_object(&owner, bench.vault(), id)).map(|view| view.state());
    assert_eq!((state(new.id()), state(changed.id())), (Ok(State::PreActive), Ok(State::Deactivated)));

    let again = Asker { journal: Some(Arc::default()), ..owner.clone() };
    let second = make(&bench, &again, named("second")).unwrap().id();
    run(bench.broker.destroy_object(&again, bench.vault(), new.id())).unwrap();
    run(bench.broker.undo_objects(&keeper, bench.vault(), again.journal.as_ref().unwrap())).unwrap();
    assert_eq!(state(second), Err(Refusal::ObjectNotFound { object: second }));
    assert_eq!(state(new.id()), Ok(State::PreActive));
    reveal(&bench, &owner, new.id()).unwrap();
}

#[test]
fn a_rotated_kek_leaves_every_object_as_it_was_and_the_old_version_unused() {
    let bench = Bench::new();
    let owner = owner_on(&bench);
    let ids: Vec<_> = (0..70).map(|number| make(&bench, &owner, named(&format!("{number}"))).unwrap().id()).collect();
    let before: Vec<_> = ids.iter().map(|id| reveal(&bench, &owner, *id).unwrap()).collect();
    let older = || run(bench.broker.older_kek_objects(&bench.vault())).unwrap();
    assert_eq!(older(), 0);
    run(bench.broker.rotate_kek(&bench.admin(), bench.vault())).unwrap();
    assert_eq!(older(), 70);
    let keeper = task_asker(Task::Objects, RequestId::from_random([1; 16]));
    let mut batches = 0;
    while run(bench.broker.rewrap_objects(&keeper, bench.vault())).unwrap().is_some() {
        batches += 1;
    }
    assert_eq!((older(), batches), (0, 2));
    let after: Vec<_> = ids.iter().map(|id| reveal(&bench, &owner, *id).unwrap()).collect();
    assert_eq!(before, after);
    // Each batch stands in the audit as a change by the broker itself.
    let entries = bench.audit.entries();
    let noted = entries.iter().filter(|entry| entry.operation == Operation::RewrapObjects);
    let phases: Vec<_> = noted.map(|entry| entry.phase).collect();
    assert_eq!(phases, [Phase::Intent, Phase::Outcome, Phase::Intent, Phase::Outcome, Phase::Done]);
}

#[test]
fn an_object_that_changes_while_it_is_rewrapped_is_taken_the_next_time() {
    let bench = Bench::new();
    let owner = owner_on(&bench);
    let (one, other) = (make(&bench, &owner, named("a")).unwrap().id(), make(&bench, &owner, named("b")).unwrap().id());
    run(bench.broker.rotate_kek(&bench.admin(), bench.vault())).unwrap();
    let keeper = task_asker(Task::Objects, RequestId::from_random([1; 16]));
    bench.store.commit_gate.close();
    let mut rewrap = std::pin::pin!(bench.broker.rewrap_objects(&keeper, bench.vault()));
    assert!(broker_testkit::poll_once(rewrap.as_mut()).is_none());
    let current = run(bench.store.object(&bench.vault(), one)).unwrap().unwrap();
    bench.store.overwrite_object(next_of(&current, |object| object.life.fresh = false));
    bench.store.commit_gate.open();
    let done = run(rewrap).unwrap().unwrap();
    assert_eq!((done.done, done.left_alone), (1, 1));
    let done = run(bench.broker.rewrap_objects(&keeper, bench.vault())).unwrap().unwrap();
    assert_eq!((done.done, done.left_alone), (1, 0));
    assert!(reveal(&bench, &owner, one).is_ok() && reveal(&bench, &owner, other).is_ok());
}

#[test]
fn what_a_date_did_is_found_once_it_is_written_down() {
    let bench = Bench::new();
    let owner = owner_on(&bench);
    let later = Attributes { activation_s: Some(bench.clock.now_s() + 10), ..named("disk") };
    let id = make(&bench, &owner, later).unwrap().id();
    let find = |state| {
        let filter = Filter { state: Some(state), ..Filter::default() };
        let ask = LocateObjects { vault: bench.vault(), filter, skip: 0, most: None };
        run(bench.broker.locate_objects(&owner, ask)).unwrap()
    };
    assert_eq!((find(State::PreActive), find(State::Active)), (vec![id], vec![]));
    bench.clock.advance_s(10);
    assert_eq!(find(State::PreActive), []);
    assert!(run(bench.broker.objects_wait()).unwrap());
    let keeper = task_asker(Task::Objects, RequestId::from_random([1; 16]));
    assert_eq!(run(bench.broker.settle_objects(&keeper)), Ok(1));
    assert_eq!(find(State::Active), [id]);
    assert!(!run(bench.broker.objects_wait()).unwrap());
}
