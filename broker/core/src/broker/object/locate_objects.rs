//! locate-objects: which objects are all of something.

use super::super::deed::Deed;
use super::super::{Broker, vault_of};
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::name::VaultName;
use crate::object::{Filter, ObjectId};
use crate::permission::Permission;
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

/// Ids in one answer, and objects to be skipped before it, at most.
pub const LOCATED_MAX: usize = 10_000;
/// Objects that are looked at for one answer, at most: those that have the terms, but not all else that was asked for.
const LOOKED_AT_MAX: usize = 20_000;
/// Objects read at once.
const PAGE_OBJECTS: usize = 256;

/// What Locate asks for.
#[derive(Debug, Clone)]
pub struct LocateObjects {
    pub vault: VaultName,
    pub filter: Filter,
    /// How many of those found are left out, the newest first.
    pub skip: usize,
    /// How many are wanted at most; none: as many as one answer can hold.
    pub most: Option<usize>,
}

impl Broker {
    /// The ids of a vault's objects that the filter finds, the newest first. Who holds `list` on the vault finds all of
    /// them, who holds `objectOwn` its own.
    ///
    /// # Errors
    /// `Forbidden`, `VaultNotFound`, `BadRequest` when too many objects would have to be looked at.
    pub async fn locate_objects(&self, asker: &Asker, ask: LocateObjects) -> Result<Vec<ObjectId>, Refusal> {
        let mut deed = self.begin(asker, Operation::LocateObjects, Scope::Vault(ask.vault.clone()));
        let result = self.locate_decided(&mut deed, ask).await;
        self.finish(deed, result).await
    }

    async fn locate_decided(&self, deed: &mut Deed<'_>, mut ask: LocateObjects) -> Result<Vec<ObjectId>, Failure> {
        let sees_all = Self::holds(deed, Permission::List, &Scope::Vault(ask.vault.clone()))?;
        let owner = deed.asker.principal.clone();
        let _spent: Permit<verb::LocateObjects> = deed.permit_on_object(&owner)?;
        let vault = vault_of(deed.turn()?, &ask.vault)?;
        // Its own alone, whosever it asked for.
        if !sees_all && ask.filter.owner.replace(owner.clone()).is_some_and(|asked| asked != owner) {
            return Ok(Vec::new());
        }
        let most = ask.most.unwrap_or(LOCATED_MAX).min(LOCATED_MAX);
        let too_many = |what: &str, count: usize| {
            Failure::bad_request(format!("{what} more than {count} objects; ask for something more particular"))
        };
        if ask.skip > LOCATED_MAX {
            return Err(too_many("the offset leaves out", LOCATED_MAX));
        }
        if let Some(id) = ask.filter.id {
            let record = self.store.object(&vault.name, id).await?;
            let found = record.filter(|record| ask.filter.finds(record, deed.now_s)).map(|record| record.id);
            return Ok(found.into_iter().skip(ask.skip).take(most).collect());
        }
        let terms = ask.filter.terms();
        let (mut found, mut looked_at, mut before, mut skip) = (Vec::new(), 0, None, ask.skip);
        while found.len() < most {
            let wanted = (most - found.len()).saturating_add(skip).min(PAGE_OBJECTS);
            let page = self.store.objects(&vault.name, &terms, before, wanted).await?;
            looked_at += page.items.len();
            for record in page.items.iter().filter(|record| ask.filter.finds(record, deed.now_s)) {
                match skip {
                    0 if found.len() < most => found.push(record.id),
                    0 => break,
                    _ => skip -= 1,
                }
            }
            match page.next {
                None => break,
                Some(_) if looked_at >= LOOKED_AT_MAX => return Err(too_many("this would look at", LOOKED_AT_MAX)),
                next => before = next,
            }
        }
        Ok(found)
    }
}
