//! Our answer against OASIS's: the same, but for what no two servers have in common.
//!
//! What may differ is said by the profiles ("Permitted Test Case Variations"): ids, times that a server sets, what it generated
//! itself and what is computed with that, the message of a failure, the vendor, and more operations, objects and attributes than
//! the case names. Everything else must be the same, in the same order.

use std::collections::{HashMap, HashSet};

use broker_front_kmip::name::Tag;
use broker_front_kmip::table::{DRBGAlgorithm, RNGAlgorithm};
use broker_front_kmip::ttlv::{Item, Value};

use super::case::{Node, Variables};

/// How far a server's clock may be from ours, in seconds.
const CLOCK_S: i64 = 120;

/// What is remembered from one exchange to the next, and from one case to the next.
pub struct Memory {
    pub variables: Variables,
    /// Ids of objects that the server generated: their bytes are its own.
    generated: HashSet<String>,
    /// By id: the bytes it gave, which must stay the same.
    material: HashMap<String, Vec<u8>>,
    /// The operation at hand draws an IV, so nothing it gives is as printed.
    draws: bool,
}

impl Memory {
    #[must_use]
    pub fn new(now_s: i64) -> Self {
        let variables = Variables { known: HashMap::new(), now_s };
        Self { variables, generated: HashSet::new(), material: HashMap::new(), draws: false }
    }

    /// Another case: the names begin anew, what the server generated stays its own.
    pub fn next_case(&mut self) {
        self.variables.known.clear();
    }

    /// # Errors
    /// The first thing in which the answer is not what it must be, and where.
    pub fn check(&mut self, request: &Item, expected: &Node, actual: &Item) -> Result<(), String> {
        let shape = |node: &Node| node.children.iter().map(|child| child.tag.clone()).collect::<Vec<_>>();
        let found: Vec<String> = actual.items().iter().map(|item| item.tag.to_string()).collect();
        if shape(expected) != found {
            return Err(format!("expected {:?}, found {found:?} in {actual:?}", shape(expected)));
        }
        let asked = request.items().iter().filter(|item| item.tag == Tag::BatchItem);
        self.same(&expected.children[0], &actual.items()[0], "header", None)?;
        for ((expected, actual), asked) in expected.children[1..].iter().zip(&actual.items()[1..]).zip(asked) {
            self.check_item(asked, expected, actual)?;
        }
        Ok(())
    }

    fn check_item(&mut self, asked: &Item, expected: &Node, actual: &Item) -> Result<(), String> {
        let operation = expected.find("Operation").map_or("", Node::text).to_owned();
        let payload = actual.find(Tag::ResponsePayload);
        if matches!(operation.as_str(), "Create" | "CreateKeyPair") {
            let made = payload.map(Item::items).unwrap_or_default();
            self.generated.extend(made.iter().filter_map(|item| text(&item.value)));
        }
        let subject = payload.and_then(|payload| payload.find(Tag::UniqueIdentifier)).and_then(|id| text(&id.value));
        let expected_children = expected.children.iter().filter(|child| child.tag != "ResultMessage");
        let actual_children: Vec<&Item> = actual.items().iter().filter(|item| item.tag != Tag::ResultMessage).collect();
        let tags: Vec<String> = expected_children.clone().map(|child| child.tag.clone()).collect();
        if tags != actual_children.iter().map(|item| item.tag.to_string()).collect::<Vec<_>>() {
            return Err(format!("{operation}: expected {tags:?}, found {actual:?}"));
        }
        let asked_for = |tag| asked.find(Tag::RequestPayload).is_some_and(|asked| asked.find(tag).is_some());
        let gives_iv = expected.find("ResponsePayload").is_some_and(|given| given.find("IVCounterNonce").is_some());
        self.draws = gives_iv && !asked_for(Tag::IVCounterNonce);
        let names_asked = asked_for(Tag::AttributeName);
        for (expected, actual) in expected_children.zip(actual_children) {
            let open = match operation.as_str() {
                "Query" | "GetAttributeList" => true,
                "GetAttributes" => !names_asked,
                _ => false,
            };
            if expected.tag == "ResponsePayload" && open {
                self.holds_all(expected, actual, &operation, subject.as_deref())?;
            } else {
                self.same(expected, actual, &operation, subject.as_deref())?;
            }
        }
        if let Some(payload) = payload {
            self.remember_outputs(payload);
        }
        Ok(())
    }

    /// The case's later requests send back what this answer gave, under names that it does not introduce.
    fn remember_outputs(&mut self, payload: &Item) {
        for (tag, name) in [
            (Tag::Data, "DATA_0"),
            (Tag::Data, "DATA_25"),
            (Tag::IVCounterNonce, "IV_COUNTER_NONCE"),
            (Tag::AuthenticatedEncryptionTag, "AUTHENTICATED_ENCRYPTION_TAG"),
        ] {
            if let Some(Value::ByteString(bytes)) = payload.find(tag).map(|item| &item.value) {
                self.variables.known.insert(name.to_owned(), hex(bytes));
            }
        }
    }

    /// Everything that is expected is there, in whatever order, among more.
    fn holds_all(&mut self, expected: &Node, actual: &Item, at: &str, subject: Option<&str>) -> Result<(), String> {
        for child in &expected.children {
            let mut wrong = Vec::new();
            let found = actual.items().iter().any(|item| match self.same(child, item, at, subject) {
                Ok(()) => true,
                Err(why) => {
                    wrong.push(why);
                    false
                }
            });
            if !found {
                return Err(format!("{at}: nothing is {child:?} in {actual:?}: {wrong:?}"));
            }
        }
        Ok(())
    }

    fn same(&mut self, expected: &Node, actual: &Item, at: &str, subject: Option<&str>) -> Result<(), String> {
        let at = &format!("{at}/{}", expected.tag);
        if Tag::named(&expected.tag) != Some(actual.tag) {
            return Err(format!("{at}: found {actual:?}"));
        }
        if expected.value.is_some() {
            return self.same_value(expected, actual, at, subject);
        }
        if is_attribute(expected, "Random Number Generator") {
            return generator(actual);
        }
        if is_attribute(expected, "Digest") {
            return self.digest(expected, actual, at, subject);
        }
        let about = expected.find("AttributeName").map(Node::text);
        if expected.children.len() != actual.items().len() {
            return Err(format!("{at}: expected {:?}, found {actual:?}", expected.children));
        }
        for (expected, actual) in expected.children.iter().zip(actual.items()) {
            let inner = about.map_or_else(|| at.clone(), |about| format!("{at}[{about}]"));
            self.same(expected, actual, &inner, subject)?;
        }
        Ok(())
    }

    fn same_value(&mut self, expected: &Node, actual: &Item, at: &str, subject: Option<&str>) -> Result<(), String> {
        let wanted = expected.text();
        let generated = subject.is_some_and(|subject| self.generated.contains(subject));
        if expected.tag == "VendorIdentification" {
            return Ok(());
        }
        if let (Some(moment_s), Value::DateTime(found_s)) = (self.variables.moment(wanted), &actual.value) {
            let near = (moment_s - found_s).abs() <= CLOCK_S;
            return if near { Ok(()) } else { Err(format!("{at}: {found_s} is not near {moment_s}")) };
        }
        if let Value::ByteString(found) = &actual.value {
            let material = matches!(expected.tag.as_str(), "KeyMaterial" | "KeyValue");
            if material && (generated || wanted.starts_with('$')) {
                return self.generated_material(wanted, found, at, subject);
            }
            let drawn = matches!(expected.tag.as_str(), "Data" | "IVCounterNonce" | "AuthenticatedEncryptionTag");
            if drawn && (generated || wanted.starts_with('$') || self.draws) {
                let length = wanted.starts_with('$') || wanted.len() / 2 == found.len();
                return if length { Ok(()) } else { Err(format!("{at}: {} bytes", found.len())) };
            }
        }
        if let (Some(name), Some(found)) = (wanted.strip_prefix('$'), text(&actual.value)) {
            let known = self.variables.known.entry(name.to_owned()).or_insert_with(|| found.clone());
            return if *known == found { Ok(()) } else { Err(format!("{at}: ${name} is {known}, not {found}")) };
        }
        let claim = Node { tag: "Attribute".to_owned(), value: None, children: attribute_around(expected, at) };
        let claim = claim.item(&self.variables);
        let claim = claim.items().last().expect("the attribute has a value");
        if claim.value == actual.value {
            Ok(())
        } else {
            Err(format!("{at}: expected {wanted}, found {}", shown(actual)))
        }
    }

    /// As long as the case's, and the same whenever it is asked for.
    fn generated_material(
        &mut self,
        wanted: &str,
        found: &[u8],
        at: &str,
        subject: Option<&str>,
    ) -> Result<(), String> {
        if !wanted.starts_with('$') && wanted.len() / 2 != found.len() {
            return Err(format!("{at}: {} bytes", found.len()));
        }
        if at.ends_with("KeyMaterial") {
            let known = self.material.entry(subject.unwrap_or_default().to_owned()).or_insert_with(|| found.to_vec());
            if known != found {
                return Err(format!("{at}: the key changed"));
            }
        }
        Ok(())
    }

    /// SHA-256 of what the server generated, when it is known what that is; otherwise what the case says.
    fn digest(&mut self, expected: &Node, actual: &Item, at: &str, subject: Option<&str>) -> Result<(), String> {
        let value = actual.find(Tag::AttributeValue).ok_or_else(|| format!("{at}: no value"))?;
        let Some(Value::ByteString(digest)) = value.find(Tag::DigestValue).map(|item| &item.value) else {
            return Err(format!("{at}: no digest"));
        };
        let known = subject.and_then(|subject| self.material.get(subject));
        if known.is_some_and(|known| broker_crypto::digest::sha256(known)[..] != digest[..]) {
            return Err(format!("{at}: not the digest of the key"));
        }
        let mut expected = expected.clone();
        if subject.is_some_and(|subject| self.generated.contains(subject)) {
            let said = expected
                .children
                .last_mut()
                .and_then(|value| value.children.iter_mut().find(|child| child.tag == "DigestValue"));
            if let Some((_, value)) = said.and_then(|said| said.value.as_mut()) {
                *value = hex(digest);
            }
        }
        let claim = expected.item(&self.variables);
        if claim == *actual { Ok(()) } else { Err(format!("{at}: expected {expected:?}, found {actual:?}")) }
    }
}

/// The servers of the cases drew from ANSI X9.31; ours says what it really draws from.
fn generator(actual: &Item) -> Result<(), String> {
    let value = actual.find(Tag::AttributeValue).ok_or("no generator")?;
    let said = |tag| value.find(tag).map(|item| item.value.clone());
    let ours = said(Tag::RNGAlgorithm) == Some(Value::Enumeration(RNGAlgorithm::DRBG.value()))
        && said(Tag::CryptographicLength) == Some(Value::Integer(256))
        && said(Tag::DRBGAlgorithm) == Some(Value::Enumeration(DRBGAlgorithm::CTR.value()));
    if ours { Ok(()) } else { Err(format!("another generator: {value:?}")) }
}

fn is_attribute(node: &Node, name: &str) -> bool {
    node.tag == "Attribute" && node.find("AttributeName").is_some_and(|found| found.text() == name)
}

/// The value with its attribute's name before it, by which its enumeration is found.
fn attribute_around(value: &Node, at: &str) -> Vec<Node> {
    let about = at.rsplit_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(about, _)| about);
    let name = Node {
        tag: "AttributeName".to_owned(),
        value: Some(("TextString".to_owned(), about.to_owned())),
        children: Vec::new(),
    };
    vec![name, value.clone()]
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::TextString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn shown(item: &Item) -> String {
    match &item.value {
        Value::ByteString(bytes) => hex(bytes),
        Value::TextString(text) => text.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
