//! A broker that speaks KMIP, and a client whose messages are built byte by byte.

use std::io;

use crate::{Broker, Client, Connection, Identity, Setup};

pub const TEXT: u8 = 7;
const STRUCTURE: u8 = 1;
const INTEGER: u8 = 2;
const BOOLEAN: u8 = 6;
const ENUMERATION: u8 = 5;

const ATTRIBUTE: u32 = 0x42_0008;
const ATTRIBUTE_NAME: u32 = 0x42_000a;
const ATTRIBUTE_VALUE: u32 = 0x42_000b;
const BATCH_COUNT: u32 = 0x42_000d;
const BATCH_ITEM: u32 = 0x42_000f;
const KEY_MATERIAL: u32 = 0x42_0043;
const OBJECT_TYPE: u32 = 0x42_0057;
const OPERATION: u32 = 0x42_005c;
const REQUEST_HEADER: u32 = 0x42_0077;
const REQUEST_MESSAGE: u32 = 0x42_0078;
const REQUEST_PAYLOAD: u32 = 0x42_0079;
const RESULT_REASON: u32 = 0x42_007e;
const RESULT_STATUS: u32 = 0x42_007f;
const TEMPLATE_ATTRIBUTE: u32 = 0x42_0091;
const UNIQUE_IDENTIFIER: u32 = 0x42_0094;

/// Result reasons (KMIP 1.4 section 9.1.3.2.29).
pub const ITEM_NOT_FOUND: u32 = 1;
pub const INVALID_FIELD: u32 = 7;
pub const ILLEGAL_OPERATION: u32 = 0xb;
pub const PERMISSION_DENIED: u32 = 0xc;

/// One tag, type, length and value, filled up to eight bytes (section 9.1.1).
pub fn item(tag: u32, kind: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = tag.to_be_bytes()[1..].to_vec();
    bytes.push(kind);
    bytes.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn number(tag: u32, kind: u8, value: u32) -> Vec<u8> {
    item(tag, kind, &value.to_be_bytes())
}

fn structure(tag: u32, items: &[Vec<u8>]) -> Vec<u8> {
    item(tag, STRUCTURE, &items.concat())
}

fn attribute(name: &str, value: Vec<u8>) -> Vec<u8> {
    structure(ATTRIBUTE, &[item(ATTRIBUTE_NAME, TEXT, name.as_bytes()), value])
}

/// A request of one item in KMIP 1.1, as vCenter sends them.
pub fn request(operation: u32, payload: &[Vec<u8>]) -> Vec<u8> {
    let version = structure(0x42_0069, &[number(0x42_006a, INTEGER, 1), number(0x42_006b, INTEGER, 1)]);
    let header = structure(REQUEST_HEADER, &[version, number(BATCH_COUNT, INTEGER, 1)]);
    let item = structure(BATCH_ITEM, &[number(OPERATION, ENUMERATION, operation), structure(REQUEST_PAYLOAD, payload)]);
    structure(REQUEST_MESSAGE, &[header, item])
}

/// Create: AES-256 for Encrypt and Decrypt, with a name or without.
pub fn create(name: Option<&str>) -> Vec<u8> {
    let mut attributes = vec![
        attribute("Cryptographic Algorithm", number(ATTRIBUTE_VALUE, ENUMERATION, 3)),
        attribute("Cryptographic Length", number(ATTRIBUTE_VALUE, INTEGER, 256)),
        attribute("Cryptographic Usage Mask", number(ATTRIBUTE_VALUE, INTEGER, 12)),
    ];
    attributes.extend(name.map(|name| attribute("Name", name_value(name))));
    request(1, &[number(OBJECT_TYPE, ENUMERATION, 2), structure(TEMPLATE_ATTRIBUTE, &attributes)])
}

fn name_value(name: &str) -> Vec<u8> {
    structure(ATTRIBUTE_VALUE, &[item(0x42_0055, TEXT, name.as_bytes()), number(0x42_0054, ENUMERATION, 1)])
}

pub fn locate(name: &str) -> Vec<u8> {
    request(8, &[attribute("Name", name_value(name))])
}

pub fn on_object(operation: u32, id: &str) -> Vec<u8> {
    request(operation, &[item(UNIQUE_IDENTIFIER, TEXT, id.as_bytes())])
}

pub fn get(id: &str) -> Vec<u8> {
    on_object(0xa, id)
}

/// Destroy.
pub fn destroy(id: &str) -> Vec<u8> {
    on_object(0x14, id)
}

/// A batch of requests of one item each, in KMIP 1.1; `after_failure` is what becomes of the rest (section 9.1.3.2.30).
pub fn batch(after_failure: u32, requests: &[Vec<u8>]) -> Vec<u8> {
    let version = structure(0x42_0069, &[number(0x42_006a, INTEGER, 1), number(0x42_006b, INTEGER, 1)]);
    let count = number(BATCH_COUNT, INTEGER, u32::try_from(requests.len()).unwrap());
    let option = number(0x42_000e, ENUMERATION, after_failure);
    let order = item(0x42_0010, BOOLEAN, &1_u64.to_be_bytes());
    let header = structure(REQUEST_HEADER, &[version, option, order, count]);
    let mut items = vec![header];
    for request in requests {
        walk(request, &mut |tag, value| {
            if tag == BATCH_ITEM {
                items.push(item(BATCH_ITEM, STRUCTURE, value));
            }
        });
    }
    structure(REQUEST_MESSAGE, &items)
}

/// Adds a name to an object.
pub fn add_name(id: &str, name: &str) -> Vec<u8> {
    request(0xd, &[item(UNIQUE_IDENTIFIER, TEXT, id.as_bytes()), attribute("Name", name_value(name))])
}

/// Re-key.
pub fn rekey(id: &str) -> Vec<u8> {
    on_object(4, id)
}

pub fn activate(id: &str) -> Vec<u8> {
    on_object(0x12, id)
}

/// A response, whose items are found by walking over all of them.
pub struct Response(pub Vec<u8>);

impl Response {
    /// The values of every item of this tag, wherever it stands.
    fn all(&self, tag: u32) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        walk(&self.0, &mut |at, value| {
            if at == tag {
                found.push(value.to_vec());
            }
        });
        found
    }

    fn number(&self, tag: u32) -> Option<u32> {
        self.all(tag).first().map(|value| u32::from_be_bytes(value.as_slice().try_into().unwrap()))
    }

    /// None when it succeeded.
    pub fn failure(&self) -> Option<u32> {
        match self.number(RESULT_STATUS) {
            Some(0) => None,
            _ => Some(self.number(RESULT_REASON).unwrap_or(u32::MAX)),
        }
    }

    /// The result status of each item (section 9.1.3.2.28): 0 success, 1 failed, 3 undone.
    pub fn statuses(&self) -> Vec<u32> {
        self.all(RESULT_STATUS).iter().map(|value| u32::from_be_bytes(value.as_slice().try_into().unwrap())).collect()
    }

    /// The ids of the items, whatever became of them.
    pub fn ids_of_all(&self) -> Vec<String> {
        self.all(UNIQUE_IDENTIFIER).into_iter().map(|id| String::from_utf8(id).unwrap()).collect()
    }

    /// The values of the attribute with this name, each as it is encoded.
    pub fn attribute_values(&self, name: &str) -> Vec<Vec<u8>> {
        let of = |attribute: Vec<u8>| {
            let attribute = Self(attribute);
            (attribute.all(ATTRIBUTE_NAME) == [name.as_bytes()]).then(|| attribute.all(ATTRIBUTE_VALUE))
        };
        self.all(ATTRIBUTE).into_iter().filter_map(of).flatten().collect()
    }

    /// Why the last item failed.
    pub fn last_failure(&self) -> Option<u32> {
        self.all(RESULT_REASON).last().map(|value| u32::from_be_bytes(value.as_slice().try_into().unwrap()))
    }

    pub fn ids(&self) -> Vec<String> {
        assert_eq!(self.failure(), None, "{}", String::from_utf8_lossy(&self.0));
        self.all(UNIQUE_IDENTIFIER).into_iter().map(|id| String::from_utf8(id).unwrap()).collect()
    }

    pub fn key(&self) -> Vec<u8> {
        assert_eq!(self.failure(), None, "{}", String::from_utf8_lossy(&self.0));
        self.all(KEY_MATERIAL).remove(0)
    }
}

fn walk(mut bytes: &[u8], see: &mut impl FnMut(u32, &[u8])) {
    while bytes.len() >= 8 {
        let tag = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        let length = u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize;
        let value = &bytes[8..8 + length];
        see(tag, value);
        if bytes[3] == STRUCTURE {
            walk(value, see);
        }
        bytes = &bytes[(8 + length.next_multiple_of(8)).min(bytes.len())..];
    }
}

/// One connection of one client.
pub struct Speaker(pub Connection);

impl Speaker {
    pub fn ask(&self, request: &[u8]) -> Response {
        self.try_ask(request).unwrap()
    }

    pub fn try_ask(&self, request: &[u8]) -> io::Result<Response> {
        self.0.write(request)?;
        self.read()
    }

    pub fn read(&self) -> io::Result<Response> {
        let mut response = vec![0; 8];
        self.0.read_exact(&mut response)?;
        let rest = u32::from_be_bytes(response[4..8].try_into().unwrap()) as usize;
        response.resize(8 + rest, 0);
        self.0.read_exact(&mut response[8..])?;
        Ok(Response(response))
    }

    /// A new key: its id.
    pub fn create(&self, name: Option<&str>) -> String {
        self.ask(&create(name)).ids().remove(0)
    }
}

/// A broker whose KMIP listener serves `vault1`; `more` are settings of front.kmip.
pub fn kmip(more: &[(&'static str, i64)]) -> Setup {
    let more = more.to_vec();
    Setup::new().edit(move |config| {
        let front = config["front"].as_table_mut().unwrap();
        let mut kmip = toml::Table::new();
        kmip.insert("listen".into(), "127.0.0.1:0".into());
        kmip.insert("vault".into(), "vault1".into());
        for (name, value) in more {
            kmip.insert(name.into(), value.into());
        }
        front.insert("kmip".into(), kmip.into());
        let mut scheduler = toml::Table::new();
        scheduler.insert("every-ms".into(), 200.into());
        config.insert("scheduler".into(), scheduler.into());
    })
}

pub fn client(broker: &Broker, identity: &Identity) -> Client {
    Client::new(broker.kmip(), "localhost", &broker.dev.der(), Some(identity))
}

/// A client that may have objects of its own.
pub fn owner(broker: &Broker, name: &str) -> Client {
    broker.grant(&broker.principal(name), "objectOwn", "/vault1");
    client(broker, &broker.identity(name))
}

pub fn speak(client: &Client) -> Speaker {
    Speaker(client.connect().unwrap())
}
