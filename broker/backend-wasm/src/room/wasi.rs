//! `wasi:http` for guests of ordinary tools: its requests go the way of [`super::http`], with the same hosts, limits and words
//! of refusal behind them. Nothing streams: a request leaves when its body is finished, and an answer is there whole or not at all.

mod fields;
mod io;
mod request;
mod response;

pub use fields::Fields;
pub use io::{Input, Output, Pollable, TooMuch};
pub use request::{Body, Options, Request};
pub use response::{Arrived, Coming, NoTrailers, Received};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::contract::outgoing::types::ErrorCode;
use crate::outside::{Answer, Ask, NoAnswer};

use super::Room;

/// As `http.wit` says of a request; what is more is not kept until the network refuses it.
const BODY_BYTES_MAX: usize = 128 << 10;

/// What only a broker that is asked by `wasi:http` would hold: no guest has one.
pub enum Never {}

/// One request on its way, and its answer. When nobody holds it any more, the request ends.
pub struct Exchange {
    state: Mutex<State>,
    answered: watch::Sender<bool>,
}

struct State {
    /// Handed over, and not yet sent.
    ask: Option<Ask>,
    body: BodyState,
    /// What the guest's own `content-length` says.
    length: Option<u64>,
    answer: Option<Result<Answer, ErrorCode>>,
    sending: Option<AbortHandle>,
}

enum BodyState {
    /// The guest has not asked for it: there is none.
    Untouched,
    Open(Vec<u8>),
    Finished(Vec<u8>),
    /// Given up half-way, or too large.
    Lost(ErrorCode),
}

impl Exchange {
    fn new() -> Arc<Self> {
        let state = State { ask: None, body: BodyState::Untouched, length: None, answer: None, sending: None };
        Arc::new(Self { state: Mutex::new(state), answered: watch::Sender::new(false) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, answer: Result<Answer, ErrorCode>) {
        self.state().answer = Some(answer);
        self.answered.send_replace(true);
    }

    async fn is_answered(&self) {
        let mut answered = self.answered.subscribe();
        // The sender is ours, so it cannot be gone.
        let _answered = answered.wait_for(|answered| *answered).await;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(sending) = self.state().sending.take() {
            sending.abort();
        }
    }
}

impl Room {
    /// Sends the request once it was handed over and its body is whole, whichever comes last.
    fn send_when_whole(&self, exchange: &Arc<Exchange>) {
        let mut state = exchange.state();
        if state.ask.is_none() {
            return;
        }
        let body = match std::mem::replace(&mut state.body, BodyState::Untouched) {
            BodyState::Finished(body) => body,
            BodyState::Untouched => Vec::new(),
            BodyState::Lost(why) => {
                drop(state);
                return exchange.answer(Err(why));
            }
            open @ BodyState::Open(_) => {
                state.body = open;
                return;
            }
        };
        let Some(ask) = state.ask.take() else { return };
        let told = state.length.filter(|length| *length != body.len() as u64);
        if let Some(length) = told {
            drop(state);
            return exchange.answer(Err(ErrorCode::HttpRequestBodySize(Some(length))));
        }
        let sent = self.sent(Ask { body, time_max: self.time_left(), ..ask });
        let back = Arc::downgrade(exchange);
        // On the broker's own threads, like every request.
        let sending = self.shared.host.spawn(async move {
            let answer = sent.await.map_err(error_code);
            if let Some(exchange) = back.upgrade() {
                exchange.answer(answer);
            }
        });
        state.sending = Some(sending.abort_handle());
    }
}

/// The nearest of WASI's many words; what exactly went wrong is in the broker's log.
fn error_code(why: NoAnswer) -> ErrorCode {
    match why {
        NoAnswer::BadRequest => ErrorCode::HttpProtocolError,
        NoAnswer::Busy => ErrorCode::ConnectionLimitReached,
        NoAnswer::Denied => ErrorCode::HttpRequestDenied,
        NoAnswer::TimedOut => ErrorCode::HttpResponseTimeout,
        NoAnswer::TooLarge => ErrorCode::HttpResponseBodySize(None),
        NoAnswer::Unreachable => ErrorCode::DestinationUnavailable,
        NoAnswer::Untrusted => ErrorCode::TlsCertificateError,
    }
}
