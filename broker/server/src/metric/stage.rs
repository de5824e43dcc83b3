//! How long the decision of a request took: all of its time before its audit entry, less what it spent in a backend.

use std::cell::Cell;
use std::time::Duration;

tokio::task_local! {
    /// What this task's request has spent in backends so far; none once its decision was measured.
    static IN_BACKENDS: Cell<Option<Duration>>;
}

/// Runs a request whose decision is to be measured. The core runs a deed to its end in the task that began it, so what its
/// backend and its audit entry are told there belongs to this request.
pub async fn measured<F: Future>(request: F) -> F::Output {
    IN_BACKENDS.scope(Cell::new(Some(Duration::ZERO)), request).await
}

/// The task's request was in a backend for so long.
pub fn add_backend(spent: Duration) {
    // Work that is no request (a self test, an administrator's command) is not measured.
    let _unmeasured = IN_BACKENDS.try_with(|sum| sum.set(sum.get().map(|before| before + spent)));
}

/// How long the decision took, when an entry says that `total` went by; none when it was measured by an earlier entry (the
/// intent of a change), or outside of a request.
pub fn take_decision(total: Duration) -> Option<Duration> {
    let spent = IN_BACKENDS.try_with(Cell::take).ok().flatten()?;
    Some(total.saturating_sub(spent))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[tokio::test]
    async fn a_decision_is_the_time_before_the_first_entry_without_the_backends() {
        let measured = measured(async {
            add_backend(ms(30));
            tokio::task::yield_now().await;
            add_backend(ms(5));
            let first = take_decision(ms(40));
            add_backend(ms(7));
            (first, take_decision(ms(50)))
        });
        assert_eq!(measured.await, (Some(ms(5)), None));
        assert_eq!(super::measured(async { take_decision(ms(2)) }).await, Some(ms(2)));
    }

    #[test]
    fn outside_of_a_request_nothing_is_measured() {
        add_backend(ms(1));
        assert_eq!(take_decision(ms(2)), None);
    }
}
