//! An answer on its way, and as it came.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::super::Room;
use super::{Exchange, Fields, Input, Pollable, TooMuch};
use crate::contract::outgoing::types::{
    ErrorCode, Host, HostFutureIncomingResponse, HostFutureTrailers, HostIncomingBody, HostIncomingResponse,
};

use super::BODY_BYTES_MAX;

/// The answer to a request that was handed over; it comes once.
pub struct Coming {
    exchange: Arc<Exchange>,
    taken: bool,
}

impl Coming {
    pub fn of(exchange: Arc<Exchange>) -> Self {
        Self { exchange, taken: false }
    }
}

/// An answer that came.
pub struct Arrived {
    status: u16,
    headers: Fields,
    body: Option<Vec<u8>>,
}

/// Its body.
pub struct Received(Option<Vec<u8>>);

/// Trailers are not handed on.
pub struct NoTrailers {
    taken: bool,
}

type Outcome<T> = wasmtime::Result<Option<Result<Result<T, ErrorCode>, ()>>>;

impl HostFutureIncomingResponse for Room {
    fn subscribe(&mut self, coming: Resource<Coming>) -> wasmtime::Result<Resource<Pollable>> {
        self.count_call()?;
        let exchange = Arc::clone(&self.handle(&coming)?.exchange);
        self.put(Pollable::Answer(exchange))
    }

    fn get(&mut self, coming: Resource<Coming>) -> Outcome<Resource<Arrived>> {
        self.count_call()?;
        let coming = self.handle_mut(&coming)?;
        if coming.taken {
            return Ok(Some(Err(())));
        }
        let Some(answer) = coming.exchange.state().answer.take() else { return Ok(None) };
        coming.taken = true;
        Ok(Some(Ok(match answer {
            Err(why) => Err(why),
            Ok(answer) => {
                let entry = |(name, value): (String, String)| (name, value.into_bytes());
                let headers = Fields::sealed(answer.headers.into_iter().map(entry).collect());
                Ok(self.put(Arrived { status: answer.status, headers, body: Some(answer.body) })?)
            }
        })))
    }

    fn drop(&mut self, coming: Resource<Coming>) -> wasmtime::Result<()> {
        self.release(coming)
    }
}

impl HostIncomingResponse for Room {
    fn status(&mut self, arrived: Resource<Arrived>) -> wasmtime::Result<u16> {
        self.count_call()?;
        Ok(self.handle(&arrived)?.status)
    }

    fn headers(&mut self, arrived: Resource<Arrived>) -> wasmtime::Result<Resource<Fields>> {
        self.count_call()?;
        let headers = self.handle(&arrived)?.headers.to_sealed();
        self.put(headers)
    }

    fn consume(&mut self, arrived: Resource<Arrived>) -> wasmtime::Result<Result<Resource<Received>, ()>> {
        self.count_call()?;
        match self.handle_mut(&arrived)?.body.take() {
            Some(body) => self.put(Received(Some(body))).map(Ok),
            None => Ok(Err(())),
        }
    }

    fn drop(&mut self, arrived: Resource<Arrived>) -> wasmtime::Result<()> {
        self.release(arrived)
    }
}

impl HostIncomingBody for Room {
    fn stream(&mut self, body: Resource<Received>) -> wasmtime::Result<Result<Resource<Input>, ()>> {
        self.count_call()?;
        match self.handle_mut(&body)?.0.take() {
            Some(bytes) => self.put(Input::of(bytes)).map(Ok),
            None => Ok(Err(())),
        }
    }

    fn finish(&mut self, body: Resource<Received>) -> wasmtime::Result<Resource<NoTrailers>> {
        self.count_call()?;
        self.release(body)?;
        self.put(NoTrailers { taken: false })
    }

    fn drop(&mut self, body: Resource<Received>) -> wasmtime::Result<()> {
        self.release(body)
    }
}

impl HostFutureTrailers for Room {
    fn subscribe(&mut self, _trailers: Resource<NoTrailers>) -> wasmtime::Result<Resource<Pollable>> {
        self.count_call()?;
        self.put(Pollable::Ready)
    }

    fn get(&mut self, trailers: Resource<NoTrailers>) -> Outcome<Option<Resource<Fields>>> {
        self.count_call()?;
        let taken = std::mem::replace(&mut self.handle_mut(&trailers)?.taken, true);
        Ok(Some(if taken { Err(()) } else { Ok(Ok(None)) }))
    }

    fn drop(&mut self, trailers: Resource<NoTrailers>) -> wasmtime::Result<()> {
        self.release(trailers)
    }
}

impl Host for Room {
    fn http_error_code(&mut self, _error: Resource<TooMuch>) -> wasmtime::Result<Option<ErrorCode>> {
        self.count_call()?;
        Ok(Some(ErrorCode::HttpRequestBodySize(Some(BODY_BYTES_MAX as u64))))
    }
}
