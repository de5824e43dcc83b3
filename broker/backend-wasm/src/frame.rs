//! What a call is about: fixed by the host before the guest runs, never by the guest.

use broker_core::algorithm::KeySpec;
use broker_core::name::{BackendName, KeyName, KeyVersion, VaultName};

/// The exported function that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    BackUp,
    Describe,
    DestroyKey,
    GenerateKey,
    ImportKey,
    Restore,
    SelfTest,
    Sign,
    UnwrapKey,
    WrapKey,
}

/// What a guest asks of the host, where not every verb needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Commit,
    DelegateUnwrap,
    DelegateWrap,
    Derive,
    ExportRoot,
    Generate,
    GenerateRoot,
    ImportRoot,
    ImportSecret,
    Open,
    OpenRoot,
    Seal,
    SealRoot,
    Sign,
    Unwrap,
    Wrap,
}

impl Verb {
    /// The function's name in the contract.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BackUp => "back-up",
            Self::Describe => "describe",
            Self::DestroyKey => "destroy-key",
            Self::GenerateKey => "generate-key",
            Self::ImportKey => "import-key",
            Self::Restore => "restore",
            Self::SelfTest => "self-test",
            Self::Sign => "sign",
            Self::UnwrapKey => "unwrap-key",
            Self::WrapKey => "wrap-key",
        }
    }

    /// Only what the verb needs works while it runs; the contract says the same at each function.
    pub const fn allows(self, act: Act) -> bool {
        match self {
            Self::BackUp => {
                matches!(act, Act::Commit | Act::ExportRoot | Act::GenerateRoot | Act::OpenRoot | Act::SealRoot)
            }
            Self::Describe => false,
            Self::DestroyKey => matches!(act, Act::Commit | Act::Open),
            Self::GenerateKey => matches!(
                act,
                Act::Commit
                    | Act::Derive
                    | Act::Generate
                    | Act::GenerateRoot
                    | Act::Open
                    | Act::OpenRoot
                    | Act::Seal
                    | Act::SealRoot
            ),
            Self::ImportKey => matches!(act, Act::Commit | Act::ImportSecret | Act::Open | Act::Seal),
            Self::Restore => matches!(act, Act::Commit | Act::ImportRoot | Act::OpenRoot | Act::SealRoot),
            Self::SelfTest => matches!(act, Act::OpenRoot),
            Self::Sign => matches!(act, Act::Commit | Act::Derive | Act::Open | Act::OpenRoot | Act::Sign),
            Self::UnwrapKey => {
                matches!(act, Act::Commit | Act::DelegateUnwrap | Act::Derive | Act::Open | Act::OpenRoot | Act::Unwrap)
            }
            Self::WrapKey => {
                matches!(act, Act::Commit | Act::DelegateWrap | Act::Derive | Act::Open | Act::OpenRoot | Act::Wrap)
            }
        }
    }
}

/// One version of one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub vault: VaultName,
    pub key: KeyName,
    pub version: KeyVersion,
}

/// A call's frame; `place` is none for the calls that are about no key.
#[derive(Debug, Clone)]
pub struct Frame {
    pub verb: Verb,
    pub place: Option<Place>,
}

impl Frame {
    pub const fn about(verb: Verb, place: Place) -> Self {
        Self { verb, place: Some(place) }
    }

    pub const fn about_no_key(verb: Verb) -> Self {
        Self { verb, place: None }
    }
}

/// What a sealed key is bound to. Every part carries its length, so that no two places have the same bytes.
pub fn sealing_context(plugin: &BackendName, place: &Place, spec: KeySpec) -> Vec<u8> {
    let mut bound = b"keybroker sealed key 1".to_vec();
    for part in [plugin.as_str(), place.vault.as_str(), place.key.as_str(), spec.word()] {
        // Names are at most 127 bytes.
        bound.push(part.len() as u8);
        bound.extend_from_slice(part.as_bytes());
    }
    bound.extend_from_slice(&place.version.0);
    bound
}
