//! Bytes that are no request, and connections that are no handshake.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use keybroker_tests::{Asks as _, Connection, SUFFIX, Setup, WAIT_MAX, eventually};

use crate::target::{Target, head_of, is_refused_or_closed, quick};

#[test]
fn bytes_that_are_no_request_are_refused_or_closed() {
    let target = Target::new(Setup::new().edit(quick));
    let client = target.broker.admin();
    let flood: String = (0..200).map(|line| format!("x-{line}: y\r\n")).collect();
    let long_header = format!("x: {}\r\n", "y".repeat(200_000));
    let rows: &[(&str, Vec<u8>)] = &[
        ("HTTP/0.9", b"GET /keys\r\n".to_vec()),
        ("HTTP/0.9 and a blank line", b"GET /keys\r\n\r\n".to_vec()),
        ("HTTP/2 without being asked", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("HTTP/3.7", b"GET /keys HTTP/3.7\r\nhost: vault1.kv.test\r\n\r\n".to_vec()),
        ("no version", b"GET /keys HTTP/\r\n\r\n".to_vec()),
        ("blanks in the line", b"GET  /keys  HTTP/1.1\r\n\r\n".to_vec()),
        ("NUL", vec![0; 4096]),
        ("every byte", (0..=255).collect()),
        ("TLS inside TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("SMTP", b"EHLO example\r\n".to_vec()),
        ("a line without end", vec![b'G'; 300_000]),
        ("a target without end", [b"GET /".to_vec(), vec![b'k'; 300_000]].concat()),
        ("a colon missing", b"GET /keys HTTP/1.1\r\nhost vault1.kv.test\r\n\r\n".to_vec()),
        ("a blank before the colon", b"GET /keys HTTP/1.1\r\nhost : vault1.kv.test\r\n\r\n".to_vec()),
        ("a folded header", b"GET /keys HTTP/1.1\r\nhost: vault1.kv.test\r\nx: a\r\n b\r\n\r\n".to_vec()),
        ("NUL in a header", b"GET /keys HTTP/1.1\r\nhost: vault1.kv.test\r\nx: \x00\r\n\r\n".to_vec()),
        ("a lone CR", b"GET /keys HTTP/1.1\r\nhost: vault1.kv.test\rx: y\r\n\r\n".to_vec()),
        ("a header flood", head_of("GET", "/keys?api-version=7.4", &[flood.trim_end()])),
        ("a header without end", head_of("GET", "/keys?api-version=7.4", &[long_header.trim_end()])),
        ("a length that is none", head_of("POST", "/keys/k/wrapkey", &["content-length: x"])),
        ("a negative length", head_of("POST", "/keys/k/wrapkey", &["content-length: -1"])),
        ("a signed length", head_of("POST", "/keys/k/wrapkey", &["content-length: +1"])),
        ("two lengths", head_of("POST", "/keys/k/wrapkey", &["content-length: 1", "content-length: 2"])),
        ("a list of lengths", head_of("POST", "/keys/k/wrapkey", &["content-length: 1, 2"])),
        ("length and chunks", head_of("POST", "/keys/k/wrapkey", &["content-length: 5", "transfer-encoding: chunked"])),
        ("chunked twice", head_of("POST", "/keys/k/wrapkey", &["transfer-encoding: chunked, chunked"])),
        ("gzip", head_of("POST", "/keys/k/wrapkey", &["transfer-encoding: gzip"])),
        ("not the last coding", head_of("POST", "/keys/k/wrapkey", &["transfer-encoding: chunked, gzip"])),
        ("chunks of no size", chunked("x\r\nAAAA\r\n0\r\n\r\n")),
        ("chunks of a huge size", chunked("ffffffffffffffffff\r\nAAAA\r\n")),
        ("chunks of a negative size", chunked("-4\r\nAAAA\r\n0\r\n\r\n")),
        ("a chunk longer than it says", chunked("2\r\nAAAA\r\n0\r\n\r\n")),
        ("chunk extensions without end", chunked(&format!("4;{}\r\nAAAA\r\n", "x".repeat(100_000)))),
        ("half a chunk", chunked("ff\r\nAAAA")),
        ("half a line", b"GET /ke".to_vec()),
        ("half a head", b"GET /keys HTTP/1.1\r\nhost: vau".to_vec()),
        (
            "half a body",
            [head_of("POST", "/keys/k/wrapkey?api-version=7.4", &["content-length: 100"]), b"{".to_vec()].concat(),
        ),
        ("a tunnel", b"CONNECT vault1.kv.test:443 HTTP/1.1\r\nhost: vault1.kv.test:443\r\n\r\n".to_vec()),
        ("an asterisk", head_of("OPTIONS", "*", &[])),
        ("an upgrade", head_of("GET", "/keys", &["connection: upgrade", "upgrade: websocket"])),
        (
            "a promise unkept",
            head_of("POST", "/keys/k/wrapkey?api-version=7.4", &["expect: 100-continue", "content-length: 9"]),
        ),
        (
            "another promise",
            head_of("POST", "/keys/k/wrapkey?api-version=7.4", &["expect: 200-ok", "content-length: 0"]),
        ),
    ];
    for (what, bytes) in rows {
        let connection = client.connect().unwrap();
        // The server may close while it is being written to; what it answered before counts.
        let _broken = connection.write(bytes);
        is_refused_or_closed(&connection, what);
    }
    target.is_sound();
}

fn chunked(body: &str) -> Vec<u8> {
    let head = head_of("POST", "/keys/k/wrapkey?api-version=7.4", &["transfer-encoding: chunked"]);
    [head, body.as_bytes().to_vec()].concat()
}

/// A byte now and a byte then, until the server has had enough.
fn trickle(connection: &Connection, first: &[u8]) {
    connection.write(first).unwrap();
    let began = Instant::now();
    loop {
        let sent = Instant::now();
        if connection.write(b"x").is_err() {
            return;
        }
        assert!(began.elapsed() < WAIT_MAX, "a byte at a time keeps a connection open for ever");
        eventually("a moment", || (sent.elapsed() > Duration::from_millis(20)).then_some(()));
    }
}

#[test]
fn a_request_that_trickles_in_is_given_up() {
    let target = Target::new(Setup::new().edit(quick));
    let client = target.broker.admin();
    trickle(&client.connect().unwrap(), b"GET /keys?api-version=7.4 HTTP/1.1\r\nx: ");
    trickle(
        &client.connect().unwrap(),
        &head_of("POST", "/keys/k/wrapkey?api-version=7.4", &["content-length: 99999"]),
    );
    target.is_sound();
}

#[test]
fn a_connection_that_is_no_handshake_is_closed_in_time() {
    let target = Target::new(Setup::new().edit(quick));
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let rows: &[(&str, &[u8])] = &[
        ("nothing", b""),
        ("HTTP in the clear", b"GET /keys HTTP/1.1\r\nhost: vault1.kv.test\r\n\r\n"),
        ("zeros", &[0; 70_000]),
        ("ones", &[0xFF; 70_000]),
        ("SSL 2", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10"),
        ("half a hello", hello),
        ("a hello of another length", b"\x16\x03\x01\xff\xff\x01\xff\xff\xff\x03\x03"),
        ("data before a hello", b"\x17\x03\x03\x00\x05AAAAA"),
        ("an alert", b"\x15\x03\x01\x00\x02\x02\x28"),
    ];
    // All at once: each waits for its own end.
    let open: Vec<_> = rows
        .iter()
        .map(|(what, bytes)| {
            let mut tcp = TcpStream::connect(target.broker.keyvault()).unwrap();
            tcp.set_read_timeout(Some(WAIT_MAX)).unwrap();
            // It may close before it has read all.
            let _closed = tcp.write_all(bytes);
            (what, tcp)
        })
        .collect();
    for (what, mut tcp) in open {
        let mut said = Vec::new();
        if let Err(error) = tcp.read_to_end(&mut said) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{what}: {error}");
        }
        assert!(said.len() < 100, "{what}: more than an alert came back: {said:?}");
    }
    target.is_sound();
}

#[test]
fn a_silent_client_is_closed_and_others_are_served_meanwhile() {
    let target = Target::new(Setup::new().edit(quick));
    let client = target.broker.admin();
    let strangers: Vec<_> = (0..200).map(|_| TcpStream::connect(target.broker.keyvault()).unwrap()).collect();
    let silent: Vec<_> = (0..20).map(|_| client.connect().unwrap()).collect();
    client.wrap("/keys/k", "A256KW", &[7; 32]).with_status(200);
    for connection in &silent {
        connection.read_end().unwrap();
    }
    let gone = || (target.broker.metrics().sum("keybroker_connections", &[]) < 0.5).then_some(());
    eventually("every silent connection is closed", gone);
    drop(strangers);
    target.is_sound();
}

#[test]
fn the_name_in_the_handshake_opens_nothing() {
    let target = Target::new(Setup::new());
    let admin = target.broker.admin();
    // No certificate for it: the client itself turns away.
    assert!(admin.of_host("vault1.evil.example").connect().is_err());
    let other = admin.of_host(&format!("unknown.{SUFFIX}"));
    assert_eq!(other.get("/keys/k").with_status(404).code(), "VaultNotFound");
    // The Host header decides, and there is nothing that the name in the handshake gives or takes.
    let host = format!("vault1.{SUFFIX}");
    other.with_host(&host).get("/keys/k").with_status(200);
    let stranger = target.broker.client_of("stranger").of_host(&format!("unknown.{SUFFIX}"));
    stranger.with_host(&host).get("/keys/k").with_status(403);
    target.is_sound();
}
