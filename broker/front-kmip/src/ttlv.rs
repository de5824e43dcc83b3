//! Tag, type, length, value (KMIP 1.4 section 9.1): bytes to items and back.
//!
//! A length is believed only as far as there are bytes: nothing is set aside because a length says so, and no child reaches
//! beyond its parent. Values that may be secret are wiped when dropped and never printed.

use std::fmt;

use zeroize::Zeroizing;

use crate::name::Tag;
use crate::table::ItemType;

/// Bytes of a tag, a type and a length.
pub const HEADER_BYTES: usize = 8;
/// How many structures may stand in each other.
pub const DEPTH_MAX: usize = 32;
/// Items of a message in all.
pub const ITEMS_MAX: usize = 32 * 1024;

/// A tag and what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub tag: Tag,
    pub value: Value,
}

/// What an item carries. Times are Unix seconds.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Two's complement, big-endian; a multiple of eight bytes.
    BigInteger(Zeroizing<Vec<u8>>),
    Boolean(bool),
    ByteString(Zeroizing<Vec<u8>>),
    DateTime(i64),
    Enumeration(u32),
    Integer(i32),
    /// Seconds.
    Interval(u32),
    LongInteger(i64),
    Structure(Vec<Item>),
    TextString(Zeroizing<String>),
}

impl Value {
    #[must_use]
    pub const fn kind(&self) -> ItemType {
        match self {
            Self::BigInteger(_) => ItemType::BigInteger,
            Self::Boolean(_) => ItemType::Boolean,
            Self::ByteString(_) => ItemType::ByteString,
            Self::DateTime(_) => ItemType::DateTime,
            Self::Enumeration(_) => ItemType::Enumeration,
            Self::Integer(_) => ItemType::Integer,
            Self::Interval(_) => ItemType::Interval,
            Self::LongInteger(_) => ItemType::LongInteger,
            Self::Structure(_) => ItemType::Structure,
            Self::TextString(_) => ItemType::TextString,
        }
    }

    /// The length field: bytes of the value without its padding.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::BigInteger(bytes) | Self::ByteString(bytes) => bytes.len(),
            Self::Boolean(_) | Self::DateTime(_) | Self::LongInteger(_) => 8,
            Self::Enumeration(_) | Self::Integer(_) | Self::Interval(_) => 4,
            Self::Structure(items) => items.iter().map(Item::bytes).sum(),
            Self::TextString(text) => text.len(),
        }
    }
}

/// Numbers as they are, of texts and bytes the length alone: they may be secret.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BigInteger(bytes) | Self::ByteString(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::DateTime(value) | Self::LongInteger(value) => write!(f, "{value}"),
            Self::Enumeration(value) => write!(f, "{value:#x}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Interval(value) => write!(f, "{value} s"),
            Self::Structure(items) => f.debug_list().entries(items).finish(),
            Self::TextString(text) => write!(f, "text of {} bytes", text.len()),
        }
    }
}

/// Why bytes are no message. `at` counts from the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at byte {at}: {problem}")]
pub struct Malformed {
    pub at: usize,
    pub problem: &'static str,
}

impl Item {
    /// The whole of `bytes` as one item. Padding may hold anything; all else is as the standard says.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader { bytes, at: 0, end: bytes.len(), items_left: ITEMS_MAX };
        let item = reader.item(0)?;
        if reader.at < bytes.len() { Err(reader.wrong("bytes after the message's end")) } else { Ok(item) }
    }

    /// Bytes that [`Item::encode`] writes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        HEADER_BYTES + padded(self.value.bytes())
    }

    /// The canonical bytes: padding is zero. Wiped when dropped, and set aside at once, so that no copy stays behind.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.bytes()));
        self.write(&mut bytes);
        bytes
    }

    fn write(&self, out: &mut Vec<u8>) {
        let length = u32::try_from(self.value.bytes()).expect("a message's limit is far below 4 GiB");
        out.extend_from_slice(&self.tag.0.to_be_bytes()[1..]);
        out.push(self.value.kind().value().to_be_bytes()[3]);
        out.extend_from_slice(&length.to_be_bytes());
        match &self.value {
            Value::BigInteger(bytes) | Value::ByteString(bytes) => out.extend_from_slice(bytes),
            Value::Boolean(value) => out.extend_from_slice(&u64::from(*value).to_be_bytes()),
            Value::DateTime(value) | Value::LongInteger(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Enumeration(value) | Value::Interval(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Integer(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Structure(items) => items.iter().for_each(|item| item.write(out)),
            Value::TextString(text) => out.extend_from_slice(text.as_bytes()),
        }
        out.resize(out.len().next_multiple_of(8), 0);
    }
}

/// Values are followed by padding up to a multiple of eight bytes; headers are eight, so a message stays aligned.
const fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(8)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the structure that is being read ends.
    end: usize,
    items_left: usize,
}

impl Reader<'_> {
    const fn wrong(&self, problem: &'static str) -> Malformed {
        Malformed { at: self.at, problem }
    }

    fn take(&mut self, count: usize, problem: &'static str) -> Result<&[u8], Malformed> {
        if count > self.end - self.at {
            return Err(self.wrong(problem));
        }
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    fn item(&mut self, depth: usize) -> Result<Item, Malformed> {
        self.items_left = self.items_left.checked_sub(1).ok_or(self.wrong("too many items in one message"))?;
        let began = self.at;
        let header = self.take(HEADER_BYTES, "an item's header is cut off")?;
        let tag = Tag(u32::from_be_bytes([0, header[0], header[1], header[2]]));
        let kind = ItemType::from_u32(u32::from(header[3]));
        let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        let kind = kind.ok_or(Malformed { at: began + 3, problem: "no such item type" })?;
        let length = usize::try_from(length).map_err(|_| self.wrong("a length beyond this machine"))?;
        if length > self.end - self.at {
            return Err(Malformed { at: began + 4, problem: "a length beyond the end of what it is in" });
        }
        let value = self.value(kind, length, depth).map_err(|wrong| match wrong.at {
            usize::MAX => Malformed { at: began, ..wrong },
            _ => wrong,
        })?;
        self.take(padded(length) - length, "padding is cut off")?;
        Ok(Item { tag, value })
    }

    fn value(&mut self, kind: ItemType, length: usize, depth: usize) -> Result<Value, Malformed> {
        let value = match kind {
            ItemType::Structure => return self.structure(length, depth),
            ItemType::Integer => Value::Integer(i32::from_be_bytes(self.fixed(length)?)),
            ItemType::LongInteger => Value::LongInteger(i64::from_be_bytes(self.fixed(length)?)),
            ItemType::Enumeration => Value::Enumeration(u32::from_be_bytes(self.fixed(length)?)),
            ItemType::Boolean => match u64::from_be_bytes(self.fixed(length)?) {
                0 => Value::Boolean(false),
                1 => Value::Boolean(true),
                _ => return Err(of_this_item("a boolean is 0 or 1")),
            },
            ItemType::DateTime => Value::DateTime(i64::from_be_bytes(self.fixed(length)?)),
            ItemType::Interval => Value::Interval(u32::from_be_bytes(self.fixed(length)?)),
            ItemType::BigInteger if length == 0 || !length.is_multiple_of(8) => {
                return Err(of_this_item("a big integer has a multiple of eight bytes"));
            }
            ItemType::BigInteger => Value::BigInteger(Zeroizing::new(self.take(length, "cut off")?.to_vec())),
            ItemType::ByteString => Value::ByteString(Zeroizing::new(self.take(length, "cut off")?.to_vec())),
            ItemType::TextString => {
                let bytes = self.take(length, "cut off")?;
                let text = std::str::from_utf8(bytes).map_err(|_| of_this_item("a text string is UTF-8"))?;
                Value::TextString(Zeroizing::new(text.to_owned()))
            }
        };
        Ok(value)
    }

    fn structure(&mut self, length: usize, depth: usize) -> Result<Value, Malformed> {
        if depth >= DEPTH_MAX {
            return Err(of_this_item("structures nested too deep"));
        }
        let outer = std::mem::replace(&mut self.end, self.at + length);
        let mut items = Vec::new();
        while self.at < self.end {
            items.push(self.item(depth + 1)?);
        }
        self.end = outer;
        Ok(Value::Structure(items))
    }

    fn fixed<const N: usize>(&mut self, length: usize) -> Result<[u8; N], Malformed> {
        if length != N {
            return Err(of_this_item("a length that the item's type does not have"));
        }
        let mut value = [0; N];
        value.copy_from_slice(self.take(N, "cut off")?);
        Ok(value)
    }
}

/// A complaint about an item whose beginning the caller knows.
const fn of_this_item(problem: &'static str) -> Malformed {
    Malformed { at: usize::MAX, problem }
}

/// How many bytes the message has that begins with these, its header included.
///
/// # Errors
/// These begin no request (KMIP 1.4 section 7.1), or one of more than `bytes_max` bytes.
pub fn frame_bytes(header: [u8; HEADER_BYTES], bytes_max: usize) -> Result<usize, Malformed> {
    let [t0, t1, t2, kind, l0, l1, l2, l3] = header;
    if Tag(u32::from_be_bytes([0, t0, t1, t2])) != Tag::RequestMessage {
        return Err(Malformed { at: 0, problem: "a message begins with the tag of a request message" });
    }
    if u32::from(kind) != ItemType::Structure.value() {
        return Err(Malformed { at: 3, problem: "a message is a structure" });
    }
    let length = u32::from_be_bytes([l0, l1, l2, l3]);
    match usize::try_from(length).ok().and_then(|length| length.checked_add(HEADER_BYTES)) {
        Some(bytes) if bytes > bytes_max => Err(Malformed { at: 4, problem: TOO_LONG }),
        Some(bytes) if !bytes.is_multiple_of(8) => {
            Err(Malformed { at: 4, problem: "a message has a multiple of eight bytes" })
        }
        Some(bytes) => Ok(bytes),
        None => Err(Malformed { at: 4, problem: TOO_LONG }),
    }
}

/// What [`frame_bytes`] says of a message that is over the limit.
pub const TOO_LONG: &str = "a message longer than this server takes";

impl Item {
    #[must_use]
    pub const fn structure(tag: Tag, items: Vec<Self>) -> Self {
        Self { tag, value: Value::Structure(items) }
    }

    #[must_use]
    pub fn text(tag: Tag, text: impl Into<String>) -> Self {
        Self { tag, value: Value::TextString(Zeroizing::new(text.into())) }
    }

    #[must_use]
    pub fn byte_string(tag: Tag, bytes: impl Into<Vec<u8>>) -> Self {
        Self { tag, value: Value::ByteString(Zeroizing::new(bytes.into())) }
    }

    #[must_use]
    pub const fn enumeration(tag: Tag, value: u32) -> Self {
        Self { tag, value: Value::Enumeration(value) }
    }

    #[must_use]
    pub const fn integer(tag: Tag, value: i32) -> Self {
        Self { tag, value: Value::Integer(value) }
    }

    #[must_use]
    pub const fn long_integer(tag: Tag, value: i64) -> Self {
        Self { tag, value: Value::LongInteger(value) }
    }

    #[must_use]
    pub const fn date_time(tag: Tag, value: i64) -> Self {
        Self { tag, value: Value::DateTime(value) }
    }

    #[must_use]
    pub const fn boolean(tag: Tag, value: bool) -> Self {
        Self { tag, value: Value::Boolean(value) }
    }

    #[must_use]
    pub const fn interval(tag: Tag, value: u32) -> Self {
        Self { tag, value: Value::Interval(value) }
    }

    /// The items of a structure; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::Structure(items) => items,
            _ => &[],
        }
    }

    /// The first item with this tag in a structure.
    #[must_use]
    pub fn find(&self, tag: Tag) -> Option<&Self> {
        self.items().iter().find(|item| item.tag == tag)
    }
}
