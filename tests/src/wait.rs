//! Waiting for what another process does: never longer than a limit, never shorter than it takes.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything that must happen may take on a busy machine.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// How often a condition that nothing announces is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Between two looks.
#[allow(clippy::disallowed_methods)] // with a deadline at both callers; another process announces nothing
fn pause() {
    std::thread::sleep(LOOK_EVERY);
}

/// Looks until `look` gives something, which is given back.
///
/// # Panics
/// It does not within [`WAIT_MAX`].
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < WAIT_MAX, "within {WAIT_MAX:?} not seen: {what}");
        pause();
    }
}

/// Waits for a process to end; None when it has not after `most`.
pub fn finished(child: &mut Child, most: Duration) -> Option<ExitStatus> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if began.elapsed() > most {
            return None;
        }
        pause();
    }
}

/// Runs a command to its end, with nothing on its stdin; all it prints is taken.
///
/// # Panics
/// It does not start, or does not end within `most` (it is killed then).
pub fn run(command: &mut Command, most: Duration) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = drain(child.stdout.take().unwrap());
    let stderr = drain(child.stderr.take().unwrap());
    let status = finished(&mut child, most);
    if status.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    let Some(status) = status else {
        panic!(
            "{command:?} had not ended after {most:?}\n{}\n{}",
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr)
        )
    };
    Output { status, stdout, stderr }
}

fn drain(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before the pipe broke is what there is to show.
        let _broken = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// Unix seconds.
///
/// # Panics
/// The clock is before 1970.
#[must_use]
pub fn now_s() -> i64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs().try_into().unwrap()
}
