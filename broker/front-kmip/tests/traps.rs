//! What other people's clients do that is not in the standard's examples, and who may do what.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/src/kmip/payload.rs"]
mod payload;

use std::sync::Arc;

use broker_core::grant::Scope;
use broker_core::name::{Principal, RequestId};
use broker_core::object::{BlockMode, KeyFormat, ObjectAlgorithm, ObjectKind};
use broker_core::object_crypto::{CipherExtras, CryptoParameters, KeyInUse, ObjectCrypto as _};
use broker_core::permission::Permission;
use broker_crypto::object::port::HostCrypto;
use broker_front_kmip::name::Tag;
use broker_front_kmip::route::ROUTES;
use broker_front_kmip::table::{Operation, ResultReason};
use broker_front_kmip::ttlv::{Item, Value};
use broker_front_kmip::{AskerSeed, Front, Password, Passwords, Settings};
use broker_testkit::{Bench, principal, run};
use payload::{ask, attribute, creation, named, request, sound, text, uid};

const OWNER: &str = "corp/cn:owner";
const STRANGER: &str = "corp/cn:stranger";
const NOW_S: i64 = 1_800_000_000;

struct Desk {
    bench: Bench,
    front: Front,
    minor: i32,
}

type Outcome = Result<Item, ResultReason>;

impl Desk {
    fn new(minor: i32) -> Self {
        Self::with(minor, Settings::default())
    }

    fn with(minor: i32, settings: Settings) -> Self {
        let bench = Bench::new();
        bench.give(OWNER, &[Permission::ObjectOwn, Permission::Rng], Scope::Vault(bench.vault()));
        let front = Front::new(Arc::clone(&bench.broker), settings);
        Self { bench, front, minor }
    }

    fn send(&self, who: &str, head: Vec<Item>, asks: Vec<Item>) -> Vec<Outcome> {
        let seed = AskerSeed {
            request: RequestId([7; 16]),
            principal: principal(who),
            fingerprint_sha256: None,
            peer: ([127, 0, 0, 1], 1).into(),
            proof: None,
            vault: self.bench.vault(),
            now_s: NOW_S,
        };
        let message = request(self.minor, head, asks);
        let answer = Item::decode(&run(self.front.answer(seed, &message.encode())).bytes).unwrap();
        let items = answer.items().iter().filter(|item| item.tag == Tag::BatchItem);
        items
            .map(|item| match item.find(Tag::ResultReason).map(|reason| &reason.value) {
                Some(Value::Enumeration(reason)) => Err(ResultReason::from_u32(*reason).unwrap()),
                _ => Ok(item.find(Tag::ResponsePayload).unwrap().clone()),
            })
            .collect()
    }

    fn ask_as(&self, who: &str, operation: Operation, payload: Vec<Item>) -> Outcome {
        self.send(who, Vec::new(), vec![ask(operation, payload)]).remove(0)
    }

    fn ask(&self, operation: Operation, payload: Vec<Item>) -> Item {
        self.ask_as(OWNER, operation, payload).unwrap()
    }

    fn create(&self, attributes: Vec<Item>) -> String {
        id(&self.ask(Operation::Create, creation(attributes)))
    }
}

fn texts(item: &Item, tag: Tag) -> Vec<String> {
    let own = match &item.value {
        Value::TextString(text) if item.tag == tag => Some(text.to_string()),
        _ => None,
    };
    own.into_iter().chain(item.items().iter().flat_map(|child| texts(child, tag))).collect()
}

fn id(item: &Item) -> String {
    texts(item, Tag::UniqueIdentifier).remove(0)
}

fn bytes(item: &Item, tag: Tag) -> Vec<u8> {
    match &item.value {
        Value::ByteString(bytes) if item.tag == tag => bytes.to_vec(),
        _ => item.items().iter().flat_map(|child| bytes(child, tag)).collect(),
    }
}

#[test]
fn attributes_that_a_version_does_not_know_are_kept_from_its_clients() {
    let names = |minor| {
        let desk = Desk::new(minor);
        let id = desk.create(vec![named("n")]);
        texts(&desk.ask(Operation::GetAttributeList, vec![uid(&id)]), Tag::AttributeName)
    };
    for (name, since) in [("Fresh", 1), ("Original Creation Date", 2), ("Random Number Generator", 3), ("Sensitive", 4)]
    {
        for minor in 0..=4 {
            assert_eq!(names(minor).contains(&name.to_owned()), minor >= since, "{name} in 1.{minor}");
        }
    }
}

#[test]
fn clients_of_1_0_get_the_index_of_a_name_and_later_ones_do_not() {
    for minor in 0..=1 {
        let desk = Desk::new(minor);
        let id = desk.create(vec![named("n")]);
        let given = desk.ask(Operation::GetAttributes, vec![uid(&id), Item::text(Tag::AttributeName, "Name")]);
        let index = given.find(Tag::Attribute).unwrap().find(Tag::AttributeIndex).is_some();
        assert_eq!(index, minor == 0);
    }
}

#[test]
fn padding_that_is_counted_into_a_text_is_no_part_of_it() {
    let desk = Desk::new(0);
    let id = desk.create(vec![named("db2key\0\0")]);
    assert_eq!(
        texts(&desk.ask(Operation::Locate, vec![named("db2key")]), Tag::UniqueIdentifier),
        std::slice::from_ref(&id)
    );
    let got = desk.ask(Operation::Get, vec![uid(&format!("{id}\0\0\0\0"))]);
    assert_eq!(bytes(&got, Tag::KeyMaterial).len(), 32);
}

#[test]
fn a_vendors_credential_is_passed_over() {
    let desk = Desk::new(0);
    let value = Item::structure(Tag(0x54_0001), vec![Item::text(Tag(0x54_0002), "instance")]);
    let credential = Item::structure(Tag::Credential, vec![Item::enumeration(Tag::CredentialType, 0x8000_0001), value]);
    let head = vec![Item::structure(Tag::Authentication, vec![credential])];
    assert!(desk.send(OWNER, head, vec![ask(Operation::Create, creation(Vec::new()))])[0].is_ok());
}

struct OnlyAlice;

impl Passwords for OnlyAlice {
    fn admit(&self, _principal: &Principal, given: Option<&Password>) -> bool {
        given.is_some_and(|given| given.username == "alice" && given.password.expose() == b"wonderland")
    }
}

#[test]
fn a_password_is_asked_for_beside_the_certificate() {
    let desk = Desk::with(4, Settings { passwords: Some(Arc::new(OnlyAlice)), ..Settings::default() });
    let with = |password: &str| {
        let value = vec![Item::text(Tag::Username, "alice"), Item::text(Tag::Password, password)];
        let credential = vec![Item::enumeration(Tag::CredentialType, 1), Item::structure(Tag::CredentialValue, value)];
        vec![Item::structure(Tag::Authentication, vec![Item::structure(Tag::Credential, credential)])]
    };
    let create = || vec![ask(Operation::Create, creation(Vec::new()))];
    assert_eq!(desk.send(OWNER, Vec::new(), create()), [Err(ResultReason::AuthenticationNotSuccessful)]);
    assert_eq!(desk.send(OWNER, with("Wonderland"), create()), [Err(ResultReason::AuthenticationNotSuccessful)]);
    assert!(desk.send(OWNER, with("wonderland"), create())[0].is_ok());
}

#[test]
fn an_array_finds_its_object_and_gets_it_through_the_placeholder() {
    let desk = Desk::new(0);
    let value = Item::structure(
        Tag::OpaqueObject,
        vec![Item::enumeration(Tag::OpaqueDataType, 0x8000_0001), Item::byte_string(Tag::OpaqueDataValue, *b"lock")],
    );
    let said = Item::structure(Tag::TemplateAttribute, vec![attribute("x-Array", text("a7"))]);
    desk.ask(Operation::Register, vec![Item::enumeration(Tag::ObjectType, 8), said, value.clone()]);
    // FortiGate puts what it looks for into a template.
    let inside = Item::structure(Tag::TemplateAttribute, vec![attribute("x-Array", text("a7"))]);
    for wanted in [attribute("x-Array", text("a7")), inside] {
        let asks = [(Operation::Locate, vec![wanted]), (Operation::Get, vec![]), (Operation::GetAttributes, vec![])];
        let asks = asks.into_iter().map(|(operation, payload)| ask(operation, payload)).collect();
        let answers = desk.send(OWNER, Vec::new(), asks);
        assert_eq!(answers[1].as_ref().unwrap().find(Tag::OpaqueObject), Some(&value));
        assert!(texts(answers[2].as_ref().unwrap(), Tag::AttributeName).contains(&"x-Array".to_owned()));
    }
    let none = desk.send(
        OWNER,
        vec![Item::enumeration(Tag::BatchErrorContinuationOption, 1)],
        vec![ask(Operation::Locate, vec![attribute("x-Array", text("a8"))]), ask(Operation::Get, vec![])],
    );
    assert_eq!(none[1], Err(ResultReason::MissingData), "nothing was found, so there is no placeholder");
}

#[test]
fn a_password_without_a_use_is_kept_and_given_back_as_it_came() {
    let desk = Desk::new(0);
    let key_value = Item::structure(Tag::KeyValue, vec![Item::byte_string(Tag::KeyMaterial, *b"mongodb master key")]);
    let block = Item::structure(Tag::KeyBlock, vec![Item::enumeration(Tag::KeyFormatType, 2), key_value]);
    let secret = Item::structure(Tag::SecretData, vec![Item::enumeration(Tag::SecretDataType, 1), block]);
    let said = vec![attribute("Cryptographic Usage Mask", Value::Integer(0))];
    let payload =
        vec![Item::enumeration(Tag::ObjectType, 7), Item::structure(Tag::TemplateAttribute, said), secret.clone()];
    let id = id(&desk.ask(Operation::Register, payload));
    assert_eq!(desk.ask(Operation::Get, vec![uid(&id)]).find(Tag::SecretData), Some(&secret));
}

#[test]
fn located_objects_come_in_pages_without_a_gap() {
    let desk = Desk::new(3);
    let made: Vec<String> = (0..7).map(|_| desk.create(vec![attribute("Object Group", text("g"))])).collect();
    let page = |skip: i32| {
        let counts = [Item::integer(Tag::MaximumItems, 3), Item::integer(Tag::OffsetItems, skip)];
        let payload = counts.into_iter().chain([attribute("Object Group", text("g"))]).collect();
        texts(&desk.ask(Operation::Locate, payload), Tag::UniqueIdentifier)
    };
    let found: Vec<String> = [0, 3, 6, 9].into_iter().flat_map(page).collect();
    assert_eq!(found, made.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn a_key_that_is_given_out_wrapped_opens_with_its_wrapping_key() {
    let desk = Desk::new(4);
    let active = || vec![attribute("Activation Date", Value::DateTime(NOW_S - 10))];
    let (kek, key) = (desk.create(active()), desk.create(Vec::new()));
    let plain = |id: &str| bytes(&desk.ask(Operation::Get, vec![uid(id)]), Tag::KeyMaterial);
    for (encoding, whole) in [(None, true), (Some(2), true), (Some(1), false)] {
        let parameters =
            Item::structure(Tag::CryptographicParameters, vec![Item::enumeration(Tag::BlockCipherMode, 13)]);
        let information = Item::structure(Tag::EncryptionKeyInformation, vec![uid(&kek), parameters]);
        let mut how = vec![Item::enumeration(Tag::WrappingMethod, 1), information];
        how.extend(encoding.map(|encoding| Item::enumeration(Tag::EncodingOption, encoding)));
        let got = desk.ask(Operation::Get, vec![uid(&key), Item::structure(Tag::KeyWrappingSpecification, how)]);
        let secret = plain(&kek);
        let with = KeyInUse {
            kind: ObjectKind::SymmetricKey,
            algorithm: Some(ObjectAlgorithm::Aes),
            bits: Some(256),
            format: KeyFormat::Raw,
            bytes: &secret,
        };
        let mode = CryptoParameters { mode: Some(BlockMode::NistKeyWrap), ..CryptoParameters::default() };
        let wrapped = bytes(&got, Tag::KeyValue);
        let opened = HostCrypto.decrypt(&with, &mode, &wrapped, &CipherExtras::default()).unwrap();
        let material = match whole {
            true => bytes(&Item::decode(opened.expose()).unwrap(), Tag::KeyMaterial),
            false => opened.expose().to_vec(),
        };
        assert_eq!(material, plain(&key));
    }
}

#[test]
fn an_rsa_pair_is_given_in_the_formats_that_backup_programs_ask_for() {
    let desk = Desk::new(4);
    let common = vec![
        attribute("Cryptographic Algorithm", Value::Enumeration(4)),
        attribute("Cryptographic Length", Value::Integer(2048)),
    ];
    let made = desk.ask(Operation::CreateKeyPair, vec![Item::structure(Tag::CommonTemplateAttribute, common)]);
    let (private, public) = (
        texts(&made, Tag::PrivateKeyUniqueIdentifier).remove(0),
        texts(&made, Tag::PublicKeyUniqueIdentifier).remove(0),
    );
    let get = |id: &str, format: u32| {
        let format = Item::enumeration(Tag::KeyFormatType, format);
        desk.ask_as(OWNER, Operation::Get, vec![uid(id), format]).map(|got| bytes(&got, Tag::KeyMaterial))
    };
    let (pkcs1, pkcs8) = (get(&private, 3).unwrap(), get(&private, 4).unwrap());
    assert!(pkcs8.ends_with(&pkcs1) && pkcs8.len() > pkcs1.len());
    let (pkcs1, spki) = (get(&public, 3).unwrap(), get(&public, 5).unwrap());
    assert!(spki.ends_with(&pkcs1) && spki.len() > pkcs1.len());
    assert_eq!(get(&private, 1), Err(ResultReason::KeyFormatTypeNotSupported));
}

#[test]
fn every_operation_is_refused_to_a_stranger_and_none_without_a_trace() {
    let desk = Desk::new(4);
    let object = desk.create(Vec::new());
    for route in ROUTES.iter().filter(|route| !route.verbs.is_empty()) {
        let before = desk.bench.audit.entries().len();
        let outcome = desk.ask_as(STRANGER, route.operation, sound(route.operation, &object));
        assert_eq!(outcome, Err(ResultReason::PermissionDenied), "{:?}", route.operation);
        let entries = desk.bench.audit.entries();
        let written = entries[before..].iter().map(|entry| entry.operation).collect::<Vec<_>>();
        assert!(!written.is_empty(), "{:?} stands nowhere", route.operation);
        assert!(written.iter().all(|verb| route.verbs.contains(verb)), "{:?} asked for {written:?}", route.operation);
    }
    for route in ROUTES.iter().filter(|route| route.verbs.is_empty()) {
        let asked = vec![Item::enumeration(Tag::QueryFunction, 1)];
        assert!(desk.ask_as(STRANGER, route.operation, asked).is_ok(), "{:?}", route.operation);
    }
}
