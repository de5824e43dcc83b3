//! What the sidecar does and refuses, seen by a client that can misbehave.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use keybroker_tests::{
    Answer, Asks as _, Authority, Broker, Connection, Leaf, Request, SUFFIX, WAIT_MAX, b64, finished, run, unb64,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::host::{SECRET, Sidecar, broker, command, secret_file, text, write_secret};

/// What a managed identity's client sends.
fn identity(secret: Option<&str>) -> Request {
    let request = Request::new("GET", "/metadata/identity/oauth2/token?api-version=2019-08-01&resource=x")
        .header("metadata", "true");
    secret.into_iter().fold(request, |request, secret| request.header("X-IDENTITY-HEADER", secret))
}

/// What a client with a client secret sends.
fn client_secret(path: &str, secret: &str) -> Request {
    let body = format!("grant_type=client_credentials&client_id=x&client_secret={secret}&scope=y");
    Request::new("POST", path).header("content-type", "application/x-www-form-urlencoded").bytes(body.into_bytes())
}

#[track_caller]
fn token(connection: &Connection) -> String {
    let answer = connection.send(&identity(Some(SECRET))).unwrap().with_status(200).json();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn wrap_with(token: &str) -> Request {
    let body = json!({ "alg": "A256KW", "value": b64(&[7; 32]) });
    Request::new("POST", "/keys/k/wrapkey?api-version=7.4")
        .header("authorization", &format!("Bearer {token}"))
        .json(&body)
}

#[test]
fn a_program_with_the_secret_acts_as_the_sidecar_and_one_without_does_nothing() {
    let broker = broker();
    let sidecar = Sidecar::tls(&broker, &[]);
    let program = sidecar.program(&broker).connect().unwrap();
    let asked_before = broker.audit().len();
    // Key Vault's clients ask without a token first, to hear where one is to be had.
    let port = sidecar.port();
    let challenged = program.send(&Request::new("POST", "/keys/k/wrapkey?api-version=7.4")).unwrap().with_status(401);
    let wanted =
        format!(r#"Bearer authorization="https://vault1.kv.test:{port}/adfs", resource="https://kv.test:{port}""#);
    assert_eq!(challenged.header("www-authenticate"), Some(wanted.as_str()));
    let good = token(&program);
    let (expiry, tag) = good.split_once('.').unwrap();
    let later = format!("{}.{tag}", expiry.parse::<u64>().unwrap() + 1);
    for bad in ["x", SECRET, "", tag, &later, &good[..good.len() - 1]] {
        let refused = program.send(&wrap_with(bad)).unwrap().with_status(401);
        assert!(refused.header("www-authenticate").is_some(), "{bad}");
    }
    assert_eq!(broker.audit().len(), asked_before, "none of that reached the broker");

    let wrapped = program.send(&wrap_with(&good)).unwrap().with_status(200).json();
    // Every URL in an answer is one that the program knows.
    assert!(
        wrapped["kid"].as_str().unwrap().starts_with(&format!("https://vault1.kv.test:{port}/keys/k/")),
        "{wrapped}"
    );
    let opened = broker.admin().unwrap("/keys/k", "A256KW", &unb64(&wrapped["value"])).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), [7; 32]);
    let line = broker.audit().into_iter().find(|line| line["operation"] == "wrap-key").unwrap();
    assert_eq!(line["principal"], broker.principal("app"));
    // The broker decides as ever; its refusals come through.
    let rotate =
        Request::new("POST", "/keys/k/rotate?api-version=7.4").header("authorization", &format!("Bearer {good}"));
    let refused =
        program.send(&rotate.header("x-ms-client-request-id", "mine").json(&json!({}))).unwrap().with_status(403);
    assert_eq!(refused.code(), "Forbidden/ForbiddenByRbac");
    assert!(refused.message().contains(&broker.principal("app")), "{}", refused.message());
    assert_eq!(refused.header("x-ms-client-request-id"), Some("mine"));
    assert!(refused.header("x-ms-request-id").is_some());
}

#[test]
fn a_token_is_given_for_the_whole_secret_and_for_nothing_less() {
    let broker = broker();
    write_secret(&broker, &format!("a b+c%{SECRET}\n"), 0o600);
    let sidecar = Sidecar::tls(&broker, &[]);
    let program = sidecar.program(&broker).connect().unwrap();
    let whole = format!("a b+c%{SECRET}");
    let escaped = format!("a+b%2Bc%25{SECRET}");
    let status = |request: &Request| program.send(request).unwrap().status;
    assert_eq!(status(&identity(Some(&whole))), 200);
    for path in ["/adfs/oauth2/v2.0/token", "/adfs/oauth2/token"] {
        assert_eq!(status(&client_secret(path, &escaped)), 200, "{path}");
        for wrong in
            ["", SECRET, &escaped[1..], &format!("{escaped}x"), &format!("{escaped}&client_secret={escaped}"), "%zz"]
        {
            assert_eq!(status(&client_secret(path, wrong)), 401, "{path} {wrong}");
        }
    }
    for wrong in [None, Some(""), Some(SECRET), Some(&whole[1..])] {
        assert_eq!(status(&identity(wrong)), 401, "{wrong:?}");
    }
    // A URL is written into logs; a secret there opens nothing.
    assert_eq!(status(&Request::new("GET", &format!("/metadata/identity/oauth2/token?secret={SECRET}"))), 401);
    // Another tenant's endpoint is none of ours, nor is another method.
    assert_eq!(status(&client_secret("/common/oauth2/v2.0/token", &escaped)), 401);
    let got = program.send(&Request::new("GET", "/adfs/oauth2/token")).unwrap();
    assert!(got.header("www-authenticate").is_some());
    // What a client of a named tenant looks up first.
    let metadata =
        program.send(&Request::new("GET", "/adfs/.well-known/openid-configuration")).unwrap().with_status(200).json();
    assert_eq!(metadata["token_endpoint"], format!("https://vault1.kv.test:{}/adfs/oauth2/v2.0/token", sidecar.port()));
}

#[test]
fn only_the_vaults_that_were_named_are_served() {
    let broker = broker();
    broker.ask(&["vault", "create", "vault2"]);
    broker.grant(&broker.principal("app"), "get,wrapKey", "/vault2");
    let sidecar = Sidecar::tls(&broker, &[]);
    let good = token(&sidecar.program(&broker).connect().unwrap());
    let port = sidecar.port();
    for host in [
        format!("vault2.kv.test:{port}"),
        format!("localhost:{port}"),
        format!("127.0.0.1:{port}"),
        "evil.test".to_owned(),
    ] {
        let program = sidecar.program(&broker).with_host(&host);
        let refused = program.try_send(&wrap_with(&good)).unwrap().with_status(421);
        assert!(refused.message().contains("--vault-host"), "{host}");
    }
    let twice = wrap_with(&good).header("host", "vault1.kv.test").header("host", "vault2.kv.test");
    sidecar.program(&broker).try_send(&twice).unwrap().with_status(400);
    drop(sidecar);
    let both = Sidecar::tls(&broker, &["--vault-host", "vault2.kv.test"]);
    let program = both.program(&broker).of_host(&format!("vault2.{SUFFIX}"));
    let good = token(&program.connect().unwrap());
    program.try_send(&wrap_with(&good)).unwrap().with_status(404);
}

/// Starts nothing, and says why.
#[track_caller]
fn check_refused(broker: &Broker, listen: &str, more: &[&str], words: &[&str]) {
    let done = run(&mut command(broker, listen, more), WAIT_MAX);
    assert!(!done.status.success() && done.stdout.is_empty(), "{listen} {more:?}: {}", text(&done.stdout));
    let said = text(&done.stderr);
    assert!(words.iter().all(|word| said.contains(word)), "{words:?} expected in: {said}");
}

#[test]
fn a_sidecar_that_others_could_use_does_not_start() {
    let broker = broker();
    for listen in ["0.0.0.0:0", "[::]:0", "10.1.2.3:0", "[::ffff:127.0.0.1]:0"] {
        check_refused(&broker, listen, &[], &["is not a loopback address"]);
    }
    for mode in [0o640, 0o604, 0o660] {
        write_secret(&broker, SECRET, mode);
        check_refused(&broker, "127.0.0.1:0", &[], &["secret", "chmod 600"]);
    }
    write_secret(&broker, "too short", 0o600);
    check_refused(&broker, "127.0.0.1:0", &[], &["32"]);
    std::fs::remove_file(secret_file(&broker)).unwrap();
    check_refused(&broker, "127.0.0.1:0", &[], &["openssl rand"]);
    write_secret(&broker, SECRET, 0o600);
    check_refused(&broker, "127.0.0.1:0", &["--tls-cert", "x.pem"], &["--tls-key"]);
    check_refused(&broker, "127.0.0.1:0", &["--tenant", "a/b"], &["tenant"]);
    check_refused(&broker, "127.0.0.1:0", &["--vault-host", "vault1.kv.test:443"], &["without a port"]);
    std::fs::write(broker.folder().join("x.sock"), "something").unwrap();
    check_refused(
        &broker,
        &format!("unix:{}", broker.folder().join("x.sock").display()),
        &[],
        &["something else than a socket"],
    );
}

/// A request in plain HTTP, and its whole answer.
fn plain(mut stream: impl std::io::Read + std::io::Write, request: &str) -> (u16, String) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn plain_identity(secret: &str) -> String {
    format!(
        "GET /metadata/identity/oauth2/token HTTP/1.1\r\nhost: localhost\r\nx-identity-header: {secret}\r\nconnection: close\r\n\r\n"
    )
}

#[test]
fn a_unix_socket_of_mode_0600_serves_plain_http() {
    let broker = broker();
    let path = broker.folder().join("side.sock");
    let listen = format!("unix:{}", path.display());
    let mut sidecar = Sidecar::start(&broker, &listen, &[]);
    assert_eq!(sidecar.address, listen);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let ask = |request: &str| plain(UnixStream::connect(&path).unwrap(), request);
    assert_eq!(ask(&plain_identity("wrong")).0, 401);
    let (status, body) = ask(&plain_identity(SECRET));
    assert_eq!(status, 200);
    let token: Value = serde_json::from_str(&body).unwrap();
    let get = |token: &str| {
        ask(&format!(
            "GET /keys/k?api-version=7.4 HTTP/1.1\r\nhost: vault1.kv.test\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        ))
    };
    assert_eq!(get("wrong").0, 401);
    let (status, body) = get(token["access_token"].as_str().unwrap());
    assert_eq!((status, body.contains("https://vault1.kv.test/keys/k/")), (200, true), "{body}");
    check_refused(&broker, &listen, &[], &["another process answers there"]);
    // One that was killed leaves its file; the next takes the place. One that is told to stop takes it away.
    sidecar.child.kill().unwrap();
    sidecar.child.wait().unwrap();
    assert!(path.exists());
    let mut sidecar = Sidecar::start(&broker, &listen, &[]);
    kill_process(Pid::from_child(&sidecar.child), Signal::TERM).unwrap();
    assert!(finished(&mut sidecar.child, WAIT_MAX).unwrap().success());
    assert!(!path.exists());
}

#[test]
fn what_a_program_may_send_has_limits() {
    let broker = broker();
    let sidecar =
        Sidecar::tls(&broker, &["--body-bytes-max", "4096", "--connections-max", "1", "--request-ms-max", "2000"]);
    let program = sidecar.program(&broker);
    let connection = program.connect().unwrap();
    let good = token(&connection);
    let long = Request { body: vec![b'x'; 5000], ..wrap_with(&good) };
    connection.send(&long).unwrap().with_status(413);
    drop(connection);
    let trace = Request::new("TRACE", "/keys/k?api-version=7.4").header("authorization", &format!("Bearer {good}"));
    program.try_send(&trace).unwrap().with_status(405);
    // One that sends nothing keeps its place for so long and no longer, and the next is served then.
    let silent = program.connect().unwrap();
    let next = program.connect().unwrap();
    silent.read_end().unwrap();
    next.send(&wrap_with(&good)).unwrap().with_status(200);
    // Half a body is not waited for either.
    drop(next);
    let half = program.connect().unwrap();
    let head = format!(
        "POST /keys/k/wrapkey?api-version=7.4 HTTP/1.1\r\nhost: vault1.kv.test\r\nauthorization: Bearer {good}\r\n"
    );
    half.write(format!("{head}content-length: 100\r\n\r\nhalf").as_bytes()).unwrap();
    let answer: Answer = half.read_answer().unwrap();
    assert_eq!(answer.status, 504);
}

#[test]
fn a_broker_that_is_away_or_refuses_the_sidecar_is_a_bad_gateway() {
    let mut broker = broker();
    let sidecar = Sidecar::tls(&broker, &[]);
    let program = sidecar.program(&broker).connect().unwrap();
    let good = token(&program);
    program.send(&wrap_with(&good)).unwrap().with_status(200);
    broker.kill9();
    let refused = program.send(&wrap_with(&good)).unwrap().with_status(502);
    assert!(refused.message().contains("the sidecar gets no answer"), "{}", refused.message());
    broker.serve();
    // With a certificate of a CA that the broker does not know.
    let other = Authority::new("elsewhere");
    other.issue(Leaf::client().uri("spiffe://keybroker.test/app")).write(&broker.pki(), "app");
    let stranger = Sidecar::tls(&broker, &[]);
    let program = stranger.program(&broker).connect().unwrap();
    let good = token(&program);
    let refused = program.send(&wrap_with(&good)).unwrap().with_status(502);
    assert!(refused.message().contains("UnknownCA"), "{}", refused.message());
}
