//! The clock that guests are interrupted by: one thread a process, asleep while no guest runs.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// How long a guest may compute before others get their turn, while any is seen to compute for longer. Sockets are looked at once
/// in a few turns of the runtime, so what others wait for is several of these.
const TICK: Duration = Duration::from_micros(250);
/// The same while none is: honest calls are over long before, and waking a thread thousands of times a second to find that out
/// would cost more than they do.
const CALM_TICK: Duration = Duration::from_millis(4);
/// How many ticks are short after a guest was seen to compute.
const SHORT_TICKS: u32 = 4000;
/// How many calm idle ticks pass before the thread goes to sleep: waking it costs a system call, which a steady trickle of calls
/// should not pay each time.
const IDLE_TICKS_MAX: u32 = 25;

/// The thread's rank among threads that wait for a core (`nice`): where all cores are busy, a clock that waits its turn lets a
/// guest run on for milliseconds.
const RANK: i32 = -10;

static SHORT_LEFT: AtomicU32 = AtomicU32::new(0);
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static ENGINES: Mutex<Vec<EngineWeak>> = Mutex::new(Vec::new());
static THREAD: OnceLock<Thread> = OnceLock::new();

/// From now on, this engine's epoch moves while any [`Ticking`] lives. The engine is forgotten when it is dropped.
///
/// # Errors
/// The operating system gives no thread.
pub fn register(engine: &Engine) -> std::io::Result<()> {
    let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    if THREAD.get().is_none() {
        let thread = thread::Builder::new().name("plugin-ticker".into()).spawn(tick)?;
        // The lock is held, so nobody else has set it meanwhile.
        let _ = THREAD.set(thread.thread().clone());
    }
    engines.push(engine.weak());
    Ok(())
}

/// A guest was interrupted more than once: from now on, for a while, ticks are short.
pub fn computing() {
    SHORT_LEFT.store(SHORT_TICKS, Ordering::Relaxed);
}

/// How long the next tick is.
fn next() -> Duration {
    match SHORT_LEFT.load(Ordering::Relaxed) {
        0 => CALM_TICK,
        left => {
            // This thread alone takes away; a guest that is seen to compute meanwhile is seen again.
            SHORT_LEFT.store(left - 1, Ordering::Relaxed);
            TICK
        }
    }
}

/// Keeps the clock going.
#[must_use]
pub struct Ticking(());

impl Ticking {
    pub fn start() -> Self {
        if RUNNING.fetch_add(1, Ordering::SeqCst) == 0
            && let Some(thread) = THREAD.get()
        {
            // Cheap unless the thread sleeps.
            thread.unpark();
        }
        Self(())
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

#[allow(clippy::disallowed_methods)] // sleeping is this thread's whole work; parking would let every call cut a tick short
fn tick() {
    // Allowed to root, and to whom the limit `nice` allows it. Without it, others wait longer for guests that compute for long.
    if let Err(error) = rustix::process::setpriority_process(None, RANK) {
        tracing::warn!(%error, "the clock that interrupts plugins got no rank of its own: while all cores are busy, a plugin that computes without end slows others more; allow it with LimitNICE={RANK} in the unit, or CAP_SYS_NICE");
    }
    let mut idle_ticks = 0;
    loop {
        if RUNNING.load(Ordering::SeqCst) > 0 {
            idle_ticks = 0;
        } else {
            idle_ticks += 1;
        }
        if idle_ticks > IDLE_TICKS_MAX {
            // An `unpark` between the load above and here is not lost: it makes this return at once.
            thread::park();
            idle_ticks = 0;
        }
        thread::sleep(next());
        ENGINES.lock().unwrap_or_else(PoisonError::into_inner).retain(|engine| {
            engine.upgrade().is_some_and(|engine| {
                engine.increment_epoch();
                true
            })
        });
    }
}
