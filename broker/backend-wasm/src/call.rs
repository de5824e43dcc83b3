//! One call: its turn, its deadline, its fresh instance.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use broker_core::counter::Held;
use broker_core::refusal::{Failure, Refusal};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use wasmtime::component::InstancePre;
use wasmtime::{Store, UpdateDeadline};

use crate::contract::backing_up::{WithBackup, WithBackupPre};
use crate::contract::{FullBackend, FullBackendPre, types};
use crate::frame::{Frame, Verb};
use crate::refuse::{Asked, Ending, ended, ending, guest_error};
use crate::room::{Room, Shared, Times, depth};
use crate::ticker::Ticking;

/// Guest-to-host copies of one crossing, in answers of the largest size: a value, additional data, and room for the rest.
const CROSSING_OUTPUTS_MAX: usize = 4;

/// A plugin ready to be called.
pub struct Guest {
    pub shared: Arc<Shared>,
    ready: FullBackendPre<Room>,
    /// Where the plugin exports `backup`.
    ready_to_back_up: Option<WithBackupPre<Room>>,
    turns: Semaphore,
    queued: AtomicUsize,
}

/// A call that has its turn. While it lives, the clock ticks and the turn is taken.
pub struct Call<'a> {
    guest: &'a Guest,
    times: Times,
    depth: u8,
    _ticking: Ticking,
    _in_flight: Held<'a>,
    _turn: SemaphorePermit<'a>,
}

/// A fresh instance and its store.
pub struct Instance<E = FullBackend> {
    pub store: Store<Room>,
    pub exports: E,
}

impl Guest {
    /// # Errors
    /// The component lacks an export of the contract, or has one of another type.
    pub fn new(shared: Arc<Shared>, linked: InstancePre<Room>, with_backup: bool) -> wasmtime::Result<Self> {
        Ok(Self {
            ready_to_back_up: if with_backup { Some(WithBackupPre::new(linked.clone())?) } else { None },
            ready: FullBackendPre::new(linked)?,
            turns: Semaphore::new(shared.limits.calls_max as usize),
            queued: AtomicUsize::new(0),
            shared,
        })
    }

    /// Waits for a turn; from then on the call has `limit_ms`.
    ///
    /// # Errors
    /// `BackendBusy` when none came up in time or too many wait already.
    pub async fn begin(&self, limit_ms: u64) -> Result<Call<'_>, Failure> {
        let turn = match self.turns.try_acquire() {
            Ok(turn) => turn,
            Err(_) => self.wait_for_turn().await?,
        };
        self.shared.counters.calls.add();
        let began = Instant::now();
        Ok(Call {
            guest: self,
            times: Times { began, deadline: began + Duration::from_millis(limit_ms) },
            depth: depth(),
            _ticking: Ticking::start(),
            _in_flight: self.shared.counters.in_flight.hold(),
            _turn: turn,
        })
    }

    async fn wait_for_turn(&self) -> Result<SemaphorePermit<'_>, Failure> {
        let _place = Place::take(&self.queued, self.shared.limits.queue_calls_max).ok_or_else(|| self.busy())?;
        let wait = Duration::from_millis(self.shared.limits.queue_ms_max);
        match timeout(wait, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(closed)) => Err(Failure::internal(closed)),
            Err(_elapsed) => Err(self.busy()),
        }
    }

    fn busy(&self) -> Failure {
        self.shared.counters.busy.add();
        Refusal::BackendBusy { backend: self.shared.plugin.clone() }.into()
    }
}

/// Where a turn began.
struct Began {
    at: Instant,
    thread: ThreadId,
    /// What the thread had computed by then.
    thread_cpu: Duration,
}

impl Began {
    fn now() -> Self {
        Self { at: Instant::now(), thread: thread::current().id(), thread_cpu: thread_cpu() }
    }

    /// How long the guest computed in the turn that ends now. On the same thread, what waited for a core meanwhile did not; a
    /// call that waited for the host may have gone on elsewhere.
    fn computed(&self, now: Instant) -> Duration {
        let lasted = now.saturating_duration_since(self.at);
        if thread::current().id() == self.thread {
            lasted.min(thread_cpu().saturating_sub(self.thread_cpu))
        } else {
            lasted
        }
    }
}

fn thread_cpu() -> Duration {
    // A clock that counts from the thread's beginning is never negative.
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// A place in the queue.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(queued: &'a AtomicUsize, most: usize) -> Option<Self> {
        let place = Self(queued);
        // Taken first and looked at afterwards: what is too many is given back by the drop.
        (queued.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Call<'_> {
    /// Does the work within the deadline. The guest's own computing ends by its epoch; this bounds the time it spends in
    /// the host as well.
    pub async fn within<T>(&self, verb: Verb, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        match timeout_at(self.times.deadline, work).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(ended(&self.guest.shared, verb, Ending::Deadline, "it was waiting for the host")),
        }
    }

    /// A fresh instance for this frame.
    pub async fn enter(&self, frame: Frame) -> Result<Instance, Failure> {
        let verb = frame.verb;
        let mut store = self.store(frame);
        let entered = self.guest.ready.instantiate_async(&mut store).await;
        self.entered(verb, store, entered)
    }

    /// The same, to back up or restore.
    ///
    /// # Errors
    /// `NotFound` where the plugin exports no `backup`.
    pub async fn enter_backup(&self, frame: Frame) -> Result<Instance<WithBackup>, Failure> {
        let Some(ready) = &self.guest.ready_to_back_up else {
            let plugin = &self.guest.shared.plugin;
            return Err(Refusal::NotFound { what: format!("a backup of backend {plugin} itself") }.into());
        };
        let verb = frame.verb;
        let mut store = self.store(frame);
        let entered = ready.instantiate_async(&mut store).await;
        self.entered(verb, store, entered)
    }

    fn store(&self, frame: Frame) -> Store<Room> {
        let Guest { shared, ready, .. } = self.guest;
        let room = Room::new(Arc::clone(shared), frame, self.times, self.depth);
        let mut store = Store::new(ready.engine(), room);
        store.limiter(|room| room);
        store.set_hostcall_fuel(shared.limits.output_bytes_max.saturating_mul(CROSSING_OUTPUTS_MAX));
        store.set_epoch_deadline(1);
        let deadline = self.times.deadline;
        // Where the turn began, once there was one before it.
        let mut turn: Option<Arc<Mutex<Began>>> = None;
        store.epoch_deadline_callback(move |mut context| {
            // Others first: a guest that computes gets one tick at a time, none past its deadline, and after many only its
            // plugin's share.
            let now = Instant::now();
            if now >= deadline {
                return Ok(UpdateDeadline::Interrupt);
            }
            // The first tick says little: the call may have begun just before it, or have been in the host meanwhile.
            let computed =
                turn.as_ref().map(|began| began.lock().unwrap_or_else(PoisonError::into_inner).computed(now));
            let wait = computed.and_then(|computed| context.data_mut().tick(now, computed));
            let next = Arc::clone(turn.get_or_insert_with(|| Arc::new(Mutex::new(Began::now()))));
            let until = wait.map(|wait| deadline.min(now + wait));
            // Whoever waits until it is too late has no other turn, but for the check that ends it.
            let ticks = u64::from(until != Some(deadline));
            let others = async move {
                match until {
                    None => yield_now().await,
                    Some(until) => sleep_until(until).await,
                }
                *next.lock().unwrap_or_else(PoisonError::into_inner) = Began::now();
            };
            Ok(UpdateDeadline::YieldCustom(ticks, Box::pin(others)))
        });
        store
    }

    fn entered<E>(&self, verb: Verb, store: Store<Room>, entered: wasmtime::Result<E>) -> Result<Instance<E>, Failure> {
        match entered {
            Ok(exports) => Ok(Instance { store, exports }),
            Err(error) => Err(ended(&self.guest.shared, verb, ending(&error, store.data()), format!("{error:#}"))),
        }
    }
}

impl<E> Instance<E> {
    /// What the guest answered, or why it did not.
    pub fn settle<T>(&self, answer: wasmtime::Result<T>) -> Result<T, Failure> {
        let room = self.store.data();
        answer.map_err(|error| ended(&room.shared, room.frame.verb, ending(&error, room), format!("{error:#}")))
    }

    /// The same for the functions that may answer an error of the contract.
    pub fn settle_result<T>(
        &self,
        algorithm: &'static str,
        answer: wasmtime::Result<Result<T, types::Error>>,
    ) -> Result<T, Failure> {
        let room = self.store.data();
        let asked = Asked { verb: room.frame.verb, algorithm };
        self.settle(answer)?.map_err(|error| guest_error(&room.shared.plugin, asked, error))
    }

    /// Ends the call when a list that the guest answered is larger than any honest one.
    pub fn check_output(&self, lists: &[&[u8]]) -> Result<(), Failure> {
        let room = self.store.data();
        let most = room.shared.limits.output_bytes_max;
        match lists.iter().find(|list| list.len() > most) {
            None => Ok(()),
            Some(list) => {
                let cause = format!("it answered {} bytes, but at most {most} are allowed", list.len());
                Err(ended(&room.shared, room.frame.verb, Ending::Output, cause))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waited_for_a_core_did_not_compute_unless_nobody_can_tell() {
        let (began, later) = (Began::now(), Instant::now() + Duration::from_secs(100));
        assert!(began.computed(later) < Duration::from_secs(50));
        let elsewhere = thread::spawn(move || began.computed(later)).join();
        assert!(elsewhere.is_ok_and(|computed| computed >= Duration::from_secs(100)));
    }
}
