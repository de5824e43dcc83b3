//! Many at once who mean harm: each meets a limit with a name, is counted, and keeps nobody else out.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keybroker_tests::{Asks as _, Broker, Client, Connection, Setup, WAIT_MAX, eventually};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use crate::target::{Target, asked, check, head_of, is_clear, posted, quick};

/// Settings of the front; those of `quick` where nothing else is said.
fn bounded(settings: &[(&'static str, i64)]) -> Setup {
    let settings = settings.to_vec();
    Setup::new().edit(quick).edit(move |config| {
        let front = config["front"]["keyvault"].as_table_mut().unwrap();
        for (name, value) in settings {
            front.insert(name.into(), value.into());
        }
    })
}

fn handshakes(broker: &Broker, outcome: &str) -> f64 {
    broker.metrics().sum("keybroker_tls_handshakes_total", &[("front", "keyvault"), ("outcome", outcome)])
}

fn broken(broker: &Broker, reason: &str) -> f64 {
    broker.metrics().sum("keybroker_connections_broken_total", &[("front", "keyvault"), ("reason", reason)])
}

/// An honest client, with a connection of its own, is served.
fn serves(client: &Client) {
    client.wrap("/keys/k", "A256KW", &[7; 32]).with_status(200);
}

/// Sends a byte over each of them again and again, until the broker has closed them all.
fn trickle(mut slow: Vec<Connection>) {
    let began = Instant::now();
    while !slow.is_empty() {
        let round = Instant::now();
        slow.retain(|connection| connection.write(b"x").is_ok());
        assert!(began.elapsed() < WAIT_MAX, "{} connections live on a byte now and then", slow.len());
        eventually("a moment", || (round.elapsed() > Duration::from_millis(50)).then_some(()));
    }
}

#[test]
fn a_hundred_who_send_a_byte_now_and_then_are_closed_and_others_are_served_meanwhile() {
    const EACH: usize = 50;
    let target = Target::new(bounded(&[]));
    let client = target.broker.admin();
    let opened = |first: &[u8]| {
        let connection = client.connect().unwrap();
        connection.write(first).unwrap();
        connection
    };
    let body = head_of("POST", "/keys/k/wrapkey?api-version=7.4", &["content-length: 99999"]);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let over = &over;
        let slow =
            (0..EACH).flat_map(|_| [opened(b"GET /keys?api-version=7.4 HTTP/1.1\r\nx: "), opened(&body)]).collect();
        let slow = scope.spawn(move || {
            let _over = Over(over);
            trickle(slow);
        });
        while !over.load(Ordering::Acquire) {
            serves(&target.broker.admin());
        }
        slow.join().unwrap();
    });
    let late = [("operation", "none"), ("reason", "timeout")];
    let all = EACH as f64;
    eventually("every head that did not come is counted", || (broken(&target.broker, "timeout") >= all).then_some(()));
    let bodies = target.broker.metrics().sum("keybroker_requests_total", &late[1..]);
    assert!(bodies >= all, "{bodies} bodies that did not come");
    target.is_sound();
}

#[test]
fn connections_that_never_say_who_they_are_displace_each_other_alone() {
    // They could wait for a minute, and are more than there are connections.
    let target = Target::new(bounded(&[
        ("handshakes-max", 20),
        ("connections-max", 50),
        ("handshake-ms-max", 60_000),
        ("idle-ms-max", 60_000),
    ]));
    let client = target.broker.admin();
    let kept = client.connect().unwrap();
    // The server, too, is through with its handshake when it answers.
    kept.get("/keys/k").with_status(200);
    let began = Instant::now();
    let mut strangers = Vec::new();
    for round in 0..10 {
        strangers.extend((0..30).map(|_| TcpStream::connect(target.broker.keyvault()).unwrap()));
        serves(&client);
        kept.get("/keys/k").with_status(200);
        eventually("the oldest are gone", || {
            (handshakes(&target.broker, "displaced") >= f64::from(round) * 30.0).then_some(())
        });
    }
    assert!(began.elapsed() < Duration::from_secs(60), "none waited for a stranger's time to run out");
    let open = target.broker.metrics().sum("keybroker_connections", &[]);
    assert!(open < 25.0, "{open} connections are open");
    let mut first = strangers.remove(0);
    first.set_read_timeout(Some(WAIT_MAX)).unwrap();
    assert_eq!(first.read(&mut [0; 1]).unwrap(), 0, "who came first went first");
    drop(strangers);
    target.is_sound();
}

/// A connection from another address of this machine.
fn connect_from(source: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddr::from((source, 0)))?;
    connect(&socket, &to)?;
    Ok(TcpStream::from(socket))
}

/// Ends those who look at it, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn handshakes_that_are_broken_off_keep_nobody_out() {
    let target = Target::new(bounded(&[("handshakes-max", 50)]));
    let client = target.broker.admin();
    let (hello, address) = (client.hello(), target.broker.keyvault());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    // The server begins to compute, and the client is gone; or the server closes while it is written to.
                    let _closed =
                        connect_from(Ipv4Addr::new(127, 0, 0, 2), address).and_then(|mut tcp| tcp.write_all(&hello));
                }
            });
        }
        let _over = Over(&over);
        (0..50).for_each(|_| serves(&client));
    });
    eventually("each of them is counted", || {
        (handshakes(&target.broker, "connection-lost") + handshakes(&target.broker, "displaced") >= 10.0).then_some(())
    });
    target.is_sound();
}

#[test]
fn a_front_that_is_full_closes_who_comes_next_and_has_room_again_when_one_leaves() {
    let target = Target::new(bounded(&[("connections-max", 3), ("idle-ms-max", 60_000)]));
    let client = target.broker.admin();
    let none = || target.broker.metrics().sum("keybroker_connections", &[]) < 0.5;
    eventually("those who made the keys are gone", || none().then_some(()));
    let mut open: Vec<Connection> = (0..3).map(|_| client.connect().unwrap()).collect();
    open.iter().for_each(|connection| drop(connection.get("/keys/k").with_status(200)));
    let fourth = client.connect().and_then(|connection| connection.try_send(&asked("GET", "/keys?api-version=7.4")));
    assert!(fourth.is_err(), "{fourth:?}");
    assert!(handshakes(&target.broker, "full") > 0.5);
    open.pop();
    eventually("a place that was given back", || {
        client
            .connect()
            .ok()?
            .try_send(&asked("GET", "/keys/k?api-version=7.4"))
            .ok()
            .filter(|answer| answer.status == 200)
    });
    drop(open);
    eventually("all have left", || none().then_some(()));
    target.is_sound();
}

#[test]
fn heads_and_bodies_beyond_their_limits_are_answered_and_counted() {
    let target = Target::new(bounded(&[("body-bytes-max", 4096)]));
    let client = target.broker.admin();
    let lines: Vec<String> = (0..100).map(|line| format!("x-{line}: y")).collect();
    let long = format!("x: {}", "y".repeat(200 << 10));
    let heads = [
        (head_of("GET", "/keys/k?api-version=7.4", &[&lines.join("\r\n")]), vec![431], "too-large"),
        (head_of("GET", "/keys/k?api-version=7.4", &[&long]), vec![431], "too-large"),
        // Which of the two depends on how much of it came at once.
        (head_of("GET", &format!("/{}", "k".repeat(200 << 10)), &[]), vec![414, 431], "too-large"),
        (b"no request at all\r\n\r\n".to_vec(), vec![400], "bad-request"),
    ];
    for (head, statuses, reason) in heads {
        let (connection, before) = (client.connect().unwrap(), broken(&target.broker, reason));
        // It may answer before it has read all.
        let _closed = connection.write(&head);
        let answer = connection.read_answer().map(|answer| answer.status);
        let what = String::from_utf8_lossy(&head[..head.len().min(60)]).into_owned();
        // What was not read when the connection closed resets it, and the answer may be lost with that.
        assert!(answer.as_ref().map_or(true, |answered| statuses.contains(answered)), "{what}: {answer:?}");
        eventually(&what, || (broken(&target.broker, reason) > before).then_some(()));
    }
    let too_large = || target.broker.metrics().sum("keybroker_requests_total", &[("reason", "body-too-large")]);
    check(&client, &posted("/keys/k/wrapkey", &[b'A'; 4097]), 413, "RequestEntityTooLarge");
    assert_eq!(too_large().to_bits(), 1.0_f64.to_bits());
    // Chunks without end: read for a while so that the answer arrives, and then no more.
    let endless = client.connect().unwrap();
    endless.write(&head_of("POST", "/keys/k/wrapkey?api-version=7.4", &["transfer-encoding: chunked"])).unwrap();
    let chunk = [format!("{:x}\r\n", 1 << 20).into_bytes(), vec![b'A'; 1 << 20], b"\r\n".to_vec()].concat();
    let sent = (0..200).take_while(|_| endless.write(&chunk).is_ok()).count();
    assert!((4..100).contains(&sent), "{sent} MiB were taken");
    if let Ok(answer) = endless.read_answer() {
        is_clear(&answer, "chunks without end");
        assert_eq!(answer.status, 413);
    }
    assert_eq!(too_large().to_bits(), 2.0_f64.to_bits());
    target.is_sound();
}
