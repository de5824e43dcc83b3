//! Two keys of the broker in series: a secret is wrapped under the first, and what comes out under the second.
//!
//! Settings `first` and `second` name the delegates; `first-algorithm` and `second-algorithm` how each wraps (A256KWP unless
//! said). A wrapped value says which version of each key it is under, so either can be rotated. Material: one byte.
// `export!` writes the raw exports the component model asks for; nothing written by hand here is unsafe.
#![allow(unsafe_code)]

use keybroker_sdk::crypto::Secret;
use keybroker_sdk::delegate::{self, Step};
use keybroker_sdk::settings::{self, Value};
use keybroker_sdk::types::{Error, KeyContext, KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use keybroker_sdk::{Description, Generated, Guest};

/// The first byte of every material and of every wrapped value.
const LAYOUT: u8 = 1;
/// A version in a wrapped value: 32 hexadecimal digits as they are.
const VERSION_BYTES: usize = 32;

struct Double;

fn text(name: &str) -> Result<Option<String>, Error> {
    match settings::get(name) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(Error::NotReady),
    }
}

fn algorithm(name: &str) -> Result<WrapAlgorithm, Error> {
    match text(name)?.as_deref() {
        None | Some("A256KWP") => Ok(WrapAlgorithm::A256Kwp),
        Some("A128KWP") => Ok(WrapAlgorithm::A128Kwp),
        Some("RSA-OAEP") => Ok(WrapAlgorithm::RsaOaep),
        Some("RSA-OAEP-256") => Ok(WrapAlgorithm::RsaOaep256),
        Some(_) => Err(Error::NotReady),
    }
}

fn steps(versions: [Option<String>; 2]) -> Result<[Step; 2], Error> {
    let [first, second] = versions;
    let step = |to: &str, how: &str, version| {
        Ok(Step { to: text(to)?.ok_or(Error::NotReady)?, algorithm: algorithm(how)?, version })
    };
    Ok([step("first", "first-algorithm", first)?, step("second", "second-algorithm", second)?])
}

/// The wrapped value's parts: the versions, and what the second step gave.
fn parts(value: &[u8]) -> Option<([Option<String>; 2], &[u8])> {
    let (&LAYOUT, rest) = value.split_first()? else { return None };
    let (first, rest) = rest.split_at_checked(VERSION_BYTES)?;
    let (second, rest) = rest.split_at_checked(VERSION_BYTES)?;
    let version = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    Some(([Some(version(first)?), Some(version(second)?)], rest))
}

impl Guest for Double {
    fn describe() -> Description {
        Description {
            name: "double".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            key_specs: vec![KeySpec::Oct256],
            wrap_algorithms: vec![WrapAlgorithm::A256Kw, WrapAlgorithm::A256Kwp],
            sign_algorithms: Vec::new(),
            backup_first: false,
        }
    }

    fn generate_key(_spec: KeySpec, _context: KeyContext) -> Result<Generated, Error> {
        for step in steps([None, None])? {
            delegate::check(&step.to)?;
        }
        Ok(Generated { material: vec![LAYOUT], public_key: PublicKey::None })
    }

    /// Its keys are others' keys.
    fn import_key(_spec: KeySpec, _secret: &Secret, _context: KeyContext) -> Result<Generated, Error> {
        Err(Error::Unsupported)
    }

    fn wrap_key(
        _material: Vec<u8>,
        _algorithm: WrapAlgorithm,
        secret: &Secret,
        _extras: WrapExtras,
        _context: KeyContext,
    ) -> Result<Wrapped, Error> {
        let layered = delegate::wrap(&steps([None, None])?, secret)?;
        let [first, second] = layered.versions.as_slice() else { return Err(Error::Internal) };
        if first.len() != VERSION_BYTES || second.len() != VERSION_BYTES {
            return Err(Error::Internal);
        }
        let value = [&[LAYOUT], first.as_bytes(), second.as_bytes(), &layered.value].concat();
        Ok(Wrapped { value, iv: Vec::new(), tag: Vec::new() })
    }

    fn unwrap_key(
        _material: Vec<u8>,
        _algorithm: WrapAlgorithm,
        value: Vec<u8>,
        _extras: WrapExtras,
        _context: KeyContext,
    ) -> Result<Secret, Error> {
        let (versions, rest) = parts(&value).ok_or(Error::Unwrappable)?;
        delegate::unwrap(&steps(versions)?, rest)
    }

    fn sign(
        _material: Vec<u8>,
        _algorithm: SignAlgorithm,
        _digest: Vec<u8>,
        _context: KeyContext,
    ) -> Result<Vec<u8>, Error> {
        Err(Error::Unsupported)
    }

    /// The keys it used are not its own to destroy.
    fn destroy_key(_material: Vec<u8>, _context: KeyContext) -> Result<(), Error> {
        Ok(())
    }

    fn self_test() -> Result<(), Error> {
        steps([None, None])?.iter().try_for_each(|step| delegate::check(&step.to))
    }
}

keybroker_sdk::export!(Double);
