//! `KeyRotationPolicy`, as it comes in and goes out.

use serde::{Deserialize as DeserializeDerive, Serialize};

use super::{Body, Object};

/// `KeyRotationPolicy` as a caller sets it; its `id` and times are the broker's own business.
#[derive(Debug, DeserializeDerive)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RotationPolicyBody {
    pub lifetime_actions: Option<Vec<Object<LifetimeAction<String>>>>,
    pub attributes: Option<Object<PolicyAttributesBody>>,
}

impl Body for RotationPolicyBody {
    const FORM: &'static str =
        "an object with optional lifetimeActions (each with a trigger and an action) and attributes";
}

/// The part of `KeyRotationPolicyAttributes` that a caller may set.
#[derive(Debug, DeserializeDerive)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyAttributesBody {
    /// ISO 8601.
    pub expiry_time: Option<String>,
}

/// `KeyRotationPolicy`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RotationPolicy {
    pub id: String,
    pub lifetime_actions: Vec<LifetimeAction<&'static str>>,
    pub attributes: PolicyAttributes,
}

/// `KeyRotationPolicyAttributes`. Times are Unix seconds.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyAttributes {
    /// ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<i64>,
}

/// `LifetimeActions`; `W` holds the action's word.
#[derive(Debug, DeserializeDerive, Serialize)]
pub(crate) struct LifetimeAction<W> {
    pub trigger: Object<PolicyTrigger>,
    pub action: Object<PolicyAction<W>>,
}

/// `LifetimeActionsTrigger`: one of the two, in ISO 8601.
#[derive(Debug, DeserializeDerive, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyTrigger {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_after_create: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_before_expiry: Option<String>,
}

/// `LifetimeActionsType`.
#[derive(Debug, DeserializeDerive, Serialize)]
pub(crate) struct PolicyAction<W> {
    #[serde(rename = "type")]
    pub kind: W,
}
