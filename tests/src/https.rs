//! A small HTTPS client that can do what no honest one does: any host name, any bytes, half a request.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};
use serde_json::Value;

use crate::pki::Identity;
use crate::wait::WAIT_MAX;

/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Who connects, where to, and with which names.
#[derive(Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    address: SocketAddr,
    /// The name in the handshake.
    server_name: String,
    /// The `Host` header, with its port.
    host: String,
}

impl Client {
    /// A client that trusts one CA and shows one certificate, or none.
    ///
    /// # Panics
    /// The certificate or its key cannot be used.
    #[must_use]
    pub fn new(
        address: SocketAddr,
        host: &str,
        trusted: &CertificateDer<'static>,
        identity: Option<&Identity>,
    ) -> Self {
        Self::speaking(rustls::ALL_VERSIONS, address, host, trusted, identity)
    }

    /// The same with these versions of TLS alone.
    ///
    /// # Panics
    /// As `new`.
    #[must_use]
    pub fn speaking(
        versions: &[&'static SupportedProtocolVersion],
        address: SocketAddr,
        host: &str,
        trusted: &CertificateDer<'static>,
        identity: Option<&Identity>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        let config = match identity {
            Some(identity) => builder.with_client_auth_cert(identity.chain(), identity.key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        let host_and_port = format!("{host}:{}", address.port());
        Self { config: Arc::new(config), address, server_name: host.to_owned(), host: host_and_port }
    }

    /// The same client with another `Host` header, whatever it says.
    #[must_use]
    pub fn with_host(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }

    /// The same client of another vault: its name in the handshake and in `Host`.
    #[must_use]
    pub fn of_host(&self, name: &str) -> Self {
        let host = format!("{name}:{}", self.address.port());
        Self { server_name: name.to_owned(), host, ..self.clone() }
    }

    /// The first bytes of a handshake, for whoever does not mean to finish one.
    ///
    /// # Panics
    /// The server's name is no name.
    #[must_use]
    pub fn hello(&self) -> Vec<u8> {
        let name = ServerName::try_from(self.server_name.clone()).unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        let mut hello = Vec::new();
        tls.write_tls(&mut hello).unwrap();
        hello
    }

    /// Opens a connection; the client's side of the handshake is over when this returns. (In TLS 1.3 the server looks at
    /// the client's certificate only after that.)
    ///
    /// # Errors
    /// The connection or the handshake fails.
    pub fn connect(&self) -> io::Result<Connection> {
        let name = ServerName::try_from(self.server_name.clone()).map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        let mut tcp = TcpStream::connect_timeout(&self.address, WAIT_MAX)?;
        tcp.set_read_timeout(Some(WAIT_MAX))?;
        tcp.set_write_timeout(Some(WAIT_MAX))?;
        tcp.set_nodelay(true)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        let stream = RefCell::new(StreamOwned::new(tls, tcp));
        Ok(Connection { stream, host: self.host.clone() })
    }

    /// The alert with which the server refuses this client's certificate (`certificate_revoked`, say).
    ///
    /// # Panics
    /// It does not refuse it.
    #[must_use]
    pub fn denied(&self) -> String {
        let error = match self.connect() {
            Err(error) => error,
            // Nothing is written: bytes that cross the server's alert would make the kernel throw it away.
            Ok(connection) => connection.read_end().expect_err("the server refuses the client"),
        };
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::AlertReceived(alert)) => format!("{alert:?}"),
            _ => panic!("not an alert: {error:?}"),
        }
    }
}

/// One request as it goes over the wire.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and query, as they are.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// One more header line; names may come twice.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.bytes(body.to_string().into_bytes()).header("content-type", "application/json")
    }

    #[must_use]
    pub fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    fn encode(&self, host: &str) -> Vec<u8> {
        let says = |name: &str| self.headers.iter().any(|(said, _)| said.eq_ignore_ascii_case(name));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let mut line = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        if !says("host") {
            line("host", host);
        }
        if !says("content-length") && !says("transfer-encoding") && (!self.body.is_empty() || self.method != "GET") {
            line("content-length", &self.body.len().to_string());
        }
        self.headers.iter().for_each(|(name, value)| line(name, value));
        head.push_str("\r\n");
        [head.into_bytes(), self.body.clone()].concat()
    }
}

/// A connection that is kept open.
pub struct Connection {
    stream: RefCell<StreamOwned<ClientConnection, TcpStream>>,
    host: String,
}

impl Connection {
    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// The connection is closed or breaks before the answer is whole.
    pub fn send(&self, request: &Request) -> io::Result<Answer> {
        // A server that answers before it has read everything, and closes, may break the sending; the answer counts.
        let sent = self.write(&request.encode(&self.host));
        let answer = self.read_answer_to(request.method == "HEAD");
        if answer.is_err() {
            sent?;
        }
        answer
    }

    /// Sends these bytes as they are.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.stream.borrow_mut();
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// The connection ends first (`UnexpectedEof`), or breaks, or what comes is no answer.
    pub fn read_answer(&self) -> io::Result<Answer> {
        self.read_answer_to(false)
    }

    fn read_answer_to(&self, head_alone: bool) -> io::Result<Answer> {
        let mut stream = self.stream.borrow_mut();
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            more(&mut *stream, &mut bytes)?;
        };
        let mut answer = Answer::parse(&bytes[..end])?;
        let length = match answer.header("content-length") {
            Some(text) if !head_alone => text.parse().map_err(io::Error::other)?,
            _ => 0,
        };
        while bytes.len() < end + length {
            more(&mut *stream, &mut bytes)?;
        }
        answer.body = bytes.split_off(end);
        Ok(answer)
    }

    /// Reads exactly so many bytes.
    ///
    /// # Errors
    /// The connection ends first (`UnexpectedEof`), or breaks.
    pub fn read_exact(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.stream.borrow_mut().read_exact(bytes)
    }

    /// Waits until the server closes.
    ///
    /// # Errors
    /// It ends with an alert or a reset, or does not within [`WAIT_MAX`] (`WouldBlock`).
    pub fn read_end(&self) -> io::Result<()> {
        let mut rest = Vec::new();
        match self.stream.borrow_mut().read_to_end(&mut rest) {
            // Without close_notify; what was open is closed all the same.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    /// The server's certificate.
    #[must_use]
    pub fn server_certificate(&self) -> CertificateDer<'static> {
        self.stream.borrow().conn.peer_certificates().unwrap()[0].clone().into_owned()
    }

    #[must_use]
    pub fn handshake(&self) -> HandshakeKind {
        self.stream.borrow().conn.handshake_kind().unwrap()
    }

    #[must_use]
    pub fn version(&self) -> ProtocolVersion {
        self.stream.borrow().conn.protocol_version().unwrap()
    }

    /// The name of the key exchange group.
    #[must_use]
    pub fn key_exchange(&self) -> String {
        format!("{:?}", self.stream.borrow().conn.negotiated_key_exchange_group().unwrap().name())
    }

    #[must_use]
    pub fn cipher_suite(&self) -> String {
        format!("{:?}", self.stream.borrow().conn.negotiated_cipher_suite().unwrap().suite())
    }
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    let count = stream.read(&mut buffer)?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.extend_from_slice(&buffer[..count]);
    if bytes.len() > ANSWER_BYTES_MAX {
        return Err(io::Error::other("the answer is too long"));
    }
    Ok(())
}

/// What the broker answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(head: &[u8]) -> io::Result<Self> {
        let head = std::str::from_utf8(head).map_err(io::Error::other)?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("not an answer: {head}")))?;
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Self { status, headers: lines.filter_map(header).collect(), body: Vec::new() })
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(said, _)| said.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is something else.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// `error.code`, and after a slash `error.innererror.code` where there is one.
    #[must_use]
    pub fn code(&self) -> String {
        let error = &self.json()["error"];
        let words = [&error["code"], &error["innererror"]["code"]];
        words.iter().filter_map(|word| word.as_str()).collect::<Vec<_>>().join("/")
    }

    /// `error.message`.
    #[must_use]
    pub fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The answer itself, if its status is this one.
    ///
    /// # Panics
    /// It is another.
    #[allow(clippy::must_use_candidate, clippy::return_self_not_must_use)] // the check is often all that is wanted
    #[track_caller]
    pub fn with_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}
