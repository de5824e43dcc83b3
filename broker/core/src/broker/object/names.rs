//! Names of objects (KMIP 1.4 section 3.2: unique within a key management domain). What a client sees is such a domain: its
//! own objects in one vault. Were it the vault as a whole, a refusal would tell of objects that are another's alone, and who
//! came first could keep a name from all others. A destroyed object holds no name.

use std::sync::Arc;

use super::Broker;
use crate::name::{Principal, VaultName};
use crate::object::{Attributes, Filter, ObjectId, ObjectRecord};
use crate::port::Change;
use crate::refusal::Failure;

/// Enough to see one that does not count.
const HOLDERS_MAX: usize = 2;

/// Names that are about to be given to an object.
pub(super) struct Naming<'a> {
    pub vault: &'a VaultName,
    pub owner: &'a Principal,
    pub object: ObjectId,
    pub names: Vec<String>,
}

/// The names that the later attributes have and the earlier have not.
pub(super) fn added(before: &Attributes, after: &Attributes) -> Vec<String> {
    let had = |text: &str| before.names.iter().any(|name| name.value.text == text);
    let names = after.names.iter().map(|name| &name.value.text);
    names.filter(|text| !had(text)).cloned().collect()
}

impl Naming<'_> {
    /// What has the store refuse the commit if another was faster; none when no name is given.
    pub(super) fn claim(&self) -> Option<Change> {
        (!self.names.is_empty()).then(|| Change::ClaimNames {
            vault: self.vault.clone(),
            owner: self.owner.clone(),
            object: self.object,
            names: self.names.clone(),
        })
    }
}

impl Broker {
    /// The first of the names that another object holds; one that gives its names up in these changes does not count.
    pub(super) async fn taken_name(&self, naming: &Naming<'_>, changes: &[Change]) -> Result<Option<String>, Failure> {
        let keeps = |holder: &Arc<ObjectRecord>, name: &str| {
            let changed = changes.iter().find_map(|change| match change {
                Change::PutObject(next) if next.id == holder.id => Some(next),
                _ => None,
            });
            let record = changed.unwrap_or(holder);
            holder.id != naming.object && record.attributes.names.iter().any(|has| has.value.text == name)
        };
        for name in &naming.names {
            for filter in Filter::holders(naming.owner, name) {
                let page = self.store.objects(naming.vault, &filter.terms(), None, HOLDERS_MAX).await?;
                if page.items.iter().any(|holder| keeps(holder, name)) {
                    return Ok(Some(name.clone()));
                }
            }
        }
        Ok(None)
    }
}

/// What the caller is told: it is among its own objects, so nothing is given away.
pub(super) fn taken(name: &str) -> String {
    format!("the name {name:?} is held by another object of the same owner in this vault; names are unique")
}
