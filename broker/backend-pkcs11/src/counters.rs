//! What a token did, in numbers that only grow, and how it is now.

broker_core::counters! {
    /// Calls refused because too many were waiting.
    busy,
    /// Calls sent to a worker.
    calls,
    /// Workers killed because a call or a login passed its deadline.
    deadline_kills,
    /// Calls that named a key this token does not hold: clone it.
    keys_missing,
    /// Calls sent again after a worker or a session was lost.
    retries,
    /// Workers started, the first included.
    starts,
    /// Versions made on the first token that this one, a clone, cannot have yet.
    versions_to_clone,
}

/// Whether a token serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// Its PIN or its module is wrong. Not tried again, for that would lock the token.
    Refused,
    /// Logged in.
    Serving,
    /// Its worker is being started, or waits to be.
    Starting,
}

/// One token at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHealth {
    /// As the operator named it.
    pub token: String,
    pub state: TokenState,
    pub sessions: u8,
    /// The worker's process id, while there is one that serves.
    pub worker: Option<u32>,
    pub counts: Counts,
    /// What went wrong last, for the log and the operator; never a secret.
    pub last_trouble: Option<String>,
}
