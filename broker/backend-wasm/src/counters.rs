//! What a plugin did, in numbers that only grow (and `in_flight`, which does not).

broker_core::counters! {
    /// Calls refused because too many were under way.
    busy,
    /// Calls begun.
    calls,
    /// Calls ended by their deadline.
    deadline_kills,
    /// Outgoing requests to what is not listed.
    http_denied,
    /// Calls under way now.
    in_flight,
    /// Opened keys that were found parsed.
    key_cache_hits,
    /// Opened keys that had to be parsed.
    key_cache_misses,
    /// Log lines that were dropped for being too many, or for coming after an exposed secret.
    log_lines_dropped,
    /// The largest memory that one instance ever had, in bytes.
    memory_bytes_peak,
    /// Calls that died of a refused growth of memory or tables.
    memory_kills,
    /// Calls ended because an answer was too large.
    output_kills,
    /// Waits of guests that had computed more than their plugin's share.
    slowed,
    /// Commits of the private state that would have been more than it may hold.
    state_over_quota,
    /// Calls ended by any other trap or breach of contract.
    traps,
}
