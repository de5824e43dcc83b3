//! The decoding half of RSA-OAEP with SHA-256 (RFC 8017 section 7.1.2 step 3), for tokens that lack it.
//!
//! Which of the checks failed must not show, neither in the answer nor in the time it takes (Manger's attack): all are
//! made over the whole block, and one bit comes out.

use broker_core::secret::Secret;
use broker_crypto::digest::{SHA256_BYTES, Sha256, sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use zeroize::Zeroizing;

/// The shortest block that has room for an empty message.
pub const BLOCK_BYTES_MIN: usize = 2 * SHA256_BYTES + 2;

/// The message in a block as long as the modulus, with an empty label. `None`, whatever is wrong with it.
///
/// The block's length is public. How long the message is, is told by the time once the block is known to be sound, as its
/// owner learns it anyway.
pub fn decode(block: &[u8]) -> Option<Secret> {
    if block.len() < BLOCK_BYTES_MIN {
        return None;
    }
    let (first, rest) = block.split_first()?;
    let (masked_seed, masked_data) = rest.split_at(SHA256_BYTES);
    let mut seed = Zeroizing::new(mgf1(masked_data, SHA256_BYTES));
    xor(&mut seed, masked_seed);
    let mut data = Zeroizing::new(mgf1(&seed, masked_data.len()));
    xor(&mut data, masked_data);
    let (label, padded) = data.split_at(SHA256_BYTES);

    let mut sound = first.ct_eq(&0) & label.ct_eq(&sha256(b""));
    // 00* 01 message: all bytes are looked at, whichever is the first that is not zero.
    let mut searching = Choice::from(1);
    let mut start = 0_u32;
    for (index, byte) in (1_u32..).zip(padded) {
        let (zero, one) = (byte.ct_eq(&0), byte.ct_eq(&1));
        start.conditional_assign(&index, searching & one);
        sound &= !searching | zero | one;
        searching &= zero;
    }
    sound &= !searching;
    if !bool::from(sound) {
        return None;
    }
    Some(Secret::copied_from(&padded[start as usize..]))
}

/// MGF1 with SHA-256 (RFC 8017 appendix B.2.1).
fn mgf1(seed: &[u8], length: usize) -> Vec<u8> {
    let mut mask = Vec::with_capacity(length + SHA256_BYTES);
    for counter in 0_u32.. {
        if mask.len() >= length {
            break;
        }
        let mut hash = Sha256::new();
        hash.update(seed);
        hash.update(&counter.to_be_bytes());
        mask.extend_from_slice(&hash.finish());
    }
    mask.truncate(length);
    mask
}

fn xor(left: &mut [u8], right: &[u8]) {
    for (left, right) in left.iter_mut().zip(right) {
        *left ^= right;
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use broker_testkit::forge::OaepBlock;
    use broker_testkit::timing::told_apart;
    use proptest::prelude::*;

    use super::*;

    /// A block whose parts may be unsound.
    fn encode(block_bytes: usize, label_hash: [u8; 32], separator: &[u8], message: &[u8], first: u8) -> Vec<u8> {
        OaepBlock { first, label_hash, separator, message, seed: [0x5c; SHA256_BYTES] }.encode(block_bytes)
    }

    fn opened(block: &[u8]) -> Option<Vec<u8>> {
        decode(block).map(|message| message.expose().to_vec())
    }

    #[test]
    fn a_sound_block_gives_its_message_whatever_its_length() {
        for block_bytes in [BLOCK_BYTES_MIN, 256, 384, 512] {
            for length in [0, 1, 32, block_bytes - BLOCK_BYTES_MIN] {
                if length <= block_bytes - BLOCK_BYTES_MIN {
                    let message: Vec<u8> = (0..length).map(|index| (index % 3) as u8).collect();
                    let block = encode(block_bytes, sha256(b""), &[1], &message, 0);
                    assert_eq!(opened(&block), Some(message), "{block_bytes} {length}");
                }
            }
        }
    }

    #[test]
    fn each_thing_that_is_wrong_with_a_block_refuses_it() {
        let label = sha256(b"");
        let sound = encode(256, label, &[1], b"message", 0);
        assert!(opened(&sound).is_some());
        assert_eq!(opened(&encode(256, label, &[1], b"message", 1)), None, "first byte");
        assert_eq!(opened(&encode(256, sha256(b"x"), &[1], b"message", 0)), None, "another label");
        assert_eq!(opened(&encode(256, label, &[2], b"message", 0)), None, "no 01 before the message");
        assert_eq!(opened(&encode(256, label, &[3, 1], b"message", 0)), None, "something before the 01");
        assert_eq!(opened(&encode(256, label, &[], &[], 0)), None, "zeros to the end");
        assert_eq!(opened(&sound[..BLOCK_BYTES_MIN - 1]), None, "too short");
        for index in 0..sound.len() {
            let mut broken = sound.clone();
            broken[index] ^= 0x40;
            assert_ne!(opened(&broken).as_deref(), Some(&b"message"[..]), "byte {index}");
        }
    }

    #[test]
    fn the_time_does_not_tell_what_is_wrong_with_a_block() {
        let label = sha256(b"");
        let blocks = [
            encode(256, label, &[1], b"message", 1),
            encode(256, sha256(b"x"), &[1], b"message", 0),
            encode(256, label, &[2], b"message", 0),
            encode(256, label, &[3, 1], b"message", 0),
            encode(256, label, &[], &[], 0),
        ];
        let block_of = |kind: usize, _| &blocks[kind][..];
        let told = told_apart(blocks.len(), 3_000, block_of, |_, block| {
            assert!(black_box(decode(black_box(block))).is_none());
        });
        assert!(told.is_empty(), "{told:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_a_panic(block in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&block);
        }

        #[test]
        fn every_message_comes_back(message in proptest::collection::vec(any::<u8>(), 0..190)) {
            prop_assert_eq!(opened(&encode(256, sha256(b""), &[1], &message, 0)), Some(message));
        }
    }
}
