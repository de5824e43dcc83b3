//! A managed object and what is said about it: a secret, key or certificate that the broker keeps for its owner.

mod filter;
mod life;
mod limits;
mod word;

use std::fmt;

pub use filter::{DateField, Filter, Term, TermField};
pub use life::{Life, Revocation};
pub use limits::UsageLimits;
pub use word::{
    BlockMode, Curve, Derivation, HashName, KeyFormat, LinkKind, ObjectAlgorithm, ObjectKind, ObjectState, Padding,
    RevocationReason,
};

use crate::algorithm::{WrapAlgorithm, Wrapped, word_enum};
use crate::name::{KeyName, KeyVersion, Principal, RequestId, VaultName};
use crate::refusal::Refusal;

/// Bytes of an object itself, at most.
pub const OBJECT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of what its front remembers of its form, at most.
pub const FORM_BYTES_MAX: usize = 1024;
/// Names, groups and links of one object, at most each.
pub const NAMES_MAX: usize = 32;
/// Attributes that only the client understands, at most.
pub const CUSTOM_MAX: usize = 128;
/// Bytes of a name, of a group and of a custom attribute's name, at most each.
pub const NAME_BYTES_MAX: usize = 1024;
/// Bytes of one custom attribute's value, and of all of them, at most.
pub const CUSTOM_BYTES_MAX: usize = 8 * 1024;
pub const CUSTOM_TOTAL_BYTES_MAX: usize = 64 * 1024;

/// A managed object's id: 16 random bytes, written as a UUID (RFC 9562).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub [u8; 16]);

impl ObjectId {
    /// Takes the text that [`fmt::Display`] gives, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = KeyVersion::parse(&text.replace('-', "")).ok().map(|version| Self(version.0))?;
        id.to_string().eq_ignore_ascii_case(text).then_some(id)
    }

    /// The name under which a grant can be about this object alone: a UUID is a key name.
    #[must_use]
    pub fn key_name(self) -> KeyName {
        KeyName::parse(&self.to_string()).expect("a UUID has letters, digits and hyphens alone")
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RequestId(self.0).fmt(f)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The uses that an object allows: the bits of KMIP 1.4 section 9.1.3.3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageMask(pub u32);

word_enum! {
    /// The uses that the broker carries out.
    Usage {
        Sign = "Sign",
        Verify = "Verify",
        Encrypt = "Encrypt",
        Decrypt = "Decrypt",
        WrapKey = "Wrap Key",
        UnwrapKey = "Unwrap Key",
        MacGenerate = "MAC Generate",
        MacVerify = "MAC Verify",
        DeriveKey = "Derive Key",
    }
}

impl Usage {
    /// Its bit in a [`UsageMask`].
    #[must_use]
    pub const fn bit(self) -> u32 {
        match self {
            Self::Sign => 0x1,
            Self::Verify => 0x2,
            Self::Encrypt => 0x4,
            Self::Decrypt => 0x8,
            Self::WrapKey => 0x10,
            Self::UnwrapKey => 0x20,
            Self::MacGenerate => 0x80,
            Self::MacVerify => 0x100,
            Self::DeriveKey => 0x200,
        }
    }

    /// Whether it makes new protected data (section 3.22): those uses end with the object's dates.
    #[must_use]
    pub const fn protects(self) -> bool {
        matches!(self, Self::Sign | Self::Encrypt | Self::WrapKey | Self::MacGenerate | Self::DeriveKey)
    }
}

impl UsageMask {
    #[must_use]
    pub const fn contains(self, usage: Usage) -> bool {
        self.0 & usage.bit() != 0
    }
}

/// One of several values of an attribute; the index stays when others are deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed<T> {
    pub index: u32,
    pub value: T,
}

/// A name that a client gave an object (section 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    pub text: String,
    /// A URI rather than an uninterpreted text.
    pub uri: bool,
}

/// An attribute that only a front or its client understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    pub name: String,
    pub index: u32,
    /// Encoded by the front, always the same way: it is compared byte for byte.
    pub value: Vec<u8>,
}

/// What a client may set and change. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    pub names: Vec<Indexed<ObjectName>>,
    pub groups: Vec<Indexed<String>>,
    pub links: Vec<(LinkKind, ObjectId)>,
    pub usage: UsageMask,
    pub activation_s: Option<i64>,
    pub process_start_s: Option<i64>,
    pub protect_stop_s: Option<i64>,
    pub deactivation_s: Option<i64>,
    pub usage_limits: Option<UsageLimits>,
    /// Never given out but wrapped (section 3.46).
    pub sensitive: bool,
    /// Never given out at all: the opposite of Extractable (section 3.48).
    pub unextractable: bool,
    pub custom: Vec<Custom>,
}

impl Attributes {
    /// # Errors
    /// `BadRequest` with the limit that is passed, or the dates that contradict each other.
    pub fn check(&self) -> Result<(), Refusal> {
        let bad = |problem: String| Err(Refusal::BadRequest { problem });
        for (what, count, most) in [
            ("names", self.names.len(), NAMES_MAX),
            ("groups", self.groups.len(), NAMES_MAX),
            ("links", self.links.len(), NAMES_MAX),
            ("custom attributes", self.custom.len(), CUSTOM_MAX),
        ] {
            if count > most {
                return bad(format!("{count} {what}, but an object may have at most {most}"));
            }
        }
        let texts = self.names.iter().map(|name| &name.value.text).chain(self.groups.iter().map(|group| &group.value));
        let longest = texts.chain(self.custom.iter().map(|custom| &custom.name)).map(String::len).max();
        if longest.is_some_and(|bytes| bytes > NAME_BYTES_MAX) {
            return bad(format!("a name or group of an object has at most {NAME_BYTES_MAX} bytes"));
        }
        let total: usize = self.custom.iter().map(|custom| custom.name.len() + custom.value.len()).sum();
        if total > CUSTOM_TOTAL_BYTES_MAX || self.custom.iter().any(|custom| custom.value.len() > CUSTOM_BYTES_MAX) {
            return bad(format!(
                "a custom attribute has at most {CUSTOM_BYTES_MAX} bytes, and all of an object's {CUSTOM_TOTAL_BYTES_MAX}"
            ));
        }
        self.check_dates()
    }
}

/// An object's bytes as they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Destroyed.
    Gone,
    /// Of a public key or a certificate.
    Public(Vec<u8>),
    Secret(Sealed),
}

/// Secret bytes sealed under a key of their own, and that key wrapped under a version of the vault's KEK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub kek: KeyVersion,
    pub algorithm: WrapAlgorithm,
    pub key: Wrapped,
    /// The bytes under that key, bound to the object's vault and id.
    pub bytes: Vec<u8>,
}

/// A managed object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRecord {
    pub vault: VaultName,
    pub id: ObjectId,
    pub owner: Principal,
    pub kind: ObjectKind,
    pub algorithm: Option<ObjectAlgorithm>,
    /// Cryptographic Length (section 3.5).
    pub bits: Option<u32>,
    pub format: KeyFormat,
    /// What the front needs beside the bytes to give the object back as it came in; at most [`FORM_BYTES_MAX`].
    pub form: Vec<u8>,
    /// Of the bytes as they were given.
    pub digest_sha256: [u8; 32],
    pub attributes: Attributes,
    pub life: Life,
    pub kept: Kept,
    /// Counts the writes of this record, from 1; the store refuses a write that was not made from the newest.
    pub revision: u64,
}

impl ObjectRecord {
    /// What its sealed bytes are bound to.
    #[must_use]
    pub fn place(vault: &VaultName, id: ObjectId) -> Vec<u8> {
        [b"object\0", vault.as_str().as_bytes(), b"\0", &id.0[..]].concat()
    }

    /// Whether the bytes may leave the broker: in the clear, or wrapped for someone.
    ///
    /// # Errors
    /// `ObjectWrongState` when they are destroyed; `ObjectNotExtractable`.
    pub fn check_reveal(&self, wrapped: bool) -> Result<(), Refusal> {
        let closed = |why| Err(Refusal::ObjectNotExtractable { object: self.id, why });
        match &self.attributes {
            _ if self.life.state.is_destroyed() => self.wrong_state(self.life.state, "given out"),
            attributes if attributes.unextractable => closed("it is not extractable"),
            attributes if attributes.sensitive && !wrapped => closed("it is sensitive, and given out only wrapped"),
            _ => Ok(()),
        }
    }

    pub(crate) fn wrong_state<T>(&self, state: ObjectState, operation: &'static str) -> Result<T, Refusal> {
        Err(Refusal::ObjectWrongState { object: self.id, state, operation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_form_and_is_a_key_name() {
        let id = ObjectId([0xab; 16]);
        let text = "abababab-abab-abab-abab-abababababab";
        assert_eq!((id.to_string().as_str(), id.key_name().as_str()), (text, text));
        assert_eq!(ObjectId::parse(&text.to_uppercase()), Some(id));
        for bad in
            ["", "1", &text.replace('-', ""), &text[1..], &format!("{text}0"), "abababab-abab-abab-abab-ababababab-ab"]
        {
            assert_eq!(ObjectId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_use_has_a_bit_of_its_own() {
        let all = Usage::ALL.iter().fold(0, |bits, usage| bits | usage.bit());
        assert_eq!(all.count_ones() as usize, Usage::ALL.len());
    }

    #[test]
    fn attributes_have_limits() {
        let with = |edit: fn(&mut Attributes)| {
            let mut attributes = Attributes::default();
            edit(&mut attributes);
            attributes.check()
        };
        let custom = |bytes: usize| Custom { name: "x".to_owned(), index: 0, value: vec![0; bytes] };
        assert_eq!(with(|_| {}), Ok(()));
        assert!(with(|a| a.groups = vec![Indexed { index: 0, value: "g".repeat(NAME_BYTES_MAX + 1) }]).is_err());
        assert!(with(|a| a.links = vec![(LinkKind::Next, ObjectId([0; 16])); NAMES_MAX + 1]).is_err());
        let filled = |values: Vec<Custom>| Attributes { custom: values, ..Attributes::default() }.check();
        assert!(filled(vec![custom(CUSTOM_BYTES_MAX)]).is_ok());
        assert!(filled(vec![custom(CUSTOM_BYTES_MAX + 1)]).is_err());
        assert!(filled(vec![custom(CUSTOM_BYTES_MAX); 9]).is_err());
        assert!(filled(vec![custom(1); CUSTOM_MAX + 1]).is_err());
    }
}
