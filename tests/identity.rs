//! Who a client is, over real TLS: every wrong certificate is refused, and what was right is refused once it no longer is.
#![allow(clippy::unwrap_used)]

use keybroker_tests::{
    ADMIN, Asks as _, Authority, Broker, Client, ClientCa, Connection, Identity, Leaf, SUFFIX, Setup, days_from_now,
    eventually,
};
use rustls::HandshakeKind;
use serde_json::json;

const ADMIN_ID: &str = "spiffe://keybroker.test/admin";

/// Both versions of TLS that the broker speaks.
static VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

fn speaking(
    broker: &Broker,
    version: &'static rustls::SupportedProtocolVersion,
    identity: Option<&Identity>,
) -> Client {
    Client::speaking(&[version], broker.keyvault(), &format!("vault1.{SUFFIX}"), &broker.dev.der(), identity)
}

/// The certificate is refused in the handshake of both versions with this alert, and counted under this reason.
#[track_caller]
fn check_denied(broker: &Broker, identity: &Identity, alert: &str, reason: &str) {
    let count = || broker.metrics().sum("keybroker_client_denials_total", &[("reason", reason)]);
    for version in VERSIONS {
        let before = count();
        assert_eq!(speaking(broker, version, Some(identity)).denied(), alert, "{reason}, {version:?}");
        eventually("the denial counted", || (count() == before + 1.0).then_some(()));
    }
}

/// The certificate is taken by both versions, as this principal. (No grant names it, so the refusal tells.)
#[track_caller]
fn check_named(broker: &Broker, identity: &Identity, principal: &str) {
    for version in VERSIONS {
        let answer = speaking(broker, version, Some(identity)).get("/keys").with_status(403);
        assert!(answer.message().contains(principal), "{principal}: {}", answer.message());
    }
}

/// A connection that has been used, so that nothing of its handshake is left to fail.
fn used(client: &Client) -> Connection {
    let connection = client.connect().unwrap();
    let _any = connection.get("/keys");
    connection
}

/// The server ends the connection by itself, without having been asked anything.
#[track_caller]
fn check_closed(connection: &Connection) {
    connection.read_end().expect("the server closes");
}

/// Makes clients' names count: `dns`, `email` and `cn` beside "dev" (which names by URI).
fn three_more_cas() -> (Setup, [Authority; 3]) {
    let cas = ["dns", "email", "cn"].map(|kind| Authority::new(&format!("{kind} CA")));
    let mut setup = Setup::new();
    for (ca, kind) in cas.iter().zip(["dns", "email", "cn"]) {
        let name = match kind {
            "dns" => "by-dns",
            "email" => "by-email",
            _ => "by-cn",
        };
        setup = setup.client_ca(ClientCa { name, certificates: ca.pem(), names_by: kind, crls: None });
    }
    (setup, cas)
}

#[test]
fn a_wrong_certificate_is_refused_in_the_handshake() {
    let broker = Setup::new().start();
    let good = || Leaf::client().uri(ADMIN_ID);
    let dev = &broker.dev;
    let server_only = [rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let rows = [
        (Authority::new("Another CA").issue(good()), "UnknownCA", "unknown-ca"),
        (dev.twin().issue(good()), "UnknownCA", "unknown-ca"),
        (good().self_signed(), "UnknownCA", "unknown-ca"),
        (dev.issue(good().between(days_from_now(-9), days_from_now(-1))), "CertificateExpired", "expired"),
        (dev.issue(good().between(days_from_now(1), days_from_now(9))), "CertificateExpired", "not-yet-valid"),
        (dev.issue(Leaf::client()), "AccessDenied", "no-name"),
        (dev.issue(Leaf::client().dns("admin.example")), "AccessDenied", "no-name"),
        (dev.issue(good().uri("spiffe://keybroker.test/other")), "AccessDenied", "ambiguous-name"),
        (dev.issue(good().usage(&server_only)), "UnsupportedCertificate", "wrong-usage"),
    ];
    for (identity, alert, reason) in &rows {
        check_denied(&broker, identity, alert, reason);
    }
    // The same certificate without its fault opens the door.
    broker.client(Some(&dev.issue(good()))).get("/keys").with_status(200);
    assert_eq!(broker.metrics().sum("keybroker_client_denials_total", &[]), 2.0 * rows.len() as f64);
    // None of it was a request.
    let audit = broker.audit();
    assert_eq!(audit.iter().filter(|line| line["operation"] != "load-backend").count(), 1);
}

#[test]
fn a_client_without_a_certificate_is_refused_in_the_handshake() {
    let broker = Setup::new().start();
    for version in VERSIONS {
        assert_eq!(speaking(&broker, version, None).denied(), "CertificateRequired", "{version:?}");
    }
    let count = || broker.metrics().sum("keybroker_tls_handshakes_total", &[("outcome", "no-certificate")]);
    eventually("both counted", || (count() == 2.0).then_some(()));
}

#[test]
fn a_name_counts_only_under_the_ca_that_gave_it() {
    let twin = Authority::new("keybroker test CA");
    let ca = ClientCa { name: "partner", certificates: twin.pem(), names_by: "uri", crls: None };
    // Subject and name are those of "dev" and of its administrator.
    let broker = Setup::new().client_ca(ca).start();
    let stranger = broker.client(Some(&twin.issue(Leaf::client().uri(ADMIN_ID).serial(7))));
    broker.client(Some(&broker.dev.issue(Leaf::client().uri(ADMIN_ID).serial(7)))).create("k", "oct", 256);
    let refused = stranger.get("/keys/k").with_status(403);
    assert!(refused.message().contains(&format!("partner/uri:{ADMIN_ID}")), "{}", refused.message());
    // A right granted to one of them is not the other's.
    broker.grant(&format!("partner/uri:{ADMIN_ID}"), "get", "/vault1/k");
    stranger.get("/keys/k").with_status(200);
    stranger.wrap("/keys/k", "A256KW", &[7; 32]).with_status(403);
    let principals: Vec<_> = broker.audit().iter().map(|line| line["principal"].clone()).collect();
    assert!(principals.contains(&json!(ADMIN)) && principals.contains(&json!(format!("partner/uri:{ADMIN_ID}"))));
}

#[test]
fn each_ca_names_its_clients_by_the_kind_it_is_listed_with() {
    let (setup, [by_dns, by_email, by_cn]) = three_more_cas();
    let broker = setup.start();
    let all =
        || Leaf::client().dns("host.example").email("jo@example.org").uri("spiffe://td.example/x").common_name("Jo");
    check_named(&broker, &by_dns.issue(all()), "by-dns/dns:host.example");
    check_named(&broker, &by_email.issue(all()), "by-email/email:jo@example.org");
    check_named(&broker, &by_cn.issue(all()), "by-cn/cn:Jo");
    check_named(&broker, &broker.dev.issue(all()), "dev/uri:spiffe://td.example/x");
    check_denied(
        &broker,
        &by_dns.issue(Leaf::client().dns("a.example").dns("b.example")),
        "AccessDenied",
        "ambiguous-name",
    );
    check_denied(&broker, &by_email.issue(Leaf::client().dns("jo.example")), "AccessDenied", "no-name");
}

#[test]
fn where_lists_are_required_a_client_needs_a_current_one() {
    let (dev, lapsed, silent) = (Authority::new("dev"), Authority::new("lapsed"), Authority::new("silent"));
    let ca =
        |name, ca: &Authority, crl| ClientCa { name, certificates: ca.pem(), names_by: "uri", crls: Some(vec![crl]) };
    let client = |serial| Leaf::client().uri(ADMIN_ID).serial(serial);
    let crl = dev.crl(&[13], days_from_now(7));
    // The list of "silent" is current, but another CA's: it covers none of its certificates.
    let setup = Setup::new().client_ca(ca("lapsed", &lapsed, lapsed.crl(&[], days_from_now(-1)))).client_ca(ca(
        "silent",
        &silent,
        Authority::new("elsewhere").crl(&[], days_from_now(7)),
    ));
    let broker = setup.dev(dev, Some(vec![crl])).start();
    broker.client(Some(&broker.dev.issue(client(12)))).get("/keys").with_status(200);
    check_denied(&broker, &broker.dev.issue(client(13)), "CertificateRevoked", "revoked");
    check_denied(&broker, &lapsed.issue(client(12)), "UnknownCA", "crl-expired");
    check_denied(&broker, &silent.issue(client(12)), "UnknownCA", "revocation-unknown");
}

#[test]
fn a_broker_does_not_start_without_the_lists_it_is_told_to_heed() {
    let dev = Authority::new("dev");
    let crl = dev.crl(&[], days_from_now(7));
    let mut broker = Setup::new().dev(dev, Some(vec![crl])).init();
    std::fs::remove_file(broker.pki().join("dev-0.crl")).unwrap();
    let log = broker.try_serve().unwrap_err();
    assert!(log.contains("dev-0.crl"), "{log}");
}

#[test]
fn a_pinned_certificate_is_known_until_the_pin_is_removed() {
    let broker = Setup::new().start();
    let pinned = Leaf::client().dns("vcenter.example").self_signed();
    let lapsed = Leaf::client().dns("old.example").between(days_from_now(-9), days_from_now(-1)).self_signed();
    check_denied(&broker, &pinned, "UnknownCA", "unknown-ca");
    for (name, identity) in [("vcenter", &pinned), ("old", &lapsed)] {
        let file = broker.folder().join(name);
        std::fs::write(&file, identity.pem()).unwrap();
        broker.ask(&["pin", "add", name, "--certificate", file.to_str().unwrap()]);
    }
    check_named(&broker, &pinned, "pin/vcenter");
    check_denied(&broker, &lapsed, "CertificateExpired", "expired");
    broker.grant("pin/vcenter", "list", "/vault1");
    let open = used(&broker.client(Some(&pinned)));
    let other = used(&broker.admin());
    open.get("/keys").with_status(200);
    broker.ask(&["pin", "remove", "vcenter"]);
    check_closed(&open);
    other.get("/keys").with_status(200);
    check_denied(&broker, &pinned, "UnknownCA", "unknown-ca");
    let left: Vec<_> = broker.ask(&["pin", "list"]).as_array().unwrap().iter().map(|pin| pin["name"].clone()).collect();
    assert_eq!(left, [json!("old")]);
}

#[test]
fn both_versions_of_tls_are_spoken_and_neither_resumes() {
    let broker = Setup::new().start();
    let admin = broker.identity("admin");
    for (version, suites) in VERSIONS.iter().zip([["ECDHE", "GCM"], ["TLS13", "GCM"]]) {
        let client = speaking(&broker, version, Some(&admin));
        for _ in 0..3 {
            let connection = used(&client);
            assert_ne!(connection.handshake(), HandshakeKind::Resumed, "{version:?}");
            assert_eq!(connection.version(), version.version);
            let suite = connection.cipher_suite();
            assert!(suites.iter().all(|part| suite.contains(part)) || suite.contains("CHACHA20"), "{suite}");
        }
    }
    let modern = used(&broker.client(Some(&admin)));
    assert_eq!(
        (modern.version(), modern.key_exchange()),
        (rustls::ProtocolVersion::TLSv1_3, "X25519MLKEM768".to_owned())
    );
}

#[test]
fn a_new_server_certificate_is_shown_to_new_connections_and_ends_no_old_one() {
    let broker = Setup::new().start();
    let client = broker.admin();
    let old = used(&client);
    let first = old.server_certificate();
    broker.dev.issue(Leaf::server(&[&format!("*.{SUFFIX}")])).write(&broker.pki(), "server");
    broker.reload();
    let new = used(&client);
    assert_ne!(new.server_certificate(), first);
    old.get("/keys").with_status(200);
    assert_eq!(old.server_certificate(), first);
    // A key of another certificate is no reason to stop, nor to serve with half of each.
    std::fs::write(broker.pki().join("server.key"), broker.identity("x").key_pem()).unwrap();
    assert!(!broker.try_reload());
    assert_eq!(used(&client).server_certificate(), new.server_certificate());
    assert!(broker.log().contains("does not belong to the first certificate"), "{}", broker.log());
}

#[test]
fn a_list_that_now_names_a_client_ends_its_connection_and_no_other() {
    let dev = Authority::new("dev");
    let crl = dev.crl(&[], days_from_now(7));
    let broker = Setup::new().dev(dev, Some(vec![crl])).start();
    let with_serial = |serial| broker.client(Some(&broker.dev.issue(Leaf::client().uri(ADMIN_ID).serial(serial))));
    let (stays, goes) = (used(&with_serial(21)), used(&with_serial(22)));
    std::fs::write(broker.pki().join("dev-0.crl"), broker.dev.crl(&[22], days_from_now(7))).unwrap();
    broker.reload();
    check_closed(&goes);
    stays.get("/keys").with_status(200);
    assert_eq!(with_serial(22).denied(), "CertificateRevoked");
}

#[test]
fn a_ca_that_is_taken_out_ends_the_connections_of_its_clients_and_no_other() {
    let partner = Authority::new("partner");
    let certificates = partner.pem();
    let broker =
        Setup::new().client_ca(ClientCa { name: "partner", certificates, names_by: "uri", crls: None }).start();
    let identity = partner.issue(Leaf::client().uri(ADMIN_ID));
    let (stays, goes) = (used(&broker.admin()), used(&broker.client(Some(&identity))));
    // The file is still read; it holds another CA now.
    std::fs::write(broker.pki().join("partner.pem"), Authority::new("successor").pem()).unwrap();
    broker.reload();
    check_closed(&goes);
    stays.get("/keys").with_status(200);
    check_denied(&broker, &identity, "UnknownCA", "unknown-ca");
}

#[test]
fn a_changed_file_is_noticed_without_a_signal() {
    let setup = Setup::new().edit(|config| {
        config.insert("reload-check-ms".into(), 20.into());
    });
    let broker = setup.start();
    let client = broker.admin();
    let first = used(&client).server_certificate();
    // Between these two writes the pair does not match; the broker waits for one that does.
    broker.dev.issue(Leaf::server(&[&format!("*.{SUFFIX}")])).write(&broker.pki(), "server");
    eventually("the new certificate", || (used(&client).server_certificate() != first).then_some(()));
}

#[test]
fn half_a_request_that_arrived_before_trust_ended_is_not_served_after() {
    let broker = Setup::new().start();
    let pinned = Leaf::client().dns("vcenter.example").self_signed();
    let file = broker.folder().join("vcenter.pem");
    std::fs::write(&file, pinned.pem()).unwrap();
    broker.ask(&["pin", "add", "vcenter", "--certificate", file.to_str().unwrap()]);
    broker.grant("pin/vcenter", "rng", "/vault1");
    let served = || {
        let rng = |line: &&serde_json::Value| line["operation"] == "random-bytes" && line["decision"] == "allowed";
        broker.audit().iter().filter(rng).count()
    };
    for removed in [false, true] {
        let connection = used(&broker.client(Some(&pinned)));
        let head = "POST /rng?api-version=7.4 HTTP/1.1\r\nhost: vault1.kv.test\r\nauthorization: Bearer x\r\n\
                    content-type: application/json\r\ncontent-length: 11\r\n\r\n{\"coun";
        connection.write(head.as_bytes()).unwrap();
        if removed {
            broker.ask(&["pin", "remove", "vcenter"]);
        }
        let answer = connection.write(b"t\":4}").and_then(|()| connection.read_answer());
        match (removed, answer) {
            (false, answer) => assert_eq!(answer.unwrap().status, 200),
            (true, Ok(answer)) => assert_eq!(answer.status, 403),
            (true, Err(_closed)) => {}
        }
        assert_eq!(served(), 1);
    }
}
