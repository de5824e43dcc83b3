//! Forwards to a transit engine as HashiCorp Vault and OpenBao have it: keys and cryptography are theirs.
//!
//! Settings: `url`, `credentials` (the token's, as header `x-vault-token`), `mount` (`transit` unless said), `prefix` of the keys'
//! names there (`keybroker` unless said). Each version of a key is a key there, `PREFIX.VAULT.NAME.VERSION`; the material is a
//! layout byte and that name.
// `export!` writes the raw exports the component model asks for; nothing written by hand here is unsafe.
#![allow(unsafe_code)]

mod spki;

use base64::Engine as _;
use keybroker_remote::{Remote, STANDARD, URL_SAFE_NO_PAD, text, text_setting, told};
use keybroker_sdk::crypto::Secret;
use keybroker_sdk::http::Method;
use keybroker_sdk::types::{Error, KeyContext, KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use keybroker_sdk::{Description, Generated, Guest, reveal};
use serde_json::json;

const LAYOUT: u8 = 1;
/// What stands before every value of a key's first version there; each of our versions is a key of its own.
const SCHEME: &str = "vault:v1:";
const RSA_TOO_LONG: &str = "message too long for RSA";
const RSA_UNWRAPPABLE: &str = "failed to RSA decrypt the ciphertext";
/// AES-256-GCM there: the nonce before, the tag after.
const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

struct Transit;

/// The engine, and where in it.
struct Engine {
    remote: Remote,
    mount: String,
}

impl Engine {
    fn open() -> Result<Self, Error> {
        let mount = text_setting("mount")?.unwrap_or_else(|| "transit".into());
        Ok(Self { remote: Remote::of_settings()?, mount })
    }

    fn post(&self, what: &str, name: &str, body: &serde_json::Value) -> Result<keybroker_remote::Said, Error> {
        self.remote.ask(Method::Post, &format!("/v1/{}/{what}/{name}", self.mount), Some(body))
    }

    fn key_path(&self, name: &str) -> String {
        format!("/v1/{}/keys/{name}", self.mount)
    }
}

fn kind(spec: KeySpec) -> Result<&'static str, Error> {
    Ok(match spec {
        KeySpec::Rsa2048 => "rsa-2048",
        KeySpec::Rsa3072 => "rsa-3072",
        KeySpec::Rsa4096 => "rsa-4096",
        KeySpec::EcP256 => "ecdsa-p256",
        KeySpec::EcP384 => "ecdsa-p384",
        KeySpec::EcP521 => "ecdsa-p521",
        KeySpec::Oct256 => "aes256-gcm96",
        KeySpec::Oct128 | KeySpec::Oct192 => return Err(Error::Unsupported),
    })
}

fn name_of(material: &[u8]) -> Result<&str, Error> {
    let Some((&LAYOUT, name)) = material.split_first() else { return Err(Error::Internal) };
    std::str::from_utf8(name).map_err(|_| Error::Internal)
}

/// What follows the scheme, decoded.
fn value_of(text: &str) -> Result<Vec<u8>, Error> {
    let encoded = text.strip_prefix(SCHEME).ok_or(Error::Internal)?;
    STANDARD.decode(encoded).map_err(|_| Error::Internal)
}

impl Guest for Transit {
    fn describe() -> Description {
        Description {
            name: "transit".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            key_specs: vec![
                KeySpec::Rsa2048,
                KeySpec::Rsa3072,
                KeySpec::Rsa4096,
                KeySpec::EcP256,
                KeySpec::EcP384,
                KeySpec::EcP521,
                KeySpec::Oct256,
            ],
            wrap_algorithms: vec![WrapAlgorithm::RsaOaep256, WrapAlgorithm::A256Gcm],
            sign_algorithms: vec![
                SignAlgorithm::Rs256,
                SignAlgorithm::Rs384,
                SignAlgorithm::Rs512,
                SignAlgorithm::Ps256,
                SignAlgorithm::Ps384,
                SignAlgorithm::Ps512,
                SignAlgorithm::Es256,
                SignAlgorithm::Es384,
                SignAlgorithm::Es512,
            ],
            backup_first: false,
        }
    }

    fn generate_key(spec: KeySpec, context: KeyContext) -> Result<Generated, Error> {
        let engine = Engine::open()?;
        let prefix = text_setting("prefix")?.unwrap_or_else(|| "keybroker".into());
        let name = format!("{prefix}.{}.{}.{}", context.vault, context.name, context.version);
        engine.post("keys", &name, &json!({ "type": kind(spec)?, "exportable": false }))?.good()?;
        let key = engine.remote.ask(Method::Get, &engine.key_path(&name), None)?.good()?;
        let public_key = match spec {
            KeySpec::Oct256 => PublicKey::None,
            _ => spki::public_key(text(&key, "/data/keys/1/public_key")?).ok_or(Error::Internal)?,
        };
        Ok(Generated { material: [&[LAYOUT], name.as_bytes()].concat(), public_key })
    }

    /// A key from elsewhere would have to be wrapped for the engine first.
    fn import_key(_spec: KeySpec, _secret: &Secret, _context: KeyContext) -> Result<Generated, Error> {
        Err(Error::Unsupported)
    }

    fn wrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        secret: &Secret,
        extras: WrapExtras,
        _context: KeyContext,
    ) -> Result<Wrapped, Error> {
        let mut body = json!({ "plaintext": told(secret, &STANDARD) });
        if !extras.aad.is_empty() {
            body["associated_data"] = STANDARD.encode(&extras.aad).into();
        }
        let said = Engine::open()?.post("encrypt", name_of(&material)?, &body)?;
        // The engine calls it its own failure.
        if said.body.to_string().contains(RSA_TOO_LONG) {
            return Err(Error::BadRequest);
        }
        let answer = said.good()?;
        let mut value = value_of(text(&answer, "/data/ciphertext")?)?;
        if algorithm != WrapAlgorithm::A256Gcm {
            return Ok(Wrapped { value, iv: Vec::new(), tag: Vec::new() });
        }
        let tag_at = value.len().checked_sub(TAG_BYTES).filter(|&at| at >= IV_BYTES).ok_or(Error::Internal)?;
        let tag = value.split_off(tag_at);
        let ciphertext = value.split_off(IV_BYTES);
        Ok(Wrapped { value: ciphertext, iv: value, tag })
    }

    fn unwrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        value: Vec<u8>,
        extras: WrapExtras,
        _context: KeyContext,
    ) -> Result<Secret, Error> {
        let whole = match algorithm {
            WrapAlgorithm::A256Gcm => [extras.iv, value, extras.tag].concat(),
            _ => value,
        };
        let mut body = json!({ "ciphertext": format!("{SCHEME}{}", STANDARD.encode(whole)) });
        if !extras.aad.is_empty() {
            body["associated_data"] = STANDARD.encode(&extras.aad).into();
        }
        let said = Engine::open()?.post("decrypt", name_of(&material)?, &body)?;
        // A value that RSA does not open is an internal error there; the text alone tells it from one.
        if said.status == 500 && said.body.to_string().contains(RSA_UNWRAPPABLE) {
            return Err(Error::Unwrappable);
        }
        let answer = said.opened()?;
        let plaintext = STANDARD.decode(text(&answer, "/data/plaintext")?).map_err(|_| Error::Internal)?;
        reveal::conceal(&plaintext)
    }

    fn sign(
        material: Vec<u8>,
        algorithm: SignAlgorithm,
        digest: Vec<u8>,
        _context: KeyContext,
    ) -> Result<Vec<u8>, Error> {
        use SignAlgorithm::{Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let (hash, bytes) = match algorithm {
            Es256 | Ps256 | Rs256 => ("sha2-256", 32),
            Es384 | Ps384 | Rs384 => ("sha2-384", 48),
            Es512 | Ps512 | Rs512 => ("sha2-512", 64),
        };
        // The engine signs a digest of any length under an EC key, and fails on it under an RSA key.
        if digest.len() != bytes {
            return Err(Error::BadRequest);
        }
        let mut body = json!({ "input": STANDARD.encode(&digest), "prehashed": true });
        match algorithm {
            // r || s, as RFC 7518 section 3.4 has it.
            Es256 | Es384 | Es512 => body["marshaling_algorithm"] = "jws".into(),
            Ps256 | Ps384 | Ps512 => {
                body["signature_algorithm"] = "pss".into();
                body["salt_length"] = "hash".into();
            }
            Rs256 | Rs384 | Rs512 => body["signature_algorithm"] = "pkcs1v15".into(),
        }
        let answer = Engine::open()?.post("sign", &format!("{}/{hash}", name_of(&material)?), &body)?.good()?;
        let signature = text(&answer, "/data/signature")?.strip_prefix(SCHEME).ok_or(Error::Internal)?;
        let decoded = match algorithm {
            Es256 | Es384 | Es512 => URL_SAFE_NO_PAD.decode(signature),
            _ => STANDARD.decode(signature),
        };
        decoded.map_err(|_| Error::Internal)
    }

    fn destroy_key(material: Vec<u8>, _context: KeyContext) -> Result<(), Error> {
        let (engine, name) = (Engine::open()?, name_of(&material)?);
        let path = engine.key_path(name);
        if engine.remote.ask(Method::Get, &path, None)?.status == 404 {
            return Ok(());
        }
        engine
            .remote
            .ask(Method::Post, &format!("{path}/config"), Some(&json!({ "deletion_allowed": true })))?
            .good()?;
        engine.remote.ask(Method::Delete, &path, None)?.good().map(drop)
    }

    /// Unsealed and answering; no right is needed for that.
    fn self_test() -> Result<(), Error> {
        match Engine::open()?.remote.ask_plainly("/v1/sys/health?standbyok=true")?.status {
            200..=299 => Ok(()),
            _ => Err(Error::Unavailable),
        }
    }
}

keybroker_sdk::export!(Transit);
