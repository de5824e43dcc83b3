//! One entry as one line of JSON. serde_json escapes control characters, so no name can forge a second line.

use std::borrow::Cow;

use broker_core::entry::{Decision, Entry, Phase};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::chain::hex;

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// An entry as it stands in its line, behind its number and its link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line<'a> {
    pub time: Cow<'a, str>,
    pub phase: Cow<'a, str>,
    pub request: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_request: Option<Cow<'a, str>>,
    pub principal: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_sha256: Option<Cow<'a, str>>,
    pub peer: Cow<'a, str>,
    pub front: Cow<'a, str>,
    pub operation: Cow<'a, str>,
    pub scope: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Cow<'a, str>>,
    pub duration_us: u64,
}

impl<'a> Line<'a> {
    #[must_use]
    pub fn of(entry: &'a Entry) -> Self {
        let (decision, reason, missing) = match &entry.decision {
            None => (None, None, None),
            Some(Decision::Allowed) => (Some("allowed"), None, None),
            Some(Decision::Refused { reason, missing }) => (Some("refused"), Some(*reason), missing.as_deref()),
        };
        let asker = &entry.asker;
        Self {
            time: timestamp(entry.time_ms).into(),
            phase: entry.phase.word().into(),
            request: asker.request.to_string().into(),
            client_request: asker.client_request_id.as_deref().map(Cow::from),
            principal: asker.principal.as_str().into(),
            certificate_sha256: asker.fingerprint_sha256.as_ref().map(|digest| hex(digest).into()),
            peer: asker.peer.to_string().into(),
            front: asker.front.word().into(),
            operation: entry.operation.word().into(),
            scope: entry.scope.as_str().into(),
            version: entry.version.map(|version| version.to_string().into()),
            algorithm: entry.algorithm.map(Cow::from),
            backend: entry.backend.as_ref().map(|backend| backend.as_str().into()),
            decision: decision.map(Cow::from),
            reason: reason.map(Cow::from),
            missing: missing.map(Cow::from),
            detail: entry.detail.as_deref().map(Cow::from),
            duration_us: entry.duration_us,
        }
    }

    /// From a whole line of the log; none when it is no entry's.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Line<'static>> {
        serde_json::from_slice(line).ok()
    }

    /// The line without its number and its link: `"time":...}` with the opening brace left off, for the writer to put
    /// those in front.
    ///
    /// # Errors
    /// None that can happen with these types; serde's signature has one.
    pub fn body(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = Vec::with_capacity(640);
        serde_json::to_writer(&mut bytes, self)?;
        bytes.remove(0);
        Ok(bytes)
    }

    /// What an outcome shares with its intent.
    #[must_use]
    pub fn deed(&self) -> String {
        format!("{} {} {}", self.request, self.operation, self.scope)
    }

    /// What is written for an intent when nobody knows what became of it.
    #[must_use]
    pub fn unknown_outcome(mut self, time: String) -> Self {
        self.time = time.into();
        self.phase = Phase::Outcome.word().into();
        self.decision = Some(UNKNOWN.into());
        self.reason = Some("interrupted".into());
        self.duration_us = 0;
        self
    }
}

/// The decision of an outcome that nobody knows.
const UNKNOWN: &str = "unknown";

/// RFC 3339 in UTC with milliseconds.
#[must_use]
pub fn timestamp(time_ms: u64) -> String {
    let nanos = i128::from(time_ms) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|time| time.format(TIME).ok())
        .unwrap_or_else(|| format!("{time_ms}ms"))
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
