//! HTTP/1.1 on a known client's connection: bounded bodies in, a front's answers out, in time where it has a deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_core::entry::Proof;
use broker_identity::Session;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls_pki_types::UnixTime;

use crate::assemble::request_id;
use crate::config::Bounds;
use crate::deed::{Deed, Panicked};
use crate::front::{Answered, Caller, HttpFront, Trouble};
use crate::listen::{self, Known};
use crate::metric::{Metrics, seconds, stage};
use crate::under_way::UnderWay;

/// Most header lines of a request, and most bytes of its head; they are counted between two reads, so a head of up to twice as
/// many can get through.
const HEADERS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Most bytes of a body that are read and thrown away so that its refusal arrives: to a client that is still sending when
/// the connection closes, it looks broken.
const DRAINED_BYTES_MAX: u64 = 32 << 20;

/// What every connection of a front needs.
pub struct Serving<F> {
    pub front: Arc<F>,
    pub bounds: Bounds,
    pub metrics: Arc<Metrics>,
}

/// The client's certificate is not trusted any more; the connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the client's certificate is not trusted any more: {0}")]
struct Distrusted(broker_identity::Denial);

/// The connection's certificate, held against the trust in force.
pub struct LiveProof(pub Arc<Session>);

impl Proof for LiveProof {
    fn holds(&self) -> bool {
        self.0.recheck(UnixTime::now()).is_ok()
    }
}

impl<F: HttpFront> Serving<F> {
    /// Serves a connection until the client leaves, trust in it ends, or the broker stops.
    pub async fn connection(self: Arc<Self>, known: Known) {
        let Known { stream, peer, session, mut signals } = known;
        let service = service_fn({
            let (this, session) = (Arc::clone(&self), Arc::clone(&session));
            move |request| {
                let (this, session) = (Arc::clone(&this), Arc::clone(&session));
                async move {
                    let identity = session.recheck(UnixTime::now()).map_err(Distrusted)?;
                    let caller = Caller {
                        request: request_id(),
                        principal: identity.principal.clone(),
                        fingerprint_sha256: identity.fingerprint_sha256,
                        peer,
                        proof: Arc::new(LiveProof(session)),
                    };
                    Ok::<_, Distrusted>(this.request(caller, request).await)
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
                        self.metrics.connections_broken.with_label_values(&[F::FRONT.word(), break_of(&error)]).inc();
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

    async fn request(&self, caller: Caller, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let id = caller.request;
        let body = match self.body(&head.headers, body).await {
            Ok(body) => body,
            Err(trouble) => return self.out(self.front.refuse(id, &head, &trouble), Instant::now()),
        };
        let began = Instant::now();
        // A caller who hangs up drops this future, and the deed goes on to its end and its audit entry.
        let deed = Deed::begin({
            let (front, under_way) = (Arc::clone(&self.front), UnderWay::begin(&self.metrics));
            let request = Request::from_parts(head.clone(), body);
            stage::measured(async move {
                let answer = front.answer(caller, request).await;
                drop(under_way);
                answer
            })
        });
        let answer = match in_time(F::ANSWER_MAX, deed).await {
            Ok(answer) => answer,
            Err(trouble) => {
                match trouble {
                    Trouble::Late => {
                        tracing::warn!(request = %id, front = F::FRONT.word(), "not answered in time; the deed goes on")
                    }
                    _ => {
                        tracing::error!(request = %id, front = F::FRONT.word(), "a bug on our side: the request's task panicked")
                    }
                }
                self.front.refuse(id, &head, &trouble)
            }
        };
        self.out(answer, began)
    }

    /// The whole body, within its limits of size and time. One that is too large is read to its end before it is refused,
    /// unless that is far away or the client waits for leave to send it.
    async fn body(&self, headers: &HeaderMap, mut body: Incoming) -> Result<Bytes, Trouble> {
        let most = self.bounds.body_bytes_max;
        let declared = body.size_hint().lower();
        let waits = headers.contains_key(header::EXPECT);
        if declared > DRAINED_BYTES_MAX || (waits && declared > most as u64) {
            return Err(Trouble::BodyTooLarge { bytes_max: most });
        }
        let read = async {
            let read = Limited::new(&mut body, most).collect().await;
            if read.as_ref().is_err_and(|error| error.is::<LengthLimitError>()) {
                drain(&mut body).await;
            }
            read
        };
        match tokio::time::timeout(self.bounds.idle_max, read).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Trouble::BodyTooLarge { bytes_max: most }),
            Ok(Err(_)) => Err(Trouble::BodyBroken),
            Err(_) => Err(Trouble::Timeout),
        }
    }

    fn out(&self, answer: Answered, began: Instant) -> Response<Full<Bytes>> {
        let (front, Answered { response, operation, outcome, reason }) = (F::FRONT.word(), answer);
        self.metrics.requests.with_label_values(&[front, operation, outcome, reason]).inc();
        self.metrics.request_seconds.with_label_values(&[front, operation]).observe(seconds(began.elapsed()));
        response.map(Full::new)
    }
}

/// Why a connection broke off, in a word.
fn break_of(error: &hyper::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_parse_too_large() {
        "too-large"
    } else if error.is_parse() {
        "bad-request"
    } else if error.is_user() {
        // Trust in the client's certificate has ended.
        "refused"
    } else {
        "lost"
    }
}

/// A deed's answer, unless it panics or the caller's patience ends first: then the deed goes on by itself.
async fn in_time(most: Option<Duration>, deed: Deed) -> Result<Answered, Trouble> {
    let ended = match most {
        None => deed.await,
        Some(most) => tokio::time::timeout(most, deed).await.map_err(|_late| Trouble::Late)?,
    };
    ended.map_err(|Panicked| Trouble::Bug)
}

/// Throws away what comes, to its end or to a limit.
async fn drain(body: &mut Incoming) {
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, Bytes::len) as u64;
        if drained > DRAINED_BYTES_MAX {
            return;
        }
    }
}
