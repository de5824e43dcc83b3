//! Works like `software`, but asks for `backdoor`, an interface no host has; a broker that loads it is broken.
// The generated bindings cross the border to the host with raw pointers; nothing written by hand here does.
#![allow(unsafe_code)]

use keybroker_sdk::crypto::Secret;
use keybroker_sdk::types::{Error, KeyContext, KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use keybroker_sdk::{Description, Generated, Guest, handles};

mod intruder {
    wit_bindgen::generate!({ path: "wit", world: "intruder" });
}
use intruder::keybroker::backend::backdoor;

struct FaultyImport;

impl Guest for FaultyImport {
    fn describe() -> Description {
        handles::describe("faulty-import", env!("CARGO_PKG_VERSION"))
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

    fn destroy_key(_material: Vec<u8>, _context: KeyContext) -> Result<(), Error> {
        Ok(())
    }

    fn self_test() -> Result<(), Error> {
        if backdoor::open_door() { Ok(()) } else { Err(Error::NotReady) }
    }
}

keybroker_sdk::export!(FaultyImport);
