//! Bodies as they stand on the wire (EKM proxy API 0.1-preview). Unknown fields are ignored; a field given twice, or of
//! another type, is refused.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Deserialize as DeserializeDerive, Serialize};

use crate::refuse::Problem;

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
#[derive(Debug)]
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

/// `RequestContext`: the caller's word, for the audit alone. Nothing is decided by it.
#[derive(Debug, DeserializeDerive)]
pub(crate) struct RequestContext {
    pub request_id: Option<String>,
    pub correlation_id: String,
    pub pool_name: String,
}

/// What `info` and `metadata` take.
#[derive(Debug, DeserializeDerive)]
pub(crate) struct ContextBody {
    pub request_context: Object<RequestContext>,
}

impl Body for ContextBody {
    const FORM: &'static str =
        "an object with request_context, an object with correlation_id, pool_name and optional request_id";
}

/// What `wrapkey` and `unwrapkey` take. The texts are borrowed from the body, so that no copy of a secret is left behind
/// unwiped; one with a JSON escape, which base64url never needs, is refused.
#[derive(DeserializeDerive)]
pub(crate) struct OperationBody<'a> {
    pub request_context: Object<RequestContext>,
    pub alg: &'a str,
    pub value: &'a str,
}

impl Body for OperationBody<'_> {
    const FORM: &'static str = "an object with alg and value, texts without JSON escapes, and request_context, an object with correlation_id, pool_name and optional request_id";
}

/// `ProxyInfo`.
#[derive(Debug, Serialize)]
pub(crate) struct ProxyInfo<'a> {
    pub api_version: &'static str,
    pub proxy_vendor: &'a str,
    pub proxy_name: &'a str,
    pub ekm_vendor: &'a str,
    pub ekm_product: &'a str,
}

/// `KeyMetadata`; integers unsigned big-endian in unpadded base64url.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeyMetadata {
    pub key_type: &'static str,
    /// In bits.
    pub key_size: u32,
    pub key_ops: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
}

/// `WrapKeyOperationResult`; what was unwrapped is written by hand into bytes that are wiped.
#[derive(Debug, Serialize)]
pub(crate) struct WrappedValue {
    pub value: String,
}

/// `ProxyError`.
#[derive(Debug, Serialize)]
pub(crate) struct ProxyError<'a> {
    pub code: &'static str,
    pub message: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &str = r#""request_context":{"correlation_id":"c","pool_name":"p"}"#;

    #[test]
    fn a_body_is_one_object_of_the_right_types() {
        for good in [
            format!("{{{CONTEXT}}}"),
            format!(r#" {{{CONTEXT},"more":[1,{{}}]}} "#),
            r#"{"request_context":{"request_id":null,"correlation_id":"","pool_name":"\u0041","x":1}}"#.to_owned(),
        ] {
            assert!(read::<ContextBody>(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [
            String::new(),
            "null".to_owned(),
            "{}".to_owned(),
            "[]".to_owned(),
            r#"[["r","c","p"]]"#.to_owned(),
            r#"{"request_context":null}"#.to_owned(),
            r#"{"request_context":["r","c","p"]}"#.to_owned(),
            r#"{"request_context":{"correlation_id":"c"}}"#.to_owned(),
            r#"{"request_context":{"pool_name":"p"}}"#.to_owned(),
            r#"{"request_context":{"request_id":1,"correlation_id":"c","pool_name":"p"}}"#.to_owned(),
            r#"{"request_context":{"correlation_id":"c","correlation_id":"c","pool_name":"p"}}"#.to_owned(),
            format!("{{{CONTEXT},{CONTEXT}}}"),
            format!("{{{CONTEXT}}}x"),
            format!("{{{CONTEXT}"),
            format!("\u{feff}{{{CONTEXT}}}"),
            format!(r#"{{{CONTEXT},"x":"{}}}"#, "\u{1}"),
            "[".repeat(200_000),
        ] {
            assert!(read::<ContextBody>(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_complaint_never_quotes_the_body() {
        for body in [
            format!(r#"{{{CONTEXT},"alg":"canary","value":{{"canary":1}}}}"#),
            format!(r#"{{{CONTEXT},"alg":"canary","value":"canary\u0041"}}"#),
            r#"{"canary""#.to_owned(),
        ] {
            let problem = read::<OperationBody<'_>>(body.as_bytes()).err().unwrap();
            assert!(!problem.message().contains("canary"), "{}", problem.message());
        }
    }

    #[test]
    fn a_value_is_read_where_it_stands() {
        let body = format!(r#"{{"alg":"A256KW",{CONTEXT},"value":"AAAA"}}"#);
        let read = read::<OperationBody<'_>>(body.as_bytes()).unwrap();
        assert!(body.as_bytes().as_ptr_range().contains(&read.value.as_ptr()));
    }
}
