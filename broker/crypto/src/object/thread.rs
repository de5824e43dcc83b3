//! Work that takes seconds, on a thread of its own, awaited without a runtime.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use broker_core::refusal::{Failure, Refusal};

/// Threads at once, at most: generating keys must not take every processor from those who use them.
const THREADS_MAX: usize = 2;

static RUNNING: AtomicUsize = AtomicUsize::new(0);

struct Slot<T> {
    made: Option<std::thread::Result<T>>,
    waker: Option<Waker>,
}

/// What the work gives.
///
/// # Errors
/// `TooManyRequests` when as many threads as there may be are at work; `Internal` when the work panicked.
pub(super) async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let begun = RUNNING.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| (now < THREADS_MAX).then_some(now + 1));
    if begun.is_err() {
        return Err(Refusal::TooManyRequests { retry_after_s: 1 }.into());
    }
    let slot = Arc::new(Mutex::new(Slot { made: None, waker: None }));
    let theirs = Arc::clone(&slot);
    let spawned = std::thread::Builder::new().name("key-pair".to_owned()).spawn(move || {
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        RUNNING.fetch_sub(1, Ordering::AcqRel);
        let waker = {
            let mut slot = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            slot.made = Some(made);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    });
    if let Err(error) = spawned {
        RUNNING.fetch_sub(1, Ordering::AcqRel);
        return Err(Failure::internal(format!("no thread for a key pair: {error}")));
    }
    let made = poll_fn(|context| {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.made.take() {
            Some(made) => Poll::Ready(made),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    })
    .await;
    made.map_err(|_| Failure::internal("generating a key pair panicked"))
}
