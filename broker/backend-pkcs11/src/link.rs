//! The broker's end of the socket to one worker: calls out, answers in, each with its deadline.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use crate::socket::{Replies, Socket};
use crate::wire::{Fault, Reply, Request, UNASKED, WhyRefused};

/// A call that got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// No session was free in time, or too many calls were waiting. Nothing was sent.
    Busy,
    /// The worker did not answer in time; it is being killed.
    Deadline,
    /// The worker ended. Whether the call had an effect is not known.
    Lost,
}

/// What ended a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// A call passed its deadline.
    Deadline,
    /// The socket closed, or said what is no reply.
    Hangup(String),
    /// The worker's PIN was refused while it logged in again.
    Refused(WhyRefused, String),
}

/// A worker that serves. Shared by all its calls.
pub struct Link {
    socket: Socket,
    waiting: Mutex<Option<HashMap<u64, oneshot::Sender<Reply>>>>,
    next_call: AtomicU64,
    /// One for each session: a call that was sent is being worked on, so its deadline says something about the module.
    sessions: Semaphore,
    queued: AtomicU64,
    queue_calls_max: u64,
    end: watch::Sender<Option<End>>,
    /// Whether the worker is logging in again, when a kill could destroy the token.
    login: watch::Sender<bool>,
    /// Whether the worker said that it is about to end: it answers what it has, and takes no more.
    retiring: AtomicBool,
    /// Whether it ever answered a call.
    served: AtomicBool,
}

impl Link {
    /// Takes over a socket whose worker has said that it is ready. It is to be listened to until it ends.
    pub fn new(socket: Socket, sessions: u8, queue_calls_max: usize) -> Arc<Self> {
        Arc::new(Self {
            socket,
            waiting: Mutex::new(Some(HashMap::new())),
            next_call: AtomicU64::new(UNASKED + 1),
            sessions: Semaphore::new(usize::from(sessions)),
            queued: AtomicU64::new(0),
            queue_calls_max: queue_calls_max as u64,
            end: watch::Sender::new(None),
            login: watch::Sender::new(false),
            retiring: AtomicBool::new(false),
            served: AtomicBool::new(false),
        })
    }

    /// One call: waits for a session until `queue_until`, then for the answer, `most` long. Must not be dropped before it
    /// ends: the answer would find nobody, and its session would be given away too early.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn call(&self, request: &Request, queue_until: Instant, most: Duration) -> Result<Reply, NoAnswer> {
        let _session = self.session(queue_until).await?;
        let call = self.next_call.fetch_add(1, Ordering::Relaxed);
        let frame = request.encode(call).map_err(|_| NoAnswer::Lost)?;
        let (sender, receiver) = oneshot::channel();
        match &mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(waiting) => waiting.insert(call, sender),
            None => return Err(NoAnswer::Lost),
        };
        let answer = async {
            if let Err(error) = self.socket.send(frame.expose()).await {
                self.finish(End::Hangup(error.to_string()));
            }
            receiver.await.map_err(|_| NoAnswer::Lost)
        };
        match timeout_at(Instant::now() + most, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                self.finish(End::Deadline);
                Err(NoAnswer::Deadline)
            }
        }
    }

    async fn session(&self, until: Instant) -> Result<tokio::sync::SemaphorePermit<'_>, NoAnswer> {
        if let Ok(session) = self.sessions.try_acquire() {
            return Ok(session);
        }
        if self.queued.fetch_add(1, Ordering::Relaxed) >= self.queue_calls_max {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            return Err(NoAnswer::Busy);
        }
        let mut end = self.end.subscribe();
        let session = tokio::select! {
            session = timeout_at(until, self.sessions.acquire()) => match session {
                Ok(Ok(session)) => Ok(session),
                Ok(Err(_)) => Err(NoAnswer::Lost),
                Err(_) => Err(NoAnswer::Busy),
            },
            _ = end.wait_for(Option::is_some) => Err(NoAnswer::Lost),
        };
        self.queued.fetch_sub(1, Ordering::Relaxed);
        session
    }

    /// Reads answers until the worker is gone or says what is none.
    pub async fn listen(&self, mut replies: Replies) {
        loop {
            match replies.next(&self.socket).await {
                Ok((UNASKED, Reply::LoggedIn)) => drop(self.login.send_replace(false)),
                Ok((UNASKED, Reply::LoggingIn)) => drop(self.login.send_replace(true)),
                Ok((UNASKED, Reply::Refused { why, cause })) => return self.finish(End::Refused(why, cause)),
                Ok((call, reply)) => {
                    match &reply {
                        Reply::Failed { fault: Fault::TokenLost, .. } => self.retiring.store(true, Ordering::Relaxed),
                        Reply::Failed { .. } => {}
                        _ => self.served.store(true, Ordering::Relaxed),
                    }
                    let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(caller) = waiting.as_mut().and_then(|waiting| waiting.remove(&call)) {
                        let _ = caller.send(reply);
                    }
                }
                Err(cause) => return self.finish(End::Hangup(cause)),
            }
        }
    }

    /// Ends it: calls under way are lost, none begins.
    fn finish(&self, why: End) {
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            if first {
                *end = Some(why);
            }
            first
        });
        // Dropping the senders tells the callers.
        drop(self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    pub fn takes_calls(&self) -> bool {
        self.end.borrow().is_none() && !self.retiring.load(Ordering::Relaxed)
    }

    pub fn has_served(&self) -> bool {
        self.served.load(Ordering::Relaxed)
    }

    /// Waits for its end.
    pub async fn ended(&self) -> End {
        let mut end = self.end.subscribe();
        let ended = end.wait_for(Option::is_some).await;
        // The sender is a field of ours, so there is always an answer.
        ended.ok().and_then(|end| end.clone()).unwrap_or(End::Deadline)
    }

    /// Waits until the worker is not within a login.
    pub async fn login_over(&self) {
        let mut login = self.login.subscribe();
        let _ = login.wait_for(|under_way| !under_way).await;
    }
}
