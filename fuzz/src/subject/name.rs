//! Names and other short texts: what is taken is of one form, and comes back as it was.

use broker_audit::{Note, Verifier};
use broker_core::name::{AnchorName, BackendName, KeyName, KeyVersion, Principal, VaultName};
use broker_core::network::Network;
use broker_crypto::share::Quorum;
use broker_front_ekm::{PREFIX_BYTES_MAX, PathPrefix};
use broker_identity::Pin;

use crate::bound::Allowance;

const ALLOWANCE: Allowance = Allowance { bytes: 16 << 10, each: 64 };

/// # Panics
/// Something of this does not hold.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    ALLOWANCE.hold(text.len(), || {
        names(text);
        others(text);
    });
}

fn names(text: &str) {
    if let Ok(name) = VaultName::parse(text) {
        assert!(name.as_str() == text && (3..=24).contains(&text.len()) && plain(text), "{text:?}");
    }
    if let Ok(name) = AnchorName::parse(text) {
        assert!(name.as_str() == text && plain(text), "{text:?}");
    }
    if let Ok(name) = BackendName::parse(text) {
        assert!(name.as_str() == text && plain(text), "{text:?}");
    }
    if let Ok(name) = KeyName::parse(text) {
        assert_eq!(name.as_str(), text);
        assert_eq!(KeyName::parse_any_case(&text.to_ascii_uppercase()), Ok(name));
    }
    if let Ok(name) = KeyName::parse_any_case(text) {
        assert_eq!(KeyName::parse(name.as_str()), Ok(name.clone()));
        assert!(name.as_str().eq_ignore_ascii_case(text), "{text:?}");
    }
    if let Ok(principal) = Principal::parse(text) {
        let safe = |byte: u8| byte.is_ascii_graphic() && !b"\"'`\\".contains(&byte);
        assert!(principal.as_str() == text && text.len() <= 320 && text.bytes().all(safe), "{text:?}");
        let anchor = text.split('/').next().unwrap_or_default();
        assert!(AnchorName::parse(anchor).is_ok() && (principal.identity().is_none() || anchor == "identity"));
    }
    if let Ok(version) = KeyVersion::parse(text) {
        assert_eq!(version.to_string(), text.to_ascii_lowercase());
    }
}

fn others(text: &str) {
    if let Ok(network) = Network::parse(text) {
        let again = Network::parse(&network.to_string()).expect("what is shown of a network reads");
        assert_eq!(again, network, "{text:?}");
    }
    if let Ok(prefix) = PathPrefix::parse(text) {
        assert!(prefix.as_str() == text && text.len() <= PREFIX_BYTES_MAX && !text.contains("//"), "{text:?}");
    }
    if let Some(quorum) = Quorum::parse(text) {
        assert_eq!(format!("{}-of-{}", quorum.needed(), quorum.all()), text);
        assert!(quorum.needed() >= 2 && quorum.needed() <= quorum.all());
    }
    if let Ok(pin) = Pin::parse(AnchorName::parse("x").expect("a name"), text) {
        let digits: String = pin.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text.replace(':', "").to_ascii_lowercase(), digits);
    }
    if let Some(verifier) = Verifier::parse(text) {
        assert_eq!(Verifier::parse(&verifier.text()), Some(verifier));
    }
    if let Some(notes) = Note::parse_all(text) {
        let written: Vec<String> = notes.iter().map(Note::to_string).collect();
        assert_eq!(Note::parse_all(&written.join("\n")), Some(notes), "{text:?}");
    }
}

/// Letters, digits and hyphens, none of them upper-case.
fn plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
