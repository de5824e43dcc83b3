//! Reading a structure's items by tag, each as the type it must have.

use broker_core::secret::Secret;

use crate::name::Tag;
use crate::refuse::Problem;
use crate::table::ResultReason;
use crate::ttlv::{Item, Value};

/// The items of one structure.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    of: Tag,
    items: &'a [Item],
}

impl<'a> Fields<'a> {
    /// # Errors
    /// `InvalidMessage` when the item is no structure.
    pub(crate) fn of(item: &'a Item) -> Result<Self, Problem> {
        match &item.value {
            Value::Structure(items) => Ok(Self { of: item.tag, items }),
            _ => Err(wrong_type(item, "a structure")),
        }
    }

    /// An empty one, for a payload that was left out.
    pub(crate) const fn none(of: Tag) -> Self {
        Self { of, items: &[] }
    }

    pub(crate) fn all(&self, tag: Tag) -> impl Iterator<Item = &'a Item> + use<'a> {
        self.items.iter().filter(move |item| item.tag == tag)
    }

    pub(crate) fn item(&self, tag: Tag) -> Option<&'a Item> {
        self.all(tag).next()
    }

    pub(crate) fn has(&self, tag: Tag) -> bool {
        self.item(tag).is_some()
    }

    /// The item with this tag, read; none when it is not there.
    pub(crate) fn get<T>(&self, tag: Tag, read: fn(&'a Item) -> Result<T, Problem>) -> Result<Option<T>, Problem> {
        self.item(tag).map(read).transpose()
    }

    /// The item with this tag, read.
    ///
    /// # Errors
    /// `MissingData` when it is not there.
    pub(crate) fn need<T>(&self, tag: Tag, read: fn(&'a Item) -> Result<T, Problem>) -> Result<T, Problem> {
        self.get(tag, read)?.ok_or_else(|| self.missing(tag))
    }

    pub(crate) fn missing(&self, tag: Tag) -> Problem {
        Problem::new(ResultReason::MissingData, format!("{} takes {tag}", self.of))
    }
}

fn wrong_type(item: &Item, wanted: &str) -> Problem {
    Problem::invalid_message(format!("{} must be {wanted}, not {}", item.tag, item.value.kind().words()))
}

macro_rules! readers {
    ($($name:ident -> $type:ty: $variant:ident as $wanted:literal;)+) => { $(
        pub(crate) fn $name(item: &Item) -> Result<$type, Problem> {
            match &item.value {
                Value::$variant(value) => Ok(*value),
                _ => Err(wrong_type(item, $wanted)),
            }
        }
    )+ };
}
readers! {
    boolean -> bool: Boolean as "a boolean";
    enumeration -> u32: Enumeration as "an enumeration";
    integer -> i32: Integer as "an integer";
    interval -> u32: Interval as "an interval";
    long_integer -> i64: LongInteger as "a long integer";
}

/// Unix seconds.
pub(crate) fn date_time(item: &Item) -> Result<i64, Problem> {
    match &item.value {
        Value::DateTime(value) => Ok(*value),
        _ => Err(wrong_type(item, "a date-time")),
    }
}

pub(crate) fn bytes(item: &Item) -> Result<&[u8], Problem> {
    match &item.value {
        Value::ByteString(bytes) => Ok(bytes),
        _ => Err(wrong_type(item, "a byte string")),
    }
}

pub(crate) fn secret(item: &Item) -> Result<Secret, Problem> {
    bytes(item).map(Secret::copied_from)
}

/// A text without zeros at its end: Db2 counts its padding into the length.
pub(crate) fn text(item: &Item) -> Result<&str, Problem> {
    match &item.value {
        Value::TextString(text) => Ok(text.trim_end_matches('\0')),
        _ => Err(wrong_type(item, "a text string")),
    }
}

pub(crate) fn structure(item: &Item) -> Result<Fields<'_>, Problem> {
    Fields::of(item)
}

/// A count: an integer that is not negative.
pub(crate) fn count(item: &Item) -> Result<u32, Problem> {
    u32::try_from(integer(item)?).map_err(|_| Problem::invalid_field(format!("{} is negative", item.tag)))
}

/// One of an enumeration's values that the standard has.
pub(crate) fn one_of<T>(item: &Item, from: fn(u32) -> Option<T>) -> Result<T, Problem> {
    let value = enumeration(item)?;
    from(value).ok_or_else(|| Problem::invalid_field(format!("{} has no value {value:#x}", item.tag)))
}
