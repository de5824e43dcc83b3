//! KMIP on a known client's connection: one message after the other, the length of each bounded before it is read.

mod password;
mod roll;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_core::name::VaultName;
use broker_core::port::Clock;
use broker_front_kmip::{Answer, AskerSeed, Front};
use broker_identity::Session;
use rustls_pki_types::UnixTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

pub use self::password::PasswordFile;
pub use self::roll::{Present, Roll};

use crate::assemble::request_id;
use crate::http::LiveProof;
use crate::listen::{self, Known, Signals};
use crate::metric::{Metrics, seconds, stage};
use crate::under_way::UnderWay;

/// Bytes that a message has at least: the header of its outermost structure.
const HEADER_BYTES: usize = 8;
/// What a message's buffer grows by: memory is taken as bytes come, not as a length says.
const PIECE_BYTES: usize = 16 * 1024;
/// How long a client may take to take an answer in.
const WRITE_MAX: Duration = Duration::from_secs(30);
/// How long a connection may take to end in order when the broker stops.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// What every connection needs.
pub struct KmipServing {
    pub front: Arc<Front>,
    pub vault: VaultName,
    /// From the first byte of a message to its last.
    pub read_max: Duration,
    pub idle_max: Duration,
    /// Messages that are being answered at once; more wait with their connections.
    pub messages: Arc<Semaphore>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub roll: Arc<Roll>,
}

/// Why a connection ends.
enum End {
    /// The client left, or its time was up: nobody is there to be told.
    Quiet,
    /// What it sent begins no message; it is told so.
    Told(Answer),
}

type Stream = TlsStream<TcpStream>;

impl KmipServing {
    /// Serves a connection until the client leaves, trust in it ends, or the broker stops.
    pub async fn connection(self: Arc<Self>, known: Known) {
        let Known { mut stream, peer, session, mut signals } = known;
        let place = self.roll.enter(session.identity(), peer, self.now_s());
        loop {
            let message = match self.message(&mut stream, &session, &mut signals).await {
                Ok(message) => message,
                Err(End::Quiet) => break,
                Err(End::Told(answer)) => {
                    self.count(&answer, Instant::now());
                    let _lost = write(&mut stream, &answer).await;
                    break;
                }
            };
            let now = UnixTime::now();
            if let Err(denial) = session.recheck(now) {
                tracing::info!(%peer, principal = %session.identity().principal, %denial, "closing a KMIP connection that is not trusted any more");
                break;
            }
            place.spoke(self.now_s());
            let Some(answer) = self.answer(&session, peer, message).await else { break };
            if write(&mut stream, &answer).await.is_err() || answer.close {
                break;
            }
        }
        let _lost = tokio::time::timeout(CLOSE_MAX, stream.shutdown()).await;
    }

    /// The next message, whole.
    async fn message(
        &self,
        stream: &mut Stream,
        session: &Arc<Session>,
        signals: &mut Signals,
    ) -> Result<Zeroizing<Vec<u8>>, End> {
        let mut header = [0; HEADER_BYTES];
        let first = self.first_bytes(stream, session, signals, &mut header).await?;
        let rest = async {
            stream.read_exact(&mut header[first..]).await.map_err(|_| End::Quiet)?;
            let whole = match self.front.frame_bytes(header) {
                Ok(whole) => whole,
                Err(malformed) => return Err(End::Told(self.front.refuse(malformed, self.now_s()))),
            };
            read_message(stream, header, whole).await.map_err(|_| End::Quiet)
        };
        tokio::time::timeout(self.read_max, rest).await.unwrap_or(Err(End::Quiet))
    }

    /// Waits for a message to begin; this is where connections spend their lives.
    async fn first_bytes(
        &self,
        stream: &mut Stream,
        session: &Arc<Session>,
        signals: &mut Signals,
        header: &mut [u8],
    ) -> Result<usize, End> {
        let idle = tokio::time::sleep(self.idle_max);
        tokio::pin!(idle);
        loop {
            tokio::select! {
                read = stream.read(header) => return match read {
                    Ok(bytes) if bytes > 0 => Ok(bytes),
                    Ok(_) | Err(_) => Err(End::Quiet),
                },
                () = &mut idle => return Err(End::Quiet),
                Ok(()) = signals.trust_changed.changed() => {
                    if let Err(denial) = session.recheck(UnixTime::now()) {
                        tracing::info!(principal = %session.identity().principal, %denial, "closing a KMIP connection that is not trusted any more");
                        return Err(End::Quiet);
                    }
                }
                () = listen::stopped(&mut signals.stopping) => return Err(End::Quiet),
            }
        }
    }

    /// None after a bug of ours: the connection is closed, since nobody knows what was done.
    async fn answer(&self, session: &Arc<Session>, peer: SocketAddr, message: Zeroizing<Vec<u8>>) -> Option<Answer> {
        let identity = session.identity();
        let seed = AskerSeed {
            request: request_id(),
            principal: identity.principal.clone(),
            fingerprint_sha256: Some(identity.fingerprint_sha256),
            peer,
            proof: Some(Arc::new(LiveProof(Arc::clone(session)))),
            vault: self.vault.clone(),
            now_s: self.now_s(),
        };
        let id = seed.request;
        let place = Arc::clone(&self.messages).acquire_owned().await.ok()?;
        let began = Instant::now();
        // Detached: a client who hangs up drops this future, and the deeds go on to their end and their audit entries.
        let deed = tokio::spawn({
            let (front, under_way) = (Arc::clone(&self.front), UnderWay::begin(&self.metrics));
            stage::measured(async move {
                let answer = front.answer(seed, &message).await;
                drop((under_way, place));
                answer
            })
        });
        match deed.await {
            Ok(answer) => {
                self.count(&answer, began);
                Some(answer)
            }
            Err(_panicked) => {
                tracing::error!(request = %id, front = "kmip", "a bug on our side: the message's task panicked");
                None
            }
        }
    }

    /// Each item of a batch is a request; its time is the message's.
    fn count(&self, answer: &Answer, began: Instant) {
        let spent = seconds(began.elapsed());
        for label in &answer.labels {
            let (outcome, reason) = match label.outcome {
                "ok" => ("allowed", "none"),
                word if is_ours(word) => ("error", word),
                word => ("refused", word),
            };
            self.metrics.requests.with_label_values(&["kmip", label.operation, outcome, reason]).inc();
            self.metrics.request_seconds.with_label_values(&["kmip", label.operation]).observe(spent);
        }
    }

    fn now_s(&self) -> i64 {
        i64::try_from(self.clock.now_ms() / 1000).unwrap_or(i64::MAX)
    }
}

/// Whether a request failed by something that the operator must mend.
fn is_ours(word: &str) -> bool {
    matches!(word, "audit-unavailable" | "internal" | "store-unavailable") || word.starts_with("backend-")
}

/// The rest of a message whose header was read. Nothing of it is left in memory that was given back.
async fn read_message(
    stream: &mut Stream,
    header: [u8; HEADER_BYTES],
    whole: usize,
) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut message = Zeroizing::new(Vec::with_capacity(whole.min(PIECE_BYTES)));
    message.extend_from_slice(&header);
    while message.len() < whole {
        if message.len() == message.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity((message.len() * 2).min(whole)));
            larger.extend_from_slice(&message);
            message = larger;
        }
        let (from, to) = (message.len(), message.capacity().min(whole));
        message.resize(to, 0);
        stream.read_exact(&mut message[from..]).await?;
    }
    Ok(message)
}

async fn write(stream: &mut Stream, answer: &Answer) -> std::io::Result<()> {
    let write = async {
        stream.write_all(&answer.bytes).await?;
        stream.flush().await
    };
    tokio::time::timeout(WRITE_MAX, write).await.unwrap_or(Err(std::io::ErrorKind::TimedOut.into()))
}
