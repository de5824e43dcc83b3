//! Get Attributes, Get Attribute List, Add, Modify and Delete Attribute (KMIP 1.4 sections 4.12 to 4.16).

use std::sync::{Mutex, PoisonError};

use broker_core::object::{Attributes, ObjectId};
use broker_core::refusal::Refusal;

use super::{Desk, id_item};
use crate::attribute::{self, Attribute, Setter};
use crate::name::Tag;
use crate::read::{self, Fields};
use crate::refuse::Problem;
use crate::table::ResultReason;
use crate::ttlv::Item;
use crate::wire::Outcome;

/// Names in one request, at most.
const NAMES_MAX: usize = 256;

impl Desk<'_> {
    /// What is not there is left out: an object without the attribute is no error.
    pub(super) async fn get_attributes(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        let names: Vec<&str> = payload.all(Tag::AttributeName).map(read::text).collect::<Result<_, _>>()?;
        if names.len() > NAMES_MAX {
            return Err(Problem::invalid_field(format!("at most {NAMES_MAX} attributes are asked for at once")));
        }
        let all = self.attributes(id).await?;
        let mut items = vec![id_item(id)];
        if names.is_empty() {
            items.extend(all.iter().map(|attribute| attribute.write(self.minor)));
        }
        for (at, name) in names.iter().enumerate().filter(|(at, name)| !names[..*at].contains(name)) {
            debug_assert_eq!(names[at], *name);
            items.extend(all.iter().filter(|one| one.name == *name).map(|one| one.write(self.minor)));
        }
        Ok(items)
    }

    pub(super) async fn get_attribute_list(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        let mut names: Vec<String> = self.attributes(id).await?.into_iter().map(|one| one.name).collect();
        names.dedup(); // the values of one name stand together
        Ok(std::iter::once(id_item(id))
            .chain(names.into_iter().map(|name| Item::text(Tag::AttributeName, name)))
            .collect())
    }

    /// What there is to say of an object to a client of this version.
    async fn attributes(&self, id: ObjectId) -> Result<Vec<Attribute>, Problem> {
        let view = self.broker.get_object(&self.asker, self.vault.clone(), id).await?;
        let mut all = attribute::of_object(&view);
        all.retain(|attribute| attribute::is_known(&attribute.name, self.minor));
        Ok(all)
    }

    pub(super) async fn add_attribute(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        let item = payload.item(Tag::Attribute).ok_or_else(|| payload.missing(Tag::Attribute))?;
        let (wanted, has_index) = Attribute::read(item)?;
        if has_index && wanted.index != 0 {
            return Err(Problem::invalid_field("the server chooses the index of a new attribute value"));
        }
        self.check_may_set(&wanted.name)?;
        let done = self
            .change(id, &wanted.name, |all| {
                let index = attribute::next_index(all, &wanted.name);
                // A flag that was never said is there all the same, and so is added by saying it.
                let unsaid = matches!(wanted.name.as_str(), "Sensitive" | "Extractable");
                if index > 0 && !attribute::may_have_many(&wanted.name) && !unsaid {
                    let problem = format!("attribute {} is there already and has one value", wanted.name);
                    return Err(Refusal::Conflict { problem });
                }
                all.retain(|one| !unsaid || one.name != wanted.name);
                let added = Attribute { index: if unsaid { 0 } else { index }, ..wanted.clone() };
                all.push(added.clone());
                Ok(added)
            })
            .await?;
        Ok(vec![id_item(id), done.write(self.minor)])
    }

    pub(super) async fn modify_attribute(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        let item = payload.item(Tag::Attribute).ok_or_else(|| payload.missing(Tag::Attribute))?;
        let (wanted, _) = Attribute::read(item)?;
        self.check_may_set(&wanted.name)?;
        let done = self
            .change(id, &wanted.name, |all| {
                let found = all.iter_mut().find(|one| one.name == wanted.name && one.index == wanted.index);
                let old = found.ok_or_else(|| not_there(&wanted.name, wanted.index))?;
                *old = wanted.clone();
                Ok(wanted.clone())
            })
            .await?;
        Ok(vec![id_item(id), done.write(self.minor)])
    }

    pub(super) async fn delete_attribute(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        let name = payload.need(Tag::AttributeName, read::text)?;
        let index = payload.get(Tag::AttributeIndex, read::count)?.unwrap_or(0);
        self.check_may_set(name)?;
        if attribute::find(name).is_some_and(|row| row.setter == Setter::ClientForGood) {
            return Err(Problem::new(ResultReason::PermissionDenied, format!("attribute {name} is never deleted")));
        }
        let done = self
            .change(id, name, |all| {
                let at = all.iter().position(|one| one.name == name && one.index == index);
                Ok(all.remove(at.ok_or_else(|| not_there(name, index))?))
            })
            .await?;
        Ok(vec![id_item(id), done.write(self.minor)])
    }

    fn check_may_set(&self, name: &str) -> Result<(), Problem> {
        if !attribute::is_known(name, self.minor) {
            return Err(Problem::invalid_field(format!("KMIP 1.{} has no attribute {name}", self.minor)));
        }
        attribute::check_settable(name)
    }

    /// Changes what a client set, and gives the value that the change was about.
    async fn change(
        &self,
        id: ObjectId,
        name: &str,
        change: impl Fn(&mut Vec<Attribute>) -> Result<Attribute, Refusal> + Send + Sync,
    ) -> Result<Attribute, Problem> {
        let done = Mutex::new(None);
        let edit = |attributes: &mut Attributes| {
            let mut all = attribute::of_core(attributes);
            let about = change(&mut all)?;
            let next =
                attribute::to_core(&all).map_err(|problem| Refusal::BadRequest { problem: problem.message() })?;
            *attributes = next;
            *done.lock().unwrap_or_else(PoisonError::into_inner) = Some(about);
            Ok(())
        };
        // The audit takes names from a closed list.
        let what = attribute::find(name).map_or("custom attribute", |row| row.name);
        self.broker.update_object(&self.asker, self.vault.clone(), id, what, &edit).await?;
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.ok_or_else(|| Problem::new(ResultReason::GeneralFailure, "the change was not made"))
    }
}

fn not_there(name: &str, index: u32) -> Refusal {
    Refusal::NotFound { what: format!("attribute {name} with index {index}") }
}
