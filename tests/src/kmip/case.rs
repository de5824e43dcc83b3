//! The OASIS test cases: XML into messages, with their variables filled in.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use broker_front_kmip::name::Tag;
use broker_front_kmip::table::{ENUMERATIONS, MASKS};
use broker_front_kmip::ttlv::{Item, Value};
use zeroize::Zeroizing;

/// An element of a case: a structure, or a value with its type.
#[derive(Debug, Clone)]
pub struct Node {
    pub tag: String,
    /// (type, value) as the file has them.
    pub value: Option<(String, String)>,
    pub children: Vec<Node>,
}

/// A request and what OASIS's server answered.
pub struct Exchange {
    pub request: Node,
    pub response: Node,
}

/// What `$NAME` stands for, and what `$NOW` does.
pub struct Variables {
    pub known: HashMap<String, String>,
    pub now_s: i64,
}

/// Cases that we do not pass, the exchange in which they are refused, and why: the rest all pass.
pub const EXCEPTED: &[(&str, usize, &str)] = &[
    ("CS-BC-M-GCM-2-14", 22, "GCM with an IV of 8 bytes; the cryptographic library takes 12 alone"),
    ("CS-BC-M-GCM-3-14", 2, "GCM with an IV of 8 bytes, and in several pieces"),
    ("SKFF-M-12-13", 1, TRIPLE_DES),
    ("SKFF-M-12-14", 1, TRIPLE_DES),
    ("SKFF-M-4-13", 1, TRIPLE_DES),
    ("SKFF-M-4-14", 1, TRIPLE_DES),
    ("SKFF-M-8-13", 1, TRIPLE_DES),
    ("SKFF-M-8-14", 1, TRIPLE_DES),
];

const TRIPLE_DES: &str = "a 3DES key: NIST SP 800-131A disallows it since 2024, and none is made";

/// The files of a version, `v1.4` say, in their order: SASED and TL go on from case to case.
///
/// # Panics
/// They are not there.
#[must_use]
pub fn cases(version: &str) -> Vec<PathBuf> {
    // From the tests' own folder and from the front's alike.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find_map(|root| {
        let folder = root.join("tests/kmip/oasis").join(version);
        folder.is_dir().then_some(folder)
    });
    let entries = std::fs::read_dir(folder.expect("the cases are in the repository")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The exchanges of a file, in order.
///
/// # Panics
/// It does not parse.
#[must_use]
pub fn read(file: &Path) -> Vec<Exchange> {
    let text = std::fs::read_to_string(file).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let mut messages = document.root_element().children().filter(roxmltree::Node::is_element).map(node);
    let mut exchanges = Vec::new();
    while let (Some(request), Some(response)) = (messages.next(), messages.next()) {
        assert_eq!((request.tag.as_str(), response.tag.as_str()), ("RequestMessage", "ResponseMessage"));
        exchanges.push(Exchange { request, response });
    }
    exchanges
}

fn node(element: roxmltree::Node<'_, '_>) -> Node {
    let attribute = |name| element.attribute(name).map(str::to_owned);
    Node {
        tag: element.tag_name().name().to_owned(),
        value: attribute("type").zip(attribute("value")),
        children: element.children().filter(roxmltree::Node::is_element).map(node).collect(),
    }
}

impl Node {
    #[must_use]
    pub fn find(&self, tag: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.tag == tag)
    }

    /// The value's text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.value.as_ref().map_or("", |(_, value)| value)
    }

    /// The message that it stands for.
    ///
    /// # Panics
    /// It names what the standard does not know, or a variable that is not known.
    #[must_use]
    pub fn item(&self, variables: &Variables) -> Item {
        self.item_within("", variables)
    }

    /// `about` is the name of the attribute that it is a value of.
    fn item_within(&self, about: &str, variables: &Variables) -> Item {
        let tag = Tag::named(&self.tag).unwrap_or_else(|| panic!("no tag {}", self.tag));
        let Some((kind, value)) = &self.value else {
            let about = self.find("AttributeName").map_or("", Self::text);
            let items = self.children.iter().map(|child| child.item_within(about, variables)).collect();
            return Item::structure(tag, items);
        };
        Item { tag, value: self.leaf(kind, &variables.fill(value), about) }
    }

    fn leaf(&self, kind: &str, value: &str, about: &str) -> Value {
        let what = self.list_name(about);
        match kind {
            "Boolean" => Value::Boolean(value == "true"),
            "ByteString" => Value::ByteString(Zeroizing::new(hex(value))),
            "DateTime" => Value::DateTime(seconds(value)),
            "Enumeration" => Value::Enumeration(enumeration(&what, value)),
            "Integer" => Value::Integer(integer(&what, value)),
            "Interval" => Value::Interval(value.parse().unwrap()),
            "LongInteger" => Value::LongInteger(value.parse().unwrap()),
            "TextString" => Value::TextString(Zeroizing::new(value.to_owned())),
            other => panic!("no type {other}"),
        }
    }

    /// Whose values it has: its own tag's, or those of the attribute that it is a value of.
    fn list_name(&self, about: &str) -> String {
        match self.tag.as_str() {
            "AttributeValue" => about.replace(' ', ""),
            tag => tag.to_owned(),
        }
    }
}

impl Variables {
    fn fill(&self, value: &str) -> String {
        let Some(name) = value.strip_prefix('$') else { return value.to_owned() };
        match self.moment(value) {
            Some(seconds) => format!("@{seconds}"),
            None => self.known.get(name).unwrap_or_else(|| panic!("nothing is known of ${name}")).clone(),
        }
    }

    /// What `$NOW`, `$NOW+3600` or `$NOW-3600` is, in Unix seconds.
    #[must_use]
    pub fn moment(&self, value: &str) -> Option<i64> {
        let rest = value.strip_prefix("$NOW")?;
        let shift: i64 = if rest.is_empty() { 0 } else { rest.parse().ok()? };
        Some(self.now_s + shift)
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn seconds(value: &str) -> i64 {
    match value.strip_prefix('@') {
        Some(seconds) => seconds.parse().unwrap(),
        None => {
            let format = &time::format_description::well_known::Rfc3339;
            time::OffsetDateTime::parse(value, format).unwrap().unix_timestamp()
        }
    }
}

fn enumeration(what: &str, value: &str) -> u32 {
    number(value).unwrap_or_else(|| {
        let rows = ENUMERATIONS.iter().find(|row| row.0 == what).unwrap_or_else(|| panic!("no enumeration {what}")).1;
        rows.iter().find(|row| row.0 == value).unwrap_or_else(|| panic!("{what} has no {value}")).1
    })
}

/// A number, or the names of a mask's bits.
fn integer(what: &str, value: &str) -> i32 {
    value.parse().unwrap_or_else(|_| {
        let bits = MASKS.iter().find(|row| row.0 == what).unwrap_or_else(|| panic!("no mask {what}")).1;
        let bit = |name: &str| bits.iter().find(|row| row.0 == name).unwrap_or_else(|| panic!("no bit {name}")).1;
        i32::try_from(value.split(' ').map(bit).fold(0, |all, bit| all | bit)).unwrap()
    })
}

fn number(value: &str) -> Option<u32> {
    u32::from_str_radix(value.strip_prefix("0x")?, 16).ok()
}
