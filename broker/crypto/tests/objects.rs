//! What managed objects' keys compute is what the standards print, and nothing else opens it.
#![allow(clippy::unwrap_used)]

use broker_core::object::{BlockMode, Curve, Derivation, HashName, KeyFormat, ObjectAlgorithm, ObjectKind, Padding};
use broker_core::object_crypto::{
    CipherExtras, CryptoParameters, DerivationParameters, KeyInUse, ObjectCrypto, PairSpec,
};
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use broker_crypto::object::port::HostCrypto;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn aes(bytes: &[u8]) -> KeyInUse<'_> {
    symmetric(ObjectAlgorithm::Aes, bytes)
}

fn symmetric(algorithm: ObjectAlgorithm, bytes: &[u8]) -> KeyInUse<'_> {
    KeyInUse { kind: ObjectKind::SymmetricKey, algorithm: Some(algorithm), bits: None, format: KeyFormat::Raw, bytes }
}

fn mode(mode: BlockMode) -> CryptoParameters {
    CryptoParameters { mode: Some(mode), ..CryptoParameters::default() }
}

fn iv(iv: &str) -> CipherExtras {
    CipherExtras { iv: Some(hex(iv)), ..CipherExtras::default() }
}

const TEXT: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
const KEY_128: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const KEY_192: &str = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b";
const KEY_256: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
const IV: &str = "000102030405060708090a0b0c0d0e0f";
const COUNTER: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

#[test]
fn aes_gives_what_sp_800_38a_prints() {
    // Appendix F: the first two blocks of each.
    for (with, key, start, claim) in [
        (BlockMode::Ecb, KEY_128, "", "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"),
        (BlockMode::Ecb, KEY_192, "", "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eef"),
        (BlockMode::Cbc, KEY_128, IV, "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"),
        (BlockMode::Cbc, KEY_256, IV, "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"),
        (BlockMode::Cfb, KEY_128, IV, "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"),
        (BlockMode::Ofb, KEY_128, IV, "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825"),
        (BlockMode::Ctr, KEY_128, COUNTER, "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"),
        (BlockMode::Ctr, KEY_256, COUNTER, "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"),
    ] {
        let key = hex(key);
        let extras = if start.is_empty() { CipherExtras::default() } else { iv(start) };
        let made = HostCrypto.encrypt(&aes(&key), &mode(with), &Secret::new(hex(TEXT)), &extras).unwrap();
        assert_eq!(made.data, hex(claim), "{with}");
        let back = HostCrypto.decrypt(&aes(&key), &mode(with), &made.data, &extras).unwrap();
        assert_eq!(back.expose(), hex(TEXT), "{with}");
    }
}

#[test]
fn gcm_takes_short_tags_and_no_wrong_ones() {
    // NIST's gcmEncryptExtIV128.rsp: 12-byte IV, 16 bytes of text and additional data.
    let key = hex("5ac0b25cccaaa4bb2375aef5034db959");
    let text = hex("53b4f37fcb17ecbf88f47f5aa53bfe96");
    let extras = CipherExtras { aad: hex("77d997b514608c0d0b0668cecae21f4a"), ..iv("65765ef5c5ff39c256af5838") };
    for tag_bytes in 12..=16 {
        let with = CryptoParameters { tag_bytes: Some(tag_bytes), ..mode(BlockMode::Gcm) };
        let made = HostCrypto.encrypt(&aes(&key), &with, &Secret::copied_from(&text), &extras).unwrap();
        assert_eq!(made.data, hex("506959e2cc4929a7047a5bc986854e0e"));
        let tag = made.tag.unwrap();
        assert_eq!((tag.len(), &tag[..12]), (tag_bytes as usize, &hex("c69d14f2e795336f6eb22171")[..]));
        let open = |data: &[u8], tag: Vec<u8>, extras: &CipherExtras| {
            HostCrypto.decrypt(&aes(&key), &with, data, &CipherExtras { tag: Some(tag), ..extras.clone() })
        };
        assert_eq!(open(&made.data, tag.clone(), &extras).unwrap().expose(), text);
        for bit in 0..tag.len() * 8 {
            let mut flipped = tag.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&made.data, flipped, &extras).unwrap_err().refusal, Refusal::Unwrappable);
        }
        let other = CipherExtras { aad: Vec::new(), ..extras.clone() };
        assert_eq!(open(&made.data, tag.clone(), &other).unwrap_err().refusal, Refusal::Unwrappable);
        assert_eq!(open(&made.data, tag[..11].to_vec(), &extras).unwrap_err().refusal, Refusal::Unwrappable);
        assert_eq!(open(&made.data[1..], tag, &extras).unwrap_err().refusal, Refusal::Unwrappable);
    }
    for tag_bytes in [0, 1, 11, 17, 32] {
        let with = CryptoParameters { tag_bytes: Some(tag_bytes), ..mode(BlockMode::Gcm) };
        let refused = HostCrypto.encrypt(&aes(&key), &with, &Secret::copied_from(&text), &extras).unwrap_err();
        assert!(matches!(refused.refusal, Refusal::AlgorithmUnsupported { .. }), "{tag_bytes}");
    }
}

#[test]
fn an_iv_is_drawn_only_when_it_was_asked_for() {
    let key = hex(KEY_128);
    let random = |chosen| CryptoParameters { random_iv: true, ..mode(chosen) };
    for (chosen, bytes) in [(BlockMode::Cbc, 16), (BlockMode::Ctr, 16), (BlockMode::Gcm, 12)] {
        let none = CipherExtras::default();
        let refused = HostCrypto.encrypt(&aes(&key), &mode(chosen), &Secret::new(hex(TEXT)), &none).unwrap_err();
        assert!(matches!(refused.refusal, Refusal::BadRequest { .. }), "{chosen}");
        let draw = || HostCrypto.encrypt(&aes(&key), &random(chosen), &Secret::new(hex(TEXT)), &none).unwrap();
        let (one, other) = (draw(), draw());
        assert_ne!(one.iv, other.iv);
        assert_eq!(one.iv.as_ref().map(Vec::len), Some(bytes));
        let extras = CipherExtras { iv: one.iv, aad: Vec::new(), tag: one.tag };
        assert_eq!(HostCrypto.decrypt(&aes(&key), &mode(chosen), &one.data, &extras).unwrap().expose(), hex(TEXT));
    }
}

#[test]
fn texts_that_a_mode_does_not_take_are_refused() {
    let key = hex(KEY_128);
    let padded = |chosen| CryptoParameters { padding: Some(Padding::Pkcs5), ..mode(chosen) };
    let encrypt = |with: &CryptoParameters, bytes: usize, extras: &CipherExtras| {
        HostCrypto.encrypt(&aes(&key), with, &Secret::new(vec![7; bytes]), extras).map(|made| made.data.len())
    };
    assert_eq!(encrypt(&padded(BlockMode::Cbc), 33, &iv(IV)).unwrap(), 48);
    assert_eq!(encrypt(&padded(BlockMode::Ecb), 32, &CipherExtras::default()).unwrap(), 48);
    assert!(encrypt(&mode(BlockMode::Cbc), 33, &iv(IV)).is_err());
    assert!(encrypt(&padded(BlockMode::Ctr), 32, &iv(IV)).is_err());
    assert!(encrypt(&mode(BlockMode::Cbc), 32, &iv("00")).is_err());
    assert!(encrypt(&mode(BlockMode::Xts), 32, &iv(IV)).is_err());
    let short = HostCrypto.decrypt(&aes(&key), &padded(BlockMode::Cbc), &[7; 32], &iv(IV)).unwrap_err();
    assert_eq!(short.refusal, Refusal::Unwrappable);
    let odd = [7; 17];
    assert!(HostCrypto.encrypt(&aes(&odd), &mode(BlockMode::Ecb), &Secret::new(vec![7; 16]), &iv("")).is_err());
}

#[test]
fn macs_are_those_of_the_standards() {
    // RFC 4231 case 2, RFC 2202 case 2, SP 800-38B example 2.
    let data = b"what do ya want for nothing?";
    let rows = [
        (ObjectAlgorithm::HmacSha1, b"Jefe".to_vec(), &data[..], "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (
            ObjectAlgorithm::HmacSha224,
            b"Jefe".to_vec(),
            &data[..],
            "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
        ),
        (
            ObjectAlgorithm::HmacSha256,
            b"Jefe".to_vec(),
            &data[..],
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (ObjectAlgorithm::Aes, hex(KEY_128), &hex(TEXT)[..16], "070a16b46b4d4144f79bdd9dd04a287c"),
    ];
    for (algorithm, key, data, claim) in rows {
        let (key, with) = (symmetric(algorithm, &key), CryptoParameters::default());
        let tag = HostCrypto.mac(&key, &with, data).unwrap();
        assert_eq!(tag, hex(claim), "{algorithm}");
        assert!(HostCrypto.mac_verify(&key, &with, data, &tag).unwrap());
        assert!(!HostCrypto.mac_verify(&key, &with, data, &tag[1..]).unwrap());
        assert!(!HostCrypto.mac_verify(&key, &with, b"other", &tag).unwrap());
    }
    let key = symmetric(ObjectAlgorithm::HmacMd5, b"Jefe");
    assert!(HostCrypto.mac(&key, &CryptoParameters::default(), data).is_err());
}

#[test]
fn keys_are_derived_as_the_standards_do() {
    let derive = |how, key: &[u8], with: &DerivationParameters, bytes| {
        HostCrypto.derive(how, &[symmetric(ObjectAlgorithm::HmacSha256, key)], with, bytes)
    };
    let hashed = |hash, data: Option<&[u8]>| DerivationParameters {
        parameters: CryptoParameters { hash: Some(hash), ..CryptoParameters::default() },
        data: data.map(Secret::copied_from),
        ..DerivationParameters::default()
    };
    // RFC 6070 case 2.
    let rfc_6070 =
        DerivationParameters { salt: Some(b"salt".to_vec()), iterations: Some(2), ..hashed(HashName::Sha1, None) };
    let derived = derive(Derivation::Pbkdf2, b"password", &rfc_6070, 20).unwrap();
    assert_eq!(derived.expose(), hex("ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"));
    // SP 800-108r1; the first two agree with OpenSSL 3.0's KBKDF (no separator, no length), the third with the standard's
    // own formula.
    let key: Vec<u8> = (0..32).collect();
    let feedback =
        DerivationParameters { iv: Some((0xa0..0xc0).collect()), ..hashed(HashName::Sha256, Some(b"label\0context")) };
    let plain = hashed(HashName::Sha256, Some(b"label\0context"));
    for (how, with, claim) in [
        (
            Derivation::Nist800108C,
            &plain,
            "18b8910606f09c475658fb393a63521855b7deee922916562c76d87ba4f91aa88d4d4fe95ec82226c6c2bead07a2dfca",
        ),
        (
            Derivation::Nist800108F,
            &feedback,
            "d432f5abfe6588c71ccca64ca503d0ae2e825a4869e9d4c5ec34261c6250bd8c1ef3ccdddb883c92a47ace683d56674e",
        ),
        (
            Derivation::Nist800108Dpi,
            &plain,
            "80d3e0462dfaf65bdca1b3602dd52bd373e6c927a1a184164c6b71fe08fc665b5bb5a1a7788f40db135c5f3095d0974e",
        ),
    ] {
        assert_eq!(derive(how, &key, with, 48).unwrap().expose(), hex(claim), "{how}");
    }
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(
        derive(Derivation::Hash, b"abc", &hashed(HashName::Sha256, None), 16).unwrap().expose(),
        &hex(abc)[..16]
    );
    let jefe = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let what = hashed(HashName::Sha256, Some(b"what do ya want for nothing?"));
    assert_eq!(derive(Derivation::Hmac, b"Jefe", &what, 32).unwrap().expose(), hex(jefe));
    let cbc = DerivationParameters {
        parameters: mode(BlockMode::Cbc),
        iv: Some(hex(IV)),
        data: Some(Secret::new(hex(TEXT))),
        ..DerivationParameters::default()
    };
    let derived = HostCrypto.derive(Derivation::Encrypt, &[aes(&hex(KEY_128))], &cbc, 16).unwrap();
    assert_eq!(derived.expose(), hex("7649abac8119b246cee98e9b12e9197d"));
}

#[test]
fn a_derivation_that_gives_too_little_or_costs_too_much_is_refused() {
    let derive = |how, with: &DerivationParameters, bytes| {
        HostCrypto.derive(how, &[symmetric(ObjectAlgorithm::HmacSha256, b"key")], with, bytes).is_err()
    };
    let data = DerivationParameters { data: Some(Secret::new(vec![1])), ..DerivationParameters::default() };
    assert!(derive(Derivation::Hmac, &data, 33));
    assert!(derive(Derivation::Hash, &data, 32), "data beside the key");
    assert!(derive(Derivation::Nist800108C, &DerivationParameters::default(), 32), "no data");
    assert!(derive(Derivation::Nist800108C, &data, 1 << 20));
    let rounds = |iterations| DerivationParameters {
        salt: Some(vec![1]),
        iterations: Some(iterations),
        ..DerivationParameters::default()
    };
    assert!(derive(Derivation::Pbkdf2, &rounds(0), 32) && derive(Derivation::Pbkdf2, &rounds(u32::MAX), 32));
    assert!(derive(Derivation::AsymmetricKey, &data, 32));
}

#[test]
fn keys_are_wrapped_as_rfc_3394_prints() {
    // Section 4.6: 256 bits of data with a 256-bit KEK.
    let kek: Vec<u8> = (0..32).collect();
    let data = hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
    let none = CipherExtras::default();
    let wrap = |chosen, data: Vec<u8>| HostCrypto.encrypt(&aes(&kek), &mode(chosen), &Secret::new(data), &none);
    let wrapped = wrap(BlockMode::NistKeyWrap, data.clone()).unwrap().data;
    assert_eq!(wrapped, hex("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"));
    let unwrapped = HostCrypto.decrypt(&aes(&kek), &mode(BlockMode::NistKeyWrap), &wrapped, &none).unwrap();
    assert_eq!(unwrapped.expose(), data);
    let flipped = [&wrapped[..39], &[wrapped[39] ^ 1]].concat();
    let refused = HostCrypto.decrypt(&aes(&kek), &mode(BlockMode::NistKeyWrap), &flipped, &none).unwrap_err();
    assert_eq!(refused.refusal, Refusal::Unwrappable);
    assert!(wrap(BlockMode::NistKeyWrap, vec![1; 20]).is_err());
    assert!(wrap(BlockMode::AesKeyWrapPadding, vec![1; 20]).is_ok());
}

/// Runs a future that a thread completes, without a runtime.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn pairs_sign_verify_and_encrypt_with_each_half_in_its_place() {
    let ec = |curve| PairSpec::Ec { algorithm: ObjectAlgorithm::Ecdsa, curve };
    for spec in [PairSpec::Rsa { bits: 2048 }, ec(Curve::P256), ec(Curve::P384), ec(Curve::P521)] {
        let pair = wait(HostCrypto.generate_pair(spec)).unwrap();
        let algorithm =
            if matches!(spec, PairSpec::Rsa { .. }) { ObjectAlgorithm::Rsa } else { ObjectAlgorithm::Ecdsa };
        let half = |kind, format, bytes| KeyInUse { kind, algorithm: Some(algorithm), bits: None, format, bytes };
        let private = half(ObjectKind::PrivateKey, pair.private_format, pair.private.expose());
        let public = half(ObjectKind::PublicKey, pair.public_format, &pair.public);
        for padding in [None, Some(Padding::Pss)] {
            let with = CryptoParameters { padding, ..CryptoParameters::default() };
            let signature = HostCrypto.sign(&private, &with, b"data", false).unwrap();
            let verify =
                |data: &[u8], signature: &[u8]| HostCrypto.verify(&public, &with, data, false, signature).unwrap();
            assert!(verify(b"data", &signature));
            assert!(!verify(b"date", &signature) && !verify(b"data", &signature[1..]) && !verify(b"data", b""));
        }
        let with = CryptoParameters::default();
        assert!(HostCrypto.sign(&public, &with, b"data", false).is_err());
        assert!(HostCrypto.verify(&private, &with, b"data", false, b"").is_err());
        assert!(HostCrypto.sign(&private, &with, &[0; 31], true).is_err(), "a digest of no hash's size");
        if algorithm == ObjectAlgorithm::Rsa {
            let none = CipherExtras::default();
            for padding in [Padding::Oaep, Padding::Pkcs1V15] {
                let with = CryptoParameters { padding: Some(padding), ..CryptoParameters::default() };
                let sealed = HostCrypto.encrypt(&public, &with, &Secret::new(b"dek".to_vec()), &none).unwrap();
                let opened = HostCrypto.decrypt(&private, &with, &sealed.data, &none).unwrap();
                assert_eq!(opened.expose(), b"dek");
                let refused = HostCrypto.decrypt(&private, &with, &sealed.data[1..], &none).unwrap_err();
                assert_eq!(refused.refusal, Refusal::Unwrappable);
                assert!(HostCrypto.encrypt(&public, &with, &Secret::new(vec![1; 256]), &none).is_err());
            }
        }
    }
}

#[test]
fn bytes_that_are_no_key_are_refused() {
    for format in KeyFormat::ALL {
        for bytes in [&b""[..], b"\x30\x00", &[0x30; 300]] {
            let half =
                |kind| KeyInUse { kind, algorithm: Some(ObjectAlgorithm::Rsa), bits: None, format: *format, bytes };
            let with = CryptoParameters::default();
            assert!(HostCrypto.sign(&half(ObjectKind::PrivateKey), &with, b"data", false).is_err());
            assert!(HostCrypto.verify(&half(ObjectKind::PublicKey), &with, b"data", false, b"").is_err());
            let extras = CipherExtras::default();
            assert!(HostCrypto.decrypt(&half(ObjectKind::PrivateKey), &with, b"data", &extras).is_err());
        }
    }
}

#[test]
fn hashes_are_those_of_the_standard_or_refused() {
    for (hash, claim) in [
        (HashName::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (HashName::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (HashName::Sha3256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
    ] {
        assert_eq!(HostCrypto.hash(hash, b"abc").unwrap(), hex(claim), "{hash}");
    }
    assert!(HostCrypto.hash(HashName::Md5, b"abc").is_err());
}
