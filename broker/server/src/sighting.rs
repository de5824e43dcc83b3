//! Who came in lately, with which certificate: for the doctor, who is asked why someone does not.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use broker_core::broker::Finding;
use broker_core::name::Principal;
use broker_core::turn::Turn;
use broker_identity::{Expiry, ExpiryKind, LiveTrust};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::hex;

/// How many principals are remembered; one more, and the one that was not seen for longest is forgotten.
const SIGHTINGS_MAX: usize = 4096;
/// Most bytes of a chain that is remembered whole; of a longer one, the leaf alone.
const CHAIN_BYTES_KEPT_MAX: usize = 16 << 10;

/// The certificate that a principal last came in with.
struct Sighting {
    chain: Vec<CertificateDer<'static>>,
    at_s: u64,
}

#[derive(Default)]
struct Seen {
    by_principal: HashMap<Principal, Sighting>,
    /// The same, the one that was not seen for longest first.
    by_time: BTreeSet<(u64, String)>,
}

/// The last handshake of each principal, since the broker began.
pub struct Sightings {
    seen: Mutex<Seen>,
    began_s: u64,
}

impl Default for Sightings {
    fn default() -> Self {
        Self { seen: Mutex::default(), began_s: UnixTime::now().as_secs() }
    }
}

impl Sightings {
    /// Remembers a handshake that proved a principal.
    pub fn note(&self, principal: &Principal, chain: &[CertificateDer<'_>], now: UnixTime) {
        let whole = chain.iter().map(|certificate| certificate.len()).sum::<usize>() <= CHAIN_BYTES_KEPT_MAX;
        let kept = if whole { chain.len() } else { 1 };
        let chain = chain.iter().take(kept).map(|certificate| certificate.clone().into_owned()).collect();
        let at_s = now.as_secs();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = &mut *seen;
        if let Some(before) = seen.by_principal.insert(principal.clone(), Sighting { chain, at_s }) {
            seen.by_time.remove(&(before.at_s, principal.to_string()));
        }
        seen.by_time.insert((at_s, principal.to_string()));
        if seen.by_time.len() > SIGHTINGS_MAX
            && let Some((_, oldest)) = seen.by_time.pop_first()
        {
            seen.by_principal.retain(|principal, _| principal.as_str() != oldest);
        }
    }

    fn last(&self, principal: &Principal) -> Option<(Vec<CertificateDer<'static>>, u64)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.by_principal.get(principal).map(|sighting| (sighting.chain.clone(), sighting.at_s))
    }
}

/// What the doctor asks of certificates.
pub struct Proofs {
    pub trust: Arc<LiveTrust>,
    pub sightings: Arc<Sightings>,
    /// The names of the client CAs.
    pub client_cas: Vec<String>,
}

impl Proofs {
    /// What proves a principal, and whether it would today.
    #[must_use]
    pub fn findings(&self, principal: &Principal, turn: &Turn, now: UnixTime) -> Vec<Finding> {
        let (anchor, rest) = principal.as_str().split_once('/').unwrap_or((principal.as_str(), ""));
        let anchored = match anchor {
            "local" => return vec![Finding::good(STEP, "a peer of the admin socket; it needs no certificate")],
            "system" => return vec![Finding::good(STEP, "the broker's own background work; it needs no certificate")],
            "pin" => of_pin(rest, turn),
            _ => self.of_ca(anchor, now),
        };
        let good = anchored.good;
        let mut findings = vec![anchored];
        if good {
            findings.push(self.last_seen(principal, now));
        }
        findings
    }

    fn of_ca(&self, anchor: &str, now: UnixTime) -> Finding {
        if !self.client_cas.iter().any(|known| known == anchor) {
            return Finding::bad(
                STEP,
                format!("no client CA is called {anchor}; there are: {}", self.client_cas.join(", ")),
                "correct the principal, or add a [[client-ca]] of that name",
            );
        }
        let rows = self.trust.current().trust().expiries();
        let of = |kind| rows.iter().filter(move |row: &&Expiry| row.name.as_str() == anchor && row.kind == kind);
        let ca_until_s = of(ExpiryKind::ClientCa).map(|row| row.not_after_s).max().unwrap_or(0);
        if ca_until_s < now.as_secs() {
            let found = format!("client CA {anchor} expired at {ca_until_s} (Unix seconds), and nobody comes in by it");
            return Finding::bad(STEP, found, "put its successor into [[client-ca]] certificates");
        }
        if let Some(list) = of(ExpiryKind::Crl).find(|row| row.not_after_s <= now.as_secs()) {
            let found =
                format!("a revocation list of client CA {anchor} expired at {} (Unix seconds)", list.not_after_s);
            return Finding::bad(STEP, found, "put a newer one in its place; it is read by itself");
        }
        Finding::good(STEP, format!("client CA {anchor} is trusted, until {ca_until_s} (Unix seconds)"))
    }

    fn last_seen(&self, principal: &Principal, now: UnixTime) -> Finding {
        let Some((chain, at_s)) = self.sightings.last(principal) else {
            let began_s = self.sightings.began_s;
            let found = format!("nobody came in as {principal} since the broker began, at {began_s} (Unix seconds)");
            return Finding::good("last seen", found);
        };
        let leaf = chain.first().map(|leaf| hex(&broker_crypto::digest::sha256(leaf))).unwrap_or_default();
        match self.trust.current().trust().identify(&chain, now) {
            Ok(identity) if identity.principal == *principal => Finding::good(
                "last seen",
                format!(
                    "at {at_s}, with certificate {leaf}, which is good until {} (Unix seconds)",
                    identity.not_after_s
                ),
            ),
            Ok(identity) => Finding::bad(
                "last seen",
                format!(
                    "at {at_s} (Unix seconds), with certificate {leaf}, which stands for {} now",
                    identity.principal
                ),
                "grant to that principal, or issue a certificate with the other name",
            ),
            Err(denial) => Finding::bad(
                "last seen",
                format!("at {at_s} (Unix seconds), with certificate {leaf}, which is refused now: {denial}"),
                "issue it a new certificate, or put right what the revocation list or [[client-ca]] says",
            ),
        }
    }
}

const STEP: &str = "certificate";

fn of_pin(name: &str, turn: &Turn) -> Finding {
    match turn.pins.values().find(|pin| pin.name.as_str() == name) {
        Some(pin) => Finding::good(STEP, format!("certificate {} is pinned as {name}", hex(&pin.sha256))),
        None => {
            let mend = format!("pin it: keybroker pin add {name} --certificate FILE");
            Finding::bad(STEP, format!("no certificate is pinned as {name}"), mend)
        }
    }
}
