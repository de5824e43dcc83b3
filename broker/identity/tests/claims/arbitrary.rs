//! Whatever a stranger sends, `identify` answers.

use std::sync::LazyLock;

use broker_identity::{CaSpec, Denial, NameSource, Trust};
use proptest::prelude::*;
use rustls::pki_types::CertificateDer;

use crate::authority::*;

struct World {
    /// One trust for each source of names.
    trusts: Vec<Trust>,
    chain: Vec<CertificateDer<'static>>,
    pinned: Vec<u8>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let root = Authority::root("Corp CA");
    let sub = root.intermediate("Sub", &|p| permit_dns(p, "example"));
    let leaf = sub.leaf(&[dns("a.example"), email("kim@a.example"), uri("spiffe://td/a")]);
    let pinned = self_signed(AS_USUAL);
    let sources = [NameSource::CommonName, NameSource::Dns, NameSource::Email, NameSource::Uri];
    let trusting = |names_by| {
        let spec = CaSpec { crls: Some(vec![root.crl(&[]), sub.crl(&[])]), ..root.spec("corp", names_by) };
        trust(vec![spec], vec![pin("vcenter", &pinned)])
    };
    World {
        trusts: sources.into_iter().map(trusting).collect(),
        chain: leaf.chain.clone(),
        pinned: pinned.der().to_vec(),
    }
});

fn flip(bytes: &[u8], bits: &[usize]) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    for bit in bits {
        let at = bit % (flipped.len() * 8);
        flipped[at / 8] ^= 1 << (at % 8);
    }
    flipped
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_no_one(chain in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..8)) {
        let chain: Vec<CertificateDer<'_>> = chain.into_iter().map(CertificateDer::from).collect();
        for trust in &WORLD.trusts {
            prop_assert!(trust.identify(&chain, now()).is_err());
        }
    }

    #[test]
    fn a_certificate_with_a_flipped_bit_is_no_one(bits in prop::collection::vec(any::<usize>(), 1..4)) {
        let (leaf, pinned) = (flip(&WORLD.chain[0], &bits), flip(&WORLD.pinned, &bits));
        // Flipped twice is not flipped.
        prop_assume!(leaf != WORLD.chain[0].as_ref() && pinned != WORLD.pinned);
        let chain = [vec![CertificateDer::from(leaf)], WORLD.chain[1..].to_vec()].concat();
        for trust in &WORLD.trusts {
            prop_assert!(trust.identify(&chain, now()).is_err());
        }
        prop_assert!(WORLD.trusts[0].identify(&[pinned.into()], now()).is_err());
    }

    #[test]
    fn a_flipped_issuer_never_panics(bits in prop::collection::vec(any::<usize>(), 1..4), cut in any::<usize>()) {
        let mut issuer = flip(&WORLD.chain[1], &bits);
        issuer.truncate(issuer.len() - cut % 8);
        let chain = [WORLD.chain[0].clone(), CertificateDer::from(issuer)];
        for trust in &WORLD.trusts {
            let _ = trust.identify(&chain, now());
        }
    }
}

#[test]
fn the_unchanged_chain_is_someone() {
    // Without this the properties above could hold for the wrong reason.
    let outcomes: Vec<_> = WORLD.trusts.iter().map(|trust| named(trust.identify(&WORLD.chain, now()))).collect();
    let name = |text: &str| Ok(text.to_owned());
    // No constraint of any CA above may be on e-mail or URI, and none can bind a common name.
    let expected = [
        Err(Denial::NameConstraint),
        name("corp/dns:a.example"),
        name("corp/email:kim@a.example"),
        name("corp/uri:spiffe://td/a"),
    ];
    assert_eq!(outcomes, expected);
    let pinned = CertificateDer::from(WORLD.pinned.clone());
    assert_eq!(named(WORLD.trusts[0].identify(&[pinned], now())), name("pin/vcenter"));
}
