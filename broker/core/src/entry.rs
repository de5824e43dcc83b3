//! What is written down of every decision.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::algorithm::word_enum;
use crate::broker::Journal;
use crate::name::{BackendName, KeyVersion, Principal, RequestId};
use crate::verb::Operation;

word_enum! {
    /// The protocols requests come in by.
    Front {
        /// The broker's own Unix socket.
        Admin = "admin",
        Ekm = "ekm",
        Keyvault = "keyvault",
        Kmip = "kmip",
        /// A plugin that uses another key of this broker.
        Plugin = "plugin",
        /// The broker's own background work.
        System = "system",
    }
}

word_enum! {
    /// What a line of the audit tells.
    Phase {
        /// A read or a cryptographic operation, all in one line.
        Done = "done",
        /// A change that is about to be made.
        Intent = "intent",
        /// What became of a change whose intent stands above.
        Outcome = "outcome",
    }
}

word_enum! {
    /// How a request ended, for counters.
    Outcome {
        Allowed = "allowed",
        /// Not served, and the fault is not the caller's.
        Error = "error",
        /// Not served, and rightly so.
        Refused = "refused",
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// This very machine, past every network: a process at the Unix socket, or the broker itself. The text is for the audit.
    Here(&'static str),
    /// The client's end of the connection.
    Network(SocketAddr),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(text) => f.write_str(text),
            Self::Network(address) => address.fmt(f),
        }
    }
}

/// What proved a principal, asked again when its request is decided: a certificate may have been revoked since.
pub trait Proof: Send + Sync {
    /// Whether it still proves the same principal.
    fn holds(&self) -> bool;
}

/// Who asks, as what, from where.
#[derive(Clone)]
pub struct Asker {
    pub request: RequestId,
    /// The caller's own id for it, at most 128 bytes of printable ASCII.
    pub client_request_id: Option<String>,
    pub principal: Principal,
    /// SHA-256 of the certificate that proved it.
    pub fingerprint_sha256: Option<[u8; 32]>,
    pub peer: Peer,
    pub front: Front,
    /// None where nothing can end: the system's own tasks, and peers of the Unix socket.
    pub proof: Option<Arc<dyn Proof>>,
    /// Where it is noted what is done to objects, for a request that may have to be undone.
    pub journal: Option<Arc<Journal>>,
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asker({} by {} from {}, request {})", self.principal, self.front, self.peer, self.request)
    }
}

/// One line of the audit. Holds no secret, and no text of the caller's that was not parsed into a name first.
#[derive(Debug, Clone)]
pub struct Entry {
    pub asker: Asker,
    pub time_ms: u64,
    pub phase: Phase,
    pub operation: Operation,
    /// `/`, `/vault` or `/vault/key`.
    pub scope: String,
    pub version: Option<KeyVersion>,
    pub algorithm: Option<&'static str>,
    pub backend: Option<BackendName>,
    /// None in an intent.
    pub decision: Option<Decision>,
    /// What a change is about, in a few words (a grant's principal and role, say).
    pub detail: Option<String>,
    pub duration_us: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// The refusal's word, and for a missing permission what exactly was missing.
    Refused {
        reason: &'static str,
        missing: Option<String>,
    },
}
