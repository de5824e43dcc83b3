//! Identities: principals of the broker's own making, that rights are given to before anyone can act as them.
//!
//! A certificate proves `anchor/type:value` or `pin/name`; which of those act as `identity/name` is for the broker to say.
//! Whoever acts as an identity holds its grants beside its own, and stands in the audit under its own name.

use std::fmt;

use crate::name::{AnchorName, KeyName, Principal, VaultName};

/// How many identities there may be.
pub const IDENTITIES_MAX: usize = 10_000;
/// How many principals may act as one identity.
pub const ASSIGNED_MAX: usize = 64;

/// What a system-assigned identity ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// Ends when the key is purged.
    Key(VaultName, KeyName),
    /// Ends when the pin is removed; its certificate alone acts as the identity.
    Pin(AnchorName),
}

impl Resource {
    /// Parses `pin/name` or `/vault/key`.
    ///
    /// # Errors
    /// A text for people that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("pin/") {
            return AnchorName::parse(name).map(Self::Pin).map_err(|error| error.to_string());
        }
        let Some((vault, key)) = text.strip_prefix('/').and_then(|path| path.split_once('/')) else {
            return Err(format!("resource {text:?} must be pin/name or /vault/key"));
        };
        Ok(Self::Key(
            VaultName::parse(vault).map_err(|error| error.to_string())?,
            KeyName::parse_any_case(key).map_err(|error| error.to_string())?,
        ))
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(vault, key) => write!(f, "/{vault}/{key}"),
            Self::Pin(name) => write!(f, "pin/{name}"),
        }
    }
}

/// An identity: user-assigned, or system-assigned when it has a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub name: AnchorName,
    pub resource: Option<Resource>,
    /// Who acts as it, each once.
    pub assigned: Vec<Principal>,
    pub created_by: Principal,
    pub created_s: i64,
}

impl Identity {
    /// `identity/<name>`.
    #[must_use]
    pub fn principal(&self) -> Principal {
        identity_principal(&self.name)
    }
}

/// `identity/<name>`.
#[must_use]
pub fn identity_principal(name: &AnchorName) -> Principal {
    Principal::parse(&format!("identity/{name}")).expect("an anchor's name is an identity's")
}
