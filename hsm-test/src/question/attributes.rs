//! What a key may be used for, and that it cannot be talked into more.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};

use super::refused;
use crate::desk::{Desk, Trouble, code};
use crate::report::Answer;

const BYTES: [u8; 32] = [0x5e; 32];
const DIGEST: [u8; 51] = [0x30; 51];

/// An AES key that the token made, as the broker has its keys made.
fn kept(desk: &Desk) -> Result<ObjectHandle, Trouble> {
    let template = [
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::ValueLen(32.into()),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
    ];
    let made = desk.session.generate_key(&Mechanism::AesKeyGen, &template);
    made.map_err(|error| Trouble::before("making an AES key", &error))
}

pub fn generated_is_kept(desk: &Desk) -> Result<Answer, Trouble> {
    let wanted = [
        (AttributeType::Sensitive, Attribute::Sensitive(true)),
        (AttributeType::Extractable, Attribute::Extractable(false)),
        (AttributeType::AlwaysSensitive, Attribute::AlwaysSensitive(true)),
        (AttributeType::NeverExtractable, Attribute::NeverExtractable(true)),
        (AttributeType::Local, Attribute::Local(true)),
    ];
    let key = kept(desk)?;
    let said = desk.session.get_attributes(key, &wanted.clone().map(|(kind, _)| kind))?;
    let missing = wanted.iter().find(|(_, attribute)| !said.contains(attribute));
    Ok(missing.map_or(Answer::Does, |(_, attribute)| Answer::wrong(format!("it does not say {attribute:?}"))))
}

/// `get_attributes` leaves out what the token calls sensitive.
fn hidden(desk: &Desk, key: ObjectHandle, secret: &[AttributeType]) -> Answer {
    match desk.session.get_attributes(key, secret) {
        Ok(shown) if shown.is_empty() => Answer::Does,
        Ok(shown) => Answer::wrong(format!("it shows {} of {} secret attributes", shown.len(), secret.len())),
        Err(error) => Answer::Refuses { code: code(&error) },
    }
}

pub fn sensitive_is_hidden(desk: &Desk) -> Result<Answer, Trouble> {
    Ok(hidden(desk, kept(desk)?, &[AttributeType::Value]))
}

pub fn primes_are_hidden(desk: &Desk) -> Result<Answer, Trouble> {
    let (_, private) = desk.rsa(2048, &[])?;
    Ok(hidden(desk, private, &[AttributeType::PrivateExponent, AttributeType::Prime1, AttributeType::Prime2]))
}

pub fn unextractable_stays(desk: &Desk) -> Result<Answer, Trouble> {
    let outcome = desk.session.wrap_key(&Mechanism::AesKeyWrap, kept(desk)?, kept(desk)?);
    Ok(refused(outcome, "a key that is not extractable comes out wrapped"))
}

pub fn no_wrap(desk: &Desk) -> Result<Answer, Trouble> {
    let (kek, data) = (desk.aes(&BYTES, &[Attribute::Wrap(false)])?, desk.generic(&BYTES)?);
    Ok(refused(desk.session.wrap_key(&Mechanism::AesKeyWrap, kek, data), "it wraps"))
}

pub fn no_unwrap(desk: &Desk) -> Result<Answer, Trouble> {
    let data = desk.generic(&BYTES)?;
    let wrapped = desk.session.wrap_key(&Mechanism::AesKeyWrap, desk.aes(&BYTES, &[])?, data);
    let wrapped = wrapped.map_err(|error| Trouble::before("wrapping", &error))?;
    let kek = desk.aes(&BYTES, &[Attribute::Unwrap(false)])?;
    let template = crate::desk::passing();
    let template = [vec![Attribute::KeyType(cryptoki::object::KeyType::GENERIC_SECRET)], template].concat();
    Ok(refused(desk.session.unwrap_key(&Mechanism::AesKeyWrap, kek, &wrapped, &template), "it unwraps"))
}

pub fn no_decrypt(desk: &Desk) -> Result<Answer, Trouble> {
    let key = desk.aes(&BYTES, &[Attribute::Decrypt(false)])?;
    Ok(refused(desk.session.decrypt(&Mechanism::AesCbc([0; 16]), key, &BYTES), "it decrypts"))
}

pub fn no_sign(desk: &Desk) -> Result<Answer, Trouble> {
    let (_, private) = desk.rsa(2048, &[Attribute::Sign(false)])?;
    Ok(refused(desk.session.sign(&Mechanism::RsaPkcs, private, &DIGEST), "it signs"))
}

pub fn sensitive_is_final(desk: &Desk) -> Result<Answer, Trouble> {
    let key = kept(desk)?;
    Ok(refused(desk.session.update_attributes(key, &[Attribute::Sensitive(false)]), "it becomes readable"))
}

pub fn unextractable_is_final(desk: &Desk) -> Result<Answer, Trouble> {
    let key = kept(desk)?;
    Ok(refused(desk.session.update_attributes(key, &[Attribute::Extractable(true)]), "it becomes extractable"))
}

/// PKCS #11 2.40 section 5.7: a copy may be made sensitive and unextractable, never the other way.
pub fn copy_is_kept(desk: &Desk) -> Result<Answer, Trouble> {
    let key = kept(desk)?;
    for less in [Attribute::Sensitive(false), Attribute::Extractable(true)] {
        if desk.session.copy_object(key, std::slice::from_ref(&less)).is_ok() {
            return Ok(Answer::wrong(format!("a copy is made with {less:?}")));
        }
    }
    Ok(Answer::Does)
}
