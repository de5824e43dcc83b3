//! Wire to core and back; pure.

mod import_key;
mod rights;
mod rotation_policy;
mod sign;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use broker_core::algorithm::{KeyFamily, KeySpec, PublicKey, WrapAlgorithm, WrapExtras};
use broker_core::broker::{
    CreateKey, DeletedSummary, DeletedView, KeySummary, KeyView, UnwrapKey, WrapKey, WrappedKey,
};
use broker_core::key::{KeyOperation, KeyOperations, VersionPatch, VersionRecord};
use broker_core::name::{KeyName, KeyVersion, VaultName};
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use broker_core::vault::Vault;

use crate::host::Host;
use crate::refuse::Problem;
use crate::wire;

pub(crate) use import_key::to_import_key;
pub(crate) use rights::{
    Filter, of_elevations, of_grant, of_grants, of_role, of_roles, to_filter, to_grant_id, to_granted, to_new_grant,
};
pub(crate) use rotation_policy::{of_rotation_policy, to_rotation_policy};
pub(crate) use sign::{of_signed, to_sign, to_verify};

/// Most bytes of additional authenticated data.
pub const AAD_BYTES_MAX: usize = 64 * 1024;
/// The last second of the year 9999: clients cannot show a later date.
pub const TIME_S_MAX: i64 = 253_402_300_799;

/// Bytes of a GCM initialisation vector and tag (NIST SP 800-38D).
const GCM_IV_BYTES: usize = 12;
const GCM_TAG_BYTES: usize = 16;

/// RFC 4648 section 5: unpadded, or padded as it should be; nothing after the last bit.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Algorithms that Key Vault knows and this broker does not serve, refused by name.
const UNSERVED_ALGORITHMS: [&str; 12] = [
    "A128CBC",
    "A128CBCPAD",
    "A128GCM",
    "A192CBC",
    "A192CBCPAD",
    "A192GCM",
    "A192KW",
    "A192KWP",
    "A256CBC",
    "A256CBCPAD",
    "CKM_AES_KEY_WRAP",
    "CKM_AES_KEY_WRAP_PAD",
];

/// The key that a request names.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub vault: VaultName,
    pub key: KeyName,
    pub version: Option<KeyVersion>,
}

fn bad(problem: impl Into<String>) -> Problem {
    Refusal::BadRequest { problem: problem.into() }.into()
}

/// A word of the caller's, for a message: cut short, and quoted so that control characters show.
fn quoted(word: &str) -> String {
    format!("{:?}", word.chars().take(32).collect::<String>())
}

pub(crate) fn to_create_key(named: Named, body: wire::CreateBody) -> Result<CreateKey, Problem> {
    refuse_release_policy(body.release_policy.is_some())?;
    if body.public_exponent.is_some_and(|exponent| exponent != 65_537) {
        return Err(bad("public_exponent must be 65537, or left out"));
    }
    let (spec, hsm) = to_spec(&body.kty, body.key_size, body.crv.as_deref())?;
    let operations = body.key_ops.as_deref().map(|words| to_operations_of(words, spec)).transpose()?;
    let attributes = to_attributes(body.attributes)?;
    Ok(CreateKey {
        vault: named.vault,
        key: named.key,
        spec,
        hsm,
        operations,
        enabled: attributes.enabled,
        not_before_s: attributes.nbf,
        expires_s: attributes.exp,
        tags: body.tags.map(|tags| tags.0).unwrap_or_default(),
    })
}

pub(crate) fn to_version_patch(body: wire::UpdateBody) -> Result<VersionPatch, Problem> {
    refuse_release_policy(body.release_policy.is_some())?;
    let attributes = to_attributes(body.attributes)?;
    Ok(VersionPatch {
        enabled: attributes.enabled,
        not_before_s: attributes.nbf,
        expires_s: attributes.exp,
        operations: body.key_ops.as_deref().map(to_operations).transpose()?,
        tags: body.tags.map(|tags| tags.0),
    })
}

fn refuse_release_policy(given: bool) -> Result<(), Problem> {
    if given { Err(bad("release_policy is not supported: keys of this broker are never released")) } else { Ok(()) }
}

fn to_attributes(body: Option<wire::Object<wire::AttributesBody>>) -> Result<wire::AttributesBody, Problem> {
    let attributes = body.map(|body| body.0).unwrap_or_default();
    if attributes.exportable == Some(true) {
        return Err(bad("exportable: true is not supported: key material never leaves its backend"));
    }
    for (name, time) in [("nbf", attributes.nbf), ("exp", attributes.exp)] {
        if time.is_some_and(|time| !(0..=TIME_S_MAX).contains(&time)) {
            return Err(bad(format!("{name} must be 0 to {TIME_S_MAX} (Unix seconds)")));
        }
    }
    Ok(attributes)
}

/// The spec for a kty with its size in bits (RSA, oct) or its curve (EC), and whether it is for an HSM.
fn to_spec(kty: &str, bits: Option<i64>, curve: Option<&str>) -> Result<(KeySpec, bool), Problem> {
    let (family, hsm) = to_family(kty)?;
    if let (KeyFamily::Oct | KeyFamily::Rsa, Some(curve)) = (family, curve) {
        return Err(bad(format!("crv {} is for kty EC alone, not for {kty}", quoted(curve))));
    }
    let spec = match family {
        KeyFamily::Ec => to_ec_spec(curve.unwrap_or("P-256"), bits)?,
        KeyFamily::Oct => match bits.unwrap_or(256) {
            128 => KeySpec::Oct128,
            192 => KeySpec::Oct192,
            256 => KeySpec::Oct256,
            other => return Err(bad(format!("key_size {other} must be 128, 192 or 256 (bits) for kty {kty}"))),
        },
        KeyFamily::Rsa => match bits.unwrap_or(2048) {
            2048 => KeySpec::Rsa2048,
            3072 => KeySpec::Rsa3072,
            4096 => KeySpec::Rsa4096,
            other => return Err(bad(format!("key_size {other} must be 2048, 3072 or 4096 (bits) for kty {kty}"))),
        },
    };
    Ok((spec, hsm))
}

/// The family of a kty, and whether it is for an HSM.
fn to_family(kty: &str) -> Result<(KeyFamily, bool), Problem> {
    match kty {
        "EC" => Ok((KeyFamily::Ec, false)),
        "EC-HSM" => Ok((KeyFamily::Ec, true)),
        "RSA" => Ok((KeyFamily::Rsa, false)),
        "RSA-HSM" => Ok((KeyFamily::Rsa, true)),
        "oct" => Ok((KeyFamily::Oct, false)),
        "oct-HSM" => Ok((KeyFamily::Oct, true)),
        other => Err(bad(format!("kty {} must be EC, EC-HSM, RSA, RSA-HSM, oct or oct-HSM", quoted(other)))),
    }
}

fn to_ec_spec(curve: &str, bits: Option<i64>) -> Result<KeySpec, Problem> {
    let spec = match curve {
        "P-256" => KeySpec::EcP256,
        "P-256K" => return Err(bad("crv P-256K is not supported; use P-256, P-384 or P-521")),
        "P-384" => KeySpec::EcP384,
        "P-521" => KeySpec::EcP521,
        other => return Err(bad(format!("crv {} must be P-256, P-384 or P-521", quoted(other)))),
    };
    match bits {
        Some(bits) if bits != i64::from(spec.bits()) => Err(bad(format!("key_size {bits} contradicts crv {curve}"))),
        _ => Ok(spec),
    }
}

fn to_operations(words: &[String]) -> Result<KeyOperations, Problem> {
    let each = |word: &String| {
        KeyOperation::of_word(word).ok_or_else(|| match word.as_str() {
            "export" | "import" => {
                bad(format!("key_ops {word} is not supported: key material never leaves its backend"))
            }
            other => {
                bad(format!("key_ops {} must be decrypt, encrypt, sign, unwrapKey, verify or wrapKey", quoted(other)))
            }
        })
    };
    words.iter().map(each).collect()
}

/// The operations that a key of this spec is to list, each of them one that it can do.
fn to_operations_of(words: &[String], spec: KeySpec) -> Result<KeyOperations, Problem> {
    let operations = to_operations(words)?;
    let able = KeyOperations::all_of(spec);
    match operations.iter().find(|operation| !able.contains(*operation)) {
        None => Ok(operations),
        Some(operation) => {
            let able: Vec<_> = able.iter().map(KeyOperation::word).collect();
            let kty = of_family(spec.family(), false);
            Err(bad(format!(
                "key_ops {operation} is nothing that a key of kty {kty} can do; it can {}",
                able.join(", ")
            )))
        }
    }
}

/// wrapkey and encrypt: the value is the secret. The host chooses GCM's initialisation vector.
pub(crate) fn to_wrap_key(named: Named, body: &wire::OperationBody<'_>) -> Result<WrapKey, Problem> {
    let algorithm = to_algorithm(body.alg)?;
    let extras =
        WrapExtras { iv: to_bytes("iv", body.iv)?, aad: to_aad(algorithm, body.aad)?, tag: to_bytes("tag", body.tag)? };
    if !extras.iv.is_empty() || !extras.tag.is_empty() {
        return Err(bad("iv and tag must be left out: the broker chooses the iv and answers both"));
    }
    let secret = to_secret("value", body.value)?;
    Ok(WrapKey { vault: named.vault, key: named.key, version: named.version, algorithm, secret, extras })
}

/// unwrapkey and decrypt: the value is what was wrapped, with GCM's iv, tag and aad beside it.
pub(crate) fn to_unwrap_key(named: Named, body: &wire::OperationBody<'_>) -> Result<UnwrapKey, Problem> {
    let algorithm = to_algorithm(body.alg)?;
    let extras =
        WrapExtras { iv: to_bytes("iv", body.iv)?, aad: to_aad(algorithm, body.aad)?, tag: to_bytes("tag", body.tag)? };
    let (iv_bytes, tag_bytes) =
        if algorithm == WrapAlgorithm::A256Gcm { (GCM_IV_BYTES, GCM_TAG_BYTES) } else { (0, 0) };
    for (name, bytes, wanted) in [("iv", extras.iv.len(), iv_bytes), ("tag", extras.tag.len(), tag_bytes)] {
        if bytes != wanted {
            return Err(bad(format!("{name} has {bytes} bytes, but {algorithm} takes {wanted}")));
        }
    }
    let value = to_bytes("value", Some(body.value))?;
    Ok(UnwrapKey { vault: named.vault, key: named.key, version: named.version, algorithm, value, extras })
}

fn to_algorithm(word: &str) -> Result<WrapAlgorithm, Problem> {
    WrapAlgorithm::of_word(word).ok_or_else(|| {
        if UNSERVED_ALGORITHMS.contains(&word) {
            Refusal::AlgorithmUnsupported { algorithm: word.to_owned(), by: "this broker".to_owned() }.into()
        } else {
            bad(format!("alg {} is not an algorithm for this operation", quoted(word)))
        }
    })
}

fn to_aad(algorithm: WrapAlgorithm, text: Option<&str>) -> Result<Vec<u8>, Problem> {
    let aad = to_bytes("aad", text)?;
    if algorithm != WrapAlgorithm::A256Gcm && !aad.is_empty() {
        return Err(bad(format!("aad is for A256GCM alone; {algorithm} would not protect it")));
    }
    if aad.len() > AAD_BYTES_MAX {
        return Err(bad(format!("aad has {} bytes, but at most {AAD_BYTES_MAX} are taken", aad.len())));
    }
    Ok(aad)
}

/// Absent and empty are the same.
fn to_bytes(name: &str, text: Option<&str>) -> Result<Vec<u8>, Problem> {
    BASE64URL.decode(text.unwrap_or_default()).map_err(|_| not_base64url(name))
}

/// Decodes into one buffer of the exact size, wiped also when the text turns out bad half-way.
fn to_secret(name: &str, text: &str) -> Result<Secret, Problem> {
    let digits = text.trim_end_matches('=').len();
    let mut bytes = vec![0; digits / 4 * 3 + digits % 4 * 3 / 4];
    let decoded = BASE64URL.decode_slice(text, &mut bytes);
    let whole = decoded.is_ok_and(|count| count == bytes.len());
    let secret = Secret::new(bytes);
    if whole { Ok(secret) } else { Err(not_base64url(name)) }
}

fn not_base64url(name: &str) -> Problem {
    bad(format!("{name} must be base64url (RFC 4648 section 5), unpadded"))
}

/// What the caller's software does with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Azure's Python SDK: told that it may use a symmetric key, it makes up key bits of its own and wraps under those, so
    /// that what it wraps is lost with its process.
    AzurePython,
    Other,
}

pub(crate) fn of_key_view<'a>(view: &'a KeyView, host: &Host, reader: Reader) -> wire::KeyBundle<'a> {
    let version = &view.version;
    let family = version.spec.family();
    let hidden = reader == Reader::AzurePython && family == KeyFamily::Oct;
    let (mut n, mut e, mut x, mut y) = (None, None, None, None);
    match view.public() {
        PublicKey::Ec { x: point_x, y: point_y } => (x, y) = (Some(to_text(point_x)), Some(to_text(point_y))),
        PublicKey::None => {}
        PublicKey::Rsa { n: modulus, e: exponent } => (n, e) = (Some(to_text(modulus)), Some(to_text(exponent))),
    }
    let key = wire::JsonWebKey {
        kid: host.kid(&view.key, Some(version.version)),
        kty: of_family(family, version.hsm),
        key_ops: version
            .operations
            .iter()
            .filter(|operation| !(hidden && uses_key_bits(*operation)))
            .map(KeyOperation::word)
            .collect(),
        n,
        e,
        crv: of_curve(version.spec),
        x,
        y,
    };
    wire::KeyBundle { key, attributes: of_attributes(version, &view.vault), tags: &version.tags }
}

/// The operations that Azure's Python SDK would carry out by itself.
const fn uses_key_bits(operation: KeyOperation) -> bool {
    match operation {
        KeyOperation::Decrypt | KeyOperation::Encrypt | KeyOperation::UnwrapKey | KeyOperation::WrapKey => true,
        KeyOperation::Sign | KeyOperation::Verify => false,
    }
}

const fn of_family(family: KeyFamily, hsm: bool) -> &'static str {
    match (family, hsm) {
        (KeyFamily::Ec, false) => "EC",
        (KeyFamily::Ec, true) => "EC-HSM",
        (KeyFamily::Oct, false) => "oct",
        (KeyFamily::Oct, true) => "oct-HSM",
        (KeyFamily::Rsa, false) => "RSA",
        (KeyFamily::Rsa, true) => "RSA-HSM",
    }
}

const fn of_curve(spec: KeySpec) -> Option<&'static str> {
    match spec {
        KeySpec::EcP256 => Some("P-256"),
        KeySpec::EcP384 => Some("P-384"),
        KeySpec::EcP521 => Some("P-521"),
        KeySpec::Oct128
        | KeySpec::Oct192
        | KeySpec::Oct256
        | KeySpec::Rsa2048
        | KeySpec::Rsa3072
        | KeySpec::Rsa4096 => None,
    }
}

const fn of_attributes(version: &VersionRecord, vault: &Vault) -> wire::Attributes {
    wire::Attributes {
        enabled: version.enabled,
        nbf: version.not_before_s,
        exp: version.expires_s,
        created: version.created_s,
        updated: version.updated_s,
        recovery_level: vault.recovery_level(),
        recoverable_days: vault.soft_delete_days,
        exportable: false,
    }
}

/// A row of a listing: `version` is named in a list of versions alone.
pub(crate) fn of_key_summary<'a>(row: &'a KeySummary, host: &Host, version: Option<KeyVersion>) -> wire::KeyItem<'a> {
    wire::KeyItem {
        kid: host.kid(&row.key, version),
        attributes: of_attributes(&row.version, &row.vault),
        tags: &row.version.tags,
    }
}

pub(crate) fn of_deleted_view<'a>(view: &'a DeletedView, host: &Host, reader: Reader) -> wire::DeletedKeyBundle<'a> {
    wire::DeletedKeyBundle {
        key: of_key_view(&view.key, host, reader),
        deletion: of_deletion(&view.key.key, view.deleted_s, view.purge_s, host),
    }
}

pub(crate) fn of_deleted_summary<'a>(row: &'a DeletedSummary, host: &Host) -> wire::DeletedKeyItem<'a> {
    wire::DeletedKeyItem {
        key: of_key_summary(&row.key, host, None),
        deletion: of_deletion(&row.key.key, row.deleted_s, row.purge_s, host),
    }
}

fn of_deletion(key: &KeyName, deleted_s: i64, purge_s: i64, host: &Host) -> wire::Deletion {
    wire::Deletion { recovery_id: host.recovery_id(key), deleted_date: deleted_s, scheduled_purge_date: purge_s }
}

/// The bytes of a backup.
pub(crate) fn to_backup(body: &wire::RestoreBody) -> Result<Vec<u8>, Problem> {
    to_bytes("value", Some(&body.value))
}

pub(crate) fn of_backup(sealed: &[u8]) -> wire::BackupResult {
    wire::BackupResult { value: to_text(sealed) }
}

/// `aad` is what the caller sent, echoed beside GCM's iv and tag.
pub(crate) fn of_wrapped_key(key: &KeyName, answer: &WrappedKey, aad: &[u8], host: &Host) -> wire::OperationResult {
    let some = |bytes: &[u8]| (!bytes.is_empty()).then(|| to_text(bytes));
    wire::OperationResult {
        kid: host.kid(key, Some(answer.version)),
        value: to_text(&answer.wrapped.value),
        iv: some(&answer.wrapped.iv),
        tag: some(&answer.wrapped.tag),
        aad: some(aad),
    }
}

/// `{"kid":...,"value":...}` with the secret in the clear, or without `kid`; in one buffer of the exact size.
pub(crate) fn of_secret(kid: Option<&str>, secret: &Secret) -> Secret {
    // A host name and names of keys hold nothing that JSON would escape.
    let before = kid.map_or_else(|| r#"{"value":""#.to_owned(), |kid| format!(r#"{{"kid":"{kid}","value":""#));
    let after = r#""}"#;
    let digits = secret.len() / 3 * 4 + [0, 2, 3][secret.len() % 3];
    let mut body = Vec::with_capacity(before.len() + digits + after.len());
    body.extend_from_slice(before.as_bytes());
    body.resize(before.len() + digits, 0);
    let written = URL_SAFE_NO_PAD.encode_slice(secret.expose(), &mut body[before.len()..]);
    debug_assert_eq!(written, Ok(digits), "the buffer has room for exactly these digits");
    body.extend_from_slice(after.as_bytes());
    Secret::new(body)
}

fn to_text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_base64url_of_its_exact_size() {
        for len in 0..70 {
            let bytes: Vec<u8> = (0..len).map(|index| index ^ 0xa5).collect();
            let text = URL_SAFE_NO_PAD.encode(&bytes);
            assert_eq!(to_secret("value", &text).unwrap().expose(), bytes);
            assert_eq!(to_bytes("value", Some(&text)).unwrap(), bytes);
            let padded = base64::engine::general_purpose::URL_SAFE.encode(&bytes);
            assert_eq!(to_secret("value", &padded).unwrap().expose(), bytes);
        }
    }

    #[test]
    fn a_value_that_is_not_base64url_is_refused() {
        for bad in [
            "A",
            "AB=",
            "AAA==",
            "AA===",
            "AA=A",
            "AB",
            "A+AA",
            "A/AA",
            "AA AA",
            "AAAA\n",
            "AAAA=",
            "=",
            "====",
            "\u{e9}\u{e9}",
        ] {
            assert_eq!(to_secret("value", bad).unwrap_err().word(), "bad-request", "{bad:?}");
            assert!(to_bytes("value", Some(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_secret_is_written_as_plain_json() {
        for len in 0..70_u8 {
            let bytes: Vec<u8> = (0..len).map(|index| index.wrapping_mul(37)).collect();
            for kid in [None, Some("https://v.kv.test/keys/k/0")] {
                let body = of_secret(kid, &Secret::copied_from(&bytes));
                let read: serde_json::Value = serde_json::from_slice(body.expose()).unwrap();
                assert_eq!(read["value"], URL_SAFE_NO_PAD.encode(&bytes));
                assert_eq!(read["kid"].as_str(), kid);
            }
        }
    }

    #[test]
    fn a_kty_with_its_size_or_curve_is_one_spec() {
        let rows = [
            ("RSA", None, None, Some((KeySpec::Rsa2048, false))),
            ("RSA-HSM", Some(4096), None, Some((KeySpec::Rsa4096, true))),
            ("oct", None, None, Some((KeySpec::Oct256, false))),
            ("oct-HSM", Some(192), None, Some((KeySpec::Oct192, true))),
            ("EC", None, None, Some((KeySpec::EcP256, false))),
            ("EC-HSM", None, Some("P-521"), Some((KeySpec::EcP521, true))),
            ("EC", Some(384), Some("P-384"), Some((KeySpec::EcP384, false))),
            ("EC", Some(256), Some("P-384"), None),
            ("EC", None, Some("P-256K"), None),
            ("EC", None, Some(""), None),
            ("RSA", None, Some("P-256"), None),
            ("RSA", Some(1024), None, None),
            ("RSA", Some(-1), None, None),
            ("RSA", Some(i64::MAX), None, None),
            ("oct", Some(512), None, None),
            ("rsa", None, None, None),
            ("OKP", None, None, None),
            ("", None, None, None),
        ];
        for (kty, bits, curve, wanted) in rows {
            assert_eq!(to_spec(kty, bits, curve).ok(), wanted, "{kty} {bits:?} {curve:?}");
        }
    }

    #[test]
    fn an_algorithm_of_key_vaults_that_is_not_served_is_named() {
        for word in UNSERVED_ALGORITHMS {
            let problem = to_algorithm(word).unwrap_err();
            assert_eq!(problem.word(), "algorithm-unsupported");
            assert!(problem.message().contains(word), "{word}");
        }
        for word in ["", "rsa-oaep", "RS256", "none"] {
            assert_eq!(to_algorithm(word).unwrap_err().word(), "bad-request", "{word}");
        }
    }

    #[test]
    fn every_algorithm_of_the_core_is_read_by_its_word() {
        for algorithm in WrapAlgorithm::ALL {
            assert_eq!(to_algorithm(algorithm.word()), Ok(*algorithm));
        }
    }
}
