//! TLS and sockets alone: the same requests, answered with as many bytes by a thread for each connection that does nothing
//! else. No server of this kind costs less, so it says which part of the broker's figure is the machine's.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keybroker_tests::{Authority, Client, Identity, Leaf, Request};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::bare::thread_cpu_us;
use crate::load::{self, Measured};

const HOST: &str = "localhost";
/// Most bytes of a request that is read.
const REQUEST_BYTES_MAX: usize = 16 << 10;

/// A server that answers every request with the same bytes.
pub struct Echo {
    address: SocketAddr,
    authority: Authority,
    client: Identity,
    /// What its threads used, in nanoseconds.
    used_ns: Arc<AtomicU64>,
}

impl Echo {
    /// `answer_bytes`: how long the body of an answer is.
    pub fn start(answer_bytes: usize) -> Self {
        let authority = Authority::new("echo CA");
        let server = authority.issue(Leaf::server(&[HOST]));
        let client = authority.issue(Leaf::client().uri("spiffe://keybroker.test/echo"));
        let mut roots = RootCertStore::empty();
        roots.add(authority.der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_client_cert_verifier(verifier.build().unwrap());
        let config = Arc::new(config.with_single_cert(server.chain(), server.key()).unwrap());
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (address, used_ns) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {answer_bytes}\r\n\r\n{}", "x".repeat(answer_bytes));
        let (answer, used): (Arc<str>, _) = (answer.into(), Arc::clone(&used_ns));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, answer, used) = (Arc::clone(&config), Arc::clone(&answer), Arc::clone(&used));
                std::thread::spawn(move || serve(stream.unwrap(), config, answer.as_bytes(), &used));
            }
        });
        Self { address, authority, client, used_ns }
    }

    pub fn load(&self, request: &Request, connections: usize, most: Duration) -> Measured {
        let client = Client::new(self.address, HOST, &self.authority.der(), Some(&self.client));
        let cpu_us = || self.used_ns.load(Ordering::Relaxed) as f64 / 1e3;
        load::run(&client, &cpu_us, std::slice::from_ref(request), connections, most)
    }
}

/// Until the client leaves. A request is whole once its bytes end with a body's closing brace, as those of the load do.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, answer: &[u8], used_ns: &AtomicU64) {
    stream.set_nodelay(true).unwrap();
    let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let (mut buffer, mut held, mut counted) = (vec![0; REQUEST_BYTES_MAX], 0, thread_cpu_us());
    while let Ok(read @ 1..) = tls.read(&mut buffer[held..]) {
        held += read;
        if buffer[held - 1] != b'}' {
            continue;
        }
        held = 0;
        if tls.write_all(answer).and_then(|()| tls.flush()).is_err() {
            return;
        }
        let now = thread_cpu_us();
        used_ns.fetch_add(((now - counted) * 1e3) as u64, Ordering::Relaxed);
        counted = now;
    }
}
