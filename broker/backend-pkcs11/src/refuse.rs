//! How a call that did not succeed is told: a worker's fault, or its end, to Refusal and cause.

use std::fmt;

use broker_core::name::BackendName;
use broker_core::refusal::{Failure, Refusal};

use crate::link::NoAnswer;
use crate::wire::Fault;

/// The backend does not serve this algorithm or key spec.
pub fn unsupported(backend: &BackendName, algorithm: &'static str) -> Failure {
    Refusal::AlgorithmUnsupported { algorithm: algorithm.to_owned(), by: format!("backend {backend}") }.into()
}

/// The token's own refusal.
pub fn fault(backend: &BackendName, algorithm: &'static str, fault: Fault, cause: impl fmt::Display) -> Failure {
    let name = backend.clone();
    let refusal = match fault {
        Fault::BadRequest => Refusal::BadRequest {
            problem: format!("backend {backend} cannot carry out this request: its arguments do not fit"),
        },
        Fault::Faulty => Refusal::BackendFaulty { backend: name },
        Fault::KeyMissing | Fault::SessionLost | Fault::TokenLost => Refusal::BackendUnavailable { backend: name },
        Fault::Unsupported => return unsupported(backend, algorithm),
        // What was wrong with the value is nobody's business, not even the log's.
        Fault::Unwrappable => return Refusal::Unwrappable.into(),
    };
    Failure::caused(refusal, cause)
}

/// No answer at all.
pub fn no_answer(backend: &BackendName, end: NoAnswer) -> Failure {
    let name = backend.clone();
    match end {
        NoAnswer::Busy => Refusal::BackendBusy { backend: name }.into(),
        NoAnswer::Deadline => Refusal::BackendDeadline { backend: name }.into(),
        NoAnswer::Lost => Failure::caused(Refusal::BackendUnavailable { backend: name }, "the HSM's worker ended"),
    }
}

/// No token serves.
pub fn unavailable(backend: &BackendName, cause: impl fmt::Display) -> Failure {
    Failure::caused(Refusal::BackendUnavailable { backend: backend.clone() }, cause)
}

/// The worker answered what was not asked, or what cannot be.
pub fn faulty(backend: &BackendName, cause: impl fmt::Display) -> Failure {
    Failure::caused(Refusal::BackendFaulty { backend: backend.clone() }, cause)
}
