//! Query and Discover Versions (KMIP 1.4 sections 4.25 and 4.26): what the server is, answered without the core.

use broker_core::object::ObjectKind;

use super::Desk;
use crate::attribute;
use crate::name::Tag;
use crate::read::{self, Fields};
use crate::refuse::Problem;
use crate::route::ROUTES;
use crate::table::{ClientRegistrationMethod, QueryFunction, RNGMode};
use crate::translate::of_word;
use crate::ttlv::Item;
use crate::wire::{MINOR_MAX, Outcome};

impl Desk<'_> {
    pub(super) fn query(&self, payload: Fields<'_>) -> Outcome {
        let mut items = Vec::new();
        let mut asked = Vec::new();
        for item in payload.all(Tag::QueryFunction) {
            let function = QueryFunction::from_u32(read::enumeration(item)?);
            // What we do not know we have nothing to say to; twice asked is once answered.
            if let Some(function) = function.filter(|function| !asked.contains(function)) {
                asked.push(function);
                self.say(function, &mut items);
            }
        }
        if asked.is_empty() && !payload.has(Tag::QueryFunction) {
            return Err(payload.missing(Tag::QueryFunction));
        }
        // The payload's order is the standard's, whatever was asked for first.
        items.sort_by_key(|item| ORDER.iter().position(|tag| *tag == item.tag));
        Ok(items)
    }

    fn say(&self, function: QueryFunction, items: &mut Vec<Item>) {
        match function {
            QueryFunction::QueryOperations => {
                let known = ROUTES.iter().filter(|route| route.since <= self.minor);
                items.extend(known.map(|route| Item::enumeration(Tag::Operation, route.operation.value())));
            }
            QueryFunction::QueryObjects => {
                items.extend(ObjectKind::ALL.iter().map(|kind| of_word(Tag::ObjectType, *kind)));
            }
            QueryFunction::QueryServerInformation => {
                items.push(Item::text(Tag::VendorIdentification, self.settings.vendor.as_str()));
                items.push(Item::structure(Tag::ServerInformation, Vec::new()));
            }
            QueryFunction::QueryRNGs if self.minor >= 3 => {
                items.push(Item::structure(Tag::RNGParameters, attribute::generator()));
            }
            QueryFunction::QueryCapabilities if self.minor >= 3 => items.push(capabilities(self.minor)),
            QueryFunction::QueryClientRegistrationMethods if self.minor >= 3 => {
                let method = ClientRegistrationMethod::Unspecified;
                items.push(Item::enumeration(Tag::ClientRegistrationMethod, method.value()));
            }
            // Nothing of the kind: no extensions of our own, no namespaces of the server's, no attestation, no validations.
            QueryFunction::QueryApplicationNamespaces
            | QueryFunction::QueryAttestationTypes
            | QueryFunction::QueryCapabilities
            | QueryFunction::QueryClientRegistrationMethods
            | QueryFunction::QueryExtensionList
            | QueryFunction::QueryExtensionMap
            | QueryFunction::QueryProfiles
            | QueryFunction::QueryRNGs
            | QueryFunction::QueryValidations => {}
        }
    }
}

const ORDER: &[Tag] = &[
    Tag::Operation,
    Tag::ObjectType,
    Tag::VendorIdentification,
    Tag::ServerInformation,
    Tag::RNGParameters,
    Tag::CapabilityInformation,
    Tag::ClientRegistrationMethod,
];

/// Section 2.1.23.
fn capabilities(minor: u8) -> Item {
    let mut items = vec![
        Item::boolean(Tag::StreamingCapability, false),
        Item::boolean(Tag::AsynchronousCapability, false),
        Item::boolean(Tag::AttestationCapability, false),
    ];
    if minor >= 4 {
        items.push(Item::boolean(Tag::BatchUndoCapability, true));
        items.push(Item::boolean(Tag::BatchContinueCapability, true));
    }
    items.push(Item::enumeration(Tag::RNGMode, RNGMode::SharedInstantiation.value()));
    Item::structure(Tag::CapabilityInformation, items)
}

/// All versions, or those of the client's that are spoken here, the newest first.
pub(super) fn discover_versions(payload: Fields<'_>) -> Outcome {
    let mut theirs = Vec::new();
    for item in payload.all(Tag::ProtocolVersion) {
        let version = Fields::of(item)?;
        let number = |tag| version.need(tag, read::integer);
        theirs.push((number(Tag::ProtocolVersionMajor)?, number(Tag::ProtocolVersionMinor)?));
    }
    let spoken =
        (0..=MINOR_MAX).rev().map(i32::from).filter(|minor| theirs.is_empty() || theirs.contains(&(1, *minor)));
    let version = |minor: i32| -> Result<Item, Problem> {
        let numbers =
            vec![Item::integer(Tag::ProtocolVersionMajor, 1), Item::integer(Tag::ProtocolVersionMinor, minor)];
        Ok(Item::structure(Tag::ProtocolVersion, numbers))
    };
    spoken.map(version).collect()
}
