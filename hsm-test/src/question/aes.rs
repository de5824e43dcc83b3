//! AES, against the test vectors of the standards.

use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectHandle};

use super::{hex, refused, right};
use crate::desk::{Desk, Trouble, passing};
use crate::report::Answer;

/// RFC 3394 section 4.6.
const KW_KEK: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const KW_DATA: &str = "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f";
const KW_WRAPPED: &str = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21";

/// RFC 5649 section 6, the first example.
const KWP_KEK: &str = "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8";
const KWP_DATA: &str = "c37b7e6492584340bed12207808941155068f738";
const KWP_WRAPPED: &str = "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a";

/// McGrew and Viega, The Galois/Counter Mode of Operation, test case 16.
const GCM_KEY: &str = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const GCM_IV: &str = "cafebabefacedbaddecaf888";
const GCM_AAD: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const GCM_DATA: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525\
                        b16aedf5aa0de657ba637b39";
const GCM_SEALED: &str = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b105682883\
                          8c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b";
const GCM_TAG_BITS: u64 = 128;

/// SP 800-38A, F.2.5.
const CBC_KEY: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
const CBC_IV: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const CBC_DATA: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52ef\
                        f69f2445df4f9b17ad2b417be66c3710";
const CBC_ENCRYPTED: &str = "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e2630423\
                             1461b2eb05e2c39be9fcda6c19078c6a9d1b";

/// The outcome is the key's value.
fn shows(desk: &Desk, unwrapped: ObjectHandle, known: &str) -> Result<Answer, Trouble> {
    let value = desk.value(unwrapped)?;
    Ok(value.map_or_else(|| Answer::wrong("the unwrapped secret shows no value"), |value| right(&value, &hex(known))))
}

fn secret_template() -> Vec<Attribute> {
    [vec![Attribute::KeyType(KeyType::GENERIC_SECRET)], passing()].concat()
}

pub fn kw_wraps(desk: &Desk) -> Result<Answer, Trouble> {
    let (kek, data) = (desk.aes(&hex(KW_KEK), &[])?, desk.generic(&hex(KW_DATA))?);
    Ok(right(&desk.session.wrap_key(&Mechanism::AesKeyWrap, kek, data)?, &hex(KW_WRAPPED)))
}

pub fn kw_unwraps(desk: &Desk) -> Result<Answer, Trouble> {
    let kek = desk.aes(&hex(KW_KEK), &[])?;
    let data = desk.session.unwrap_key(&Mechanism::AesKeyWrap, kek, &hex(KW_WRAPPED), &secret_template())?;
    shows(desk, data, KW_DATA)
}

pub fn kw_refuses_tampered(desk: &Desk) -> Result<Answer, Trouble> {
    let kek = desk.aes(&hex(KW_KEK), &[])?;
    let mut wrapped = hex(KW_WRAPPED);
    wrapped[9] ^= 1;
    let outcome = desk.session.unwrap_key(&Mechanism::AesKeyWrap, kek, &wrapped, &secret_template());
    Ok(refused(outcome, "a value that was tampered with is unwrapped"))
}

pub fn kw_encrypts(desk: &Desk) -> Result<Answer, Trouble> {
    let kek = desk.aes(&hex(KW_KEK), &[])?;
    Ok(right(&desk.session.encrypt(&Mechanism::AesKeyWrap, kek, &hex(KW_DATA))?, &hex(KW_WRAPPED)))
}

pub fn kwp_wraps(desk: &Desk) -> Result<Answer, Trouble> {
    let (kek, data) = (desk.aes(&hex(KWP_KEK), &[])?, desk.generic(&hex(KWP_DATA))?);
    Ok(right(&desk.session.wrap_key(&Mechanism::AesKeyWrapPad, kek, data)?, &hex(KWP_WRAPPED)))
}

pub fn kwp_unwraps(desk: &Desk) -> Result<Answer, Trouble> {
    let kek = desk.aes(&hex(KWP_KEK), &[])?;
    let data = desk.session.unwrap_key(&Mechanism::AesKeyWrapPad, kek, &hex(KWP_WRAPPED), &secret_template())?;
    shows(desk, data, KWP_DATA)
}

/// Does something by AES-GCM with the parameters of the test case.
fn with_gcm<T>(act: impl FnOnce(&Mechanism) -> Result<T, Error>) -> Result<T, Error> {
    let (mut iv, aad) = (hex(GCM_IV), hex(GCM_AAD));
    act(&Mechanism::AesGcm(GcmParams::new(&mut iv, &aad, GCM_TAG_BITS.into())?))
}

pub fn gcm_encrypts(desk: &Desk) -> Result<Answer, Trouble> {
    let key = desk.aes(&hex(GCM_KEY), &[])?;
    let sealed = with_gcm(|gcm| desk.session.encrypt(gcm, key, &hex(GCM_DATA)))?;
    Ok(right(&sealed, &hex(GCM_SEALED)))
}

pub fn gcm_decrypts(desk: &Desk) -> Result<Answer, Trouble> {
    let key = desk.aes(&hex(GCM_KEY), &[])?;
    let opened = with_gcm(|gcm| desk.session.decrypt(gcm, key, &hex(GCM_SEALED)))?;
    Ok(right(&opened, &hex(GCM_DATA)))
}

pub fn gcm_refuses_tampered(desk: &Desk) -> Result<Answer, Trouble> {
    let key = desk.aes(&hex(GCM_KEY), &[])?;
    let mut sealed = hex(GCM_SEALED);
    sealed[9] ^= 1;
    let outcome = with_gcm(|gcm| desk.session.decrypt(gcm, key, &sealed));
    Ok(refused(outcome, "a value that was tampered with is decrypted"))
}

pub fn gcm_wraps(desk: &Desk) -> Result<Answer, Trouble> {
    let (key, data) = (desk.aes(&hex(GCM_KEY), &[])?, desk.generic(&hex(GCM_DATA))?);
    let sealed = with_gcm(|gcm| desk.session.wrap_key(gcm, key, data))?;
    Ok(right(&sealed, &hex(GCM_SEALED)))
}

pub fn cbc_encrypts(desk: &Desk) -> Result<Answer, Trouble> {
    let key = desk.aes(&hex(CBC_KEY), &[])?;
    Ok(right(&desk.session.encrypt(&Mechanism::AesCbc(CBC_IV), key, &hex(CBC_DATA))?, &hex(CBC_ENCRYPTED)))
}

pub fn cbc_decrypts(desk: &Desk) -> Result<Answer, Trouble> {
    let key = desk.aes(&hex(CBC_KEY), &[])?;
    Ok(right(&desk.session.decrypt(&Mechanism::AesCbc(CBC_IV), key, &hex(CBC_ENCRYPTED))?, &hex(CBC_DATA)))
}

pub fn cbc_wraps(desk: &Desk) -> Result<Answer, Trouble> {
    let (key, data) = (desk.aes(&hex(CBC_KEY), &[])?, desk.generic(&hex(CBC_DATA))?);
    Ok(right(&desk.session.wrap_key(&Mechanism::AesCbc(CBC_IV), key, data)?, &hex(CBC_ENCRYPTED)))
}

pub fn cbc_unwraps(desk: &Desk) -> Result<Answer, Trouble> {
    let key = desk.aes(&hex(CBC_KEY), &[])?;
    let wrapped = hex(CBC_ENCRYPTED);
    let data = desk.session.unwrap_key(&Mechanism::AesCbc(CBC_IV), key, &wrapped, &secret_template())?;
    shows(desk, data, CBC_DATA)
}
