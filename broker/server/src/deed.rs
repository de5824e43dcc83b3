//! Work that is run to its end once begun, whoever stops waiting for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::front::Answered;

/// A request's work. It runs in the task of whoever waits for it, which costs no second task and no second thread's
/// wake-up; dropped before its end, it goes on in a task of its own.
pub struct Deed {
    work: Option<Pin<Box<dyn Future<Output = Answered> + Send>>>,
    runtime: Handle,
}

/// The work panicked: a bug on our side.
#[derive(Debug)]
pub struct Panicked;

impl Deed {
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn begin(work: impl Future<Output = Answered> + Send + 'static) -> Self {
        Self { work: Some(Box::pin(work)), runtime: Handle::current() }
    }
}

impl Future for Deed {
    type Output = Result<Answered, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = self.work.as_mut() else { return Poll::Ready(Err(Panicked)) };
        // Unwind safe: what panicked is thrown away here and not looked at again.
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => Ok(answer),
            Err(_panic) => Err(Panicked),
        };
        self.work = None;
        Poll::Ready(ended)
    }
}

impl Drop for Deed {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;
    use tokio::sync::oneshot;

    use super::*;

    fn answered() -> Answered {
        Answered { response: Response::new(Bytes::new()), operation: "", outcome: "", reason: "" }
    }

    #[tokio::test]
    async fn a_deed_that_nobody_waits_for_is_done_all_the_same() {
        let ((go, may), (done, seen)) = (oneshot::channel::<()>(), oneshot::channel());
        let mut deed = Deed::begin(async {
            may.await.unwrap();
            done.send(()).unwrap();
            answered()
        });
        assert!(polled_once(&mut deed).await.is_pending());
        drop(deed);
        go.send(()).unwrap();
        seen.await.unwrap();
    }

    #[tokio::test]
    async fn a_deed_that_was_never_waited_for_is_done_all_the_same() {
        let (done, seen) = oneshot::channel();
        drop(Deed::begin(async {
            done.send(()).unwrap();
            answered()
        }));
        seen.await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_ends_the_deed_and_not_the_task() {
        assert!(Deed::begin(async { panic!("on purpose") }).await.is_err());
    }

    async fn polled_once(deed: &mut Deed) -> Poll<Result<Answered, Panicked>> {
        std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *deed).poll(context))).await
    }
}
