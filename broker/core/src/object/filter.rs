//! What Locate asks for, and the terms by which an object is found.

use std::collections::HashSet;

use super::{ObjectAlgorithm, ObjectId, ObjectKind, ObjectRecord, ObjectState, UsageMask};
use crate::algorithm::word_enum;
use crate::name::{KeyVersion, Principal};

word_enum! {
    /// What a term is about.
    TermField {
        Algorithm = "algorithm",
        Bits = "bits",
        Custom = "custom",
        Group = "group",
        Kek = "kek",
        Kind = "kind",
        Link = "link",
        Name = "name",
        Owner = "owner",
        State = "state",
    }
}

/// Something an object is found by, within its vault. The store keeps a keyed hash of it and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    pub field: TermField,
    pub value: Vec<u8>,
}

word_enum! {
    /// The dates that can be asked for (KMIP 1.4 sections 3.23 to 3.33).
    DateField {
        Initial = "Initial Date",
        Activation = "Activation Date",
        ProcessStart = "Process Start Date",
        ProtectStop = "Protect Stop Date",
        Deactivation = "Deactivation Date",
        Destroy = "Destroy Date",
        CompromiseOccurrence = "Compromise Occurrence Date",
        Compromise = "Compromise Date",
        LastChange = "Last Change Date",
    }
}

/// What an object must be to be found: all of it. Empty, it finds every object that is not destroyed; those
/// are found by their state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub id: Option<ObjectId>,
    pub kind: Option<ObjectKind>,
    pub state: Option<ObjectState>,
    pub algorithm: Option<ObjectAlgorithm>,
    pub bits: Option<u32>,
    /// Bits that must all be set.
    pub usage: UsageMask,
    pub names: Vec<String>,
    pub groups: Vec<String>,
    pub links: Vec<ObjectId>,
    pub owner: Option<Principal>,
    /// First and last second; the same twice for an exact time.
    pub dates: Vec<(DateField, i64, i64)>,
    /// (name, value as the front encodes it)
    pub custom: Vec<(String, Vec<u8>)>,
    pub fresh: Option<bool>,
}

impl Term {
    fn of(field: TermField, value: &[u8]) -> Self {
        Self { field, value: value.to_vec() }
    }

    /// Of every object whose key is wrapped under this version of the vault's KEK.
    #[must_use]
    pub fn of_kek(version: KeyVersion) -> Self {
        Self::of(TermField::Kek, &version.0)
    }

    fn of_custom(name: &str, value: &[u8]) -> Self {
        // The length first: no two pairs of name and value are the same bytes.
        Self::of(TermField::Custom, &[&(name.len() as u64).to_be_bytes(), name.as_bytes(), value].concat())
    }
}

impl Filter {
    /// What finds the objects that hold a name: an owner's own that are not destroyed, one filter for each state.
    pub fn holders(owner: &Principal, name: &str) -> impl Iterator<Item = Self> {
        ObjectState::ALL.iter().filter(|state| !state.is_destroyed()).map(|state| Self {
            names: vec![name.to_owned()],
            owner: Some(owner.clone()),
            state: Some(*state),
            ..Self::default()
        })
    }

    /// The terms an object must have, each once, those that tell the most first. State is one of them: what a date has changed is found by it once the change was
    /// written down.
    #[must_use]
    pub fn terms(&self) -> Vec<Term> {
        let text = |field, text: &str| Term::of(field, text.as_bytes());
        let mut terms: Vec<Term> = self.names.iter().map(|name| text(TermField::Name, name)).collect();
        terms.extend(self.links.iter().map(|link| Term::of(TermField::Link, &link.0)));
        terms.extend(self.custom.iter().map(|(name, value)| Term::of_custom(name, value)));
        terms.extend(self.groups.iter().map(|group| text(TermField::Group, group)));
        terms.extend(self.owner.iter().map(|owner| text(TermField::Owner, owner.as_str())));
        terms.extend(self.bits.iter().map(|bits| Term::of(TermField::Bits, &bits.to_be_bytes())));
        terms.extend(self.algorithm.iter().map(|algorithm| text(TermField::Algorithm, algorithm.word())));
        terms.extend(self.state.iter().map(|state| text(TermField::State, state.word())));
        terms.extend(self.kind.iter().map(|kind| text(TermField::Kind, kind.word())));
        let mut seen = HashSet::with_capacity(terms.len());
        terms.retain(|term| seen.insert(term.clone()));
        terms
    }

    /// Whether an object is all of it, at a time.
    #[must_use]
    pub fn finds(&self, record: &ObjectRecord, now_s: i64) -> bool {
        let attributes = &record.attributes;
        self.id.is_none_or(|id| id == record.id)
            && self.kind.is_none_or(|kind| kind == record.kind)
            // A destroyed object is there only for who asks for it.
            && match self.state {
                Some(state) => state == record.state_at(now_s),
                None => !record.life.state.is_destroyed(),
            }
            && self.algorithm.is_none_or(|algorithm| record.algorithm == Some(algorithm))
            && self.bits.is_none_or(|bits| record.bits == Some(bits))
            && attributes.usage.0 & self.usage.0 == self.usage.0
            && self.names.iter().all(|name| attributes.names.iter().any(|has| has.value.text == *name))
            && self.groups.iter().all(|group| attributes.groups.iter().any(|has| has.value == *group))
            && self.links.iter().all(|link| attributes.links.iter().any(|(_, has)| has == link))
            && self.owner.as_ref().is_none_or(|owner| *owner == record.owner)
            && self.fresh.is_none_or(|fresh| fresh == record.life.fresh)
            && self
                .custom
                .iter()
                .all(|(name, value)| attributes.custom.iter().any(|has| has.name == *name && has.value == *value))
            && self.dates.iter().all(|(field, first_s, last_s)| {
                record.date(*field).is_some_and(|date_s| (*first_s..=*last_s).contains(&date_s))
            })
    }
}

impl ObjectRecord {
    /// A date of it (Unix seconds), if it has that one.
    #[must_use]
    pub const fn date(&self, field: DateField) -> Option<i64> {
        match field {
            DateField::Initial => Some(self.life.initial_s),
            DateField::Activation => self.attributes.activation_s,
            DateField::ProcessStart => self.attributes.process_start_s,
            DateField::ProtectStop => self.attributes.protect_stop_s,
            DateField::Deactivation => self.attributes.deactivation_s,
            DateField::Destroy => self.life.destroy_s,
            DateField::CompromiseOccurrence => self.life.compromise_occurrence_s,
            DateField::Compromise => self.life.compromise_s,
            DateField::LastChange => Some(self.life.last_change_s),
        }
    }

    /// Every term it is found by, each once.
    #[must_use]
    pub fn terms(&self) -> Vec<Term> {
        let attributes = &self.attributes;
        let found_by = Filter {
            kind: Some(self.kind),
            state: Some(self.life.state),
            algorithm: self.algorithm,
            bits: self.bits,
            names: attributes.names.iter().map(|name| name.value.text.clone()).collect(),
            groups: attributes.groups.iter().map(|group| group.value.clone()).collect(),
            links: attributes.links.iter().map(|(_, link)| *link).collect(),
            owner: Some(self.owner.clone()),
            custom: attributes.custom.iter().map(|custom| (custom.name.clone(), custom.value.clone())).collect(),
            ..Filter::default()
        };
        let mut terms = found_by.terms();
        if let super::Kept::Secret(sealed) = &self.kept {
            terms.push(Term::of_kek(sealed.kek));
        }
        terms
    }
}
