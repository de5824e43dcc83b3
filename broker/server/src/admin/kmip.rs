//! What the KMIP listener knows of its clients, for the operator.

use broker_core::entry::Asker;
use broker_core::refusal::Refusal;

use super::perform::{Desk, pin_out};
use super::wire;
use crate::hex;
use crate::kmip::Present;

/// Rows of the roll in one reply.
const ROLL_ROWS_MAX: usize = 1000;

/// For who may see the pins: `list_pins` decides and writes it down.
pub(super) async fn status(desk: &Desk, asker: &Asker) -> Result<wire::Kmip, Refusal> {
    let trusted = desk.broker.list_pins(asker).await?.iter().map(pin_out).collect();
    let mut vaults = Vec::new();
    for name in desk.broker.ruling().vaults.keys() {
        let older = desk.broker.older_kek_objects(name).await.map_err(|failure| failure.refusal)?;
        if older > 0 {
            vaults.push(wire::KmipVault { name: name.to_string(), objects_waiting_rewrap: older });
        }
    }
    vaults.sort_by(|one, other| one.name.cmp(&other.name));
    let (connections, connected) = desk.kmip.as_ref().map_or((0, Vec::new()), |(_, roll)| roll.call(ROLL_ROWS_MAX));
    let client = |present: Present| wire::KmipClient {
        principal: present.principal,
        sha256: hex(&present.fingerprint_sha256),
        peer: present.peer.to_string(),
        since: present.since_s,
        last_message: present.spoke_s,
        certificate_ends: i64::try_from(present.certificate_ends_s).unwrap_or(i64::MAX),
    };
    Ok(wire::Kmip {
        listens: desk.kmip.as_ref().map(|(address, _)| address.to_string()),
        connections,
        connected: connected.into_iter().map(client).collect(),
        trusted,
        vaults,
        now: time::OffsetDateTime::now_utc().unix_timestamp(),
    })
}
