//! The little DER (X.690) this room must read itself: the library parses keys but does not say where they end.

/// Whether the bytes are exactly one SEQUENCE with nothing after it.
pub(crate) fn is_one_sequence(bytes: &[u8]) -> bool {
    matches!(element(bytes, SEQUENCE), Some((_, [])))
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017 appendix A.1.1), without leading zeros.
pub(crate) fn rsa_public(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (body, []) = element(bytes, SEQUENCE)? else { return None };
    let (modulus, rest) = element(body, INTEGER)?;
    let (exponent, []) = element(rest, INTEGER)? else { return None };
    Some((without_leading_zeros(modulus).to_vec(), without_leading_zeros(exponent).to_vec()))
}

/// The key inside a `PrivateKeyInfo` (RFC 5208 section 5): for RSA an `RSAPrivateKey` (PKCS#1).
pub(crate) fn pkcs8_key(bytes: &[u8]) -> Option<&[u8]> {
    let (body, []) = element(bytes, SEQUENCE)? else { return None };
    let (_version, rest) = element(body, INTEGER)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    element(rest, OCTET_STRING).map(|(key, _attributes)| key)
}

/// An unsigned big-endian integer in its shortest form; zero is empty.
pub(crate) fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    &bytes[start..]
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// The content of the first element, which must have this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = bytes.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None, // 64 KiB and more: no key of ours
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sequence_with_something_after_it_is_not_one_sequence() {
        assert!(is_one_sequence(&[0x30, 0x00]));
        assert!(is_one_sequence(&[0x30, 0x81, 0x01, 0x05]));
        assert!(is_one_sequence(&[0x30, 0x82, 0x00, 0x01, 0x05]));
        for bytes in [&[][..], &[0x30], &[0x30, 0x00, 0x00], &[0x30, 0x01], &[0x31, 0x00], &[0x30, 0x80, 0, 0]] {
            assert!(!is_one_sequence(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn an_rsa_public_key_is_read_without_its_leading_zeros() {
        let der = [0x30, 0x08, 0x02, 0x02, 0x00, 0x99, 0x02, 0x02, 0x00, 0x03];
        assert_eq!(rsa_public(&der), Some((vec![0x99], vec![3])));
        assert_eq!(rsa_public(&der[..9]), None);
        assert_eq!(without_leading_zeros(&[0, 0]), b"");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = is_one_sequence(&bytes);
            let _ = rsa_public(&bytes);
            let _ = pkcs8_key(&bytes);
        }
    }
}
