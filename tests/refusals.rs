//! Whatever is wrong with a wrapped value, the answer is the same to the last byte: it tells nobody what to try next.
#![allow(clippy::unwrap_used)]

#[path = "hsm/plant.rs"]
#[allow(dead_code)] // what the HSM's own tests need beside
mod plant;

use broker_core::algorithm::PublicKey;
use broker_testkit::forge::{self, Forged, MESSAGE};
use keybroker_tests::{Answer, Asks as _, Client, Setup, b64, unb64};
use serde_json::{Value, json};

use crate::plant::Plant;

/// What differs from one answer to the next, whatever is asked.
const OF_THE_REQUEST: [&str; 2] = ["date", "x-ms-request-id"];

/// Status, headers and body.
fn told(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !OF_THE_REQUEST.contains(&name.as_str()));
    (answer.status, headers, String::from_utf8(answer.body.clone()).unwrap())
}

/// All of them are refused, and alike.
fn alike(what: &str, answers: &[(String, Answer)]) {
    let (_, first) = &answers[0];
    let expected = told(&first.clone().with_status(400));
    for (kind, answer) in answers {
        assert_eq!(told(answer), expected, "{what}: {kind}");
    }
    assert!(answers.len() > 2, "{what}: nothing to compare");
}

/// The value with one bit changed at the first byte, the last, and some between.
fn bent(value: &[u8]) -> Vec<(String, Vec<u8>)> {
    let last = value.len() - 1;
    let mut places = vec![0, 1, last / 2, last - 1, last];
    places.dedup();
    let bend = |at: usize| {
        let mut bent = value.to_vec();
        bent[at] ^= 1;
        (format!("byte {at}"), bent)
    };
    places.into_iter().map(bend).collect()
}

/// The forged values of each kind but the sound one, which opens.
fn forged(admin: &Client, path: &str, algorithm: &str, values: Vec<Forged>) -> Vec<(String, Answer)> {
    let asked = |(kind, value): Forged| (kind.to_owned(), admin.unwrap(path, algorithm, &value));
    let (sound, wrong): (Vec<_>, Vec<_>) = values.into_iter().map(asked).partition(|(kind, _)| kind == "sound");
    assert_eq!(unb64(&sound[0].1.clone().with_status(200).json()["value"]), MESSAGE);
    wrong
}

fn public_of(admin: &Client, path: &str) -> PublicKey {
    let shown = admin.get(path).with_status(200).json();
    PublicKey::Rsa { n: unb64(&shown["key"]["n"]), e: unb64(&shown["key"]["e"]) }
}

#[test]
fn every_wrong_value_is_refused_with_the_same_bytes() {
    let setup = Setup::new().edit(|config| {
        config["limits"].as_table_mut().unwrap().insert("rsa1-5".into(), true.into());
    });
    let plant = Plant::of(setup, false, |_| {});
    let admin = plant.broker.admin();
    for (name, kty, bits) in
        [("rsa", "RSA", 2048), ("oct", "oct", 256), ("rsa-hsm", "RSA-HSM", 2048), ("oct-hsm", "oct-HSM", 256)]
    {
        admin.create(name, kty, bits);
    }
    for path in ["/keys/rsa", "/keys/rsa-hsm"] {
        let public = public_of(&admin, path);
        alike(path, &forged(&admin, path, "RSA-OAEP-256", forge::oaep_256(&public, 1)));
    }
    let pkcs1 = forge::pkcs1(&public_of(&admin, "/keys/rsa"), 1);
    alike("RSA1_5", &forged(&admin, "/keys/rsa", "RSA1_5", pkcs1));
    for (path, algorithm) in
        [("/keys/rsa", "RSA-OAEP"), ("/keys/rsa-hsm", "RSA-OAEP"), ("/keys/oct", "A256KW"), ("/keys/oct-hsm", "A256KW")]
    {
        let wrapped = unb64(&admin.wrap(path, algorithm, &MESSAGE).with_status(200).json()["value"]);
        let mut values = bent(&wrapped);
        // Another key's, and lengths that are none, as good as any other mistake.
        values.push(("cut".to_owned(), wrapped[..wrapped.len() - 8].to_vec()));
        values.push(("longer".to_owned(), [&wrapped[..], &[0; 8]].concat()));
        values.push(("zeros".to_owned(), vec![0; wrapped.len()]));
        let answers = values.into_iter().map(|(kind, value)| (kind, admin.unwrap(path, algorithm, &value)));
        alike(&format!("{path} {algorithm}"), &answers.collect::<Vec<_>>());
    }
    let ask = json!({ "alg": "A256GCM", "value": b64(&MESSAGE), "aad": b64(b"for this") });
    let sealed = admin.post("/keys/oct/encrypt", &ask).with_status(200).json();
    let mut answers = Vec::new();
    for part in ["value", "iv", "tag", "aad"] {
        let good = json!({ "alg": "A256GCM", "value": sealed["value"], "iv": sealed["iv"], "tag": sealed["tag"], "aad": b64(b"for this") });
        for (kind, bytes) in bent(&unb64(&good[part])) {
            let mut ask = good.clone();
            ask[part] = Value::from(b64(&bytes));
            answers.push((format!("{part}, {kind}"), admin.post("/keys/oct/decrypt", &ask)));
        }
    }
    alike("A256GCM", &answers);
}
