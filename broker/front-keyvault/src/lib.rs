//! Speaks Azure Key Vault's keys API: a request in, a response out; never opens a socket.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod host;
mod query;
mod refuse;
mod reply;
mod route;
mod serve;
mod translate;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use broker_core::broker::Broker;
use broker_core::entry::{self, Asker, Peer};
use broker_core::name::{Principal, RequestId, VaultName};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, header};

pub use query::{QUERY_BYTES_MAX, ROWS_MAX};
pub use refuse::Problem;
pub use reply::{Answer, CLIENT_REQUEST_ID_BYTES_MAX, Label, Outcome};
pub use route::{Action, KeyAction, PATH_BYTES_MAX, ROUTES, RightsAction, Route, VaultAction};
pub use translate::{AAD_BYTES_MAX, TIME_S_MAX};

use host::Host;
use query::Query;
use reply::Trace;
use serve::Call;
use translate::Reader;

/// The token that the stub hands out. It opens nothing: the client certificate says who asks.
const TOKEN: &[u8] =
    br#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"the-client-certificate-says-who-asks"}"#;

/// What the operator sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Vault `v` has the host name `v.<suffix>`; in lower case, without a dot at either end.
    pub host_suffixes: Vec<String>,
    /// Where requests go whose host name is under no suffix; without one they get 404.
    pub default_vault: Option<VaultName>,
    /// What the challenge names as the tenant, a UUID by custom; anything but letters, digits, dots and hyphens is left out.
    pub tenant: String,
    /// Largest body of a request.
    pub body_bytes_max: usize,
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
        let suffix = |text: &String| text.trim_matches('.').to_ascii_lowercase();
        let plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-');
        let host_suffixes = settings.host_suffixes.iter().map(suffix).filter(|suffix| !suffix.is_empty()).collect();
        let tenant = settings.tenant.chars().filter(plain).collect();
        Self { broker, settings: Settings { host_suffixes, tenant, ..settings } }
    }

    /// Answers one request. Must be run to its end once begun, so servers run it detached.
    ///
    /// A body that holds a secret is let go as soon as it is parsed; whoever made the `Bytes` sees to it that they are wiped
    /// then. The response's bytes are wiped when they are dropped, where they hold a secret.
    pub async fn answer(&self, seed: AskerSeed, request: Request<Bytes>) -> Answer {
        let (head, body) = request.into_parts();
        let trace = Trace::of(seed.request, &head.headers);
        if route::is_token(&head.method, head.uri.path()) {
            return trace.allow("token", Bytes::from_static(TOKEN));
        }
        let call = match self.parse(&head, body) {
            Ok(call) => call,
            Err((operation, problem)) => return trace.refuse(operation, &problem),
        };
        let asker = Asker {
            request: seed.request,
            client_request_id: trace.client_request_id(),
            principal: seed.principal,
            fingerprint_sha256: seed.fingerprint_sha256,
            peer: Peer::Network(seed.peer),
            front: entry::Front::Keyvault,
            proof: seed.proof,
            journal: None,
        };
        let operation = call.target.operation().word();
        match serve::serve(&self.broker, &asker, call).await {
            Ok(body) => trace.allow(operation, body),
            Err(problem) => trace.refuse(operation, &problem),
        }
    }

    /// The answer to a body that is larger than the settings allow, for a server that stops reading there.
    #[must_use]
    pub fn too_large(&self, request: RequestId, headers: &HeaderMap) -> Answer {
        Self::refuse(request, headers, &Problem::BodyTooLarge { bytes_max: self.settings.body_bytes_max })
    }

    /// The answer to what a server refuses by itself before there is a request: bytes that do not parse, a deadline that
    /// passed, a caller that asks too often. `headers` may be empty when they never arrived.
    #[must_use]
    pub fn refuse(request: RequestId, headers: &HeaderMap, problem: &Problem) -> Answer {
        Trace::of(request, headers).refuse("unroutable", problem)
    }

    /// Everything but the body. The error has the operation that metrics name.
    fn parse(&self, head: &Parts, body: Bytes) -> Result<Call, (&'static str, Problem)> {
        let unroutable = |problem| ("unroutable", problem);
        let host = Host::of_request(&head.uri, &head.headers).map_err(unroutable)?;
        self.check_headers(&head.headers, &host).map_err(unroutable)?;
        let vault =
            host.vault(&self.settings.host_suffixes, self.settings.default_vault.as_ref()).map_err(unroutable)?;
        let target = route::find(&head.method, head.uri.path()).map_err(unroutable)?;
        let query = Query::parse(head.uri.query().unwrap_or_default());
        let query = query.map_err(|problem| (target.operation().word(), problem))?;
        if body.len() > self.settings.body_bytes_max {
            let problem = Problem::BodyTooLarge { bytes_max: self.settings.body_bytes_max };
            return Err((target.operation().word(), problem));
        }
        Ok(Call { vault, host, target, query, reader: reader_of(&head.headers), body })
    }

    /// The challenge comes before anything about the path or the body: clients send their first request without its body
    /// to be challenged, and one that got another answer would take it for the answer to the whole.
    fn check_headers(&self, headers: &HeaderMap, host: &Host) -> Result<(), Problem> {
        host::single(headers, &header::CONTENT_LENGTH)?;
        if host::single(headers, &header::AUTHORIZATION)?.is_some() {
            return Ok(());
        }
        let challenge = format!(
            r#"Bearer authorization="https://{}/{}", resource="https://{}""#,
            host.as_str(),
            self.settings.tenant,
            host.resource()
        );
        let challenge = HeaderValue::from_str(&challenge)
            .map_err(|_| Problem::malformed("the Host header cannot stand in a challenge"))?;
        Err(Problem::Unauthorized { challenge })
    }
}

/// Callers may put an id of their own before the SDK's, so the name is looked for anywhere.
fn reader_of(headers: &HeaderMap) -> Reader {
    let python = b"azsdk-python";
    let mentions = |value: &HeaderValue| value.as_bytes().windows(python.len()).any(|part| part == python);
    if headers.get_all(header::USER_AGENT).iter().any(mentions) { Reader::AzurePython } else { Reader::Other }
}
