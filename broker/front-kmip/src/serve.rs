//! From a batch item to the broker's verb and back to a payload.

mod attributes;
mod compute;
mod create;
mod get;
mod life;
mod locate;
mod server;

use broker_core::broker::Broker;
use broker_core::entry::Asker;
use broker_core::name::VaultName;
use broker_core::object::ObjectId;
use broker_core::refusal::Refusal;

use crate::Settings;
use crate::name::Tag;
use crate::read::{self, Fields};
use crate::refuse::Problem;
use crate::route;
use crate::table::{Operation, ResultReason};
use crate::ttlv::Item;
use crate::wire::{Ask, Outcome};

/// One request being served: its items share the asker, the version and the ID placeholder.
pub(crate) struct Desk<'a> {
    broker: &'a Broker,
    settings: &'a Settings,
    minor: u8,
    vault: VaultName,
    asker: Asker,
    /// Section 1.4, ID Placeholder: the object that the last operation was about.
    placeholder: Option<ObjectId>,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(broker: &'a Broker, settings: &'a Settings, minor: u8, vault: VaultName, asker: Asker) -> Self {
        Self { broker, settings, minor, vault, asker, placeholder: None }
    }

    pub(crate) async fn serve(&mut self, ask: &Ask<'_>) -> Outcome {
        if let Some(problem) = &ask.problem {
            return Err(problem.clone());
        }
        let not_supported = || {
            let name = ask.operation.map_or("this operation", Operation::words);
            Problem::new(ResultReason::OperationNotSupported, format!("{name} is not served in KMIP 1.{}", self.minor))
        };
        // A client may ask for versions before it knows any (section 4.26).
        let since = |route: &route::Route| if route.operation == Operation::DiscoverVersions { 0 } else { route.since };
        let route = ask.operation.and_then(route::find).filter(|route| since(route) <= self.minor);
        let operation = route.ok_or_else(not_supported)?.operation;
        let payload = match ask.payload {
            Some(payload) => Fields::of(payload)?,
            None => Fields::none(Tag::RequestPayload),
        };
        self.perform(operation, payload).await
    }

    async fn perform(&mut self, operation: Operation, payload: Fields<'_>) -> Outcome {
        match operation {
            Operation::Activate => self.activate(payload).await,
            Operation::AddAttribute => self.add_attribute(payload).await,
            Operation::Check => self.check(payload).await,
            Operation::Create => self.create(payload).await,
            Operation::CreateKeyPair => self.create_key_pair(payload).await,
            Operation::Decrypt => self.decrypt(payload).await,
            Operation::DeleteAttribute => self.delete_attribute(payload).await,
            Operation::DeriveKey => self.derive_key(payload).await,
            Operation::Destroy => self.destroy(payload).await,
            Operation::DiscoverVersions => server::discover_versions(payload),
            Operation::Encrypt => self.encrypt(payload).await,
            Operation::Get => self.get(payload).await,
            Operation::GetAttributeList => self.get_attribute_list(payload).await,
            Operation::GetAttributes => self.get_attributes(payload).await,
            Operation::Hash => self.hash(payload).await,
            Operation::Locate => self.locate(payload).await,
            Operation::MAC => self.mac(payload).await,
            Operation::MACVerify => self.mac_verify(payload).await,
            Operation::ModifyAttribute => self.modify_attribute(payload).await,
            Operation::Query => self.query(payload),
            Operation::ReKey => self.rekey(payload).await,
            Operation::ReKeyKeyPair => self.rekey_key_pair(payload).await,
            Operation::Register => self.register(payload).await,
            Operation::Revoke => self.revoke(payload).await,
            Operation::RNGRetrieve => self.rng_retrieve(payload).await,
            Operation::Sign => self.sign(payload).await,
            Operation::SignatureVerify => self.signature_verify(payload).await,
            other => Err(Problem::new(ResultReason::OperationNotSupported, format!("{} is not served", other.words()))),
        }
    }

    /// The object that a payload is about: named, or the last one. It becomes the last one itself.
    fn subject(&mut self, payload: &Fields<'_>) -> Result<ObjectId, Problem> {
        let id = match payload.get(Tag::UniqueIdentifier, read::text)? {
            Some(text) => parse_id(text)?,
            None => self.placeholder.ok_or_else(|| {
                Problem::new(ResultReason::MissingData, "there is neither a Unique Identifier nor an ID Placeholder")
            })?,
        };
        self.placeholder = Some(id);
        Ok(id)
    }
}

/// # Errors
/// `ItemNotFound`: an id that is none of ours is that of an object that is not here.
fn parse_id(text: &str) -> Result<ObjectId, Problem> {
    ObjectId::parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        Problem::from(Refusal::NotFound { what: format!("object {shown:?}") })
    })
}

fn id_item(id: ObjectId) -> Item {
    Item::text(Tag::UniqueIdentifier, id.to_string())
}
