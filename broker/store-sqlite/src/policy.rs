//! What a rotation policy looks like when it is written down, within its key's record.

use broker_core::rotation::{LifetimeAction, Period, RotationPolicy, Trigger};
use serde::{Deserialize, Serialize};

/// (months, days).
type PeriodMirror = (u32, u32);

#[derive(Serialize, Deserialize)]
pub struct PolicyMirror {
    actions: Vec<(TriggerMirror, ActionMirror)>,
    expiry: Option<PeriodMirror>,
    created_s: i64,
    updated_s: i64,
}

/// The order of the variants is their number on disk: new ones go last.
#[derive(Serialize, Deserialize)]
enum TriggerMirror {
    AfterCreate(PeriodMirror),
    BeforeExpiry(PeriodMirror),
}

/// The order of the variants is their number on disk: new ones go last.
#[derive(Serialize, Deserialize)]
enum ActionMirror {
    Notify,
    Rotate,
}

impl PolicyMirror {
    pub fn of(policy: &RotationPolicy) -> Self {
        let action = |(trigger, action): &(Trigger, LifetimeAction)| {
            let trigger = match trigger {
                Trigger::AfterCreate(period) => TriggerMirror::AfterCreate(mirror_of(*period)),
                Trigger::BeforeExpiry(period) => TriggerMirror::BeforeExpiry(mirror_of(*period)),
            };
            let action = match action {
                LifetimeAction::Notify => ActionMirror::Notify,
                LifetimeAction::Rotate => ActionMirror::Rotate,
            };
            (trigger, action)
        };
        Self {
            actions: policy.actions.iter().map(action).collect(),
            expiry: policy.expiry.map(mirror_of),
            created_s: policy.created_s,
            updated_s: policy.updated_s,
        }
    }

    pub fn into_core(self) -> RotationPolicy {
        let action = |(trigger, action)| {
            let trigger = match trigger {
                TriggerMirror::AfterCreate(period) => Trigger::AfterCreate(period_of(period)),
                TriggerMirror::BeforeExpiry(period) => Trigger::BeforeExpiry(period_of(period)),
            };
            let action = match action {
                ActionMirror::Notify => LifetimeAction::Notify,
                ActionMirror::Rotate => LifetimeAction::Rotate,
            };
            (trigger, action)
        };
        RotationPolicy {
            actions: self.actions.into_iter().map(action).collect(),
            expiry: self.expiry.map(period_of),
            created_s: self.created_s,
            updated_s: self.updated_s,
        }
    }
}

const fn mirror_of(period: Period) -> PeriodMirror {
    (period.months, period.days)
}

const fn period_of((months, days): PeriodMirror) -> Period {
    Period { months, days }
}
