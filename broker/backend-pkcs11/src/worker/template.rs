//! The attributes of objects: what keys are made with, and what they are found by.

use broker_core::algorithm::KeySpec;
use cryptoki::object::{Attribute, KeyType, ObjectClass};

use super::handles::Part;
use crate::wire::ObjectName;

/// Exponent of every RSA key: 65537.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// What an object is found by.
pub fn search(name: &ObjectName, part: Part) -> Vec<Attribute> {
    let class = match part {
        Part::Private => ObjectClass::PRIVATE_KEY,
        Part::Public => ObjectClass::PUBLIC_KEY,
        Part::Secret => ObjectClass::SECRET_KEY,
    };
    let mut template = named(name);
    template.push(Attribute::Class(class));
    template
}

/// The name, of a token object.
pub fn named(name: &ObjectName) -> Vec<Attribute> {
    vec![Attribute::Token(true), Attribute::Id(name.id.to_vec()), Attribute::Label(name.label.as_bytes().to_vec())]
}

/// Can be used, and never leaves the token.
fn kept(name: &ObjectName) -> Vec<Attribute> {
    let mut template = named(name);
    template.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Derive(false),
    ]);
    template
}

pub fn secret_key(name: &ObjectName, spec: KeySpec) -> Vec<Attribute> {
    let mut template = kept(name);
    template.extend([
        Attribute::ValueLen(u64::from(spec.bits() / 8).into()),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
        // An unwrapping key that may also decrypt gives away what it wraps (Clulow).
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
    ]);
    template
}

pub fn rsa_public(name: &ObjectName, spec: KeySpec) -> Vec<Attribute> {
    let mut template = named(name);
    template.extend([
        Attribute::ModulusBits(u64::from(spec.bits()).into()),
        Attribute::PublicExponent(EXPONENT.to_vec()),
        Attribute::Encrypt(true),
        Attribute::Verify(true),
        Attribute::Wrap(false),
    ]);
    template
}

pub fn rsa_private(name: &ObjectName) -> Vec<Attribute> {
    let mut template = kept(name);
    template.extend([Attribute::Decrypt(true), Attribute::Sign(true), Attribute::Unwrap(false)]);
    template
}

pub fn ec_public(name: &ObjectName, curve: &[u8]) -> Vec<Attribute> {
    let mut template = named(name);
    template.extend([Attribute::EcParams(curve.to_vec()), Attribute::Verify(true)]);
    template
}

pub fn ec_private(name: &ObjectName) -> Vec<Attribute> {
    let mut template = kept(name);
    template.push(Attribute::Sign(true));
    template
}

/// A secret on its way in or out: in this session's memory, for the length of one call.
pub fn passing_secret() -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Token(false),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ]
}

/// The object identifier of a curve, in DER (SEC 2 appendix A.2, RFC 5480 section 2.1.1.1).
pub const fn curve(spec: KeySpec) -> Option<&'static [u8]> {
    match spec {
        KeySpec::EcP256 => Some(&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
        KeySpec::EcP384 => Some(&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]),
        KeySpec::EcP521 => Some(&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23]),
        KeySpec::Rsa2048
        | KeySpec::Rsa3072
        | KeySpec::Rsa4096
        | KeySpec::Oct128
        | KeySpec::Oct192
        | KeySpec::Oct256 => None,
    }
}
