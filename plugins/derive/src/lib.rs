//! Keys derived from one root: the same root gives the same keys on every broker. Serves only once the root has been backed up.
//!
//! A key's version is derived from the root, the vault's and the key's name, and how many versions came before it under that
//! name; the material says no more than that number. State: `root` (sealed by the host) and `count/VAULT/NAME`.
// `export!` writes the raw exports the component model asks for; nothing written by hand here is unsafe.
#![allow(unsafe_code)]

use keybroker_sdk::crypto::{self, Key, Secret};
use keybroker_sdk::keyvalue::{self, Change, Failure};
use keybroker_sdk::roots::{self, Root};
use keybroker_sdk::types::{Error, KeyContext, KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use keybroker_sdk::{Description, Generated, Guest};

mod backing_up {
    wit_bindgen::generate!({
        path: "../../wit/0.1.0",
        world: "with-backup",
        with: {
            "keybroker:backend/crypto@0.1.0": keybroker_sdk::crypto,
            "keybroker:backend/types@0.1.0": keybroker_sdk::types,
        },
    });
}

const ROOT: &str = "root";
const COUNTS: &str = "count/";
/// The first byte of every material; then the spec's in one, then the number in four, big-endian.
const MATERIAL_VERSION: u8 = 1;
/// Two calls that make versions of one key at a time meet at its count; each tries again so often.
const TRIES_MAX: usize = 8;

struct Derive;

/// The root, once there is one; without it nothing is served.
fn root() -> Result<Root, Error> {
    let kept = keyvalue::get(ROOT).ok_or(Error::NotReady)?;
    roots::open(&kept.value)
}

const fn spec_byte(spec: KeySpec) -> Option<u8> {
    match spec {
        KeySpec::Oct128 => Some(1),
        KeySpec::Oct256 => Some(2),
        _ => None,
    }
}

fn label(number: u32) -> Vec<u8> {
    format!("version {number}").into_bytes()
}

fn key(material: &[u8]) -> Result<Key, Error> {
    let &[MATERIAL_VERSION, spec, a, b, c, d] = material else { return Err(Error::Internal) };
    let spec = [KeySpec::Oct128, KeySpec::Oct256].into_iter().find(|&one| spec_byte(one) == Some(spec));
    roots::derive(&root()?, spec.ok_or(Error::Internal)?, &label(u32::from_be_bytes([a, b, c, d])))
}

/// Counts one more version of a key, in one step with whoever else does.
fn next_number(context: &KeyContext) -> Result<u32, Error> {
    let name = format!("{COUNTS}{}/{}", context.vault, context.name);
    for _ in 0..TRIES_MAX {
        let kept = keyvalue::get(&name);
        let (before, rests_on) = match &kept {
            None => (0, 0),
            Some(entry) => (u32::from_be_bytes(*entry.value.first_chunk().ok_or(Error::Internal)?), entry.revision),
        };
        let number = before.checked_add(1).ok_or(Error::Internal)?;
        let value = Some(number.to_be_bytes().to_vec());
        match keyvalue::commit(&[Change { name: name.clone(), rests_on, value }]) {
            Ok(()) => return Ok(number),
            Err(Failure::Stale) => {}
            Err(Failure::Unavailable | Failure::OverQuota) => return Err(Error::Unavailable),
            Err(Failure::BadRequest | Failure::WrongVerb) => return Err(Error::Internal),
        }
    }
    Err(Error::Unavailable)
}

impl Guest for Derive {
    fn describe() -> Description {
        Description {
            name: "derive".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            key_specs: vec![KeySpec::Oct128, KeySpec::Oct256],
            wrap_algorithms: vec![
                WrapAlgorithm::A128Kw,
                WrapAlgorithm::A256Kw,
                WrapAlgorithm::A128Kwp,
                WrapAlgorithm::A256Kwp,
                WrapAlgorithm::A256Gcm,
            ],
            sign_algorithms: Vec::new(),
            backup_first: true,
        }
    }

    fn generate_key(spec: KeySpec, context: KeyContext) -> Result<Generated, Error> {
        let spec_byte = spec_byte(spec).ok_or(Error::Unsupported)?;
        let root = root()?;
        let number = next_number(&context)?;
        // Derived now, so that a root that does not open is noticed before anyone relies on the key.
        let _key = roots::derive(&root, spec, &label(number))?;
        let material = [&[MATERIAL_VERSION, spec_byte], number.to_be_bytes().as_slice()].concat();
        Ok(Generated { material, public_key: PublicKey::None })
    }

    /// A key from elsewhere is not derived from the root.
    fn import_key(_spec: KeySpec, _secret: &Secret, _context: KeyContext) -> Result<Generated, Error> {
        Err(Error::Unsupported)
    }

    fn wrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        secret: &Secret,
        extras: WrapExtras,
        _context: KeyContext,
    ) -> Result<Wrapped, Error> {
        crypto::wrap(&key(&material)?, algorithm, secret, &extras)
    }

    fn unwrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        value: Vec<u8>,
        extras: WrapExtras,
        _context: KeyContext,
    ) -> Result<Secret, Error> {
        crypto::unwrap(&key(&material)?, algorithm, &value, &extras)
    }

    fn sign(
        _material: Vec<u8>,
        _algorithm: SignAlgorithm,
        _digest: Vec<u8>,
        _context: KeyContext,
    ) -> Result<Vec<u8>, Error> {
        Err(Error::Unsupported)
    }

    /// The count stays, or a key of the same name would one day be this one again.
    fn destroy_key(_material: Vec<u8>, _context: KeyContext) -> Result<(), Error> {
        Ok(())
    }

    fn self_test() -> Result<(), Error> {
        root().map(drop)
    }
}

impl backing_up::exports::keybroker::backend::backup::Guest for Derive {
    /// The first backup makes the root: there is none that was never backed up.
    fn back_up(password: &Secret) -> Result<Vec<u8>, Error> {
        for _ in 0..TRIES_MAX {
            if keyvalue::get(ROOT).is_some() {
                return roots::export_root(&root()?, password);
            }
            let root = roots::generate()?;
            // Under the password first: a root is kept when its backup is there.
            let exported = roots::export_root(&root, password)?;
            match keyvalue::commit(&[Change { name: ROOT.into(), rests_on: 0, value: Some(roots::seal(&root)?) }]) {
                Ok(()) => return Ok(exported),
                Err(Failure::Stale) => {}
                Err(_) => return Err(Error::Unavailable),
            }
        }
        Err(Error::Unavailable)
    }

    fn restore(backup: Vec<u8>, password: &Secret) -> Result<(), Error> {
        let kept = keyvalue::get(ROOT);
        if kept.is_some() && !keyvalue::list(COUNTS, None).is_empty() {
            return Err(Error::BadRequest);
        }
        let root = roots::import_root(&backup, password)?;
        let rests_on = kept.map_or(0, |kept| kept.revision);
        keyvalue::commit(&[Change { name: ROOT.into(), rests_on, value: Some(roots::seal(&root)?) }])
            .map_err(|_| Error::Unavailable)
    }
}

keybroker_sdk::export!(Derive);
backing_up::export!(Derive with_types_in backing_up);
