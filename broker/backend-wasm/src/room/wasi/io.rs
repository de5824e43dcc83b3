//! Streams over bytes that are there, and waiting for an answer: what `wasi:http` needs of `wasi:io`, and no more.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use wasmtime::component::Resource;

use super::super::Room;
use super::{BODY_BYTES_MAX, BodyState, Exchange};
use crate::contract::outgoing::types::ErrorCode;
use crate::contract::outgoing::{error, poll, streams};
use crate::room::Breach;

/// What a guest is told it may write at a time.
const WRITE_BYTES_MAX: u64 = 64 << 10;

/// Why a body cannot be written on: the one error a stream here has.
pub struct TooMuch;

/// An answer's bytes.
pub struct Input {
    bytes: Vec<u8>,
    read: usize,
}

/// Where a request's bytes go.
pub struct Output(pub Arc<Exchange>);

/// Something to wait for.
pub enum Pollable {
    Answer(Arc<Exchange>),
    Ready,
}

type Streamed<T> = wasmtime::Result<Result<T, streams::StreamError>>;

impl Input {
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, read: 0 }
    }

    /// None at the end.
    fn take(&mut self, most: u64) -> Option<&[u8]> {
        let left = &self.bytes[self.read..];
        if left.is_empty() {
            return None;
        }
        let taken = &left[..left.len().min(usize::try_from(most).unwrap_or(usize::MAX))];
        self.read += taken.len();
        Some(taken)
    }
}

impl Pollable {
    fn is_ready(&self) -> bool {
        match self {
            Self::Answer(exchange) => *exchange.answered.borrow(),
            Self::Ready => true,
        }
    }

    fn exchange(&self) -> Option<Arc<Exchange>> {
        match self {
            Self::Answer(exchange) => Some(Arc::clone(exchange)),
            Self::Ready => None,
        }
    }
}

impl error::Host for Room {}

impl error::HostError for Room {
    fn to_debug_string(&mut self, _error: Resource<TooMuch>) -> wasmtime::Result<String> {
        self.count_call()?;
        Ok(format!("a request's body has at most {BODY_BYTES_MAX} bytes"))
    }

    fn drop(&mut self, error: Resource<TooMuch>) -> wasmtime::Result<()> {
        self.release(error)
    }
}

impl poll::Host for Room {
    async fn poll(&mut self, all: Vec<Resource<Pollable>>) -> wasmtime::Result<Vec<u32>> {
        self.count_call()?;
        // WASI demands a trap where there is nothing to wait for; more than can be held cannot be meant.
        if all.is_empty() || all.len() > self.shared.limits.handles_max {
            return Err(Breach::Handle.into());
        }
        let exchanges = all.iter().map(|one| Ok(self.handle(one)?.exchange())).collect::<wasmtime::Result<Vec<_>>>()?;
        if exchanges.iter().all(Option::is_some) {
            any_answered(exchanges.into_iter().flatten().collect()).await;
        }
        let mut ready = Vec::new();
        for (index, one) in (0_u32..).zip(&all) {
            if self.handle(one)?.is_ready() {
                ready.push(index);
            }
        }
        Ok(ready)
    }
}

/// The call's deadline bounds it.
async fn any_answered(exchanges: Vec<Arc<Exchange>>) {
    let mut waits: Vec<Pin<Box<_>>> = exchanges.iter().map(|exchange| Box::pin(exchange.is_answered())).collect();
    poll_fn(|context| {
        let answered = waits.iter_mut().any(|wait| wait.as_mut().poll(context).is_ready());
        if answered { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl poll::HostPollable for Room {
    fn ready(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<bool> {
        self.count_call()?;
        Ok(self.handle(&pollable)?.is_ready())
    }

    async fn block(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
        self.count_call()?;
        if let Some(exchange) = self.handle(&pollable)?.exchange() {
            exchange.is_answered().await;
        }
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
        self.release(pollable)
    }
}

impl streams::Host for Room {}

impl streams::HostInputStream for Room {
    fn read(&mut self, input: Resource<Input>, most: u64) -> Streamed<Vec<u8>> {
        self.count_call()?;
        let read = self.handle_mut(&input)?.take(most);
        Ok(read.map(<[u8]>::to_vec).ok_or(streams::StreamError::Closed))
    }

    fn blocking_read(&mut self, input: Resource<Input>, most: u64) -> Streamed<Vec<u8>> {
        self.read(input, most)
    }

    fn skip(&mut self, input: Resource<Input>, most: u64) -> Streamed<u64> {
        self.count_call()?;
        let skipped = self.handle_mut(&input)?.take(most);
        Ok(skipped.map(|bytes| bytes.len() as u64).ok_or(streams::StreamError::Closed))
    }

    fn blocking_skip(&mut self, input: Resource<Input>, most: u64) -> Streamed<u64> {
        self.skip(input, most)
    }

    fn subscribe(&mut self, _input: Resource<Input>) -> wasmtime::Result<Resource<Pollable>> {
        self.count_call()?;
        self.put(Pollable::Ready)
    }

    fn drop(&mut self, input: Resource<Input>) -> wasmtime::Result<()> {
        self.release(input)
    }
}

impl Room {
    fn write_body(&mut self, output: &Resource<Output>, bytes: &[u8]) -> Streamed<()> {
        let exchange = Arc::clone(&self.handle(output)?.0);
        let mut state = exchange.state();
        let BodyState::Open(body) = &mut state.body else { return Ok(Err(streams::StreamError::Closed)) };
        if body.len() + bytes.len() <= BODY_BYTES_MAX {
            body.extend_from_slice(bytes);
            return Ok(Ok(()));
        }
        state.body = BodyState::Lost(ErrorCode::HttpRequestBodySize(Some(BODY_BYTES_MAX as u64)));
        drop(state);
        let error = self.put(TooMuch)?;
        Ok(Err(streams::StreamError::LastOperationFailed(error)))
    }

    fn write_zeroes_to_body(&mut self, output: &Resource<Output>, count: u64) -> Streamed<()> {
        let most = BODY_BYTES_MAX + 1;
        let count = usize::try_from(count).unwrap_or(most).min(most);
        self.write_body(output, &vec![0; count])
    }

    fn spliced(&mut self, output: &Resource<Output>, input: &Resource<Input>, most: u64) -> Streamed<u64> {
        let Some(bytes) = self.handle_mut(input)?.take(most).map(<[u8]>::to_vec) else {
            return Ok(Err(streams::StreamError::Closed));
        };
        let written = self.write_body(output, &bytes)?;
        Ok(written.map(|()| bytes.len() as u64))
    }
}

/// Whatever is written is kept at once, so nothing here waits.
impl streams::HostOutputStream for Room {
    fn check_write(&mut self, output: Resource<Output>) -> Streamed<u64> {
        self.count_call()?;
        let exchange = Arc::clone(&self.handle(&output)?.0);
        let open = matches!(exchange.state().body, BodyState::Open(_));
        Ok(if open { Ok(WRITE_BYTES_MAX) } else { Err(streams::StreamError::Closed) })
    }

    fn write(&mut self, output: Resource<Output>, bytes: Vec<u8>) -> Streamed<()> {
        self.count_call()?;
        self.write_body(&output, &bytes)
    }

    fn blocking_write_and_flush(&mut self, output: Resource<Output>, bytes: Vec<u8>) -> Streamed<()> {
        self.write(output, bytes)
    }

    fn flush(&mut self, _output: Resource<Output>) -> Streamed<()> {
        self.count_call().map(Ok)
    }

    fn blocking_flush(&mut self, output: Resource<Output>) -> Streamed<()> {
        self.flush(output)
    }

    fn subscribe(&mut self, _output: Resource<Output>) -> wasmtime::Result<Resource<Pollable>> {
        self.count_call()?;
        self.put(Pollable::Ready)
    }

    fn write_zeroes(&mut self, output: Resource<Output>, count: u64) -> Streamed<()> {
        self.count_call()?;
        self.write_zeroes_to_body(&output, count)
    }

    fn blocking_write_zeroes_and_flush(&mut self, output: Resource<Output>, count: u64) -> Streamed<()> {
        self.write_zeroes(output, count)
    }

    fn splice(&mut self, output: Resource<Output>, input: Resource<Input>, most: u64) -> Streamed<u64> {
        self.count_call()?;
        self.spliced(&output, &input, most)
    }

    fn blocking_splice(&mut self, output: Resource<Output>, input: Resource<Input>, most: u64) -> Streamed<u64> {
        self.splice(output, input, most)
    }

    fn drop(&mut self, output: Resource<Output>) -> wasmtime::Result<()> {
        self.release(output)
    }
}
