//! Names, parsed once at the edge and trusted afterwards. One canonical form each: two names are equal or different,
//! never "the same but for case or dots".

use std::fmt;
use std::sync::Arc;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct NameError {
    /// What was being named ("vault name").
    pub what: &'static str,
    /// What it would have to look like.
    pub rule: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// # Errors
            /// The text is not of this name's one canonical form.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let accepts: fn(&str) -> bool = $accepts;
                if accepts(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(NameError { what: $what, rule: $rule })
                }
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name_type!(
    /// A vault: 3 to 24 lower-case letters, digits and hyphens, starting with a letter, not ending with a hyphen, no two
    /// hyphens in a row (Key Vault's rule, in the one case a host name has).
    VaultName,
    "vault name",
    "3 to 24 lower-case letters, digits and single hyphens, starting with a letter and not ending with a hyphen",
    |text| {
        (3..=24).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && !text.contains("--")
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }
);

name_type!(
    /// A key: 1 to 127 ASCII letters, digits and hyphens (Key Vault's rule). Kept in lower case, since Key Vault's names
    /// are case-insensitive and two spellings must not become two keys.
    KeyName,
    "key name",
    "1 to 127 letters, digits and hyphens",
    |text| {
        (1..=127).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }
);

/// The one name that no front can ask for: it is no name to [`KeyName::parse`].
const OBJECT_KEK: &str = "objects.kek";

impl KeyName {
    /// The key that the managed objects of a vault are wrapped under.
    #[must_use]
    pub fn object_kek() -> Self {
        Self(Arc::from(OBJECT_KEK))
    }

    /// Whether it is the broker's own, out of every front's reach.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        &*self.0 == OBJECT_KEK
    }

    /// A name that a record holds: the broker's own too.
    ///
    /// # Errors
    /// As `parse`.
    pub fn of_record(text: &str) -> Result<Self, NameError> {
        if text == OBJECT_KEK { Ok(Self::object_kek()) } else { Self::parse(text) }
    }

    /// Parses a name in any case into its lower-case form.
    ///
    /// # Errors
    /// Anything but 1 to 127 ASCII letters, digits and hyphens.
    pub fn parse_any_case(text: &str) -> Result<Self, NameError> {
        Self::parse(&text.to_ascii_lowercase())
    }
}

name_type!(
    /// The name of a backend in the configuration: 1 to 32 lower-case letters, digits and hyphens.
    BackendName,
    "backend name",
    "1 to 32 lower-case letters, digits and hyphens, starting with a letter",
    |text| {
        (1..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }
);

name_type!(
    /// The name of a pinned certificate or of a client CA: 1 to 32 lower-case letters, digits and hyphens.
    AnchorName,
    "name",
    "1 to 32 lower-case letters, digits and hyphens, starting with a letter",
    |text| {
        (1..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }
);

name_type!(
    /// Who asks: `anchor/type:value` for a certificate (`corp/dns:host1.example`), `pin/name` for a pinned one,
    /// `local/uid:0` for a peer of the Unix socket, `plugin/backend` for a plugin that uses other keys of the broker,
    /// `system/task` for the broker's own work, `identity/name` for an identity that others act as. At most 320 printable
    /// ASCII characters without blanks, quotes or backslashes, so a principal stands in any log line as it is.
    Principal,
    "principal",
    "anchor/type:value, pin/name, identity/name, local/uid:N, plugin/backend or system/task, at most 320 printable ASCII characters without blanks, quotes or backslashes",
    |text| {
        let Some((anchor, rest)) = text.split_once('/') else { return false };
        text.len() <= 320
            && AnchorName::parse(anchor).is_ok()
            && !rest.is_empty()
            && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'\'' | b'`'))
            && match anchor {
                "identity" | "pin" | "plugin" | "system" => AnchorName::parse(rest).is_ok(),
                "local" => rest.strip_prefix("uid:").is_some_and(|uid| {
                    uid.parse::<u32>().is_ok_and(|n| n.to_string() == uid)
                }),
                _ => rest
                    .split_once(':')
                    .is_some_and(|(kind, value)| matches!(kind, "uri" | "dns" | "email" | "cn") && !value.is_empty()),
            }
    }
);

impl Principal {
    /// The identity that it names; none for what a certificate, a socket or the broker itself proves.
    #[must_use]
    pub fn identity(&self) -> Option<AnchorName> {
        self.as_str().strip_prefix("identity/").and_then(|name| AnchorName::parse(name).ok())
    }
}

/// Names a certificate's anchor may not have, because they mean something else in a principal.
pub const RESERVED_ANCHORS: [&str; 5] = ["identity", "local", "pin", "plugin", "system"];

/// One version of a key: 16 random bytes, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyVersion(pub [u8; 16]);

impl KeyVersion {
    /// Takes exactly 32 hexadecimal digits, in either case.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = NameError { what: "key version", rule: "32 hexadecimal digits" };
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return Err(error);
        }
        let mut bytes = [0_u8; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (Some(high), Some(low)) = (hex_digit(pair[0]), hex_digit(pair[1])) else { return Err(error) };
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The id under which a request stands in the answer, the log and the audit: a random UUID (RFC 9562 version 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub [u8; 16]);

impl RequestId {
    /// Makes a version 4 UUID of 16 random bytes.
    #[must_use]
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_name_has_one_form() {
        for good in ["vault1", "a-b", "abc", "a23456789012345678901234"] {
            assert!(VaultName::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "ab", "Vault1", "1vault", "vault-", "a--b", "a.b", "väult", "a23456789012345678901234x", "a/b", "..."]
        {
            assert!(VaultName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_name_is_kept_in_lower_case() {
        assert_eq!(KeyName::parse_any_case("My-Key").unwrap().as_str(), "my-key");
        for bad in ["", ".", "..", "a_b", "a b", "a/b", "a%2fb", "a\0", "clé", &"x".repeat(128)] {
            assert!(KeyName::parse_any_case(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_principal_says_who_vouches_for_it() {
        for good in [
            "corp/uri:spiffe://td/host/1",
            "corp/dns:a.b",
            "pin/vcenter",
            "local/uid:0",
            "system/rotation",
            "c/cn:x",
            "identity/x",
        ] {
            assert!(Principal::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "corp",
            "corp/",
            "corp/dns:",
            "corp/ip:1",
            "identity/dns:a",
            "Corp/dns:a",
            "pin/a b",
            "local/uid:01",
            "local/gid:0",
            "corp/dns:a\nb",
            "corp/dns:a\"b",
        ] {
            assert!(Principal::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_version_is_32_digits() {
        let text = "0123456789abcdef0123456789abcdef";
        assert_eq!(KeyVersion::parse(text).unwrap().to_string(), text);
        assert_eq!(KeyVersion::parse(&text.to_uppercase()).unwrap().to_string(), text);
        assert!(KeyVersion::parse(&text[1..]).is_err());
        assert!(KeyVersion::parse("0123456789abcdef0123456789abcdeg").is_err());
    }

    #[test]
    fn a_request_id_is_a_version_4_uuid() {
        assert_eq!(RequestId::from_random([0xff; 16]).to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
