//! What a connection that is already open learns of a change.

use std::sync::Arc;

use broker_identity::{CaSpec, Denial, LiveTrust, NameSource, Session, Trust};

use crate::authority::*;

fn live(trust: Trust) -> Arc<LiveTrust> {
    LiveTrust::new(trust, Arc::new(|_: &Denial| {}))
}

fn outcome(session: &Session, unix_s: u64) -> Result<String, Denial> {
    session.recheck(at(unix_s)).map(|identity| identity.principal.to_string())
}

struct Scene {
    ca: Authority,
    live: Arc<LiveTrust>,
    session: Session,
}

fn scene() -> Scene {
    let ca = Authority::root("Corp CA");
    let live = live(trust(vec![ca.spec("corp", NameSource::Dns)], vec![]));
    let session = live.open(&ca.leaf(&[dns("a.example"), uri("spiffe://td/a")]).chain, now()).unwrap();
    Scene { ca, live, session }
}

fn stays() -> Result<String, Denial> {
    Ok("corp/dns:a.example".to_owned())
}

#[test]
fn a_connection_stays_while_its_ca_stays() {
    let Scene { ca, live, session } = scene();
    assert_eq!((live.generation(), live.current().generation()), (1, 1));
    let other = Authority::root("Other");
    let both = || vec![other.spec("other", NameSource::Dns), ca.spec("corp", NameSource::Dns)];
    for generation in 2..5 {
        assert_eq!(live.replace(trust(both(), vec![])), generation);
        assert_eq!((live.generation(), live.current().generation()), (generation, generation));
        assert_eq!(outcome(&session, NOW_S), stays());
    }
}

#[test]
fn a_connection_ends_with_its_ca() {
    let Scene { ca, live, session } = scene();
    live.replace(trust(vec![Authority::root("Corp CA").spec("corp", NameSource::Dns)], vec![]));
    assert_eq!(outcome(&session, NOW_S), Err(Denial::UnknownCa));
    assert_eq!(outcome(&session, NOW_S), Err(Denial::UnknownCa)); // and again
    live.replace(trust(vec![ca.spec("corp", NameSource::Dns)], vec![]));
    assert_eq!(outcome(&session, NOW_S), stays());
}

#[test]
fn a_connection_ends_when_a_list_names_it() {
    let Scene { ca, live, session } = scene();
    let listing = |serials: &[u64]| {
        trust(vec![CaSpec { crls: Some(vec![ca.crl(serials)]), ..ca.spec("corp", NameSource::Dns) }], vec![])
    };
    live.replace(listing(&[8]));
    assert_eq!(outcome(&session, NOW_S), stays());
    live.replace(listing(&[7, 8]));
    assert_eq!(outcome(&session, NOW_S), Err(Denial::Revoked));
}

#[test]
fn a_connection_ends_with_its_pin() {
    let leaf = self_signed(AS_USUAL);
    let live = live(trust(vec![], vec![pin("vcenter", &leaf)]));
    let session = live.open(&leaf.chain, now()).unwrap();
    live.replace(trust(vec![], vec![pin("vcenter", &leaf), pin("other", &self_signed(AS_USUAL))]));
    assert_eq!(outcome(&session, NOW_S).as_deref(), Ok("pin/vcenter"));
    live.replace(trust(vec![], vec![pin("vcenter", &self_signed(AS_USUAL))]));
    assert_eq!(outcome(&session, NOW_S), Err(Denial::UnknownCa));
}

#[test]
fn a_connection_never_becomes_someone_else() {
    let Scene { ca, live, session } = scene();
    for other in [
        trust(vec![ca.spec("renamed", NameSource::Dns)], vec![]),
        trust(vec![ca.spec("corp", NameSource::Uri)], vec![]),
    ] {
        live.replace(other);
        assert_eq!(outcome(&session, NOW_S), Err(Denial::Changed));
    }
}

#[test]
fn a_connection_ends_with_its_dates() {
    let Scene { session, .. } = scene();
    assert_eq!(outcome(&session, LEAF_UNTIL_S), stays());
    assert_eq!(outcome(&session, LEAF_UNTIL_S + 1), Err(Denial::Expired));
    assert_eq!(outcome(&session, NOW_S - DAY_S), stays());
    assert_eq!(outcome(&session, NOW_S - DAY_S - 1), Err(Denial::NotYetValid));
}

#[test]
fn a_connection_ends_with_the_revocation_list_unless_a_newer_one_came() {
    let ca = Authority::root("Corp CA");
    let until = |next_s| {
        let lists = Some(vec![ca.crl_between(&[], NOW_S - DAY_S, next_s)]);
        trust(vec![CaSpec { crls: lists, ..ca.spec("corp", NameSource::Dns) }], vec![])
    };
    let live = live(until(CRL_UNTIL_S));
    let session = live.open(&ca.leaf(&[dns("a.example")]).chain, now()).unwrap();
    assert_eq!(session.identity().crl_next_update_s, Some(CRL_UNTIL_S));
    assert_eq!(outcome(&session, CRL_UNTIL_S - 1), stays());
    assert_eq!(outcome(&session, CRL_UNTIL_S), Err(Denial::CrlExpired));
    live.replace(until(CRL_UNTIL_S + DAY_S));
    assert_eq!(outcome(&session, CRL_UNTIL_S), stays());
    assert_eq!(outcome(&session, CRL_UNTIL_S + DAY_S), Err(Denial::CrlExpired));
}

#[test]
fn who_is_no_one_opens_nothing() {
    let Scene { live, .. } = scene();
    let stranger = Authority::root("Other").leaf(&[dns("a.example")]);
    assert_eq!(live.open(&stranger.chain, now()).err(), Some(Denial::UnknownCa));
    assert_eq!(live.open(&[], now()).err(), Some(Denial::NoCertificate));
}

#[test]
fn after_a_replacement_no_recheck_passes_on_the_old_trust() {
    let Scene { ca, live, session } = scene();
    let session = Arc::new(session);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let session = Arc::clone(&session);
            // Races with the replacements below: it may pass or be refused, and must not panic or leave a mark.
            scope.spawn(move || {
                for _ in 0..2_000 {
                    let _ = session.recheck(now());
                }
            });
        }
        for _ in 0..50 {
            live.replace(trust(vec![], vec![]));
            assert_eq!(outcome(&session, NOW_S), Err(Denial::UnknownCa));
            live.replace(trust(vec![ca.spec("corp", NameSource::Dns)], vec![]));
            assert_eq!(outcome(&session, NOW_S), stays());
        }
    });
}
