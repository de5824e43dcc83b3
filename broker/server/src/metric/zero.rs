//! Series that are there from the first scrape, at 0: `rate()` sees a first event only where there was a series before it.
//! A word that is missing here is counted all the same; it is only not there before it first happens.

use broker_backend_wasm::LoadError;
use broker_identity::Denial;

use super::Metrics;

/// What a backend is asked for, as `Metered` calls it.
const BACKEND_OPERATIONS: [&str; 7] =
    ["destroy-key", "generate-key", "import-key", "sign", "unwrap-key", "verify", "wrap-key"];

/// How its calls end: well, or in a way that someone should look at.
const BACKEND_OUTCOMES: [&str; 7] =
    ["backend-busy", "backend-deadline", "backend-faulty", "backend-unavailable", "internal", "ok", "unwrappable"];

/// How requests end that alerts watch, with the reason.
const ENDS: [(&str, &str); 6] = [
    ("allowed", "none"),
    ("error", "audit-unavailable"),
    ("error", "internal"),
    ("refused", "forbidden"),
    ("refused", "network-forbidden"),
    ("refused", "too-many-requests"),
];

/// What the scheduler does, and how it ends: well, or with what it is tried again after.
const DEEDS: [&str; 4] = ["notify", "purge", "purge-vault", "rotate"];
/// The same of what is done for managed objects, which no date of a key foresees.
const OBJECT_DEEDS: [&str; 2] = ["rewrap", "settle"];
const DEED_OUTCOMES: [&str; 5] = ["audit-unavailable", "backend-unavailable", "internal", "ok", "store-unavailable"];

/// How a TLS handshake ends, as `Listener` calls it.
const HANDSHAKES: [&str; 12] = [
    "bad-certificate",
    "connection-lost",
    "displaced",
    "full",
    "incompatible",
    "late-denial",
    "no-certificate",
    "ok",
    "protocol-error",
    "refused-by-client",
    "timeout",
    "too-many-connections",
];

/// How an HTTP connection breaks off, as `Serving` calls it.
const BREAKS: [&str; 5] = ["bad-request", "lost", "refused", "timeout", "too-large"];

impl Metrics {
    /// What does not depend on the configuration.
    pub(super) fn begin(&self) {
        for reason in Denial::WORDS {
            self.client_denials.with_label_values(&[reason]);
        }
        for deed in DEEDS {
            self.deeds_next.with_label_values(&[deed]);
            for outcome in DEED_OUTCOMES {
                self.deeds.with_label_values(&[deed, outcome]);
            }
        }
        for deed in OBJECT_DEEDS {
            for outcome in DEED_OUTCOMES {
                self.deeds.with_label_values(&[deed, outcome]);
            }
        }
        for outcome in ["failed", "ok"] {
            self.reloads.with_label_values(&[outcome]);
        }
    }

    pub fn begin_backend(&self, backend: &str) {
        for operation in BACKEND_OPERATIONS {
            for outcome in BACKEND_OUTCOMES {
                self.backend_calls.with_label_values(&[backend, operation, outcome]);
            }
        }
    }

    pub fn begin_plugin(&self, backend: &str) {
        for outcome in LoadError::WORDS.iter().chain(&["configuration", "ok"]) {
            self.plugin_loads.with_label_values(&[backend, outcome]);
        }
    }

    pub fn begin_front(&self, front: &str, operations: &[&str]) {
        self.authorise_seconds.with_label_values(&[front]);
        for outcome in HANDSHAKES {
            self.handshakes.with_label_values(&[front, outcome]);
        }
        for reason in BREAKS.iter().filter(|_| front != "kmip") {
            self.connections_broken.with_label_values(&[front, reason]);
        }
        for operation in operations {
            for (outcome, reason) in ENDS {
                self.requests.with_label_values(&[front, operation, outcome, reason]);
            }
        }
    }
}
