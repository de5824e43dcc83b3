//! Names that a commit gives to an object: looked for among all others in the transaction that gives them.

use broker_core::object::{Filter, ObjectId};
use broker_core::port::Change;
use rusqlite::Connection;

use crate::keyring::Keyring;
use crate::object::{self, Asked};
use crate::refuse::StoreError;

/// Enough to see one that is not the object itself.
const HOLDERS_MAX: usize = 2;

/// A name that nobody but this object may hold.
pub struct Claim {
    object: ObjectId,
    holders: Vec<Asked>,
}

impl Claim {
    /// What a commit's changes claim.
    pub fn of_changes(changes: &[Change], keyring: &Keyring) -> Vec<Self> {
        let mut claims = Vec::new();
        for change in changes {
            let Change::ClaimNames { vault, owner, object, names } = change else { continue };
            let asked = |filter: Filter| Asked {
                terms: object::ids_of(vault, &filter.terms(), keyring),
                before: None,
                most: HOLDERS_MAX,
            };
            let holders = names.iter().flat_map(|name| Filter::holders(owner, name)).map(asked).collect();
            claims.push(Self { object: *object, holders });
        }
        claims
    }

    /// Whether no other object holds it, in the connection's own transaction. One that is held by too many to look at is
    /// somebody's.
    ///
    /// # Errors
    /// SQLite fails; a record does not open, or has not the terms it was found by.
    pub fn stands(&self, connection: &Connection, keyring: &Keyring) -> Result<bool, StoreError> {
        for asked in &self.holders {
            let found = object::walk(connection, keyring, asked)?;
            if found.is_none_or(|found| found.items.iter().any(|object| object.id != self.object)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
