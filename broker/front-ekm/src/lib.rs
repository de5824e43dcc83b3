//! Speaks Azure Managed HSM's external-key-manager proxy API: a request in, a response out; never opens a socket.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod refuse;
mod reply;
mod route;
mod serve;
mod translate;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use broker_core::broker::Broker;
use broker_core::entry::{self, Asker, Peer};
use broker_core::name::{Principal, RequestId, VaultName};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request};

pub use refuse::Problem;
pub use reply::{Answer, Label, Outcome};
pub use route::{
    Action, BadPrefix, KEY_NAME_BYTES_MAX, KeyAction, PATH_BYTES_MAX, PREFIX_BYTES_MAX, PathPrefix, QUERY_BYTES_MAX,
};
pub use translate::CLIENT_REQUEST_ID_BYTES_MAX;

use reply::Reply;
use route::Target;
use serve::Ask;

/// The one version of the API that is spoken.
pub const API_VERSION: &str = "0.1-preview";

/// How long the caller waits for any answer. The front has no clock: whoever serves it keeps this deadline, and answers
/// [`Problem::Late`] when it passes.
pub const ANSWER_MS_MAX: u64 = 250;

/// What the operator sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which vault each path prefix means; a prefix that is not here means none.
    pub prefixes: BTreeMap<PathPrefix, VaultName>,
    /// Who may come in by this front at all, before any grant is looked at; empty: every principal that the connection
    /// proved.
    pub principals: Vec<Principal>,
    pub names: ProxyNames,
    /// Largest body of a request.
    pub body_bytes_max: usize,
}

/// What `/info` says of us. Managed HSM shows these to its administrator and makes nothing of them.
#[derive(Debug, Clone)]
pub struct ProxyNames {
    pub proxy_vendor: String,
    /// Product and version.
    pub proxy_name: String,
    pub ekm_vendor: String,
    /// Product and version.
    pub ekm_product: String,
}

/// Who sent a request, as the connection proved it.
#[derive(Clone)]
pub struct AskerSeed {
    pub request: RequestId,
    pub principal: Principal,
    /// SHA-256 of the certificate that proved it.
    pub fingerprint_sha256: Option<[u8; 32]>,
    /// The client's end of the connection.
    pub peer: SocketAddr,
    /// What proved the principal.
    pub proof: Option<Arc<dyn entry::Proof>>,
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

    /// Answers one request. Must be run to its end once begun, so servers run it detached.
    ///
    /// A body that holds a secret is let go as soon as it is parsed; whoever made the `Bytes` sees to it that they are wiped
    /// then. The response's bytes are wiped when they are dropped, where they hold a secret.
    pub async fn answer(&self, seed: AskerSeed, request: Request<Bytes>) -> Answer {
        let (head, body) = request.into_parts();
        let reply = Reply::to(seed.request);
        // Before anything about the path is said: to one who is not on the list, this front is shut.
        if !self.lets_in(&seed.principal) {
            return reply.refuse(route::UNROUTABLE, &Problem::PrincipalUnlisted { principal: seed.principal });
        }
        let target = match route::find(&head.method, head.uri.path(), &self.settings.prefixes) {
            Ok(target) => target,
            Err(problem) => return reply.refuse(route::UNROUTABLE, &problem),
        };
        let operation = target.operation();
        let result = match self.parse(&head, target, &body) {
            Ok(ask) => {
                drop(body); // not needed any more, and it may hold a secret
                self.serve(seed, ask).await
            }
            Err(problem) => Err(problem),
        };
        match result {
            Ok(body) => reply.allow(operation, body),
            Err(problem) => reply.refuse(operation, &problem),
        }
    }

    /// The answer to what a server refuses by itself: bytes that do not parse, a body that is too large, a deadline that
    /// passed, a caller that asks too often.
    #[must_use]
    pub fn refuse(&self, request: RequestId, method: &Method, path: &str, problem: &Problem) -> Answer {
        let target = route::find(method, path, &self.settings.prefixes);
        let operation = target.map_or(route::UNROUTABLE, |target| target.operation());
        Reply::to(request).refuse(operation, problem)
    }

    fn lets_in(&self, principal: &Principal) -> bool {
        self.settings.principals.is_empty() || self.settings.principals.contains(principal)
    }

    /// Everything that can be said without the core; what does not parse never becomes a request.
    fn parse(&self, head: &Parts, target: Target, body: &[u8]) -> Result<Ask, Problem> {
        route::check_query(head.uri.query().unwrap_or_default())?;
        if body.len() > self.settings.body_bytes_max {
            return Err(Problem::BodyTooLarge { bytes_max: self.settings.body_bytes_max });
        }
        Ask::parse(target, body)
    }

    async fn serve(&self, seed: AskerSeed, ask: Ask) -> Result<Bytes, Problem> {
        let asker = Asker {
            request: seed.request,
            client_request_id: Some(ask.client_request_id),
            principal: seed.principal,
            fingerprint_sha256: seed.fingerprint_sha256,
            peer: Peer::Network(seed.peer),
            front: entry::Front::Ekm,
            proof: seed.proof,
            journal: None,
        };
        serve::serve(&self.broker, &asker, ask.deed, &self.settings.names).await
    }
}
