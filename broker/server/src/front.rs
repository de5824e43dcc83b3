//! The fronts that speak HTTP, all seen alike: what the server hands to each, and what it takes back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use broker_core::entry::{self, Proof};
use broker_core::name::{Principal, RequestId};
use broker_core::refusal::Refusal;
use broker_front_ekm as ekm;
use broker_front_keyvault as keyvault;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};

/// A protocol over HTTP.
pub trait HttpFront: Send + Sync + 'static {
    const FRONT: entry::Front;

    /// How long the caller waits for an answer; none: as long as the deed takes.
    const ANSWER_MAX: Option<Duration>;

    /// Every operation that its answers can carry.
    fn operations() -> Vec<&'static str>;

    /// Must be run to its end once begun.
    fn answer(&self, caller: Caller, request: Request<Bytes>) -> impl Future<Output = Answered> + Send;

    /// The answer to what the server refuses by itself.
    fn refuse(&self, request: RequestId, head: &Parts, trouble: &Trouble) -> Answered;
}

/// Who sent a request, as the connection proved it.
pub struct Caller {
    pub request: RequestId,
    pub principal: Principal,
    pub fingerprint_sha256: [u8; 32],
    /// The client's end of the connection.
    pub peer: SocketAddr,
    pub proof: Arc<dyn Proof>,
}

/// A response, and the words that metrics have for it.
pub struct Answered {
    pub response: Response<Bytes>,
    pub operation: &'static str,
    pub outcome: &'static str,
    pub reason: &'static str,
}

/// What the server refuses by itself.
pub enum Trouble {
    BodyBroken,
    BodyTooLarge {
        bytes_max: usize,
    },
    /// The request's task panicked.
    Bug,
    /// The answer was not there in time; the deed goes on.
    Late,
    /// The body did not arrive in time.
    Timeout,
}

fn body_broken() -> Refusal {
    Refusal::BadRequest { problem: "the body did not arrive whole".to_owned() }
}

impl HttpFront for ekm::Front {
    const FRONT: entry::Front = entry::Front::Ekm;
    const ANSWER_MAX: Option<Duration> = Some(Duration::from_millis(ekm::ANSWER_MS_MAX));

    fn operations() -> Vec<&'static str> {
        let on_keys = ekm::KeyAction::ALL.iter().map(|action| action.operation().word());
        on_keys.chain([ekm::Action::Info.word(), "unroutable"]).collect()
    }

    async fn answer(&self, caller: Caller, request: Request<Bytes>) -> Answered {
        let seed = ekm::AskerSeed {
            request: caller.request,
            principal: caller.principal,
            fingerprint_sha256: Some(caller.fingerprint_sha256),
            peer: caller.peer,
            proof: Some(caller.proof),
        };
        self.answer(seed, request).await.into()
    }

    fn refuse(&self, request: RequestId, head: &Parts, trouble: &Trouble) -> Answered {
        let problem = match trouble {
            Trouble::BodyBroken => body_broken().into(),
            Trouble::BodyTooLarge { bytes_max } => ekm::Problem::BodyTooLarge { bytes_max: *bytes_max },
            Trouble::Bug => Refusal::Internal.into(),
            Trouble::Late => ekm::Problem::Late,
            Trouble::Timeout => ekm::Problem::Timeout,
        };
        self.refuse(request, &head.method, head.uri.path(), &problem).into()
    }
}

impl HttpFront for keyvault::Front {
    const FRONT: entry::Front = entry::Front::Keyvault;
    const ANSWER_MAX: Option<Duration> = None;

    fn operations() -> Vec<&'static str> {
        let mut words: Vec<_> = keyvault::ROUTES.iter().map(|route| route.action.operation().word()).collect();
        words.sort_unstable();
        words.dedup();
        words.extend(["challenge", "token", "unroutable"]);
        words
    }

    async fn answer(&self, caller: Caller, request: Request<Bytes>) -> Answered {
        let seed = keyvault::AskerSeed {
            request: caller.request,
            principal: caller.principal,
            fingerprint_sha256: Some(caller.fingerprint_sha256),
            peer: caller.peer,
            proof: Some(caller.proof),
        };
        self.answer(seed, request).await.into()
    }

    fn refuse(&self, request: RequestId, head: &Parts, trouble: &Trouble) -> Answered {
        let problem = match trouble {
            Trouble::BodyBroken => body_broken().into(),
            Trouble::BodyTooLarge { bytes_max } => keyvault::Problem::BodyTooLarge { bytes_max: *bytes_max },
            Trouble::Bug => Refusal::Internal.into(),
            Trouble::Late | Trouble::Timeout => keyvault::Problem::Timeout,
        };
        Self::refuse(request, &head.headers, &problem).into()
    }
}

impl From<ekm::Answer> for Answered {
    fn from(answer: ekm::Answer) -> Self {
        let ekm::Label { operation, outcome, reason } = answer.label;
        Self { response: answer.response, operation, outcome: outcome.word(), reason }
    }
}

impl From<keyvault::Answer> for Answered {
    fn from(answer: keyvault::Answer) -> Self {
        let keyvault::Label { operation, outcome, reason } = answer.label;
        Self { response: answer.response, operation, outcome: outcome.word(), reason }
    }
}
