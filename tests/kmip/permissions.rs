//! Every operation with every permission alone, on an object of another's: served with the one that it needs, and with no other.

use broker_core::permission::Permission;
use broker_front_kmip::name::Tag;
use broker_front_kmip::route::ROUTES;
use broker_front_kmip::table::Operation;
use broker_front_kmip::ttlv::{Item, Value};
use keybroker_tests::kmip::payload::{ask, attribute, creation, request, sound, uid};
use keybroker_tests::now_s;

use keybroker_tests::desk::{Speaker, client, kmip, owner, speak};

/// What an operation takes on an object that is another's, or on the vault.
fn needed(operation: Operation) -> &'static [Permission] {
    match operation {
        Operation::Create | Operation::CreateKeyPair => &[Permission::Create, Permission::ObjectOwn],
        Operation::Register => &[Permission::Import, Permission::ObjectOwn],
        // Who has objects of its own finds those.
        Operation::Locate => &[Permission::List, Permission::ObjectOwn],
        Operation::Check | Operation::GetAttributeList | Operation::GetAttributes => &[Permission::Get],
        Operation::Get => &[Permission::ObjectReveal],
        Operation::Activate
        | Operation::AddAttribute
        | Operation::DeleteAttribute
        | Operation::ModifyAttribute
        | Operation::Revoke => &[Permission::Update],
        Operation::Destroy => &[Permission::Purge],
        Operation::DeriveKey => &[Permission::ObjectDerive],
        Operation::ReKey => &[Permission::Rotate],
        Operation::Encrypt => &[Permission::Encrypt],
        Operation::Decrypt => &[Permission::Decrypt],
        Operation::Sign | Operation::MAC => &[Permission::Sign],
        Operation::SignatureVerify | Operation::MACVerify => &[Permission::Verify],
        Operation::Hash | Operation::RNGRetrieve => &[Permission::Rng],
        other => panic!("{other:?} has no row"),
    }
}

fn send(speaker: &Speaker, operation: Operation, payload: Vec<Item>) -> Item {
    let answer = speaker.ask(&request(4, Vec::new(), vec![ask(operation, payload)]).encode()).0;
    Item::decode(&answer).unwrap().find(Tag::BatchItem).unwrap().clone()
}

fn text(item: Option<&Item>) -> String {
    match item.map(|item| &item.value) {
        Some(Value::TextString(text)) => text.to_string(),
        _ => String::new(),
    }
}

/// Whether the broker let it come to the deed, whatever became of it then.
fn is_let(answer: &Item) -> bool {
    let message = text(answer.find(Tag::ResultMessage));
    !message.contains("lacks permission") && !message.contains("does not exist in this vault")
}

#[test]
fn every_operation_takes_its_own_permission_and_no_other() {
    let broker = kmip(&[]).start();
    let owner = speak(&owner(&broker, "owner"));
    let active = || vec![attribute("Activation Date", Value::DateTime(now_s() - 60))];
    let made = |more: Vec<Item>| {
        let answer = send(&owner, Operation::Create, creation(more));
        text(answer.find(Tag::ResponsePayload).and_then(|payload| payload.find(Tag::UniqueIdentifier)))
    };
    let shared = made(active());
    // A pair is asked for by its private key; what it takes is what a key takes.
    let routes = ROUTES.iter().filter(|route| !route.verbs.is_empty() && route.operation != Operation::ReKeyKeyPair);
    let mut checked = 0;
    for permission in Permission::ALL {
        let name = format!("only-{permission}").to_lowercase();
        broker.grant(&broker.principal(&name), permission.word(), "/vault1");
        let speaker = speak(&client(&broker, &broker.identity(&name)));
        for route in routes.clone() {
            let needed = needed(route.operation);
            // What ends an object gets one of its own where it will be let.
            let object = match route.operation {
                Operation::Activate if needed.contains(permission) => made(Vec::new()),
                Operation::Destroy | Operation::Revoke if needed.contains(permission) => made(active()),
                _ => shared.clone(),
            };
            let mut payload = sound(route.operation, &object);
            if route.operation == Operation::CreateKeyPair {
                payload = vec![Item::structure(Tag::CommonTemplateAttribute, pair())];
            }
            let answer = send(&speaker, route.operation, payload);
            assert_eq!(
                is_let(&answer),
                needed.contains(permission),
                "{:?} with {permission}: {answer:?}",
                route.operation
            );
            checked += 1;
        }
        // The key itself never comes with anything but objectReveal.
        let given = send(&speaker, Operation::Get, vec![uid(&shared)]).find(Tag::ResponsePayload).is_some();
        assert_eq!(given, *permission == Permission::ObjectReveal, "{permission}");
    }
    assert!(checked > 600, "{checked}");
}

/// ECDSA on P-256: an RSA pair would take its time.
fn pair() -> Vec<Item> {
    vec![
        attribute("Cryptographic Algorithm", Value::Enumeration(6)),
        attribute("Cryptographic Length", Value::Integer(256)),
    ]
}
