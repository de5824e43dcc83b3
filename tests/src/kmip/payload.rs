//! Requests of our own making, out of items.

use broker_front_kmip::name::Tag;
use broker_front_kmip::table::Operation;
use broker_front_kmip::ttlv::{Item, Value};

/// A request of these batch items, with what stands in its header beside the version and the count.
#[must_use]
pub fn request(minor: i32, head: Vec<Item>, asks: Vec<Item>) -> Item {
    let version = vec![Item::integer(Tag::ProtocolVersionMajor, 1), Item::integer(Tag::ProtocolVersionMinor, minor)];
    let mut header = vec![Item::structure(Tag::ProtocolVersion, version)];
    header.extend(head);
    header.push(Item::integer(Tag::BatchCount, i32::try_from(asks.len()).unwrap()));
    let items = std::iter::once(Item::structure(Tag::RequestHeader, header)).chain(asks).collect();
    Item::structure(Tag::RequestMessage, items)
}

/// A batch item.
#[must_use]
pub fn ask(operation: Operation, payload: Vec<Item>) -> Item {
    let operation = Item::enumeration(Tag::Operation, operation.value());
    Item::structure(Tag::BatchItem, vec![operation, Item::structure(Tag::RequestPayload, payload)])
}

#[must_use]
pub fn attribute(name: &str, value: Value) -> Item {
    let value = Item { tag: Tag::AttributeValue, value };
    Item::structure(Tag::Attribute, vec![Item::text(Tag::AttributeName, name), value])
}

#[must_use]
pub fn text(text: &str) -> Value {
    Item::text(Tag::AttributeValue, text).value
}

#[must_use]
pub fn named(name: &str) -> Item {
    attribute("Name", Value::Structure(vec![Item::text(Tag::NameValue, name), Item::enumeration(Tag::NameType, 1)]))
}

/// AES-256 for every use.
#[must_use]
pub fn creation(more: Vec<Item>) -> Vec<Item> {
    let mut attributes = vec![
        attribute("Cryptographic Algorithm", Value::Enumeration(3)),
        attribute("Cryptographic Length", Value::Integer(256)),
        attribute("Cryptographic Usage Mask", Value::Integer(0x3ff)),
    ];
    attributes.extend(more);
    vec![Item::enumeration(Tag::ObjectType, 2), Item::structure(Tag::TemplateAttribute, attributes)]
}

#[must_use]
pub fn uid(id: &str) -> Item {
    Item::text(Tag::UniqueIdentifier, id)
}

/// A payload that gets as far as the core.
#[must_use]
pub fn sound(operation: Operation, id: &str) -> Vec<Item> {
    let digest = Item::structure(Tag::CryptographicParameters, vec![Item::enumeration(Tag::HashingAlgorithm, 6)]);
    let data = Item::byte_string(Tag::Data, [0; 16]);
    match operation {
        Operation::Create => creation(Vec::new()),
        Operation::CreateKeyPair => {
            let common = vec![
                attribute("Cryptographic Algorithm", Value::Enumeration(4)),
                attribute("Cryptographic Length", Value::Integer(2048)),
            ];
            vec![Item::structure(Tag::CommonTemplateAttribute, common)]
        }
        Operation::Register => {
            let value = vec![Item::enumeration(Tag::OpaqueDataType, 1), Item::byte_string(Tag::OpaqueDataValue, [1])];
            vec![Item::enumeration(Tag::ObjectType, 8), Item::structure(Tag::OpaqueObject, value)]
        }
        Operation::DeriveKey => vec![
            Item::enumeration(Tag::ObjectType, 2),
            uid(id),
            Item::enumeration(Tag::DerivationMethod, 2),
            Item::structure(Tag::DerivationParameters, vec![digest]),
            creation(Vec::new()).remove(1),
        ],
        Operation::AddAttribute | Operation::ModifyAttribute => vec![uid(id), attribute("x-a", text("v"))],
        Operation::DeleteAttribute => vec![uid(id), Item::text(Tag::AttributeName, "x-a")],
        Operation::Revoke => {
            let why = vec![Item::enumeration(Tag::RevocationReasonCode, 1)];
            vec![uid(id), Item::structure(Tag::RevocationReason, why)]
        }
        Operation::Locate => Vec::new(),
        Operation::RNGRetrieve => vec![Item::integer(Tag::DataLength, 16)],
        Operation::Hash => vec![digest, data],
        _ => vec![
            uid(id),
            Item::structure(Tag::CryptographicParameters, vec![Item::enumeration(Tag::BlockCipherMode, 2)]),
            data,
            Item::byte_string(Tag::SignatureData, [0; 16]),
            Item::byte_string(Tag::MACData, [0; 16]),
        ],
    }
}
