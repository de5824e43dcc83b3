//! Whole handshakes, TLS 1.3 and TLS 1.2.

use broker_identity::{CaSpec, NameSource, Offer};
use rcgen::SigningKey;
use rustls::pki_types::CertificateDer;
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, CipherSuite, Error, HandshakeKind, NamedGroup, ProtocolVersion, SupportedProtocolVersion,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::authority::*;
use crate::pair::*;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

#[test]
fn a_client_of_the_ca_is_let_in() {
    let ca = Authority::root("Corp CA");
    let sub = ca.intermediate("Sub", AS_USUAL);
    let server = Server::trusting(trust(vec![ca.spec("corp", NameSource::Dns)], vec![]));
    for version in VERSIONS {
        for leaf in [ca.leaf(&[dns("a.example")]), sub.leaf(&[dns("a.example")])] {
            let meeting = meet(&server, &client(&server, version, sends(&leaf)));
            assert!(meeting.agreed(), "{:?} {:?}", meeting.server_error, meeting.client_error);
            let session = server.live.open(meeting.chain(), now()).unwrap();
            assert_eq!(session.identity().principal.as_str(), "corp/dns:a.example");
            assert_eq!(meeting.server.alpn_protocol(), Some(&b"http/1.1"[..]));
        }
    }
    assert!(server.denials().is_empty());
}

#[test]
fn the_suites_are_authenticated_and_the_group_is_hybrid() {
    let ca = Authority::root("Corp CA");
    let server = Server::trusting(trust(vec![ca.spec("corp", NameSource::Dns)], vec![]));
    let leaf = ca.leaf(&[dns("a.example")]);
    let meeting = meet(&server, &client(&server, &TLS13, sends(&leaf)));
    assert_eq!(meeting.server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let group = meeting.server.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);

    let meeting = meet(&server, &client(&server, &TLS12, sends(&leaf)));
    assert_eq!(meeting.server.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    let suite = meeting.server.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384);

    for suite in &server.tls.config().crypto_provider().cipher_suites {
        let name = format!("{:?}", suite.suite());
        assert!(name.contains("GCM") || name.contains("CHACHA20_POLY1305"), "{name}");
        assert!(name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_"), "{name}");
    }
}

#[test]
fn a_strict_listener_takes_tls_1_3_with_aes_gcm_alone() {
    let ca = Authority::root("Client CA");
    let server = Server::offering(Offer::Tls13AesGcm, trust(vec![ca.spec("corp", NameSource::Dns)], vec![]));
    let leaf = ca.leaf(&[dns("a.example")]);
    let meeting = meet(&server, &client(&server, &TLS13, sends(&leaf)));
    assert!(meeting.agreed());
    assert_eq!(meeting.server.negotiated_cipher_suite().unwrap().suite(), CipherSuite::TLS13_AES_256_GCM_SHA384);
    assert!(!meet(&server, &client(&server, &TLS12, sends(&leaf))).agreed());
    let config = server.tls.config();
    let suites: Vec<_> =
        config.crypto_provider().cipher_suites.iter().map(rustls::SupportedCipherSuite::suite).collect();
    assert_eq!(suites, [CipherSuite::TLS13_AES_256_GCM_SHA384, CipherSuite::TLS13_AES_128_GCM_SHA256]);
    // A trust that moves makes the configuration anew, as strict as before.
    server.live.replace(trust(vec![ca.spec("corp", NameSource::Dns)], vec![]));
    assert_eq!(server.tls.config().crypto_provider().cipher_suites.len(), 2);
}

#[test]
fn who_is_refused_hears_why_and_is_counted() {
    use AlertDescription as Alert;
    let ca = Authority::root("Corp CA");
    let spec = CaSpec { crls: Some(vec![ca.crl(&[66])]), ..ca.spec("corp", NameSource::Dns) };
    let server = Server::trusting(trust(vec![spec], vec![]));
    let a = || [dns("a.example")];
    let rows = [
        (Authority::root("Other").leaf(&a()), "unknown-ca", Alert::UnknownCA),
        (Authority::root("Corp CA").leaf(&a()), "unknown-ca", Alert::UnknownCA),
        (self_signed(AS_USUAL), "unknown-ca", Alert::UnknownCA),
        (ca.leaf_with(&a(), &|p| p.serial_number = Some(66_u64.into())), "revoked", Alert::CertificateRevoked),
        (ca.leaf_with(&a(), &|p| p.not_after = date(NOW_S - 1)), "expired", Alert::CertificateExpired),
        (ca.leaf_with(&a(), &|p| p.not_before = date(NOW_S + 1)), "not-yet-valid", Alert::CertificateExpired),
        (ca.intermediate("Sub", AS_USUAL).leaf(&a()), "revocation-unknown", Alert::UnknownCA),
        (
            ca.leaf_with(&a(), &|p| p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth]),
            "wrong-usage",
            Alert::UnsupportedCertificate,
        ),
        (ca.leaf(&[]), "no-name", Alert::AccessDenied),
        (ca.leaf(&[dns("a.example"), dns("b.example")]), "ambiguous-name", Alert::AccessDenied),
        (ca.leaf(&[dns("*.example")]), "bad-name", Alert::AccessDenied),
    ];
    for version in VERSIONS {
        for (leaf, word, alert) in &rows {
            let meeting = meet(&server, &client(&server, version, sends(leaf)));
            assert!(meeting.server_error.is_some(), "{word}");
            assert_eq!(meeting.client_error, Some(Error::AlertReceived(*alert)), "{word}");
            assert_eq!(server.denials().last(), Some(word));
        }
    }
    assert_eq!(server.denials().len(), 2 * rows.len());
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let ca = Authority::root("Corp CA");
    let server = Server::trusting(trust(vec![ca.spec("corp", NameSource::Dns)], vec![]));
    for version in VERSIONS {
        let meeting = meet(&server, &client(&server, version, sends_nothing()));
        assert_eq!(meeting.server_error, Some(Error::NoCertificatesPresented));
        assert!(meeting.client_error.is_some());
    }
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let ca = Authority::root("Corp CA");
    let (leaf, pinned, thief) = (ca.leaf(&[dns("a.example")]), self_signed(AS_USUAL), self_signed(AS_USUAL));
    let server = Server::trusting(trust(vec![ca.spec("corp", NameSource::Dns)], vec![pin("vcenter", &pinned)]));
    for version in VERSIONS {
        for stolen in [&leaf, &pinned] {
            let forged = meet(&server, &client(&server, version, sends_with_key(&stolen.chain, &thief)));
            assert!(!forged.agreed());
            assert_eq!(forged.client_error, Some(Error::AlertReceived(AlertDescription::DecryptError)));
            assert_eq!(server.denials().last(), Some(&"bad-signature"));
            assert!(meet(&server, &client(&server, version, sends(stolen))).agreed());
        }
    }
}

#[test]
fn a_pinned_certificate_needs_no_ca_and_no_usage() {
    let pinned = self_signed(AS_USUAL);
    let ca_like = self_signed(&|p| p.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    let server = Server::trusting(trust(vec![], vec![pin("vcenter", &pinned), pin("other", &ca_like)]));
    for version in VERSIONS {
        for (leaf, principal) in [(&pinned, "pin/vcenter"), (&ca_like, "pin/other")] {
            let meeting = meet(&server, &client(&server, version, sends(leaf)));
            assert!(meeting.agreed(), "{:?} {:?}", meeting.server_error, meeting.client_error);
            assert_eq!(server.live.open(meeting.chain(), now()).unwrap().identity().principal.as_str(), principal);
        }
        let expired = self_signed(&|p| p.not_after = date(NOW_S - 1));
        let server = Server::trusting(trust(vec![], vec![pin("vcenter", &expired)]));
        let meeting = meet(&server, &client(&server, version, sends(&expired)));
        assert_eq!(meeting.client_error, Some(Error::AlertReceived(AlertDescription::CertificateExpired)));
    }
}

/// The same certificate without extensions and version, as old appliances make them (X.509 version 1).
fn version_1(of: &Leaf) -> Leaf {
    let certificate = of.der();
    let (_, parsed) = X509Certificate::from_der(&certificate).unwrap();
    let tbs = &parsed.tbs_certificate;
    let ecdsa_sha256 = der(0x30, &der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
    let time = |at: &str| der(0x18, at.as_bytes());
    let fields = [
        der(0x02, tbs.raw_serial()),
        ecdsa_sha256.clone(),
        tbs.issuer.as_raw().to_vec(),
        der(0x30, &[time("20291231000000Z"), time("20300131000000Z")].concat()),
        tbs.subject.as_raw().to_vec(),
        tbs.subject_pki.raw.to_vec(),
    ];
    let tbs = der(0x30, &fields.concat());
    let signature = [vec![0], of.key.sign(&tbs).unwrap()].concat();
    let whole = der(0x30, &[tbs, ecdsa_sha256, der(0x03, &signature)].concat());
    let key = rcgen::KeyPair::try_from(of.key.serialize_der()).unwrap();
    Leaf { chain: vec![CertificateDer::from(whole)], key, pem: String::new() }
}

#[test]
fn a_version_1_certificate_can_be_pinned_and_nothing_else() {
    let old = version_1(&self_signed(AS_USUAL));
    let thief = self_signed(AS_USUAL);
    let ca = Authority::root("Corp CA");
    let pinning = Server::trusting(trust(vec![], vec![pin("old", &old)]));
    let unpinned = Server::trusting(trust(vec![ca.spec("corp", NameSource::CommonName)], vec![]));
    for version in VERSIONS {
        let meeting = meet(&pinning, &client(&pinning, version, sends(&old)));
        assert!(meeting.agreed(), "{:?} {:?}", meeting.server_error, meeting.client_error);
        assert!(!meet(&pinning, &client(&pinning, version, sends_with_key(&old.chain, &thief))).agreed());
        assert_eq!(pinning.denials().last(), Some(&"bad-signature"));
        assert!(!meet(&unpinned, &client(&unpinned, version, sends(&old))).agreed());
        assert_eq!(unpinned.denials().last(), Some(&"bad-certificate"));
    }
}

#[test]
fn nothing_is_kept_to_resume_with() {
    let ca = Authority::root("Corp CA");
    let server = Server::trusting(trust(vec![ca.spec("corp", NameSource::Dns)], vec![]));
    let leaf = ca.leaf(&[dns("a.example")]);
    for version in VERSIONS {
        let config = client(&server, version, sends(&leaf));
        for _ in 0..3 {
            let meeting = meet(&server, &config);
            assert!(meeting.agreed());
            assert_eq!(meeting.server.handshake_kind(), Some(HandshakeKind::Full));
            assert_eq!(meeting.client.handshake_kind(), Some(HandshakeKind::Full));
            assert_eq!(meeting.client.tls13_tickets_received(), 0);
        }
    }
}

#[test]
fn a_new_handshake_meets_the_new_trust() {
    let (old, new) = (Authority::root("Old CA"), Authority::root("New CA"));
    let server = Server::trusting(trust(vec![old.spec("corp", NameSource::Dns)], vec![]));
    let (of_old, of_new) = (old.leaf(&[dns("a.example")]), new.leaf(&[dns("a.example")]));
    for version in VERSIONS {
        server.live.replace(trust(vec![old.spec("corp", NameSource::Dns)], vec![]));
        assert!(meet(&server, &client(&server, version, sends(&of_old))).agreed());
        server.live.replace(trust(vec![new.spec("corp", NameSource::Dns)], vec![]));
        assert!(!meet(&server, &client(&server, version, sends(&of_old))).agreed());
        assert!(meet(&server, &client(&server, version, sends(&of_new))).agreed());
    }
}

#[test]
fn the_hint_names_the_cas_unless_there_are_pins() {
    let (old, new) = (Authority::root("Old CA"), Authority::root("New CA"));
    let server = Server::trusting(trust(vec![old.spec("old", NameSource::Dns)], vec![]));
    let subject = |ca: &Authority| {
        let certificate = ca.certificate();
        X509Certificate::from_der(&certificate).unwrap().1.subject().as_raw().to_vec()
    };
    let hinted = || {
        let certificate = sends_nothing();
        meet(&server, &client(&server, &TLS13, certificate.clone()));
        certificate.hinted.lock().unwrap().clone()
    };
    assert_eq!(hinted(), [subject(&old)]);
    let both = vec![old.spec("old", NameSource::Dns), new.spec("new", NameSource::Dns)];
    server.live.replace(trust(both, vec![]));
    assert_eq!(hinted(), [subject(&old), subject(&new)]);
    server.live.replace(trust(vec![old.spec("old", NameSource::Dns)], vec![pin("x", &self_signed(AS_USUAL))]));
    assert!(hinted().is_empty());
}
