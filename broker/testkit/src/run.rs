//! Runs a future to its end on this thread, or one step of it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// A test that waits longer for one future waits for ever.
const WAIT_MAX: Duration = Duration::from_secs(60);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end, asleep while it waits.
///
/// # Panics
/// After a minute: a deadlock should fail its test, not hang it.
pub fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let began = Instant::now();
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return answer;
        }
        std::thread::park_timeout(WAIT_MAX.saturating_sub(began.elapsed()));
        assert!(began.elapsed() < WAIT_MAX, "the future waits for ever");
    }
}

/// One step: the answer, or `None` while it waits. With these fakes a future waits for nothing but a closed gate or
/// another future, so an order can be tested without threads and without clocks.
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => None,
        Poll::Ready(answer) => Some(answer),
    }
}
