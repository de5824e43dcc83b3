//! A connection to a sink, plain or TLS, whose every wait has an end.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read as _, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::Settings;

const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long one write waits before it is looked whether to go on.
const STEP: Duration = Duration::from_millis(500);

/// Whom to connect to, and as whom it has to prove itself.
pub struct Peer {
    address: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Peer {
    /// # Errors
    /// In words: the CA file cannot be read or holds no certificate, or the server's name is none.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let Some((host, _port)) = settings.address.rsplit_once(':') else {
            return Err(format!("address {:?} must be host:port", settings.address));
        };
        let Some(ca) = &settings.ca else { return Ok(Self { address: settings.address.clone(), tls: None }) };
        let unusable = |error: &dyn std::fmt::Display| format!("ca {}: {error}", ca.display());
        let mut roots = RootCertStore::empty();
        let mut file = BufReader::new(File::open(ca).map_err(|error| unusable(&error))?);
        for certificate in CertificateDer::pem_reader_iter(&mut file) {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
        if roots.is_empty() {
            return Err(unusable(&"there is no certificate in it"));
        }
        let name = settings.server_name.as_deref().unwrap_or(host.trim_matches(['[', ']']));
        let name = ServerName::try_from(name.to_owned()).map_err(|error| format!("server-name {name:?}: {error}"))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { address: settings.address.clone(), tls: Some((Arc::new(config), name)) })
    }

    /// # Errors
    /// Nobody answers there within five seconds, or not as the certificate's holder.
    pub fn connect(&self) -> io::Result<Connection> {
        let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_MAX).and_then(|tcp| self.greet(tcp)) {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn greet(&self, mut tcp: TcpStream) -> io::Result<Connection> {
        tcp.set_nodelay(true)?;
        tcp.set_write_timeout(Some(CONNECT_MAX))?;
        tcp.set_read_timeout(Some(CONNECT_MAX))?;
        let Some((config, name)) = &self.tls else {
            tcp.set_write_timeout(Some(STEP))?;
            return Ok(Connection::Plain(tcp));
        };
        let mut tls = ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
        let began = Instant::now();
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
            if began.elapsed() > CONNECT_MAX {
                return Err(io::Error::new(ErrorKind::TimedOut, "the TLS handshake takes too long"));
            }
        }
        tcp.set_write_timeout(Some(STEP))?;
        Ok(Connection::Tls(Box::new(StreamOwned::new(tls, tcp))))
    }
}

pub enum Connection {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    /// Writes all of it, unless the other end takes nothing for `stall_max` or `give_up` says so.
    ///
    /// # Errors
    /// The connection is of no use any more; any part of the bytes may have gone through.
    pub fn send(&mut self, bytes: &[u8], stall_max: Duration, give_up: impl Fn() -> bool) -> io::Result<()> {
        self.still_there()?;
        let (mut rest, mut moved) = (bytes, Instant::now());
        loop {
            let step = if rest.is_empty() { self.writer().flush().map(|()| 0) } else { self.writer().write(rest) };
            match step {
                Ok(_) if rest.is_empty() => return Ok(()),
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => (rest, moved) = (&rest[written..], Instant::now()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(error);
                }
                Err(_) if moved.elapsed() < stall_max && !give_up() => {}
                Err(_) => return Err(io::Error::new(ErrorKind::TimedOut, "the other end takes nothing")),
            }
        }
    }

    /// A peer that closed would swallow one more write without a word.
    fn still_there(&mut self) -> io::Result<()> {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => &mut tls.sock,
        };
        tcp.set_nonblocking(true)?;
        let looked = self.look();
        match self {
            Self::Plain(tcp) => tcp.set_nonblocking(false)?,
            Self::Tls(tls) => tls.sock.set_nonblocking(false)?,
        }
        match looked {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            looked => looked,
        }
    }

    /// Takes what the other end said: a syslog server has nothing to say but TLS's own messages.
    fn look(&mut self) -> io::Result<()> {
        loop {
            let bytes = match self {
                Self::Plain(tcp) => tcp.read(&mut [0; 64])?,
                Self::Tls(tls) => {
                    let bytes = tls.conn.read_tls(&mut tls.sock)?;
                    tls.conn.process_new_packets().map_err(io::Error::other)?;
                    bytes
                }
            };
            if bytes == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the other end closed"));
            }
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls,
        }
    }
}
