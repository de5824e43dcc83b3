//! A request as the guest puts it together, and its sending.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::super::Room;
use super::{BodyState, Coming, Exchange, Fields, Never, Output};
use crate::capability::Capability;
use crate::contract::outgoing::outgoing_handler;
use crate::contract::outgoing::types::{
    ErrorCode, HostIncomingRequest, HostOutgoingBody, HostOutgoingRequest, HostOutgoingResponse, HostRequestOptions,
    HostResponseOutparam, Method, Scheme,
};
use crate::outside::Ask;
use crate::room::Breach;

/// The header that names a credential, for `wasi:http` has no other way to: the host takes it out and adds the secret.
const CREDENTIAL: &str = "keybroker-credential";
/// Most bytes of an authority, and of a path with its query.
const AUTHORITY_BYTES_MAX: usize = 300;
const PATH_BYTES_MAX: usize = 8 << 10;

type Said = wasmtime::Result<Result<(), ()>>;

/// A request that was not handed over yet.
pub struct Request {
    method: Method,
    scheme: Option<Scheme>,
    authority: Option<String>,
    path: Option<String>,
    headers: Fields,
    exchange: Arc<Exchange>,
}

/// What is sent with a request.
pub struct Body {
    exchange: Arc<Exchange>,
    written: bool,
}

/// The call's own time bounds a request; no other can be set.
pub struct Options;

impl Request {
    /// Without its body, which comes by itself.
    fn into_ask(self, may_name_credentials: bool) -> Result<(Ask, Option<u64>), ErrorCode> {
        let method = match self.method {
            Method::Delete => "DELETE",
            Method::Get => "GET",
            Method::Patch => "PATCH",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Connect | Method::Head | Method::Options | Method::Other(_) | Method::Trace => {
                return Err(ErrorCode::HttpRequestMethodInvalid);
            }
        };
        let scheme = match self.scheme {
            None | Some(Scheme::Https) => "https",
            Some(Scheme::Http) => "http",
            Some(Scheme::Other(_)) => return Err(ErrorCode::HttpRequestUriInvalid),
        };
        let authority = self.authority.ok_or(ErrorCode::HttpRequestUriInvalid)?;
        let path = self.path.unwrap_or_else(|| "/".to_owned());
        let (mut headers, mut credentials, mut length) = (Vec::new(), Vec::new(), None);
        for (name, value) in self.headers.into_entries() {
            let value = String::from_utf8(value).map_err(|_| ErrorCode::HttpProtocolError)?;
            match name.as_str() {
                CREDENTIAL if may_name_credentials => credentials.push(value),
                CREDENTIAL => return Err(ErrorCode::HttpRequestDenied),
                // The host writes it, and holds it against what the guest said.
                "content-length" => length = Some(value.parse().map_err(|_| ErrorCode::HttpProtocolError)?),
                _ => headers.push((name, value)),
            }
        }
        let url = format!("{scheme}://{authority}{path}");
        // The body and the time that is left are known when it is sent.
        Ok((Ask { method, url, headers, body: Vec::new(), credentials, time_max: std::time::Duration::ZERO }, length))
    }
}

impl outgoing_handler::Host for Room {
    fn handle(
        &mut self,
        request: Resource<Request>,
        options: Option<Resource<Options>>,
    ) -> wasmtime::Result<Result<Resource<Coming>, ErrorCode>> {
        self.count_call()?;
        options.map(|options| self.release(options)).transpose()?;
        let request = self.taken(request)?;
        let exchange = Arc::clone(&request.exchange);
        match request.into_ask(self.shared.grants.has(Capability::Credentials)) {
            Err(why) => Ok(Err(why)),
            Ok((ask, length)) => {
                {
                    let mut state = exchange.state();
                    (state.ask, state.length) = (Some(ask), length);
                }
                self.send_when_whole(&exchange);
                self.put(Coming::of(exchange)).map(Ok)
            }
        }
    }
}

impl HostOutgoingRequest for Room {
    fn new(&mut self, headers: Resource<Fields>) -> wasmtime::Result<Resource<Request>> {
        self.count_call()?;
        let headers = self.taken(headers)?.to_sealed();
        let (method, exchange) = (Method::Get, Exchange::new());
        self.put(Request { method, scheme: None, authority: None, path: None, headers, exchange })
    }

    fn body(&mut self, request: Resource<Request>) -> wasmtime::Result<Result<Resource<Body>, ()>> {
        self.count_call()?;
        let exchange = Arc::clone(&self.handle(&request)?.exchange);
        {
            let mut state = exchange.state();
            match state.body {
                BodyState::Untouched => state.body = BodyState::Open(Vec::new()),
                BodyState::Finished(_) | BodyState::Lost(_) | BodyState::Open(_) => return Ok(Err(())),
            }
        }
        self.put(Body { exchange, written: false }).map(Ok)
    }

    fn method(&mut self, request: Resource<Request>) -> wasmtime::Result<Method> {
        self.count_call()?;
        Ok(self.handle(&request)?.method.clone())
    }

    fn set_method(&mut self, request: Resource<Request>, method: Method) -> Said {
        self.count_call()?;
        if matches!(method, Method::Other(_)) {
            return Ok(Err(()));
        }
        self.handle_mut(&request)?.method = method;
        Ok(Ok(()))
    }

    fn path_with_query(&mut self, request: Resource<Request>) -> wasmtime::Result<Option<String>> {
        self.count_call()?;
        Ok(self.handle(&request)?.path.clone())
    }

    fn set_path_with_query(&mut self, request: Resource<Request>, path: Option<String>) -> Said {
        self.count_call()?;
        if path.as_ref().is_some_and(|path| path.len() > PATH_BYTES_MAX || !path.starts_with('/')) {
            return Ok(Err(()));
        }
        self.handle_mut(&request)?.path = path;
        Ok(Ok(()))
    }

    fn scheme(&mut self, request: Resource<Request>) -> wasmtime::Result<Option<Scheme>> {
        self.count_call()?;
        Ok(self.handle(&request)?.scheme.clone())
    }

    fn set_scheme(&mut self, request: Resource<Request>, scheme: Option<Scheme>) -> Said {
        self.count_call()?;
        if matches!(scheme, Some(Scheme::Other(_))) {
            return Ok(Err(()));
        }
        self.handle_mut(&request)?.scheme = scheme;
        Ok(Ok(()))
    }

    fn authority(&mut self, request: Resource<Request>) -> wasmtime::Result<Option<String>> {
        self.count_call()?;
        Ok(self.handle(&request)?.authority.clone())
    }

    fn set_authority(&mut self, request: Resource<Request>, authority: Option<String>) -> Said {
        self.count_call()?;
        if authority.as_ref().is_some_and(|authority| authority.len() > AUTHORITY_BYTES_MAX) {
            return Ok(Err(()));
        }
        self.handle_mut(&request)?.authority = authority;
        Ok(Ok(()))
    }

    fn headers(&mut self, request: Resource<Request>) -> wasmtime::Result<Resource<Fields>> {
        self.count_call()?;
        let headers = self.handle(&request)?.headers.to_sealed();
        self.put(headers)
    }

    fn drop(&mut self, request: Resource<Request>) -> wasmtime::Result<()> {
        self.release(request)
    }
}

impl HostOutgoingBody for Room {
    fn write(&mut self, body: Resource<Body>) -> wasmtime::Result<Result<Resource<Output>, ()>> {
        self.count_call()?;
        let body = self.handle_mut(&body)?;
        if std::mem::replace(&mut body.written, true) {
            return Ok(Err(()));
        }
        let output = Output(Arc::clone(&body.exchange));
        self.put(output).map(Ok)
    }

    fn finish(
        &mut self,
        body: Resource<Body>,
        trailers: Option<Resource<Fields>>,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        self.count_call()?;
        let Body { exchange, .. } = self.taken(body)?;
        let with_trailers = trailers.is_some();
        trailers.map(|trailers| self.release(trailers)).transpose()?;
        let finished = {
            let mut state = exchange.state();
            let body = std::mem::replace(&mut state.body, BodyState::Untouched);
            state.body = match body {
                BodyState::Open(_) if with_trailers => {
                    BodyState::Lost(ErrorCode::HttpRequestTrailerSectionSize(Some(0)))
                }
                BodyState::Open(bytes) => BodyState::Finished(bytes),
                other => other,
            };
            match &state.body {
                BodyState::Lost(why) => Err(why.clone()),
                BodyState::Finished(_) | BodyState::Open(_) | BodyState::Untouched => Ok(()),
            }
        };
        self.send_when_whole(&exchange);
        Ok(finished)
    }

    /// Not finished: the request is not what it was to be, and is not sent.
    fn drop(&mut self, body: Resource<Body>) -> wasmtime::Result<()> {
        let Body { exchange, .. } = self.taken(body)?;
        exchange.state().body = BodyState::Lost(ErrorCode::HttpProtocolError);
        self.send_when_whole(&exchange);
        Ok(())
    }
}

/// An error of each setter says that this time-out is not supported.
impl HostRequestOptions for Room {
    fn new(&mut self) -> wasmtime::Result<Resource<Options>> {
        self.count_call()?;
        self.put(Options)
    }

    fn connect_timeout(&mut self, _options: Resource<Options>) -> wasmtime::Result<Option<u64>> {
        self.count_call().map(|()| None)
    }

    fn set_connect_timeout(&mut self, _options: Resource<Options>, _nanoseconds: Option<u64>) -> Said {
        self.count_call().map(Err)
    }

    fn first_byte_timeout(&mut self, _options: Resource<Options>) -> wasmtime::Result<Option<u64>> {
        self.count_call().map(|()| None)
    }

    fn set_first_byte_timeout(&mut self, _options: Resource<Options>, _nanoseconds: Option<u64>) -> Said {
        self.count_call().map(Err)
    }

    fn between_bytes_timeout(&mut self, _options: Resource<Options>) -> wasmtime::Result<Option<u64>> {
        self.count_call().map(|()| None)
    }

    fn set_between_bytes_timeout(&mut self, _options: Resource<Options>, _nanoseconds: Option<u64>) -> Said {
        self.count_call().map(Err)
    }

    fn drop(&mut self, options: Resource<Options>) -> wasmtime::Result<()> {
        self.release(options)
    }
}

/// Nobody asks a guest by HTTP, so it holds nothing of this.
fn none<T>() -> wasmtime::Result<T> {
    Err(Breach::Handle.into())
}

impl HostIncomingRequest for Room {
    fn method(&mut self, _request: Resource<Never>) -> wasmtime::Result<Method> {
        none()
    }

    fn path_with_query(&mut self, _request: Resource<Never>) -> wasmtime::Result<Option<String>> {
        none()
    }

    fn scheme(&mut self, _request: Resource<Never>) -> wasmtime::Result<Option<Scheme>> {
        none()
    }

    fn authority(&mut self, _request: Resource<Never>) -> wasmtime::Result<Option<String>> {
        none()
    }

    fn headers(&mut self, _request: Resource<Never>) -> wasmtime::Result<Resource<Fields>> {
        none()
    }

    fn consume(&mut self, _request: Resource<Never>) -> wasmtime::Result<Result<Resource<super::Received>, ()>> {
        none()
    }

    fn drop(&mut self, _request: Resource<Never>) -> wasmtime::Result<()> {
        none()
    }
}

impl HostOutgoingResponse for Room {
    fn new(&mut self, _headers: Resource<Fields>) -> wasmtime::Result<Resource<Never>> {
        none()
    }

    fn status_code(&mut self, _response: Resource<Never>) -> wasmtime::Result<u16> {
        none()
    }

    fn set_status_code(&mut self, _response: Resource<Never>, _status: u16) -> Said {
        none()
    }

    fn headers(&mut self, _response: Resource<Never>) -> wasmtime::Result<Resource<Fields>> {
        none()
    }

    fn body(&mut self, _response: Resource<Never>) -> wasmtime::Result<Result<Resource<Body>, ()>> {
        none()
    }

    fn drop(&mut self, _response: Resource<Never>) -> wasmtime::Result<()> {
        none()
    }
}

impl HostResponseOutparam for Room {
    fn send_informational(
        &mut self,
        _outparam: Resource<Never>,
        _status: u16,
        _headers: Resource<Fields>,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        none()
    }

    fn set(
        &mut self,
        _outparam: Resource<Never>,
        _response: Result<Resource<Never>, ErrorCode>,
    ) -> wasmtime::Result<()> {
        none()
    }

    fn drop(&mut self, _outparam: Resource<Never>) -> wasmtime::Result<()> {
        none()
    }
}
