//! Ciphertexts under an RSA key's public half whose padding is wrong in one chosen way (RFC 8017 sections 7.1 and 7.2).

use broker_core::algorithm::PublicKey;
use broker_crypto::digest::{SHA256_BYTES, sha256};
use num_bigint::BigUint;

/// What a forged block holds, were its padding sound.
pub const MESSAGE: [u8; 32] = [0x3c; 32];

/// A way to be wrong, and a ciphertext that is so.
pub type Forged = (&'static str, Vec<u8>);

/// What a block of RSA-OAEP with SHA-256 is made of; each part may be wrong.
pub struct OaepBlock<'a> {
    pub first: u8,
    pub label_hash: [u8; SHA256_BYTES],
    /// Stands between the zeros and the message; 01 in a sound block.
    pub separator: &'a [u8],
    pub message: &'a [u8],
    pub seed: [u8; SHA256_BYTES],
}

impl OaepBlock<'_> {
    /// A sound one.
    #[must_use]
    pub fn sound(variant: u8) -> Self {
        let seed = sha256(&[variant]);
        Self { first: 0, label_hash: sha256(b""), separator: &[1], message: &MESSAGE, seed }
    }

    /// The block, as many bytes as the modulus has (RFC 8017 section 7.1.1 step 2).
    #[must_use]
    pub fn encode(&self, block_bytes: usize) -> Vec<u8> {
        let mut data = self.label_hash.to_vec();
        data.resize(block_bytes - SHA256_BYTES - 1 - self.separator.len() - self.message.len(), 0);
        data.extend_from_slice(self.separator);
        data.extend_from_slice(self.message);
        mask(&self.seed, &mut data);
        let mut seed = self.seed;
        mask(&data, &mut seed);
        [&[self.first], &seed[..], &data].concat()
    }
}

/// Adds MGF1 with SHA-256 of the seed (RFC 8017 appendix B.2.1).
fn mask(seed: &[u8], bytes: &mut [u8]) {
    for (counter, part) in (0_u32..).zip(bytes.chunks_mut(SHA256_BYTES)) {
        let hash = sha256(&[seed, &counter.to_be_bytes()].concat());
        part.iter_mut().zip(hash).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// The sound one first, then every way of being wrong; another `variant` gives other ciphertexts.
///
/// # Panics
/// The key is no RSA key.
#[must_use]
pub fn oaep_256(public: &PublicKey, variant: u8) -> Vec<Forged> {
    let sound = || OaepBlock::sound(variant);
    let blocks = [
        ("sound", sound()),
        ("another first byte", OaepBlock { first: 1, ..sound() }),
        ("another label", OaepBlock { label_hash: sha256(b"another"), ..sound() }),
        ("another separator", OaepBlock { separator: &[2], ..sound() }),
        ("no separator", OaepBlock { separator: &[], message: &[], ..sound() }),
        ("something before the separator", OaepBlock { separator: &[7, 0, 1], ..sound() }),
        ("all of it wrong", OaepBlock { first: 3, label_hash: [9; 32], separator: &[5], ..sound() }),
    ];
    blocks.iter().map(|(name, block)| (*name, encrypted(public, |bytes| block.encode(bytes)))).collect()
}

/// The same of PKCS #1 v1.5.
///
/// # Panics
/// The key is no RSA key.
#[must_use]
pub fn pkcs1(public: &PublicKey, variant: u8) -> Vec<Forged> {
    let padded = |change: fn(&mut [u8])| {
        encrypted(public, |bytes| {
            let mut block = vec![variant | 1; bytes];
            block[..2].copy_from_slice(&[0, 2]);
            let message = bytes - MESSAGE.len();
            block[message - 1] = 0;
            block[message..].copy_from_slice(&MESSAGE);
            change(&mut block);
            block
        })
    };
    vec![
        ("sound", padded(|_| {})),
        ("another first byte", padded(|block| block[0] = 1)),
        ("another kind of block", padded(|block| block[1] = 1)),
        (
            "no end of the padding",
            padded(|block| block.iter_mut().filter(|byte| **byte == 0).skip(1).for_each(|byte| *byte = 1)),
        ),
        ("too little padding", padded(|block| block[5] = 0)),
        ("all of it wrong", padded(|block| block[..3].copy_from_slice(&[5, 5, 0]))),
    ]
}

/// Textbook RSA of a block that has as many bytes as the modulus.
fn encrypted(public: &PublicKey, block: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let PublicKey::Rsa { n, e } = public else { panic!("an RSA key") };
    let modulus = BigUint::from_bytes_be(n);
    let bytes = n.len();
    let number = BigUint::from_bytes_be(&block(bytes));
    assert!(number < modulus, "a block is smaller than the modulus");
    let wrapped = number.modpow(&BigUint::from_bytes_be(e), &modulus).to_bytes_be();
    [vec![0; bytes - wrapped.len()], wrapped].concat()
}
