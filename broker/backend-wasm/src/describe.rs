//! What a plugin says of itself, and whether it can be.

use broker_core::algorithm::{KeySpec, SignAlgorithm, WrapAlgorithm};
use broker_core::port::Capabilities;

use crate::contract::Description;
use crate::translate;

/// Longest name and version, in bytes; `wit/0.1.0/keys.wit` says the same.
const NAME_BYTES_MAX: usize = 64;
const VERSION_BYTES_MAX: usize = 32;

/// A plugin, in its own words, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// 1 to 64 printable ASCII characters.
    pub name: String,
    /// 1 to 32 printable ASCII characters.
    pub version: String,
    /// Refuses to serve until it has been backed up.
    pub backup_first: bool,
    pub capabilities: Capabilities,
}

/// What cannot be in a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lie {
    #[error("its {what} must be 1 to {bytes_max} printable ASCII characters")]
    Name { what: &'static str, bytes_max: usize },
    #[error("it lists {0} twice")]
    Twice(&'static str),
    #[error("it serves no key spec")]
    NoKeySpec,
    #[error("it serves {0}, but no key spec that could carry it out")]
    Unfit(&'static str),
}

impl Described {
    /// # Errors
    /// What cannot be.
    pub fn of(said: Description) -> Result<Self, Lie> {
        check_name("name", &said.name, NAME_BYTES_MAX)?;
        check_name("version", &said.version, VERSION_BYTES_MAX)?;
        let key_specs = once_each(said.key_specs.into_iter().map(translate::spec_of_guest), KeySpec::word)?;
        let wraps = once_each(said.wrap_algorithms.into_iter().map(translate::wrap_of_guest), WrapAlgorithm::word)?;
        let signs = once_each(said.sign_algorithms.into_iter().map(translate::sign_of_guest), SignAlgorithm::word)?;
        if key_specs.is_empty() {
            return Err(Lie::NoKeySpec);
        }
        if let Some(unfit) = wraps.iter().find(|wrap| !key_specs.iter().any(|&spec| wrap.fits(spec))) {
            return Err(Lie::Unfit(unfit.word()));
        }
        if let Some(unfit) = signs.iter().find(|sign| !key_specs.iter().any(|&spec| sign.fits(spec))) {
            return Err(Lie::Unfit(unfit.word()));
        }
        let capabilities = Capabilities { key_specs, wrap_algorithms: wraps, sign_algorithms: signs };
        Ok(Self { name: said.name, version: said.version, backup_first: said.backup_first, capabilities })
    }
}

fn check_name(what: &'static str, text: &str, bytes_max: usize) -> Result<(), Lie> {
    let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if printable && (1..=bytes_max).contains(&text.len()) { Ok(()) } else { Err(Lie::Name { what, bytes_max }) }
}

/// The items, as long as none comes twice (so the list is as short as the enumeration it is made of).
fn once_each<T: Copy + PartialEq>(items: impl Iterator<Item = T>, word: fn(T) -> &'static str) -> Result<Vec<T>, Lie> {
    let mut seen = Vec::new();
    for item in items {
        if seen.contains(&item) {
            return Err(Lie::Twice(word(item)));
        }
        seen.push(item);
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types;

    fn honest() -> Description {
        Description {
            name: "software".into(),
            version: "0.1.0".into(),
            key_specs: vec![types::KeySpec::Oct256, types::KeySpec::EcP256],
            wrap_algorithms: vec![types::WrapAlgorithm::A256Kw],
            sign_algorithms: vec![types::SignAlgorithm::Es256],
            backup_first: false,
        }
    }

    #[test]
    fn an_honest_description_becomes_capabilities() {
        let described = Described::of(honest()).unwrap();
        assert_eq!(described.capabilities.key_specs, [KeySpec::Oct256, KeySpec::EcP256]);
        assert_eq!(described.capabilities.wrap_algorithms, [WrapAlgorithm::A256Kw]);
        assert_eq!(described.capabilities.sign_algorithms, [SignAlgorithm::Es256]);
    }

    #[test]
    fn what_cannot_be_is_not_believed() {
        let check = |lie: fn(&mut Description), expected: Lie| {
            let mut said = honest();
            lie(&mut said);
            assert_eq!(Described::of(said), Err(expected));
        };
        check(|said| said.name = String::new(), Lie::Name { what: "name", bytes_max: 64 });
        check(|said| said.name = "x".repeat(65), Lie::Name { what: "name", bytes_max: 64 });
        check(|said| said.name = "a\nb".into(), Lie::Name { what: "name", bytes_max: 64 });
        check(|said| said.version = "1".repeat(33), Lie::Name { what: "version", bytes_max: 32 });
        check(|said| said.key_specs.clear(), Lie::NoKeySpec);
        check(|said| said.key_specs.push(types::KeySpec::Oct256), Lie::Twice("oct256"));
        check(|said| said.wrap_algorithms.push(types::WrapAlgorithm::RsaOaep), Lie::Unfit("RSA-OAEP"));
        check(|said| said.sign_algorithms = vec![types::SignAlgorithm::Es512], Lie::Unfit("ES512"));
    }
}
