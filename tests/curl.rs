//! What the wire looks like to a client that is no SDK: curl, with a certificate, byte by byte where a client depends on it.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use keybroker_tests::{Answer, Broker, SUFFIX, Setup, WAIT_MAX, b64, run, unb64};
use serde_json::{Value, json};

/// curl with the administrator's certificate, and the vault's name resolved to this machine.
struct Curl {
    broker: Broker,
}

impl Curl {
    fn new() -> Self {
        let broker = Setup::new().start();
        broker.identity("admin").write(&broker.pki(), "admin");
        Self { broker }
    }

    fn command(&self, path: &str, more: &[&str]) -> Command {
        let (pki, port) = (self.broker.pki(), self.broker.keyvault().port());
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--include", "--max-time", "30", "--noproxy", "*"]);
        command.args(["--resolve", &format!("vault1.{SUFFIX}:{port}:127.0.0.1")]);
        command.arg("--cacert").arg(pki.join("ca.pem"));
        command.arg("--cert").arg(pki.join("admin.pem")).arg("--key").arg(pki.join("admin.key"));
        command.args(more).arg(format!("{}{path}", self.broker.vault_url("vault1")));
        command
    }

    fn ask(&self, path: &str, more: &[&str]) -> Answer {
        let done = run(&mut self.command(path, more), WAIT_MAX);
        assert!(done.status.success(), "curl: {}", String::from_utf8_lossy(&done.stderr));
        let text = String::from_utf8(done.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        Answer { status, headers: lines.filter_map(header).collect(), body: body.into() }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let authorization = "authorization: Bearer whatever";
        let more =
            ["--header", authorization, "--header", "content-type: application/json", "--data", &body.to_string()];
        self.ask(&format!("{path}?api-version=7.4"), &more).with_status(200).json()
    }
}

#[test]
fn a_request_without_a_token_is_challenged_with_the_words_sdks_look_for() {
    let curl = Curl::new();
    let port = curl.broker.keyvault().port();
    let answer = curl.ask("/keys?api-version=7.4", &["--header", "x-ms-client-request-id: mine-1"]).with_status(401);
    let challenge = format!(
        "Bearer authorization=\"https://vault1.kv.test:{port}/00000000-0000-0000-0000-000000000000\", \
         resource=\"https://kv.test:{port}\""
    );
    assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()));
    assert_eq!(answer.code(), "Unauthorized");
    assert_eq!(answer.header("x-ms-client-request-id"), Some("mine-1"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    // It is counted, and it is no decision: only the backend's loading stands in the audit.
    let audit = curl.broker.audit();
    assert!(audit.iter().all(|line| line["operation"] == "load-backend"), "{audit:?}");
    let counted = curl.broker.metrics().sum("keybroker_requests_total", &[("operation", "challenge")]);
    assert_eq!(counted.to_string(), "1");
    // It comes before anything is said about path or key.
    for path in ["/keys/none/create", "/nowhere", "/keys/none"] {
        curl.ask(&format!("{path}?api-version=7.4"), &["--data", ""]).with_status(401);
    }
}

#[test]
fn the_token_stub_hands_out_a_token_that_opens_nothing_by_itself() {
    let curl = Curl::new();
    let form = "grant_type=client_credentials&client_id=x&client_secret=y";
    let token = curl.ask("/any-tenant/oauth2/v2.0/token", &["--data", form]).with_status(200).json();
    assert_eq!((&token["token_type"], token["expires_in"].is_u64()), (&json!("Bearer"), true));
    let bearer = format!("authorization: Bearer {}", token["access_token"].as_str().unwrap());
    curl.ask("/keys?api-version=7.4", &["--header", &bearer]).with_status(200);
    // Without a certificate the same token does not even reach the HTTP.
    let (pki, url) = (curl.broker.pki(), curl.broker.vault_url("vault1"));
    let mut bare = Command::new("curl");
    bare.args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*", "--header", &bearer]);
    bare.args(["--resolve", &format!("vault1.{SUFFIX}:{}:127.0.0.1", curl.broker.keyvault().port())]);
    bare.arg("--cacert").arg(pki.join("ca.pem")).arg(format!("{url}/keys?api-version=7.4"));
    let refused = run(&mut bare, WAIT_MAX);
    assert!(!refused.status.success() && refused.stdout.is_empty());
    let said = String::from_utf8_lossy(&refused.stderr).to_lowercase();
    assert!(said.contains("certificate required") || said.contains("alert"), "{said}");
}

#[test]
fn a_whole_conversation_creates_shows_wraps_and_unwraps() {
    let curl = Curl::new();
    let secret = [0x5a; 32];
    for (name, kty, bits, algorithm) in [("rsa", "RSA", 2048, "RSA-OAEP-256"), ("octet", "oct", 256, "A256KW")] {
        let made = curl.post(&format!("/keys/{name}/create"), &json!({ "kty": kty, "key_size": bits }));
        let kid = made["key"]["kid"].as_str().unwrap();
        let path = kid.strip_prefix(&curl.broker.vault_url("vault1")).expect("the id begins with the host asked");
        assert!(made["key"]["k"].is_null() && made["key"]["d"].is_null(), "{made}");
        let get = |path: &str| {
            let more = ["--header", "authorization: Bearer x", "--header", "x-ms-client-request-id: c-7"];
            curl.ask(&format!("{path}?api-version=7.4"), &more).with_status(200)
        };
        let (by_name, by_version) = (get(&format!("/keys/{name}")), get(path));
        assert_eq!((&by_name.json(), &by_version.json()), (&made, &made));
        let wrapped = curl.post(&format!("{path}/wrapkey"), &json!({ "alg": algorithm, "value": b64(&secret) }));
        assert_eq!(wrapped["kid"], kid);
        for unwrap in
            [format!("{path}/unwrapkey"), format!("/keys/{name}/unwrapkey"), format!("/keys/{name}//unwrapkey")]
        {
            let opened = curl.post(&unwrap, &json!({ "alg": algorithm, "value": wrapped["value"] }));
            assert_eq!((unb64(&opened["value"]), &opened["kid"]), (secret.to_vec(), &json!(kid)), "{unwrap}");
        }
        // The id of an answer is the id of its line in the audit, and the caller's own stands beside it.
        let request = by_version.header("x-ms-request-id").unwrap();
        let audit = curl.broker.audit();
        let line = audit.iter().find(|line| line["request"] == request).unwrap();
        assert_eq!((&line["operation"], &line["client_request"]), (&json!("get-key"), &json!("c-7")));
        assert_eq!(by_version.header("x-ms-client-request-id"), Some("c-7"));
    }
}
