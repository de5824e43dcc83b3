//! The server's own certificate.

use std::fs;
use std::io::{Read, Write};

use broker_identity::{NameSource, ServerCertificate, Standing};
use rustls::version::TLS13;

use crate::authority::*;
use crate::pair::*;

#[test]
fn a_certificate_stands_with_its_own_key_alone() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Authority::root("Server CA");
    let (leaf, other) = (ca.leaf(&[dns(SERVER_NAME)]), ca.leaf(&[dns(SERVER_NAME)]));
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let folder_text = folder.path().display().to_string();
    let sub = ca.intermediate("Sub", &|p| p.not_after = date(NOW_S + DAY_S));
    let below = sub.leaf(&[dns(SERVER_NAME)]);
    let chain = write("chain.pem", &leaf.pem);
    let key = write("key.pem", &leaf.key.serialize_pem());
    let certificate = ServerCertificate::load(&chain, &key).unwrap();
    assert_eq!(certificate.not_after_s(), LEAF_UNTIL_S);
    for (unix_s, standing) in [
        (NOW_S - DAY_S - 1, Standing::NotYetValid),
        (NOW_S - DAY_S, Standing::Valid),
        (LEAF_UNTIL_S, Standing::Valid),
        (LEAF_UNTIL_S + 1, Standing::Expired),
    ] {
        assert_eq!(certificate.standing(at(unix_s)), standing);
    }
    // The chain runs out with its first certificate to do so.
    let deep_chain = write("deep.pem", &format!("{}{}", below.pem, sub.issuer.pem()));
    let deep = ServerCertificate::load(&deep_chain, &write("deep.key", &below.key.serialize_pem())).unwrap();
    assert_eq!(deep.not_after_s(), NOW_S + DAY_S);

    let wrong_key = write("other.pem", &other.key.serialize_pem());
    let empty = write("empty.pem", "");
    let error = |chain, key| ServerCertificate::load(chain, key).unwrap_err().to_string().replace(&folder_text, "");
    assert_eq!(error(&chain, &wrong_key), "server key: does not belong to the first certificate of the chain");
    assert_eq!(error(&chain, &empty), "server key: /empty.pem: no PRIVATE KEY block");
    assert_eq!(error(&chain, &chain), "server key: /chain.pem: no PRIVATE KEY block");
    assert_eq!(error(&empty, &key), "server certificate: /empty.pem: no CERTIFICATE block");
    let absent = folder.path().join("absent.pem");
    assert_eq!(error(&chain, &absent), "server key: /absent.pem: No such file or directory (os error 2)");
}

#[test]
fn a_new_certificate_is_shown_at_the_next_handshake() {
    let ca = Authority::root("Corp CA");
    let server = Server::trusting(trust(vec![ca.spec("corp", NameSource::Dns)], vec![]));
    let client = client(&server, &TLS13, sends(&ca.leaf(&[dns("a.example")])));
    let mut first = meet(&server, &client);
    let shown = |meeting: &Meeting| meeting.client.peer_certificates().unwrap()[0].clone();
    let before = shown(&first);
    server.identity.replace(server_certificate(&server.ca));
    let second = meet(&server, &client);
    assert!(second.agreed());
    assert_ne!(shown(&second), before);
    assert_eq!(server.identity.server_not_after_s(), LEAF_UNTIL_S);

    // The connection made before still carries data.
    first.client.writer().write_all(b"still here").unwrap();
    let mut wire = Vec::new();
    first.client.write_tls(&mut wire).unwrap();
    first.server.read_tls(&mut wire.as_slice()).unwrap();
    first.server.process_new_packets().unwrap();
    let mut heard = [0_u8; 10];
    first.server.reader().read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"still here");
}
