//! Speaks KMIP 1.0 to 1.4 over TTLV: bytes in, bytes out; never opens a socket.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod asn1;
mod attribute;
pub mod name;
mod object;
mod read;
mod refuse;
pub mod route;
mod serve;
pub mod table;
mod translate;
pub mod ttlv;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use broker_core::broker::{Broker, Journal, Task, task_asker};
use broker_core::entry::{self, Asker};
use broker_core::name::{Principal, RequestId, VaultName};
use broker_core::refusal::Refusal;
use zeroize::Zeroizing;

pub use refuse::Problem;
pub use wire::{MINOR_MAX, Password};

use name::Tag;
use read::Fields;
use table::{BatchErrorContinuationOption, Operation, ResultReason};
use ttlv::{HEADER_BYTES, Item, Malformed, frame_bytes};
use wire::{Ask, Header};

/// Bytes of a message, unless the operator says otherwise.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Items of a batch, unless the operator says otherwise.
pub const BATCH_ITEMS_MAX: usize = 64;

/// Checks a username and password that a client gives beside its certificate.
pub trait Passwords: Send + Sync {
    /// Whether a principal may go on with what it gave, or with nothing.
    fn admit(&self, principal: &Principal, given: Option<&Password>) -> bool;
}

/// What the operator sets.
pub struct Settings {
    pub message_bytes_max: usize,
    pub batch_items_max: usize,
    /// What Query says of us (section 4.25, Vendor Identification).
    pub vendor: String,
    /// None: credentials in messages are passed over.
    pub passwords: Option<Arc<dyn Passwords>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            message_bytes_max: MESSAGE_BYTES_MAX,
            batch_items_max: BATCH_ITEMS_MAX,
            vendor: concat!("keybroker ", env!("CARGO_PKG_VERSION")).to_owned(),
            passwords: None,
        }
    }
}

/// Who sent a message, as the connection proved it, and when.
#[derive(Clone)]
pub struct AskerSeed {
    pub request: RequestId,
    pub principal: Principal,
    /// SHA-256 of the certificate that proved it.
    pub fingerprint_sha256: Option<[u8; 32]>,
    pub peer: SocketAddr,
    /// What proved the principal.
    pub proof: Option<Arc<dyn entry::Proof>>,
    /// Where its objects are.
    pub vault: VaultName,
    /// Unix seconds.
    pub now_s: i64,
}

/// What became of one item of a batch, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// The operation's name, `none` for bytes that never became one.
    pub operation: &'static str,
    /// `ok`, or the word of what it failed by.
    pub outcome: &'static str,
}

/// The response to one message.
pub struct Answer {
    /// Wiped when dropped: they may hold keys.
    pub bytes: Zeroizing<Vec<u8>>,
    pub labels: Vec<Label>,
    /// The bytes that follow cannot be trusted to begin a message.
    pub close: bool,
}

/// The front.
pub struct Front {
    broker: Arc<Broker>,
    settings: Settings,
}

impl Front {
    #[must_use]
    pub fn new(broker: Arc<Broker>, settings: Settings) -> Self {
        Self { broker, settings }
    }

    /// How many bytes the message has that begins with these eight, the eight included: to be asked before any more is read.
    ///
    /// # Errors
    /// They begin no message, or one that is too long: answer [`Front::refuse`] and close.
    pub fn frame_bytes(&self, header: [u8; HEADER_BYTES]) -> Result<usize, Malformed> {
        frame_bytes(header, self.settings.message_bytes_max)
    }

    /// The answer to bytes that begin no message, or one that is too long.
    #[must_use]
    pub fn refuse(&self, malformed: Malformed, now_s: i64) -> Answer {
        refused(MINOR_MAX, now_s, malformed.into(), true)
    }

    /// Answers one message. Must be run to its end once begun, so servers run it detached. Whoever read the bytes wipes them.
    pub async fn answer(&self, seed: AskerSeed, bytes: &[u8]) -> Answer {
        let (minor, now_s) = (wire::spoken(bytes), seed.now_s);
        if bytes.len() > self.settings.message_bytes_max {
            let problem = Problem::invalid_message(ttlv::TOO_LONG);
            return refused(minor, now_s, problem, true);
        }
        let message = match Item::decode(bytes) {
            Ok(message) if message.tag == Tag::RequestMessage => message,
            Ok(_) => return refused(minor, now_s, Problem::invalid_message("this is no request message"), false),
            Err(malformed) => return refused(minor, now_s, malformed.into(), false),
        };
        match self.begin(&seed, &message) {
            Ok(header) => self.serve(seed, &message, header).await,
            Err(problem) => refused(minor, now_s, problem, false),
        }
    }

    /// Everything that rules a whole request out.
    fn begin(&self, seed: &AskerSeed, message: &Item) -> Result<Header, Problem> {
        let header = Header::read(&Fields::of(message)?, self.settings.batch_items_max)?;
        let admitted =
            self.settings.passwords.as_ref().is_none_or(|one| one.admit(&seed.principal, header.password.as_ref()));
        if admitted {
            return Ok(header);
        }
        Err(Problem::new(
            ResultReason::AuthenticationNotSuccessful,
            format!("principal {} must give its username and password in the request as well", seed.principal),
        ))
    }

    async fn serve(&self, seed: AskerSeed, message: &Item, header: Header) -> Answer {
        let (minor, now_s) = (header.minor, seed.now_s);
        let (vault, request) = (seed.vault.clone(), seed.request);
        let journal = (header.after_failure == BatchErrorContinuationOption::Undo).then(Arc::<Journal>::default);
        let asker = asker(seed, journal.clone());
        let mut desk = serve::Desk::new(&self.broker, &self.settings, minor, vault.clone(), asker);
        let (mut items, mut labels) = (Vec::with_capacity(header.batch_count), Vec::new());
        let mut asks = Vec::with_capacity(header.batch_count);
        let mut room = header.response_bytes_max.saturating_sub(wire::response(minor, now_s, Vec::new()).bytes());
        for item in message.items().iter().filter(|item| item.tag == Tag::BatchItem) {
            let ask = Ask::read(item);
            let outcome = desk.serve(&ask).await;
            let mut outcome = fitting(outcome, &ask, minor, room);
            let failed = outcome.is_err();
            if let (Err(problem), Some(journal)) = (&mut outcome, &journal) {
                match self.undo(request, &vault, journal).await {
                    Ok(()) => items = asks.iter().map(wire::undone_item).collect(),
                    Err(refusal) => {
                        *problem = problem.but(ask.operation, &format!("what came before it stays: {refusal}"));
                    }
                }
            }
            labels.push(Label {
                operation: ask.operation.map_or("none", Operation::name),
                outcome: outcome.as_ref().err().map_or("ok", Problem::word),
            });
            let answer = wire::answer_item(&ask, outcome, minor);
            room = room.saturating_sub(answer.bytes());
            items.push(answer);
            asks.push(ask);
            if failed && header.after_failure != BatchErrorContinuationOption::Continue {
                break;
            }
        }
        Answer { bytes: wire::response(minor, now_s, items).encode(), labels, close: false }
    }
}

impl Front {
    /// The broker itself takes back what a batch has done: it was permitted to be done, and that is all that is undone.
    async fn undo(&self, request: RequestId, vault: &VaultName, journal: &Journal) -> Result<(), Refusal> {
        if journal.is_empty() {
            return Ok(());
        }
        self.broker.undo_objects(&task_asker(Task::Objects, request), vault.clone(), journal).await
    }
}

/// The outcome, or that it has no room in the response the client takes.
fn fitting(outcome: wire::Outcome, ask: &Ask<'_>, minor: u8, room: usize) -> wire::Outcome {
    let bytes = match &outcome {
        Ok(payload) => wire::answer_item(ask, Ok(payload.clone()), minor).bytes(),
        Err(_) => 0,
    };
    if bytes <= room {
        return outcome;
    }
    Err(Problem::new(ResultReason::ResponseTooLarge, format!("the answer has {bytes} bytes, and {room} are left")))
}

fn asker(seed: AskerSeed, journal: Option<Arc<Journal>>) -> Asker {
    Asker {
        request: seed.request,
        client_request_id: None,
        principal: seed.principal,
        fingerprint_sha256: seed.fingerprint_sha256,
        peer: entry::Peer::Network(seed.peer),
        front: entry::Front::Kmip,
        proof: seed.proof,
        journal,
    }
}

fn refused(minor: u8, now_s: i64, problem: Problem, close: bool) -> Answer {
    let labels = vec![Label { operation: "none", outcome: problem.word() }];
    Answer { bytes: wire::refusal(minor, now_s, problem), labels, close }
}
