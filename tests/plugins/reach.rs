//! A guest that reaches for what it was not given: each reach is stopped, counted, and told to the operator alone.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keybroker_tests::{Asks as _, Broker, Setup, guest};
use serde_json::json;
use toml::Table;

use crate::{SECRET, of_vault, table};

pub const TOKEN: &str = "a-token-that-no-guest-sees";
const REFUSAL_MAX: Duration = Duration::from_secs(20);

/// A server that says what it is asked to; counts who comes.
pub struct Host {
    pub port: u16,
    came: Arc<AtomicUsize>,
}

impl Host {
    pub fn start(redirect_to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, came) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&came);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let redirect_to = redirect_to.clone();
                std::thread::spawn(move || answer(stream.unwrap(), &redirect_to));
            }
        });
        Self { port, came }
    }

    pub fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }
}

/// One request after the other, until the other side has enough.
fn answer(mut stream: TcpStream, redirect_to: &str) -> Option<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).ok()?.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut sent = vec![0; length];
        stream.read_exact(&mut sent).ok()?;
        let (line, body) = match head.split(' ').nth(1)? {
            "/redirect" => (format!("302 Found\r\nlocation: {redirect_to}"), String::new()),
            // It never answers; the reader is the broker, which must give up by itself.
            "/slow" => {
                let _gone = stream.read(&mut [0]);
                return None;
            }
            "/large" => ("200 OK".to_owned(), "x".repeat(1 << 20)),
            "/echo" => ("200 OK".to_owned(), head.clone()),
            "/body" => ("200 OK".to_owned(), String::from_utf8(sent).ok()?),
            // Whoever shows the token, and nothing of how the guest named it.
            "/token" if head.contains(&format!("x-token: {TOKEN}\r\n")) && !head.contains("credential") => {
                ("200 OK".to_owned(), "{}".to_owned())
            }
            "/token" => ("403 Forbidden".to_owned(), String::new()),
            _ => ("200 OK".to_owned(), "{}".to_owned()),
        };
        write!(stream, "HTTP/1.1 {line}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok()?;
    }
}

fn config(allowed: &str, forbidden: &str, more: &str) -> Table {
    table(&format!(
        r#"
grants = ["clock", "credentials", "crypto", "http", "keyvalue", "log", "settings"]
settings = {{ allowed = "{allowed}", forbidden = "{forbidden}" }}
call-ms-max = 2000
[http]
hosts = ["{allowed}"]
{more}
[[credential]]
name = "token"
header = "x-token"
file = "token"
"#
    ))
}

fn start(allowed: &str, forbidden: &str, more: &str) -> Broker {
    let mut broker = Setup::new().backend("reach", guest("faulty-reach"), config(allowed, forbidden, more)).init();
    std::fs::write(broker.home().join("token"), TOKEN).unwrap();
    broker.serve();
    broker.ask(&["vault", "create", "vault2", "--backend", "reach"]);
    broker
}

fn events(broker: &Broker, event: &str) -> f64 {
    broker.metrics().sum("keybroker_plugin_events_total", &[("backend", "reach"), ("event", event)])
}

/// The status that wrapping under a key of this name gets.
fn status(broker: &Broker, name: &str) -> u16 {
    let client = of_vault(broker, "vault2");
    let key = client.create(name, "oct", 256);
    let began = Instant::now();
    let answer = client.wrap(&key, "A256KW", &SECRET);
    assert!(began.elapsed() < REFUSAL_MAX, "{name} took {:?}", began.elapsed());
    answer.status
}

#[test]
fn a_request_goes_to_listed_hosts_and_nowhere_else() {
    let forbidden = Host::start(String::new());
    let forbidden_url = format!("http://127.0.0.1:{}", forbidden.port);
    let allowed = Host::start(forbidden_url.clone());
    let broker = start(
        &format!("http://127.0.0.1:{}", allowed.port),
        &forbidden_url,
        "networks = [\"127.0.0.1\"]\nrequest-ms-max = 500",
    );
    assert_eq!(status(&broker, "http-allowed"), 200);
    assert_eq!(allowed.came(), 1);
    for (name, denied) in [
        ("http-forbidden", true),
        ("http-redirect", true),
        ("http-host", false),
        ("http-slow", false),
        ("http-large", false),
        ("credential-echo", true),
        ("credential-stranger", true),
    ] {
        let before = events(&broker, "http-denied");
        assert_eq!(status(&broker, name), 503, "{name}");
        assert_eq!(events(&broker, "http-denied") > before, denied, "{name}");
    }
    assert_eq!(forbidden.came(), 0, "the redirect led there");
    let log = broker.log();
    for told in ["timed-out", "too-large", "a host that is not listed", "it was withheld"] {
        assert!(log.contains(told), "{told}: {log}");
    }
    assert!(!log.contains(TOKEN));
}

#[test]
fn a_listed_name_that_leads_to_this_machine_is_not_followed() {
    let host = Host::start(String::new());
    // Listed by its name; its address is not.
    let broker = start(&format!("http://localhost:{}", host.port), "http://127.0.0.1:1", "");
    assert_eq!(status(&broker, "http-allowed"), 503);
    assert_eq!(host.came(), 0);
    assert!(events(&broker, "http-denied") > 0.0);
    assert!(broker.log().contains("list its range in http.networks"), "{}", broker.log());
}

#[test]
fn what_waits_in_the_host_or_calls_it_without_end_is_ended_with_its_call() {
    let host = Host::start(String::new());
    let broker = start(
        &format!("http://127.0.0.1:{}", host.port),
        "http://127.0.0.1:1",
        "networks = [\"127.0.0.1\"]\nrequest-ms-max = 60000",
    );
    // Its own time-out or the call's: they end together.
    assert!([503, 504].contains(&status(&broker, "http-slow")));
    for name in ["http-storm", "clock-spin"] {
        let before = events(&broker, "trap");
        assert_eq!(status(&broker, name), 502, "{name}");
        assert!(events(&broker, "trap") > before, "{name}");
    }
    assert!(broker.log().lines().count() < 200, "the storm is in the log");
    assert_eq!(status(&broker, "state-flood"), 503);
    assert!(events(&broker, "state-over-quota") > 0.0);
    // What it may keep is bounded, and what is bounded is kept: it starts again.
    let mut broker = broker;
    broker.restart();
    assert_eq!(status(&broker, "honest"), 200);
}

#[test]
fn a_public_half_that_the_host_did_not_make_is_not_published() {
    let broker = start("http://127.0.0.1:1", "http://127.0.0.1:1", "");
    let client = of_vault(&broker, "vault2");
    let before = events(&broker, "trap");
    client.post("/keys/lie-generate/create", &json!({ "kty": "RSA", "key_size": 2048 })).with_status(502);
    client.get("/keys/lie-generate").with_status(404);
    assert!(events(&broker, "trap") > before);
}

#[test]
fn a_guest_that_does_not_get_going_keeps_the_broker_from_starting_and_no_longer() {
    let mut slow = config("http://127.0.0.1:1", "http://127.0.0.1:1", "");
    slow["settings"].as_table_mut().unwrap().insert("slow-start".into(), true.into());
    let broker = Setup::new().backend("reach", guest("faulty-reach"), slow).init();
    std::fs::write(broker.home().join("token"), TOKEN).unwrap();
    let began = Instant::now();
    let told = broker.refusal(&["serve", broker.config_file().to_str().unwrap()]);
    assert!(told.contains("`reach` failed its self-test") && told.contains("deadline"), "{told}");
    assert!(began.elapsed() < REFUSAL_MAX);
}
