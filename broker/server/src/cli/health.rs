//! health: whether the running broker should get requests, asked where its own probes are answered.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::say;
use crate::config::Config;

/// A broker that answers later than this is not well.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// The answer is a status and a line for each reason.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

pub fn run(config: &Path) -> Result<()> {
    let listen = Config::read(config)?.metrics_listen;
    let address =
        own(listen.with_context(|| format!("{} has no [metrics] listen, where /readyz is", config.display()))?);
    let answer = asked(address).with_context(|| format!("the broker does not answer at {address}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").context("what answers is no broker")?;
    let ready = head.starts_with("HTTP/1.1 200 ");
    ensure!(ready || head.starts_with("HTTP/1.1 503 "), "what answers at {address} is no broker");
    if !ready {
        bail!("not ready: {}", body.trim_end().replace('\n', ", "));
    }
    say::line("ready")
}

/// A listener on every address is asked on this machine's own.
fn own(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn asked(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:9464", "127.0.0.1:9464"),
            ("[::]:9464", "[::1]:9464"),
            ("10.0.0.1:1", "10.0.0.1:1"),
            ("[fd00::1]:1", "[fd00::1]:1"),
        ] {
            assert_eq!(own(listen.parse().unwrap()), asked.parse().unwrap(), "{listen}");
        }
    }
}
