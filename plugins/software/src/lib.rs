//! The default backend: keys kept in software, all cryptography done by the host on handles; never sees a secret byte.
// `export!` writes the raw exports the component model asks for; nothing written by hand here is unsafe.
#![allow(unsafe_code)]

use keybroker_sdk::crypto::Secret;
use keybroker_sdk::types::{Error, KeyContext, KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use keybroker_sdk::{Description, Generated, Guest, handles};

struct Software;

impl Guest for Software {
    fn describe() -> Description {
        handles::describe("software", env!("CARGO_PKG_VERSION"))
    }

    fn generate_key(spec: KeySpec, _context: KeyContext) -> Result<Generated, Error> {
        handles::generate_key(spec)
    }

    fn import_key(spec: KeySpec, secret: &Secret, _context: KeyContext) -> Result<Generated, Error> {
        handles::import_key(spec, secret)
    }

    fn wrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        secret: &Secret,
        extras: WrapExtras,
        _context: KeyContext,
    ) -> Result<Wrapped, Error> {
        handles::wrap_key(&material, algorithm, secret, &extras)
    }

    fn unwrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        value: Vec<u8>,
        extras: WrapExtras,
        _context: KeyContext,
    ) -> Result<Secret, Error> {
        handles::unwrap_key(&material, algorithm, &value, &extras)
    }

    fn sign(
        material: Vec<u8>,
        algorithm: SignAlgorithm,
        digest: Vec<u8>,
        _context: KeyContext,
    ) -> Result<Vec<u8>, Error> {
        handles::sign(&material, algorithm, &digest)
    }

    /// Nothing to forget: the material held all there was.
    fn destroy_key(_material: Vec<u8>, _context: KeyContext) -> Result<(), Error> {
        Ok(())
    }

    fn self_test() -> Result<(), Error> {
        Ok(())
    }
}

keybroker_sdk::export!(Software);
