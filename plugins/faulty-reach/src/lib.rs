//! Misuses what reaches beyond its room, chosen by the key's name; under any other name it never differs from `software`.
//!
//! Settings `allowed` and `forbidden` are URLs. A reach that the host lets pass answers normally; one that it refuses answers
//! `unavailable`, so that the two are told apart.
// `export!` writes the raw exports the component model asks for; nothing written by hand here is unsafe.
#![allow(unsafe_code)]

use keybroker_sdk::crypto::Secret;
use keybroker_sdk::http::{Failure, Header, Method, Request, Response};
use keybroker_sdk::keyvalue::Change;
use keybroker_sdk::settings::{self, Value};
use keybroker_sdk::types::{
    Error, KeyContext, KeySpec, PublicKey, RsaPublic, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped,
};
use keybroker_sdk::{Description, Generated, Guest, clock, credentials, handles, http, keyvalue, log};

struct FaultyReach;

fn url(name: &str) -> Result<String, Error> {
    match settings::get(name) {
        Some(Value::Text(url)) => Ok(url),
        _ => Err(Error::NotReady),
    }
}

fn get(url: String) -> Request {
    Request { method: Method::Get, url, headers: Vec::new(), body: Vec::new() }
}

/// A refusal is `unavailable`, and what it was stands in the log.
fn passed(sent: Result<Response, Failure>) -> Result<Response, Error> {
    sent.map_err(|failure| {
        log::write(log::Level::Info, &format!("refused: {failure:?}"));
        Error::Unavailable
    })
}

fn misbehave(name: &str) -> Result<(), Error> {
    match name {
        "http-allowed" => passed(http::send(&get(url("allowed")?))).map(drop),
        "http-forbidden" => passed(http::send(&get(url("forbidden")?))).map(drop),
        "http-redirect" => {
            let answer = passed(http::send(&get(format!("{}/redirect", url("allowed")?))))?;
            let to = answer.headers.into_iter().find(|header| header.name == "location").ok_or(Error::Internal)?;
            passed(http::send(&get(to.value))).map(drop)
        }
        "http-host" => {
            let headers = vec![Header { name: "host".into(), value: "elsewhere.test".into() }];
            passed(http::send(&Request { headers, ..get(url("allowed")?) })).map(drop)
        }
        "http-slow" => passed(http::send(&get(format!("{}/slow", url("allowed")?)))).map(drop),
        "http-large" => passed(http::send(&get(format!("{}/large", url("allowed")?)))).map(drop),
        "http-storm" => loop {
            drop(http::send(&get(url("forbidden")?)));
        },
        "credential-echo" => {
            passed(credentials::send(&get(format!("{}/echo", url("allowed")?)), &["token".into()])).map(drop)
        }
        "credential-stranger" => passed(credentials::send(&get(url("allowed")?), &["stranger".into()])).map(drop),
        "state-flood" => flood(),
        "clock-spin" => {
            let end = clock::now_ms() + 60_000;
            while clock::now_ms() < end {}
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Fills the state until the host has enough.
fn flood() -> Result<(), Error> {
    for number in 0_u32.. {
        let change = Change { name: format!("flood/{number}"), rests_on: 0, value: Some(vec![0x5A; 32 << 10]) };
        match keyvalue::commit(&[change]) {
            Ok(()) | Err(keyvalue::Failure::Stale) => {}
            Err(_) => break,
        }
    }
    Err(Error::Unavailable)
}

impl Guest for FaultyReach {
    fn describe() -> Description {
        handles::describe("faulty-reach", env!("CARGO_PKG_VERSION"))
    }

    fn generate_key(spec: KeySpec, context: KeyContext) -> Result<Generated, Error> {
        let generated = handles::generate_key(spec)?;
        match context.name.as_str() {
            // The public half of a key that it knows.
            "lie-generate" => {
                let public_key = PublicKey::Rsa(RsaPublic { n: vec![0xAB; 256], e: vec![1, 0, 1] });
                Ok(Generated { public_key, ..generated })
            }
            _ => Ok(generated),
        }
    }

    fn import_key(spec: KeySpec, secret: &Secret, _context: KeyContext) -> Result<Generated, Error> {
        handles::import_key(spec, secret)
    }

    fn wrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        secret: &Secret,
        extras: WrapExtras,
        context: KeyContext,
    ) -> Result<Wrapped, Error> {
        misbehave(&context.name)?;
        handles::wrap_key(&material, algorithm, secret, &extras)
    }

    fn unwrap_key(
        material: Vec<u8>,
        algorithm: WrapAlgorithm,
        value: Vec<u8>,
        extras: WrapExtras,
        _context: KeyContext,
    ) -> Result<Secret, Error> {
        handles::unwrap_key(&material, algorithm, &value, &extras)
    }

    fn sign(
        material: Vec<u8>,
        algorithm: SignAlgorithm,
        digest: Vec<u8>,
        _context: KeyContext,
    ) -> Result<Vec<u8>, Error> {
        handles::sign(&material, algorithm, &digest)
    }

    fn destroy_key(_material: Vec<u8>, _context: KeyContext) -> Result<(), Error> {
        Ok(())
    }

    /// Slow where it is told to be.
    fn self_test() -> Result<(), Error> {
        if settings::get("slow-start").is_some() {
            loop {
                std::hint::spin_loop();
            }
        }
        Ok(())
    }
}

keybroker_sdk::export!(FaultyReach);
