//! Which name becomes the principal, and which spelling of it is no name at all.

use broker_identity::{Denial, NameSource};
use rcgen::{CertificateParams, DnType, SanType};

use crate::authority::*;

/// The principal of a leaf under a CA that names by `names_by`.
fn verdict(names_by: NameSource, names: &[SanType], change: Change<'_>) -> Result<String, Denial> {
    let ca = Authority::root("Corp CA");
    let leaf = ca.leaf_with(names, change);
    named(trust(vec![ca.spec("c", names_by)], vec![]).identify(&leaf.chain, now()))
}

fn check(names_by: NameSource, names: &[SanType], expected: Result<&str, Denial>) {
    assert_eq!(verdict(names_by, names, AS_USUAL), expected.map(str::to_owned), "{names:?}");
}

#[test]
fn exactly_one_name_of_the_configured_type() {
    let spiffe = uri("spiffe://td/ns/a");
    let all = [dns("A.example"), email("Kim@A.example"), spiffe.clone()];
    check(NameSource::Dns, &all, Ok("c/dns:a.example"));
    check(NameSource::Email, &all, Ok("c/email:Kim@a.example"));
    check(NameSource::Uri, &all, Ok("c/uri:spiffe://td/ns/a"));
    check(NameSource::CommonName, &all, Ok("c/cn:client"));

    check(NameSource::Dns, &[], Err(Denial::NoName));
    check(NameSource::Dns, std::slice::from_ref(&spiffe), Err(Denial::NoName));
    check(NameSource::Uri, &[dns("a.example")], Err(Denial::NoName));
    check(NameSource::Email, &[dns("a.example")], Err(Denial::NoName));
    check(NameSource::Dns, &[dns("a.example"), dns("b.example")], Err(Denial::AmbiguousName));
    check(NameSource::Dns, &[dns("a.example"), dns("a.example")], Err(Denial::AmbiguousName));
    check(NameSource::Uri, &[spiffe.clone(), uri("https://a.example")], Err(Denial::AmbiguousName));
}

#[test]
fn no_second_spelling() {
    for bad in
        ["*.example", "a.example.", "a..example", "a_b.example", "a.example\0.evil.example", "a b", "", "10.0.0.1"]
    {
        check(NameSource::Dns, &[dns(bad)], Err(Denial::BadName));
    }
    for bad in [
        "spiffe://td",
        "spiffe://td/",
        "spiffe://td/..",
        "spiffe://td/a?q",
        "https://td/a",
        "spiffe://TD/a",
        "spiffe://td/a\0",
    ] {
        check(NameSource::Uri, &[uri(bad)], Err(Denial::BadName));
    }
    for bad in
        ["kim", "kim@", "@a.example", "k@a@b", "kim@a.example\0", "k'm@a.example", "\"kim\"@a.example", "k`m@a.example"]
    {
        check(NameSource::Email, &[email(bad)], Err(Denial::BadName));
    }
    // Longer than a principal may be.
    check(NameSource::Uri, &[uri(&format!("spiffe://td/{}", "a".repeat(303)))], Err(Denial::BadName));
    check(
        NameSource::Uri,
        &[uri(&format!("spiffe://td/{}", "a".repeat(302)))],
        Ok(&format!("c/uri:spiffe://td/{}", "a".repeat(302))),
    );
}

#[test]
fn bytes_that_are_not_ascii_are_no_name() {
    for (bytes, expected) in [
        (&b"a.example"[..], Ok("c/dns:a.example".to_owned())),
        ("ä.example".as_bytes(), Err(Denial::BadName)),
        ("а.example".as_bytes(), Err(Denial::BadName)), // a Cyrillic letter that looks like a Latin one
        ("a.example\u{200b}".as_bytes(), Err(Denial::BadName)),
        (b"a.example\xff", Err(Denial::BadName)),
        (b"a.example\r\n", Err(Denial::BadName)),
        (b"a.example\0", Err(Denial::BadName)),
        (b"\x1b[31m", Err(Denial::BadName)),
    ] {
        let change = |p: &mut CertificateParams| p.custom_extensions = vec![raw_names(&[(0x82, bytes)])];
        assert_eq!(verdict(NameSource::Dns, &[], &change), expected, "{bytes:?}");
    }
}

#[test]
fn a_malformed_list_of_names_is_refused() {
    const MALFORMED: Denial = Denial::BadCertificate("malformed subjectAltName");
    let with = |extension: rcgen::CustomExtension| {
        verdict(NameSource::Dns, &[], &|p| p.custom_extensions = vec![extension.clone()])
    };
    let raw = |content: &[u8]| rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 17], content.to_vec());
    assert_eq!(with(raw_names(&[])), Err(Denial::NoName));
    // The constructed form of a dNSName, which name constraints do not see, alone or beside a proper one.
    assert_eq!(with(raw_names(&[(0xa2, b"a.example")])), Err(MALFORMED));
    assert_eq!(with(raw_names(&[(0x82, b"a.example"), (0xa2, b"b.example")])), Err(MALFORMED));
    // Cut short, and longer than it says.
    assert!(with(raw(&[0x30, 0x0b, 0x82, 0x20, b'a'])).is_err());
    assert!(with(raw(&[0x30, 0x03, 0x82, 0x01, b'a', 0x00])).is_err());
    assert!(with(raw(&[0x31, 0x03, 0x82, 0x01, b'a'])).is_err());
    assert_eq!(with(raw(&[0x30, 0x03, 0x82, 0x01, b'a'])).as_deref(), Ok("c/dns:a"));
}

#[test]
fn a_common_name_stands_once_and_plain() {
    let by_cn = |change: Change<'_>| verdict(NameSource::CommonName, &[], change);
    assert_eq!(by_cn(AS_USUAL).as_deref(), Ok("c/cn:client"));
    assert_eq!(
        by_cn(&|p| p.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), "two")),
        Err(Denial::AmbiguousName)
    );
    assert_eq!(by_cn(&|p| assert!(p.distinguished_name.remove(DnType::CommonName))), Err(Denial::NoName));
    for bad in ["", "a b", "a\0", "ä", "a\n", "a\"b", "a\\b", &"x".repeat(320)] {
        assert_eq!(by_cn(&|p| set_common_name(p, bad)), Err(Denial::BadName), "{bad}");
    }
    let utf16 = rcgen::DnValue::BmpString("client".try_into().unwrap());
    assert_eq!(by_cn(&|p| set_common_name(p, utf16.clone())), Err(Denial::BadName));
}

#[test]
fn name_constraints_bind() {
    let root = Authority::root("Corp CA");
    let sub = root.intermediate("Sub", &|p| permit_dns(p, "good.example"));
    let under = |names_by, names: &[SanType], change: Change<'_>| {
        let trust = trust(vec![root.spec("c", names_by)], vec![]);
        named(trust.identify(&sub.leaf_with(names, change).chain, now()))
    };
    assert_eq!(under(NameSource::Dns, &[dns("a.good.example")], AS_USUAL).as_deref(), Ok("c/dns:a.good.example"));
    assert_eq!(under(NameSource::Dns, &[dns("a.evil.example")], AS_USUAL), Err(Denial::NameConstraint));
    assert_eq!(under(NameSource::Dns, &[dns("evilgood.example")], AS_USUAL), Err(Denial::NameConstraint));
    // A name that the constraint cannot reach: the constructed form, and the common name.
    let hidden = |p: &mut CertificateParams| p.custom_extensions = vec![raw_names(&[(0xa2, b"a.evil.example")])];
    assert!(under(NameSource::Dns, &[], &hidden).is_err());
    assert_eq!(under(NameSource::CommonName, &[dns("a.good.example")], AS_USUAL), Err(Denial::NameConstraint));

    // The root's own constraints hold as well.
    let bound = Authority::root_with("Bound CA", &|p| permit_dns(p, "good.example"));
    let trust = trust(vec![bound.spec("c", NameSource::Dns)], vec![]);
    assert!(trust.identify(&bound.leaf(&[dns("a.good.example")]).chain, now()).is_ok());
    assert_eq!(trust.identify(&bound.leaf(&[dns("a.evil.example")]).chain, now()), Err(Denial::NameConstraint));
}
