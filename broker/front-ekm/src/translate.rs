//! Wire to core and back; pure.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use broker_core::algorithm::{KeyFamily, KeySpec, PublicKey, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::broker::{KeyView, UnwrapKey, WrapKey};
use broker_core::key::KeyOperation;
use broker_core::name::{KeyName, VaultName};
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;

use crate::refuse::Problem;
use crate::{API_VERSION, ProxyNames, wire};

/// Longest request id of a caller's in the audit: pool, correlation and request id, a slash between.
pub const CLIENT_REQUEST_ID_BYTES_MAX: usize = 128;

/// What each of the three may have; a pool's name has 24 characters at most, and the ids are UUIDs.
const CONTEXT_PART_BYTES_MAX: usize = (CLIENT_REQUEST_ID_BYTES_MAX - 2) / 3;

/// RFC 4648 section 5: unpadded, or padded as it should be; nothing after the last bit.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `pool/correlation` or `pool/correlation/request`: what ties our audit entry to Managed HSM's own log. Anything but
/// printable ASCII, and a slash inside a part, becomes `?`; what is too long is cut.
pub(crate) fn to_client_request_id(context: &wire::RequestContext) -> String {
    let part = |text: &str| -> String {
        let plain = |letter: char| if letter.is_ascii_graphic() && letter != '/' { letter } else { '?' };
        text.chars().take(CONTEXT_PART_BYTES_MAX).map(plain).collect()
    };
    let parts = [Some(&context.pool_name), Some(&context.correlation_id), context.request_id.as_ref()];
    parts.into_iter().flatten().map(|text| part(text)).collect::<Vec<_>>().join("/")
}

/// No version is ever named: the latest wraps.
pub(crate) fn to_wrap_key(vault: VaultName, key: KeyName, body: &wire::OperationBody<'_>) -> Result<WrapKey, Problem> {
    let algorithm = to_algorithm(body.alg)?;
    let secret = to_secret(body.value)?;
    Ok(WrapKey { vault, key, version: None, algorithm, secret, extras: WrapExtras::default() })
}

/// No version is ever named: whichever of the candidates can opens it, so that a rotation strands nothing.
pub(crate) fn to_unwrap_key(
    vault: VaultName,
    key: KeyName,
    body: &wire::OperationBody<'_>,
) -> Result<UnwrapKey, Problem> {
    let algorithm = to_algorithm(body.alg)?;
    let value = BASE64URL.decode(body.value).map_err(|_| not_base64url())?;
    Ok(UnwrapKey { vault, key, version: None, algorithm, value, extras: WrapExtras::default() })
}

/// The four algorithms of this API. Those that the core knows beside them have no name here.
fn to_algorithm(word: &str) -> Result<WrapAlgorithm, Problem> {
    match word {
        "A256KW" => Ok(WrapAlgorithm::A256Kw),
        "A256KWP" => Ok(WrapAlgorithm::A256Kwp),
        "RSA-OAEP" => Ok(WrapAlgorithm::RsaOaep),
        "RSA-OAEP-256" => Ok(WrapAlgorithm::RsaOaep256),
        other => {
            // Cut short, and escaped so that control characters show.
            let algorithm = other.chars().take(32).flat_map(char::escape_debug).collect();
            let by = "this API, which has A256KW, A256KWP, RSA-OAEP and RSA-OAEP-256".to_owned();
            Err(Refusal::AlgorithmUnsupported { algorithm, by }.into())
        }
    }
}

/// Decodes into one buffer of the exact size, wiped also when the text turns out bad half-way.
fn to_secret(text: &str) -> Result<Secret, Problem> {
    let digits = text.trim_end_matches('=').len();
    let mut bytes = vec![0; digits / 4 * 3 + digits % 4 * 3 / 4];
    let decoded = BASE64URL.decode_slice(text, &mut bytes);
    let whole = decoded.is_ok_and(|count| count == bytes.len());
    let secret = Secret::new(bytes);
    if whole { Ok(secret) } else { Err(not_base64url()) }
}

fn not_base64url() -> Problem {
    Refusal::BadRequest { problem: "value must be base64url (RFC 4648 section 5), unpadded".to_owned() }.into()
}

pub(crate) fn of_names(names: &ProxyNames) -> wire::ProxyInfo<'_> {
    wire::ProxyInfo {
        api_version: API_VERSION,
        proxy_vendor: &names.proxy_vendor,
        proxy_name: &names.proxy_name,
        ekm_vendor: &names.ekm_vendor,
        ekm_product: &names.ekm_product,
    }
}

/// The latest version, as far as this API has words for it.
///
/// # Errors
/// `KeyDisabled`; `KeyUnsupported` for EC keys and AES keys of another size than 256 bits; `KeyOperationExcluded` when its
/// `key_ops` allow neither wrapping nor unwrapping.
pub(crate) fn of_key_view(view: &KeyView) -> Result<wire::KeyMetadata, Problem> {
    let (key, version) = (&view.key, &view.version);
    let key_type =
        of_spec(version.spec).ok_or_else(|| Problem::KeyUnsupported { key: key.clone(), spec: version.spec })?;
    if !version.enabled {
        return Err(Refusal::KeyDisabled { key: key.clone(), version: version.version }.into());
    }
    let has = |operation: &KeyOperation| version.operations.contains(*operation);
    let key_ops: Vec<_> =
        [KeyOperation::WrapKey, KeyOperation::UnwrapKey].into_iter().filter(has).map(KeyOperation::word).collect();
    if key_ops.is_empty() {
        let operation = KeyOperation::WrapKey.word();
        return Err(Refusal::KeyOperationExcluded { key: key.clone(), operation }.into());
    }
    let (n, e) = match view.public() {
        PublicKey::Ec { .. } | PublicKey::None => (None, None),
        PublicKey::Rsa { n, e } => (Some(to_text(n)), Some(to_text(e))),
    };
    Ok(wire::KeyMetadata { key_type, key_size: version.spec.bits(), key_ops, n, e })
}

const fn of_spec(spec: KeySpec) -> Option<&'static str> {
    match (spec.family(), spec) {
        (KeyFamily::Rsa, _) => Some("RSA"),
        (KeyFamily::Oct, KeySpec::Oct256) => Some("oct"),
        (KeyFamily::Ec | KeyFamily::Oct, _) => None,
    }
}

pub(crate) fn of_wrapped(wrapped: &Wrapped) -> wire::WrappedValue {
    wire::WrappedValue { value: to_text(&wrapped.value) }
}

/// `{"value":...}` with the secret in the clear, in one buffer of the exact size.
pub(crate) fn of_secret(secret: &Secret) -> Secret {
    let (before, after) = (r#"{"value":""#, r#""}"#);
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

    fn context(request_id: Option<&str>, correlation_id: &str, pool_name: &str) -> wire::RequestContext {
        wire::RequestContext {
            request_id: request_id.map(str::to_owned),
            correlation_id: correlation_id.to_owned(),
            pool_name: pool_name.to_owned(),
        }
    }

    #[test]
    fn a_request_context_is_one_printable_word() {
        let (long, id) = ("x".repeat(500), "aa9a3cb4-82b4-11f0-afc6-5ffd3bdade85");
        let rows = [
            (context(Some("r"), "c", "p"), "p/c/r".to_owned()),
            (context(None, "c", "p"), "p/c".to_owned()),
            (context(Some(""), "", ""), "//".to_owned()),
            (context(Some("a b\n\"\\\u{1f600}"), "c/d", "p/q"), "p?q/c?d/a?b?\"\\?".to_owned()),
            (context(Some(id), id, "mhsm-pool-name-of-24-let"), format!("mhsm-pool-name-of-24-let/{id}/{id}")),
            (context(Some(&long), &long, &long), [&long[..42]; 3].join("/")),
        ];
        for (context, wanted) in rows {
            let id = to_client_request_id(&context);
            assert_eq!(id, wanted, "{context:?}");
            assert!(id.len() <= CLIENT_REQUEST_ID_BYTES_MAX);
        }
    }

    #[test]
    fn a_secret_is_read_and_written_as_base64url_of_its_exact_size() {
        for len in 0..70 {
            let bytes: Vec<u8> = (0..len).map(|index| index ^ 0xa5).collect();
            let text = URL_SAFE_NO_PAD.encode(&bytes);
            assert_eq!(to_secret(&text).unwrap().expose(), bytes);
            let body = of_secret(&Secret::copied_from(&bytes));
            let read: serde_json::Value = serde_json::from_slice(body.expose()).unwrap();
            assert_eq!(read, serde_json::json!({ "value": text }));
        }
    }

    #[test]
    fn a_value_that_is_not_base64url_is_refused() {
        for bad in ["A", "AB=", "AAA==", "AA=A", "AB", "A+AA", "A/AA", "AA AA", "AAAA\n", "AAAA=", "=", "\u{e9}\u{e9}"]
        {
            assert_eq!(to_secret(bad).unwrap_err().word(), "bad-request", "{bad:?}");
        }
    }

    #[test]
    fn an_algorithm_has_one_spelling_and_the_rest_are_refused_by_name() {
        for algorithm in
            [WrapAlgorithm::A256Kw, WrapAlgorithm::A256Kwp, WrapAlgorithm::RsaOaep, WrapAlgorithm::RsaOaep256]
        {
            assert_eq!(to_algorithm(algorithm.word()), Ok(algorithm));
        }
        for word in ["A192KW", "A128KW", "A128KWP", "A256GCM", "RSA1_5", "a256kw", "A256KW ", "none"] {
            let problem = to_algorithm(word).unwrap_err();
            assert_eq!(problem.word(), "algorithm-unsupported", "{word}");
            assert!(problem.message().contains(word), "{word}");
        }
        assert!(to_algorithm(&"\n".repeat(1000)).unwrap_err().message().len() < 200);
    }
}
