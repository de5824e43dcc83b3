//! Rotation policies.

use broker_core::name::KeyName;
use broker_core::rotation::{LifetimeAction, Period, RotationPolicy, Trigger};

use super::{bad, quoted};
use crate::host::Host;
use crate::refuse::Problem;
use crate::wire;

/// What Key Vault shows for a key without a policy: its owner is told this long before the key expires.
const NOTIFY_BEFORE_EXPIRY: Period = Period { months: 0, days: 30 };

pub(crate) fn to_rotation_policy(body: wire::RotationPolicyBody) -> Result<RotationPolicy, Problem> {
    let expiry = body.attributes.and_then(|attributes| attributes.0.expiry_time);
    let each = |action: wire::Object<wire::LifetimeAction<String>>| {
        let wire::LifetimeAction { trigger, action } = action.0;
        Ok((to_trigger(trigger.0)?, to_action(&action.0.kind)?))
    };
    Ok(RotationPolicy {
        actions: body.lifetime_actions.unwrap_or_default().into_iter().map(each).collect::<Result<_, Problem>>()?,
        expiry: expiry.map(|text| to_period("expiryTime", &text)).transpose()?,
        // The broker's own business.
        created_s: 0,
        updated_s: 0,
    })
}

fn to_trigger(trigger: wire::PolicyTrigger) -> Result<Trigger, Problem> {
    match (trigger.time_after_create, trigger.time_before_expiry) {
        (Some(after), None) => Ok(Trigger::AfterCreate(to_period("timeAfterCreate", &after)?)),
        (None, Some(before)) => Ok(Trigger::BeforeExpiry(to_period("timeBeforeExpiry", &before)?)),
        (None, None) | (Some(_), Some(_)) => Err(bad("a trigger must have either timeAfterCreate or timeBeforeExpiry")),
    }
}

/// The API's definition has the words in lower case, the service and its SDKs write them with a capital.
fn to_action(word: &str) -> Result<LifetimeAction, Problem> {
    match word {
        "Notify" | "notify" => Ok(LifetimeAction::Notify),
        "Rotate" | "rotate" => Ok(LifetimeAction::Rotate),
        other => Err(bad(format!("action type {} must be Rotate or Notify", quoted(other)))),
    }
}

fn to_period(name: &str, text: &str) -> Result<Period, Problem> {
    Period::parse(text).ok_or_else(|| {
        bad(format!(
            "{name} {} must be an ISO 8601 duration of years, months, weeks and days, such as P90D or P1Y6M",
            quoted(text)
        ))
    })
}

/// The policy that a key has, or the one of a key that never got one.
pub(crate) fn of_rotation_policy(key: &KeyName, policy: Option<&RotationPolicy>, host: &Host) -> wire::RotationPolicy {
    let (actions, attributes) = match policy {
        None => (
            vec![of_action(Trigger::BeforeExpiry(NOTIFY_BEFORE_EXPIRY), LifetimeAction::Notify)],
            wire::PolicyAttributes::default(),
        ),
        Some(policy) => (
            policy.actions.iter().map(|(trigger, action)| of_action(*trigger, *action)).collect(),
            wire::PolicyAttributes {
                expiry_time: policy.expiry.map(|period| period.to_string()),
                created: Some(policy.created_s),
                updated: Some(policy.updated_s),
            },
        ),
    };
    wire::RotationPolicy { id: host.rotation_policy_id(key), lifetime_actions: actions, attributes }
}

fn of_action(trigger: Trigger, action: LifetimeAction) -> wire::LifetimeAction<&'static str> {
    let (time_after_create, time_before_expiry) = match trigger {
        Trigger::AfterCreate(period) => (Some(period.to_string()), None),
        Trigger::BeforeExpiry(period) => (None, Some(period.to_string())),
    };
    let kind = match action {
        LifetimeAction::Notify => "Notify",
        LifetimeAction::Rotate => "Rotate",
    };
    wire::LifetimeAction {
        trigger: wire::Object(wire::PolicyTrigger { time_after_create, time_before_expiry }),
        action: wire::Object(wire::PolicyAction { kind }),
    }
}
