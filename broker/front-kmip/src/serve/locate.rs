//! Locate (KMIP 1.4 section 4.9): attributes out of a message into a filter of the core's.

use broker_core::broker::LocateObjects;
use broker_core::object::{DateField, Filter, LinkKind, ObjectAlgorithm, ObjectId, ObjectKind, ObjectState};

use super::{Desk, id_item};
use crate::attribute::{self, Attribute};
use crate::name::Tag;
use crate::read::{self, Fields};
use crate::refuse::Problem;
use crate::table::{ObjectGroupMember, StorageStatusMask};
use crate::translate::OnWire;
use crate::wire::Outcome;

impl Desk<'_> {
    pub(super) async fn locate(&mut self, payload: Fields<'_>) -> Outcome {
        let most = payload.get(Tag::MaximumItems, read::count)?;
        let skip = payload.get(Tag::OffsetItems, read::count)?.unwrap_or(0);
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let storage = payload.get(Tag::StorageStatusMask, read::count)?;
        let online = storage.is_none_or(|mask| mask & StorageStatusMask::OnLineStorage != 0);
        let found = match filter(&payload)? {
            Some(filter) if online => {
                let ask = LocateObjects { vault: self.vault.clone(), filter, skip: count(skip), most: most.map(count) };
                self.broker.locate_objects(&self.asker, ask).await?
            }
            _ => Vec::new(),
        };
        self.placeholder = match found.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        Ok(found.into_iter().map(id_item).collect())
    }
}

/// What is asked for; none when no object can be that. FortiGate puts its attributes into a template, so those count too.
fn filter(payload: &Fields<'_>) -> Result<Option<Filter>, Problem> {
    let mut filter = Filter::default();
    let template = payload.get(Tag::TemplateAttribute, read::structure)?;
    let inside = template.into_iter().flat_map(|template| template.all(Tag::Attribute).collect::<Vec<_>>());
    for item in payload.all(Tag::Attribute).chain(inside) {
        let (attribute, _) = Attribute::read(item)?;
        if !narrow(&mut filter, &attribute)? {
            return Ok(None);
        }
    }
    if let Some(item) = payload.item(Tag::ObjectGroupMember) {
        let fresh = read::one_of(item, ObjectGroupMember::from_u32)? == ObjectGroupMember::GroupMemberFresh;
        filter.fresh = fresh.then_some(true);
    }
    Ok(Some(filter))
}

/// Adds one attribute to a filter; false when nothing can have it.
fn narrow(filter: &mut Filter, attribute: &Attribute) -> Result<bool, Problem> {
    let value = &attribute.value;
    match attribute.name.as_str() {
        "Unique Identifier" => match ObjectId::parse(read::text(value)?) {
            Some(id) => filter.id = Some(id),
            None => return Ok(false),
        },
        "Name" => filter.names.push(name_of(value)?),
        "Object Type" => return one(&mut filter.kind, ObjectKind::of_wire(read::enumeration(value)?)),
        "State" => return one(&mut filter.state, ObjectState::of_wire(read::enumeration(value)?)),
        "Cryptographic Algorithm" => {
            return one(&mut filter.algorithm, ObjectAlgorithm::of_wire(read::enumeration(value)?));
        }
        "Cryptographic Length" => return one(&mut filter.bits, Some(read::count(value)?)),
        "Cryptographic Usage Mask" => filter.usage.0 |= attribute::usage_of(value)?.0,
        "Object Group" => filter.groups.push(read::text(value)?.to_owned()),
        "Link" => filter.links.push(linked(value)?),
        "Fresh" => return one(&mut filter.fresh, Some(read::boolean(value)?)),
        // Every object is leased out alike, and none says more of its making than when that was.
        "Lease Time" => return Ok(read::interval(value)? == attribute::LEASE_S),
        "Original Creation Date" => add_date(filter, DateField::Initial, read::date_time(value)?),
        name => match DateField::of_word(name) {
            Some(field) => add_date(filter, field, read::date_time(value)?),
            None => filter.custom.push((name.to_owned(), value.encode().to_vec())),
        },
    }
    Ok(true)
}

/// Asked for twice, it must be the same twice.
fn one<T: PartialEq + Copy>(place: &mut Option<T>, value: Option<T>) -> Result<bool, Problem> {
    let Some(value) = value else { return Ok(false) };
    Ok(*place.get_or_insert(value) == value)
}

/// Given once a date is meant exactly, given twice as a range (section 4.9).
fn add_date(filter: &mut Filter, field: DateField, date_s: i64) {
    match filter.dates.iter_mut().find(|(known, ..)| *known == field) {
        Some((_, first_s, last_s)) => (*first_s, *last_s) = (date_s.min(*first_s), date_s.max(*last_s)),
        None => filter.dates.push((field, date_s, date_s)),
    }
}

/// A name to look for: what it is called, whatever type the name has.
fn name_of(value: &crate::ttlv::Item) -> Result<String, Problem> {
    Ok(attribute::name_of(value)?.text)
}

fn linked(value: &crate::ttlv::Item) -> Result<ObjectId, Problem> {
    let fields = Fields::of(value)?;
    fields.get(Tag::LinkType, LinkKind::read)?;
    let text = fields.need(Tag::LinkedObjectIdentifier, read::text)?;
    super::parse_id(text)
}
