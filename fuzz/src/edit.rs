//! Changes to bytes that are right, for parsers that chance alone does not get into: what is signed, sealed or chained.

/// The bytes with the changes that a script tells: each two bytes say where (big-endian, modulo the length), one how many go
/// (its low five bits) and how many of the script's next bytes come in their place (its high three bits).
pub fn edited(right: &[u8], script: &[u8]) -> Vec<u8> {
    let (mut bytes, mut script) = (right.to_vec(), script);
    while let Some(([high, low, how], rest)) = script.split_first_chunk() {
        let at = usize::from(u16::from_be_bytes([*high, *low])) % (bytes.len() + 1);
        let (new, rest) = rest.split_at(usize::from(how >> 5).min(rest.len()));
        let end = (at + usize::from(how & 31)).min(bytes.len());
        bytes.splice(at..end, new.iter().copied());
        script = rest;
    }
    bytes
}
