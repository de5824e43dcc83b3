//! Forwards to another Key Vault API (Azure's, or a second broker's): keys and cryptography are theirs.
//!
//! Settings: `url` (the vault's), `credentials` (a header `authorization`, a client certificate, or both). A key's version is one
//! there, of the key `VAULT-NAME`; the material is a layout byte and `NAME/VERSION` there.
// `export!` writes the raw exports the component model asks for; nothing written by hand here is unsafe.
#![allow(unsafe_code)]

use base64::Engine as _;
use keybroker_remote::{Remote, URL_SAFE_NO_PAD, bytes, rsa, text, told};
use keybroker_sdk::crypto::Secret;
use keybroker_sdk::http::Method;
use keybroker_sdk::types::{
    EcPublic, Error, KeyContext, KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped,
};
use keybroker_sdk::{Description, Generated, Guest, handles, reveal};
use serde_json::{Value, json};

const LAYOUT: u8 = 1;
const API: &str = "api-version=7.4";
/// Key Vault's own rule for names.
const NAME_BYTES_MAX: usize = 127;

struct Keyvault;

fn shape(spec: KeySpec) -> Result<Value, Error> {
    Ok(match spec {
        KeySpec::Rsa2048 => json!({ "kty": "RSA", "key_size": 2048 }),
        KeySpec::Rsa3072 => json!({ "kty": "RSA", "key_size": 3072 }),
        KeySpec::Rsa4096 => json!({ "kty": "RSA", "key_size": 4096 }),
        KeySpec::EcP256 => json!({ "kty": "EC", "crv": "P-256" }),
        KeySpec::EcP384 => json!({ "kty": "EC", "crv": "P-384" }),
        KeySpec::EcP521 => json!({ "kty": "EC", "crv": "P-521" }),
        KeySpec::Oct128 => json!({ "kty": "oct", "key_size": 128 }),
        KeySpec::Oct256 => json!({ "kty": "oct", "key_size": 256 }),
        KeySpec::Oct192 => return Err(Error::Unsupported),
    })
}

/// The words of RFC 7518. The algorithms with additional inputs are not forwarded.
fn wrap_word(algorithm: WrapAlgorithm) -> Result<&'static str, Error> {
    Ok(match algorithm {
        WrapAlgorithm::RsaOaep => "RSA-OAEP",
        WrapAlgorithm::RsaOaep256 => "RSA-OAEP-256",
        WrapAlgorithm::A128Kw => "A128KW",
        WrapAlgorithm::A256Kw => "A256KW",
        _ => return Err(Error::Unsupported),
    })
}

fn sign_word(algorithm: SignAlgorithm) -> &'static str {
    match algorithm {
        SignAlgorithm::Rs256 => "RS256",
        SignAlgorithm::Rs384 => "RS384",
        SignAlgorithm::Rs512 => "RS512",
        SignAlgorithm::Ps256 => "PS256",
        SignAlgorithm::Ps384 => "PS384",
        SignAlgorithm::Ps512 => "PS512",
        SignAlgorithm::Es256 => "ES256",
        SignAlgorithm::Es384 => "ES384",
        SignAlgorithm::Es512 => "ES512",
    }
}

fn place(material: &[u8]) -> Result<&str, Error> {
    let Some((&LAYOUT, place)) = material.split_first() else { return Err(Error::Internal) };
    std::str::from_utf8(place).map_err(|_| Error::Internal)
}

fn ask(material: &[u8], act: &str, body: &Value) -> Result<keybroker_remote::Said, Error> {
    let path = format!("/keys/{}/{act}?{API}", place(material)?);
    Remote::of_settings()?.ask(Method::Post, &path, Some(body))
}

fn public_key(key: &Value) -> Result<PublicKey, Error> {
    Ok(match text(key, "/key/kty")? {
        "RSA" | "RSA-HSM" => rsa(bytes(key, "/key/n")?, bytes(key, "/key/e")?),
        "EC" | "EC-HSM" => PublicKey::Ec(EcPublic { x: bytes(key, "/key/x")?, y: bytes(key, "/key/y")? }),
        _ => PublicKey::None,
    })
}

impl Guest for Keyvault {
    fn describe() -> Description {
        Description {
            wrap_algorithms: vec![
                WrapAlgorithm::RsaOaep,
                WrapAlgorithm::RsaOaep256,
                WrapAlgorithm::A128Kw,
                WrapAlgorithm::A256Kw,
            ],
            ..handles::describe("keyvault", env!("CARGO_PKG_VERSION"))
        }
    }

    fn generate_key(spec: KeySpec, context: KeyContext) -> Result<Generated, Error> {
        let name = format!("{}-{}", context.vault, context.name);
        if name.len() > NAME_BYTES_MAX {
            return Err(Error::BadRequest);
        }
        let path = format!("/keys/{name}/create?{API}");
        let key = Remote::of_settings()?.ask(Method::Post, &path, Some(&shape(spec)?))?.good()?;
        let version = text(&key, "/key/kid")?.rsplit('/').next().unwrap_or_default();
        let fit = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !fit {
            return Err(Error::Internal);
        }
        let material = [&[LAYOUT], format!("{name}/{version}").as_bytes()].concat();
        Ok(Generated { material, public_key: public_key(&key)? })
    }

    /// The private half would go over the wire; nobody asked for that.
    fn import_key(_spec: KeySpec, _secret: &Secret, _context: KeyContext) -> Result<Generated, Error> {
        Err(Error::Unsupported)
    }

    fn wrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        secret: &Secret,
        _extras: WrapExtras,
        _context: KeyContext,
    ) -> Result<Wrapped, Error> {
        let body = json!({ "alg": wrap_word(algorithm)?, "value": told(secret, &URL_SAFE_NO_PAD) });
        let answer = ask(&material, "wrapkey", &body)?.good()?;
        Ok(Wrapped { value: bytes(&answer, "/value")?, iv: Vec::new(), tag: Vec::new() })
    }

    fn unwrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        value: Vec<u8>,
        _extras: WrapExtras,
        _context: KeyContext,
    ) -> Result<Secret, Error> {
        let body = json!({ "alg": wrap_word(algorithm)?, "value": URL_SAFE_NO_PAD.encode(value) });
        let answer = ask(&material, "unwrapkey", &body)?.opened()?;
        reveal::conceal(&bytes(&answer, "/value")?)
    }

    fn sign(
        material: Vec<u8>,
        algorithm: SignAlgorithm,
        digest: Vec<u8>,
        _context: KeyContext,
    ) -> Result<Vec<u8>, Error> {
        let body = json!({ "alg": sign_word(algorithm), "value": URL_SAFE_NO_PAD.encode(digest) });
        bytes(&ask(&material, "sign", &body)?.good()?, "/value")
    }

    /// Key Vault deletes whole keys and not versions: that is left to the vault's own operator.
    fn destroy_key(_material: Vec<u8>, _context: KeyContext) -> Result<(), Error> {
        Ok(())
    }

    /// Answering, whatever it says to who did not say who he is.
    fn self_test() -> Result<(), Error> {
        let said = Remote::of_settings()?.ask(Method::Get, &format!("/keys/self-test?{API}"), None)?;
        if said.status < 500 { Ok(()) } else { Err(Error::Unavailable) }
    }
}

keybroker_sdk::export!(Keyvault);
