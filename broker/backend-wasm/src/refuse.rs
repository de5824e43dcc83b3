//! How a call that did not succeed is told: a guest's error, or the end of its call, to Refusal and cause.

use std::fmt;

use broker_core::name::BackendName;
use broker_core::refusal::{Failure, Refusal};
use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::contract::types;
use crate::frame::Verb;
use crate::room::{Room, Shared, one_line};

/// What a call was for, in the words of a refusal.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub verb: Verb,
    /// The algorithm or the key spec, by its word; empty where there is none.
    pub algorithm: &'static str,
}

/// Why a call was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// No instance was free.
    Busy,
    Deadline,
    /// A trap after a growth that was refused.
    Memory,
    /// An answer above its bounds.
    Output,
    /// Any other trap or breach.
    Trap,
}

/// A guest's own error, as the caller hears it. No text of the guest's gets here, for there is none in the contract.
pub fn guest_error(plugin: &BackendName, asked: Asked, error: types::Error) -> Failure {
    let backend = plugin.clone();
    let cause = format!("plugin `{plugin}` answered {error:?} to {}", asked.verb.word());
    let refusal = match error {
        types::Error::BadRequest => Refusal::BadRequest {
            problem: format!("backend {plugin} cannot carry out this request: its arguments do not fit"),
        },
        types::Error::Internal => Refusal::BackendFaulty { backend },
        types::Error::NotReady => Refusal::BackendNotReady { backend },
        types::Error::Unavailable => Refusal::BackendUnavailable { backend },
        types::Error::Unsupported => unsupported(plugin, asked.algorithm),
        // The one word for every cryptographic reason belongs to unwrapping; elsewhere it makes no sense.
        types::Error::Unwrappable => match asked.verb {
            Verb::Restore | Verb::UnwrapKey => return Refusal::Unwrappable.into(),
            Verb::BackUp
            | Verb::Describe
            | Verb::DestroyKey
            | Verb::GenerateKey
            | Verb::ImportKey
            | Verb::SelfTest
            | Verb::Sign
            | Verb::WrapKey => Refusal::BackendFaulty { backend },
        },
    };
    Failure::caused(refusal, cause)
}

/// The backend does not serve this algorithm or key spec.
pub fn unsupported(plugin: &BackendName, algorithm: &'static str) -> Refusal {
    Refusal::AlgorithmUnsupported { algorithm: algorithm.to_owned(), by: format!("backend {plugin}") }
}

/// A call that ended without an answer.
pub fn ended(shared: &Shared, verb: Verb, ending: Ending, cause: impl fmt::Display) -> Failure {
    let backend = shared.plugin.clone();
    let counters = &shared.counters;
    let (refusal, counter) = match ending {
        Ending::Busy => (Refusal::BackendBusy { backend }, &counters.busy),
        Ending::Deadline => (Refusal::BackendDeadline { backend }, &counters.deadline_kills),
        Ending::Memory => (Refusal::BackendFaulty { backend }, &counters.memory_kills),
        Ending::Output => (Refusal::BackendFaulty { backend }, &counters.output_kills),
        Ending::Trap => (Refusal::BackendFaulty { backend }, &counters.traps),
    };
    counter.add();
    // wasmtime's words may quote the guest's.
    let cause = one_line(&cause.to_string());
    Failure::caused(refusal, format!("plugin `{}`, {}: {ending:?}: {cause}", shared.plugin, verb.word()))
}

/// What ended a call, from the error that wasmtime gave.
pub fn ending(error: &wasmtime::Error, room: &Room) -> Ending {
    if error.is::<PoolConcurrencyLimitError>() {
        return Ending::Busy;
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return Ending::Deadline;
    }
    if room.growth_refused {
        return Ending::Memory;
    }
    // wasmtime has no type for this one; a test notices when its words change.
    if error.to_string().contains("hostcalls has been exhausted") {
        return Ending::Output;
    }
    Ending::Trap
}
