//! A public key in PEM (RFC 5280, SubjectPublicKeyInfo), as far as RSA and the NIST curves go.

use base64::Engine as _;
use keybroker_remote::{STANDARD, rsa};
use keybroker_sdk::types::{EcPublic, PublicKey};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
/// Before the coordinates of a point that is not compressed.
const UNCOMPRESSED: u8 = 0x04;

/// None for anything else.
pub fn public_key(pem: &str) -> Option<PublicKey> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let der = STANDARD.decode(lines.collect::<String>()).ok()?;
    let (info, _) = element(&der, SEQUENCE)?;
    let (_algorithm, rest) = element(info, SEQUENCE)?;
    let (&0, key) = element(rest, BIT_STRING)?.0.split_first()? else { return None };
    match key.split_first()? {
        (&UNCOMPRESSED, point) if point.len() % 2 == 0 => {
            let (x, y) = point.split_at(point.len() / 2);
            Some(PublicKey::Ec(EcPublic { x: x.to_vec(), y: y.to_vec() }))
        }
        _ => {
            let (numbers, _) = element(key, SEQUENCE)?;
            let (n, rest) = element(numbers, INTEGER)?;
            let (e, _) = element(rest, INTEGER)?;
            Some(rsa(unsigned(n), unsigned(e)))
        }
    }
}

/// The content of the element that comes first, and what follows it. Lengths of DER, up to 64 KiB.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), rest.get(2..)?),
        _ => return None,
    };
    if found == tag { rest.split_at_checked(length) } else { None }
}

/// Without the zero that keeps a large number from being negative.
fn unsigned(integer: &[u8]) -> Vec<u8> {
    integer.iter().copied().skip_while(|&byte| byte == 0).collect()
}
