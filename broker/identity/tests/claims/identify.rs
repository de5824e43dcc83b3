//! Whose chain is this? Each thing allowed beside what is refused.

use broker_identity::{CHAIN_CERTIFICATES_MAX, CaSpec, Denial, NameSource};
use rcgen::{CrlScope, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};

use crate::authority::*;

fn good() -> (Authority, Leaf) {
    let ca = Authority::root("Corp CA");
    let leaf = ca.leaf(&[dns("host1.example")]);
    (ca, leaf)
}

#[test]
fn a_chain_names_the_ca_it_ends_in() {
    let (ca, leaf) = good();
    let identity = trust(vec![ca.spec("corp", NameSource::Dns)], vec![]).identify(&leaf.chain, now()).unwrap();
    assert_eq!(identity.principal.as_str(), "corp/dns:host1.example");
    assert_eq!((identity.not_before_s, identity.not_after_s), (NOW_S - DAY_S, LEAF_UNTIL_S));
    assert_eq!(identity.crl_next_update_s, None);
}

#[test]
fn no_certificate_is_no_one() {
    let (ca, _) = good();
    assert_eq!(trust(vec![ca.spec("corp", NameSource::Dns)], vec![]).identify(&[], now()), Err(Denial::NoCertificate));
    assert_eq!(trust(vec![], vec![]).identify(&good().1.chain, now()), Err(Denial::UnknownCa));
}

#[test]
fn another_ca_is_unknown() {
    let (ca, _) = good();
    let stranger = Authority::root("Other CA").leaf(&[dns("host1.example")]);
    let trust = trust(vec![ca.spec("corp", NameSource::Dns)], vec![]);
    assert_eq!(trust.identify(&stranger.chain, now()), Err(Denial::UnknownCa));
    let sends_our_root = [stranger.chain, vec![ca.certificate()]].concat();
    assert_eq!(trust.identify(&sends_our_root, now()), Err(Denial::UnknownCa));
    let own = self_signed(AS_USUAL);
    assert_eq!(trust.identify(&own.chain, now()), Err(Denial::UnknownCa));
}

#[test]
fn a_twin_ca_with_the_same_subject_is_another_ca() {
    let (ca, leaf) = good();
    let twin = Authority::root("Corp CA");
    let twin_leaf = twin.leaf(&[dns("host1.example")]); // same subject, SAN and serial number
    let only_ca = trust(vec![ca.spec("corp", NameSource::Dns)], vec![]);
    assert_eq!(named(only_ca.identify(&leaf.chain, now())).as_deref(), Ok("corp/dns:host1.example"));
    assert_eq!(only_ca.identify(&twin_leaf.chain, now()), Err(Denial::UnknownCa));
    assert_eq!(
        only_ca.identify(&[twin_leaf.der(), twin.certificate(), ca.certificate()], now()),
        Err(Denial::UnknownCa)
    );

    let both = trust(vec![ca.spec("corp", NameSource::Dns), twin.spec("twin", NameSource::Dns)], vec![]);
    assert_eq!(named(both.identify(&leaf.chain, now())).as_deref(), Ok("corp/dns:host1.example"));
    assert_eq!(named(both.identify(&twin_leaf.chain, now())).as_deref(), Ok("twin/dns:host1.example"));
}

#[test]
fn a_twin_leaf_does_not_inherit_a_revocation() {
    let (ca, twin) = (Authority::root("Corp CA"), Authority::root("Corp CA"));
    let (leaf, twin_leaf) = (ca.leaf(&[dns("a.example")]), twin.leaf(&[dns("a.example")]));
    let listed = |ca: &Authority, name, serials: &[u64]| CaSpec {
        crls: Some(vec![ca.crl(serials)]),
        ..ca.spec(name, NameSource::Dns)
    };
    let trust = trust(vec![listed(&ca, "corp", &[7]), listed(&twin, "twin", &[])], vec![]);
    assert_eq!(trust.identify(&leaf.chain, now()), Err(Denial::Revoked));
    assert_eq!(named(trust.identify(&twin_leaf.chain, now())).as_deref(), Ok("twin/dns:a.example"));
}

#[test]
fn dates_are_those_of_the_whole_path() {
    let ca = Authority::root_with("Corp CA", &|p| p.not_after = date(NOW_S + 3 * DAY_S));
    let sub = ca.intermediate("Sub CA", &|p| p.not_after = date(NOW_S + 2 * DAY_S));
    let leaf = sub.leaf(&[dns("a.example")]);
    let trust = trust(vec![ca.spec("corp", NameSource::Dns)], vec![]);
    let identity = trust.identify(&leaf.chain, now()).unwrap();
    assert_eq!(identity.not_after_s, NOW_S + 2 * DAY_S);
    let direct = ca.leaf(&[dns("a.example")]);
    assert_eq!(trust.identify(&direct.chain, now()).unwrap().not_after_s, NOW_S + 3 * DAY_S);

    for (chain, unix_s, expected) in [
        (&leaf.chain, NOW_S + 2 * DAY_S, Ok("corp/dns:a.example")),
        (&leaf.chain, NOW_S + 2 * DAY_S + 1, Err(Denial::Expired)),
        (&direct.chain, NOW_S + 3 * DAY_S, Ok("corp/dns:a.example")),
        (&direct.chain, NOW_S + 3 * DAY_S + 1, Err(Denial::Expired)), // the root itself
        (&direct.chain, NOW_S - DAY_S, Ok("corp/dns:a.example")),
        (&direct.chain, NOW_S - DAY_S - 1, Err(Denial::NotYetValid)),
    ] {
        assert_eq!(named(trust.identify(chain, at(unix_s))), expected.map(str::to_owned), "{unix_s}");
    }
    let expired = ca.leaf_with(&[dns("a.example")], &|p| p.not_after = date(NOW_S - 1));
    assert_eq!(trust.identify(&expired.chain, now()), Err(Denial::Expired));
    let early = ca.leaf_with(&[dns("a.example")], &|p| p.not_before = date(NOW_S + 1));
    assert_eq!(trust.identify(&early.chain, now()), Err(Denial::NotYetValid));
}

#[test]
fn of_two_certificates_of_one_ca_the_longer_lasting_counts() {
    let older = Authority::root_with("Corp CA", &|p| p.not_after = date(NOW_S + DAY_S));
    let newer = older.renewed("Corp CA", AS_USUAL);
    let leaf = older.leaf(&[dns("a.example")]);
    for ca_certificates in
        [vec![older.certificate(), newer.certificate()], vec![newer.certificate(), older.certificate()]]
    {
        let trust = trust(vec![CaSpec { ca_certificates, ..older.spec("corp", NameSource::Dns) }], vec![]);
        assert_eq!(trust.identify(&leaf.chain, now()).unwrap().not_after_s, LEAF_UNTIL_S);
        assert!(trust.identify(&leaf.chain, at(NOW_S + 2 * DAY_S)).is_ok());
    }
}

#[test]
fn a_renewed_key_signed_with_the_older_one_is_a_path() {
    let ca = Authority::root("Corp CA");
    let renewed = ca.intermediate("Corp CA", AS_USUAL);
    let leaf = renewed.leaf(&[dns("a.example")]);
    let trust = trust(vec![ca.spec("corp", NameSource::Dns)], vec![]);
    assert_eq!(named(trust.identify(&leaf.chain, now())).as_deref(), Ok("corp/dns:a.example"));
}

#[test]
fn revocation_is_known_or_refused() {
    let (ca, other) = (Authority::root("Corp CA"), Authority::root("Other CA"));
    let leaf = ca.leaf(&[dns("a.example")]);
    let sub = ca.intermediate("Sub CA", &|p| p.serial_number = Some(99_u64.into()));
    let deep = sub.leaf(&[dns("a.example")]);
    let verdict = |lists, chain: &Leaf| {
        let spec = CaSpec { crls: Some(lists), ..ca.spec("corp", NameSource::Dns) };
        named(trust(vec![spec], vec![]).identify(&chain.chain, now()))
    };
    let accepted = || Ok("corp/dns:a.example".to_owned());
    assert_eq!(verdict(vec![ca.crl(&[])], &leaf), accepted());
    assert_eq!(verdict(vec![ca.crl(&[8])], &leaf), accepted());
    assert_eq!(verdict(vec![ca.crl(&[7])], &leaf), Err(Denial::Revoked));
    assert_eq!(verdict(vec![other.crl(&[])], &leaf), Err(Denial::RevocationUnknown));
    let expired = ca.crl_between(&[], NOW_S - 2 * DAY_S, NOW_S);
    assert_eq!(verdict(vec![expired], &leaf), Err(Denial::CrlExpired));

    // The whole path, not the leaf alone.
    assert_eq!(verdict(vec![ca.crl(&[]), sub.crl(&[])], &deep), accepted());
    assert_eq!(verdict(vec![ca.crl(&[])], &deep), Err(Denial::RevocationUnknown));
    assert_eq!(verdict(vec![sub.crl(&[])], &deep), Err(Denial::RevocationUnknown));
    assert_eq!(verdict(vec![ca.crl(&[99]), sub.crl(&[])], &deep), Err(Denial::Revoked));
    assert_eq!(verdict(vec![ca.crl(&[]), sub.crl(&[7])], &deep), Err(Denial::Revoked));
}

#[test]
fn the_newest_list_speaks_whatever_the_order() {
    let ca = Authority::root("Corp CA");
    let leaf = ca.leaf(&[dns("a.example")]);
    let older = ca.crl_between(&[], NOW_S - 3 * DAY_S, CRL_UNTIL_S + DAY_S);
    let newer = ca.crl_between(&[7], NOW_S - 2 * DAY_S, CRL_UNTIL_S);
    for lists in [vec![older.clone(), newer.clone()], vec![newer, older]] {
        let spec = CaSpec { crls: Some(lists), ..ca.spec("corp", NameSource::Dns) };
        assert_eq!(trust(vec![spec], vec![]).identify(&leaf.chain, now()), Err(Denial::Revoked));
    }
}

#[test]
fn a_ca_that_renewed_its_key_has_a_list_for_each() {
    let (old, new) = (Authority::root("Corp CA"), Authority::root("Corp CA"));
    let spec = CaSpec {
        ca_certificates: vec![old.certificate(), new.certificate()],
        crls: Some(vec![old.crl(&[7]), new.crl(&[])]),
        ..old.spec("corp", NameSource::Dns)
    };
    let trust = trust(vec![spec], vec![]);
    assert_eq!(trust.identify(&old.leaf(&[dns("a.example")]).chain, now()), Err(Denial::Revoked));
    let identity = trust.identify(&new.leaf(&[dns("a.example")]).chain, now()).unwrap();
    assert_eq!((identity.principal.as_str(), identity.crl_next_update_s), ("corp/dns:a.example", Some(CRL_UNTIL_S)));
}

#[test]
fn a_root_without_a_list_of_its_own_vouches_for_no_one() {
    let (old, new, stranger) = (Authority::root("Corp CA"), Authority::root("Corp CA"), Authority::root("Corp CA"));
    let spec = CaSpec {
        ca_certificates: vec![old.certificate(), new.certificate()],
        crls: Some(vec![new.crl(&[])]),
        ..old.spec("corp", NameSource::Dns)
    };
    let trust = trust(vec![spec], vec![]);
    let verdict = |ca: &Authority| named(trust.identify(&ca.leaf(&[dns("a.example")]).chain, now()));
    assert_eq!(verdict(&new).as_deref(), Ok("corp/dns:a.example"));
    assert_eq!(verdict(&old), Err(Denial::RevocationUnknown));
    assert_eq!(verdict(&stranger), Err(Denial::UnknownCa));
}

#[test]
fn a_list_for_ca_certificates_says_nothing_of_leaves() {
    let ca = Authority::root("Corp CA");
    let mut params = rcgen::CertificateRevocationListParams {
        this_update: date(NOW_S - DAY_S),
        next_update: date(CRL_UNTIL_S),
        crl_number: 1_u64.into(),
        issuing_distribution_point: None,
        revoked_certs: vec![],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    params.issuing_distribution_point = Some(rcgen::CrlIssuingDistributionPoint {
        distribution_point: rcgen::CrlDistributionPoint { uris: vec!["http://crl.example/ca".to_owned()] },
        scope: Some(CrlScope::CaCertsOnly),
    });
    let list = params.signed_by(&ca.issuer).unwrap().der().clone();
    let spec = CaSpec { crls: Some(vec![list]), ..ca.spec("corp", NameSource::Dns) };
    let leaf = ca.leaf(&[dns("a.example")]);
    assert_eq!(trust(vec![spec], vec![]).identify(&leaf.chain, now()), Err(Denial::RevocationUnknown));
}

#[test]
fn usage_is_client_authentication_where_it_is_said() {
    let ca = Authority::root("Corp CA");
    let trust = trust(vec![ca.spec("corp", NameSource::Dns)], vec![]);
    let verdict = |change: Change<'_>| named(trust.identify(&ca.leaf_with(&[dns("a.example")], change).chain, now()));
    let accepted = || Ok("corp/dns:a.example".to_owned());
    assert_eq!(verdict(&|p| p.extended_key_usages.clear()), accepted());
    assert_eq!(verdict(&|p| p.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth)), accepted());
    let server_only = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(verdict(&|p| p.extended_key_usages = server_only.clone()), Err(Denial::WrongUsage));
    assert_eq!(verdict(&|p| p.key_usages.clear()), accepted());
    assert_eq!(verdict(&|p| p.key_usages = vec![KeyUsagePurpose::KeyEncipherment]), Err(Denial::WrongUsage));
    // A CA is not a client.
    assert_eq!(verdict(&|p| p.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained)), Err(Denial::WrongUsage));
}

#[test]
fn a_leaf_cannot_issue() {
    let ca = Authority::root("Corp CA");
    let trust = trust(vec![ca.spec("corp", NameSource::Dns)], vec![]);
    let sub = |change: Change<'_>| ca.intermediate("Sub", change).leaf(&[dns("a.example")]).chain;
    assert!(trust.identify(&sub(AS_USUAL), now()).is_ok());
    assert_eq!(trust.identify(&sub(&|p| p.is_ca = IsCa::ExplicitNoCa), now()), Err(Denial::WrongUsage));
    assert_eq!(trust.identify(&sub(&|p| p.is_ca = IsCa::NoCa), now()), Err(Denial::WrongUsage));
    assert_eq!(
        trust.identify(&sub(&|p| p.key_usages = vec![KeyUsagePurpose::DigitalSignature]), now()),
        Err(Denial::WrongUsage)
    );
    let constrained = Authority::root("Corp CA");
    let shallow = constrained.intermediate("Sub", &|p| {
        p.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    });
    let deep = shallow.intermediate("Sub 2", AS_USUAL).leaf(&[dns("a.example")]);
    let trust = crate::authority::trust(vec![constrained.spec("corp", NameSource::Dns)], vec![]);
    assert_eq!(trust.identify(&deep.chain, now()), Err(Denial::WrongUsage));
}

#[test]
fn a_long_chain_is_refused_unread() {
    let (ca, leaf) = good();
    let trust = trust(vec![ca.spec("corp", NameSource::Dns)], vec![]);
    let padded = |count: usize| {
        let mut chain = leaf.chain.clone();
        chain.extend(std::iter::repeat_n(ca.certificate(), count - 1));
        chain
    };
    assert!(trust.identify(&padded(CHAIN_CERTIFICATES_MAX), now()).is_ok());
    assert_eq!(trust.identify(&padded(CHAIN_CERTIFICATES_MAX + 1), now()), Err(Denial::ChainTooLong));
    let fat = vec![leaf.der(), vec![0_u8; 65_536].into()];
    assert_eq!(trust.identify(&fat, now()), Err(Denial::ChainTooLong));
}

#[test]
fn a_cross_signed_chain_has_no_single_anchor() {
    let (left, right) = (Authority::root("Left"), Authority::root("Right"));
    let key = KeyPair::generate().unwrap();
    let copy = KeyPair::try_from(key.serialize_der()).unwrap();
    let by_left = left.intermediate_with_key("Shared", key, AS_USUAL);
    let by_right = right.intermediate_with_key("Shared", copy, AS_USUAL);
    let leaf = by_left.leaf(&[dns("a.example")]);
    let both_paths = vec![leaf.der(), by_left.certificate(), by_right.certificate()];

    let specs = || vec![left.spec("left", NameSource::Dns), right.spec("right", NameSource::Dns)];
    let both = trust(specs(), vec![]);
    assert_eq!(both.identify(&both_paths, now()), Err(Denial::AmbiguousCa));
    assert_eq!(named(both.identify(&leaf.chain, now())).as_deref(), Ok("left/dns:a.example"));
    let only_right = trust(vec![right.spec("right", NameSource::Dns)], vec![]);
    assert_eq!(named(only_right.identify(&both_paths, now())).as_deref(), Ok("right/dns:a.example"));
    // An intermediate that is a client CA in its own right, below another that is one too.
    let nested = trust(vec![left.spec("left", NameSource::Dns), by_left.spec("shared", NameSource::Dns)], vec![]);
    assert_eq!(nested.identify(&leaf.chain, now()), Err(Denial::AmbiguousCa));
}

#[test]
fn a_pin_is_this_very_certificate() {
    let (pinned, other) = (self_signed(AS_USUAL), self_signed(AS_USUAL));
    let trust = trust(vec![], vec![pin("vcenter", &pinned)]);
    let identity = trust.identify(&pinned.chain, now()).unwrap();
    assert_eq!(identity.principal.as_str(), "pin/vcenter");
    assert_eq!(identity.fingerprint_sha256, pin("vcenter", &pinned).sha256);
    assert_eq!(identity.not_after_s, LEAF_UNTIL_S);
    assert_eq!(trust.identify(&other.chain, now()), Err(Denial::UnknownCa));
    assert_eq!(trust.identify(&pinned.chain, at(LEAF_UNTIL_S + 1)), Err(Denial::Expired));
    assert_eq!(trust.identify(&pinned.chain, at(NOW_S - DAY_S - 1)), Err(Denial::NotYetValid));
    // A pin is a leaf's, not an issuer's.
    assert_eq!(trust.identify(&[other.der(), pinned.der()], now()), Err(Denial::UnknownCa));
}

#[test]
fn a_pin_comes_before_the_ca() {
    let (ca, leaf) = good();
    let trust = trust(vec![ca.spec("corp", NameSource::Dns)], vec![pin("special", &leaf)]);
    assert_eq!(named(trust.identify(&leaf.chain, now())).as_deref(), Ok("pin/special"));
    let sister = ca.leaf(&[dns("host2.example")]);
    assert_eq!(named(trust.identify(&sister.chain, now())).as_deref(), Ok("corp/dns:host2.example"));
}
