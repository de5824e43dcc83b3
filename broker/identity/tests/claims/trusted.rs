//! What an operator may list, and how a mistake is told.

use std::fs;

use broker_identity::{CaFiles, CaSpec, Expiry, ExpiryKind, NameSource, Trust, TrustError, TrustSpec};
use rcgen::KeyUsagePurpose;

use crate::authority::*;

fn refused(client_cas: Vec<CaSpec>) -> String {
    Trust::build(TrustSpec { client_cas, pins: vec![] }).unwrap_err().to_string()
}

#[test]
fn each_ca_has_one_name_and_each_name_one_ca() {
    let (a, b) = (Authority::root("A"), Authority::root("B"));
    assert_eq!(refused(vec![a.spec("x", NameSource::Dns), b.spec("x", NameSource::Dns)]), "client-ca `x` stands twice");
    assert_eq!(
        refused(vec![a.spec("x", NameSource::Dns), a.spec("y", NameSource::Uri)]),
        "client-ca `x` and client-ca `y` hold the same CA; a principal must have one name"
    );
    for reserved in ["local", "pin", "system"] {
        assert_eq!(
            refused(vec![a.spec(reserved, NameSource::Dns)]),
            format!("`{reserved}` is reserved and cannot name a client CA or a pin")
        );
    }
    // The same CA again under its own name is harmless: a renewed root, or a file that repeats itself.
    let twice = CaSpec { ca_certificates: vec![a.certificate(), a.certificate()], ..a.spec("x", NameSource::Dns) };
    assert!(Trust::build(TrustSpec { client_cas: vec![twice], pins: vec![] }).is_ok());
}

#[test]
fn only_a_ca_is_a_client_ca() {
    let ca = Authority::root("A");
    let with = |certificates| CaSpec { ca_certificates: certificates, ..ca.spec("x", NameSource::Dns) };
    assert_eq!(refused(vec![with(vec![])]), "client-ca `x`: no CA certificate");
    assert_eq!(
        refused(vec![with(vec![ca.certificate(), ca.leaf(&[dns("a")]).der()])]),
        "client-ca `x`: certificate 2: not a CA certificate (basicConstraints CA is missing)"
    );
    let mute = Authority::root_with("A", &|p| p.key_usages = vec![KeyUsagePurpose::DigitalSignature]);
    assert_eq!(
        refused(vec![mute.spec("x", NameSource::Dns)]),
        "client-ca `x`: certificate 1: its key may not sign certificates (keyUsage lacks keyCertSign)"
    );
    assert_eq!(refused(vec![with(vec![vec![1, 2, 3].into()])]), "client-ca `x`: certificate 1: not a certificate");
}

#[test]
fn a_required_list_is_there_and_is_the_cas_own() {
    let (ca, twin) = (Authority::root("A"), Authority::root("A"));
    let with = |crls| CaSpec { crls: Some(crls), ..ca.spec("x", NameSource::Dns) };
    assert_eq!(refused(vec![with(vec![])]), "client-ca `x`: revocation is required and there is no revocation list");
    assert_eq!(
        refused(vec![with(vec![ca.crl(&[]), twin.crl(&[])])]),
        "client-ca `x`: revocation list 2: a revocation list bears the CA's name, and was not signed with the CA's key"
    );
    assert_eq!(
        refused(vec![with(vec![vec![0x30, 0].into()])]),
        "client-ca `x`: revocation list 1: not a revocation list"
    );
}

#[test]
fn a_fingerprint_is_pinned_once_and_a_name_may_have_two() {
    let (a, b) = (self_signed(AS_USUAL), self_signed(AS_USUAL));
    let build = |pins| Trust::build(TrustSpec { client_cas: vec![], pins });
    let renewing = build(vec![pin("vcenter", &a), pin("vcenter", &b)]).unwrap();
    for leaf in [&a, &b] {
        assert_eq!(named(renewing.identify(&leaf.chain, now())).as_deref(), Ok("pin/vcenter"));
    }
    assert!(matches!(build(vec![pin("x", &a), pin("y", &a)]), Err(TrustError::DuplicatePin { .. })));
    assert!(matches!(build(vec![pin("system", &a)]), Err(TrustError::ReservedName(_))));
}

#[test]
fn what_runs_out_is_listed() {
    let ca = Authority::root("A");
    let spec = CaSpec { crls: Some(vec![ca.crl(&[])]), ..ca.spec("x", NameSource::Dns) };
    let expiry = |kind, not_after_s| Expiry { kind, name: anchor("x"), not_after_s };
    assert_eq!(
        trust(vec![spec], vec![]).expiries(),
        [expiry(ExpiryKind::ClientCa, CA_UNTIL_S), expiry(ExpiryKind::Crl, CRL_UNTIL_S)]
    );
}

#[test]
fn a_mistake_in_a_file_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Authority::root("A");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let pem = write("ca.pem", format!("# a comment\n{}", ca.issuer.pem()).as_bytes());
    let der = write("ca.der", &ca.certificate());
    let empty = write("empty.pem", b"");
    let broken = write("broken.pem", b"-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n");
    let key = write("key.pem", ca.issuer.key().serialize_pem().as_bytes());
    let leaf = write("leaf.der", &ca.leaf(&[dns("a")]).der());
    let crl = write("crl.der", &ca.crl(&[7]));
    let absent = folder.path().join("absent.pem");

    let read = |certificates: &std::path::Path, crls: Option<&std::path::Path>| {
        let files = CaFiles {
            name: anchor("corp"),
            certificates: certificates.to_owned(),
            names_by: NameSource::Dns,
            crls: crls.map(|path| vec![path.to_owned()]),
        };
        TrustSpec::read(&[files], vec![]).map_err(|error| error.to_string())
    };
    for path in [&pem, &der] {
        let spec = read(path, Some(&crl)).unwrap();
        assert_eq!(spec.client_cas[0].ca_certificates, [ca.certificate()]);
        assert_eq!(spec.client_cas[0].crls.as_ref().map(Vec::len), Some(1));
        assert!(Trust::build(spec).is_ok());
    }
    assert_eq!(read(&pem, None).unwrap().client_cas[0].crls, None);
    for (certificates, crls, file, fault) in [
        (&empty, None, &empty, "no CERTIFICATE block"),
        (&key, None, &key, "no CERTIFICATE block"),
        (&broken, None, &broken, "a PEM block is broken"),
        (&leaf, None, &leaf, "not a CA certificate (basicConstraints CA is missing)"),
        (&crl, None, &crl, "not a certificate"),
        (&absent, None, &absent, "No such file or directory (os error 2)"),
        (&pem, Some(empty.as_path()), &empty, "no X509 CRL block"),
        (&pem, Some(pem.as_path()), &pem, "no X509 CRL block"),
        (&pem, Some(der.as_path()), &der, "not a revocation list"),
        (&pem, Some(absent.as_path()), &absent, "No such file or directory (os error 2)"),
    ] {
        let error = read(certificates, crls).unwrap_err();
        assert_eq!(error, format!("client-ca `corp`: {}: {fault}", file.display()));
    }
    let large = write("large.pem", &vec![b'\n'; (1 << 20) + 1]);
    assert!(read(&large, None).unwrap_err().ends_with("larger than 1048576 bytes"));
}
