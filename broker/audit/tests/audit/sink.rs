//! Copies by syslog: to a real listener, one that stalls, one that is not there, one behind TLS.

use std::io::{BufRead as _, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_audit::{Settings, SinkSettings};
use broker_core::port::AuditLog as _;

use crate::bench::{PATIENCE, entry, eventually, good, open, settings};

fn sink(address: &str, ca: Option<PathBuf>, queue_entries_max: u64) -> SinkSettings {
    let server_name = ca.is_some().then(|| "siem.test".to_owned());
    SinkSettings { name: "siem".to_owned(), address: address.to_owned(), ca, server_name, queue_entries_max }
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// One message in octet counting: its head, and its text.
fn message(from: &mut impl Read) -> (String, String) {
    let mut digits = String::new();
    loop {
        let mut byte = [0];
        from.read_exact(&mut byte).unwrap();
        match byte[0] {
            b' ' => break,
            digit => digits.push(char::from(digit)),
        }
    }
    let mut message = vec![0; digits.parse().unwrap()];
    from.read_exact(&mut message).unwrap();
    let message = String::from_utf8(message).unwrap();
    let (head, text) = message.split_once(" - {").unwrap();
    (head.to_owned(), format!("{{{text}"))
}

fn accepted(listener: &TcpListener) -> BufReader<TcpStream> {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    BufReader::new(stream)
}

#[tokio::test]
async fn each_entry_and_each_checkpoint_is_copied_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, address) = listener();
    let log =
        open(&Settings { sinks: vec![sink(&address, None, 100)], checkpoint_entries_max: 2, ..settings(dir.path()) });
    log.record(entry(1)).await.unwrap();
    log.record(entry(2)).await.unwrap();
    let mut stream = accepted(&listener);
    let mut copies = Vec::new();
    let mut notes = 0;
    while copies.len() < 2 || notes == 0 {
        let (head, text) = message(&mut stream);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        if value["type"] == "checkpoint" {
            assert!(head.ends_with(" checkpoint") && value["note"].as_str().unwrap().starts_with("keybroker/audit/"));
            notes += 1;
        } else {
            assert!(head.starts_with("<110>1 1970-01-01T00:00:00.00") && head.ends_with(" entry"), "{head}");
            copies.push(text);
        }
    }
    drop(log);
    let file = std::fs::File::open(crate::bench::segment(dir.path(), 1)).unwrap();
    let lines: Vec<_> = BufReader::new(file).lines().skip(1).map(Result::unwrap).collect();
    assert_eq!(copies, lines);
}

#[tokio::test]
async fn a_sink_that_takes_nothing_makes_no_request_wait_and_its_losses_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, address) = listener();
    let log = open(&Settings { sinks: vec![sink(&address, None, 50)], ..settings(dir.path()) });
    log.record(entry(0)).await.unwrap();
    // Connected, and never read from.
    let stalled = accepted(&listener);
    let mut number = 0;
    let mut slowest = Duration::ZERO;
    while log.counters().sinks[0].dropped == 0 {
        number += 1;
        assert!(number < 100_000, "the socket takes everything");
        let began = Instant::now();
        log.record(entry(number)).await.unwrap();
        slowest = slowest.max(began.elapsed());
    }
    let counters = log.counters();
    assert!(counters.sinks[0].waiting <= 50 && counters.sinks[0].connected, "{counters:?}");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    let began = Instant::now();
    drop(log);
    assert!(began.elapsed() < Duration::from_secs(20), "a clean stop waits for a sink: {:?}", began.elapsed());
    drop(stalled);
    assert_eq!(good(dir.path()).entries, number + 1, "the log itself has lost nothing");
}

#[tokio::test]
async fn a_sink_that_went_away_gets_what_waited_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, address) = listener();
    let log = open(&Settings { sinks: vec![sink(&address, None, 1000)], ..settings(dir.path()) });
    log.record(entry(1)).await.unwrap();
    let mut stream = accepted(&listener);
    assert!(message(&mut stream).1.contains("\"seq\":1,"));
    drop(stream);
    drop(listener);
    for number in 2..=5 {
        log.record(entry(number)).await.unwrap();
    }
    eventually("it is noticed", || !log.counters().sinks[0].connected).await;
    let listener = TcpListener::bind(&address).unwrap();
    let mut stream = accepted(&listener);
    let mut seen = 1;
    while seen < 5 {
        let (_, text) = message(&mut stream);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        if let Some(sequence) = value["seq"].as_u64() {
            assert!(sequence <= seen + 1, "entry {sequence} after {seen}");
            seen = seen.max(sequence);
        }
    }
    eventually("all is sent", || log.counters().sinks[0].waiting == 0).await;
    assert_eq!(log.counters().sinks[0].dropped, 0);
}

#[tokio::test]
async fn over_tls_only_the_right_server_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for (host, right) in [("siem.test", true), ("other.test", false)] {
        let logs = tempfile::tempdir().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
        let ca_file = dir.path().join("ca.pem");
        std::fs::write(&ca_file, ca.pem()).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let (listener, address) = listener();
        let log = open(&Settings { sinks: vec![sink(&address, Some(ca_file), 100)], ..settings(logs.path()) });
        log.record(entry(1)).await.unwrap();
        let (tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, tcp);
        if right {
            assert!(message(&mut stream).1.contains("\"seq\":1,"));
        } else {
            assert!(stream.read(&mut [0]).is_err(), "a server of another name was spoken to");
            assert!(!log.counters().sinks[0].connected);
        }
    }
}

#[test]
fn a_sink_that_makes_no_sense_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("empty.pem"), "").unwrap();
    for (address, ca) in [("nowhere", None), ("localhost:1", Some("missing.pem")), ("localhost:1", Some("empty.pem"))] {
        let sinks = vec![sink(address, ca.map(|name| dir.path().join(name)), 1)];
        let opened = broker_audit::FileAudit::open(Settings { sinks, ..settings(dir.path()) }, crate::bench::proving());
        assert!(
            matches!(opened, Err(broker_audit::OpenError::Sink { ref name, .. }) if name == "siem"),
            "{address} {ca:?}"
        );
    }
}
