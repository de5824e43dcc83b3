//! HTTP/1.1 on a known client's connection: bounded bodies in, the front's answers out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_core::entry::Proof;
use broker_core::refusal::Refusal;
use broker_front_keyvault::{Answer, AskerSeed, Front, Label, Problem};
use broker_identity::Session;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls_pki_types::UnixTime;

use crate::assemble::request_id;
use crate::config::Bounds;
use crate::listen::{self, Known};
use crate::metric::{Metrics, seconds};

/// Most header lines of a request, and most bytes of its head.
const HEADERS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 64 << 10;

/// What every connection of a front needs.
pub struct Serving {
    pub front: Arc<Front>,
    pub bounds: Bounds,
    pub metrics: Arc<Metrics>,
}

/// The client's certificate is not trusted any more; the connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the client's certificate is not trusted any more: {0}")]
struct Distrusted(broker_identity::Denial);

/// The connection's certificate, held against the trust in force.
struct LiveProof(Arc<Session>);

impl Proof for LiveProof {
    fn holds(&self) -> bool {
        self.0.recheck(UnixTime::now()).is_ok()
    }
}

impl Serving {
    /// Serves a connection until the client leaves, trust in it ends, or the broker stops.
    pub async fn connection(self: Arc<Self>, known: Known) {
        let Known { stream, peer, session, mut signals } = known;
        let peer_text: Arc<str> = peer.to_string().into();
        let service = service_fn({
            let (this, session) = (Arc::clone(&self), Arc::clone(&session));
            move |request| {
                let (this, session, peer) = (Arc::clone(&this), Arc::clone(&session), Arc::clone(&peer_text));
                async move {
                    let identity = session.recheck(UnixTime::now()).map_err(Distrusted)?;
                    let seed = AskerSeed {
                        request: request_id(),
                        principal: identity.principal.clone(),
                        fingerprint_sha256: Some(identity.fingerprint_sha256),
                        peer: peer.to_string(),
                        proof: Some(Arc::new(LiveProof(session)) as Arc<dyn Proof>),
                    };
                    Ok::<_, Distrusted>(this.request(seed, request).await)
                }
            }
        });
        let mut connection = std::pin::pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.bounds.idle_max)
                .max_headers(HEADERS_MAX)
                .max_buf_size(HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(stream), service)
        );
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, %error, "connection ended early");
                    }
                    return;
                }
                Ok(()) = signals.trust_changed.changed() => {
                    if let Err(denial) = session.recheck(UnixTime::now()) {
                        tracing::info!(%peer, principal = %session.identity().principal, %denial, "closing a connection that is not trusted any more");
                        connection.as_mut().graceful_shutdown();
                    }
                }
                () = listen::stopped(&mut signals.stopping) => {
                    connection.as_mut().graceful_shutdown();
                    let _lost = tokio::time::timeout(Duration::from_secs(10), connection.as_mut()).await;
                    return;
                }
            }
        }
    }

    async fn request(&self, seed: AskerSeed, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let id = seed.request;
        let body = match self.body(body).await {
            Ok(body) => body,
            Err(problem) => return self.out(Front::refuse(id, &head.headers, &problem), Instant::now()),
        };
        let began = Instant::now();
        self.metrics.requests_in_flight.inc();
        // Detached: a caller who hangs up drops this future, and the deed goes on to its end and its audit entry.
        let deed = tokio::spawn({
            let front = Arc::clone(&self.front);
            let request = Request::from_parts(head.clone(), body);
            async move { front.answer(seed, request).await }
        });
        let answer = deed.await.unwrap_or_else(|error| {
            self.metrics.panics.inc();
            tracing::error!(request = %id, %error, "a bug on our side: the request's task panicked");
            Front::refuse(id, &head.headers, &Problem::Refused(Refusal::Internal))
        });
        self.metrics.requests_in_flight.dec();
        self.out(answer, began)
    }

    /// The whole body, within its limits of size and time.
    async fn body(&self, body: Incoming) -> Result<Bytes, Problem> {
        let most = self.bounds.body_bytes_max;
        let read = Limited::new(body, most).collect();
        match tokio::time::timeout(self.bounds.idle_max, read).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::BodyTooLarge { bytes_max: most }),
            Ok(Err(_)) => {
                let problem = "the body did not arrive whole".to_owned();
                Err(Problem::Refused(Refusal::BadRequest { problem }))
            }
            Err(_) => Err(Problem::Timeout),
        }
    }

    fn out(&self, answer: Answer, began: Instant) -> Response<Full<Bytes>> {
        let Answer { response, label: Label { operation, outcome, reason } } = answer;
        self.metrics.requests.with_label_values(&["keyvault", operation, outcome.word(), reason]).inc();
        self.metrics.request_seconds.with_label_values(&["keyvault", operation]).observe(seconds(began.elapsed()));
        response.map(Full::new)
    }
}
