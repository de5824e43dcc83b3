//! The broker that things are thrown at, and what every answer must be like.

use std::io;

use keybroker_tests::{AUTHORIZATION, Answer, Asks as _, Broker, Client, Connection, Request, Setup, WAIT_MAX};

/// What a broker may grow by under everything one test sends: a few hundred bodies of the largest size at once.
const GROWTH_BYTES_MAX: u64 = 96 << 20;

/// The broker and its memory before anything bad was sent.
pub struct Target {
    pub broker: Broker,
    peak_bytes: u64,
}

impl Target {
    pub fn new(setup: Setup) -> Self {
        let broker = setup.start();
        // The first is for requests to act on; they may well delete it.
        broker.admin().create("k", "oct", 256);
        broker.admin().create("untouched", "oct", 256);
        let peak_bytes = peak_bytes(broker.pid());
        Self { broker, peak_bytes }
    }

    /// It serves as before, and nothing went wrong on its side.
    pub fn is_sound(&self) {
        let admin = self.broker.admin();
        admin.wrap("/keys/untouched", "A256KW", &[7; 32]).with_status(200);
        let metrics = self.broker.metrics();
        assert_eq!(metrics.sum("keybroker_panics_total", &[]).to_bits(), 0.0_f64.to_bits(), "{}", self.broker.log());
        let labels = [("outcome", "error")];
        let unimplemented = [("outcome", "error"), ("reason", "not-implemented")];
        let faults =
            metrics.sum("keybroker_requests_total", &labels) - metrics.sum("keybroker_requests_total", &unimplemented);
        assert_eq!(faults.to_bits(), 0.0_f64.to_bits(), "{}", metrics.0);
        let peak = peak_bytes(self.broker.pid());
        assert!(peak < self.peak_bytes + GROWTH_BYTES_MAX, "{} bytes at first, {peak} at the peak", self.peak_bytes);
    }
}

/// The most memory that a process ever held (`VmHWM`), in bytes.
pub fn peak_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// An answer that says what was wrong: a status of the 400s, JSON with a code and a message.
pub fn is_clear(answer: &Answer, what: &str) {
    assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/json"), "{what}: {answer:?}");
    assert!(!answer.code().is_empty() && !answer.message().is_empty(), "{what}: {answer:?}");
    assert!(answer.message().chars().all(|c| !c.is_control()), "{what}: {answer:?}");
    assert!(answer.header("x-ms-request-id").is_some(), "{what}: {answer:?}");
}

pub fn asked(method: &str, target: &str) -> Request {
    Request::new(method, target).header(AUTHORIZATION.0, AUTHORIZATION.1)
}

/// A POST of these bytes.
pub fn posted(path: &str, body: &[u8]) -> Request {
    asked("POST", &format!("{path}?api-version=7.4")).bytes(body.to_vec())
}

pub fn check(client: &Client, request: &Request, status: u16, code: &str) {
    let head = String::from_utf8_lossy(&request.body[..request.body.len().min(80)]).into_owned();
    let what = format!("{} {} {:?} {head}", request.method, request.target, request.headers);
    let answer = client.try_send(request).unwrap_or_else(|error| panic!("{what}: {error:?}"));
    is_clear(&answer, &what);
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}: {}", answer.message());
}

/// Waits for strangers no longer than a moment.
pub fn quick(config: &mut toml::Table) {
    let front = config["front"]["keyvault"].as_table_mut().unwrap();
    front.insert("idle-ms-max".into(), 500.into());
    front.insert("handshake-ms-max".into(), 2_000.into());
}

/// A request's first lines, with what every honest one has.
pub fn head_of(method: &str, target: &str, more: &[&str]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: vault1.kv.test\r\nauthorization: Bearer x\r\n");
    more.iter().for_each(|line| head.extend([line, "\r\n"]));
    head.push_str("\r\n");
    head.into_bytes()
}

/// What comes back for bytes that may be no request: nothing but refusals, then the end.
pub fn is_refused_or_closed(connection: &Connection, what: &str) {
    loop {
        match connection.read_answer() {
            // "Go on": no answer yet.
            Ok(answer) if answer.status == 100 => {}
            Ok(answer) => assert!((400..500).contains(&answer.status), "{what}: {answer:?}"),
            Err(error) => {
                let timed_out = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                assert!(!timed_out, "{what}: neither an answer nor an end within {WAIT_MAX:?}");
                return;
            }
        }
    }
}
