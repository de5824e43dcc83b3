//! What is asked, done with the token's mechanisms.

use broker_core::algorithm::{KeyFamily, KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm};
use broker_core::secret::Secret;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use zeroize::Zeroizing;

use super::fault::{Class, Trouble};
use super::handles::Part;
use super::keys::{check_kept, find, hidden_part, prove, read_public};
use super::session::Desk;
use super::template;
use crate::oaep;
use crate::wire::{Fault, Found, ObjectName, Reply, Request};

const UNSUPPORTED: Trouble = Trouble::Ours(Fault::Unsupported, "not served by tokens");
const UNWRAPPABLE: Trouble = Trouble::Ours(Fault::Unwrappable, "the padding is not sound");

/// Carries a request out, once.
///
/// # Errors
/// What stood in the way; the session may be unusable after it.
pub fn carry_out(desk: &mut Desk, request: &Request) -> Result<Reply, Trouble> {
    match request {
        Request::Begin(_) => Err(Trouble::Ours(Fault::BadRequest, "it has begun already")),
        Request::Destroy { key } => destroy(desk, key).map(|()| Reply::Done),
        Request::Find { key, spec } => look_for(desk, key, *spec).map(Reply::Found),
        Request::Generate { key, spec } => generate(desk, key, *spec).map(Reply::Generated),
        Request::Ping => {
            desk.session()?.get_session_info()?;
            Ok(Reply::Done)
        }
        Request::Sign { key, spec, algorithm, digest } => {
            if algorithm.fits(*spec) && digest.len() == algorithm.digest_bytes() {
                sign(desk, key, *algorithm, digest).map(Reply::Bytes)
            } else {
                Err(UNSUPPORTED)
            }
        }
        Request::Unwrap { key, spec, algorithm, value } => {
            unwrap(desk, key, *spec, *algorithm, value).map(Reply::Secret)
        }
        Request::Wrap { key, spec, algorithm, secret } => match (algorithm.fits(*spec), algorithm) {
            (true, WrapAlgorithm::A128Kw | WrapAlgorithm::A256Kw) => wrap(desk, key, secret).map(Reply::Bytes),
            _ => Err(UNSUPPORTED),
        },
    }
}

/// Every object of that name, whatever it is.
fn destroy(desk: &mut Desk, name: &ObjectName) -> Result<(), Trouble> {
    desk.token.handles.forget(name);
    let session = desk.session()?;
    for object in session.find_objects(&template::named(name))? {
        session.destroy_object(object)?;
    }
    Ok(())
}

fn generate(desk: &mut Desk, name: &ObjectName, spec: KeySpec) -> Result<PublicKey, Trouble> {
    let (hidden, public) = match spec.family() {
        KeyFamily::Ec => {
            let curve = template::curve(spec).ok_or(UNSUPPORTED)?;
            let (public, private) = (template::ec_public(name, curve), template::ec_private(name));
            let session = desk.session()?;
            let (public, private) = session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)?;
            (private, Some(public))
        }
        KeyFamily::Oct => {
            (desk.session()?.generate_key(&Mechanism::AesKeyGen, &template::secret_key(name, spec))?, None)
        }
        KeyFamily::Rsa => {
            let (public, private) = (template::rsa_public(name, spec), template::rsa_private(name));
            let session = desk.session()?;
            let (public, private) = session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)?;
            (private, Some(public))
        }
    };
    if let Err(trouble) = check_kept(desk, hidden) {
        destroy(desk, name)?;
        return Err(trouble);
    }
    desk.token.handles.keep(name, hidden_part(spec), hidden);
    match public {
        Some(public) => {
            desk.token.handles.keep(name, Part::Public, public);
            read_public(desk, public, spec)
        }
        None => Ok(PublicKey::None),
    }
}

/// What became of a generation that was cut off.
fn look_for(desk: &mut Desk, name: &ObjectName, spec: KeySpec) -> Result<Found, Trouble> {
    desk.token.handles.forget(name);
    let objects = desk.session()?.find_objects(&template::named(name))?.len();
    let whole = if spec.family() == KeyFamily::Oct { 1 } else { 2 };
    if objects != whole {
        return Ok(if objects == 0 { Found::Absent } else { Found::Half });
    }
    let proven = find(desk, name, hidden_part(spec))
        .and_then(|hidden| check_kept(desk, hidden))
        .and_then(|()| prove(desk, name, spec, WrapAlgorithm::RsaOaep));
    match proven {
        Ok(()) => {}
        Err(trouble) => {
            return match trouble.class() {
                Class::Caller | Class::Cryptographic | Class::Lacking => Ok(Found::Half),
                Class::Ambiguous | Class::Handle | Class::Pin | Class::Session | Class::Token => Err(trouble),
            };
        }
    }
    let part = if spec.family() == KeyFamily::Oct { Part::Secret } else { Part::Public };
    let handle = find(desk, name, part)?;
    read_public(desk, handle, spec).map(Found::Complete)
}

/// A signature over a digest: RSA as long as the modulus, ECDSA r || s.
pub fn sign(desk: &mut Desk, name: &ObjectName, algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, Trouble> {
    let key = find(desk, name, Part::Private)?;
    let session = desk.session()?;
    let pss = |hash_alg, mgf| {
        let s_len = (algorithm.digest_bytes() as u64).into(); // RFC 7518 section 3.5
        Mechanism::RsaPkcsPss(PkcsPssParams { hash_alg, mgf, s_len })
    };
    let mechanism = match algorithm {
        SignAlgorithm::Es256 | SignAlgorithm::Es384 | SignAlgorithm::Es512 => Mechanism::Ecdsa,
        SignAlgorithm::Ps256 => pss(MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        SignAlgorithm::Ps384 => pss(MechanismType::SHA384, PkcsMgfType::MGF1_SHA384),
        SignAlgorithm::Ps512 => pss(MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
        SignAlgorithm::Rs256 | SignAlgorithm::Rs384 | SignAlgorithm::Rs512 => {
            let info = [digest_info(algorithm), digest].concat();
            return Ok(session.sign(&Mechanism::RsaPkcs, key, &info)?);
        }
    };
    Ok(session.sign(&mechanism, key, digest)?)
}

/// What stands before the digest in a PKCS#1 v1.5 signature (RFC 8017 section 9.2 note 1).
const fn digest_info(algorithm: SignAlgorithm) -> &'static [u8] {
    match algorithm {
        SignAlgorithm::Rs384 | SignAlgorithm::Ps384 | SignAlgorithm::Es384 => &[
            0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04,
            0x30,
        ],
        SignAlgorithm::Rs512 | SignAlgorithm::Ps512 | SignAlgorithm::Es512 => &[
            0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04,
            0x40,
        ],
        SignAlgorithm::Rs256 | SignAlgorithm::Ps256 | SignAlgorithm::Es256 => &[
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
            0x20,
        ],
    }
}

/// AES key wrap (RFC 3394) of bytes that the token never had: they become an object for the length of the call.
pub fn wrap(desk: &mut Desk, name: &ObjectName, secret: &Secret) -> Result<Vec<u8>, Trouble> {
    let key = find(desk, name, Part::Secret)?;
    let session = desk.session()?;
    let mut template = template::passing_secret();
    template.push(Attribute::Value(secret.expose().to_vec()));
    let passing = session.create_object(&template);
    wipe(&mut template);
    let passing = passing?;
    let wrapped = session.wrap_key(&Mechanism::AesKeyWrap, key, passing);
    remove(desk, passing);
    Ok(wrapped?)
}

fn unwrap(
    desk: &mut Desk,
    name: &ObjectName,
    spec: KeySpec,
    algorithm: WrapAlgorithm,
    value: &[u8],
) -> Result<Secret, Trouble> {
    let opened = match (algorithm.fits(spec), algorithm) {
        (true, WrapAlgorithm::A128Kw | WrapAlgorithm::A256Kw) => open_wrapped(desk, name, value),
        (true, WrapAlgorithm::RsaOaep | WrapAlgorithm::RsaOaep256) => open_oaep(desk, name, algorithm, value),
        _ => Err(UNSUPPORTED),
    };
    match opened {
        // To SoftHSM CKR_GENERAL_ERROR is a value that does not open, to others a dead device. If the key opens what is
        // known to be sound, it was the value; a stranger's value must not restart the worker.
        Err(trouble) if matches!(trouble.class(), Class::Ambiguous | Class::Caller) && trouble.is_of_module() => {
            prove(desk, name, spec, algorithm)?;
            Err(UNWRAPPABLE)
        }
        other => other,
    }
}

/// Opens what [`wrap`] made.
pub fn open_wrapped(desk: &mut Desk, name: &ObjectName, value: &[u8]) -> Result<Secret, Trouble> {
    let key = find(desk, name, Part::Secret)?;
    let session = desk.session()?;
    let passing = session.unwrap_key(&Mechanism::AesKeyWrap, key, value, &template::passing_secret())?;
    let attributes = session.get_attributes(passing, &[AttributeType::Value]);
    remove(desk, passing);
    match attributes?.pop() {
        Some(Attribute::Value(secret)) => Ok(Secret::new(secret)),
        _ => Err(Trouble::Ours(Fault::Faulty, "the token does not show what it unwrapped")),
    }
}

/// Opens RSA-OAEP with the private key (RFC 8017 section 7.1.2).
pub fn open_oaep(
    desk: &mut Desk,
    name: &ObjectName,
    algorithm: WrapAlgorithm,
    value: &[u8],
) -> Result<Secret, Trouble> {
    let key = find(desk, name, Part::Private)?;
    let token = std::sync::Arc::clone(&desk.token);
    let session = desk.session()?;
    let (hash, mgf) = match algorithm {
        WrapAlgorithm::RsaOaep256 if token.quirk.oaep_sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        WrapAlgorithm::RsaOaep256 if token.allows_raw_rsa() => {
            let mut block = Zeroizing::new(session.decrypt(&Mechanism::RsaX509, key, value)?);
            // Some tokens drop the zeros at the beginning.
            let missing = value.len().saturating_sub(block.len());
            let mut whole = Zeroizing::new(vec![0; missing]);
            whole.append(&mut block);
            return oaep::decode(&whole).ok_or(UNWRAPPABLE);
        }
        WrapAlgorithm::RsaOaep256 => return Err(UNSUPPORTED),
        _ => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
    };
    let mechanism = Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mgf, PkcsOaepSource::empty()));
    Ok(Secret::new(session.decrypt(&mechanism, key, value)?))
}

/// Session objects never outlive their call. If one cannot be destroyed, the worker ends itself, and they with it.
fn remove(desk: &mut Desk, passing: ObjectHandle) {
    let destroyed = desk.session().and_then(|session| Ok(session.destroy_object(passing)?));
    if destroyed.is_err() {
        desk.soiled = true;
    }
}

fn wipe(template: &mut Vec<Attribute>) {
    for attribute in template.drain(..) {
        if let Attribute::Value(value) = attribute {
            drop(Zeroizing::new(value));
        }
    }
}
