//! Messages (KMIP 1.4 sections 6 and 7): a request's header and items out of its bytes, a response's bytes out of its items.

use broker_core::secret::Secret;
use zeroize::Zeroizing;

use crate::name::Tag;
use crate::read::{self, Fields};
use crate::refuse::{Problem, reason_of};
use crate::table::{BatchErrorContinuationOption, CredentialType, Operation, ResultReason, ResultStatus};
use crate::ttlv::{HEADER_BYTES, Item, Value};

/// The newest minor version of KMIP 1 that is spoken.
pub const MINOR_MAX: u8 = 4;
/// A response has at least this much room for each item, or the request is not begun.
const ITEM_ROOM_BYTES: usize = 256;
/// Longest batch id that comes back.
const BATCH_ID_BYTES_MAX: usize = 256;

/// A request's header, as far as it concerns us.
#[derive(Debug)]
pub(crate) struct Header {
    pub minor: u8,
    pub after_failure: BatchErrorContinuationOption,
    pub response_bytes_max: usize,
    pub password: Option<Password>,
    pub batch_count: usize,
}

/// A username and its password, given beside the certificate.
#[derive(Debug)]
pub struct Password {
    pub username: String,
    pub password: Secret,
}

/// One item of a batch, before its operation is looked at.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub operation: Option<Operation>,
    /// Echoed as it came, known or not.
    pub operation_item: Option<&'a Item>,
    pub batch_id: Option<&'a Item>,
    pub payload: Option<&'a Item>,
    pub problem: Option<Problem>,
}

/// The version that a message says it speaks, as far as it can be read: what an error answers in.
pub(crate) fn spoken(bytes: &[u8]) -> u8 {
    // The header is the first thing in a message, whatever follows it is like.
    let version = || {
        let header = bytes.get(HEADER_BYTES..)?;
        let length = usize::try_from(u32::from_be_bytes(header.get(4..8)?.try_into().ok()?)).ok()?;
        let header = Item::decode(header.get(..HEADER_BYTES.checked_add(length)?)?).ok()?;
        version_of(Fields::of(&header).ok()?).ok()
    };
    version().unwrap_or(MINOR_MAX)
}

fn version_of(header: Fields<'_>) -> Result<u8, Problem> {
    let version = header.need(Tag::ProtocolVersion, read::structure)?;
    let (major, minor) = (
        version.need(Tag::ProtocolVersionMajor, read::integer)?,
        version.need(Tag::ProtocolVersionMinor, read::integer)?,
    );
    u8::try_from(minor).ok().filter(|minor| major == 1 && *minor <= MINOR_MAX).ok_or_else(|| {
        Problem::invalid_message(format!("KMIP {major}.{minor} is not spoken here, but 1.0 to 1.{MINOR_MAX} are"))
    })
}

impl Header {
    /// # Errors
    /// What rules the whole request out.
    pub(crate) fn read(message: &Fields<'_>, items_max: usize) -> Result<Self, Problem> {
        let header = message.need(Tag::RequestHeader, read::structure)?;
        let minor = version_of(header)?;
        let count = message.all(Tag::BatchItem).count();
        let said = header.need(Tag::BatchCount, read::count)?;
        if usize::try_from(said) != Ok(count) || count == 0 {
            return Err(Problem::invalid_message(format!("the batch count is {said}, and there are {count} items")));
        }
        if count > items_max {
            return Err(Problem::invalid_message(format!(
                "{count} items in one batch, but at most {items_max} are taken"
            )));
        }
        if header.get(Tag::AsynchronousIndicator, read::boolean)?.unwrap_or(false) {
            return Err(Problem::unsupported("requests are answered at once; leave the asynchronous indicator out"));
        }
        let option = header.item(Tag::BatchErrorContinuationOption);
        let option = option.map(|item| read::one_of(item, BatchErrorContinuationOption::from_u32)).transpose()?;
        let most = header.get(Tag::MaximumResponseSize, read::count)?;
        let response_bytes_max = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        if response_bytes_max < (count + 1).saturating_mul(ITEM_ROOM_BYTES) {
            return Err(Problem::new(
                ResultReason::ResponseTooLarge,
                format!("{response_bytes_max} bytes have no room for the answer to {count} items"),
            ));
        }
        let password = password(&header)?;
        let after_failure = option.unwrap_or(BatchErrorContinuationOption::Stop);
        Ok(Self { minor, after_failure, response_bytes_max, password, batch_count: count })
    }
}

/// The first username and password among the credentials; other types, vendors' among them, are passed over.
fn password(header: &Fields<'_>) -> Result<Option<Password>, Problem> {
    let Some(authentication) = header.get(Tag::Authentication, read::structure)? else { return Ok(None) };
    for item in authentication.all(Tag::Credential) {
        let credential = Fields::of(item)?;
        let kind = credential.need(Tag::CredentialType, read::enumeration)?;
        if kind != CredentialType::UsernameAndPassword.value() {
            continue;
        }
        let value = credential.need(Tag::CredentialValue, read::structure)?;
        let username = value.need(Tag::Username, read::text)?.to_owned();
        let password = value.get(Tag::Password, read::text)?.unwrap_or_default();
        return Ok(Some(Password { username, password: Secret::copied_from(password.as_bytes()) }));
    }
    Ok(None)
}

impl<'a> Ask<'a> {
    pub(crate) fn read(item: &'a Item) -> Self {
        let mut ask = Self { operation: None, operation_item: None, batch_id: None, payload: None, problem: None };
        if let Err(problem) = ask.fill(item) {
            ask.problem = Some(problem);
        }
        ask
    }

    fn fill(&mut self, item: &'a Item) -> Result<(), Problem> {
        let fields = Fields::of(item)?;
        self.operation_item = fields.item(Tag::Operation).filter(|item| matches!(item.value, Value::Enumeration(_)));
        let batch_id = fields.item(Tag::UniqueBatchItemID);
        self.batch_id = batch_id.filter(|item| item.value.bytes() <= BATCH_ID_BYTES_MAX);
        if batch_id.is_some() && self.batch_id.is_none() {
            return Err(Problem::invalid_field(format!("a batch item's id has at most {BATCH_ID_BYTES_MAX} bytes")));
        }
        let value = fields.need(Tag::Operation, read::enumeration)?;
        self.operation = Operation::from_u32(value);
        self.payload = fields.item(Tag::RequestPayload);
        let critical = |extension: &Item| {
            Fields::of(extension)
                .is_ok_and(|fields| fields.get(Tag::CriticalityIndicator, read::boolean) == Ok(Some(true)))
        };
        if fields.all(Tag::MessageExtension).any(critical) {
            return Err(Problem::unsupported("the message extension is marked critical and is not known here"));
        }
        Ok(())
    }
}

/// What became of one item.
pub(crate) type Outcome = Result<Vec<Item>, Problem>;

/// A batch item of a response.
pub(crate) fn answer_item(ask: &Ask<'_>, outcome: Outcome, minor: u8) -> Item {
    let mut items: Vec<Item> = ask.operation_item.into_iter().chain(ask.batch_id).cloned().collect();
    match outcome {
        Ok(payload) => {
            items.push(Item::enumeration(Tag::ResultStatus, ResultStatus::Success.value()));
            items.push(Item::structure(Tag::ResponsePayload, payload));
        }
        Err(problem) => {
            items.push(Item::enumeration(Tag::ResultStatus, ResultStatus::OperationFailed.value()));
            let reason = reason_of(&problem, ask.operation, minor);
            items.push(Item::enumeration(Tag::ResultReason, reason.value()));
            items.push(Item::text(Tag::ResultMessage, problem.message()));
        }
    }
    Item::structure(Tag::BatchItem, items)
}

/// The batch item of what was carried out and taken back (section 11.43).
pub(crate) fn undone_item(ask: &Ask<'_>) -> Item {
    let mut items: Vec<Item> = ask.operation_item.into_iter().chain(ask.batch_id).cloned().collect();
    items.push(Item::enumeration(Tag::ResultStatus, ResultStatus::OperationUndone.value()));
    Item::structure(Tag::BatchItem, items)
}

/// A whole response.
pub(crate) fn response(minor: u8, now_s: i64, items: Vec<Item>) -> Item {
    let count = i32::try_from(items.len()).expect("a batch has a limit far below this");
    let header = Item::structure(
        Tag::ResponseHeader,
        vec![
            Item::structure(
                Tag::ProtocolVersion,
                vec![
                    Item::integer(Tag::ProtocolVersionMajor, 1),
                    Item::integer(Tag::ProtocolVersionMinor, i32::from(minor)),
                ],
            ),
            Item::date_time(Tag::TimeStamp, now_s),
            Item::integer(Tag::BatchCount, count),
        ],
    );
    Item::structure(Tag::ResponseMessage, std::iter::once(header).chain(items).collect())
}

/// The response to a request of which nothing was begun.
pub(crate) fn refusal(minor: u8, now_s: i64, problem: Problem) -> Zeroizing<Vec<u8>> {
    let nothing = Ask { operation: None, operation_item: None, batch_id: None, payload: None, problem: None };
    response(minor, now_s, vec![answer_item(&nothing, Err(problem), minor)]).encode()
}
