//! Every verb on keys that a token made, and what survives a restart.

use std::path::Path;

use keybroker_tests::{Asks as _, Client, b64, eventually, unb64};
use serde_json::json;

use crate::plant::Plant;

#[test]
fn keys_are_made_in_the_token_and_wrap_unwrap_rotate_and_sign_there() {
    let plant = Plant::new();
    assert_eq!(plant.broker.metrics().sum("keybroker_hsm_sessions", &[("backend", "hsm"), ("token", "1")]), 4.0);
    let (admin, secret) = (plant.broker.admin(), [7_u8; 32]);
    for (kty, bits, algorithms) in [
        ("RSA-HSM", 2048, &["RSA-OAEP", "RSA-OAEP-256"][..]),
        ("RSA-HSM", 3072, &["RSA-OAEP", "RSA-OAEP-256"]),
        ("RSA-HSM", 4096, &["RSA-OAEP", "RSA-OAEP-256"]),
        ("oct-HSM", 256, &["A256KW"]),
    ] {
        let name = format!("{}-{bits}", kty.to_ascii_lowercase());
        let path = admin.create(&name, kty, bits);
        let shown = admin.get(&path).with_status(200).json();
        assert_eq!(shown["key"]["kty"], kty);
        assert!(shown["key"].get("d").is_none() && shown["key"].get("k").is_none());
        for algorithm in algorithms {
            let wrapped = unb64(&admin.wrap(&path, algorithm, &secret).with_status(200).json()["value"]);
            let opened = admin.unwrap(&path, algorithm, &wrapped).with_status(200).json();
            assert_eq!(unb64(&opened["value"]), secret, "{name} {algorithm}");
            let mut bent = wrapped.clone();
            bent[3] ^= 1;
            admin.unwrap(&path, algorithm, &bent).with_status(400);
            // What the old version wrapped opens after a rotation, without a version too.
            let rotated = admin.rotate(&name);
            assert_ne!(rotated, path);
            let opened = admin.unwrap(&format!("/keys/{name}"), algorithm, &wrapped).with_status(200).json();
            assert_eq!(unb64(&opened["value"]), secret, "{name} {algorithm} after a rotation");
        }
        if kty == "RSA-HSM" {
            ["PS256", "RS512"].iter().for_each(|algorithm| signs(&admin, &name, algorithm));
        }
    }
    for (curve, algorithm) in [("P-256", "ES256"), ("P-384", "ES384")] {
        let name = format!("ec-{}", curve.to_ascii_lowercase());
        admin.post(&format!("/keys/{name}/create"), &json!({ "kty": "EC-HSM", "crv": curve })).with_status(200);
        signs(&admin, &name, algorithm);
        admin.rotate(&name);
        signs(&admin, &name, algorithm);
    }
    let jwk = json!({ "key": { "kty": "oct-HSM", "k": b64(&[1; 32]) } });
    admin.call("PUT", "/keys/from-outside", Some(&jwk)).with_status(501);
}

/// A signature by the token is one to the broker's own cryptography, over this digest and no other.
fn signs(admin: &Client, name: &str, algorithm: &str) {
    let digest = vec![5; algorithm[2..].parse::<usize>().unwrap() / 8];
    let ask = json!({ "alg": algorithm, "value": b64(&digest) });
    let signed = admin.post(&format!("/keys/{name}/sign"), &ask).with_status(200).json();
    let mut other = digest.clone();
    other[0] ^= 1;
    for (digest, holds) in [(digest, true), (other, false)] {
        let ask = json!({ "alg": algorithm, "digest": b64(&digest), "value": signed["value"] });
        let verdict = admin.post(&format!("/keys/{name}/verify"), &ask).with_status(200).json();
        assert_eq!(verdict["value"], holds, "{name} {algorithm}");
    }
}

#[test]
fn keys_survive_a_restart_of_the_broker_and_a_worker_goes_with_it() {
    let mut plant = Plant::new();
    let path = plant.broker.admin().create("kek", "oct-HSM", 256);
    let wrapped = unb64(&plant.broker.admin().wrap(&path, "A256KW", &[3; 32]).with_status(200).json()["value"]);
    let worker = eventually("a worker", || plant.worker());
    plant.broker.restart();
    eventually("the old worker to be gone", || (!Path::new(&format!("/proc/{worker}")).exists()).then_some(()));
    eventually("the token to serve again", || plant.serving().then_some(()));
    let opened = plant.broker.admin().unwrap(&path, "A256KW", &wrapped).with_status(200).json();
    assert_eq!(unb64(&opened["value"]), [3; 32]);
}
