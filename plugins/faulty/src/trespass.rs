//! Reaches for what belongs to other keys, other calls or other verbs.
//!
//! Ok means that the host let it pass; an error is the host's refusal.

use std::sync::Mutex;

use keybroker_sdk::crypto::{self, Key, Secret};
use keybroker_sdk::handles;
use keybroker_sdk::types::{Error, KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};

#[derive(Clone, Copy)]
pub enum Trespass {
    /// Opens `extras.aad` as if it were its own sealed key (see `Leak`) and uses what comes out.
    Foreign,
    /// Opens bytes that it made up or changed.
    Forge,
    /// Makes a new key while another verb runs.
    GenerateWithin,
    /// Uses a handle that it was never given.
    Handle,
    /// Makes a key of the secret that it should wrap.
    ImportWithin,
    /// Wraps normally, but answers its own sealed key as the value: what `Foreign` under another name is fed with.
    Leak,
    /// Unwraps while wrapping, wraps while unwrapping.
    OppositeWithin,
    /// Keeps a handle in a static and uses it in the next call. Works normally as long as every instance is fresh;
    /// otherwise the wrapped value begins with [`REUSED`], and an unwrap answers `unavailable`.
    Reuse,
    /// Seals its key anew while another verb runs.
    SealWithin,
    /// Signs while another verb runs.
    SignWithin,
}

/// How a wrapped value begins that was made with a handle from an earlier call.
pub const REUSED: &[u8] = b"reused:";

static KEPT: Mutex<Option<Key>> = Mutex::new(None);

/// No handle of an honest call is this high.
const MADE_UP_HANDLE: u32 = 4242;

pub fn in_wrap(
    trespass: Trespass,
    material: &[u8],
    algorithm: WrapAlgorithm,
    secret: &Secret,
    extras: &WrapExtras,
) -> Result<Wrapped, Error> {
    match trespass {
        Trespass::Foreign => crypto::wrap(&crypto::open(&extras.aad)?, algorithm, secret, &no_extras()),
        Trespass::Handle => {
            // SAFETY: a handle is a number, and the host checks every one. Forgotten, so that it is not dropped too.
            let key = std::mem::ManuallyDrop::new(unsafe { Key::from_handle(MADE_UP_HANDLE) });
            crypto::wrap(&key, algorithm, secret, extras)
        }
        Trespass::ImportWithin => crypto::import_secret(KeySpec::Oct256, secret).map(|_| passed(b"import")),
        Trespass::Leak => Ok(passed(handles::sealed(material)?)),
        Trespass::OppositeWithin => {
            let wrapped = handles::wrap_key(material, algorithm, secret, extras)?;
            let again = WrapExtras { iv: wrapped.iv, aad: extras.aad.clone(), tag: wrapped.tag };
            handles::unwrap_key(material, algorithm, &wrapped.value, &again).map(|_| passed(b"unwrap"))
        }
        Trespass::Reuse => {
            let mut kept = KEPT.lock().map_err(|_| Error::Internal)?;
            match kept.as_ref() {
                Some(key) => {
                    let wrapped = crypto::wrap(key, algorithm, secret, extras)?;
                    Ok(Wrapped { value: [REUSED, &wrapped.value].concat(), ..wrapped })
                }
                None => crypto::wrap(kept.insert(handles::open(material)?), algorithm, secret, extras),
            }
        }
        Trespass::Forge | Trespass::GenerateWithin | Trespass::SealWithin | Trespass::SignWithin => {
            in_any(trespass, material).map(passed_value)
        }
    }
}

pub fn in_unwrap(
    trespass: Trespass,
    material: &[u8],
    algorithm: WrapAlgorithm,
    value: &[u8],
    extras: &WrapExtras,
) -> Result<Secret, Error> {
    match trespass {
        Trespass::Foreign => crypto::unwrap(&crypto::open(&extras.aad)?, algorithm, value, &no_extras()),
        // SAFETY: a handle is a number, and the host checks every one; this one it must refuse.
        Trespass::Handle => Ok(unsafe { Secret::from_handle(MADE_UP_HANDLE) }),
        Trespass::ImportWithin => {
            let secret = handles::unwrap_key(material, algorithm, value, extras)?;
            crypto::import_secret(KeySpec::Oct256, &secret).map(|_| secret)
        }
        Trespass::Leak => handles::unwrap_key(material, algorithm, value, extras),
        Trespass::OppositeWithin => {
            let secret = handles::unwrap_key(material, algorithm, value, extras)?;
            handles::wrap_key(material, algorithm, &secret, &no_extras()).map(|_| secret)
        }
        Trespass::Reuse => {
            let mut kept = KEPT.lock().map_err(|_| Error::Internal)?;
            match kept.as_ref() {
                Some(_) => Err(Error::Unavailable),
                None => crypto::unwrap(kept.insert(handles::open(material)?), algorithm, value, extras),
            }
        }
        Trespass::Forge | Trespass::GenerateWithin | Trespass::SealWithin | Trespass::SignWithin => {
            in_any(trespass, material)?;
            handles::unwrap_key(material, algorithm, value, extras)
        }
    }
}

/// The trespasses that need nothing but the key's own material.
fn in_any(trespass: Trespass, material: &[u8]) -> Result<Vec<u8>, Error> {
    match trespass {
        Trespass::Forge => forge(handles::sealed(material)?),
        Trespass::GenerateWithin => crypto::generate(KeySpec::Oct256).map(|_| b"generate".to_vec()),
        Trespass::SealWithin => crypto::seal(&handles::open(material)?),
        Trespass::SignWithin => crypto::sign(&handles::open(material)?, SignAlgorithm::Rs256, &[0x11; 32]),
        Trespass::Foreign
        | Trespass::Handle
        | Trespass::ImportWithin
        | Trespass::Leak
        | Trespass::OppositeWithin
        | Trespass::Reuse => Err(Error::Internal),
    }
}

/// The first forgery that opens, or the host's refusal of the last.
fn forge(sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let mut flipped_first = sealed.to_vec();
    let mut flipped_last = sealed.to_vec();
    if let Some(byte) = flipped_first.first_mut() {
        *byte ^= 1;
    }
    if let Some(byte) = flipped_last.last_mut() {
        *byte ^= 1;
    }
    let cut = sealed[..sealed.len().saturating_sub(1)].to_vec();
    let longer = [sealed, &[0]].concat();
    let mut refusal = Error::Internal;
    for bytes in [flipped_first, flipped_last, cut, longer, vec![0; 64], vec![0x41; 65_536], Vec::new()] {
        match crypto::open(&bytes) {
            Ok(_) => return Ok(bytes),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

fn no_extras() -> WrapExtras {
    WrapExtras { iv: Vec::new(), aad: Vec::new(), tag: Vec::new() }
}

fn passed(value: &[u8]) -> Wrapped {
    passed_value(value.to_vec())
}

fn passed_value(value: Vec<u8>) -> Wrapped {
    Wrapped { value, iv: Vec::new(), tag: Vec::new() }
}
