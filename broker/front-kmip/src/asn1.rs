//! An RSA key from one DER structure into another: the key itself stays as it is, what stands around it changes.

use broker_core::secret::Secret;
use zeroize::Zeroizing;

/// `rsaEncryption` with its NULL parameters (RFC 8017 appendix A.1).
const RSA: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// `PrivateKeyInfo` (RFC 5208 section 5) around an `RSAPrivateKey`.
pub(crate) fn pkcs8_of_rsa(key: &Secret) -> Secret {
    let inner = element(OCTET_STRING, &[key.expose()]);
    Secret::copied_from(&element(SEQUENCE, &[&[INTEGER, 1, 0], RSA, &inner]))
}

/// The `RSAPrivateKey` in a `PrivateKeyInfo`; none when it is of another kind.
pub(crate) fn rsa_of_pkcs8(info: &Secret) -> Option<Secret> {
    let (body, []) = read(info.expose(), SEQUENCE)? else { return None };
    let (_version, rest) = read(body, INTEGER)?;
    let (key, _attributes) = read(rest.strip_prefix(RSA)?, OCTET_STRING)?;
    Some(Secret::copied_from(key))
}

/// `SubjectPublicKeyInfo` (RFC 5280 section 4.1) around an `RSAPublicKey`.
pub(crate) fn spki_of_rsa(key: &Secret) -> Secret {
    let inner = element(BIT_STRING, &[&[0], key.expose()]);
    Secret::copied_from(&element(SEQUENCE, &[RSA, &inner]))
}

/// The `RSAPublicKey` in a `SubjectPublicKeyInfo`; none when it is of another kind.
pub(crate) fn rsa_of_spki(info: &Secret) -> Option<Secret> {
    let (body, []) = read(info.expose(), SEQUENCE)? else { return None };
    let (bits, []) = read(body.strip_prefix(RSA)?, BIT_STRING)? else { return None };
    bits.strip_prefix(&[0]).map(Secret::copied_from)
}

fn element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Zeroizing::new(Vec::with_capacity(length + 6));
    out.push(tag);
    let bytes = length.to_be_bytes();
    let short = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1)..];
    if length >= 0x80 {
        out.push(0x80 | u8::try_from(short.len()).expect("a length has at most eight bytes"));
    }
    out.extend_from_slice(short);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// The content of the first element, which must have this tag, and what follows it.
fn read(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = bytes.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
            (length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_around_a_key_comes_off_again(key in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let key = Secret::new(key);
            let again = [rsa_of_pkcs8(&pkcs8_of_rsa(&key)).unwrap(), rsa_of_spki(&spki_of_rsa(&key)).unwrap()];
            prop_assert!(again.iter().all(|again| again.expose() == key.expose()));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let bytes = Secret::new(bytes);
            prop_assert!(rsa_of_pkcs8(&bytes).is_none() && rsa_of_spki(&bytes).is_none());
        }
    }
}
