//! Where programs find our vaults whose resolver does not know them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use keybroker_tests::SUFFIX;

/// A forward proxy for programs whose resolver does not know our vaults: every name under the suffix is this machine, and
/// nothing else is anywhere. It ends with the test's process.
pub fn forward_proxy() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || forward(stream.unwrap()));
        }
    });
    url
}

fn forward(mut program: TcpStream) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        program.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let (host, port) = head.strip_prefix("CONNECT ")?.split(' ').next()?.rsplit_once(':')?;
    if !host.ends_with(&format!(".{SUFFIX}")) {
        return program.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").ok();
    }
    let mut server = TcpStream::connect(("127.0.0.1", port.parse().ok()?)).ok()?;
    program.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from, mut to) = (program.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ended = std::io::copy(&mut from, &mut to);
        let _gone = to.shutdown(std::net::Shutdown::Write);
    });
    let _ended = std::io::copy(&mut server, &mut program);
    program.shutdown(std::net::Shutdown::Write).ok()
}
