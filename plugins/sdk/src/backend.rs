//! The trait that most backends implement: every function but `describe` has an answer already.

use crate::crypto::Secret;
use crate::types::{Error, KeyContext, KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use crate::{Description, Generated, Guest, handles};

/// A backend. What is not written otherwise is done by the host on handles, with the sealed key as the material.
///
/// What each function promises stands in `wit/0.1.0/keys.wit`. Export it with `keybroker_sdk::export!(TheBackend);`.
pub trait Backend {
    /// Who it is, and what it serves.
    fn describe() -> Description;

    fn generate_key(spec: KeySpec, _context: &KeyContext) -> Result<Generated, Error> {
        handles::generate_key(spec)
    }

    fn import_key(spec: KeySpec, secret: &Secret, _context: &KeyContext) -> Result<Generated, Error> {
        handles::import_key(spec, secret)
    }

    fn wrap_key(
        material: &[u8],
        algorithm: WrapAlgorithm,
        secret: &Secret,
        extras: &WrapExtras,
        _context: &KeyContext,
    ) -> Result<Wrapped, Error> {
        handles::wrap_key(material, algorithm, secret, extras)
    }

    fn unwrap_key(
        material: &[u8],
        algorithm: WrapAlgorithm,
        value: &[u8],
        extras: &WrapExtras,
        _context: &KeyContext,
    ) -> Result<Secret, Error> {
        handles::unwrap_key(material, algorithm, value, extras)
    }

    fn sign(material: &[u8], algorithm: SignAlgorithm, digest: &[u8], _context: &KeyContext) -> Result<Vec<u8>, Error> {
        handles::sign(material, algorithm, digest)
    }

    /// Nothing to forget: the material held all there was.
    fn destroy_key(_material: &[u8], _context: &KeyContext) -> Result<(), Error> {
        Ok(())
    }

    fn self_test() -> Result<(), Error> {
        Ok(())
    }
}

impl<B: Backend> Guest for B {
    fn describe() -> Description {
        B::describe()
    }

    fn generate_key(spec: KeySpec, context: KeyContext) -> Result<Generated, Error> {
        B::generate_key(spec, &context)
    }

    fn import_key(spec: KeySpec, secret: &Secret, context: KeyContext) -> Result<Generated, Error> {
        B::import_key(spec, secret, &context)
    }

    fn wrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        secret: &Secret,
        extras: WrapExtras,
        context: KeyContext,
    ) -> Result<Wrapped, Error> {
        B::wrap_key(&material, algorithm, secret, &extras, &context)
    }

    fn unwrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        value: Vec<u8>,
        extras: WrapExtras,
        context: KeyContext,
    ) -> Result<Secret, Error> {
        B::unwrap_key(&material, algorithm, &value, &extras, &context)
    }

    fn sign(
        material: Vec<u8>,
        algorithm: SignAlgorithm,
        digest: Vec<u8>,
        context: KeyContext,
    ) -> Result<Vec<u8>, Error> {
        B::sign(&material, algorithm, &digest, &context)
    }

    fn destroy_key(material: Vec<u8>, context: KeyContext) -> Result<(), Error> {
        B::destroy_key(&material, &context)
    }

    fn self_test() -> Result<(), Error> {
        B::self_test()
    }
}
