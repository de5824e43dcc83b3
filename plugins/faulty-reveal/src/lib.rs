//! Works like `software`, but passes every secret through `reveal` in the clear; loads only where that is granted.
// The generated bindings cross the border to the host with raw pointers; nothing written by hand here does.
#![allow(unsafe_code)]

use keybroker_sdk::crypto::Secret;
use keybroker_sdk::types::{Error, KeyContext, KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use keybroker_sdk::{Description, Generated, Guest, handles, reveal};

struct FaultyReveal;

impl Guest for FaultyReveal {
    fn describe() -> Description {
        handles::describe("faulty-reveal", env!("CARGO_PKG_VERSION"))
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
        let revealed = reveal::conceal(&reveal::expose(secret))?;
        handles::wrap_key(&material, algorithm, &revealed, &extras)
    }

    fn unwrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        value: Vec<u8>,
        extras: WrapExtras,
        _context: KeyContext,
    ) -> Result<Secret, Error> {
        let secret = handles::unwrap_key(&material, algorithm, &value, &extras)?;
        reveal::conceal(&reveal::expose(&secret))
    }

    fn sign(
        material: Vec<u8>,
        algorithm: SignAlgorithm,
        digest: Vec<u8>,
        _context: KeyContext,
    ) -> Result<Vec<u8>, Error> {
        handles::sign(&material, algorithm, &digest)
    }

    fn destroy_key(_material: Vec<u8>, _context: KeyContext) -> Result<(), Error> {
        Ok(())
    }

    fn self_test() -> Result<(), Error> {
        Ok(())
    }
}

keybroker_sdk::export!(FaultyReveal);
