//! A wrapped value with all that unwrapping it takes: `{"kid":...,"alg":...,"value":...}`.

use std::fmt;

use anyhow::{Context as _, Result};
use broker_core::name::{KeyName, KeyVersion};
use serde::{Deserialize, Serialize};

use crate::cli::upstream::Origin;

/// Most bytes of a document: a 64 KiB value in base64url stays far below.
pub const DOCUMENT_BYTES_MAX: u64 = 1 << 20;

/// A wrapped value. The binary fields are unpadded base64url; `iv` and `tag` stand there for A256GCM alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The key's URL with its version, as the broker gave it.
    pub kid: String,
    pub alg: String,
    pub value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iv: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

impl Document {
    /// # Errors
    /// It is no such document, or its `kid` is no key's URL.
    pub fn parse(bytes: &[u8]) -> Result<(Self, KeyPath)> {
        let document: Self = serde_json::from_slice(bytes).context("not a wrapped value with kid, alg and value")?;
        let kid = KeyPath::parse(&document.kid)?;
        Ok((document, kid))
    }
}

/// A key's name, with a version or without (the newest, then).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRef {
    pub name: KeyName,
    pub version: Option<KeyVersion>,
}

impl KeyRef {
    /// From `NAME` or `NAME/VERSION`.
    ///
    /// # Errors
    /// Either cannot be one.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, version) = text.split_once('/').map_or((text, None), |(name, version)| (name, Some(version)));
        let version = version.map(KeyVersion::parse).transpose();
        let version = version.with_context(|| format!("key {text:?}"))?;
        Ok(Self { name: KeyName::parse_any_case(name).with_context(|| format!("key {text:?}"))?, version })
    }
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}/{version}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

/// A `kid` taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPath {
    pub origin: Origin,
    pub key: KeyRef,
}

impl KeyPath {
    /// # Errors
    /// It is not `https://HOST[:PORT]/keys/NAME[/VERSION]`.
    pub fn parse(kid: &str) -> Result<Self> {
        let (origin, path) = Origin::split(kid).context("kid")?;
        let key = path.strip_prefix("/keys/").with_context(|| format!("kid {kid:?} does not name a key"))?;
        Ok(Self { origin, key: KeyRef::parse(key)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kid_is_taken_apart_and_nothing_else_is() {
        let version = "0123456789abcdef0123456789abcdef";
        let kid = KeyPath::parse(&format!("https://vault1.kv.test:9443/keys/k/{version}")).unwrap();
        assert_eq!(kid.key.to_string(), format!("k/{version}"));
        assert_eq!(kid.origin.authority, "vault1.kv.test:9443");
        for bad in ["k", "https://vault1.kv.test/secrets/k", "https://vault1.kv.test/keys/k/x", "https://v/keys/../k"] {
            assert!(KeyPath::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_document_comes_back_as_it_went() {
        let text = r#"{"kid":"https://v.kv.test/keys/k","alg":"A256KW","value":"AAAA"}"#;
        let (document, _) = Document::parse(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&document).unwrap(), text);
        for bad in ["", "{}", "[]", r#"{"kid":"x","alg":"y","value":"z"}"#] {
            assert!(Document::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
