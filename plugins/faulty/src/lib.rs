//! A backend that misbehaves, chosen by the key's name; under any other name it never differs from `software`.
//!
//! A name that begins with one of [`FAULTS`] is created normally and misbehaves in `wrap-key`, `unwrap-key` and, for the
//! faults that exhaust something, `sign`. Three more misbehave at once: `loop-generate`, `trap-generate` and
//! `huge-generate` (1 MiB of material) in `generate-key` and `import-key`; and `loop-destroy` in `destroy-key`.
//!
//! A trespass that the host lets pass answers ok; one that it refuses answers the host's own error.
// `export!` writes the raw exports the component model asks for, and `trespass` makes up handles.
#![allow(unsafe_code)]

mod exhaust;
mod trespass;

use exhaust::Exhaust;
use keybroker_sdk::crypto::Secret;
use keybroker_sdk::types::{Error, KeyContext, KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use keybroker_sdk::{Description, Generated, Guest, handles};
use trespass::Trespass;

/// What goes wrong.
#[derive(Clone, Copy)]
enum Fault {
    /// Uses up something the host must bound.
    Exhaust(Exhaust),
    /// Reaches for something the host must refuse.
    Trespass(Trespass),
    /// Answers one of the contract's errors without any reason.
    Answer(Error),
}

/// The first prefix that fits the key's name decides.
const FAULTS: &[(&str, Fault)] = &[
    ("fault-big", Fault::Exhaust(Exhaust::BigAnswer)),
    ("fault-error-bad-request", Fault::Answer(Error::BadRequest)),
    ("fault-error-internal", Fault::Answer(Error::Internal)),
    ("fault-error-not-ready", Fault::Answer(Error::NotReady)),
    ("fault-error-unavailable", Fault::Answer(Error::Unavailable)),
    ("fault-error-unsupported", Fault::Answer(Error::Unsupported)),
    ("fault-error-unwrappable", Fault::Answer(Error::Unwrappable)),
    ("fault-foreign", Fault::Trespass(Trespass::Foreign)),
    ("fault-forge", Fault::Trespass(Trespass::Forge)),
    ("fault-handle", Fault::Trespass(Trespass::Handle)),
    ("fault-hoard", Fault::Exhaust(Exhaust::Hoard)),
    ("fault-hostcalls", Fault::Exhaust(Exhaust::HostCalls)),
    ("fault-huge", Fault::Exhaust(Exhaust::HugeAnswer)),
    ("fault-leak", Fault::Trespass(Trespass::Leak)),
    ("fault-logflood", Fault::Exhaust(Exhaust::LogFlood)),
    ("fault-logloop", Fault::Exhaust(Exhaust::LogLoop)),
    ("fault-loop", Fault::Exhaust(Exhaust::Loop)),
    ("fault-memory", Fault::Exhaust(Exhaust::Memory)),
    ("fault-recurse", Fault::Exhaust(Exhaust::Recursion)),
    ("fault-reuse", Fault::Trespass(Trespass::Reuse)),
    ("fault-trap", Fault::Exhaust(Exhaust::Trap)),
    ("fault-wrongverb-generate", Fault::Trespass(Trespass::GenerateWithin)),
    ("fault-wrongverb-import", Fault::Trespass(Trespass::ImportWithin)),
    ("fault-wrongverb-seal", Fault::Trespass(Trespass::SealWithin)),
    ("fault-wrongverb-sign", Fault::Trespass(Trespass::SignWithin)),
    ("fault-wrongverb", Fault::Trespass(Trespass::OppositeWithin)),
];

struct Faulty;

impl Guest for Faulty {
    fn describe() -> Description {
        handles::describe("faulty", env!("CARGO_PKG_VERSION"))
    }

    fn generate_key(spec: KeySpec, context: KeyContext) -> Result<Generated, Error> {
        born(&context, handles::generate_key(spec)?)
    }

    fn import_key(spec: KeySpec, secret: &Secret, context: KeyContext) -> Result<Generated, Error> {
        born(&context, handles::import_key(spec, secret)?)
    }

    fn wrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        secret: &Secret,
        extras: WrapExtras,
        context: KeyContext,
    ) -> Result<Wrapped, Error> {
        match fault(&context) {
            Some(Fault::Exhaust(exhaust)) => {
                if let Some(value) = exhaust::answer(exhaust, &material) {
                    return Ok(Wrapped { value, iv: Vec::new(), tag: Vec::new() });
                }
            }
            Some(Fault::Trespass(trespass)) => {
                return trespass::in_wrap(trespass, &material, algorithm, secret, &extras);
            }
            Some(Fault::Answer(error)) => return Err(error),
            None => {}
        }
        handles::wrap_key(&material, algorithm, secret, &extras)
    }

    fn unwrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        value: Vec<u8>,
        extras: WrapExtras,
        context: KeyContext,
    ) -> Result<Secret, Error> {
        match fault(&context) {
            // A secret is a handle and cannot be huge: the faults about large answers unwrap normally.
            Some(Fault::Exhaust(Exhaust::BigAnswer | Exhaust::HugeAnswer)) | None => {}
            Some(Fault::Exhaust(exhaust)) => drop(exhaust::answer(exhaust, &material)),
            Some(Fault::Trespass(trespass)) => {
                return trespass::in_unwrap(trespass, &material, algorithm, &value, &extras);
            }
            Some(Fault::Answer(error)) => return Err(error),
        }
        handles::unwrap_key(&material, algorithm, &value, &extras)
    }

    fn sign(
        material: Vec<u8>,
        algorithm: SignAlgorithm,
        digest: Vec<u8>,
        context: KeyContext,
    ) -> Result<Vec<u8>, Error> {
        match fault(&context) {
            Some(Fault::Exhaust(exhaust)) => {
                if let Some(value) = exhaust::answer(exhaust, &material) {
                    return Ok(value);
                }
            }
            Some(Fault::Answer(error)) => return Err(error),
            Some(Fault::Trespass(_)) | None => {}
        }
        handles::sign(&material, algorithm, &digest)
    }

    fn destroy_key(_material: Vec<u8>, context: KeyContext) -> Result<(), Error> {
        if context.name.starts_with("loop-destroy") {
            exhaust::spin();
        }
        Ok(())
    }

    fn self_test() -> Result<(), Error> {
        Ok(())
    }
}

fn fault(context: &KeyContext) -> Option<Fault> {
    FAULTS.iter().find(|(prefix, _)| context.name.starts_with(prefix)).map(|(_, fault)| *fault)
}

/// The faults at a key's birth.
fn born(context: &KeyContext, generated: Generated) -> Result<Generated, Error> {
    match context.name.as_str() {
        name if name.starts_with("loop-generate") => exhaust::spin(),
        name if name.starts_with("trap-generate") => exhaust::trap(),
        name if name.starts_with("huge-generate") => Ok(Generated { material: vec![1; 1 << 20], ..generated }),
        _ => Ok(generated),
    }
}

keybroker_sdk::export!(Faulty);
