//! What a vCenter 7.0.3 and its hosts say to a key provider, byte by byte, in KMIP 1.1: captured there, built by hand here.

use std::sync::Barrier;

use broker_front_kmip::name::Tag;
use broker_front_kmip::table::{Operation, ResultReason, State};
use broker_front_kmip::ttlv::{Item, Value};

use keybroker_tests::desk::{self, Speaker, kmip, owner, speak};

const BYTES: u8 = 8;

/// An item of a batch: its operation, its payload's bytes.
type Ask = (Operation, Vec<Vec<u8>>);

/// A request of several items in KMIP 1.1, each with an id of its own.
fn batch(asks: &[Ask]) -> Vec<u8> {
    let number = |tag: Tag, kind: u8, value: u32| desk::item(tag.0, kind, &value.to_be_bytes());
    let structure = |tag: Tag, items: Vec<Vec<u8>>| desk::item(tag.0, 1, &items.concat());
    let version = vec![number(Tag::ProtocolVersionMajor, 2, 1), number(Tag::ProtocolVersionMinor, 2, 1)];
    let count = u32::try_from(asks.len()).unwrap();
    let header = vec![structure(Tag::ProtocolVersion, version), number(Tag::BatchCount, 2, count)];
    let mut items = vec![structure(Tag::RequestHeader, header)];
    for (at, (operation, payload)) in asks.iter().enumerate() {
        let ask = vec![
            number(Tag::Operation, 5, operation.value()),
            desk::item(Tag::UniqueBatchItemID.0, BYTES, &id_of(at)),
            structure(Tag::RequestPayload, payload.clone()),
        ];
        items.push(structure(Tag::BatchItem, ask));
    }
    structure(Tag::RequestMessage, items)
}

/// Batch ids are bytes, not numbers.
fn id_of(at: usize) -> [u8; 8] {
    [0xff, 0, 0, 0xfe, 0, 0x80, 0, u8::try_from(at).unwrap()]
}

/// Sends a batch; every item must come back with its own id, in 1.1. Gives each item's payload, or the reason against it.
fn ask(speaker: &Speaker, asks: &[Ask]) -> Vec<Result<Item, ResultReason>> {
    let answer = Item::decode(&speaker.ask(&batch(asks)).0).unwrap();
    let version = answer.find(Tag::ResponseHeader).and_then(|header| header.find(Tag::ProtocolVersion)).unwrap();
    assert_eq!(version.find(Tag::ProtocolVersionMinor), Some(&Item::integer(Tag::ProtocolVersionMinor, 1)));
    let items: Vec<&Item> = answer.items().iter().filter(|item| item.tag == Tag::BatchItem).collect();
    assert_eq!(items.len(), asks.len());
    let outcome = |(at, item): (usize, &&Item)| {
        assert_eq!(item.find(Tag::UniqueBatchItemID), Some(&Item::byte_string(Tag::UniqueBatchItemID, id_of(at))));
        assert_eq!(item.find(Tag::Operation), Some(&Item::enumeration(Tag::Operation, asks[at].0.value())));
        match item.find(Tag::ResultReason).map(|reason| &reason.value) {
            Some(Value::Enumeration(reason)) => Err(ResultReason::from_u32(*reason).unwrap()),
            _ => Ok(item.find(Tag::ResponsePayload).unwrap().clone()),
        }
    };
    items.iter().enumerate().map(outcome).collect()
}

fn ask_one(speaker: &Speaker, operation: Operation, payload: Vec<Vec<u8>>) -> Result<Item, ResultReason> {
    ask(speaker, &[(operation, payload)]).remove(0)
}

fn text(tag: Tag, value: &str) -> Vec<u8> {
    desk::item(tag.0, desk::TEXT, value.as_bytes())
}

fn uid(id: &str) -> Vec<u8> {
    text(Tag::UniqueIdentifier, id)
}

fn attribute(name: &str, value: &str) -> Vec<u8> {
    desk::item(Tag::Attribute.0, 1, &[text(Tag::AttributeName, name), text(Tag::AttributeValue, value)].concat())
}

/// Every text of a tag, wherever it stands.
fn texts(item: &Item, tag: Tag) -> Vec<String> {
    let own = match &item.value {
        Value::TextString(text) if item.tag == tag => Some(text.to_string()),
        _ => None,
    };
    own.into_iter().chain(item.items().iter().flat_map(|child| texts(child, tag))).collect()
}

fn key(item: &Item) -> Vec<u8> {
    match &item.value {
        Value::ByteString(bytes) if item.tag == Tag::KeyMaterial => bytes.to_vec(),
        _ => item.items().iter().flat_map(key).collect(),
    }
}

fn state(speaker: &Speaker, id: &str) -> State {
    let asked = vec![uid(id), text(Tag::AttributeName, "State")];
    let given = ask_one(speaker, Operation::GetAttributes, asked).unwrap();
    let value = given.find(Tag::Attribute).and_then(|attribute| attribute.find(Tag::AttributeValue)).unwrap();
    let Value::Enumeration(value) = value.value else { panic!("a state is an enumeration") };
    State::from_u32(value).unwrap()
}

/// Create AES-256 for mask 12 without a name, Get, GetAttributes(State), Activate.
fn new_key(speaker: &Speaker) -> (String, Vec<u8>) {
    let answer = speaker.ask(&desk::create(None));
    let id = answer.ids().remove(0);
    let value = key(&ask_one(speaker, Operation::Get, vec![uid(&id)]).unwrap());
    assert_eq!(value.len(), 32);
    assert_eq!(state(speaker, &id), State::PreActive);
    ask_one(speaker, Operation::Activate, vec![uid(&id)]).unwrap();
    assert_eq!(state(speaker, &id), State::Active);
    (id, value)
}

#[test]
fn a_vcenter_finds_out_what_we_are_and_makes_a_key_for_a_machine() {
    let broker = kmip(&[]).start();
    let speaker = speak(&owner(&broker, "vcenter"));
    // It opens with these two, and asks them again every few minutes.
    let versions = ask_one(&speaker, Operation::DiscoverVersions, Vec::new()).unwrap();
    let minors: Vec<&Value> =
        versions.items().iter().map(|version| &version.find(Tag::ProtocolVersionMinor).unwrap().value).collect();
    assert_eq!(minors, [4, 3, 2, 1, 0].map(Value::Integer).iter().collect::<Vec<_>>());
    let information = vec![desk::item(Tag::QueryFunction.0, 5, &3_u32.to_be_bytes())];
    let server = ask_one(&speaker, Operation::Query, information).unwrap();
    assert_eq!(server.items().len(), 2, "server information alone: {server:?}");
    assert!(texts(&server, Tag::VendorIdentification)[0].starts_with("keybroker"));

    let (id, value) = new_key(&speaker);
    // Attributes that are not there: success, and nothing but the id.
    let asked = ["x-Identifier", "x-Component"].map(|name| text(Tag::AttributeName, name));
    let given = ask_one(&speaker, Operation::GetAttributes, [vec![uid(&id)], asked.to_vec()].concat()).unwrap();
    assert_eq!(given.items().len(), 1);
    // Two batches of three.
    let add = |name: &str, value: &str| (Operation::AddAttribute, vec![uid(&id), attribute(name, value)]);
    for names in [["x-Product_Version", "x-Vendor", "x-Product"], ["x-Identifier", "x-Component", "x-Name"]] {
        let added = ask(&speaker, &names.map(|name| add(name, &format!("{name} of vm-17"))));
        assert!(added.iter().all(Result::is_ok), "{added:?}");
    }
    let asked = vec![uid(&id), text(Tag::AttributeName, "x-Component")];
    let given = ask_one(&speaker, Operation::GetAttributes, asked).unwrap();
    assert_eq!(texts(&given, Tag::AttributeValue), ["x-Component of vm-17"]);
    let found = ask_one(&speaker, Operation::Locate, vec![attribute("x-Identifier", "x-Identifier of vm-17")]).unwrap();
    assert_eq!(texts(&found, Tag::UniqueIdentifier), [id.as_str()]);

    // A rekey is another key; the first stays, as vCenter never deletes one.
    let (next, other) = new_key(&speaker);
    assert!(next != id && other != value);
    assert_eq!(key(&ask_one(&speaker, Operation::Get, vec![uid(&id)]).unwrap()), value);
}

#[test]
fn hosts_that_share_an_identity_get_their_key_at_once_and_after_a_restart() {
    let mut broker = kmip(&[]).start();
    let client = owner(&broker, "vcenter");
    let (id, value) = new_key(&speak(&client));
    let (hosts, start) = (32, Barrier::new(32));
    std::thread::scope(|scope| {
        for _ in 0..hosts {
            scope.spawn(|| {
                let speaker = speak(&client);
                start.wait();
                assert_eq!(key(&ask_one(&speaker, Operation::Get, vec![uid(&id)]).unwrap()), value);
            });
        }
    });
    broker.restart();
    let again = speak(&owner(&broker, "vcenter"));
    assert_eq!(key(&ask_one(&again, Operation::Get, vec![uid(&id)]).unwrap()), value);
    assert_eq!(state(&again, &id), State::Active);
}

#[test]
fn a_key_that_was_given_up_or_stolen_still_opens_what_it_sealed_until_it_is_destroyed() {
    let broker = kmip(&[]).start();
    let speaker = speak(&owner(&broker, "vcenter"));
    for (reason, after) in [(1_u32, State::Deactivated), (2, State::Compromised)] {
        let (id, value) = new_key(&speaker);
        let code = desk::item(Tag::RevocationReasonCode.0, 5, &reason.to_be_bytes());
        let why = desk::item(Tag::RevocationReason.0, 1, &code);
        ask_one(&speaker, Operation::Revoke, vec![uid(&id), why]).unwrap();
        assert_eq!(state(&speaker, &id), after);
        assert_eq!(key(&ask_one(&speaker, Operation::Get, vec![uid(&id)]).unwrap()), value);
        ask_one(&speaker, Operation::Destroy, vec![uid(&id)]).unwrap();
        assert_eq!(ask_one(&speaker, Operation::Get, vec![uid(&id)]), Err(ResultReason::PermissionDenied));
    }
}
