//! Certificates to principals: a name that comes out was in the certificate, a changed chain is no one, and whatever an operator
//! lists as CA, revocation list or pin is taken or refused in peace.

use std::sync::LazyLock;
use std::time::Duration;

use broker_core::name::{AnchorName, Principal};
use broker_identity::{CaSpec, Identity, NameSource, Pin, Trust, TrustSpec};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};

use super::{pieces, question};
use crate::bound::Allowance;
use crate::edit::edited;

/// 2030-01-01, within the dates that rcgen gives by itself (1975 to 4096).
const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_893_456_000));
const SOURCES: [NameSource; 4] = [NameSource::CommonName, NameSource::Dns, NameSource::Email, NameSource::Uri];
/// Every CA is asked by itself, and paths are tried in more than one order.
const ALLOWANCE: Allowance = Allowance { bytes: 1 << 20, each: 256 };

struct World {
    ca: CertifiedIssuer<'static, KeyPair>,
    key: KeyPair,
    /// One for each source of names.
    trusts: Vec<Trust>,
    good: CertificateDer<'static>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let pair = || KeyPair::generate().expect("the library makes keys");
    let ca = CertifiedIssuer::self_signed(params, pair()).expect("the library signs");
    let trusts = SOURCES.map(|source| trust(ca.der().clone(), source, None, Vec::new()).expect("a CA of our own"));
    let key = pair();
    let mut leaf = leaf("a.example");
    leaf.subject_alt_names = vec![
        SanType::DnsName("a.example".try_into().expect("ASCII")),
        SanType::Rfc822Name("kim@a.example".try_into().expect("ASCII")),
        SanType::URI("spiffe://td/a".try_into().expect("ASCII")),
    ];
    let good = leaf.signed_by(&key, &ca).expect("the library signs").der().clone();
    World { ca, key, trusts: trusts.into(), good }
});

fn anchor() -> AnchorName {
    AnchorName::parse("corp").expect("a name")
}

fn trust(
    ca: CertificateDer<'static>,
    names_by: NameSource,
    crls: Option<Vec<CertificateRevocationListDer<'static>>>,
    pins: Vec<Pin>,
) -> Option<Trust> {
    let ca = CaSpec { name: anchor(), ca_certificates: vec![ca], names_by, crls };
    Trust::build(TrustSpec { client_cas: vec![ca], pins }).ok()
}

fn leaf(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// # Panics
/// Something of this does not hold.
pub fn check(bytes: &[u8]) {
    match question(bytes, 6) {
        Some((0, rest)) => names(rest),
        Some((1, rest)) => changed(rest),
        Some((2, rest)) => chain(rest),
        Some((3, rest)) => listed_ca(rest),
        Some((4, rest)) => listed_crl(rest),
        Some((_, rest)) => pinned(rest),
        None => {}
    }
}

/// A certificate by a good CA with these names: a common name, and what stands in the subjectAltName, however wrong.
fn names(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first() else { return };
    let (common_name, names) = rest.split_at(usize::from(*length).min(rest.len()));
    let common_name = String::from_utf8_lossy(common_name).into_owned();
    let mut params = leaf(&common_name);
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], sequence(names))];
    let Ok(certificate) = params.signed_by(&WORLD.key, &WORLD.ca) else { return };
    let chain = [certificate.der().clone()];
    for (trust, source) in WORLD.trusts.iter().zip(SOURCES) {
        let Ok(identity) = ALLOWANCE.hold(chain[0].len(), || trust.identify(&chain, NOW)) else { continue };
        let name = well_formed(&identity);
        let (kind, value) =
            name.strip_prefix("corp/").and_then(|rest| rest.split_once(':')).expect("a CA's name first");
        let (expected, within) = match source {
            NameSource::CommonName => ("cn", common_name.as_bytes()),
            NameSource::Dns => ("dns", names),
            NameSource::Email => ("email", names),
            NameSource::Uri => ("uri", names),
        };
        assert_eq!(kind, expected, "{name}");
        let (within, value) = (within.to_ascii_lowercase(), value.to_ascii_lowercase());
        assert!(within.windows(value.len()).any(|part| part == value.as_bytes()), "{name} is not in the certificate");
    }
}

fn sequence(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("inputs are short").to_be_bytes();
    [&[0x30, 0x84], &length[..], content].concat()
}

/// The principal's text.
fn well_formed(identity: &Identity) -> &str {
    let name = identity.principal.as_str();
    assert_eq!(Principal::parse(name).as_ref(), Ok(&identity.principal));
    assert!(identity.holds_at(NOW), "{identity:?}");
    name
}

/// A good certificate, changed, is no one.
fn changed(script: &[u8]) {
    let leaf = edited(&WORLD.good, script);
    if leaf == WORLD.good.as_ref() {
        return;
    }
    let chain = [CertificateDer::from(leaf)];
    for trust in &WORLD.trusts {
        assert!(ALLOWANCE.hold(chain[0].len(), || trust.identify(&chain, NOW)).is_err());
    }
}

/// Any certificates at all, also behind a good one, which they must not turn into another.
fn chain(bytes: &[u8]) {
    let strangers: Vec<_> = pieces(bytes).into_iter().map(CertificateDer::from).collect();
    let followed = [&[WORLD.good.clone()][..], &strangers].concat();
    for trust in &WORLD.trusts {
        assert!(ALLOWANCE.hold(bytes.len(), || trust.identify(&strangers, NOW)).is_err());
        if let Ok(identity) = ALLOWANCE.hold(bytes.len(), || trust.identify(&followed, NOW)) {
            assert!(well_formed(&identity).ends_with("a.example") || well_formed(&identity).ends_with("spiffe://td/a"));
        }
    }
}

fn listed_ca(bytes: &[u8]) {
    let ca = CertificateDer::from(bytes.to_vec());
    let Some(trust) = ALLOWANCE.hold(bytes.len(), || trust(ca, NameSource::Dns, None, Vec::new())) else { return };
    assert_eq!((trust.expiries().len(), trust.hint_subjects().len()), (1, 1));
    let _anyone = trust.identify(&[WORLD.good.clone()], NOW);
}

/// Nobody but the CA makes a list that counts, and without one that counts nobody comes in.
fn listed_crl(bytes: &[u8]) {
    let (ca, list) = (WORLD.ca.der().clone(), CertificateRevocationListDer::from(bytes.to_vec()));
    let trust = ALLOWANCE.hold(bytes.len(), || trust(ca, NameSource::Dns, Some(vec![list]), Vec::new()));
    if let Some(trust) = trust {
        assert!(trust.identify(&[WORLD.good.clone()], NOW).is_err());
    }
}

/// A pinned certificate stands for its pin, within its dates, and a changed one for nobody.
fn pinned(bytes: &[u8]) {
    let certificate = CertificateDer::from(bytes.to_vec());
    let pin = Pin::of_certificate(anchor(), &certificate);
    let trust = trust(WORLD.ca.der().clone(), NameSource::Dns, None, vec![pin]).expect("a CA of our own and a pin");
    if let Ok(identity) = ALLOWANCE.hold(bytes.len(), || trust.identify(&[certificate], NOW)) {
        assert_eq!(well_formed(&identity), "pin/corp");
    }
    let longer = CertificateDer::from([bytes, &[0]].concat());
    assert!(trust.identify(&[longer], NOW).is_err());
}
