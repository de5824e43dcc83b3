//! Bodies as they stand on the wire (`keys.json` of api-version 7.4). Unknown fields are ignored, as Key Vault does; a
//! field given twice, or of another type, is refused.

mod rights;
mod rotation_policy;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize as DeserializeDerive, Serialize};

use crate::refuse::Problem;

pub(crate) use rights::{
    Elevation, ElevationList, RoleAssignment, RoleAssignmentBody, RoleAssignmentList, RoleAssignmentProperties,
    RoleDefinition, RoleDefinitionList, RoleDefinitionProperties, RolePermission,
};
pub(crate) use rotation_policy::{
    LifetimeAction, PolicyAction, PolicyAttributes, PolicyTrigger, RotationPolicy, RotationPolicyBody,
};

/// A body that a request may carry.
pub(crate) trait Body {
    /// What it looks like, for whoever sent something else.
    const FORM: &'static str;
}

/// Reads a body.
///
/// # Errors
/// `Malformed`. The text never quotes the body, which may hold a secret.
pub(crate) fn read<'a, T: Body + DeserializeDerive<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map(|Object(value)| value).map_err(|error| {
        let what = if error.is_data() { "is not of the right form" } else { "is not JSON" };
        let (line, column) = (error.line(), error.column());
        Problem::malformed(format!("the body {what} (line {line}, column {column}); it must be {}", T::FORM))
    })
}

/// What stands between braces: serde would take a JSON array for a struct just as well.
#[derive(Debug, Serialize)]
pub(crate) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Braces<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Braces<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Braces(PhantomData))
    }
}

/// Tags, each name once.
#[derive(Debug)]
pub(crate) struct Tags(pub BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Tags;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut tags = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    if tags.insert(name, value).is_some() {
                        return Err(A::Error::custom("a tag stands twice"));
                    }
                }
                Ok(Tags(tags))
            }
        }

        deserializer.deserialize_map(Each)
    }
}

/// `KeyCreateParameters`.
#[derive(Debug, DeserializeDerive)]
pub(crate) struct CreateBody {
    pub kty: String,
    pub key_size: Option<i64>,
    pub public_exponent: Option<i64>,
    pub key_ops: Option<Vec<String>>,
    pub attributes: Option<Object<AttributesBody>>,
    pub tags: Option<Tags>,
    pub crv: Option<String>,
    pub release_policy: Option<IgnoredAny>,
}

impl Body for CreateBody {
    const FORM: &'static str = "an object with kty and optional key_size, key_ops, crv, attributes, tags";
}

/// The part of `KeyAttributes` that a caller may set. Times are Unix seconds.
#[derive(Debug, Default, DeserializeDerive)]
pub(crate) struct AttributesBody {
    pub enabled: Option<bool>,
    pub nbf: Option<i64>,
    pub exp: Option<i64>,
    pub exportable: Option<bool>,
}

/// `KeyUpdateParameters`.
#[derive(Debug, DeserializeDerive)]
pub(crate) struct UpdateBody {
    pub key_ops: Option<Vec<String>>,
    pub attributes: Option<Object<AttributesBody>>,
    pub tags: Option<Tags>,
    pub release_policy: Option<IgnoredAny>,
}

impl Body for UpdateBody {
    const FORM: &'static str = "an object with optional key_ops, attributes, tags";
}

/// `KeyOperationsParameters`. The texts are borrowed from the body, so that no copy of a secret is left behind unwiped; one
/// with a JSON escape, which base64url never needs, is refused.
#[derive(DeserializeDerive)]
pub(crate) struct OperationBody<'a> {
    pub alg: &'a str,
    pub value: &'a str,
    pub iv: Option<&'a str>,
    pub aad: Option<&'a str>,
    pub tag: Option<&'a str>,
}

impl Body for OperationBody<'_> {
    const FORM: &'static str =
        "an object with alg and value and optional iv, aad, tag: base64url texts without JSON escapes";
}

/// `KeyImportParameters`. As in [`OperationBody`], the numbers are borrowed from the body.
#[derive(DeserializeDerive)]
pub(crate) struct ImportBody<'a> {
    #[serde(rename = "Hsm")]
    pub hsm: Option<bool>,
    #[serde(borrow)]
    pub key: Object<PrivateJwk<'a>>,
    pub attributes: Option<Object<AttributesBody>>,
    pub tags: Option<Tags>,
    pub release_policy: Option<IgnoredAny>,
}

impl Body for ImportBody<'_> {
    const FORM: &'static str = "an object with key (a JSON Web Key whose numbers are base64url texts without JSON \
                                escapes) and optional Hsm, attributes, tags";
}

/// `JsonWebKey` with its private part (RFC 7518 section 6).
#[derive(DeserializeDerive)]
pub(crate) struct PrivateJwk<'a> {
    pub kty: String,
    pub key_ops: Option<Vec<String>>,
    pub crv: Option<String>,
    pub n: Option<&'a str>,
    pub e: Option<&'a str>,
    pub d: Option<&'a str>,
    pub p: Option<&'a str>,
    pub q: Option<&'a str>,
    pub dp: Option<&'a str>,
    pub dq: Option<&'a str>,
    pub qi: Option<&'a str>,
    pub x: Option<&'a str>,
    pub y: Option<&'a str>,
    pub k: Option<&'a str>,
    /// A key wrapped for Azure's own HSMs.
    pub key_hsm: Option<IgnoredAny>,
}

/// `KeySignParameters`.
#[derive(Debug, DeserializeDerive)]
pub(crate) struct SignBody {
    pub alg: String,
    pub value: String,
}

impl Body for SignBody {
    const FORM: &'static str = "an object with alg and value, the digest in base64url";
}

/// `KeyVerifyParameters`.
#[derive(Debug, DeserializeDerive)]
pub(crate) struct VerifyBody {
    pub alg: String,
    pub digest: String,
    /// The signature.
    pub value: String,
}

impl Body for VerifyBody {
    const FORM: &'static str = "an object with alg, digest and value, the signature; both in base64url";
}

/// `KeyRestoreParameters`.
#[derive(Debug, DeserializeDerive)]
pub(crate) struct RestoreBody {
    pub value: String,
}

impl Body for RestoreBody {
    const FORM: &'static str = "an object with value, a backup as this broker gave it";
}

/// `GetRandomBytesRequest`.
#[derive(Debug, DeserializeDerive)]
pub(crate) struct RandomBody {
    pub count: u16,
}

impl Body for RandomBody {
    const FORM: &'static str = "an object with count, the number of bytes wanted";
}

/// `KeyBundle`.
#[derive(Debug, Serialize)]
pub(crate) struct KeyBundle<'a> {
    pub key: JsonWebKey,
    pub attributes: Attributes,
    pub tags: &'a BTreeMap<String, String>,
}

/// `JsonWebKey` (RFC 7517), its public part alone; integers in unpadded base64url.
#[derive(Debug, Serialize)]
pub(crate) struct JsonWebKey {
    pub kid: String,
    pub kty: &'static str,
    pub key_ops: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
}

/// `KeyAttributes`. Times are Unix seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attributes {
    pub enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    pub created: i64,
    pub updated: i64,
    pub recovery_level: &'static str,
    pub recoverable_days: u16,
    pub exportable: bool,
}

/// `DeletedKeyBundle`.
#[derive(Debug, Serialize)]
pub(crate) struct DeletedKeyBundle<'a> {
    #[serde(flatten)]
    pub key: KeyBundle<'a>,
    #[serde(flatten)]
    pub deletion: Deletion,
}

/// What a deleted key says beside what it was. Times are Unix seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deletion {
    pub recovery_id: String,
    pub deleted_date: i64,
    pub scheduled_purge_date: i64,
}

/// `KeyListResult` and `DeletedKeyListResult`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyList<T> {
    pub value: Vec<T>,
    /// Absolute; null on the last page.
    pub next_link: Option<String>,
}

/// `KeyItem`.
#[derive(Debug, Serialize)]
pub(crate) struct KeyItem<'a> {
    pub kid: String,
    pub attributes: Attributes,
    pub tags: &'a BTreeMap<String, String>,
}

/// `DeletedKeyItem`.
#[derive(Debug, Serialize)]
pub(crate) struct DeletedKeyItem<'a> {
    #[serde(flatten)]
    pub key: KeyItem<'a>,
    #[serde(flatten)]
    pub deletion: Deletion,
}

/// `BackupKeyResult`.
#[derive(Debug, Serialize)]
pub(crate) struct BackupResult {
    pub value: String,
}

/// `KeyVerifyResult`.
#[derive(Debug, Serialize)]
pub(crate) struct VerifyResult {
    pub value: bool,
}

/// `KeyOperationResult` without secrets; those are written by hand into bytes that are wiped.
#[derive(Debug, Serialize)]
pub(crate) struct OperationResult {
    pub kid: String,
    pub value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aad: Option<String>,
}

/// `KeyVaultError`.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorBody<'a> {
    pub error: ErrorPart<'a>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ErrorPart<'a> {
    pub code: &'static str,
    pub message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub innererror: Option<InnerError>,
}

#[derive(Debug, Serialize)]
pub(crate) struct InnerError {
    pub code: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(body: &str) -> Option<CreateBody> {
        read(body.as_bytes()).ok()
    }

    #[test]
    fn a_body_is_one_object_of_the_right_types() {
        for good in [
            r#"{"kty":"RSA"}"#,
            r#" {"kty":"RSA","unknown":{"a":[1,{}]},"tags":null,"attributes":null,"release_policy":null} "#,
            r#"{"kty":"RSA","attributes":{"enabled":true,"created":"x"},"tags":{"a":"b"},"key_ops":[]}"#,
        ] {
            assert!(create(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "null",
            "[]",
            "1",
            r#""RSA""#,
            "{",
            "{}",
            r#"["RSA"]"#,
            r#"{"kty":"RSA"}x"#,
            r#"{"kty":"RSA"}{}"#,
            r#"{"kty":null}"#,
            r#"{"kty":1}"#,
            r#"{"kty":"RSA","kty":"RSA"}"#,
            r#"{"kty":"RSA","key_size":"2048"}"#,
            r#"{"kty":"RSA","key_size":2048.0}"#,
            r#"{"kty":"RSA","key_size":9223372036854775808}"#,
            r#"{"kty":"RSA","attributes":[true]}"#,
            r#"{"kty":"RSA","attributes":{"exp":1e9}}"#,
            r#"{"kty":"RSA","attributes":{"enabled":1}}"#,
            r#"{"kty":"RSA","attributes":{"exp":1,"exp":1}}"#,
            r#"{"kty":"RSA","tags":{"a":1}}"#,
            r#"{"kty":"RSA","tags":{"a":"b","a":"b"}}"#,
            r#"{"kty":"RSA","tags":["a"]}"#,
            r#"{"kty":"RSA","key_ops":"sign"}"#,
            "{\"kty\":\"\u{1}\"}",
            "\u{feff}{\"kty\":\"RSA\"}",
        ] {
            assert!(create(bad).is_none(), "{bad}");
        }
        assert!(read::<CreateBody>(b"{\"kty\":\"\xff\"}").is_err());
    }

    #[test]
    fn a_deep_body_is_refused_before_the_stack_ends() {
        let deep = format!(r#"{{"kty":"RSA","x":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
        let nested = format!(r#"{{"attributes":{}"#, r#"{"attributes":"#.repeat(100_000));
        let _either = create(&deep);
        assert!(create(&nested).is_none());
    }

    #[test]
    fn a_complaint_never_quotes_the_body() {
        for body in
            [r#"{"alg":"canary","value":{"canary":1}}"#, r#"{"alg":"canary","value":"canary\u0041"}"#, r#"{"canary""#]
        {
            let problem = read::<OperationBody<'_>>(body.as_bytes()).err().unwrap();
            assert!(!problem.message().contains("canary"), "{}", problem.message());
        }
    }

    #[test]
    fn a_value_is_read_where_it_stands() {
        let body = br#"{"alg":"A256KW","value":"AAAA"}"#;
        let read = read::<OperationBody<'_>>(body).unwrap();
        assert!(body.as_ptr_range().contains(&read.value.as_ptr()));
        assert!(super::read::<OperationBody<'_>>(br#"{"alg":"A256KW","value":"AA\u0041A"}"#).is_err());
    }
}
