//! The clock that guests are interrupted by: one thread a process, asleep while no guest runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// How long a guest may compute before others get their turn.
const TICK: Duration = Duration::from_millis(1);
/// How many idle ticks pass before the thread goes to sleep: waking it costs a system call, which a steady trickle of calls
/// should not pay each time.
const IDLE_TICKS_MAX: u32 = 100;

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
        thread::sleep(TICK);
        ENGINES.lock().unwrap_or_else(PoisonError::into_inner).retain(|engine| {
            engine.upgrade().is_some_and(|engine| {
                engine.increment_epoch();
                true
            })
        });
    }
}
