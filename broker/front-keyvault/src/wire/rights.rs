//! `RoleAssignment` and `RoleDefinition` (`rbac.json` of api-version 7.4), as they come in and go out.

use serde::{Deserialize as DeserializeDerive, Serialize};

use super::{Body, Object};

/// `RoleAssignmentCreateParameters`.
#[derive(Debug, DeserializeDerive)]
pub(crate) struct RoleAssignmentBody {
    pub properties: Object<RoleAssignmentPropertiesBody>,
}

impl Body for RoleAssignmentBody {
    const FORM: &'static str = "an object with properties: roleDefinitionId and principalId";
}

/// `RoleAssignmentProperties`.
#[derive(Debug, DeserializeDerive)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleAssignmentPropertiesBody {
    pub role_definition_id: String,
    pub principal_id: String,
}

/// `RoleAssignment`.
#[derive(Debug, Serialize)]
pub(crate) struct RoleAssignment {
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub properties: RoleAssignmentProperties,
}

/// `RoleAssignmentPropertiesWithScope`, and when it holds: the first and the last second, in Unix time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleAssignmentProperties {
    pub scope: String,
    pub role_definition_id: String,
    pub principal_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<i64>,
}

/// `RoleAssignmentListResult`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleAssignmentList {
    pub value: Vec<RoleAssignment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_link: Option<String>,
}

/// A grant that waits for a second administrator, in the form of a role assignment. Times are Unix seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Elevation {
    #[serde(flatten)]
    pub grant: RoleAssignment,
    pub justification: String,
    pub asked_by: String,
    pub waits_until: i64,
}

/// The grants that wait; their number has a limit, and they stand on one page.
#[derive(Debug, Serialize)]
pub(crate) struct ElevationList {
    pub value: Vec<Elevation>,
}

/// `RoleDefinition`.
#[derive(Debug, Serialize)]
pub(crate) struct RoleDefinition {
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub properties: RoleDefinitionProperties,
}

/// `RoleDefinitionProperties`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleDefinitionProperties {
    pub role_name: String,
    pub description: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub permissions: [RolePermission; 1],
    pub assignable_scopes: [&'static str; 2],
}

/// `Permission`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RolePermission {
    pub actions: [&'static str; 0],
    pub not_actions: [&'static str; 0],
    pub data_actions: Vec<String>,
    pub not_data_actions: [&'static str; 0],
}

/// `RoleDefinitionListResult`; there are few, and they stand on one page.
#[derive(Debug, Serialize)]
pub(crate) struct RoleDefinitionList {
    pub value: Vec<RoleDefinition>,
}
