//! One entry as one line of JSON. serde_json escapes control characters, so no name can forge a second line.

use broker_core::entry::{Decision, Entry};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    phase: &'static str,
    request: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request: Option<&'a str>,
    principal: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_sha256: Option<String>,
    peer: &'a str,
    front: &'static str,
    operation: &'static str,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    duration_us: u64,
}

/// The entry without its sequence number: `"time":...}` with the opening brace left off, for the writer to put the
/// number in front.
///
/// # Errors
/// None that can happen with these types; serde's signature has one.
pub fn encode(entry: &Entry) -> Result<Vec<u8>, serde_json::Error> {
    let (decision, reason, missing) = match &entry.decision {
        None => (None, None, None),
        Some(Decision::Allowed) => (Some("allowed"), None, None),
        Some(Decision::Refused { reason, missing }) => (Some("refused"), Some(*reason), missing.as_deref()),
    };
    let asker = &entry.asker;
    let line = Line {
        time: &timestamp(entry.time_ms),
        phase: entry.phase.word(),
        request: &asker.request.to_string(),
        client_request: asker.client_request_id.as_deref(),
        principal: asker.principal.as_str(),
        certificate_sha256: asker.fingerprint_sha256.as_ref().map(|digest| hex(digest)),
        peer: &asker.peer,
        front: asker.front.word(),
        operation: entry.operation.word(),
        scope: &entry.scope,
        version: entry.version.map(|version| version.to_string()),
        algorithm: entry.algorithm,
        backend: entry.backend.as_ref().map(broker_core::name::BackendName::as_str),
        decision,
        reason,
        missing,
        detail: entry.detail.as_deref(),
        duration_us: entry.duration_us,
    };
    let mut bytes = Vec::with_capacity(640);
    serde_json::to_writer(&mut bytes, &line)?;
    bytes.remove(0);
    Ok(bytes)
}

/// RFC 3339 in UTC with milliseconds.
fn timestamp(time_ms: u64) -> String {
    let nanos = i128::from(time_ms) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|time| time.format(TIME).ok())
        .unwrap_or_else(|| format!("{time_ms}ms"))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_rfc_3339() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(timestamp(u64::MAX), format!("{}ms", u64::MAX));
    }
}
