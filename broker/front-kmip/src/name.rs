//! How the specification's tables become types: a tag, an enumeration, a mask, each with its names.

use std::fmt;

/// A tag, known or not: three bytes, the first 0x42 in the standard's own, 0x54 in extensions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u32);

impl Tag {
    /// The tag with this name in the XML encoding, `BatchItem` say.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        crate::table::TAGS.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The tag with these words in the standard, which are an attribute's name: `Cryptographic Length` say.
    #[must_use]
    pub fn worded(words: &str) -> Option<Self> {
        crate::table::TAGS.iter().find(|row| row.2 == words).map(|row| row.0)
    }

    /// Its name in the XML encoding; none when the standard does not know it.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.1)
    }

    /// Its words in the standard.
    #[must_use]
    pub fn words(self) -> Option<&'static str> {
        self.row().map(|row| row.2)
    }

    fn row(self) -> Option<&'static (Self, &'static str, &'static str)> {
        // Ascending, as the test below says.
        let rows = crate::table::TAGS;
        rows.binary_search_by_key(&self, |row| row.0).ok().map(|index| &rows[index])
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:06x}", self.0),
        }
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! tags {
    ($($name:ident = $value:literal, $words:literal;)+) => {
        #[allow(non_upper_case_globals)] // names as the XML encoding has them
        impl $crate::name::Tag {
            $(pub const $name: Self = Self($value);)+
        }

        /// Every tag of the standard, ascending: itself, its name in XML, its words.
        pub const TAGS: &[($crate::name::Tag, &str, &str)] =
            &[$(($crate::name::Tag($value), stringify!($name), $words),)+];
    };
}

macro_rules! enumerations {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $value:literal, $words:literal;)+ })+) => {
        $(
            $(#[$doc])*
            #[allow(non_camel_case_types, clippy::enum_variant_names)] // names as the XML encoding has them
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
            #[repr(u32)]
            pub enum $name { $($variant = $value,)+ }

            impl $name {
                pub const ALL: &[Self] = &[$(Self::$variant,)+];

                /// None for what the standard does not know, extensions among it.
                #[must_use]
                pub const fn from_u32(value: u32) -> Option<Self> {
                    match value { $($value => Some(Self::$variant),)+ _ => None }
                }

                #[must_use]
                pub const fn value(self) -> u32 {
                    self as u32
                }

                #[must_use]
                pub const fn name(self) -> &'static str {
                    match self { $(Self::$variant => stringify!($variant),)+ }
                }

                /// Its words in the standard.
                #[must_use]
                pub const fn words(self) -> &'static str {
                    match self { $(Self::$variant => $words,)+ }
                }

                /// The value with these words in the standard.
                #[must_use]
                pub fn worded(words: &str) -> Option<Self> {
                    match words { $($words => Some(Self::$variant),)+ _ => None }
                }
            }
        )+

        /// Every enumeration by its name, with its values by name.
        pub const ENUMERATIONS: &[(&str, &[(&str, u32)])] =
            &[$((stringify!($name), &[$((stringify!($variant), $value),)+]),)+];
    };
}

macro_rules! masks {
    ($($(#[$doc:meta])* $name:ident { $($bit:ident = $value:literal,)+ })+) => {
        $(
            $(#[$doc])*
            #[allow(non_snake_case)] // the mask's own name
            pub mod $name {
                #![allow(non_upper_case_globals)] // names as the XML encoding has them
                $(pub const $bit: u32 = $value;)+
            }
        )+

        /// Every mask by its name, with its bits by name.
        pub const MASKS: &[(&str, &[(&str, u32)])] =
            &[$((stringify!($name), &[$((stringify!($bit), $value),)+]),)+];
    };
}

pub(crate) use {enumerations, masks, tags};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ENUMERATIONS, ItemType, ObjectType, Operation, TAGS};

    #[test]
    fn the_tables_are_whole_and_in_order() {
        assert!(TAGS.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!((TAGS.len(), ENUMERATIONS.len()), (292, 49));
        assert_eq!((Operation::ALL.len(), ObjectType::ALL.len(), ItemType::ALL.len()), (43, 9, 10));
    }

    #[test]
    fn a_tag_is_found_by_each_of_its_names() {
        assert_eq!(Tag::named("RequestMessage"), Some(Tag(0x42_0078)));
        assert_eq!(Tag::worded("Cryptographic Usage Mask"), Some(Tag::CryptographicUsageMask));
        assert_eq!(Tag::X_509CertificateIdentifier.words(), Some("X.509 Certificate Identifier"));
        assert_eq!((Tag(0x54_0001).name(), Tag(0x54_0001).to_string()), (None, "0x540001".to_owned()));
    }

    #[test]
    fn names_are_as_the_xml_encoding_makes_them() {
        use crate::table::{CryptographicAlgorithm, HashingAlgorithm, RNGAlgorithm};
        let names =
            [CryptographicAlgorithm::DES3.name(), HashingAlgorithm::SHA_256.name(), RNGAlgorithm::ANSIX9_31.name()];
        assert_eq!(names, ["DES3", "SHA_256", "ANSIX9_31"]);
    }
}
