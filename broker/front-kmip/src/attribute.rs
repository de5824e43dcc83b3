//! Attributes (KMIP 1.4 section 3): which there are, from which version on, who sets them, and how each stands on the wire.

use broker_core::broker::ObjectView;
use broker_core::object::{
    Attributes, Custom, DateField, Indexed, KeyFormat, LinkKind, ObjectAlgorithm, ObjectId, ObjectKind, ObjectName,
    UsageLimits, UsageMask,
};

use crate::name::Tag;
use crate::read::{self, Fields};
use crate::refuse::Problem;
use crate::table::{DRBGAlgorithm, HashingAlgorithm, NameType, RNGAlgorithm, ResultReason, UsageLimitsUnit};
use crate::translate::{OnWire, of_word};
use crate::ttlv::{Item, Value};

/// For how long a client may use what it got before it asks again: we do not take keys back, so this is a formality.
pub(crate) const LEASE_S: u32 = 3600;

const USAGE_LIMITS: &str = "Usage Limits";

/// One value of an attribute. The item's tag is Attribute Value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub name: String,
    pub index: u32,
    pub value: Item,
}

/// Who sets an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setter {
    /// The broker; for clients it is read-only.
    Broker,
    /// A client, who may also delete it.
    Client,
    /// A client, who may not delete it.
    ClientForGood,
}

/// What the standard says of an attribute.
pub(crate) struct Row {
    pub name: &'static str,
    /// The minor version of KMIP 1 that brought it: older clients break on attributes they do not know.
    pub since: u8,
    /// It may have several values.
    pub many: bool,
    pub setter: Setter,
}

const fn row(name: &'static str, since: u8, many: bool, setter: Setter) -> Row {
    Row { name, since, many, setter }
}

use Setter::{Broker, Client, ClientForGood};

/// Section 3, in its order. What is not here is a client's own (`x-`, `y-`), or unknown.
pub(crate) const ROWS: &[Row] = &[
    row("Unique Identifier", 0, false, Broker),
    row("Name", 0, true, Client),
    row("Object Type", 0, false, Broker),
    row("Cryptographic Algorithm", 0, false, Broker),
    row("Cryptographic Length", 0, false, Broker),
    row("Cryptographic Parameters", 0, true, Client),
    row("Cryptographic Domain Parameters", 0, false, ClientForGood),
    row("Certificate Type", 0, false, Broker),
    row("Digest", 0, true, Broker),
    row("Operation Policy Name", 0, false, ClientForGood),
    row("Cryptographic Usage Mask", 0, false, ClientForGood),
    row("Lease Time", 0, false, Broker),
    row("Usage Limits", 0, false, Client),
    row("State", 0, false, Broker),
    row("Initial Date", 0, false, Broker),
    row("Activation Date", 0, false, ClientForGood),
    row("Process Start Date", 0, false, ClientForGood),
    row("Protect Stop Date", 0, false, ClientForGood),
    row("Deactivation Date", 0, false, ClientForGood),
    row("Destroy Date", 0, false, Broker),
    row("Compromise Occurrence Date", 0, false, Broker),
    row("Compromise Date", 0, false, Broker),
    row("Revocation Reason", 0, false, Broker),
    row("Object Group", 0, true, Client),
    row("Fresh", 1, false, Broker),
    row("Link", 0, true, Client),
    row("Application Specific Information", 0, true, Client),
    row("Contact Information", 0, false, Client),
    row("Last Change Date", 0, false, Broker),
    row("Alternative Name", 2, true, Client),
    row("Key Value Present", 2, false, Broker),
    row("Original Creation Date", 2, false, Broker),
    row("Random Number Generator", 3, false, Broker),
    row("PKCS#12 Friendly Name", 4, false, Client),
    row("Description", 4, false, Client),
    row("Comment", 4, false, Client),
    row("Sensitive", 4, false, ClientForGood),
    row("Always Sensitive", 4, false, Broker),
    row("Extractable", 4, false, ClientForGood),
    row("Never Extractable", 4, false, Broker),
];

/// The row of an attribute of the standard's.
pub(crate) fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

/// Whether a client of this version knows the attribute.
pub(crate) fn is_known(name: &str, minor: u8) -> bool {
    find(name).is_none_or(|row| row.since <= minor)
}

/// A client's own attribute (section 3.39).
fn is_custom(name: &str) -> bool {
    name.starts_with("x-") || name.starts_with("y-")
}

/// # Errors
/// `PermissionDenied` for what the broker alone sets, `InvalidField` for what is no attribute.
pub(crate) fn check_settable(name: &str) -> Result<(), Problem> {
    match find(name) {
        Some(row) if row.setter == Broker => {
            Err(Problem::new(ResultReason::PermissionDenied, format!("attribute {name} is set by the server alone")))
        }
        Some(_) => Ok(()),
        None if is_custom(name) => Ok(()),
        None => {
            Err(Problem::invalid_field(format!("there is no attribute {name}; one of your own begins with x- or y-")))
        }
    }
}

/// Several values are for custom attributes and for those of the standard's that may have them.
pub(crate) fn may_have_many(name: &str) -> bool {
    find(name).is_none_or(|row| row.many)
}

impl Attribute {
    /// From the wire; without an index, 0.
    pub(crate) fn read(item: &Item) -> Result<(Self, bool), Problem> {
        let fields = Fields::of(item)?;
        let name = fields.need(Tag::AttributeName, read::text)?.to_owned();
        let index = fields.get(Tag::AttributeIndex, read::count)?;
        let mut value = fields.item(Tag::AttributeValue).ok_or_else(|| fields.missing(Tag::AttributeValue))?.clone();
        // What is left of them the broker counts.
        if let (USAGE_LIMITS, Value::Structure(items)) = (name.as_str(), &mut value.value) {
            items.retain(|item| item.tag != Tag::UsageLimitsCount);
        }
        Ok((Self { name, index: index.unwrap_or(0), value }, index.is_some()))
    }

    /// To the wire. KMIP 1.0 clients expect the index of everything that may have several values; for later ones 0 is left out.
    pub(crate) fn write(&self, minor: u8) -> Item {
        let mut items = vec![Item::text(Tag::AttributeName, self.name.as_str())];
        if self.index > 0 || (minor == 0 && may_have_many(&self.name)) {
            items.push(Item::integer(Tag::AttributeIndex, i32::try_from(self.index).unwrap_or(i32::MAX)));
        }
        items.push(self.value.clone());
        Item::structure(Tag::Attribute, items)
    }

    fn new(name: &str, index: u32, value: Value) -> Self {
        Self { name: name.to_owned(), index, value: Item { tag: Tag::AttributeValue, value } }
    }

    fn date(&self) -> Result<i64, Problem> {
        read::date_time(&self.value)
    }
}

/// Reads a list of attributes as a creation gives it: indices are optional and count up.
pub(crate) fn read_all<'a>(items: impl Iterator<Item = &'a Item>) -> Result<Vec<Attribute>, Problem> {
    let mut all: Vec<Attribute> = Vec::new();
    for item in items {
        let (mut attribute, _) = Attribute::read(item)?;
        let next = next_index(&all, &attribute.name);
        if next > 0 && !may_have_many(&attribute.name) {
            return Err(Problem::invalid_field(format!("attribute {} is given twice", attribute.name)));
        }
        attribute.index = next;
        all.push(attribute);
    }
    Ok(all)
}

/// The next free index of a name.
pub(crate) fn next_index(all: &[Attribute], name: &str) -> u32 {
    all.iter().filter(|attribute| attribute.name == name).map(|attribute| attribute.index + 1).max().unwrap_or(0)
}

/// What a client set, as the core keeps it.
///
/// # Errors
/// `PermissionDenied` and `InvalidField` for what cannot be set.
pub(crate) fn to_core(all: &[Attribute]) -> Result<Attributes, Problem> {
    let mut core = Attributes::default();
    for attribute in all {
        check_settable(&attribute.name)?;
        let value = &attribute.value;
        let index = attribute.index;
        match attribute.name.as_str() {
            "Name" => core.names.push(Indexed { index, value: name_of(value)? }),
            "Object Group" => core.groups.push(Indexed { index, value: read::text(value)?.to_owned() }),
            "Link" => core.links.push(link_of(value)?),
            "Cryptographic Usage Mask" => core.usage = usage_of(value)?,
            "Activation Date" => core.activation_s = Some(attribute.date()?),
            "Process Start Date" => core.process_start_s = Some(attribute.date()?),
            "Protect Stop Date" => core.protect_stop_s = Some(attribute.date()?),
            "Deactivation Date" => core.deactivation_s = Some(attribute.date()?),
            USAGE_LIMITS => core.usage_limits = Some(limits_of(value)?),
            "Sensitive" => core.sensitive = read::boolean(value)?,
            "Extractable" => core.unextractable = !read::boolean(value)?,
            name => core.custom.push(Custom { name: name.to_owned(), index, value: value.encode().to_vec() }),
        }
    }
    Ok(core)
}

/// What a client set, out of the core's; the other way round of [`to_core`].
pub(crate) fn of_core(core: &Attributes) -> Vec<Attribute> {
    let mut all = Vec::new();
    for name in &core.names {
        all.push(Attribute::new("Name", name.index, name_value(&name.value)));
    }
    if core.usage != UsageMask::default() {
        all.push(Attribute::new("Cryptographic Usage Mask", 0, mask_value(core.usage)));
    }
    for (name, date_s) in [
        ("Activation Date", core.activation_s),
        ("Process Start Date", core.process_start_s),
        ("Protect Stop Date", core.protect_stop_s),
        ("Deactivation Date", core.deactivation_s),
    ] {
        all.extend(date_s.map(|date_s| Attribute::new(name, 0, Value::DateTime(date_s))));
    }
    all.extend(core.usage_limits.map(|limits| Attribute::new(USAGE_LIMITS, 0, limits_value(limits))));
    for group in &core.groups {
        all.push(Attribute::new("Object Group", group.index, Item::text(Tag::AttributeValue, &*group.value).value));
    }
    for (index, link) in (0..).zip(&core.links) {
        all.push(Attribute::new("Link", index, link_value(*link)));
    }
    for flag in [("Sensitive", core.sensitive), ("Extractable", !core.unextractable)] {
        all.push(Attribute::new(flag.0, 0, Value::Boolean(flag.1)));
    }
    for custom in &core.custom {
        // Written by `to_core`; what does not read any more is not shown.
        if let Ok(item) = Item::decode(&custom.value) {
            all.push(Attribute { name: custom.name.clone(), index: custom.index, value: item });
        }
    }
    all
}

/// Everything there is to say about an object, in the standard's order, the client's own last.
pub(crate) fn of_object(view: &ObjectView) -> Vec<Attribute> {
    let mut all = of_core(view.attributes());
    all.extend(of_broker(view));
    let keyed = !matches!(view.kind(), ObjectKind::OpaqueObject | ObjectKind::Template | ObjectKind::Certificate);
    let is_flag = |name: &str| matches!(name, "Sensitive" | "Extractable" | "Always Sensitive" | "Never Extractable");
    all.retain(|attribute| keyed || !is_flag(&attribute.name));
    if keyed && view.attributes().usage == UsageMask::default() {
        all.push(Attribute::new("Cryptographic Usage Mask", 0, Value::Integer(0)));
    }
    let place = |attribute: &Attribute| ROWS.iter().position(|row| row.name == attribute.name).unwrap_or(ROWS.len());
    all.sort_by(|one, other| (place(one), &one.name, one.index).cmp(&(place(other), &other.name, other.index)));
    all
}

/// What the broker itself says about an object.
fn of_broker(view: &ObjectView) -> Vec<Attribute> {
    let (life, mut all) = (view.life(), Vec::new());
    let mut say = |name: &str, value: Value| all.push(Attribute::new(name, 0, value));
    say("Unique Identifier", Item::text(Tag::AttributeValue, view.id().to_string()).value);
    say("Object Type", Value::Enumeration(view.kind().to_wire()));
    if let Some(algorithm) = view.algorithm() {
        say("Cryptographic Algorithm", Value::Enumeration(algorithm.to_wire()));
    }
    if let Some(bits) = view.bits() {
        say("Cryptographic Length", Value::Integer(i32::try_from(bits).unwrap_or(i32::MAX)));
    }
    if view.kind() != ObjectKind::Template {
        say("Digest", digest_value(view.digest_sha256(), view.format()));
        say("State", Value::Enumeration(view.state().to_wire()));
        say("Lease Time", Value::Interval(LEASE_S));
        say("Fresh", Value::Boolean(life.fresh));
    }
    for (name, field) in [
        ("Initial Date", DateField::Initial),
        ("Original Creation Date", DateField::Initial),
        ("Destroy Date", DateField::Destroy),
        ("Compromise Occurrence Date", DateField::CompromiseOccurrence),
        ("Compromise Date", DateField::Compromise),
        ("Last Change Date", DateField::LastChange),
    ] {
        if let Some(date_s) = view.date(field) {
            say(name, Value::DateTime(date_s));
        }
    }
    if let Some(revocation) = &life.revocation {
        let mut items = vec![of_word(Tag::RevocationReasonCode, revocation.reason)];
        items.extend(revocation.message.as_deref().map(|message| Item::text(Tag::RevocationMessage, message)));
        say("Revocation Reason", Value::Structure(items));
    }
    // What came in from outside was made by a generator that we do not know.
    if view.form().is_empty() {
        say("Random Number Generator", Value::Structure(generator()));
    }
    say("Always Sensitive", Value::Boolean(life.always_sensitive));
    say("Never Extractable", Value::Boolean(life.never_extractable));
    all
}

/// The broker's generator (section 2.1.18): CTR-DRBG with AES-256 (NIST SP 800-90A).
pub(crate) fn generator() -> Vec<Item> {
    vec![
        Item::enumeration(Tag::RNGAlgorithm, RNGAlgorithm::DRBG.value()),
        of_word(Tag::CryptographicAlgorithm, ObjectAlgorithm::Aes),
        Item::integer(Tag::CryptographicLength, 256),
        Item::enumeration(Tag::DRBGAlgorithm, DRBGAlgorithm::CTR.value()),
    ]
}

fn digest_value(digest: &[u8; 32], format: KeyFormat) -> Value {
    Value::Structure(vec![
        Item::enumeration(Tag::HashingAlgorithm, HashingAlgorithm::SHA_256.value()),
        Item::byte_string(Tag::DigestValue, digest.to_vec()),
        of_word(Tag::KeyFormatType, format),
    ])
}

pub(crate) fn name_of(value: &Item) -> Result<ObjectName, Problem> {
    let fields = Fields::of(value)?;
    let text = fields.need(Tag::NameValue, read::text)?.to_owned();
    let kind = fields.item(Tag::NameType).map(|item| read::one_of(item, NameType::from_u32)).transpose()?;
    Ok(ObjectName { text, uri: kind == Some(NameType::URI) })
}

fn name_value(name: &ObjectName) -> Value {
    let kind = if name.uri { NameType::URI } else { NameType::UninterpretedTextString };
    Value::Structure(vec![
        Item::text(Tag::NameValue, name.text.as_str()),
        Item::enumeration(Tag::NameType, kind.value()),
    ])
}

fn link_of(value: &Item) -> Result<(LinkKind, ObjectId), Problem> {
    let fields = Fields::of(value)?;
    let kind = fields.need(Tag::LinkType, LinkKind::read)?;
    let linked = fields.need(Tag::LinkedObjectIdentifier, read::text)?;
    let id =
        ObjectId::parse(linked).ok_or_else(|| Problem::invalid_field("a link leads to no object of this server"))?;
    Ok((kind, id))
}

fn link_value((kind, id): (LinkKind, ObjectId)) -> Value {
    Value::Structure(vec![of_word(Tag::LinkType, kind), Item::text(Tag::LinkedObjectIdentifier, id.to_string())])
}

/// The unit counts bytes or operations; what is left is all of it unless it stands there.
fn limits_of(value: &Item) -> Result<UsageLimits, Problem> {
    let fields = Fields::of(value)?;
    let number = |item: &Item| -> Result<u64, Problem> {
        u64::try_from(read::long_integer(item)?).map_err(|_| Problem::invalid_field("usage limits are not negative"))
    };
    let unit = fields.item(Tag::UsageLimitsUnit).ok_or_else(|| fields.missing(Tag::UsageLimitsUnit))?;
    let by_bytes = read::one_of(unit, UsageLimitsUnit::from_u32)? == UsageLimitsUnit::Byte;
    let total = fields.item(Tag::UsageLimitsTotal).ok_or_else(|| fields.missing(Tag::UsageLimitsTotal))?;
    let whole = UsageLimits::whole(number(total)?, by_bytes);
    let left = fields.item(Tag::UsageLimitsCount).map(number).transpose()?;
    Ok(UsageLimits { left: left.unwrap_or(whole.total), ..whole })
}

fn limits_value(limits: UsageLimits) -> Value {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let unit = if limits.by_bytes { UsageLimitsUnit::Byte } else { UsageLimitsUnit::Object };
    Value::Structure(vec![
        Item::long_integer(Tag::UsageLimitsTotal, number(limits.total)),
        Item::long_integer(Tag::UsageLimitsCount, number(limits.left)),
        Item::enumeration(Tag::UsageLimitsUnit, unit.value()),
    ])
}

pub(crate) fn usage_of(value: &Item) -> Result<UsageMask, Problem> {
    read::count(value).map(UsageMask)
}

pub(crate) fn mask_value(mask: UsageMask) -> Value {
    Value::Integer(i32::try_from(mask.0).unwrap_or(i32::MAX))
}
