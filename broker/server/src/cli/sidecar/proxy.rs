//! One request: ours, refused, or passed on to the broker with our certificate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use rustls::ClientConfig;

use super::identity::{Identity, refusal};
use crate::cli::upstream::{BodyFault, Link, Lost, Upstream, whole, wiped};

/// Connections to the broker kept open for each vault.
const IDLE_MAX: usize = 16;

/// What of a request's head the broker is told. (The token is ours, and stays here.)
const PASSED_IN: [HeaderName; 4] =
    [header::ACCEPT, header::CONTENT_TYPE, header::USER_AGENT, HeaderName::from_static("x-ms-client-request-id")];

/// What of an answer's head the program is told.
const PASSED_OUT: [HeaderName; 7] = [
    header::ALLOW,
    header::CACHE_CONTROL,
    header::CONTENT_TYPE,
    header::RETRY_AFTER,
    HeaderName::from_static("x-ms-client-request-id"),
    HeaderName::from_static("x-ms-keyvault-service-version"),
    HeaderName::from_static("x-ms-request-id"),
];

const PASSED_METHODS: [Method; 5] = [Method::DELETE, Method::GET, Method::PATCH, Method::POST, Method::PUT];

/// The broker wants some token to be there; it goes by the certificate.
const TOKEN: &str = "Bearer the-client-certificate-says-who-asks";

/// The vaults' host names that may be asked for.
pub struct Hosts(Vec<String>);

impl Hosts {
    /// # Errors
    /// A name that cannot be one.
    pub fn new(names: &[String]) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        for name in names {
            let good = (1..=253).contains(&name.len()) && name.bytes().all(plain);
            ensure!(good, "vault host {name:?} must be a host name without a port");
        }
        Ok(Self(names.iter().map(|name| name.to_ascii_lowercase()).collect()))
    }

    /// The name that a `Host` header's value means, if it is one of these.
    fn find(&self, host: &str) -> Option<&str> {
        let authority: http::uri::Authority = host.parse().ok().filter(|_| !host.contains('@'))?;
        self.0.iter().find(|name| name.eq_ignore_ascii_case(authority.host())).map(String::as_str)
    }
}

pub struct Proxy {
    identity: Identity,
    hosts: Hosts,
    tls: Arc<ClientConfig>,
    /// `HOST:PORT` of the broker.
    target: String,
    body_bytes_max: usize,
    idle: Mutex<HashMap<String, Vec<Link>>>,
}

impl Proxy {
    pub fn new(
        identity: Identity,
        hosts: Hosts,
        tls: Arc<ClientConfig>,
        target: String,
        body_bytes_max: usize,
    ) -> Self {
        Self { identity, hosts, tls, target, body_bytes_max, idle: Mutex::default() }
    }

    /// Answers within a time.
    pub async fn answer(&self, request: Request<Incoming>, most: Duration) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let late =
            |_| refusal(StatusCode::GATEWAY_TIMEOUT, "GatewayTimeout", "the request was not carried out in time");
        tokio::time::timeout(most, self.answer_whole(head, body)).await.unwrap_or_else(late)
    }

    async fn answer_whole(&self, head: Parts, body: Incoming) -> Response<Full<Bytes>> {
        let Some(host) = host_of(&head) else {
            return refusal(StatusCode::BAD_REQUEST, "BadParameter", "the request must name one Host");
        };
        let ask = self.identity.ask_of(&head.method, head.uri.path());
        let vault = self.hosts.find(&host);
        if ask.is_none() {
            // Before the body is read: a stranger's is not worth the memory.
            if vault.is_none() {
                let message = format!("the sidecar does not serve the host {host:?}; see --vault-host");
                return refusal(StatusCode::MISDIRECTED_REQUEST, "VaultNotFound", &message);
            }
            if !self.identity.knows(&head.headers) {
                return self.identity.challenge(&host);
            }
            if !PASSED_METHODS.contains(&head.method) {
                let message = format!("method {} is not passed on", head.method);
                return refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", &message);
            }
        }
        let body = match whole(body, self.body_bytes_max).await {
            Ok(body) => body,
            Err(BodyFault::Broken(_)) => {
                return refusal(StatusCode::BAD_REQUEST, "BadParameter", "the body did not arrive whole");
            }
            Err(fault @ BodyFault::TooLong { .. }) => {
                return refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &fault.to_string());
            }
        };
        match (ask, vault) {
            (Some(ask), _) => self.identity.answer(ask, &head.headers, &host, &body),
            (None, Some(vault)) => self.pass(vault, &host, head, wiped(body)).await.unwrap_or_else(|error| {
                tracing::warn!(error = format!("{error:#}"), "the broker did not answer");
                refusal(StatusCode::BAD_GATEWAY, "BadGateway", &format!("the sidecar gets no answer: {error:#}"))
            }),
            (None, None) => refusal(StatusCode::MISDIRECTED_REQUEST, "VaultNotFound", "no such vault"),
        }
    }

    /// The broker hears the Host as the program said it, port and all, so that every URL in its answers is one that the
    /// program knows.
    async fn pass(&self, vault: &str, host: &str, head: Parts, body: Bytes) -> Result<Response<Full<Bytes>>> {
        let answer = loop {
            let idle = self.take_idle(vault);
            let fresh = idle.is_none();
            let mut link = match idle {
                Some(link) => link,
                None => self.upstream(vault).open().await?,
            };
            match link.send(request(&head, host, body.clone())?).await {
                Ok(answer) => {
                    self.keep(vault, link);
                    break answer;
                }
                // The broker had closed an old connection: nothing was sent, so nothing can happen twice.
                Err(Lost { unsent: true, .. }) if !fresh => {}
                Err(lost) => return Err(lost.into()),
            }
        };
        let (from, body) = answer.into_parts();
        let mut response = Response::new(Full::new(wiped(body)));
        *response.status_mut() = from.status;
        pass_headers(&from.headers, response.headers_mut(), &PASSED_OUT);
        Ok(response)
    }

    fn upstream(&self, vault: &str) -> Upstream {
        Upstream { tls: Arc::clone(&self.tls), server_name: vault.to_owned(), target: self.target.clone() }
    }

    fn take_idle(&self, vault: &str) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let links = idle.get_mut(vault)?;
        links.retain(Link::is_open);
        links.pop()
    }

    fn keep(&self, vault: &str, link: Link) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let links = idle.entry(vault.to_owned()).or_default();
        if links.len() < IDLE_MAX {
            links.push(link);
        }
    }
}

/// The one Host of a request; None when there is none, or two.
fn host_of(head: &Parts) -> Option<String> {
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    let absolute = head.uri.authority().is_some_and(|authority| authority.as_str() != host);
    (hosts.next().is_none() && !absolute).then(|| host.to_owned())
}

fn request(head: &Parts, host: &str, body: Bytes) -> Result<Request<Full<Bytes>>> {
    let target = head.uri.path_and_query().context("the request names no path")?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = Uri::from(target.clone());
    let headers = request.headers_mut();
    headers.insert(header::HOST, host.parse()?);
    headers.insert(header::AUTHORIZATION, header::HeaderValue::from_static(TOKEN));
    pass_headers(&head.headers, headers, &PASSED_IN);
    Ok(request)
}

fn pass_headers(from: &HeaderMap, to: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        for value in from.get_all(name) {
            to.append(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_of_those_named_with_any_port() {
        let hosts = Hosts::new(&["vault1.kv.test".to_owned()]).unwrap();
        for good in ["vault1.kv.test", "vault1.kv.test:8443", "VAULT1.kv.test:1"] {
            assert_eq!(hosts.find(good), Some("vault1.kv.test"), "{good}");
        }
        for bad in ["", "localhost", "vault2.kv.test", "a@vault1.kv.test", "vault1.kv.test.evil.test", "127.0.0.1:8443"]
        {
            assert_eq!(hosts.find(bad), None, "{bad}");
        }
        assert!(Hosts::new(&["vault1.kv.test:1".to_owned()]).is_err());
    }
}
