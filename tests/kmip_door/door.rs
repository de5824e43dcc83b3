//! Who is let in, and what a message may cost.

use std::time::{Duration, Instant};

use keybroker_tests::desk::*;
use keybroker_tests::{Asks as _, CertificateRequest, Identity, Leaf, eventually};
use serde_json::json;

#[test]
fn an_objects_owner_alone_sees_it_until_a_grant_says_otherwise() {
    let broker = kmip(&[]).start();
    let (owner, other) = (speak(&owner(&broker, "esx1")), speak(&owner(&broker, "esx2")));
    let id = owner.create(Some("disk-1"));
    assert_eq!(owner.ask(&get(&id)).key().len(), 32);
    assert_eq!(owner.ask(&locate("disk-1")).ids(), std::slice::from_ref(&id));
    // To another it is not even there.
    assert_eq!(other.ask(&get(&id)).failure(), Some(ITEM_NOT_FOUND));
    assert_eq!(other.ask(&locate("disk-1")).ids(), [] as [String; 0]);
    broker.grant(&broker.principal("esx2"), "objectReveal", &format!("/vault1/{id}"));
    assert_eq!(other.ask(&get(&id)).key(), owner.ask(&get(&id)).key());
    assert_eq!(other.ask(&activate(&id)).failure(), Some(ITEM_NOT_FOUND));
    // What Key Vault's readers hold shows what is said about it, not the key.
    let reader = speak(&client(&broker, &broker.identity("reader")));
    assert_eq!(reader.ask(&get(&id)).failure(), Some(PERMISSION_DENIED));
    broker.grant(&broker.principal("reader"), "get,list", "/vault1");
    assert_eq!(reader.ask(&locate("disk-1")).ids(), std::slice::from_ref(&id));
    assert_eq!(reader.ask(&on_object(0xb, &id)).failure(), None);
    assert_eq!(reader.ask(&get(&id)).failure(), Some(PERMISSION_DENIED));
    // The key that keeps it is nobody's to see.
    let keys = broker.admin().connect().unwrap();
    assert_eq!(keys.get("/keys").with_status(200).json()["value"], json!([]));
}

#[test]
fn a_right_that_is_taken_back_ends_what_its_owner_could_do() {
    let broker = kmip(&[]).start();
    let grant = broker.grant(&broker.principal("esx1"), "objectOwn", "/vault1");
    let speaker = speak(&client(&broker, &broker.identity("esx1")));
    let id = speaker.create(None);
    assert!(broker.cli(&["revoke", &grant]).status.success());
    assert_eq!(speaker.ask(&get(&id)).failure(), Some(PERMISSION_DENIED));
    assert_eq!(speaker.ask(&create(None)).failure(), Some(PERMISSION_DENIED));
}

/// As vCenter makes it: self-signed, for no use in particular.
fn self_signed() -> Identity {
    Leaf::client().common_name("kmipClient20261122").usage(&[]).self_signed()
}

#[test]
fn a_pinned_self_signed_certificate_is_let_in_shown_and_shut_out_again() {
    let broker = kmip(&[]).start();
    let vcenter = self_signed();
    assert!(client(&broker, &vcenter).denied().contains("Unknown"));
    let file = broker.folder().join("vcenter.pem");
    std::fs::write(&file, vcenter.pem()).unwrap();
    broker.ask(&["kmip", "trust", "add", "vcenter", "--certificate", file.to_str().unwrap()]);
    let listed = || String::from_utf8(broker.cli(&["kmip", "trust", "list"]).stdout).unwrap();
    assert!(listed().contains("vcenter"), "{}", listed());
    broker.grant("pin/vcenter", "objectOwn", "/vault1");
    let connection = speak(&client(&broker, &vcenter));
    let id = connection.create(None);
    assert_eq!(connection.ask(&get(&id)).key().len(), 32);
    let status = broker.ask(&["kmip", "status"]);
    let row = &status["connected"][0];
    assert_eq!((&row["principal"], &status["connections"]), (&json!("pin/vcenter"), &json!(1)));
    assert!(row["certificate-ends"].as_i64() > status["now"].as_i64() && row["last-message"].is_i64());
    assert_eq!(status["trusted"][0]["sha256"], row["sha256"]);
    let shown = String::from_utf8(broker.cli(&["kmip", "status"]).stdout).unwrap();
    assert!(shown.contains("trusted: pin/vcenter, connected") && shown.contains("valid, "), "{shown}");
    assert!(broker.cli(&["kmip", "trust", "remove", "vcenter"]).status.success());
    assert!(!listed().contains("vcenter"), "{}", listed());
    connection.0.read_end().unwrap();
    assert!(client(&broker, &vcenter).denied().contains("Unknown"));
    eventually("nobody connected", || (broker.ask(&["kmip", "status"])["connections"] == json!(0)).then_some(()));
}

#[test]
fn a_request_signed_with_sign_csr_lets_its_maker_in() {
    let broker = kmip(&[]).start();
    let [ca_key, csr, out] = ["ca.key", "client.csr", "client.pem"].map(|name| broker.folder().join(name));
    let request = CertificateRequest::new("whatever it wants");
    std::fs::write(&csr, request.pem()).unwrap();
    std::fs::write(&ca_key, broker.dev.key_pem()).unwrap();
    let ca = broker.pki().join("ca.pem");
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let words = ["client", "sign-csr", &text(&csr), "--ca", &text(&ca), "--ca-key", &text(&ca_key)];
    let uri = "spiffe://keybroker.test/array1";
    let signed = broker.cli(&[&words[..], &["--uri", uri, "--out", &text(&out)]].concat());
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    // Never over another file.
    assert!(!broker.cli(&[&words[..], &["--uri", uri, "--out", &text(&out)]].concat()).status.success());
    broker.grant("dev/uri:spiffe://keybroker.test/array1", "objectOwn", "/vault1");
    let identity = request.granted(&std::fs::read_to_string(&out).unwrap());
    speak(&client(&broker, &identity)).create(None);
}

#[test]
fn a_message_that_is_too_long_is_refused_by_its_first_eight_bytes() {
    let broker = kmip(&[("message-bytes-max", 4096)]).start();
    let client = owner(&broker, "esx1");
    for length in [4089_u32, 1 << 20, u32::MAX] {
        let speaker = speak(&client);
        let mut header = vec![0x42, 0x00, 0x78, 1];
        header.extend_from_slice(&length.to_be_bytes());
        speaker.0.write(&header).unwrap();
        assert!(speaker.read().unwrap().failure().is_some(), "{length}");
        speaker.0.read_end().unwrap();
    }
    // What is no KMIP at all is told so, and the broker serves on.
    let speaker = speak(&client);
    speaker.0.write(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(speaker.read().is_ok());
    speaker.0.read_end().unwrap();
    speak(&client).create(None);
}

#[test]
fn who_waits_too_long_is_shut_out() {
    let broker = kmip(&[("read-ms-max", 300), ("idle-ms-max", 4000)]).start();
    let client = owner(&broker, "esx1");
    let (whole, began) = (create(None), Instant::now());
    let (slow, idle) = (speak(&client), speak(&client));
    slow.0.write(&whole[..whole.len() / 2]).unwrap();
    slow.0.read_end().unwrap();
    assert!(began.elapsed() < Duration::from_millis(3500), "half a message was waited for");
    idle.0.read_end().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(4000), "an idle connection was ended before its time");
    speak(&client).create(None);
}
