//! The life of a managed object: KMIP 1.4 section 3.22, with its dates. Only the transitions described there are possible.

use super::{Attributes, DateField, Kept, ObjectRecord, ObjectState, RevocationReason, Usage};
use crate::refusal::Refusal;

/// Bytes of a revocation's message, at most.
pub const REVOCATION_MESSAGE_BYTES_MAX: usize = 1024;

/// Why an object was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    pub reason: RevocationReason,
    /// At most 1024 bytes.
    pub message: Option<String>,
}

/// What the broker alone sets. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// As of the record's last write: [`ObjectRecord::state_at`] says where it stands now.
    pub state: ObjectState,
    pub initial_s: i64,
    pub last_change_s: i64,
    pub compromise_s: Option<i64>,
    pub compromise_occurrence_s: Option<i64>,
    pub destroy_s: Option<i64>,
    pub revocation: Option<Revocation>,
    pub always_sensitive: bool,
    pub never_extractable: bool,
    /// Not given out or used by a client yet (section 3.34).
    pub fresh: bool,
}

impl Life {
    /// Of an object that is made now.
    #[must_use]
    pub const fn beginning(now_s: i64, attributes: &Attributes) -> Self {
        Self {
            state: ObjectState::PreActive,
            initial_s: now_s,
            last_change_s: now_s,
            compromise_s: None,
            compromise_occurrence_s: None,
            destroy_s: None,
            revocation: None,
            always_sensitive: attributes.sensitive,
            never_extractable: attributes.unextractable,
            fresh: true,
        }
    }
}

impl Attributes {
    /// Sections 3.24 to 3.27: each of these dates in its order, where both are given.
    pub(super) fn check_dates(&self) -> Result<(), Refusal> {
        let rows = [
            ("Activation Date", self.activation_s, "Process Start Date", self.process_start_s),
            ("Activation Date", self.activation_s, "Protect Stop Date", self.protect_stop_s),
            ("Activation Date", self.activation_s, "Deactivation Date", self.deactivation_s),
            ("Process Start Date", self.process_start_s, "Deactivation Date", self.deactivation_s),
            ("Protect Stop Date", self.protect_stop_s, "Deactivation Date", self.deactivation_s),
        ];
        for (first, before, second, after) in rows {
            if let (Some(before), Some(after)) = (before, after)
                && after < before
            {
                let problem = format!("{second} {after} is before {first} {before}");
                return Err(Refusal::BadRequest { problem });
            }
        }
        Ok(())
    }
}

impl ObjectRecord {
    /// Where it stands at a time: dates that have come do their work whether or not it was written down.
    #[must_use]
    pub fn state_at(&self, now_s: i64) -> ObjectState {
        let come = |date: Option<i64>| date.is_some_and(|date_s| date_s <= now_s);
        let active = match self.life.state {
            ObjectState::PreActive => come(self.attributes.activation_s),
            ObjectState::Active => true,
            _ => return self.life.state,
        };
        match active {
            false => ObjectState::PreActive,
            true if come(self.attributes.deactivation_s) => ObjectState::Deactivated,
            true => ObjectState::Active,
        }
    }

    /// When a date changes its state next (Unix seconds).
    #[must_use]
    pub const fn next_due_s(&self) -> Option<i64> {
        match self.life.state {
            ObjectState::PreActive => self.attributes.activation_s,
            ObjectState::Active => self.attributes.deactivation_s,
            _ => None,
        }
    }

    /// The object with its state as it is now.
    #[must_use]
    pub fn settled(&self, now_s: i64) -> Self {
        let mut next = self.clone();
        next.life.state = self.state_at(now_s);
        next
    }

    /// Whether it may be used so now: the state, the dates and the usage mask allow it.
    ///
    /// # Errors
    /// `ObjectWrongState`, `ObjectUsageExcluded`.
    pub fn check_use(&self, usage: Usage, now_s: i64) -> Result<(), Refusal> {
        let state = self.state_at(now_s);
        let begun = self.attributes.process_start_s.is_none_or(|first_s| now_s >= first_s);
        let protects = self.attributes.protect_stop_s.is_none_or(|end_s| now_s < end_s);
        let allowed = match state {
            ObjectState::Active => begun && (protects || !usage.protects()),
            ObjectState::Compromised | ObjectState::Deactivated => !usage.protects(),
            ObjectState::PreActive | ObjectState::Destroyed | ObjectState::DestroyedCompromised => false,
        };
        if !allowed {
            return self.wrong_state(state, usage.word());
        }
        if self.attributes.usage.contains(usage) {
            return Ok(());
        }
        Err(Refusal::ObjectUsageExcluded { object: self.id, usage })
    }

    /// Transition 4 by Activate.
    ///
    /// # Errors
    /// `ObjectWrongState` when it is not pre-active.
    pub fn activated(&self, now_s: i64) -> Result<Self, Refusal> {
        let mut next = self.changed(now_s);
        match next.life.state {
            ObjectState::PreActive => {
                next.life.state = ObjectState::Active;
                next.attributes.activation_s = Some(now_s);
                Ok(next)
            }
            state => self.wrong_state(state, "activated"),
        }
    }

    /// Transitions 3, 5, 6, 8 and 10 by Revoke. A compromise that began at no known time began with the object.
    ///
    /// # Errors
    /// `ObjectWrongState`; `BadRequest` for a message that is too long.
    pub fn revoked(&self, now_s: i64, why: Revocation, occurrence_s: Option<i64>) -> Result<Self, Refusal> {
        if why.message.as_ref().is_some_and(|message| message.len() > REVOCATION_MESSAGE_BYTES_MAX) {
            let problem = format!("a revocation's message has at most {REVOCATION_MESSAGE_BYTES_MAX} bytes");
            return Err(Refusal::BadRequest { problem });
        }
        let mut next = self.changed(now_s);
        let compromised = matches!(why.reason, RevocationReason::KeyCompromise | RevocationReason::CaCompromise);
        next.life.state = match (next.life.state, compromised) {
            (ObjectState::PreActive | ObjectState::Active | ObjectState::Deactivated, true) => ObjectState::Compromised,
            (ObjectState::Destroyed, true) => ObjectState::DestroyedCompromised,
            (ObjectState::Active, false) => ObjectState::Deactivated,
            (state, _) => return self.wrong_state(state, "revoked"),
        };
        if compromised {
            next.life.compromise_s = Some(now_s);
            next.life.compromise_occurrence_s = Some(occurrence_s.unwrap_or(self.life.initial_s));
        } else {
            next.attributes.deactivation_s = Some(now_s);
        }
        next.life.revocation = Some(why);
        Ok(next)
    }

    /// Transitions 2, 7 and 9 by Destroy: its bytes are gone.
    ///
    /// # Errors
    /// `ObjectWrongState` when it is active or destroyed already.
    pub fn destroyed(&self, now_s: i64) -> Result<Self, Refusal> {
        let mut next = self.changed(now_s);
        next.life.state = match next.life.state {
            ObjectState::PreActive | ObjectState::Deactivated => ObjectState::Destroyed,
            ObjectState::Compromised => ObjectState::DestroyedCompromised,
            state => return self.wrong_state(state, "destroyed"),
        };
        next.life.destroy_s = Some(now_s);
        next.kept = Kept::Gone;
        Ok(next)
    }

    /// The object with other attributes, if they may become so now (sections 3.24 to 3.27): a date that has done its work
    /// is not moved any more.
    ///
    /// # Errors
    /// `ObjectWrongState`; what [`Attributes::check`] refuses.
    pub fn with_attributes(&self, wanted: Attributes, now_s: i64) -> Result<Self, Refusal> {
        wanted.check()?;
        let (state, old) = (self.state_at(now_s), &self.attributes);
        if state.is_destroyed() {
            return self.wrong_state(state, "changed");
        }
        for (field, before, after) in [
            (DateField::Activation, old.activation_s, wanted.activation_s),
            (DateField::Deactivation, old.deactivation_s, wanted.deactivation_s),
            (DateField::ProcessStart, old.process_start_s, wanted.process_start_s),
            (DateField::ProtectStop, old.protect_stop_s, wanted.protect_stop_s),
        ] {
            if before != after {
                self.check_date_moves(field, now_s)?;
            }
        }
        if old.usage_limits != wanted.usage_limits && old.usage_limits.is_some_and(|limits| limits.left < limits.total)
        {
            return self.wrong_state(state, "given other usage limits, because some of them are used");
        }
        let mut next = self.changed(now_s);
        next.life.always_sensitive &= wanted.sensitive;
        next.life.never_extractable &= wanted.unextractable;
        next.attributes = wanted;
        Ok(next.settled(now_s))
    }

    /// Whether a date that a client sets may still be set: one that has done its work is not, not even to what it is.
    ///
    /// # Errors
    /// `ObjectWrongState`.
    pub fn check_date_moves(&self, field: DateField, now_s: i64) -> Result<(), Refusal> {
        let state = self.state_at(now_s);
        let come = self.date(field).is_some_and(|date_s| date_s <= now_s);
        let lives = matches!(state, ObjectState::PreActive | ObjectState::Active);
        let moves = match field {
            DateField::Activation => state == ObjectState::PreActive,
            DateField::Deactivation => lives,
            DateField::ProcessStart | DateField::ProtectStop => lives && !come,
            DateField::Compromise
            | DateField::CompromiseOccurrence
            | DateField::Destroy
            | DateField::Initial
            | DateField::LastChange => false,
        };
        if moves { Ok(()) } else { self.wrong_state(state, "given another date") }
    }

    fn changed(&self, now_s: i64) -> Self {
        let mut next = self.settled(now_s);
        next.life.last_change_s = now_s;
        next
    }
}
