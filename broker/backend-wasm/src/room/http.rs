//! Outgoing requests, with and without credentials. Where they may go is decided outside, by the configuration.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::contract::{credentials, http};
use crate::outside::{Answer, Ask, NoAnswer};

use super::Room;

type Sent = wasmtime::Result<Result<http::Response, http::Failure>>;

impl http::Host for Room {
    async fn send(&mut self, request: http::Request) -> Sent {
        self.count_call()?;
        self.ask(request, Vec::new()).await
    }
}

impl credentials::Host for Room {
    fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        self.count_call()?;
        Ok(self.shared.outside.network.credentials())
    }

    async fn send(&mut self, request: http::Request, credentials: Vec<String>) -> Sent {
        self.count_call()?;
        self.ask(request, credentials).await
    }
}

impl Room {
    async fn ask(&mut self, request: http::Request, credentials: Vec<String>) -> Sent {
        let ask = Ask {
            method: match request.method {
                http::Method::Delete => "DELETE",
                http::Method::Get => "GET",
                http::Method::Patch => "PATCH",
                http::Method::Post => "POST",
                http::Method::Put => "PUT",
            },
            url: request.url,
            headers: request.headers.into_iter().map(|header| (header.name, header.value)).collect(),
            body: request.body,
            credentials,
            time_max: self.time_left(),
        };
        // On the broker's own threads: this guest may be on those that wait for idle time.
        let answer = Cancelled(self.shared.host.spawn(self.sent(ask))).finished().await?;
        Ok(answer.map(to_guest).map_err(failure_to_guest))
    }

    pub(super) fn time_left(&self) -> Duration {
        self.times.deadline.saturating_duration_since(Instant::now())
    }

    /// The one way out of the room, for whichever interface the guest asked through.
    pub(super) fn sent(&self, ask: Ask) -> impl Future<Output = Result<Answer, NoAnswer>> + Send + use<> {
        let (sending, counters) = (self.shared.outside.network.send(ask), Arc::clone(&self.shared.counters));
        async move {
            let answer = sending.await;
            if let Err(NoAnswer::Denied) = answer {
                counters.http_denied.add();
            }
            answer
        }
    }
}

/// A task that ends when nobody waits for it any more.
struct Cancelled<T>(JoinHandle<T>);

impl<T> Cancelled<T> {
    async fn finished(mut self) -> Result<T, tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for Cancelled<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn to_guest(answer: Answer) -> http::Response {
    let header = |(name, value)| http::Header { name, value };
    http::Response {
        status: answer.status,
        headers: answer.headers.into_iter().map(header).collect(),
        body: answer.body,
    }
}

fn failure_to_guest(why: NoAnswer) -> http::Failure {
    match why {
        NoAnswer::BadRequest => http::Failure::BadRequest,
        NoAnswer::Busy => http::Failure::Busy,
        NoAnswer::Denied => http::Failure::Denied,
        NoAnswer::TimedOut => http::Failure::TimedOut,
        NoAnswer::TooLarge => http::Failure::TooLarge,
        NoAnswer::Unreachable => http::Failure::Unreachable,
        NoAnswer::Untrusted => http::Failure::Untrusted,
    }
}
